//! One number of a training against its steps: a curve a loss.

use super::axis::{self, Scale, Tick};
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;
use crate::loss::Loss;

/// One loss's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The loss.
    pub loss: Loss,
    /// Step and value; what is not finite leaves a gap. (T)
    pub points: Vec<(f64, f64)>,
    /// Faded, while another loss has the reader's attention.
    pub dimmed: bool,
}

/// A plot of one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// One a loss.
    pub curves: Vec<Curve>,
    /// What the number is, with its unit.
    pub label: &'static str,
    /// The last step.
    pub last: f64,
}

/// Ticks of a range that need not begin at zero.
fn ticks((low, high): (f64, f64)) -> Vec<Tick> {
    let step = axis::round_ticks(high - low, 3).get(1).map_or(high - low, |t| t.0);
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    (first..=last).map(|k| (k as f64 * step, axis::short_number(k as f64 * step))).collect()
}

fn plot(r: Region) -> Region {
    r.inset(44.0, 26.0, 8.0, 24.0)
}

impl Progress {
    /// Least and greatest value, a little apart.
    fn range(&self) -> (f64, f64) {
        let values = || self.curves.iter().flat_map(|c| &c.points).map(|p| p.1).filter(|y| y.is_finite());
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            return (0.0, 1.0);
        }
        let room = (0.05 * (high - low)).max(1e-3);
        (low - room, high + room)
    }

    fn scales(&self, plot: Region) -> (Scale, Scale) {
        let (low, high) = self.range();
        (Scale::linear(0.0, self.last.max(1.0), plot.x, plot.right()), Scale::linear(low, high, plot.bottom(), plot.y))
    }

    /// Draws it.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let plot = plot(r);
        let (x, y) = self.scales(plot);
        axis::y_axis(s, theme, plot, y, &ticks(self.range()), true);
        axis::x_axis(s, theme, plot, x, &axis::round_ticks(self.last.max(1.0), 3));
        s.text((r.x + 4.0, plot.y - 16.0), self.label, Type::plain(13.0, theme.soft, Anchor::Left));
        for curve in &self.curves {
            let style = theme.style(curve.loss);
            let stroke = Stroke::solid(style.colour, style.width).dashed(style.dash);
            let points: Vec<(f64, f64)> = curve.points.iter().map(|(a, b)| (x.at(*a), y.at(*b))).collect();
            s.line(&points, stroke.faint(if curve.dimmed { 0.2 } else { 1.0 }));
        }
    }

    /// The curve under a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let (x, y) = self.scales(plot(r));
        let near = |c: &Curve| {
            let points = c.points.iter().map(|(a, b)| (x.at(*a), y.at(*b)));
            reading::nearest(points, pointer).map(|(k, at, d)| (c.loss, c.points[k], at, d))
        };
        let (loss, (step, value), at, d) = self.curves.iter().filter_map(near).min_by(|a, b| a.3.total_cmp(&b.3))?;
        let text = format!("{}, step {step}: {}", loss.label(), reading::digits(value));
        (d <= reading::NEAR).then_some(Reading { loss: Some(loss), text, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_holds_every_value_and_its_ticks_lie_within() {
        let curve = Curve { loss: Loss::Dpo, points: vec![(1.0, -3.2), (2.0, f64::NAN), (3.0, 0.4)], dimmed: false };
        let progress = Progress { curves: vec![curve], label: "", last: 3.0 };
        let (low, high) = progress.range();
        assert!(low < -3.2 && high > 0.4);
        let ticks = ticks((low, high));
        assert!(ticks.len() >= 2 && ticks.iter().all(|t| low <= t.0 && t.0 <= high), "{ticks:?}");
        assert_eq!(Progress { curves: Vec::new(), ..progress }.range(), (0.0, 1.0));
    }
}
