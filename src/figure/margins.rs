//! Every ψ against the margin, and how hard it pulls there.

use plotters::style::RGBAColor;

use super::axis::{self, Scale, Tick};
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;
use crate::loss::{Loss, Mu, Psi};

/// One ψ at a λ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Curve {
    /// The shape.
    pub psi: Psi,
    /// Its λ.
    pub lambda: f64,
    /// The loss that has it; none for one that is only shown beside.
    pub loss: Option<Loss>,
    /// Faded, while another loss has the reader's attention.
    pub dimmed: bool,
}

/// What is drawn of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// ψ itself.
    Value,
    /// |ψ′|, on a logarithmic scale.
    Pull,
}

/// A plot of shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Margins {
    /// The shapes, those that stand behind first.
    pub curves: Vec<Curve>,
    /// Which of their numbers.
    pub shows: Shows,
}

/// The margin's range either side of zero, in nats for μ = log.
pub const REACH: f64 = 12.0;
/// Values shown, scaled to 1 at margin zero.
const VALUES: (f64, f64) = (-1.0, 3.0);
const POINTS: usize = 361;

impl Curve {
    /// What ψ is divided by: its value at margin zero, so that all pass through 1 there; the threshold is zero there, and
    /// stays as it is. A factor changes no minimiser.
    fn unit(self) -> f64 {
        let at_zero = self.psi.value(0.0, self.lambda);
        if at_zero == 0.0 { 1.0 } else { at_zero }
    }

    /// ψ in that unit.
    pub fn value(self, v: f64) -> f64 {
        self.psi.value(v, self.lambda) / self.unit()
    }

    /// |ψ′| in that unit.
    pub fn pull(self, v: f64) -> f64 {
        self.psi.slope(v, self.lambda).abs() / self.unit()
    }

    /// The loss's name, or the shape's own.
    pub fn name(self) -> &'static str {
        match (self.loss, self.psi) {
            (Some(loss), _) if !matches!(loss, Loss::Qpo(..)) => loss.name(),
            (_, Psi::TruncatedQuadratic) => "trunc. quadratic",
            _ => self.psi.key(),
        }
    }
}

impl Margins {
    fn at(&self, curve: Curve, v: f64) -> f64 {
        match self.shows {
            Shows::Value => curve.value(v),
            Shows::Pull => curve.pull(v),
        }
    }

    /// The y scale with its ends and ticks.
    fn y_scale(&self, plot: Region) -> (Scale, (f64, f64), Vec<Tick>) {
        match self.shows {
            Shows::Value => {
                let (low, high) = VALUES;
                let ticks = [-1.0, 0.0, 1.0, 2.0, 3.0].map(|v| (v, axis::short_number(v))).into();
                (Scale::linear(low, high, plot.bottom(), plot.y), VALUES, ticks)
            }
            Shows::Pull => {
                let at_zero = self.curves.iter().map(|c| c.pull(0.0)).filter(|p| *p > 0.0 && p.is_finite());
                let (least, most) = at_zero.fold((1.0f64, 1.0f64), |(a, b), p| (a.min(p), b.max(p)));
                let (low, high) =
                    (10f64.powi(least.log10().floor() as i32 - 1), 10f64.powi(most.log10().ceil() as i32 + 1));
                (Scale::log(low, high, plot.bottom(), plot.y), (low, high), axis::decade_ticks(low, high, 5))
            }
        }
    }

    /// Draws it.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let plot = plot(r);
        let x = Scale::linear(-REACH, REACH, plot.x, plot.right());
        let (y, (low, high), ticks) = self.y_scale(plot);
        for (value, label) in &ticks {
            let at = y.at(*value);
            s.line(&[(plot.x, at), (plot.right(), at)], Stroke::solid(theme.grid, 1.0));
            s.number((plot.x - 7.0, at), label, Type::plain(12.0, theme.soft, Anchor::Right));
        }
        let tick = |v: f64| -> Tick { (v, axis::short_number(v)) };
        axis::x_axis(s, theme, plot, x, &[tick(-10.0), tick(-5.0), tick(0.0), tick(5.0), tick(10.0)]);
        s.line(&[(x.at(0.0), plot.y), (x.at(0.0), plot.bottom())], Stroke::solid(theme.grid, 1.0));
        let label = match self.shows {
            Shows::Value => "ψ, in units of ψ at margin 0",
            Shows::Pull => "|ψ′|, in the same units a nat",
        };
        s.text((r.x + 4.0, plot.y - 24.0), label, Type::plain(13.0, theme.soft, Anchor::Left));
        let below = (plot.x + 0.5 * plot.w, r.bottom() - 10.0);
        s.text(below, "margin v of the chosen response", Type::plain(13.0, theme.soft, Anchor::Centre));

