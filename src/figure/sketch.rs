//! Drawing primitives in CSS pixels over a plotters backend.
//!
//! plotters takes whole numbers. A sketch therefore draws on a sheet [`FINE`] times larger than what is shown, and whoever
//! shows it scales it back: curves move by sixteenths of a pixel, not by pixels.

use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, Drawable, PathElement, PointCollection, Polygon, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBAColor, RGBColor, ShapeStyle, TextStyle};
use plotters_backend::{BackendCoord, DrawingErrorKind};

use super::theme::Marker;

/// Units of the sheet to a CSS pixel.
pub const FINE: f64 = 16.0;

/// The text face.
pub const SANS: &str = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif";
/// The face of mathematics.
pub const SERIF: &str = "'Iowan Old Style', 'Palatino Linotype', Georgia, 'Liberation Serif', 'DejaVu Serif', serif";

/// A rectangle in CSS pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Left edge.
    pub x: f64,
    /// Top edge.
    pub y: f64,
    /// Width.
    pub w: f64,
    /// Height.
    pub h: f64,
}

impl Region {
    /// A rectangle at the origin.
    pub fn of(w: f64, h: f64) -> Self {
        Self { x: 0.0, y: 0.0, w, h }
    }

    /// The rectangle less margins: left, top, right, bottom.
    #[must_use]
    pub fn inset(self, left: f64, top: f64, right: f64, bottom: f64) -> Self {
        Self { x: self.x + left, y: self.y + top, w: self.w - left - right, h: self.h - top - bottom }
    }

    /// Right edge.
    pub fn right(self) -> f64 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(self) -> f64 {
        self.y + self.h
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Stroke {
    /// With its opacity.
    pub colour: RGBAColor,
    /// Pixels.
    pub width: f64,
    /// Ink and gap in pixels; empty for solid.
    pub dash: &'static [f64],
}

impl Stroke {
    /// A solid line.
    pub fn solid(colour: RGBColor, width: f64) -> Self {
        Self { colour: colour.to_rgba(), width, dash: &[] }
    }

    /// The same line, fainter.
    #[must_use]
    pub fn faint(self, opacity: f64) -> Self {
        Self { colour: self.colour.mix(opacity), ..self }
    }

    /// The same line, dashed.
    #[must_use]
    pub fn dashed(self, dash: &'static [f64]) -> Self {
        Self { dash, ..self }
    }
}

/// Where a text hangs from its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The point is at its left.
    Left,
    /// Centred.
    Centre,
    /// The point is at its right.
    Right,
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub struct Type {
    /// Pixels.
    pub size: f64,
    /// The colour.
    pub colour: RGBColor,
    /// Horizontal anchor; vertically a text is centred on its point.
    pub anchor: Anchor,
    /// Italic serif, for symbols.
    pub maths: bool,
    /// Bold sans.
    pub bold: bool,
}

impl Type {
    /// Plain text.
    pub fn plain(size: f64, colour: RGBColor, anchor: Anchor) -> Self {
        Self { size, colour, anchor, maths: false, bold: false }
    }

    /// Italic serif.
    #[must_use]
    pub fn maths(self) -> Self {
        Self { maths: true, ..self }
    }

    /// Bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

/// What a sketch is drawn on.
pub trait Surface: DrawingBackend {
    /// Strokes a polyline in dashes: ink and gap in the surface's units. Cut by hand where the surface cannot.
    ///
    /// # Errors
    /// The surface's own.
    fn draw_dashes(&mut self, points: &[(f64, f64)], style: &ShapeStyle, pattern: &[f64]) -> Drawn<Self> {
        cut(self, points, style, pattern)
    }
}

/// Strokes a polyline in dashes, each as a line of its own.
///
/// # Errors
/// The surface's own.
pub fn cut<S: DrawingBackend>(surface: &mut S, points: &[(f64, f64)], style: &ShapeStyle, pattern: &[f64]) -> Drawn<S> {
    dashes(points, pattern).into_iter().try_for_each(|dash| surface.draw_path(dash.into_iter().map(whole), style))
}

/// What drawing on a surface may fail with.
pub type Drawn<S> = Result<(), DrawingErrorKind<<S as DrawingBackend>::ErrorType>>;

/// A dashed polyline, by its corners from the first one.
struct Dashes<'a> {
    points: Vec<(f64, f64)>,
    style: ShapeStyle,
    pattern: &'a [f64],
}

impl<'a> PointCollection<'a, (i32, i32)> for &'a Dashes<'_> {
    type Point = (i32, i32);
    type IntoIter = [(i32, i32); 1];

    fn point_iter(self) -> Self::IntoIter {
        [(0, 0)]
    }
}

impl<S: Surface> Drawable<S> for Dashes<'_> {
    fn draw<I: Iterator<Item = BackendCoord>>(&self, _: I, surface: &mut S, _: (u32, u32)) -> Drawn<S> {
        surface.draw_dashes(&self.points, &self.style, self.pattern)
    }
}

/// A drawing in progress. The first error is kept and given by [`Sketch::finish`].
pub struct Sketch<'a, DB: Surface> {
    area: &'a DrawingArea<DB, Shift>,
    /// What the backend divides font sizes by.
    text_scale: f64,
    /// Whether points that nobody would miss are left out of lines.
    is_for_the_eye: bool,
    error: Option<String>,
}

