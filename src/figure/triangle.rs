//! The triangle of policies over three actions: π_ref, π*, every loss's way through it.

use std::ops::Range;

use plotters::style::Color;

use super::action_name;
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type, direction};
use super::theme::Theme;
use crate::loss::Loss;
use crate::simplex::{TRIANGLE_HEIGHT, probs, simplex_from_xy, xy_from_simplex};

/// Log-probabilities as the triangle takes them; none where there are not three.
pub fn three(log_pi: &[f64]) -> Option<[f64; 3]> {
    probs(log_pi).try_into().ok()
}

/// One loss on the triangle.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The loss.
    pub loss: Loss,
    /// The training run up to the cursor, as policies.
    pub run: Vec<[f64; 3]>,
    /// Exact minimisers over λ or α.
    pub over_sweep: Vec<[f64; 3]>,
    /// Further runs of other seeds, up to the cursor.
    pub others: Vec<Vec<[f64; 3]>>,
    /// A policy that others report.
    pub ghosts: Vec<[f64; 3]>,
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
    /// What the exact minimisers are swept over: λ or α.
    pub over: &'static str,
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

    /// The same triangle on a sheet that is shown so many times as large.
    #[must_use]
    pub fn scaled(self, by: f64) -> Self {
        Self { left: self.left * by, bottom: self.bottom * by, side: self.side * by }
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
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let g = Geometry::new(r);
        frame(s, theme, g, self.pi_star);
        for path in &self.paths {
            draw_path(s, theme, g, path);
        }
        let ends = self.ends(g);
        let rings = self.paths.iter().filter_map(|p| ring(g, p));
        let taken: Vec<(f64, f64)> = ends.iter().map(|e| e.2).chain(rings).collect();
        given(s, theme, g, (self.pi_ref, self.pi_star), taken);
        for path in &self.paths {
            draw_given(s, theme, g, path);
        }
        draw_ends(s, theme, &ends);
        if !self.paths.is_empty() {
            self.draw_key(s, theme, r);
        }
    }

    /// Where the training runs stand, and the places of their markers.
    fn ends(&self, g: Geometry) -> Vec<End<'_>> {
        let ends: Vec<(&Path, (f64, f64))> =
            self.paths.iter().filter_map(|p| Some((p, g.pixel(*p.run.last()?)))).collect();
        let points: Vec<(f64, f64)> = ends.iter().map(|e| e.1).collect();
        let places = apart(&points, &corners(g).map(|(_, name)| (name, 13.0 + MARKER)), &self.handles(g));
        ends.into_iter().zip(places).map(|((path, point), place)| (path, point, place)).collect()
    }

    /// The two handles as discs that a crowd of markers leaves free.
    fn handles(&self, g: Geometry) -> [Disc; 2] {
        [(g.pixel(self.pi_star), 13.5 + MARKER), (g.pixel(self.pi_ref), 11.5 + MARKER)]
    }

    /// What lines and circles are, in the corner that the triangle leaves free.
    fn draw_key<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let (left, right) = (r.x + 2.0, r.x + 22.0);
        let entry = |s: &mut Sketch<DB>, y: f64, text: &str| {
            s.text((right + 7.0, y), text, Type::plain(12.0, theme.soft, Anchor::Left));
        };
        let mut y = r.y + 12.0;
        s.line(&[(left, y), (right, y)], Stroke::solid(theme.soft, 2.5));
        s.marker((right, y), super::theme::Marker::Circle, 3.5, theme.soft, theme.paper);
        entry(s, y, "training");
        y += 18.0;
        s.ring((0.5 * (left + right), y), 3.5, theme.soft, 1.5);
        entry(s, y, "minimiser");
        if self.paths.iter().any(|p| !p.over_sweep.is_empty()) {
            y += 18.0;
            s.line(&[(left, y), (right, y)], Stroke::solid(theme.soft, 1.0));
            entry(s, y, &format!("over every {}", self.over));
        }
    }

    /// The path under a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let g = Geometry::new(r);
        let near = |path: &Path| {
            let all = || path.run.iter().chain(&path.over_sweep).chain(&path.minimiser);
            let (k, at, d) = reading::nearest(all().map(|p| g.pixel(*p)), pointer)?;
            all().nth(k).map(|p| (path.loss, *p, at, d))
        };
        let (loss, pi, at, d) = self.paths.iter().filter_map(near).min_by(|a, b| a.3.total_cmp(&b.3))?;
        let text = format!("{}: ({:.3}, {:.3}, {:.3})", loss.label(), pi[0], pi[1], pi[2]);
        (d <= reading::NEAR).then_some(Reading { loss: Some(loss), text, at })
    }
}

