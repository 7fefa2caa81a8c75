//! Scales and ticks.

use plotters::style::{Color, RGBAColor, RGBColor};

use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;
use crate::simplex::ascending;

/// A map from a quantity to a length of pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    is_log: bool,
}

impl Scale {
    /// `from` lands on pixel `start`, `to` on `end`.
    pub fn linear(from: f64, to: f64, start: f64, end: f64) -> Self {
        Self { from, to, start, end, is_log: false }
    }

    /// The same, evenly in the logarithm.
    pub fn log(from: f64, to: f64, start: f64, end: f64) -> Self {
        Self { from: from.ln(), to: to.ln(), start, end, is_log: true }
    }

    /// The pixel of a value.
    pub fn at(self, value: f64) -> f64 {
        let v = if self.is_log { value.ln() } else { value };
        let span = if self.to == self.from { 1.0 } else { self.to - self.from };
        self.start + (v - self.from) / span * (self.end - self.start)
    }
}

/// A value with its label.
pub type Tick = (f64, String);

/// Round values from zero to `to`, about `count` of them.
pub fn round_ticks(to: f64, count: usize) -> Vec<Tick> {
    let raw = to / count.max(1) as f64;
    let magnitude = 10f64.powi(raw.log10().floor() as i32);
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|s| *s >= raw * 0.999).unwrap_or(raw);
    let last = (to / step + 1e-9).floor() as usize;
    (0..=last).map(|k| (k as f64 * step, short_number(k as f64 * step))).collect()
}

/// Powers of ten within a range, at most `count`, spaced evenly.
pub fn decade_ticks(from: f64, to: f64, count: usize) -> Vec<Tick> {
    let (low, high) = ((from.log10() - 1e-9).ceil() as i32, (to.log10() + 1e-9).floor() as i32);
    let gaps = count.max(2) as i32 - 1;
    let every = ((high - low + gaps - 1) / gaps).max(1);
    (low..=high).filter(|k| (k - low) % every == 0).map(|k| (10f64.powi(k), power_of_ten(k))).collect()
}

/// `10^−5`, drawn with a raised exponent, and plain numbers near one.
fn power_of_ten(k: i32) -> String {
    match k {
        -1 => "0.1".to_owned(),
        0 => "1".to_owned(),
        1 => "10".to_owned(),
        _ => format!("10^{k}").replace('-', "−"),
    }
}

/// A tick's number: `11k`, `0.5`, `2.5`.
pub fn short_number(x: f64) -> String {
    if x.abs() >= 1e6 {
        format!("{}M", trimmed(x / 1e6))
    } else if x.abs() >= 1e3 {
        format!("{}k", trimmed(x / 1e3))
    } else {
        trimmed(x)
    }
}

fn trimmed(x: f64) -> String {
    let text = format!("{x:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.replace('-', "−") }
}

/// Horizontal hairlines with labels at the left.
pub fn y_axis<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, r: Region, scale: Scale, ticks: &[Tick], labels: bool) {
    for (value, label) in ticks {
        let y = scale.at(*value);
        s.line(&[(r.x, y), (r.right(), y)], Stroke::solid(theme.grid, 1.0));
        if labels {
            s.text((r.x - 7.0, y), label, Type::plain(12.0, theme.soft, Anchor::Right));
        }
    }
}

/// Labels below; those at either end are pulled inwards, so that neighbouring panels' labels never meet.
pub fn x_axis<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, r: Region, scale: Scale, ticks: &[Tick]) {
    for (value, label) in ticks {
        let x = scale.at(*value);
        let half = 3.2 * label.chars().count() as f64;
        let anchor = if x - half < r.x - 4.0 {
            Anchor::Left
        } else if x + half > r.right() + 4.0 {
            Anchor::Right
        } else {
            Anchor::Centre
        };
        let x = match anchor {
            Anchor::Left => r.x - 4.0,
            Anchor::Centre => x,
            Anchor::Right => r.right() + 4.0,
        };
        s.number((x, r.bottom() + 13.0), label, Type::plain(12.0, theme.soft, anchor));
    }
}

