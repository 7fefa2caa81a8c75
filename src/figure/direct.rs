//! Names directly at curves: each where its curve is most alone. A name without room is left to the legend.

use plotters::style::{Color, RGBColor};

use super::sketch::{Anchor, Region, Sketch, Surface, Type};
use super::theme::Theme;

/// A curve in pixels; points that are not finite break it.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve<'a> {
    /// From left to right; curves that are compared have theirs at the same x.
    pub points: Vec<(f64, f64)>,
    /// What is written at it; nothing for a curve that is only kept clear of.
    pub name: Option<(&'a str, RGBColor)>,
}

const SIZE: f64 = 12.0;
/// Half a name's height.
const HALF: f64 = 7.0;
/// Curves this near are one to the eye.
const ALIKE: f64 = 3.0;
/// Clear space that a name needs.
const LEAST: f64 = 3.0;
/// By how much nearer a name must be to its own curve than to any other: whose it is must be plain.
const NEARER: f64 = 4.0;
/// Space beyond which more is no better.
const ENOUGH: f64 = 16.0;

/// Names the curves, clear of what is `taken` by other words.
pub fn names<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, plot: Region, curves: &[Curve], taken: &[Region]) {
    for (group, (x, y)) in places(plot, curves, taken) {
        let (right, below) = (0.5 * width(&group) + 1.0, HALF * group.len() as f64);
        let plate = [(-right, -below), (right, -below), (right, below), (-right, below)];
        s.polygon(&plate.map(|(dx, dy)| (x + dx, y + dy)), theme.paper.mix(0.85));
        for (k, (name, colour)) in group.into_iter().enumerate() {
            let line = y - below + HALF * (2 * k + 1) as f64;
            s.text((x, line), name, Type::plain(SIZE, colour, Anchor::Centre).bold());
        }
    }
}

/// A name's estimated width in bold.
fn letters(name: &str) -> f64 {
    0.72 * SIZE * name.chars().count() as f64
}

fn width(group: &[(&str, RGBColor)]) -> f64 {
    group.iter().map(|(name, _)| letters(name)).fold(0.0, f64::max)
}

type Group<'a> = Vec<(&'a str, RGBColor)>;

/// Names that stand together, one below the other, with the middle of each group.
fn places<'a>(plot: Region, curves: &[Curve<'a>], taken: &[Region]) -> Vec<(Group<'a>, (f64, f64))> {
    let dense: Vec<Vec<(f64, f64)>> = curves.iter().map(|c| along(&c.points)).collect();
    let mut taken = taken.to_vec();
    let mut out = Vec::new();
    for (k, curve) in curves.iter().enumerate() {
        let alike: Vec<usize> = (0..curves.len()).filter(|j| is_alike(&curve.points, &curves[*j].points)).collect();
        if curve.name.is_none() || alike.iter().any(|j| *j < k && curves[*j].name.is_some()) {
            continue;
        }
        let group: Group = alike.iter().filter_map(|j| curves[*j].name).collect();
        let others: Vec<&[(f64, f64)]> =
            (0..curves.len()).filter(|j| !alike.contains(j)).map(|j| &dense[j][..]).collect();
        if let Some(place) =
            best(plot, (width(&group), HALF * group.len() as f64), &curve.points, &dense[k], &others, &taken)
        {
            taken.push(place);
            out.push((group, (place.x + 0.5 * place.w, place.y + 0.5 * place.h)));
        }
    }
    out
}

/// The place beside a curve with the most space around it, if there is one with enough.
fn best(
    plot: Region,
    (width, half): (f64, f64),
    points: &[(f64, f64)],
    own: &[(f64, f64)],
    others: &[&[(f64, f64)]],
    taken: &[Region],
) -> Option<Region> {
    let aside = 0.5 * width + 8.0;
    // On its sides for level and steep curves, at its corners for those between.
    let (across, along) = (0.5 * width + 2.0, half + 4.0);
    let sides = [(0.0, -half - 5.0), (0.0, half + 5.0), (-aside, 0.0), (aside, 0.0)];
    let corners = [(-across, -along), (across, -along), (-across, along), (across, along)];
    let mut found: Option<(f64, Region)> = None;
    for (x, y) in points.iter().step_by((points.len() / 24).max(1)).filter(|p| p.0.is_finite() && p.1.is_finite()) {
        for (dx, dy) in sides.into_iter().chain(corners) {
            let at = Region { x: x + dx - 0.5 * width, y: y + dy - half, w: width, h: 2.0 * half };
            let fits =
                at.x >= plot.x + 2.0 && at.right() <= plot.right() && at.y >= plot.y && at.bottom() <= plot.bottom();
            if !fits || taken.iter().any(|t| meets(*t, at)) {
                continue;
            }
            let near = clear(at, own, LEAST);
            if near < LEAST {
                continue;
            }
            let needed = near + NEARER;
            let mut space = ENOUGH.max(needed);
            for other in others {
                space = space.min(clear(at, other, found.map_or(needed, |f| f.0.max(needed))));
            }
            if space >= needed && found.is_none_or(|f| space > f.0) {
                found = Some((space, at));
            }
        }
    }
    found.map(|f| f.1)
}

