//! Distances in nats against log λ or α: one curve a loss, on one pair of axes.

use plotters::style::Color;

use super::axis::{self, Scale, Tick};
use super::direct;
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;
use crate::loss::Loss;
use crate::solve::sweep::Series;
use crate::spec::KlConvention;
use crate::spec::problem::{Problem, Prompt};

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
    /// What a value under the pointer is in: ` nats`, or nothing for a total variation.
    pub unit: &'static str,
    /// Greatest distance shown; what lies above is marked as off the scale.
    pub most: f64,
}

/// A scale's end for curves that may be infinite: four times the reference's own distance, at least 0.8 nats.
pub fn scale_end(reference: f64) -> f64 {
    (4.0 * reference).clamp(0.8, 8.0)
}

impl Distances {
    /// How far each loss's minimisers of prompt `x` are from π* over λ, `KL(π* ‖ π)`.
    pub fn to_star<'a>(problem: &Problem, series: impl Iterator<Item = &'a Series>, x: usize, lambdas: &[f64]) -> Self {
        let prompt = &problem.prompts[x];
        let own = |p: &Prompt| problem.distance(&p.log_star, &p.log_ref);
        let curve = |s: &Series| Curve {
            loss: s.loss.loss,
            nats: s.prompts[x].iter().map(|m| problem.distance(&prompt.log_star, &m.log_pi)).collect(),
            at_cursor: None,
            dimmed: false,
        };
        Self {
            curves: series.map(curve).collect(),
            x: lambdas.to_vec(),
            along: Along::LogLambda,
            cursor: None,
            reference: (!prompt.is_good()).then(|| (own(prompt), "the reference policy")),
            label: match problem.kl {
                KlConvention::True => "distance to π*, nats; an arrow leaves the scale",
                KlConvention::Authors => "distance to π*, nats ÷ A; an arrow leaves the scale",
            },
            unit: match problem.kl {
                KlConvention::True => " nats",
                KlConvention::Authors => " nats ÷ A",
            },
            most: scale_end(problem.prompts.iter().map(own).fold(0.0, f64::max)),
        }
    }

    /// Distances over α, on a scale that fits the largest.
    pub fn over_alpha(curves: Vec<Curve>, alphas: &[f64], label: &'static str) -> Self {
        let most = curves.iter().flat_map(|c| &c.nats).copied().filter(|n| n.is_finite()).fold(1e-3, f64::max);
        let x = alphas.to_vec();
        Self { curves, x, along: Along::Alpha, cursor: None, reference: None, label, unit: " nats", most: 1.1 * most }
    }

    /// Draws it.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let plot = plot(r);
        let y = Scale::linear(0.0, self.most, plot.bottom(), plot.y);
        let (x, ticks) = self.x_scale(plot);
        axis::y_axis(s, theme, plot, y, &axis::round_ticks(self.most, 4), true);
        axis::x_axis(s, theme, plot, x, &ticks);
        s.text((r.x + 4.0, plot.y - 25.0), self.label, Type::plain(13.0, theme.soft, Anchor::Left));
        let name = if self.along == Along::LogLambda { "log λ (natural)" } else { "weight decay α" };
        s.text((plot.x + 0.5 * plot.w, r.bottom() - 11.0), name, Type::plain(13.0, theme.soft, Anchor::Centre));
        if let Some((nats, name)) = self.reference {
            let at = y.at(nats.min(self.most));
            s.line(&[(plot.x, at), (plot.right(), at)], Stroke::solid(theme.ink, 1.25).dashed(&[5.0, 4.0]));
            s.text((plot.right() - 2.0, at - 10.0), name, Type::plain(12.0, theme.soft, Anchor::Right));
        }
        if let Some(at) = self.cursor {
            axis::cursor(s, theme, plot, x.at(at));
        }
        // RLHF goes over DPO, with which it often coincides: its dashes then show both.
        let is_rlhf = |c: &&Curve| matches!(c.loss, Loss::Rlhf(_));
        for curve in self.curves.iter().filter(|c| !is_rlhf(c)).chain(self.curves.iter().filter(is_rlhf)) {
            self.draw_curve(s, theme, plot, curve, x, y);
        }
        self.name_curves(s, theme, plot, x, y);
        let within = self.cursor.filter(|at| axis::is_within(plot, x.at(*at)));
        for curve in self.curves.iter().filter(|c| !c.dimmed) {
            if let (Some(at), Some(nats)) = (within, curve.at_cursor) {
                let style = theme.style(curve.loss);
                let point = (x.at(at).clamp(plot.x, plot.right()), y.at(nats.min(self.most)));
                s.marker(point, style.marker, 4.5, style.colour, theme.paper);
            }
        }
    }

    /// The curve under a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let plot = plot(r);
        let y = Scale::linear(0.0, self.most, plot.bottom(), plot.y);
        let (x, _) = self.x_scale(plot);
        let near = |c: &Curve| {
            let points = self.pixels(c, x, y).into_iter();
            reading::nearest(points, pointer).map(|(k, at, d)| (c.loss, k, c.nats[k], at, d))
        };
        let (loss, k, nats, at, d) = self.curves.iter().filter_map(near).min_by(|a, b| a.4.total_cmp(&b.4))?;
        let name = if self.along == Along::LogLambda { "λ" } else { "α" };
        let (at_x, value) = (reading::digits(self.x[k]), reading::digits(nats));
        let text = format!("{}, {name} = {at_x}: {value}{}", loss.label(), self.unit);
        (d <= reading::NEAR).then_some(Reading { loss: Some(loss), text, at })
    }

    /// A curve's points, those off the scale not finite.
    fn pixels(&self, curve: &Curve, x: Scale, y: Scale) -> Vec<(f64, f64)> {
        let height = |n: f64| if n <= self.most { y.at(n) } else { f64::NAN };
        self.x.iter().zip(&curve.nats).map(|(a, n)| (x.at(*a), height(*n))).collect()
    }

    /// Writes each loss's name at its curve, where there is room.
    fn name_curves<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, plot: Region, x: Scale, y: Scale) {
        let named = |c: &Curve| direct::Curve {
            points: self.outline(plot, c, x, y),
            name: (!c.dimmed).then(|| (c.loss.label(), theme.style(c.loss).name)),
        };
        let level = self.reference.map(|(nats, _)| direct::Curve {
            points: self.x.iter().map(|a| (x.at(*a), y.at(nats.min(self.most)))).collect(),
            name: None,
        });
        let curves: Vec<direct::Curve> = self.curves.iter().map(named).chain(level).collect();
        // The words at the reference's line.
        let words = self.reference.map(|(nats, _)| {
            let at = y.at(nats.min(self.most));
            Region { x: plot.right() - 130.0, y: at - 18.0, w: 130.0, h: 18.0 }
        });
        direct::names(s, theme, plot, &curves, words.as_slice());
    }

    /// A curve's points with those where it leaves the scale.
    fn outline(&self, plot: Region, curve: &Curve, x: Scale, y: Scale) -> Vec<(f64, f64)> {
        let mut points = self.pixels(curve, x, y);
        for k in 1..points.len() {
            let (a, b) = (curve.nats[k - 1], curve.nats[k]);
            if (a <= self.most) != (b <= self.most) {
                let at = crossing((x.at(self.x[k - 1]), a), (x.at(self.x[k]), b), self.most);
                points[if a <= self.most { k } else { k - 1 }] = (at, plot.y);
            }
        }
        points
    }

    fn draw_curve<DB: Surface>(
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
                    axis::off_the_scale(s, (crossing, plot.y), style.colour.to_rgba(), true);
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

/// Where the curves stand.
fn plot(r: Region) -> Region {
    r.inset(44.0, 36.0, 14.0, 44.0)
}

/// Where the segment meets a height; at the inner point where the outer one is infinite.
fn crossing(a: (f64, f64), b: (f64, f64), height: f64) -> f64 {
    match (a.1.is_finite(), b.1.is_finite()) {
        (true, true) => a.0 + (b.0 - a.0) * (height - a.1) / (b.1 - a.1),
        (true, false) => a.0,
        _ => b.0,
    }
}