        let mut names = Vec::new();
        for &curve in &self.curves {
            let stroke = match curve.loss {
                Some(loss) => {
                    let style = theme.style(loss);
                    Stroke::solid(style.colour, style.width).dashed(style.dash).faint(if curve.dimmed {
                        0.2
                    } else {
                        1.0
                    })
                }
                None => Stroke::solid(theme.soft, 1.0).faint(0.55),
            };
            for part in inside(&self.points(curve), low, high) {
                s.line(&part.iter().map(|(v, p)| (x.at(*v), y.at(*p))).collect::<Vec<_>>(), stroke);
                mark_exits(s, &part, (low, high), x, y, stroke.colour);
            }
            let end = self.at(curve, REACH).clamp(low, high);
            let colour = curve.loss.map_or(theme.soft, |l| theme.style(l).name);
            names.push((y.at(end), curve.name(), colour));
        }
        axis::name_ends(s, plot, &names);
    }

    /// A curve's points: margin and value.
    pub fn points(&self, curve: Curve) -> Vec<(f64, f64)> {
        let v = |k: usize| REACH * (2.0 * k as f64 / (POINTS - 1) as f64 - 1.0);
        (0..POINTS).map(v).map(|v| (v, self.at(curve, v))).collect()
    }

    /// The curve under a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let plot = plot(r);
        let x = Scale::linear(-REACH, REACH, plot.x, plot.right());
        let (y, (low, high), _) = self.y_scale(plot);
        let near = |c: &Curve| {
            let points = self.points(*c);
            let pixel = |p: &(f64, f64)| (x.at(p.0), if (low..=high).contains(&p.1) { y.at(p.1) } else { f64::NAN });
            reading::nearest(points.iter().map(pixel), pointer).map(|(k, at, d)| (*c, points[k], at, d))
        };
        // Of curves that coincide, the one in front.
        let (curve, (v, value), at, d) =
            self.curves.iter().rev().filter_map(near).min_by(|a, b| a.3.total_cmp(&b.3))?;
        let symbol = if self.shows == Shows::Value { "ψ" } else { "|ψ′|" };
        let text = format!("{}, margin {v:.1}: {symbol} = {}", curve.name(), reading::digits(value));
        let loss = curve.loss.unwrap_or(Loss::Qpo(curve.psi, Mu::Log));
        (d <= reading::NEAR).then_some(Reading { loss: Some(loss), text, at })
    }
}

fn plot(r: Region) -> Region {
    r.inset(46.0, 38.0, 116.0, 42.0)
}

/// The parts of a curve between two values, each ended where it crosses one of them.
fn inside(points: &[(f64, f64)], low: f64, high: f64) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for pair in points.windows(2) {
        let ((a, p), (b, q)) = (pair[0], pair[1]);
        let within = |v: f64| (low..=high).contains(&v);
        let cross = |edge: f64| (a + (b - a) * (edge - p) / (q - p), edge);
        // An infinite value is crossed at the finite point's own place.
        let edge = |v: f64| if v > high { high } else { low };
        let place = |v: f64, at: f64| if v.is_finite() { cross(edge(v)) } else { (at, edge(v)) };
        let last = parts.len() - 1;
        match (within(p), within(q)) {
            (true, true) => parts[last].extend([(a, p), (b, q)]),
            (true, false) => {
                parts[last].extend([(a, p), place(q, a)]);
                parts.push(Vec::new());
            }
            (false, true) => parts.push(vec![place(p, b), (b, q)]),
            (false, false) => {}
        }
    }
    parts
}

/// Arrows where a part of a curve ends inside the plot because its values go on outside the scale.
fn mark_exits<DB: Surface>(
    s: &mut Sketch<DB>,
    part: &[(f64, f64)],
    (low, high): (f64, f64),
    x: Scale,
    y: Scale,
    colour: RGBAColor,
) {
    for (v, value) in part.first().into_iter().chain(part.last()) {
        // What the margin's own range ends goes on in sight.
        if v.abs() < REACH && (*value == low || *value == high) {
            axis::off_the_scale(s, (x.at(*v), y.at(*value)), colour, *value == high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_cut_exactly_where_they_leave_the_scale() {
        let parts = inside(&[(0.0, 4.0), (1.0, 2.0), (2.0, 0.0), (3.0, -4.0)], -1.0, 3.0);
        let parts: Vec<_> = parts.into_iter().filter(|p| !p.is_empty()).collect();
        assert_eq!(parts.concat().first(), Some(&(0.5, 3.0)));
        assert_eq!(parts.concat().last(), Some(&(2.25, -1.0)));
        let jump = inside(&[(0.0, f64::INFINITY), (1.0, 2.0), (2.0, f64::NEG_INFINITY)], 0.0, 3.0).concat();
        assert_eq!(jump, [(1.0, 3.0), (1.0, 2.0), (1.0, 2.0), (1.0, 0.0)]);
    }

    #[test]
    fn every_shape_is_one_at_margin_zero_but_the_threshold() {
        for psi in Psi::ALL {
            let curve = Curve { psi, lambda: 0.3, loss: None, dimmed: false };
            let expected = if psi == Psi::Threshold { 0.0 } else { 1.0 };
            assert_eq!(curve.value(0.0), expected, "{psi:?}");
            let h = 1e-6;
            let difference = (curve.value(0.7 + h) - curve.value(0.7 - h)) / (2.0 * h);
            assert!((curve.pull(0.7) - difference.abs()).abs() < 1e-8, "{psi:?}");
        }
    }
}
