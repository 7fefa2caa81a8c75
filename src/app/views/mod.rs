//! The views: each turns the state and the exact numbers into figures, with its words and verdicts.

pub mod interpolation;
pub mod preservation;

use std::rc::Rc;

use yew::prelude::*;

use super::drawing::Drawing;
use super::exact::Exact;
use super::state::{Action, State};
use crate::figure::panels::{Along, Panel, Panels};
use crate::figure::triangle::{Path, Triangle};
use crate::simplex::probs;
use crate::trace::Trace;

#[derive(Properties, PartialEq)]
pub struct ViewProps {
    pub state: Rc<State>,
    pub exact: Rc<Exact>,
    pub dispatch: Callback<Action>,
}

/// The snapshot that stands at a share of the training.
pub fn snapshot(trace: &Trace, cursor: f64) -> usize {
    let last = trace.steps.last().copied().unwrap_or(0) as f64;
    trace.steps.partition_point(|s| *s as f64 <= cursor * last + 0.5).saturating_sub(1)
}

fn three(log_pi: &[f64]) -> Option<[f64; 3]> {
    probs(log_pi).try_into().ok()
}

/// Losses that are shown, by position.
fn shown(state: &State) -> impl Iterator<Item = usize> + '_ {
    (0..state.spec().losses.len()).filter(|k| state.is_shown(*k))
}

/// The triangle of prompt `x`; none where it has not three actions.
pub fn triangle(state: &State, exact: &Exact, x: usize) -> Option<Triangle> {
    let prompt = exact.problem.prompts.get(x)?;
    let actions = exact.problem.actions();
    let paths = shown(state).map(|k| {
        let loss = &exact.losses[k];
        let run = state.traces.get(k).map_or_else(Vec::new, |t| {
            let end = snapshot(t, state.cursor);
            (0..t.len().min(end + 1)).filter_map(|s| three(t.policy(s, x, actions))).collect()
        });
        Path {
            loss: loss.spec.loss,
            run,
            over_lambda: loss.series.prompts[x].iter().filter_map(|m| three(&m.log_pi)).collect(),
            minimiser: three(&loss.minimisers[x].log_pi),
            dimmed: state.is_dimmed(k),
        }
    });
    Some(Triangle { pi_ref: three(&prompt.log_ref)?, pi_star: three(&prompt.log_star)?, paths: paths.collect() })
}

/// Learning curves on prompt `x`.
pub fn learning(state: &State, exact: &Exact, x: usize) -> Drawing {
    let actions = exact.problem.actions();
    let panels = shown(state).map(|k| {
        let spec = exact.losses[k].spec;
        let steps = spec.steps.unwrap_or(state.spec().optimiser.steps);
        let empty = Trace::default();
        let trace = state.traces.get(k).unwrap_or(&empty);
        let panel = Panel::of_trace(spec.loss, trace, x, actions, steps);
        Panel {
            cursor: (state.cursor < 1.0).then_some(state.cursor * steps as f64),
            dimmed: state.is_dimmed(k),
            ..panel
        }
    });
    Drawing::Panels(framed(exact, x, Along::Steps, panels.collect()))
}

/// Converged policies over λ on prompt `x`.
pub fn over_lambda(state: &State, exact: &Exact, x: usize) -> Drawing {
    let (from, to) = (exact.lambdas[0], exact.lambdas[exact.lambdas.len() - 1]);
    let panels = shown(state).map(|k| {
        let panel = Panel::of_series(&exact.losses[k].series, x, &exact.lambdas);
        Panel { cursor: Some(exact.losses[k].spec.lambda), dimmed: state.is_dimmed(k), ..panel }
    });
    Drawing::Panels(framed(exact, x, Along::Lambda { from, to }, panels.collect()))
}

fn framed(exact: &Exact, x: usize, along: Along, panels: Vec<Panel>) -> Panels {
    let prompt = &exact.problem.prompts[x];
    Panels { panels, along, star: probs(&prompt.log_star), reference: probs(&prompt.log_ref) }
}
