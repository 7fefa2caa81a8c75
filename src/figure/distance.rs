//! Distances in nats against log λ or α: one curve a loss, on one pair of axes.

use plotters::prelude::DrawingBackend;

use super::axis::{self, Scale, Tick};
use super::sketch::{Anchor, Region, Sketch, Stroke, Type};
use super::theme::{LossStyle, Theme};
use crate::loss::Loss;

/// What lies along x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Along {
    /// λ on its natural logarithm, as the paper prints it.
    LogLambda,
    /// α, evenly.
    Alpha,
}

/// One loss's distances.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The loss.
    pub loss: Loss,
    /// Nats; infinite where the policy lacks mass. (T)
    pub nats: Vec<f64>,
    /// The distance at the cursor.
    pub at_cursor: Option<f64>,
    /// Faded, while another loss has the reader's attention.
    pub dimmed: bool,
}

/// A plot of distances.
#[derive(Debug, Clone, PartialEq)]
pub struct Distances {
    /// One a loss.
    pub curves: Vec<Curve>,
    /// λ or α. (T)
    pub x: Vec<f64>,
    /// What x is.
    pub along: Along,
    /// The chosen λ or α.
    pub cursor: Option<f64>,
    /// A dashed line, with its name: where the reference stands.
    pub reference: Option<(f64, &'static str)>,
    /// The y axis's name.
    pub label: &'static str,
    /// Greatest distance shown; what lies above is marked as off the scale.
    pub most: f64,
}

/// A scale's end for curves that may be infinite: four times the reference's own distance, at least 0.8 nats.
pub fn scale_end(reference: f64) -> f64 {
    (4.0 * reference).clamp(0.8, 8.0)
}

impl Distances {
    /// Draws it.
    pub fn draw<DB: DrawingBackend>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let plot = r.inset(44.0, 26.0, 14.0, 44.0);
        let y = Scale::linear(0.0, self.most, plot.bottom(), plot.y);
        let (x, ticks) = self.x_scale(plot);
        axis::y_axis(s, theme, plot, y, &axis::round_ticks(self.most, 4), true);
        axis::x_axis(s, theme, plot, x, &ticks);
        s.text((r.x + 4.0, plot.y - 15.0), self.label, Type::plain(13.0, theme.soft, Anchor::Left));
        let name = if self.along == Along::LogLambda { "log λ (natural)" } else { "weight decay α" };
        s.text((plot.x + 0.5 * plot.w, r.bottom() - 11.0), name, Type::plain(13.0, theme.soft, Anchor::Centre));
        if let Some((nats, name)) = self.reference {
            let at = y.at(nats.min(self.most));
            s.line(&[(plot.x, at), (plot.right(), at)], Stroke::solid(theme.ink, 1.25).dashed(&[5.0, 4.0]));
            s.text((plot.right() - 2.0, at - 10.0), name, Type::plain(12.0, theme.soft, Anchor::Right));
        }
        if let Some(at) = self.cursor {
            let at = x.at(at).clamp(plot.x, plot.right());
            s.line(&[(at, plot.y), (at, plot.bottom())], Stroke::solid(theme.accent, 1.5));
        }
        // RLHF goes over DPO, with which it often coincides: its dashes then show both.
        let is_rlhf = |c: &&Curve| matches!(c.loss, Loss::Rlhf(_));
        for curve in self.curves.iter().filter(|c| !is_rlhf(c)).chain(self.curves.iter().filter(is_rlhf)) {
            self.draw_curve(s, theme, plot, curve, x, y);
        }
        for curve in self.curves.iter().filter(|c| !c.dimmed) {
            if let (Some(at), Some(nats)) = (self.cursor, curve.at_cursor) {
                let style = theme.style(curve.loss);
                let point = (x.at(at).clamp(plot.x, plot.right()), y.at(nats.min(self.most)));
                s.marker(point, style.marker, 4.5, style.colour, theme.paper);
            }
        }
    }

    fn draw_curve<DB: DrawingBackend>(
        &self,
        s: &mut Sketch<DB>,
        theme: &Theme,
        plot: Region,
        curve: &Curve,
        x: Scale,
        y: Scale,
    ) {
        let style = theme.style(curve.loss);
        let stroke = Stroke::solid(style.colour, style.width).dashed(style.dash);
        let stroke = stroke.faint(if curve.dimmed { 0.2 } else { 1.0 });
        let mut inside: Vec<(f64, f64)> = Vec::new();
        let mut before: Option<(f64, f64)> = None;
        for (&a, &nats) in self.x.iter().zip(&curve.nats) {
            let fits = nats <= self.most;
            if let Some((a0, n0)) = before.filter(|(_, n0)| (*n0 <= self.most) != fits) {
                let crossing = crossing((x.at(a0), n0), (x.at(a), nats), self.most);
                inside.push((crossing, plot.y));
                if !curve.dimmed {
                    off_the_scale(s, (crossing, plot.y), &style);
                }
                if !fits {
                    s.line(&inside, stroke);
                    inside.clear();
                }
            }
            if fits {
                inside.push((x.at(a), y.at(nats)));
            }
            before = Some((a, nats));
        }
        s.line(&inside, stroke);
    }

    fn x_scale(&self, plot: Region) -> (Scale, Vec<Tick>) {
        let (from, to) = (self.x.first().copied().unwrap_or(0.1), self.x.last().copied().unwrap_or(1.0));
        match self.along {
            Along::LogLambda => {
                let (low, high) = (from.ln(), to.ln());
                let step = if plot.w < 260.0 { 2.0 } else { 1.0 } * ((high - low) / 10.0).max(1.0).round();
                let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
                let tick = |k: i64| ((k as f64 * step).exp(), axis::short_number(k as f64 * step));
                (Scale::log(from, to, plot.x, plot.right()), (first..=last).map(tick).collect())
            }
            Along::Alpha => (Scale::linear(from, to, plot.x, plot.right()), axis::round_ticks(to, 4)),
        }
    }
}

/// Where the segment meets a height; at the inner point where the outer one is infinite.
fn crossing(a: (f64, f64), b: (f64, f64), height: f64) -> f64 {
    match (a.1.is_finite(), b.1.is_finite()) {
        (true, true) => a.0 + (b.0 - a.0) * (height - a.1) / (b.1 - a.1),
        (true, false) => a.0,
        _ => b.0,
    }
}

/// A small arrow where a curve leaves through the top.
fn off_the_scale<DB: DrawingBackend>(s: &mut Sketch<DB>, (x, y): (f64, f64), style: &LossStyle) {
    let stroke = Stroke::solid(style.colour, 2.0);
    s.line(&[(x, y), (x, y - 9.0)], stroke);
    s.line(&[(x - 4.0, y - 5.0), (x, y - 10.0), (x + 4.0, y - 5.0)], stroke);
}