impl<'a, DB: Surface> Sketch<'a, DB> {
    /// Draws on an area whose size is [`FINE`] times what will be shown.
    pub fn new(area: &'a DrawingArea<DB, Shift>, text_scale: f64) -> Self {
        Self { area, text_scale, is_for_the_eye: false, error: None }
    }

    /// Leaves out of lines what nobody would miss on a screen. Files keep every number.
    #[must_use]
    pub fn for_the_eye(self) -> Self {
        Self { is_for_the_eye: true, ..self }
    }

    /// The first thing that went wrong, if any.
    ///
    /// # Errors
    /// The backend's own message.
    pub fn finish(self) -> Result<(), String> {
        self.area.present().map_err(|e| e.to_string())?;
        self.error.map_or(Ok(()), Err)
    }

    fn keep(&mut self, outcome: Result<(), impl std::fmt::Display>) {
        if let Err(e) = outcome {
            self.error.get_or_insert_with(|| e.to_string());
        }
    }

    /// Covers everything.
    pub fn clear(&mut self, colour: RGBColor) {
        let outcome = self.area.fill(&colour);
        self.keep(outcome);
    }

    /// A polyline. Points that are not finite break it.
    pub fn line(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        for part in points.split(|(x, y)| !(x.is_finite() && y.is_finite())) {
            if part.len() > 1 {
                if self.is_for_the_eye {
                    self.path(&thinned(part), stroke);
                } else {
                    self.path(part, stroke);
                }
            }
        }
    }

    fn path(&mut self, points: &[(f64, f64)], stroke: Stroke) {
        let style = ShapeStyle { color: stroke.colour, filled: false, stroke_width: (stroke.width * FINE) as u32 };
        let outcome = if stroke.dash.is_empty() {
            self.area.draw(&PathElement::new(points.iter().map(|p| fine(*p)).collect::<Vec<_>>(), style))
        } else {
            let points = points.iter().map(|(x, y)| (x * FINE, y * FINE)).collect();
            let pattern: Vec<f64> = stroke.dash.iter().map(|d| d * FINE).collect();
            self.area.draw(&Dashes { points, style, pattern: &pattern })
        };
        self.keep(outcome);
    }

    /// A filled shape.
    pub fn polygon(&mut self, points: &[(f64, f64)], colour: RGBAColor) {
        let points: Vec<(i32, i32)> = points.iter().map(|p| fine(*p)).collect();
        let outcome = self.area.draw(&Polygon::new(points, colour.filled()));
        self.keep(outcome);
    }

    /// A disc.
    pub fn disc(&mut self, centre: (f64, f64), radius: f64, colour: RGBAColor) {
        let outcome = self.area.draw(&Circle::new(fine(centre), (radius * FINE) as i32, colour.filled()));
        self.keep(outcome);
    }

    /// A circle's outline.
    pub fn ring(&mut self, centre: (f64, f64), radius: f64, colour: RGBColor, width: f64) {
        let style = ShapeStyle { color: colour.to_rgba(), filled: false, stroke_width: (width * FINE) as u32 };
        let outcome = self.area.draw(&Circle::new(fine(centre), (radius * FINE) as i32, style));
        self.keep(outcome);
    }

    /// A loss's marker with a rim of the paper's colour, so that markers on one spot stay apart.
    pub fn marker(&mut self, centre: (f64, f64), marker: Marker, radius: f64, colour: RGBColor, rim: RGBColor) {
        self.shape(centre, marker, radius + 1.25, rim);
        self.shape(centre, marker, radius, colour);
    }

    fn shape(&mut self, centre: (f64, f64), marker: Marker, r: f64, colour: RGBColor) {
        if marker == Marker::Circle {
            self.disc(centre, r, colour.to_rgba());
        } else {
            self.polygon(&marker.corners(centre, r), colour.to_rgba());
        }
    }

