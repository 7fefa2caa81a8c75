//! Small multiples: a panel a loss, the probability of each action against training steps or against λ.

use plotters::style::{Color, RGBAColor, RGBColor};

use super::action_name;
use super::axis::{self, Scale, Tick};
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;
use crate::loss::Loss;
use crate::simplex::{ascending, exp};
use crate::solve::sweep::Series;
use crate::trace::{Band, Trace};

/// What a row of panels has along its x axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Along {
    /// Training steps.
    Steps,
    /// λ over a range, on a logarithmic scale.
    Lambda {
        /// First value.
        from: f64,
        /// Last value.
        to: f64,
    },
    /// α over a range.
    Alpha {
        /// First value.
        from: f64,
        /// Last value.
        to: f64,
    },
}

/// Policies beyond both ends of the λ axis. (A each)
#[derive(Debug, Clone, PartialEq)]
pub struct Ends {
    /// Where λ → 0 leads.
    pub low: Vec<f64>,
    /// Where λ → ∞ leads.
    pub high: Vec<f64>,
}

/// One loss's panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The loss.
    pub loss: Loss,
    /// Where along x. (T)
    pub x: Vec<f64>,
    /// Probabilities, an action after another; of several runs, their medians. (A × T)
    pub pi: Vec<Vec<f64>>,
    /// Least and greatest of several runs, an action after another; empty for a single one. (A × T)
    pub bands: Vec<Band>,
    /// The limits of λ, marked beyond the axis.
    pub ends: Option<Ends>,
    /// A policy that others report for the end of the run. (A)
    pub ghost: Option<Vec<f64>>,
    /// The last x; for steps, the length of this loss's own run.
    pub last: f64,
    /// The cursor, in x.
    pub cursor: Option<f64>,
    /// Faded, while another loss has the reader's attention.
    pub dimmed: bool,
}

/// A row of panels with what they share.
#[derive(Debug, Clone, PartialEq)]
pub struct Panels {
    /// One a loss.
    pub panels: Vec<Panel>,
    /// Losses that the figure has room for: one that is hidden keeps its room, so that nothing below moves.
    pub room: usize,
    /// The x axis.
    pub along: Along,
    /// Dashed lines: π*. (A)
    pub star: Vec<f64>,
    /// Dotted lines: π_ref. (A)
    pub reference: Vec<f64>,
}

impl Panel {
    /// A panel with curves and nothing else.
    fn new(loss: Loss, x: Vec<f64>, pi: Vec<Vec<f64>>, last: f64) -> Self {
        Self { loss, x, pi, bands: Vec::new(), ends: None, ghost: None, last, cursor: None, dimmed: false }
    }

    /// Recorded runs of one loss on prompt `x`: one as it is, several as a band with its median.
    pub fn of_traces(loss: Loss, traces: &[&Trace], prompt: usize, actions: usize, steps: u64) -> Self {
        let Some(first) = traces.first() else { return Self::new(loss, Vec::new(), Vec::new(), steps as f64) };
        let snapshots = first.drawn(usize::MAX);
        let x: Vec<f64> = snapshots.iter().map(|k| first.step(*k) as f64).collect();
        if traces.len() == 1 {
            let pi = (0..actions).map(|a| first.probabilities(&snapshots, prompt, a, actions)).collect();
            return Self::new(loss, x, pi, steps as f64);
        }
        let bands: Vec<Band> = (0..actions).map(|a| Band::of(traces, &snapshots, prompt, a, actions)).collect();
        let pi = bands.iter().map(|b| b.median.clone()).collect();
        Self { bands, ..Self::new(loss, x, pi, steps as f64) }
    }

    /// Exact minimisers of prompt `x` over a sweep.
    pub fn of_series(series: &Series, prompt: usize, values: &[f64]) -> Self {
        let found = &series.prompts[prompt];
        let actions = found.first().map_or(0, |m| m.log_pi.len());
        let pi = (0..actions).map(|a| found.iter().map(|m| exp(m.log_pi[a])).collect()).collect();
        let last = values.last().copied().unwrap_or(1.0);
        Self::new(series.loss.loss, values.to_vec(), pi, last)
    }
}

/// Left of a row, for its axis' labels.
const AXIS: f64 = 30.0;
/// The least width of a panel with its labels.
const LEAST: f64 = 140.0;
/// Room beyond either end of an axis whose limits are marked.
const GUTTER: f64 = 11.0;
/// Height that a panel may have however narrow it is.
const TALLEST: f64 = 240.0;
const TITLE: f64 = 24.0;
const FOOT: f64 = 24.0;

