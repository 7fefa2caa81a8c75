//! Small multiples: a panel a loss, the probability of each action against training steps or against λ.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::action_name;
use super::axis::{self, Scale, Tick};
use super::sketch::{Anchor, Region, Sketch, Stroke, Type};
use super::theme::Theme;
use crate::loss::Loss;
use crate::solve::sweep::Series;
use crate::trace::Trace;

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

/// One loss's panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// The loss.
    pub loss: Loss,
    /// Where along x. (T)
    pub x: Vec<f64>,
    /// Probabilities, an action after another. (A × T)
    pub pi: Vec<Vec<f64>>,
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
    /// The x axis.
    pub along: Along,
    /// Dashed lines: π*. (A)
    pub star: Vec<f64>,
    /// Dotted lines: π_ref. (A)
    pub reference: Vec<f64>,
}

impl Panel {
    /// A recorded run on prompt `x`.
    pub fn of_trace(loss: Loss, trace: &Trace, prompt: usize, actions: usize, steps: u64) -> Self {
        let pi = (0..actions)
            .map(|a| (0..trace.len()).map(|k| trace.policy(k, prompt, actions)[a].exp()).collect())
            .collect();
        let x = trace.steps.iter().map(|s| *s as f64).collect();
        Self { loss, x, pi, last: steps as f64, cursor: None, dimmed: false }
    }

    /// Exact minimisers of prompt `x` over a sweep.
    pub fn of_series(series: &Series, prompt: usize, values: &[f64]) -> Self {
        let found = &series.prompts[prompt];
        let actions = found.first().map_or(0, |m| m.log_pi.len());
        let pi = (0..actions).map(|a| found.iter().map(|m| m.log_pi[a].exp()).collect()).collect();
        let last = values.last().copied().unwrap_or(1.0);
        Self { loss: series.loss.loss, x: values.to_vec(), pi, last, cursor: None, dimmed: false }
    }
}

/// Columns that fit a width.
pub fn columns(width: f64, panels: usize) -> usize {
    let fit = ((width - 30.0) / 102.0).floor() as usize;
    if fit >= panels {
        panels
    } else if panels == 5 {
        // Five in rows of three and two, or of two; never a single one alone where it can be helped.
        fit.clamp(2, 3)
    } else {
        fit.clamp(1, panels.max(1))
    }
}

const TITLE: f64 = 24.0;
const FOOT: f64 = 24.0;

/// The height that a width asks for.
pub fn height(width: f64, panels: usize, plot: f64) -> f64 {
    let rows = panels.div_ceil(columns(width, panels).max(1));
    rows as f64 * (TITLE + plot + FOOT) + 4.0
}

/// Opacity of the k-th of n actions' curves: the first is full.
fn shade(k: usize, n: usize) -> f64 {
    if n < 2 { 1.0 } else { 1.0 - 0.42 * k as f64 / (n - 1) as f64 }
}

/// Actions up to which curves are labelled one by one.
const LABELLED: usize = 6;

