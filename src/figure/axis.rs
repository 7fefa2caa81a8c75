//! Scales and ticks.

use plotters::prelude::DrawingBackend;

use super::sketch::{Anchor, Region, Sketch, Stroke, Type};
use super::theme::Theme;

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

    /// The value at a pixel.
    pub fn value(self, pixel: f64) -> f64 {
        let v = self.from + (pixel - self.start) / (self.end - self.start) * (self.to - self.from);
        if self.is_log { v.exp() } else { v }
    }
}

/// A value with its label.
pub type Tick = (f64, String);

/// Round values from zero to `to`, about `count` of them.
pub fn round_ticks(to: f64, count: usize) -> Vec<Tick> {
    let raw = to / count.max(1) as f64;
    let magnitude = 10f64.powf(raw.log10().floor());
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
pub fn y_axis<DB: DrawingBackend>(
    s: &mut Sketch<DB>,
    theme: &Theme,
    r: Region,
    scale: Scale,
    ticks: &[Tick],
    labels: bool,
) {
    for (value, label) in ticks {
        let y = scale.at(*value);
        s.line(&[(r.x, y), (r.right(), y)], Stroke::solid(theme.grid, 1.0));
        if labels {
            s.text((r.x - 7.0, y), label, Type::plain(12.0, theme.soft, Anchor::Right));
        }
    }
}

/// Labels below; those at either end are pulled inwards, so that neighbouring panels' labels never meet.
pub fn x_axis<DB: DrawingBackend>(s: &mut Sketch<DB>, theme: &Theme, r: Region, scale: Scale, ticks: &[Tick]) {
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
    fn a_scale_inverts() {
        let s = Scale::log(1e-5, 1e3, 40.0, 300.0);
        assert!((s.value(s.at(0.3)) - 0.3).abs() < 1e-12);
    }
}