/// Columns in which panels and the key, which stands in a cell of its own, fill a width evenly.
fn columns(width: f64, panels: usize) -> usize {
    let cells = panels + 1;
    let fit = ((width - AXIS) / LEAST).max(1.0) as usize;
    cells.div_ceil(cells.div_ceil(fit))
}

/// The height that a width asks for, of so many panels.
pub fn height(width: f64, panels: usize) -> f64 {
    let columns = columns(width, panels);
    let plot = (0.62 * (width - AXIS) / columns as f64).clamp(96.0, 150.0);
    (panels + 1).div_ceil(columns) as f64 * (TITLE + plot + FOOT) + 4.0
}

/// Opacity of the k-th of n actions' curves: the first is full.
fn shade(k: usize, n: usize) -> f64 {
    if n < 2 { 1.0 } else { 1.0 - 0.42 * k as f64 / (n - 1) as f64 }
}

/// Actions up to which curves are labelled one by one, and levels drawn across.
const LABELLED: usize = 6;
/// Length of a level at an edge, in CSS pixels, where there are more actions.
const EDGE: f64 = 16.0;

impl Panels {
    /// Draws the row, broken into as many lines as the width needs.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        self.draw_still(s, theme, r);
        self.draw_cursors(s, theme, r);
    }

    /// All but the cursors.
    pub fn draw_still<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        for (panel, plot, first) in self.plots(r) {
            self.draw_one(s, theme, plot, panel, first);
        }
        self.draw_key(s, theme, self.cell(r, self.panels.len()));
    }

    /// The chosen value in every panel.
    pub fn draw_cursors<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        for (panel, plot, _) in self.plots(r) {
            if let Some(at) = panel.cursor {
                axis::cursor(s, theme, plot, self.x_scale(plot, panel).0.at(at));
            }
        }
    }

    /// Whether nothing but cursors has moved. Never along steps, where what follows the cursor is drawn another way.
    pub fn is_still(&self, before: &Self) -> bool {
        fn curves(panel: &Panel) -> impl PartialEq + '_ {
            let Panel { loss, x, pi, bands, ends, ghost, last, cursor: _, dimmed } = panel;
            (loss, x, pi, bands, ends, ghost, last, dimmed)
        }
        fn shared(panels: &Panels) -> impl PartialEq + '_ {
            let Panels { panels: _, room, along, star, reference } = panels;
            (room, along, star, reference)
        }
        self.along != Along::Steps
            && shared(self) == shared(before)
            && self.panels.iter().map(curves).eq(before.panels.iter().map(curves))
    }

    /// The place of the k-th panel, or behind the last one of the key.
    fn cell(&self, r: Region, k: usize) -> Region {
        let columns = columns(r.w, self.panels.len());
        let rows = (self.panels.len() + 1).div_ceil(columns);
        let w = (r.w - AXIS) / columns as f64;
        let h = r.h / rows as f64;
        // In the room of those that are hidden the others grow, and keep a shape in which slopes can be judged.
        let h = if self.panels.len() < self.room { h.min(w.max(TALLEST)) } else { h };
        let (column, row) = (k % columns, k / columns);
        Region { x: r.x + AXIS + column as f64 * w, y: r.y + row as f64 * h, w, h }
    }

    /// Each panel with the place of its plot, and whether it is the first of its line.
    fn plots(&self, r: Region) -> impl Iterator<Item = (&Panel, Region, bool)> {
        let columns = columns(r.w, self.panels.len());
        let labels = if self.star.len() <= LABELLED { 26.0 } else { 4.0 };
        let gutter = if self.panels.iter().any(|p| p.ends.is_some()) { GUTTER } else { 0.0 };
        self.panels.iter().enumerate().map(move |(k, panel)| {
            let plot = self.cell(r, k).inset(gutter, TITLE, 8.0 + labels + gutter, FOOT);
            (panel, plot, k % columns == 0)
        })
    }

    /// What the lines and points are that all panels have.
    fn draw_key<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, cell: Region) {
        const SPACE: f64 = 19.0;
        let (left, right) = (cell.x + 4.0, cell.x + 28.0);
        let mut y = cell.y + TITLE + 6.0;
        let entry = |s: &mut Sketch<DB>, y: f64, text: &str| {
            s.text((right + 8.0, y), text, Type::plain(12.0, theme.soft, Anchor::Left));
        };
        s.line(&[(left, y), (right, y)], star_line(theme));
        s.symbol((right + 8.0, y), "π*", "", Type::plain(13.5, theme.ink, Anchor::Left));
        y += SPACE;
        s.line(&[(left, y), (right, y)], reference_line(theme));
        s.symbol((right + 8.0, y), "π", "ref", Type::plain(13.5, theme.ink, Anchor::Left));
        y += SPACE;
        let middle = 0.5 * (left + right);
        if self.panels.iter().any(|p| p.ends.is_some()) {
            s.disc((middle, y), 2.75, theme.soft.to_rgba());
            entry(s, y, "λ → 0, λ → ∞");
            y += SPACE;
        }
        if self.panels.iter().any(|p| !p.bands.is_empty()) {
            let band = [(left, y - 5.0), (right, y - 5.0), (right, y + 5.0), (left, y + 5.0)];
            s.polygon(&band, theme.soft.mix(0.3));
            s.line(&[(left, y), (right, y)], Stroke::solid(theme.soft, 2.0));
            entry(s, y, "median, range");
            y += SPACE;
        }
        if self.panels.iter().any(|p| p.ghost.is_some()) {
            s.ring((middle, y), 4.0, theme.ink, 1.25);
            entry(s, y, "the paper");
        }
    }

    /// The curve under a pixel. A panel belongs to one loss: near no curve of it, the loss is still meant.
    pub fn reading(&self, r: Region, (px, py): (f64, f64)) -> Option<Reading> {
        let inside = |plot: &Region| {
            px >= plot.x - 4.0 && px <= plot.right() + 26.0 && py >= plot.y - TITLE && py <= plot.bottom() + 6.0
        };
        let (panel, plot, _) = self.plots(r).find(|(_, plot, _)| inside(plot))?;
        let (x, _) = self.x_scale(plot, panel);
        let y = Scale::linear(0.0, 1.0, plot.bottom(), plot.y);
        let (k, ..) = reading::nearest(panel.x.iter().map(|v| (x.at(*v), py)), (px, py))?;
        let (action, at, _) = reading::nearest(panel.pi.iter().map(|pi| (x.at(panel.x[k]), y.at(pi[k]))), (px, py))?;
        let along = match self.along {
            Along::Steps => format!("step {}", panel.x[k]),
            Along::Lambda { .. } => format!("λ = {}", reading::digits(panel.x[k])),
            Along::Alpha { .. } => format!("α = {}", reading::digits(panel.x[k])),
        };
        let text = format!(
            "{}, {along}: π(y_{}) = {}",
            panel.loss.label(),
            action_name(action),
            reading::digits(panel.pi[action][k])
        );
        Some(Reading { loss: Some(panel.loss), text, at })
    }

    fn draw_one<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region, panel: &Panel, axis: bool) {
        let style = theme.style(panel.loss);
        let ink = if panel.dimmed { 0.25 } else { 1.0 };
        let y = Scale::linear(0.0, 1.0, r.bottom(), r.y);
        let (x, ticks) = self.x_scale(r, panel);
        // The plot with its gutters: levels and labels reach over both.
        let wide = if panel.ends.is_some() { r.inset(-GUTTER, 0.0, -GUTTER, 0.0) } else { r };
        // Names stand clear of the limits' points.
        let named = if panel.ends.is_some() { wide.inset(0.0, 0.0, -3.0, 0.0) } else { r };
        let ones: Vec<Tick> = [(0.0, "0"), (0.5, "0.5"), (1.0, "1")].map(|(v, l)| (v, l.to_owned())).into();
        s.text((wide.x, r.y - 13.0), panel.loss.label(), Type::plain(13.0, style.name, Anchor::Left).bold());
        axis::y_axis(s, theme, wide, y, &ones, axis);
        axis::x_axis(s, theme, wide, x, &ticks);
        // Levels of many actions stand at both edges only: across, they would be a hatch over the curves.
        let edges = [(wide.x, wide.x + EDGE), (wide.right() - EDGE, wide.right())];
        let spans = if self.star.len() > LABELLED { &edges[..] } else { &[(wide.x, wide.right())] };
        for (levels, stroke) in [(&self.reference, reference_line(theme)), (&self.star, star_line(theme))] {
            for at in heights(levels, y) {
                for (from, to) in spans {
                    s.line(&[(*from, at), (*to, at)], stroke);
                }
            }
        }
        for band in &panel.bands {
            let edge = |values: &[f64]| panel.x.iter().zip(values).map(|(a, b)| (x.at(*a), y.at(*b))).collect();
            let (low, mut outline): (Vec<_>, Vec<_>) = (edge(&band.least), edge(&band.greatest));
            outline.extend(low.into_iter().rev());
            s.polygon(&outline, style.colour.mix(0.22 * ink));
        }
        let n = panel.pi.len();
        for (k, pi) in panel.pi.iter().enumerate().rev() {
            let points: Vec<_> = panel.x.iter().zip(pi).map(|(a, b)| (x.at(*a), y.at(*b))).collect();
            let stroke = Stroke::solid(style.colour, style.width * (0.5 + 0.5 * shade(k, n))).faint(ink * shade(k, n));
            self.curve(s, r, panel, &points, x, stroke);
        }
        if let Some(ends) = &panel.ends {
            draw_ends(s, theme, r, y, ends, style.colour.mix(ink));
        }
        for p in panel.ghost.iter().flatten() {
            // Inside the plot, clear of the curves' names.
            let at = (r.right() - 5.0, y.at(*p));
            s.ring(at, 4.0, theme.paper, 4.0);
            s.ring(at, 4.0, theme.ink, 1.25);
        }
        if n <= LABELLED {
            label_ends(s, theme, named, y, panel, ink);
        }
    }

    /// A curve; along steps, what lies after the cursor is only hinted at.
    fn curve<DB: Surface>(
        &self,
        s: &mut Sketch<DB>,
        r: Region,
        panel: &Panel,
        points: &[(f64, f64)],
        x: Scale,
        stroke: Stroke,
    ) {
        match (self.along, panel.cursor) {
            (Along::Steps, Some(cursor)) => {
                let at = x.at(cursor).clamp(r.x, r.right());
                let split = points.partition_point(|p| p.0 <= at + 1e-6);
                s.line(&points[split.saturating_sub(1)..], stroke.faint(0.28));
                s.line(&points[..split], stroke);
            }
            _ => s.line(points, stroke),
        }
    }

    fn x_scale(&self, r: Region, panel: &Panel) -> (Scale, Vec<Tick>) {
        let few = if r.w < 110.0 { 2 } else { 3 };
        match self.along {
            Along::Steps => {
                let ends = vec![(0.0, "0".to_owned()), (panel.last, axis::short_number(panel.last))];
                (Scale::linear(0.0, panel.last, r.x, r.right()), ends)
            }
            Along::Lambda { from, to } => {
                let x = Scale::log(from, to, r.x, r.right());
                if panel.ends.is_none() {
                    return (x, axis::decade_ticks(from, to, few));
                }
                // The limits take the place of the outermost decades.
                let decades = axis::decade_ticks(from, to, few + 1);
                let inside = |t: &Tick| x.at(t.0) > r.x + 18.0 && x.at(t.0) < r.right() - 18.0;
                let at = |pixel: f64| (from.ln() + (pixel - r.x) / r.w.max(1.0) * (to / from).ln()).exp();
                let limits = [(at(r.x - GUTTER), "0".to_owned()), (at(r.right() + GUTTER), "∞".to_owned())];
                (x, decades.into_iter().filter(inside).chain(limits).collect())
            }
            Along::Alpha { from, to } => (
                Scale::linear(from, to, r.x, r.right()),
                vec![(from, axis::short_number(from)), (to, axis::short_number(to))],
            ),
        }
    }
}

