//! The paper's figures as SVG, from the same drawing code and the same numbers as the page.

use std::sync::Arc;

use plotters_svg::SVGBackend;

use super::distance::{Curve, Distances};
use super::panels::{self, Ends, Panel, Panels};
use super::sketch::{Anchor, FINE, Region, Sketch, Type};
use super::svg::render;
use super::theme::Theme;
use super::{shapes, triangle};
use crate::simplex::probs;
use crate::solve::sweep::{self, Series};
use crate::solve::verdict::Limits;
use crate::solve::{ExactSolver, Run};
use crate::spec::{Preset, Problem, Spec, SpecError};
use crate::trace::Trace;

/// Figures of the paper that this program draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Number {
    /// Learning curves at small λ, with the triangle.
    #[cfg_attr(feature = "cli", value(name = "2"))]
    Two,
    /// Preservation and constraint tests.
    #[cfg_attr(feature = "cli", value(name = "3"))]
    Three,
    /// Learning curves at large λ.
    #[cfg_attr(feature = "cli", value(name = "5"))]
    Five,
    /// Converged policies over λ.
    #[cfg_attr(feature = "cli", value(name = "6"))]
    Six,
    /// DPO's penalty between ℓ₀ and ℓ₁.
    #[cfg_attr(feature = "cli", value(name = "8"))]
    Eight,
    /// Figure 2 with a title, in the shape of a card that goes with a link.
    Card,
}

impl Number {
    /// What is computed before it can be drawn, in words.
    pub fn work(self) -> &'static str {
        match self {
            Self::Two | Self::Five | Self::Card => "training every loss, then finding its minimisers over λ",
            Self::Three => "finding every loss's minimisers over λ, then those of RLHF and DPO over α",
            Self::Six => "finding every loss's minimisers over λ, and their limits",
            Self::Eight => "drawing DPO's penalty",
        }
    }
}

/// Draws a figure; a given experiment replaces the paper's settings.
///
/// # Errors
/// Where the experiment cannot be resolved or drawn.
pub fn svg(number: Number, spec: Option<&Spec>, theme: &Theme) -> Result<String, SpecError> {
    let given = |preset: Preset| spec.cloned().unwrap_or_else(|| preset.spec());
    match number {
        Number::Two => learning(&given(Preset::Figure2), theme),
        Number::Five => learning(&given(Preset::Figure5), theme),
        Number::Six => converged(&given(Preset::Figure6), theme),
        Number::Three => tests(&given(Preset::Figure3Preservation), &Preset::Figure3Constraint.spec(), theme),
        Number::Card => card(&given(Preset::Figure2), theme),
        Number::Eight if spec.is_some() => {
            let why = "draws DPO's penalty at every γ, whatever the experiment; leave out --spec";
            Err(SpecError::new("figure 8", why))
        }
        Number::Eight => render(620.0, 380.0, theme, |s, r| shapes::Penalties { gamma: None }.draw(s, theme, r)),
    }
}

/// Every loss's recorded run.
pub fn traces(problem: &Arc<Problem>) -> Vec<Trace> {
    (0..problem.losses.len())
        .map(|k| {
            let mut trace = Trace::new(problem.prompts.len() * problem.actions());
            for snapshot in Run::new(Arc::clone(problem), k) {
                trace.push(&snapshot);
            }
            trace
        })
        .collect()
}

