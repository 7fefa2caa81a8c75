//! The triangle of policies over three actions: π_ref, π*, every loss's way through it.

use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::action_name;
use super::sketch::{Anchor, Region, Sketch, Stroke, Type};
use super::theme::Theme;
use crate::loss::Loss;
use crate::simplex::{TRIANGLE_HEIGHT, simplex_from_xy, xy_from_simplex};

/// One loss on the triangle.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The loss.
    pub loss: Loss,
    /// The training run up to the cursor, as policies.
    pub run: Vec<[f64; 3]>,
    /// Exact minimisers over every λ.
    pub over_lambda: Vec<[f64; 3]>,
    /// The exact minimiser at the chosen λ.
    pub minimiser: Option<[f64; 3]>,
    /// Faded, while another loss has the reader's attention.
    pub dimmed: bool,
}

/// What the triangle shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Triangle {
    /// The reference policy.
    pub pi_ref: [f64; 3],
    /// The Bradley–Terry-optimal policy.
    pub pi_star: [f64; 3],
    /// One a loss.
    pub paths: Vec<Path>,
}

/// Where the triangle lies in its region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    left: f64,
    bottom: f64,
    side: f64,
}

const MARGIN_TOP: f64 = 34.0;
const MARGIN_BOTTOM: f64 = 30.0;
const MARGIN_SIDE: f64 = 22.0;

impl Geometry {
    /// The largest triangle that leaves room for its labels.
    pub fn new(r: Region) -> Self {
        let side = (r.w - 2.0 * MARGIN_SIDE).min((r.h - MARGIN_TOP - MARGIN_BOTTOM) / TRIANGLE_HEIGHT).max(10.0);
        let height = side * TRIANGLE_HEIGHT;
        let top = r.y + MARGIN_TOP + 0.5 * (r.h - MARGIN_TOP - MARGIN_BOTTOM - height);
        Self { left: r.x + 0.5 * (r.w - side), bottom: top + height, side }
    }

    /// The pixel of a policy.
    pub fn pixel(self, p: [f64; 3]) -> (f64, f64) {
        let (x, y) = xy_from_simplex(p);
        (self.left + self.side * x, self.bottom - self.side * y)
    }

    /// The policy nearest to a pixel, every entry at least `floor`.
    pub fn policy(self, (x, y): (f64, f64), floor: f64) -> [f64; 3] {
        simplex_from_xy((x - self.left) / self.side, (self.bottom - y) / self.side, floor)
    }
}

impl Triangle {
    /// Draws it.
    pub fn draw<DB: DrawingBackend>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let g = Geometry::new(r);
        self.draw_frame(s, theme, g);
        for path in &self.paths {
            draw_path(s, theme, g, path);
        }
        self.draw_policies(s, theme, g);
        for path in &self.paths {
            draw_ends(s, theme, g, path);
        }
    }

    fn draw_frame<DB: DrawingBackend>(&self, s: &mut Sketch<DB>, theme: &Theme, g: Geometry) {
        for k in 1..10 {
            let t = f64::from(k) / 10.0;
            let lines = [
                ([t, 1.0 - t, 0.0], [t, 0.0, 1.0 - t]),
                ([1.0 - t, t, 0.0], [0.0, t, 1.0 - t]),
                ([1.0 - t, 0.0, t], [0.0, 1.0 - t, t]),
            ];
            for (a, b) in lines {
                s.line(&[g.pixel(a), g.pixel(b)], Stroke::solid(theme.grid, if k == 5 { 1.25 } else { 0.75 }));
            }
        }
        let corners = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|p| g.pixel(p));
        s.line(&[corners[0], corners[1], corners[2], corners[0]], Stroke::solid(theme.soft, 1.25));
        let best = self.pi_star.iter().copied().fold(0.0, f64::max);
        for (k, (x, y)) in corners.into_iter().enumerate() {
            let y = if k == 0 { y - 18.0 } else { y + 17.0 };
            s.symbol((x, y), "y", &action_name(k), Type::plain(17.0, theme.ink, Anchor::Centre));
            if self.pi_star[k] >= best - 1e-12 {
                let (dx, anchor) = if k == 1 { (-14.0, Anchor::Right) } else { (14.0, Anchor::Left) };
                s.text((x + dx, y), "mode of π*", Type::plain(13.0, theme.soft, anchor));
            }
        }
    }

    fn draw_policies<DB: DrawingBackend>(&self, s: &mut Sketch<DB>, theme: &Theme, g: Geometry) {
        let (reference, star) = (g.pixel(self.pi_ref), g.pixel(self.pi_star));
        let apart = (reference.0 - star.0).hypot(reference.1 - star.1);
        s.ring(reference, 9.0, theme.paper, 5.0);
        s.ring(reference, 9.0, theme.ink, 2.5);
        s.star(star, 12.5, theme.ink, theme.paper);
        let type_ = Type::plain(18.0, theme.ink, Anchor::Left);
        if apart < 4.0 {
            s.text((star.0 + 18.0, star.1 + 1.0), "π* =", type_.maths());
            s.symbol((star.0 + 55.0, star.1 + 1.0), "π", "ref", type_);
            return;
        }
        // Each label stands on the side away from the other handle, so that the two never meet.
        let above = star.1 <= reference.1;
        let (star_dy, reference_dy) = if above { (-7.0, 9.0) } else { (9.0, -7.0) };
        plate(s, theme, (star.0 + 15.0, star.1 + star_dy), 20.0);
        s.symbol((star.0 + 16.0, star.1 + star_dy), "π*", "", type_);
        plate(s, theme, (reference.0 + 15.0, reference.1 + reference_dy), 32.0);
        s.symbol((reference.0 + 16.0, reference.1 + reference_dy), "π", "ref", type_);
    }
}

/// Paper under a label, so that curves do not run through its letters.
fn plate<DB: DrawingBackend>(s: &mut Sketch<DB>, theme: &Theme, (x, y): (f64, f64), width: f64) {
    let corners = [(0.0, -8.0), (width, -8.0), (width, 10.0), (0.0, 10.0)].map(|(dx, dy)| (x + dx, y + dy));
    s.polygon(&corners, theme.paper.mix(0.7));
}

fn draw_path<DB: DrawingBackend>(s: &mut Sketch<DB>, theme: &Theme, g: Geometry, path: &Path) {
    let style = theme.style(path.loss);
    let ink = if path.dimmed { 0.2 } else { 1.0 };
    let pixels = |list: &[[f64; 3]]| list.iter().map(|p| g.pixel(*p)).collect::<Vec<_>>();
    s.line(&pixels(&path.over_lambda), Stroke::solid(style.colour, 1.0).faint(0.55 * ink));
    s.line(&pixels(&path.run), Stroke::solid(style.colour, style.width).dashed(style.dash).faint(ink));
}

fn draw_ends<DB: DrawingBackend>(s: &mut Sketch<DB>, theme: &Theme, g: Geometry, path: &Path) {
    let style = theme.style(path.loss);
    if let Some(p) = path.minimiser {
        let at = g.pixel(p);
        s.disc(at, 4.5, theme.paper.mix(0.9));
        s.ring(at, 3.5, style.colour, 1.5);
    }
    if let Some(p) = path.run.last() {
        s.marker(g.pixel(*p), style.marker, if path.dimmed { 3.0 } else { 4.25 }, style.colour, theme.paper);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_and_its_policy_are_inverse() {
        let g = Geometry::new(Region::of(420.0, 400.0));
        let p = [0.2, 0.5, 0.3];
        let q = g.policy(g.pixel(p), 1e-3);
        assert!(p.iter().zip(q).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}