/// Where both limits of λ lead: a point for each action beyond the axis, tied to its curve's end.
fn draw_ends<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, r: Region, y: Scale, ends: &Ends, colour: RGBAColor) {
    for (policy, at) in [(&ends.low, r.x - GUTTER), (&ends.high, r.right() + GUTTER)] {
        for p in policy {
            s.disc((at, y.at(*p)), 4.0, theme.paper.to_rgba());
            s.disc((at, y.at(*p)), 2.75, colour);
        }
    }
}

/// Where levels stand, each place once: dashes upon dashes are no longer dashes.
fn heights(levels: &[f64], y: Scale) -> Vec<f64> {
    // From the greatest level, at the top of the screen, down.
    let mut heights: Vec<f64> = ascending(levels).into_iter().rev().map(|k| y.at(levels[k])).collect();
    heights.dedup_by(|a, b| *a - *b < 0.5);
    heights
}

/// Names the curves at their right ends, or at their limits, spread so that no two names overlap and each tied to its end.
fn label_ends<DB: Surface>(s: &mut Sketch<DB>, theme: &Theme, r: Region, y: Scale, panel: &Panel, ink: f64) {
    const SPACE: f64 = 12.5;
    let style = theme.style(panel.loss);
    let mixed = blend(style.name, theme, ink);
    let last = |k: usize| panel.ends.as_ref().map_or_else(|| panel.pi[k].last(), |e| e.high.get(k)).copied();
    let ends: Vec<f64> = (0..panel.pi.len()).filter_map(last).map(|p| y.at(p)).collect();
    let places = axis::spread(&ends, SPACE, (r.y, r.bottom() - 2.0));
    for (k, (end, at)) in ends.into_iter().zip(places).enumerate() {
        axis::leader(s, (r.right() + 1.0, end), (r.right() + 8.0, at), style.colour.mix(ink));
        s.symbol((r.right() + 9.0, at - 2.0), "y", &action_name(k), Type::plain(13.0, mixed, Anchor::Left));
    }
}