/// The triangle itself: its lines, its corners, and which of them is the mode of π*.
pub(super) fn frame<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, g: Geometry, pi_star: [f64; 3]) {
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
    let corners = corners(g);
    let outline = [0, 1, 2, 0].map(|k| corners[k].0);
    s.line(&outline, Stroke::solid(theme.soft, 1.25));
    let best = pi_star.iter().copied().fold(0.0, f64::max);
    for (k, (_, (x, y))) in corners.into_iter().enumerate() {
        s.symbol((x, y), "y", &action_name(k), Type::plain(17.0, theme.ink, Anchor::Centre));
        if pi_star[k] >= best - 1e-12 {
            let (dx, anchor) = if k == 1 { (-14.0, Anchor::Right) } else { (14.0, Anchor::Left) };
            s.text((x + dx, y), "mode of π*", Type::plain(13.0, theme.soft, anchor));
        }
    }
}

/// The corners, each with the place of its name.
fn corners(g: Geometry) -> [((f64, f64), (f64, f64)); 3] {
    [([1.0, 0.0, 0.0], -18.0), ([0.0, 1.0, 0.0], 17.0), ([0.0, 0.0, 1.0], 17.0)].map(|(p, below)| {
        let (x, y) = g.pixel(p);
        ((x, y), (x, y + below))
    })
}

/// The two given policies with their names, clear of what is `taken`: π_ref as a ring, π* as a star.
pub(super) fn given<DB: Surface>(
    s: &mut Sketch<DB>,
    theme: &Theme,
    g: Geometry,
    (pi_ref, pi_star): ([f64; 3], [f64; 3]),
    mut taken: Vec<(f64, f64)>,
) {
    let (reference, star) = (g.pixel(pi_ref), g.pixel(pi_star));
    let apart = (reference.0 - star.0).hypot(reference.1 - star.1);
    s.ring(reference, 9.0, theme.paper, 5.0);
    s.ring(reference, 9.0, theme.ink, 2.5);
    s.star(star, 12.5, theme.ink, theme.paper);
    taken.extend(corners(g).map(|(_, name)| name).into_iter().chain([reference, star]));
    let across = g.left - MARGIN_SIDE..g.left + g.side + MARGIN_SIDE;
    let down = g.pixel([1.0, 0.0, 0.0]).1..g.pixel([0.0, 1.0, 0.0]).1;
    let mut label = |at: (f64, f64), dy: f64, width: f64| {
        let at = beside(at, dy, width, &taken, (&across, &down));
        plate(s, theme, at, width);
        at
    };
    // Each label stands on the side away from the other handle, so that the two never meet.
    let (star_dy, reference_dy) = if star.1 <= reference.1 { (-7.0, 9.0) } else { (9.0, -7.0) };
    let type_ = Type::plain(18.0, theme.ink, Anchor::Left);
    if apart < 4.0 {
        let (x, y) = label(star, 1.0, 70.0);
        s.text((x, y), "π* =", type_.maths());
        s.symbol((x + 37.0, y), "π", "ref", type_);
        return;
    }
    let of_star = label(star, star_dy, 19.0);
    let of_reference = label(reference, reference_dy, 31.0);
    s.symbol(of_star, "π*", "", type_);
    s.symbol(of_reference, "π", "ref", type_);
}

/// Where a label of such a width begins beside a handle, so far below its middle: further up or down, between corners, where that covers
/// fewer of the points that are `taken`.
fn beside(
    (x, y): (f64, f64),
    dy: f64,
    width: f64,
    taken: &[(f64, f64)],
    (across, down): (&Range<f64>, &Range<f64>),
) -> (f64, f64) {
    let (near, far) = (y + dy, y + dy + 16.0 * dy.signum());
    let [(covered, left), (further, other)] = [near, far].map(|y| side((x, y), width, taken, across));
    if further < covered && down.contains(&far) { (other, far) } else { (left, near) }
}

/// Where such a label begins at one height: to the right, or to the left where that covers fewer of the points that
/// are `taken`, or where only that is within what the figure has `across`. With whether it leaves the figure and how many it covers.
fn side((x, y): (f64, f64), width: f64, taken: &[(f64, f64)], across: &Range<f64>) -> ((bool, usize), f64) {
    let covered = |left: f64| {
        let on = |p: &&(f64, f64)| {
            (left - MARKER..left + width + MARKER).contains(&p.0) && (p.1 - y - 1.0).abs() < 9.0 + MARKER
        };
        let is_out = left < across.start || left + width > across.end;
        (is_out, taken.iter().filter(on).count())
    };
    let [right, left] = [x + 16.0, x - 16.0 - width].map(|left| (covered(left), left));
    if left.0 < right.0 { left } else { right }
}

