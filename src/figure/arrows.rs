//! Where a loss moves policies: an arrow at each of a grid of policies on the triangle.

use super::reading::{self, Reading};
use super::sketch::{Region, Sketch, Stroke, Surface};
use super::theme::Theme;
use super::triangle::{Geometry, frame, given};
use crate::loss::Loss;
use crate::simplex::xy_from_simplex;

/// A policy and the way it goes, which sums to zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrow {
    /// From here.
    pub pi: [f64; 3],
    /// dπ, in any unit.
    pub way: [f64; 3],
}

/// Arrows on a triangle.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Whose hue they have.
    pub loss: Loss,
    /// Which part of its gradient they are, in words.
    pub part: String,
    /// One a policy.
    pub arrows: Vec<Arrow>,
    /// The length that fills a cell of the grid: one for triangles that are compared. Shorter ones are drawn by the root of
    /// their share, so that a part that is a tenth as strong is seen beside the other.
    pub longest: f64,
    /// The reference policy.
    pub pi_ref: [f64; 3],
    /// The Bradley–Terry-optimal policy.
    pub pi_star: [f64; 3],
    /// Where the arrows lead, if that is known.
    pub minimiser: Option<[f64; 3]>,
}

/// Cells along a side of the grid.
const CELLS: u32 = 10;

/// Policies of the grid, every action having at least one cell's share.
pub fn grid() -> Vec<[f64; 3]> {
    let inner = |i: u32| (1..CELLS - i).map(move |j| [i, j, CELLS - i - j].map(|n| f64::from(n) / f64::from(CELLS)));
    (1..CELLS - 1).flat_map(inner).collect()
}

impl Arrow {
    /// In the plane of the triangle whose side is one, y upwards.
    fn plane(self) -> (f64, f64) {
        xy_from_simplex(self.way)
    }

    /// Its length there.
    pub fn length(self) -> f64 {
        let (x, y) = self.plane();
        x.hypot(y)
    }
}

impl Field {
    /// Draws it.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let g = Geometry::new(r);
        let colour = theme.style(self.loss).colour;
        frame(s, theme, g, self.pi_star);
        let (corner, next) = (g.pixel([0.0, 1.0, 0.0]), g.pixel([0.0, 0.0, 1.0]));
        let cell = (corner.0 - next.0).abs() / f64::from(CELLS);
        for arrow in &self.arrows {
            let at = g.pixel(arrow.pi);
            let (x, y) = arrow.plane();
            // The share's root: the vector over its length, by the root of its length.
            let root = (arrow.length() * self.longest).sqrt();
            let scale = if root > 0.0 { 0.95 * cell / root } else { 0.0 };
            draw_arrow(s, at, (x * scale, -y * scale), colour);
        }
        given(s, theme, g, (self.pi_ref, self.pi_star), self.minimiser.map(|pi| g.pixel(pi)).into_iter().collect());
        if let Some(pi) = self.minimiser {
            let style = theme.style(self.loss);
            s.marker(g.pixel(pi), style.marker, 4.5, style.colour, theme.paper);
        }
    }
}

impl Field {
    /// The arrow whose policy is nearest to a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let g = Geometry::new(r);
        let (k, at, d) = reading::nearest(self.arrows.iter().map(|a| g.pixel(a.pi)), pointer)?;
        let list = |v: [f64; 3], digits: usize| v.map(|p| format!("{p:.digits$}").replace('-', "−")).join(", ");
        let Arrow { pi, way } = self.arrows[k];
        let text = format!("at ({}): dπ = ({})", list(pi, 1), list(way, 4));
        (d <= reading::NEAR).then_some(Reading { loss: Some(self.loss), text, at })
    }
}

/// A shaft from a dot, with a head in proportion; what is too short for a head stays a dot.
fn draw_arrow<DB: Surface>(
    s: &mut Sketch<DB>,
    at: (f64, f64),
    (dx, dy): (f64, f64),
    colour: plotters::style::RGBColor,
) {
    use plotters::style::Color;
    let length = dx.hypot(dy);
    s.disc(at, 1.4, colour.to_rgba());
    if length < 2.0 {
        return;
    }
    let (ux, uy) = (dx / length, dy / length);
    let tip = (at.0 + dx, at.1 + dy);
    let head = (0.42 * length).clamp(2.0, 6.5);
    let neck = (tip.0 - head * ux, tip.1 - head * uy);
    s.line(&[at, neck], Stroke::solid(colour, 1.4));
    let side = 0.5 * head;
    s.polygon(
        &[tip, (neck.0 - side * uy, neck.1 + side * ux), (neck.0 + side * uy, neck.1 - side * ux)],
        colour.to_rgba(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_holds_every_inner_policy_once() {
        let all = grid();
        assert_eq!(all.len(), 36);
        assert!(all.iter().all(|p| p.iter().all(|v| *v > 0.09) && (p.iter().sum::<f64>() - 1.0).abs() < 1e-15));
        assert!(all.iter().enumerate().all(|(k, p)| !all[..k].contains(p)));
    }

    #[test]
    fn a_move_from_one_action_to_another_is_as_long_as_its_share_of_the_side() {
        let arrow = |way| Arrow { pi: [0.3, 0.3, 0.4], way };
        for way in [[0.2, -0.2, 0.0], [0.0, 0.2, -0.2], [-0.2, 0.0, 0.2]] {
            assert!((arrow(way).length() - 0.2).abs() < 1e-12);
        }
    }
}
