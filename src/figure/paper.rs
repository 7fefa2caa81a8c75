//! The paper's figures as SVG, from the same drawing code and the same numbers as the page.

use std::sync::Arc;

use plotters::prelude::IntoDrawingArea;
use plotters_svg::SVGBackend;

use super::distance::{self, Curve, Distances};
use super::panels::{self, Panel, Panels};
use super::sketch::{Anchor, FINE, Region, Sketch, Type};
use super::theme::Theme;
use super::{shapes, triangle};
use crate::simplex::probs;
use crate::solve::sweep::{self, Series};
use crate::solve::{ExactSolver, Run};
use crate::spec::{Preset, Problem, Spec, SpecError, Sweep, SweepOver};
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
}

/// plotters-svg divides font sizes by this.
const SVG_TEXT_SCALE: f64 = 1.24;

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
        Number::Eight => render(620.0, 380.0, theme, |s, r| shapes::draw(s, theme, r)),
    }
}

/// Draws at a size in CSS pixels.
fn render(
    w: f64,
    h: f64,
    theme: &Theme,
    draw: impl FnOnce(&mut Sketch<SVGBackend>, Region),
) -> Result<String, SpecError> {
    let mut text = String::new();
    let outcome = {
        let area = SVGBackend::with_string(&mut text, ((w * FINE) as u32, (h * FINE) as u32)).into_drawing_area();
        let mut sketch = Sketch::new(&area, SVG_TEXT_SCALE);
        sketch.clear(theme.paper);
        draw(&mut sketch, Region::of(w, h));
        sketch.finish()
    };
    outcome.map_err(|e| SpecError::new("figure", e))?;
    // The sheet keeps its fine units; only the size at which it is shown is set back to CSS pixels.
    let sheet = format!("width=\"{}\" height=\"{}\"", (w * FINE) as u32, (h * FINE) as u32);
    Ok(text.replacen(&sheet, &format!("width=\"{w}\" height=\"{h}\""), 1))
}

/// The policies of an experiment's first prompt as the triangle takes them; none where it has not three actions.
pub fn three(log_pi: &[f64]) -> Option<[f64; 3]> {
    probs(log_pi).try_into().ok()
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
                let steps = l.steps.unwrap_or(problem.optimiser.steps);
                Panel::of_trace(l.loss, t, 0, problem.actions(), steps)
            })
            .collect(),
        along: panels::Along::Steps,
        star: probs(&prompt.log_star),
        reference: probs(&prompt.log_ref),
    };
    let triangle = triangle_of(&problem, &traces, &series);
    let (w, h) = (1100.0, 380.0);
    render(w, h, theme, |s, r| {
        let left = if triangle.is_some() { 370.0 } else { 0.0 };
        if let Some(t) = &triangle {
            t.draw(s, theme, Region { w: left, ..r });
        }
        let right = r.inset(left + 16.0, 36.0, 12.0, 40.0);
        let caption = "π(y) against training steps; dashed π*, dotted the reference";
        s.text((right.x + 30.0, 24.0), caption, Type::plain(13.0, theme.soft, Anchor::Left));
        panels.draw(s, theme, Region { y: 62.0, h: 250.0, ..right });
    })
}

fn triangle_of(problem: &Problem, traces: &[Trace], series: &[Series]) -> Option<triangle::Triangle> {
    let prompt = &problem.prompts[0];
    let paths = problem.losses.iter().zip(traces).zip(series).map(|((l, t), s)| triangle::Path {
        loss: l.loss,
        run: (0..t.len()).filter_map(|k| three(t.policy(k, 0, problem.actions()))).collect(),
        over_lambda: s.prompts[0].iter().filter_map(|m| three(&m.log_pi)).collect(),
        minimiser: three(&ExactSolver::new(problem, *l).solve()[0].log_pi),
        dimmed: false,
    });
    Some(triangle::Triangle {
        pi_ref: three(&prompt.log_ref)?,
        pi_star: three(&prompt.log_star)?,
        paths: paths.collect(),
    })
}