impl Panels {
    /// Draws the row, broken into as many lines as the width needs.
    pub fn draw<DB: DrawingBackend>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let count = self.panels.len();
        if count == 0 {
            return;
        }
        let columns = columns(r.w, count);
        let rows = count.div_ceil(columns);
        let (axis, gap) = (30.0, 8.0);
        let cell_w = (r.w - axis) / columns as f64;
        let cell_h = r.h / rows as f64;
        for (k, panel) in self.panels.iter().enumerate() {
            let (column, row) = (k % columns, k / columns);
            let cell =
                Region { x: r.x + axis + column as f64 * cell_w, y: r.y + row as f64 * cell_h, w: cell_w, h: cell_h };
            let labels = if self.panels[0].pi.len() <= LABELLED { 20.0 } else { 4.0 };
            let plot = cell.inset(0.0, TITLE, gap + labels, FOOT);
            self.draw_one(s, theme, plot, panel, column == 0);
        }
    }

    fn draw_one<DB: DrawingBackend>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region, panel: &Panel, axis: bool) {
        let style = theme.style(panel.loss);
        let ink = if panel.dimmed { 0.25 } else { 1.0 };
        let y = Scale::linear(0.0, 1.0, r.bottom(), r.y);
        let (x, ticks) = self.x_scale(r, panel);
        let ones: Vec<Tick> = [(0.0, "0"), (0.5, "0.5"), (1.0, "1")].map(|(v, l)| (v, l.to_owned())).into();
        s.text((r.x, r.y - 13.0), panel.loss.name(), Type::plain(13.0, style.name, Anchor::Left).bold());
        axis::y_axis(s, theme, r, y, &ones, axis);
        axis::x_axis(s, theme, r, x, &ticks);
        for p in &self.reference {
            s.line(&level(r, y, *p), Stroke::solid(theme.soft, 1.0).dashed(&[1.5, 3.5]).faint(0.8));
        }
        for p in &self.star {
            s.line(&level(r, y, *p), Stroke::solid(theme.soft, 1.25).dashed(&[5.0, 3.5]).faint(0.9));
        }
        let n = panel.pi.len();
        for (k, pi) in panel.pi.iter().enumerate().rev() {
            let points: Vec<_> = panel.x.iter().zip(pi).map(|(a, b)| (x.at(*a), y.at(*b))).collect();
            self.curve(
                s,
                r,
                panel,
                &points,
                x,
                Stroke::solid(style.colour, style.width * (0.5 + 0.5 * shade(k, n))).faint(ink * shade(k, n)),
            );
        }
        if let Some(at) = panel.cursor {
            let at = x.at(at).clamp(r.x, r.right());
            s.line(&[(at, r.y), (at, r.bottom())], Stroke::solid(theme.accent, 1.5));
        }
        if n <= LABELLED {
            label_ends(s, theme, r, y, panel, ink);
        }
    }

    /// A curve; along steps, what lies after the cursor is only hinted at.
    fn curve<DB: DrawingBackend>(
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
            Along::Lambda { from, to } => (Scale::log(from, to, r.x, r.right()), axis::decade_ticks(from, to, few)),
            Along::Alpha { from, to } => (
                Scale::linear(from, to, r.x, r.right()),
                vec![(from, axis::short_number(from)), (to, axis::short_number(to))],
            ),
        }
    }
}

fn level(r: Region, y: Scale, p: f64) -> [(f64, f64); 2] {
    [(r.x, y.at(p)), (r.right(), y.at(p))]
}

/// Names the curves at their right ends, spread so that no two names overlap.
fn label_ends<DB: DrawingBackend>(s: &mut Sketch<DB>, theme: &Theme, r: Region, y: Scale, panel: &Panel, ink: f64) {
    const SPACE: f64 = 12.5;
    let colour = theme.style(panel.loss).name;
    let mut ends: Vec<(f64, usize)> =
        panel.pi.iter().enumerate().filter_map(|(k, p)| p.last().map(|v| (y.at(*v), k))).collect();
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for k in 1..ends.len() {
        ends[k].0 = ends[k].0.max(ends[k - 1].0 + SPACE);
    }
    let mut lowest = r.bottom() + 2.0;
    for end in ends.iter_mut().rev() {
        end.0 = end.0.min(lowest);
        lowest = end.0 - SPACE;
    }
    let mixed = blend(colour, theme, ink);
    for (at, k) in ends {
        s.symbol((r.right() + 4.0, at - 2.0), "y", &action_name(k), Type::plain(13.0, mixed, Anchor::Left));
    }
}

/// A colour laid over the paper: text has no opacity of its own in every backend.
fn blend(colour: RGBColor, theme: &Theme, opacity: f64) -> RGBColor {
    let mix = |a: u8, b: u8| (f64::from(a) * opacity + f64::from(b) * (1.0 - opacity)).round() as u8;
    RGBColor(mix(colour.0, theme.paper.0), mix(colour.1, theme.paper.1), mix(colour.2, theme.paper.2))
}