/// The chosen value: a line with a thumb below the plot, so that at either end it is no axis. A value beyond the plot is an arrow
/// that points to it.
pub fn cursor<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, r: Region, x: f64) {
    if !is_within(r, x) {
        let (edge, way) = if x < r.x { (r.x, -1.0) } else { (r.right(), 1.0) };
        let y = r.bottom();
        s.polygon(&[(edge + 8.0 * way, y), (edge, y - 5.0), (edge, y + 5.0)], theme.accent.to_rgba());
        return;
    }
    let x = x.clamp(r.x, r.right());
    s.line(&[(x, r.y), (x, r.bottom())], Stroke::solid(theme.accent, 1.5));
    // No taller, so that it ends above a raised exponent.
    s.polygon(
        &[(x, r.bottom() - 1.5), (x - 4.5, r.bottom() + 4.0), (x + 4.5, r.bottom() + 4.0)],
        theme.accent.to_rgba(),
    );
}

/// Whether a plot reaches so far, to rounding.
pub fn is_within(r: Region, x: f64) -> bool {
    (r.x - 0.5..=r.right() + 0.5).contains(&x)
}

/// A small arrow where a curve leaves: above the plot at its top, within it at its bottom, below which stand the ticks.
pub fn off_the_scale<DB: Surface>(s: &mut Sketch<DB>, (x, y): (f64, f64), colour: RGBAColor, is_up: bool) {
    let way = if is_up { -1.0 } else { 1.0 };
    let y = if is_up { y } else { y - 10.0 };
    let stroke = Stroke { colour, width: 2.0, dash: &[] };
    s.line(&[(x, y), (x, y + 9.0 * way)], stroke);
    s.line(&[(x - 4.0, y + 5.0 * way), (x, y + 10.0 * way), (x + 4.0, y + 5.0 * way)], stroke);
}

/// A thin line from a curve to its name, where the name had to move.
pub fn leader<DB: Surface>(s: &mut Sketch<DB>, from: (f64, f64), to: (f64, f64), colour: RGBAColor) {
    if (from.1 - to.1).abs() > 2.5 {
        s.line(&[from, to], Stroke { colour: colour.mix(0.7), width: 1.0, dash: &[] });
    }
}

/// Heights moved until no two are nearer than `space`, their order kept, within a range where that has room for them.
pub fn spread(heights: &[f64], space: f64, (top, bottom): (f64, f64)) -> Vec<f64> {
    let order = ascending(heights);
    let mut moved = heights.to_vec();
    let mut highest = top;
    for &k in &order {
        moved[k] = moved[k].max(highest);
        highest = moved[k] + space;
    }
    let mut lowest = bottom;
    for &k in order.iter().rev() {
        moved[k] = moved[k].min(lowest);
        lowest = moved[k] - space;
    }
    moved
}

/// Names at the right ends of curves, given by height: apart from one another, within the plot, each tied to its end.
pub fn name_ends<DB: Surface>(s: &mut Sketch<DB>, plot: Region, names: &[(f64, &str, RGBColor)]) {
    let ends: Vec<f64> = names.iter().map(|n| n.0).collect();
    let places = spread(&ends, 14.0, (plot.y, plot.bottom()));
    for ((end, name, colour), at) in names.iter().zip(places) {
        leader(s, (plot.right() + 1.0, *end), (plot.right() + 12.0, at), colour.to_rgba());
        s.text((plot.right() + 15.0, at), name, Type::plain(12.0, *colour, Anchor::Left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_labels_short() {
        let labels = |t: Vec<Tick>| t.into_iter().map(|(_, l)| l).collect::<Vec<_>>();
        assert_eq!(labels(round_ticks(11_000.0, 2)), ["0", "10k"]);
        assert_eq!(labels(round_ticks(1.6, 4)), ["0", "0.5", "1", "1.5"]);
        assert_eq!(labels(decade_ticks(1e-5, 1e3, 3)), ["10^−5", "0.1", "10^3"]);
    }

    #[test]
    fn heights_are_spread_as_little_as_their_space_asks() {
        assert_eq!(spread(&[30.0, 31.0, 80.0], 10.0, (0.0, 100.0)), [30.0, 40.0, 80.0]);
        assert_eq!(spread(&[99.0, 98.0, 20.0], 10.0, (0.0, 100.0)), [100.0, 90.0, 20.0]);
        // Equal ones stay in their order.
        assert_eq!(spread(&[50.0, 50.0], 10.0, (0.0, 100.0)), [50.0, 60.0]);
    }

    #[test]
    fn a_log_scale_spreads_powers_evenly() {
        let s = Scale::log(1e-5, 1e3, 40.0, 300.0);
        assert!([(1e-5, 40.0), (0.1, 170.0), (1e3, 300.0)].iter().all(|(v, p)| (s.at(*v) - p).abs() < 1e-9));
    }
}
