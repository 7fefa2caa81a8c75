//! Policies over any number of actions, where a triangle cannot show them: bars with a marker a loss, and a heat map of every
//! policy by action.

use plotters::style::{Color, RGBColor};

use super::action_name;
use super::axis::{self, Scale};
use super::reading::{self, Reading};
use super::sketch::{Anchor, Region, Sketch, Stroke, Surface, Type};
use super::theme::Theme;
use crate::loss::Loss;

/// One loss's policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// The loss.
    pub loss: Loss,
    /// At the cursor of the training; the exact minimiser before there is a run. (A)
    pub pi: Vec<f64>,
    /// The exact minimiser. (A)
    pub minimiser: Vec<f64>,
    /// Faded, while another loss has the reader's attention.
    pub dimmed: bool,
}

/// The policies of one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Policies {
    /// `π_ref`. (A)
    pub reference: Vec<f64>,
    /// `π*`. (A)
    pub star: Vec<f64>,
    /// One a loss.
    pub losses: Vec<Policy>,
    /// Losses that the figure has room for: one that is hidden keeps its room, so that nothing below moves.
    pub room: usize,
}

/// Height of a row of the heat map.
const ROW: f64 = 22.0;
/// Height of the bars.
const BARS: f64 = 190.0;
/// Room for the rows' names.
const LEFT: f64 = 56.0;

impl Policies {
    /// The height that they ask for, in CSS pixels.
    pub fn height(&self) -> f64 {
        BARS + 40.0 + ROW * (self.room + 2) as f64 + 44.0
    }

    /// Draws them.
    pub fn draw<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let (bars, heat) = self.places(r);
        self.draw_bars(s, theme, bars);
        self.draw_heat(s, theme, heat);
    }

    /// Where the bars stand, and below them the heat map.
    fn places(&self, r: Region) -> (Region, Region) {
        let bars = Region { x: r.x + LEFT, y: r.y + 8.0, w: r.w - LEFT - 8.0, h: BARS };
        (bars, Region { y: bars.bottom() + 40.0, h: ROW * (self.losses.len() + 2) as f64, ..bars })
    }

    /// The bars' scale: it ends above the largest of all.
    fn scale(&self, r: Region) -> (f64, Scale) {
        let all =
            self.losses.iter().flat_map(|l| l.pi.iter().chain(&l.minimiser)).chain(&self.star).chain(&self.reference);
        let most = (1.08 * all.copied().fold(0.0, f64::max).max(1e-3)).min(1.0);
        (most, Scale::linear(0.0, most, r.bottom(), r.y))
    }

    /// Of how many actions one is named, so that names of such a width do not meet.
    fn named(&self, r: Region, width: f64) -> usize {
        (width * self.reference.len() as f64 / r.w).ceil().max(1.0) as usize
    }

    /// The left and right edge of an action's bar.
    fn slot(&self, r: Region, action: usize) -> (f64, f64) {
        let slot = r.w / self.reference.len() as f64;
        (r.x + slot * (action as f64 + 0.12), r.x + slot * (action as f64 + 0.88))
    }

    /// A marker's radius: no more than its share of a bar is wide, as long as its shape can be told.
    fn radius(&self, r: Region) -> f64 {
        let (left, right) = self.slot(r, 0);
        (0.8 * (right - left) / self.losses.len().max(1) as f64).clamp(1.75, 4.0)
    }

    /// The marker of a loss in a bar, and the ring of its minimiser above or below, where the training has not arrived: there its
    /// marker says the same.
    fn places_in(&self, r: Region, y: Scale, action: usize, loss: usize) -> ((f64, f64), Option<(f64, f64)>) {
        let (left, right) = self.slot(r, action);
        let x = left + (right - left) * (loss as f64 + 0.5) / self.losses.len() as f64;
        let Policy { pi, minimiser, dimmed, .. } = &self.losses[loss];
        let (at, ring) = (y.at(pi[action]), y.at(minimiser[action]));
        let is_apart = !dimmed && (ring - at).abs() > 2.0 * self.radius(r);
        ((x, at), is_apart.then_some((x, ring)))
    }

    /// The marker, bar or cell under a pixel.
    pub fn reading(&self, r: Region, pointer: (f64, f64)) -> Option<Reading> {
        let (bars, heat) = self.places(r);
        let actions = self.reference.len();
        let told = |loss: Option<Loss>, name: &str, pi: &[f64], action: usize, at: (f64, f64)| {
            let text = format!("{name}: π(y_{}) = {}", action_name(action), reading::digits(pi[action]));
            Some(Reading { loss, text, at })
        };
        let inside = |r: Region| (r.x..r.right()).contains(&pointer.0) && (r.y..r.bottom()).contains(&pointer.1);
        let column = |r: Region| ((pointer.0 - r.x) / r.w * actions as f64) as usize;
        if inside(heat) {
            let row = ((pointer.1 - heat.y) / ROW) as usize;
            let at = (pointer.0, heat.y + ROW * row as f64);
            return match row {
                0 => told(None, "π*", &self.star, column(heat), at),
                1 => told(None, "π_ref", &self.reference, column(heat), at),
                _ => self.losses.get(row - 2).and_then(|l| told(Some(l.loss), l.loss.label(), &l.pi, column(heat), at)),
            };
        }
        if !inside(bars) {
            return None;
        }
        let (action, (_, y)) = (column(bars), self.scale(bars));
        let (markers, rings): (Vec<_>, Vec<_>) =
            (0..self.losses.len()).map(|l| self.places_in(bars, y, action, l)).unzip();
        // A ring that is not drawn is nowhere.
        let rings = rings.into_iter().map(|at| at.unwrap_or((f64::INFINITY, 0.0)));
        let places = markers.into_iter().chain(rings);
        match reading::nearest(places, pointer).filter(|n| n.2 <= reading::NEAR) {
            Some((k, at, _)) => {
                let Policy { loss, pi, minimiser, .. } = &self.losses[k % self.losses.len()];
                if k < self.losses.len() {
                    told(Some(*loss), loss.label(), pi, action, at)
                } else {
                    told(Some(*loss), &[loss.label(), ", minimiser"].concat(), minimiser, action, at)
                }
            }
            None => told(None, "π*", &self.star, action, (pointer.0, y.at(self.star[action]))),
        }
    }

    /// π* as bars, π_ref as a line across each, and every loss's marker beside the others'.
    fn draw_bars<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let (most, y) = self.scale(r);
        axis::y_axis(s, theme, r, y, &axis::round_ticks(most, 4), true);
        let radius = self.radius(r);
        let every = self.named(r, 24.0);
        for k in 0..self.reference.len() {
            let (left, right) = self.slot(r, k);
            let bar = |p: f64| [(left, y.at(0.0)), (left, y.at(p)), (right, y.at(p)), (right, y.at(0.0))];
            s.polygon(&bar(self.star[k]), theme.ink.mix(0.12));
            s.line(&[(left, y.at(self.star[k])), (right, y.at(self.star[k]))], Stroke::solid(theme.ink, 2.0));
            let at = y.at(self.reference[k]);
            s.line(&[(left, at), (right, at)], Stroke::solid(theme.soft, 1.5).dashed(&[2.0, 3.0]));
            for (place, l) in self.losses.iter().enumerate() {
                let (style, (at, ring)) = (theme.style(l.loss), self.places_in(r, y, k, place));
                if let Some(ring) = ring {
                    s.ring(ring, 0.85 * radius, theme.paper, 3.0);
                    s.ring(ring, 0.85 * radius, style.colour, 1.5);
                }
                s.marker(at, style.marker, if l.dimmed { 0.6 * radius } else { radius }, style.colour, theme.paper);
            }
            if k % every != 0 {
                continue;
            }
            s.symbol(
                (0.5 * (left + right), r.bottom() + 15.0),
                "y",
                &action_name(k),
                Type::plain(14.0, theme.ink, Anchor::Centre),
            );
        }
    }

    /// A row a policy, a column an action; the darker, the likelier, by the square root, so that small ones show.
    fn draw_heat<DB: Surface>(&self, s: &mut Sketch<DB>, theme: &Theme, r: Region) {
        let cell = r.w / self.reference.len() as f64;
        let given: [(&str, &str, &[f64], RGBColor); 2] =
            [("π*", "", &self.star, theme.ink), ("π", "ref", &self.reference, theme.ink)];
        let named = |y: f64| (r.x - 8.0, y + 0.5 * ROW - 1.0);
        let mut y = r.y;
        for (base, sub, pi, colour) in given {
            s.symbol(named(y), base, sub, Type::plain(15.0, theme.ink, Anchor::Right));
            heat_row(s, theme, (r.x, y, cell), pi, colour);
            y += ROW;
        }
        for l in &self.losses {
            let style = theme.style(l.loss);
            s.text(named(y), l.loss.name(), Type::plain(13.0, style.name, Anchor::Right).bold());
            heat_row(s, theme, (r.x, y, cell), &l.pi, style.colour);
            y += ROW;
        }
        let every = self.named(r, 40.0);
        for k in (0..self.reference.len()).step_by(every) {
            let x = r.x + cell * (k as f64 + 0.5);
            s.symbol((x, y + 12.0), "y", &action_name(k), Type::plain(12.0, theme.soft, Anchor::Centre));
        }
    }
}