fn meets(a: Region, b: Region) -> bool {
    a.x < b.right() + 4.0 && b.x < a.right() + 4.0 && a.y < b.bottom() + 2.0 && b.y < a.bottom() + 2.0
}

/// How far a rectangle is from the nearest of some points, which go to the right; told only roughly where that is less than `least`,
/// and as infinite where it is more than enough.
fn clear(r: Region, points: &[(f64, f64)], least: f64) -> f64 {
    let first = points.partition_point(|p| p.0 < r.x - ENOUGH);
    // By squares: a root for each of thousands of points would take longer than all else that is drawn.
    let mut nearest = f64::INFINITY;
    for (x, y) in points[first..].iter().take_while(|p| p.0 <= r.right() + ENOUGH) {
        let dx = (r.x - x).max(x - r.right()).max(0.0);
        let dy = (r.y - y).max(y - r.bottom()).max(0.0);
        nearest = nearest.min(dx * dx + dy * dy);
        if nearest < least * least {
            break;
        }
    }
    nearest.sqrt()
}

fn is_alike(a: &[(f64, f64)], b: &[(f64, f64)]) -> bool {
    let apart = |p: &(f64, f64), q: &(f64, f64)| match (p.1.is_finite(), q.1.is_finite()) {
        (true, true) => (p.1 - q.1).abs() > ALIKE,
        (p, q) => p != q,
    };
    // Where one leaves the plot a point before the other, they may still be one.
    a.len() == b.len() && a.iter().zip(b).filter(|(p, q)| apart(p, q)).count() <= 1
}

/// Points along a curve, a few pixels apart at most.
fn along(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const STEP: f64 = 5.0;
    let mut out = Vec::new();
    for pair in points.windows(2) {
        let ((x, y), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x).hypot(y1 - y);
        if !length.is_finite() {
            continue;
        }
        let steps = (length / STEP).ceil().max(1.0);
        out.extend((0..=steps as usize).map(|k| {
            let t = k as f64 / steps;
            (x + t * (x1 - x), y + t * (y1 - y))
        }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: RGBColor = RGBColor(0, 0, 0);

    fn curve(name: &str, y: impl Fn(f64) -> f64) -> Curve<'_> {
        let points = (0..=60).map(|k| f64::from(k) * 8.0).map(|x| (x, y(x))).collect();
        Curve { points, name: Some((name, INK)) }
    }

    #[test]
    fn names_keep_clear_of_every_curve_and_of_one_another() {
        let plot = Region::of(480.0, 200.0);
        let curves =
            [curve("rises", |x| 190.0 - 0.35 * x), curve("falls", |x| 20.0 + 0.3 * x), curve("flat", |_| 100.0)];
        let places = places(plot, &curves, &[]);
        assert_eq!(places.len(), 3);
        let boxes: Vec<Region> = places
            .iter()
            .map(|(g, (x, y))| Region { x: x - 0.5 * width(g), y: y - HALF, w: width(g), h: 2.0 * HALF })
            .collect();
        for (k, r) in boxes.iter().enumerate() {
            assert!(curves.iter().all(|c| clear(*r, &along(&c.points), 0.0) >= LEAST), "{r:?}");
            assert!(boxes[..k].iter().all(|other| !meets(*other, *r)));
        }
    }

    #[test]
    fn curves_that_coincide_are_named_together_and_what_has_no_room_is_not_named() {
        let plot = Region::of(480.0, 200.0);
        let together = places(plot, &[curve("one", |_| 90.0), curve("other", |_| 91.0)], &[]);
        assert_eq!(
            together.iter().map(|(g, _)| g.iter().map(|n| n.0).collect::<Vec<_>>()).collect::<Vec<_>>(),
            [["one", "other"]]
        );
        let bars: Vec<Curve> = (0..40).map(|k| curve("tight", move |_| 5.0 * f64::from(k))).collect();
        assert!(places(plot, &bars, &[]).len() <= 2, "only the outermost have a free side");
    }
}