fn learning(spec: &Spec, theme: &Theme) -> Result<String, SpecError> {
    spec.check_training()?;
    spec.check_sweep()?;
    let problem = Arc::new(Problem::new(spec)?);
    let traces = traces(&problem);
    let prompt = &problem.prompts[0];
    let series = over_lambda(&problem, spec);
    let panels = Panels {
        panels: problem
            .losses
            .iter()
            .zip(&traces)
            .map(|(l, t)| {
                let steps = l.steps_under(&problem.optimiser);
                Panel::of_traces(l.loss, &[t], 0, problem.actions(), steps)
            })
            .collect(),
        room: problem.losses.len(),
        along: panels::Along::Steps,
        star: probs(&prompt.log_star),
        reference: probs(&prompt.log_ref),
    };
    let triangle = triangle_of(&problem, &traces, &series);
    let (w, h) = (1100.0, 460.0);
    render(w, h, theme, |s, r| {
        let left = if triangle.is_some() { 370.0 } else { 0.0 };
        if let Some(t) = &triangle {
            t.draw(s, theme, Region { w: left, ..r }.inset(8.0, 6.0, 0.0, 0.0));
        }
        let right = r.inset(left + 16.0, 34.0, 12.0, 6.0);
        s.text((right.x + 30.0, 18.0), "π(y) against training steps", Type::plain(13.0, theme.soft, Anchor::Left));
        panels.draw(s, theme, right);
    })
}

/// A link's card: 1200 × 630, as those who show them ask.
fn card(spec: &Spec, theme: &Theme) -> Result<String, SpecError> {
    let frame = render(1200.0, 630.0, theme, |s, _| {
        s.text((56.0, 62.0), "TYPO Lab", Type::plain(50.0, theme.ink, Anchor::Left).bold());
        let lines = [
            "What RLHF, DPO, IPO, f-DPO and TYPO do to a policy:",
            "drag a reference and a preference, and watch five losses learn.",
        ];
        for (k, line) in lines.into_iter().enumerate() {
            s.text((56.0, 112.0 + 32.0 * k as f64), line, Type::plain(25.0, theme.soft, Anchor::Left));
        }
    })?;
    // A drawing within a drawing keeps its own shape; its place is told in the outer one's fine units.
    let place = [("x", 66.0), ("y", 172.0), ("width", 1068.0), ("height", 447.0)];
    let place: String = place.iter().map(|(name, v)| format!("{name}=\"{}\" ", v * FINE)).collect();
    let inner = learning(spec, theme)?.replacen("width=\"1100\" height=\"460\"", place.trim_end(), 1);
    Ok(match frame.rfind("</svg>") {
        Some(end) => format!("{}{inner}{}", &frame[..end], &frame[end..]),
        None => frame,
    })
}

fn triangle_of(problem: &Problem, traces: &[Trace], series: &[Series]) -> Option<triangle::Triangle> {
    let prompt = &problem.prompts[0];
    let paths = problem.losses.iter().zip(traces).zip(series).map(|((l, t), s)| triangle::Path {
        loss: l.loss,
        run: (0..t.len()).filter_map(|k| triangle::three(t.policy(k, 0, problem.actions()))).collect(),
        others: Vec::new(),
        ghosts: Vec::new(),
        over_sweep: s.prompts[0].iter().filter_map(|m| triangle::three(&m.log_pi)).collect(),
        minimiser: triangle::three(&ExactSolver::new(problem, *l).solve()[0].log_pi),
        dimmed: false,
    });
    Some(triangle::Triangle {
        pi_ref: triangle::three(&prompt.log_ref)?,
        pi_star: triangle::three(&prompt.log_star)?,
        paths: paths.collect(),
        over: "λ",
    })
}

fn over_lambda(problem: &Problem, spec: &Spec) -> Vec<Series> {
    sweep::sweep(problem, &spec.sweep.over_lambda())
}

/// Minimisers over λ with their limits.
fn with_ends(problem: &Problem, series: &Series, values: &[f64]) -> Panel {
    let limits = Limits::new(problem, series.loss);
    let ends = Ends { low: probs(&limits.low[0].log_pi), high: probs(&limits.high[0].log_pi) };
    // The limits leave weight decay out.
    let is_free = problem.weight_decay.alpha == 0.0;
    Panel { ends: is_free.then_some(ends), ..Panel::of_series(series, 0, values) }
}