/// Paper under a label, so that curves do not run through its letters.
fn plate<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, (x, y): (f64, f64), width: f64) {
    let corners = [(-1.0, -8.0), (width, -8.0), (width, 10.0), (-1.0, 10.0)].map(|(dx, dy)| (x + dx, y + dy));
    s.polygon(&corners, theme.paper.mix(0.7));
}

fn draw_path<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, g: Geometry, path: &Path) {
    let style = theme.style(path.loss);
    let ink = if path.dimmed { 0.2 } else { 1.0 };
    let pixels = |list: &[[f64; 3]]| list.iter().map(|p| g.pixel(*p)).collect::<Vec<_>>();
    s.line(&pixels(&path.over_sweep), Stroke::solid(style.colour, 1.0).faint(0.55 * ink));
    for run in &path.others {
        s.line(&pixels(run), Stroke::solid(style.colour, 1.0).faint(0.4 * ink));
    }
    s.line(&pixels(&path.run), Stroke::solid(style.colour, style.width).dashed(style.dash).faint(ink));
}

/// Where a run ends, and the place of its marker.
type End<'a> = (&'a Path, (f64, f64), (f64, f64));

/// Each marker on its point, or beside it and tied to it where others want the place.
fn draw_ends<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, ends: &[End]) {
    for (path, point, place) in ends {
        if (point.0 - place.0).hypot(point.1 - place.1) > TIED {
            let style = theme.style(path.loss);
            let ink = if path.dimmed { 0.3 } else { 1.0 };
            s.line(&[*point, *place], Stroke::solid(theme.paper, 3.0).faint(0.8));
            s.line(&[*point, *place], Stroke::solid(style.colour, 1.25).faint(ink));
            s.disc(*point, 2.75, theme.paper.to_rgba());
            s.disc(*point, 1.75, style.colour.mix(ink));
        }
    }
    for (path, _, place) in ends {
        let style = theme.style(path.loss);
        s.marker(*place, style.marker, if path.dimmed { 3.0 } else { MARKER }, style.colour, theme.paper);
    }
}

/// The ring of what a loss would reach; none where the training has arrived, as its marker says the same.
fn ring(g: Geometry, path: &Path) -> Option<(f64, f64)> {
    let at = g.pixel(path.minimiser?);
    let end = path.run.last().map(|p| g.pixel(*p));
    end.is_none_or(|e| (e.0 - at.0).hypot(e.1 - at.1) >= ARRIVED).then_some(at)
}

/// What a loss would reach, and what others report.
fn draw_given<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, g: Geometry, path: &Path) {
    let style = theme.style(path.loss);
    if let Some(at) = ring(g, path) {
        s.disc(at, 4.5, theme.paper.mix(0.9));
        s.ring(at, 3.5, style.colour, 1.5);
    }
    for p in &path.ghosts {
        let at = g.pixel(*p);
        s.ring(at, 7.5, theme.paper, 4.0);
        s.ring(at, 7.5, style.colour, 1.5);
    }
}

/// A run that ends within so many pixels of its minimiser has reached it.
const ARRIVED: f64 = 8.0;
/// A marker's radius.
const MARKER: f64 = 4.25;
/// Markers this near are moved apart.
const SPACE: f64 = 12.0;
/// A marker further than this from its point is tied to it by a line.
const TIED: f64 = 3.0;

/// A middle and a radius.
type Disc = ((f64, f64), f64);

