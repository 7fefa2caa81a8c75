//! Appendix D: negative log-densities of two Gaussians with one variance, and DPO as the lowest that they reach.

use super::axis::{self, Scale, Tick};
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;
use crate::loss::{Loss, dpo, gaussian};

/// The two derivations of one loss against the policy's own log-odds, at a reference and a λ.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// `ln(π_w/π_l)`. (T)
    pub log_odds: Vec<f64>,
    /// DPO (7), nats. (T)
    pub dpo: Vec<f64>,
    /// The Gaussians with the variance that fits best, less their constant, nats. (T)
    pub fitted: Vec<f64>,
    /// The same at a few variances that stay as they are. (V × T)
    pub fixed: Vec<Vec<f64>>,
}

/// The log-odds' range either side of zero.
const REACH: f64 = 10.0;
const POINTS: usize = 81;
/// Log-odds at which the fixed variances fit.
const FIXED_AT: [f64; 5] = [-8.0, -4.0, 0.0, 4.0, 8.0];

impl Envelope {
    /// For a pair whose reference has `ln(ref_l/ref_w) = reference`.
    pub fn new(reference: f64, lambda: f64) -> Self {
        let log_odds: Vec<f64> = (0..POINTS).map(|k| REACH * (2.0 * k as f64 / (POINTS - 1) as f64 - 1.0)).collect();
        let constant = gaussian::constant(reference, lambda);
        let square = |odds: f64| gaussian::log_square(-odds, reference, lambda);
        let at_variance = |at: f64| {
            let (log_variance, _) = gaussian::fitted(square(at));
            let value = |o: &f64| gaussian::negative_log_density(square(*o), log_variance) - constant;
            log_odds.iter().map(value).collect()
        };
        Self {
            dpo: log_odds.iter().map(|o| dpo::value(o + reference, lambda)).collect(),
            fitted: log_odds.iter().map(|o| gaussian::fitted(square(*o)).1 - constant).collect(),
            fixed: FIXED_AT.into_iter().map(at_variance).collect(),
            log_odds,
        }
    }

    /// The most by which the two derivations differ, in nats.
    pub fn largest_difference(&self) -> f64 {
        self.dpo.iter().zip(&self.fitted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// Draws it.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let (plot, x, y, most) = self.scales(r);
        axis::y_axis(s, theme, plot, y, &axis::round_ticks(most, 4), true);
        let tick = |v: f64| -> Tick { (v, axis::short_number(v)) };
        axis::x_axis(s, theme, plot, x, &[tick(-10.0), tick(-5.0), tick(0.0), tick(5.0), tick(10.0)]);
        let along = if plot.w < 340.0 {
            "log-odds of the chosen response"
        } else {
            "log-odds of the policy, ln π(chosen) − ln π(rejected)"
        };
        let below = (plot.x + 0.5 * plot.w, r.bottom() - 10.0);
        s.text(below, along, Type::plain(13.0, theme.soft, Anchor::Centre));
        s.text((r.x + 4.0, plot.y - 24.0), "loss, nats", Type::plain(13.0, theme.soft, Anchor::Left));
        let pixels = |values: &[f64]| {
            let within = |v: f64| if v <= most { y.at(v) } else { f64::NAN };
            self.log_odds.iter().zip(values).map(|(o, v)| (x.at(*o), within(*v))).collect::<Vec<_>>()
        };
        let thin = Stroke::solid(theme.soft, 1.0).faint(0.7);
        for values in &self.fixed {
            s.line(&pixels(values), thin);
            for k in exits(values, most) {
                axis::off_the_scale(s, (x.at(self.log_odds[k]), plot.y), thin.colour, true);
            }
        }
        let blue = theme.style(Loss::Dpo);
        s.line(&pixels(&self.dpo), Stroke::solid(blue.colour, 4.5).faint(0.75));
        s.line(&pixels(&self.fitted), Stroke::solid(theme.ink, 1.75).dashed(&[6.0, 6.0]));
        let end = |values: &[f64]| y.at(values[POINTS - 1].min(most));
        // At the right the first of the fixed ones, which fits furthest to the left, is the highest.
        let names = [
            (end(&self.fixed[0]), "variance fixed", theme.soft),
            (end(&self.dpo), "DPO", blue.name),
            (end(&self.fitted), "best variance", theme.ink),
        ];
        axis::name_ends(s, plot, &names);
    }

    /// The value under a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let (_, x, y, _) = self.scales(r);
        let points = self.log_odds.iter().zip(&self.dpo).map(|(o, v)| (x.at(*o), y.at(*v)));
        let (k, at, d) = reading::nearest(points, pointer)?;
        let (dpo, fitted) = (reading::digits(self.dpo[k]), reading::digits(self.fitted[k]));
        let text = format!("log-odds {:.2}: DPO {dpo}, Gaussians {fitted} nats", self.log_odds[k]);
        (d <= reading::NEAR).then_some(Reading { loss: Some(Loss::Dpo), text, at })
    }

    fn scales(&self, r: Region) -> (Region, Scale, Scale, f64) {
        let plot = r.inset(46.0, 38.0, 108.0, 42.0);
        let most = 1.15 * self.dpo.iter().copied().fold(1e-3, f64::max);
        (
            plot,
            Scale::linear(-REACH, REACH, plot.x, plot.right()),
            Scale::linear(0.0, most, plot.bottom(), plot.y),
            most,
        )
    }
}

/// Where a curve comes within the scale from above, or leaves it, by position.
fn exits(values: &[f64], most: f64) -> impl Iterator<Item = usize> + use<'_> {
    let fits = move |k: usize| values[k] <= most;
    (1..values.len()).filter(move |k| fits(*k) != fits(k - 1)).map(move |k| if fits(k) { k } else { k - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_derivations_agree_and_no_fixed_variance_reaches_below() {
        for (reference, lambda) in [(0.0, 0.1), (-0.7, 1.0), (1.3, 20.0)] {
            let e = Envelope::new(reference, lambda);
            let rounding = 1e-13 * (1.0 + lambda);
            assert!(e.largest_difference() < rounding, "{lambda}: {}", e.largest_difference());
            for fixed in &e.fixed {
                assert!(fixed.iter().zip(&e.dpo).all(|(f, d)| *f >= *d - rounding));
            }
        }
    }
}