    /// A five-pointed star with a rim.
    pub fn star(&mut self, centre: (f64, f64), radius: f64, colour: RGBColor, rim: RGBColor) {
        for (r, c) in [(radius + 2.5, rim), (radius, colour)] {
            let points: Vec<_> = (0..10)
                .map(|k| {
                    let reach = if k % 2 == 0 { r } else { 0.42 * r };
                    let (x, y) = direction(12 * k - 30);
                    (centre.0 + reach * x, centre.1 + reach * y)
                })
                .collect();
            self.polygon(&points, c.to_rgba());
        }
    }

    /// A text, vertically centred on its point.
    pub fn text(&mut self, (x, y): (f64, f64), text: &str, style: Type) {
        let anchor = match style.anchor {
            Anchor::Left => HPos::Left,
            Anchor::Centre => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let (family, slant) = match (style.maths, style.bold) {
            (true, _) => (SERIF, FontStyle::Italic),
            (false, true) => (SANS, FontStyle::Bold),
            (false, false) => (SANS, FontStyle::Normal),
        };
        // By the family itself: read from a text, it would bring Unicode's tables of lower case into the page.
        let font = FontDesc::new(FontFamily::Name(family), style.size * FINE * self.text_scale, slant);
        let style = TextStyle::from(font).color(&style.colour).pos(Pos::new(anchor, VPos::Center));
        let outcome = self.area.draw(&Text::new(text.to_owned(), fine((x, y)), style));
        self.keep(outcome);
    }

    /// A number, an exponent behind `^` raised. Anchored by estimated widths.
    pub fn number(&mut self, (x, y): (f64, f64), text: &str, style: Type) {
        let Some((base, exponent)) = text.split_once('^') else { return self.text((x, y), text, style) };
        let small = 0.75 * style.size;
        let base_width = 0.56 * style.size * base.chars().count() as f64;
        let width = base_width + 0.56 * small * exponent.chars().count() as f64;
        let left = match style.anchor {
            Anchor::Left => x,
            Anchor::Centre => x - 0.5 * width,
            Anchor::Right => x - width,
        };
        let style = Type { anchor: Anchor::Left, ..style };
        self.text((left, y), base, style);
        self.text((left + base_width + 0.5, y - 0.34 * style.size), exponent, Type { size: small, ..style });
    }

    /// A symbol with a subscript, such as π and ref. Anchored by estimated widths.
    pub fn symbol(&mut self, (x, y): (f64, f64), base: &str, sub: &str, style: Type) {
        let base_width = 0.56 * style.size * base.chars().count() as f64;
        let sub_size = 0.72 * style.size;
        let width = base_width + 0.48 * sub_size * sub.chars().count() as f64;
        let left = match style.anchor {
            Anchor::Left => x,
            Anchor::Centre => x - 0.5 * width,
            Anchor::Right => x - width,
        };
        let style = Type { anchor: Anchor::Left, ..style.maths() };
        self.text((left, y), base, style);
        if !sub.is_empty() {
            self.text((left + base_width, y + 0.28 * style.size), sub, Type { size: sub_size, ..style });
        }
    }
}

/// The direction of three degrees, `k` times, from the right by way of below. By multiplication: in wasm sine and cosine are as
/// large as a figure.
pub fn direction(k: i32) -> (f64, f64) {
    const COSINE: f64 = 0.998_629_534_754_573_8;
    const SINE: f64 = 0.052_335_956_242_943_835;
    (0..k.rem_euclid(120)).fold((1.0, 0.0), |(x, y), _| (COSINE * x - SINE * y, SINE * x + COSINE * y))
}

fn fine((x, y): (f64, f64)) -> (i32, i32) {
    whole((x * FINE, y * FINE))
}

/// To the surface's units.
pub fn whole((x, y): (f64, f64)) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

/// A polyline without the points that lie within a unit of the sheet of the line between those that stay: browsers take their time
/// for each corner of a stroke, and a run has hundreds.
///
/// From the last point that stays, every later one is seen within some angle; the line goes on while one direction is left that is
/// within the angles of all, and leads away from that point (W. Zhao and A. Saalfeld, "Linear-time sleeve-fitting polyline
/// simplification algorithms", 1997).
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let cross = |a: (f64, f64), b: (f64, f64)| a.0 * b.1 - a.1 * b.0;
    let length = |(x, y): (f64, f64)| (x * x + y * y).sqrt();
    let (mut from, mut last) = (points[0], points[0]);
    let mut kept = vec![from];
    // How far the last point is, and between which directions the next must be.
    let (mut reach, mut sleeve) = (0.0, None::<[(f64, f64); 2]>);
    for &point in &points[1..] {
        let mut way = (point.0 - from.0, point.1 - from.1);
        let is_outside = |[a, b]: [(f64, f64); 2]| cross(a, way) < 0.0 || cross(b, way) > 0.0;
        // Without a sleeve all points since the last are within a unit of it.
        if sleeve.is_some_and(|s| length(way) < reach || is_outside(s)) {
            kept.push(last);
            (from, sleeve) = (last, None);
            way = (point.0 - from.0, point.1 - from.1);
        }
        reach = length(way);
        if reach * FINE > 1.0 {
            let side = (-way.1 / (reach * FINE), way.0 / (reach * FINE));
            let (a, b) = ((way.0 - side.0, way.1 - side.1), (way.0 + side.0, way.1 + side.1));
            let narrowed = |[c, d]: [(f64, f64); 2]| {
                [if cross(c, a) > 0.0 { a } else { c }, if cross(d, b) < 0.0 { b } else { d }]
            };
            sleeve = Some(sleeve.map_or([a, b], narrowed));
        }
        last = point;
    }
    kept.push(last);
    kept
}