fn converged(spec: &Spec, theme: &Theme) -> Result<String, SpecError> {
    spec.check_sweep()?;
    let problem = Problem::new(spec)?;
    let range = spec.sweep.over_lambda();
    let values = range.values();
    let prompt = &problem.prompts[0];
    let panels = Panels {
        panels: over_lambda(&problem, spec).iter().map(|s| with_ends(&problem, s, &values)).collect(),
        room: problem.losses.len(),
        along: panels::Along::Lambda { from: range.from, to: range.to },
        star: probs(&prompt.log_star),
        reference: probs(&prompt.log_ref),
    };
    render(1100.0, 240.0, theme, |s, r| {
        let caption = "where each loss ends, π(y) against λ";
        s.text((42.0, 24.0), caption, Type::plain(13.0, theme.soft, Anchor::Left));
        panels.draw(s, theme, r.inset(12.0, 44.0, 8.0, 16.0));
    })
}

/// Prompts that figure 3 draws side by side: more would be too wide to look at.
const MOST_PROMPTS: usize = 8;

fn tests(preservation: &Spec, constraint: &Spec, theme: &Theme) -> Result<String, SpecError> {
    preservation.check_sweep()?;
    let prompts = preservation.prompts.len();
    if prompts > MOST_PROMPTS {
        let why = format!("figure 3 draws a panel a prompt, at most {MOST_PROMPTS}, and got {prompts}; give fewer");
        return Err(SpecError::new("prompts", why));
    }
    let problem = Problem::new(preservation)?;
    let series = over_lambda(&problem, preservation);
    let range = preservation.sweep.over_lambda();
    let plots: Vec<(String, Distances)> = (0..problem.prompts.len())
        .map(|x| (problem.prompts[x].name.clone(), Distances::to_star(&problem, series.iter(), x, &range.values())))
        .collect();
    let parting = parting(constraint)?;
    let cell = 360.0;
    let w = cell * (plots.len() + 1) as f64;
    render(w, 400.0, theme, |s, r| {
        for (k, (name, plot)) in plots.iter().enumerate() {
            let at = Region { x: k as f64 * cell, y: 40.0, w: cell, h: 320.0 };
            s.text((at.x + 44.0, 24.0), &format!("{name} prompt"), Type::plain(15.0, theme.ink, Anchor::Left).bold());
            plot.draw(s, theme, at);
        }
        let at = Region { x: w - cell, y: 40.0, w: cell, h: 320.0 };
        s.text((at.x + 44.0, 24.0), "constraint", Type::plain(15.0, theme.ink, Anchor::Left).bold());
        parting.draw(s, theme, at);
        legend(s, theme, &problem, Region { y: 372.0, ..r });
    })
}

fn legend(s: &mut Sketch<SVGBackend>, theme: &Theme, problem: &Problem, r: Region) {
    for (k, l) in problem.losses.iter().enumerate() {
        let x = r.x + 48.0 + 130.0 * k as f64;
        let style = theme.style(l.loss);
        let line = super::sketch::Stroke::solid(style.colour, style.width).dashed(style.dash);
        s.line(&[(x, r.y), (x + 34.0, r.y)], line);
        s.text((x + 42.0, r.y), l.loss.name(), Type::plain(14.0, style.name, Anchor::Left).bold());
    }
}

/// The distance between the RLHF and DPO minimisers over α, figure 3 right, as `KL(π_RLHF ‖ π_DPO)`.
fn parting(spec: &Spec) -> Result<Distances, SpecError> {
    let problem = Problem::new(spec)?;
    let series = sweep::sweep(&problem, &spec.sweep);
    let [rlhf, dpo] = &series[..] else {
        return Err(SpecError::new(
            "losses",
            "the constraint figure compares two losses, RLHF and DPO; give these two",
        ));
    };
    let nats: Vec<f64> =
        rlhf.prompts[0].iter().zip(&dpo.prompts[0]).map(|(a, b)| problem.distance(&a.log_pi, &b.log_pi)).collect();
    let curve = Curve { loss: dpo.loss.loss, nats, at_cursor: None, dimmed: false };
    Ok(Distances::over_alpha(vec![curve], &spec.sweep.values(), "distance of DPO from RLHF, nats"))
}