/// Places of markers at some points: no two nearer than [`SPACE`], none on a name. A marker that is alone stays on its point, a
/// handle's too, as what has arrived at π* must stand there; a crowd leaves the handle free. All give way as little as that takes
/// and none at once, so that a marker that moves on does not jump.
fn apart(points: &[(f64, f64)], names: &[Disc], handles: &[Disc]) -> Vec<(f64, f64)> {
    const ROUNDS: usize = 60;
    // Where points coincide, each gives way in a direction of its own: to the left, as the handles' names stand on the right where they can.
    let count = points.len() as i32;
    let own: Vec<(f64, f64)> = (0..count).map(|k| direction(6 * (11 + 2 * k - count))).collect();
    let unit = |(dx, dy): (f64, f64), length: f64, or: (f64, f64)| {
        if length < 1e-9 { or } else { (dx / length, dy / length) }
    };
    let mut at: Vec<(f64, f64)> =
        points.iter().enumerate().map(|(k, p)| (p.0 + 0.1 * own[k].0, p.1 + 0.1 * own[k].1)).collect();
    let off = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).hypot(a.1 - b.1);
    // One within half a marker's space, none from a whole one on.
    let company: Vec<f64> = (0..at.len())
        .map(|k| {
            let nearest =
                (0..at.len()).filter(|j| *j != k).map(|j| off(points[j], points[k])).fold(f64::INFINITY, f64::min);
            (2.0 - 2.0 * nearest / SPACE).clamp(0.0, 1.0)
        })
        .collect();
    for _ in 0..ROUNDS {
        for j in 1..at.len() {
            for k in 0..j {
                let gap = (at[j].0 - at[k].0, at[j].1 - at[k].1);
                let length = gap.0.hypot(gap.1);
                if length < SPACE {
                    let (ux, uy) = unit(gap, length, own[j]);
                    let half = 0.5 * (SPACE - length);
                    at[j] = (at[j].0 + half * ux, at[j].1 + half * uy);
                    at[k] = (at[k].0 - half * ux, at[k].1 - half * uy);
                }
            }
        }
        for (k, p) in at.iter_mut().enumerate() {
            let shared = handles.iter().map(|(centre, radius)| (*centre, radius * company[k]));
            for (centre, radius) in names.iter().copied().chain(shared) {
                let way = (p.0 - centre.0, p.1 - centre.1);
                let length = off(*p, centre);
                if length < radius {
                    let (ux, uy) = unit(way, length, own[k]);
                    *p = (centre.0 + radius * ux, centre.1 + radius * uy);
                }
            }
        }
    }
    at
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

    #[test]
    fn a_label_stands_on_the_right_unless_markers_stand_there_and_fewer_on_the_left() {
        let at = |taken: &[(f64, f64)]| side((200.0, 100.0), 19.0, taken, &(0.0..400.0)).1;
        let (right, left) = (216.0, 165.0);
        assert_eq!(at(&[]), right);
        assert_eq!(at(&[(225.0, 104.0)]), left);
        assert_eq!(at(&[(225.0, 120.0), (205.0, 100.0)]), right, "below it, and on the handle");
        assert_eq!(at(&[(225.0, 104.0), (170.0, 100.0)]), right, "no better on the left");
        assert_eq!(side((200.0, 100.0), 19.0, &[(225.0, 104.0)], &(170.0..400.0)).1, right, "no room on the left");
        assert_eq!(side((200.0, 100.0), 19.0, &[], &(0.0..230.0)).1, left, "no room on the right");
        let placed = |dy: f64, taken: &[(f64, f64)], down: Range<f64>| {
            beside((200.0, 100.0), dy, 19.0, taken, (&(0.0..400.0), &down))
        };
        let around = [(225.0, 104.0), (175.0, 104.0)];
        assert_eq!(placed(9.0, &around[..1], 0.0..400.0), (left, 109.0));
        assert_eq!(placed(9.0, &around, 0.0..400.0), (right, 125.0), "below what is on both sides");
        assert_eq!(placed(-7.0, &around, 0.0..400.0), (right, 77.0), "above it");
        assert_eq!(placed(9.0, &around, 0.0..120.0), (right, 109.0), "below is no room");
    }

    #[test]
    fn markers_on_one_spot_are_all_seen_and_leave_the_handle_free() {
        let (star, corner) = ((200.0, 200.0), (300.0, 50.0));
        let points = [star, star, star, corner, corner, corner, corner, (40.0, 40.0)];
        let (names, handles) = ([((300.0, 32.0), 17.25)], [(star, 17.75)]);
        let places = apart(&points, &names, &handles);
        for (k, p) in places.iter().enumerate() {
            for q in &places[..k] {
                assert!((p.0 - q.0).hypot(p.1 - q.1) > SPACE - 0.5, "{places:?}");
            }
            let mut clear = names.iter().chain(&handles);
            assert!(clear.all(|(c, r)| (p.0 - c.0).hypot(p.1 - c.1) > r - 0.5), "{places:?}");
        }
        let (x, y) = places[7];
        assert!((x - 40.0).hypot(y - 40.0) < 0.2, "what has room stays");
    }

    #[test]
    fn a_marker_alone_stands_on_the_star_and_gives_way_to_no_other_at_once() {
        let star = (200.0, 200.0);
        let place = |other: f64| apart(&[star, (200.0 + other, 200.0)], &[], &[(star, 17.75)])[0];
        let (x, y) = place(100.0);
        assert!((x - star.0).hypot(y - star.1) < 0.2, "{x} {y}");
        let mut before = place(60.0);
        for k in 0..1190 {
            let now = place(60.0 - 0.05 * f64::from(k));
            assert!((now.0 - before.0).hypot(now.1 - before.1) < 1.5, "{k}: {before:?} {now:?}");
            before = now;
        }
    }
}