/// Cuts a polyline into dashes of the given lengths of ink and gap.
fn dashes(points: &[(f64, f64)], pattern: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let mut out = Vec::new();
    let mut current = Vec::new();
    let (mut phase, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut length = (to.0 - from.0).hypot(to.1 - from.1);
        while length > 0.0 {
            let step = length.min(left);
            let share = step / length;
            let next = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
            if phase % 2 == 0 {
                if current.is_empty() {
                    current.push(from);
                }
                current.push(next);
            }
            left -= step;
            length -= step;
            from = next;
            if left <= 1e-9 {
                if !current.is_empty() {
                    out.push(std::mem::take(&mut current));
                }
                phase += 1;
                left = pattern[phase % pattern.len()];
            }
        }
    }
    if !current.is_empty() {
        out.push(current);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_go_round() {
        for k in -130..250 {
            let angle = (f64::from(k) * 3.0).to_radians();
            let (x, y) = direction(k);
            assert!((x - angle.cos()).abs() < 1e-13 && (y - angle.sin()).abs() < 1e-13, "{k}");
        }
    }

    #[test]
    fn what_is_left_out_of_a_line_would_not_be_seen() {
        let line = |y: fn(f64) -> f64| (0..400).map(|k| f64::from(k) * 0.5).map(|x| (x, y(x))).collect::<Vec<_>>();
        let spike = |x: f64| if x == 100.0 { 60.0 } else { 0.0 };
        let spiral = (0..400).map(|k| (direction(k), f64::from(k) * 0.25)).map(|((x, y), r)| (r * x, r * y)).collect();
        let back = vec![(0.0, 0.0), (10.0, 0.0), (3.0, 0.0), (3.0, 0.0), (8.0, 0.0)];
        for (points, most) in [
            (line(|x| 3.0 * x - 7.0), 2),
            (line(|x| 40.0 * (x / 30.0).exp().recip()), 30),
            (line(|x| 40.0 * (x / 9.0).sin()), 150),
            (line(spike), 5),
            (spiral, 399),
            (back, 4),
        ] {
            let kept = thinned(&points);
            let far = |p: &(f64, f64)| kept.windows(2).map(|w| apart(*p, w[0], w[1])).fold(f64::INFINITY, f64::min);
            assert!(kept.len() <= most, "{} of {}", kept.len(), points.len());
            assert!(points.iter().all(|p| far(p) <= 1.0001 / FINE), "{:?}", points.iter().map(far).fold(0.0, f64::max));
            assert_eq!((kept[0], kept[kept.len() - 1]), (points[0], points[points.len() - 1]));
        }
    }

    /// From a point to a segment.
    fn apart(p: (f64, f64), a: (f64, f64), b: (f64, f64)) -> f64 {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let share = (((p.0 - a.0) * dx + (p.1 - a.1) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
        let share = if share.is_nan() { 0.0 } else { share };
        (p.0 - a.0 - share * dx).hypot(p.1 - a.1 - share * dy)
    }

    #[test]
    fn dashes_hold_as_much_ink_as_their_pattern_says() {
        let cut = dashes(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], &[3.0, 2.0]);
        let length = |d: &Vec<(f64, f64)>| d.windows(2).map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1)).sum::<f64>();
        assert_eq!(cut.len(), 4);
        assert!((cut.iter().map(length).sum::<f64>() - 12.0).abs() < 1e-9);
    }
}
