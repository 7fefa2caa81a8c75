//! Figure 8: `log(γ + |u|)` between the ℓ₀ and ℓ₁ norms, each brought to pass through 0 and 1 (appendix C).

use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::axis::{self, Scale, Tick};
use super::sketch::{Anchor, Region, Sketch, Stroke, Type};
use super::theme::Theme;

/// The penalty, scaled to 0 at u = 0 and 1 at u = 1: relative concavity is what an affine map leaves unchanged.
pub fn penalty(u: f64, gamma: f64) -> f64 {
    (u.abs() / gamma).ln_1p() / (1.0 / gamma).ln_1p()
}

/// γ of the curves between the two limits, from the most concave.
pub const GAMMAS: [f64; 4] = [1e-4, 1e-2, 0.1, 1.0];

/// Where, left of zero, each curve is named.
const LABEL_AT: f64 = 0.3;

/// Draws the family.
pub fn draw<DB: DrawingBackend>(s: &mut Sketch<DB>, theme: &Theme, r: Region) {
    let plot = r.inset(44.0, 30.0, 84.0, 44.0);
    let x = Scale::linear(-1.0, 1.0, plot.x, plot.right());
    let y = Scale::linear(0.0, 1.0, plot.bottom(), plot.y);
    let tick = |v: f64| -> Tick { (v, axis::short_number(v)) };
    axis::y_axis(s, theme, plot, y, &[tick(0.0), tick(0.5), tick(1.0)], true);
    axis::x_axis(s, theme, plot, x, &[tick(-1.0), tick(0.0), tick(1.0)]);
    s.text(
        (plot.x + 0.5 * plot.w, r.bottom() - 11.0),
        "u, the λ-th power of the rejected response’s odds against the chosen one",
        Type::plain(13.0, theme.soft, Anchor::Centre),
    );
    s.text((r.x + 4.0, plot.y - 17.0), "log(γ + |u|), scaled to 0…1", Type::plain(13.0, theme.soft, Anchor::Left));
    // Points are taken at signed squares, so that the steep rise near zero is drawn smoothly.
    let squares = || (-400..=400).map(|k| f64::from(k) / 400.0).map(|t: f64| t * t.abs());
    let curve = |gamma: f64| squares().map(|u| (x.at(u), y.at(penalty(u, gamma)))).collect::<Vec<_>>();
    let mut ends: Vec<(f64, String)> = Vec::new();
    for (k, gamma) in GAMMAS.into_iter().enumerate() {
        let ink = 1.0 - 0.18 * k as f64;
        s.line(&curve(gamma), Stroke::solid(theme.losses[1], 2.25).faint(ink));
        ends.push((y.at(penalty(LABEL_AT, gamma)), format!("γ = {gamma}")));
    }
    let l0 = [
        (x.at(-1.0), y.at(1.0)),
        (x.at(0.0), y.at(1.0)),
        (x.at(0.0), y.at(0.0)),
        (x.at(0.0), y.at(1.0)),
        (x.at(1.0), y.at(1.0)),
    ];
    s.line(&l0, Stroke::solid(theme.losses[4], 2.0));
    s.line(
        &[(x.at(-1.0), y.at(1.0)), (x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0))],
        Stroke::solid(theme.losses[3], 2.0),
    );
    s.text((plot.right() + 8.0, y.at(1.0)), "ℓ₀ (γ → 0)", Type::plain(13.0, theme.losses[4], Anchor::Left));
    s.text((plot.right() + 8.0, y.at(0.5)), "ℓ₁ (γ → ∞)", Type::plain(13.0, theme.losses[3], Anchor::Left));
    s.line(&[(x.at(0.5), y.at(0.5)), (plot.right() + 5.0, y.at(0.5))], Stroke::solid(theme.losses[3], 1.0).faint(0.5));
    for (at, name) in spread(ends) {
        let centre = (x.at(-LABEL_AT), at);
        let half = 4.0 * name.chars().count() as f64;
        let plate =
            [(-half, -8.0), (half, -8.0), (half, 8.0), (-half, 8.0)].map(|(dx, dy)| (centre.0 + dx, centre.1 + dy));
        s.polygon(&plate, theme.paper.mix(0.9));
        s.text(centre, &name, Type::plain(12.0, theme.losses[1], Anchor::Centre));
    }
}

/// Moves labels down until none overlaps the one above.
fn spread(mut labels: Vec<(f64, String)>) -> Vec<(f64, String)> {
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    for k in 1..labels.len() {
        labels[k].0 = labels[k].0.max(labels[k - 1].0 + 14.0);
    }
    labels
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