/// The experiment's λ-sweep; where it sweeps α, the figures' own range of λ.
fn lambda_sweep(spec: &Spec) -> Sweep {
    match spec.sweep.over {
        SweepOver::Lambda => spec.sweep,
        SweepOver::Alpha => Sweep { over: SweepOver::Lambda, from: 1e-5, to: 1e3, points: 61 },
    }
}

fn over_lambda(problem: &Problem, spec: &Spec) -> Vec<Series> {
    sweep::sweep(problem, &lambda_sweep(spec))
}

fn converged(spec: &Spec, theme: &Theme) -> Result<String, SpecError> {
    let problem = Problem::new(spec)?;
    let range = lambda_sweep(spec);
    let values = range.values();
    let prompt = &problem.prompts[0];
    let panels = Panels {
        panels: over_lambda(&problem, spec).iter().map(|s| Panel::of_series(s, 0, &values)).collect(),
        along: panels::Along::Lambda { from: range.from, to: range.to },
        star: probs(&prompt.log_star),
        reference: probs(&prompt.log_ref),
    };
    render(1000.0, 320.0, theme, |s, r| {
        let caption = "where each loss ends, π(y) against λ; dashed π*, dotted the reference";
        s.text((42.0, 24.0), caption, Type::plain(13.0, theme.soft, Anchor::Left));
        panels.draw(s, theme, r.inset(12.0, 44.0, 8.0, 16.0));
    })
}

fn tests(preservation: &Spec, constraint: &Spec, theme: &Theme) -> Result<String, SpecError> {
    let problem = Problem::new(preservation)?;
    let series = over_lambda(&problem, preservation);
    let range = lambda_sweep(preservation);
    let plots: Vec<(String, Distances)> = (0..problem.prompts.len())
        .map(|x| (problem.prompts[x].name.clone(), to_star(&problem, &series, x, &range.values())))
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

/// Distances from π* on prompt `x`, figure 3 left and middle.
pub fn to_star(problem: &Problem, series: &[Series], x: usize, values: &[f64]) -> Distances {
    let prompt = &problem.prompts[x];
    let own = problem.distance(&prompt.log_star, &prompt.log_ref);
    let worst = problem.prompts.iter().map(|p| problem.distance(&p.log_star, &p.log_ref)).fold(0.0, f64::max);
    Distances {
        curves: series
            .iter()
            .map(|s| Curve {
                loss: s.loss.loss,
                nats: s.prompts[x].iter().map(|m| problem.distance(&prompt.log_star, &m.log_pi)).collect(),
                at_cursor: None,
                dimmed: false,
            })
            .collect(),
        x: values.to_vec(),
        along: distance::Along::LogLambda,
        cursor: None,
        reference: (!prompt.is_good()).then_some((own, "π_ref")),
        label: "distance to π*, nats",
        most: distance::scale_end(worst),
    }
}

/// The distance between the RLHF and DPO minimisers over α, figure 3 right, as `KL(π_RLHF ‖ π_DPO)`.
fn parting(spec: &Spec) -> Result<Distances, SpecError> {
    let problem = Problem::new(spec)?;
    let values = spec.sweep.values();
    let series = sweep::sweep(&problem, &spec.sweep);
    let [rlhf, dpo] = &series[..] else {
        return Err(SpecError::new(
            "losses",
            "the constraint figure compares two losses, RLHF and DPO; give these two",
        ));
    };
    let nats: Vec<f64> =
        rlhf.prompts[0].iter().zip(&dpo.prompts[0]).map(|(a, b)| problem.distance(&a.log_pi, &b.log_pi)).collect();
    let most = nats.iter().copied().fold(1e-3, f64::max) * 1.1;
    Ok(Distances {
        curves: vec![Curve { loss: dpo.loss.loss, nats, at_cursor: None, dimmed: false }],
        x: values,
        along: distance::Along::Alpha,
        cursor: None,
        reference: None,
        label: "distance of DPO from RLHF, nats",
        most,
    })
}
