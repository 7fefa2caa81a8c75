//! Figure 8: `log(γ + |u|)` between the ℓ₀ and ℓ₁ norms, each brought to pass through 0 and 1 (appendix C).

use plotters::style::{Color, RGBColor};

use super::axis::{self, Scale, Tick};
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;

/// The penalty, scaled to 0 at u = 0 and 1 at u = 1: relative concavity is what an affine map leaves unchanged.
pub fn penalty(u: f64, gamma: f64) -> f64 {
    (u.abs() / gamma).ln_1p() / (1.0 / gamma).ln_1p()
}

/// γ of the curves between the two limits, from the most concave.
pub const GAMMAS: [f64; 4] = [1e-4, 1e-2, 0.1, 1.0];

/// Where, right of zero, each curve is tied to its name in the margin.
const NAMED_AT: f64 = 0.5;

/// The family between its limits, and one γ of the reader's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Penalties {
    /// The curve in front; none for the paper's figure.
    pub gamma: Option<f64>,
}

impl Penalties {
    /// Draws them.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let (plot, x, y) = scales(r);
        let tick = |v: f64| -> Tick { (v, axis::short_number(v)) };
        axis::y_axis(s, theme, plot, y, &[tick(0.0), tick(0.5), tick(1.0)], true);
        axis::x_axis(s, theme, plot, x, &[tick(-1.0), tick(0.0), tick(1.0)]);
        let below = if plot.w < 340.0 {
            "u, the rejected response’s odds to the power λ"
        } else {
            "u, the λ-th power of the rejected response’s odds against the chosen one"
        };
        s.text((r.x + 0.5 * r.w, r.bottom() - 11.0), below, Type::plain(13.0, theme.soft, Anchor::Centre));
        s.text((r.x + 4.0, plot.y - 17.0), "log(γ + |u|), scaled to 0…1", Type::plain(13.0, theme.soft, Anchor::Left));
        self.draw_family(s, theme, x, y);
        draw_limits(s, theme, x, y);
        name_all(s, theme, plot, x, y);
        self.draw_own(s, theme, x, y);
    }

    /// The four of the paper, paler behind the reader's own.
    fn draw_family<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, x: Scale, y: Scale) {
        let behind = if self.gamma.is_some() { 0.55 } else { 1.0 };
        let width = if self.gamma.is_some() { 1.25 } else { 2.25 };
        for (k, gamma) in GAMMAS.into_iter().enumerate() {
            let ink = behind * (1.0 - 0.15 * k as f64);
            s.line(&curve(gamma, x, y), Stroke::solid(theme.losses[1], width).faint(ink));
        }
    }

    /// The reader's own, named below the straightest curve, where there is none.
    fn draw_own<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, x: Scale, y: Scale) {
        let Some(gamma) = self.gamma else { return };
        s.line(&curve(gamma, x, y), Stroke::solid(theme.ink, 3.0));
        let name = (x.at(-0.68), y.at(0.2));
        s.line(
            &[(name.0, name.1 - 9.0), (x.at(-0.45), y.at(penalty(0.45, gamma)))],
            Stroke::solid(theme.ink, 1.0).faint(0.7),
        );
        s.text(name, &named(gamma), Type::plain(13.0, theme.ink, Anchor::Centre).bold());
    }

    /// The curve under a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let (_, x, y) = scales(r);
        // Points lie at signed squares, as they are drawn; those too far aside are not computed.
        let places = (-HALF..=HALF).map(signed_square).filter(|u| (x.at(*u) - pointer.0).abs() <= reading::NEAR);
        let places: Vec<f64> = places.collect();
        let near = |gamma: f64| {
            let points = places.iter().map(|u| (x.at(*u), y.at(penalty(*u, gamma))));
            reading::nearest(points, pointer).map(|(k, at, d)| (gamma, k, at, d))
        };
        let all = self.gamma.into_iter().chain(GAMMAS);
        let (gamma, k, at, d) = all.filter_map(near).min_by(|a, b| a.3.total_cmp(&b.3))?;
        let u = places[k];
        let text = format!("{}, u = {}: {}", named(gamma), reading::digits(u), reading::digits(penalty(u, gamma)));
        (d <= reading::NEAR).then_some(Reading { loss: None, text, at })
    }
}

fn scales(r: Region) -> (Region, Scale, Scale) {
    let plot = r.inset(44.0, 30.0, 96.0, 44.0);
    let x = Scale::linear(-1.0, 1.0, plot.x, plot.right());
    (plot, x, Scale::linear(0.0, 1.0, plot.bottom(), plot.y))
}

fn named(gamma: f64) -> String {
    if (1e-4..1e4).contains(&gamma) { format!("γ = {gamma}") } else { format!("γ = {gamma:e}") }
}

/// Points of a curve either side of zero.
const HALF: i32 = 400;

/// The k-th place along u: the steep rise near zero is drawn smoothly.
fn signed_square(k: i32) -> f64 {
    let t = f64::from(k) / f64::from(HALF);
    t * t.abs()
}

/// One penalty.
fn curve(gamma: f64, x: Scale, y: Scale) -> Vec<(f64, f64)> {
    (-HALF..=HALF).map(signed_square).map(|u| (x.at(u), y.at(penalty(u, gamma)))).collect()
}

fn draw_limits<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, x: Scale, y: Scale) {
    let at = |u: f64, v: f64| (x.at(u), y.at(v));
    let l0 = [at(-1.0, 1.0), at(0.0, 1.0), at(0.0, 0.0), at(0.0, 1.0), at(1.0, 1.0)];
    // Norms, in no loss's hue.
    let stroke = Stroke::solid(theme.soft, 2.0).dashed(&[6.0, 3.0]);
    s.line(&l0, stroke);
    s.line(&[at(-1.0, 1.0), at(0.0, 0.0), at(1.0, 1.0)], stroke);
}

/// The family's names and the limits' in the right margin, in the order of their curves and each tied to its own.
fn name_all<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, plot: Region, x: Scale, y: Scale) {
    let blue = |gamma: f64| (penalty(NAMED_AT, gamma), named(gamma), theme.losses[1], theme.names[1]);
    let names: Vec<(f64, String, RGBColor, RGBColor)> =
        std::iter::once((1.0, "ℓ₀ (γ → 0)".to_owned(), theme.soft, theme.soft))
            .chain(GAMMAS.map(blue))
            .chain([(NAMED_AT, "ℓ₁ (γ → ∞)".to_owned(), theme.soft, theme.soft)])
            .collect();
    let heights: Vec<f64> = names.iter().map(|n| y.at(n.0)).collect();
    let places = axis::spread(&heights, 15.0, (plot.y, plot.bottom()));
    for (((value, name, colour, text), height), at) in names.iter().zip(heights).zip(places) {
        let from = if *value == 1.0 { plot.right() } else { x.at(NAMED_AT) };
        let bend = (plot.right() - 8.0).max(from);
        s.line(&[(from, height), (bend, height), (plot.right() + 6.0, at)], Stroke::solid(*colour, 1.0).faint(0.55));
        if from < bend {
            s.disc((from, height), 2.0, colour.to_rgba());
        }
        s.text((plot.right() + 9.0, at), name, Type::plain(12.0, *text, Anchor::Left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_penalty_lies_between_its_limits_and_grows_more_concave_with_small_gamma() {
        for u in [0.1, 0.4, 0.9] {
            let values: Vec<f64> = GAMMAS.iter().map(|g| penalty(u, *g)).collect();
            assert!(values.windows(2).all(|w| w[0] > w[1]));
            assert!(values.iter().all(|v| *v > u && *v < 1.0));
        }
    }
}