fn heat_row<DB: Surface>(
    s: &mut Sketch<DB>,
    theme: &Theme,
    (x, y, cell): (f64, f64, f64),
    pi: &[f64],
    colour: RGBColor,
) {
    for (k, p) in pi.iter().enumerate() {
        let (left, right) = (x + cell * k as f64, x + cell * (k as f64 + 1.0));
        let corners = [(left + 0.5, y), (right - 0.5, y), (right - 0.5, y + ROW - 2.0), (left + 0.5, y + ROW - 2.0)];
        s.polygon(&corners, theme.grid.mix(0.5));
        s.polygon(&corners, colour.mix(p.max(0.0).sqrt()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_and_the_rings_that_are_drawn_are_read_where_they_stand() {
        let policy = |loss, pi: [f64; 2], minimiser: [f64; 2]| Policy {
            loss,
            pi: pi.into(),
            minimiser: minimiser.into(),
            dimmed: false,
        };
        let figure = Policies {
            reference: vec![0.5, 0.5],
            star: vec![0.9, 0.1],
            losses: vec![policy(Loss::Dpo, [0.6, 0.4], [0.2, 0.8]), policy(Loss::Typo, [0.7, 0.3], [0.7, 0.3])],
            room: 2,
        };
        let r = Region::of(400.0, figure.height());
        let (bars, _) = figure.places(r);
        let y = figure.scale(bars).1;
        let read = |at| figure.reading(r, at).expect("a reading").text;
        let (marker, ring) = figure.places_in(bars, y, 0, 0);
        assert_eq!(read(marker), "DPO: π(y_a) = 0.600");
        assert_eq!(read(ring.expect("apart from its marker")), "DPO, minimiser: π(y_a) = 0.200");
        let (marker, ring) = figure.places_in(bars, y, 1, 1);
        assert_eq!((read(marker), ring), ("TYPO: π(y_b) = 0.300".to_owned(), None));
    }
}