/// π* in every panel.
fn star_line(theme: &Theme) -> Stroke {
    Stroke::solid(theme.soft, 1.25).dashed(&[5.0, 3.5]).faint(0.9)
}

/// `π_ref` in every panel.
fn reference_line(theme: &Theme) -> Stroke {
    Stroke::solid(theme.soft, 1.0).dashed(&[1.5, 3.5]).faint(0.8)
}

/// A colour laid over the paper: text has no opacity of its own in every backend.
fn blend(colour: RGBColor, theme: &Theme, opacity: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) * opacity + f64::from(b) * (1.0 - opacity)).round() as u8;
    RGBColor(mix(colour.0, theme.paper.0), mix(colour.1, theme.paper.1), mix(colour.2, theme.paper.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_and_their_key_fill_whole_rows_at_every_width() {
        for (width, panels, expected) in
            [(328.0, 5, 2), (500.0, 5, 3), (600.0, 5, 3), (730.0, 5, 3), (1055.0, 5, 6), (328.0, 1, 2), (600.0, 2, 3)]
        {
            assert_eq!(columns(width, panels), expected, "{width} px, {panels} panels");
            assert!((width - AXIS) / expected as f64 >= LEAST, "{width} px, {panels} panels");
        }
        assert_eq!(columns(60.0, 5), 1);
    }

    #[test]
    fn levels_in_one_place_are_one_line() {
        let y = Scale::linear(0.0, 1.0, 100.0, 0.0);
        assert_eq!(heights(&[0.25, 0.5, 0.25, 0.251], y).len(), 2);
        assert_eq!(heights(&[1.0 / 16.0; 16], y), [93.75]);
    }

    #[test]
    fn only_cursors_may_move_over_what_is_still() {
        let along = Along::Lambda { from: 0.1, to: 10.0 };
        let panel = Panel::new(Loss::Typo, vec![0.1, 10.0], vec![vec![0.4, 0.5], vec![0.6, 0.5]], 10.0);
        let before =
            Panels { panels: vec![panel.clone(), panel], room: 2, along, star: vec![0.4], reference: vec![0.6] };
        let after = |change: fn(&mut Panels)| {
            let mut now = before.clone();
            change(&mut now);
            now.is_still(&before)
        };
        assert!(after(|_| ()) && after(|p| p.panels[1].cursor = Some(2.0)));
        let changes: [fn(&mut Panels); 12] = [
            |p| p.panels[0].loss = Loss::Ipo,
            |p| p.panels[0].x[0] = 0.2,
            |p| p.panels[0].pi[1][1] = 0.4,
            |p| p.panels[0].bands = vec![Band { median: vec![], least: vec![], greatest: vec![] }],
            |p| p.panels[0].ends = Some(Ends { low: vec![], high: vec![] }),
            |p| p.panels[0].ghost = Some(vec![]),
            |p| p.panels[0].last = 9.0,
            |p| p.panels[0].dimmed = true,
            |p| p.panels.truncate(1),
            |p| p.room = 3,
            |p| p.star[0] = 0.3,
            |p| p.reference[0] = 0.3,
        ];
        assert!(changes.into_iter().all(|change| !after(change)));
        let steps = Panels { along: Along::Steps, ..before.clone() };
        assert!(!steps.is_still(&steps) && !steps.is_still(&before));
    }
}
