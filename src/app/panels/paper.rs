//! The paper's readings beside what comes out here, with the gap between them.

use yew::prelude::*;

use crate::app::exact::Exact;
use crate::app::state::State;
use crate::app::views::readings;
use crate::app::words;
use crate::simplex::{logs, probs, tv};
use crate::spec::authors::{Moment, Reading};
use crate::trace::Trace;

/// A table with a line a reading; nothing where the paper is not shown beside.
pub fn paper(state: &State, exact: &Exact) -> Html {
    if !state.is_beside_paper() {
        return html! {};
    }
    let prompts = exact.problem.prompts.len();
    let actions = exact.problem.actions();
    let found: Vec<(usize, &Reading)> = (0..exact.losses.len())
        .flat_map(|k| (0..prompts).flat_map(move |x| readings(state, k, x).map(move |r| (k, r))))
        .filter(|(_, r)| r.pi.len() == actions)
        .collect();
    if found.is_empty() {
        let why = if state.is_authors_own() {
            "As many draws, the KL and the epochs of the authors. The paper’s figure gives no policies to compare with."
        } else {
            "The paper’s readings belong to the authors’ setting, and this one differs."
        };
        return html! { <p class="soft paper">{ why }</p> };
    }
    let line = |(k, r): &(usize, &Reading)| {
        let spec = &exact.losses[*k].spec;
        let ours = state.traces.get(*k).filter(|t| !t.is_empty()).map(|t| nearest(t, r, actions));
        let exactly = probs(&exact.losses[*k].minimisers[r.prompt].log_pi);
        html! {
            <tr data-loss={spec.loss.key()} data-moment={r.moment.name()}>
                <th scope="row" class={classes!("loss-name", spec.loss.key())}>{ words::name(spec) }</th>
                <td>{ match prompts { 1 => r.moment.name().to_owned(), _ => format!("{}, {} prompt", r.moment.name(), exact.problem.prompts[r.prompt].name) } }</td>
                <td class="number">{ words::policy(&r.pi) }</td>
                if let Some((step, pi, gap)) = ours {
                    <td class="number">{ words::policy(&pi) }<small>{ format!("step {step}") }</small></td>
                    <td class="number" data-gap={gap.to_string()}>{ words::number(gap) }</td>
                } else {
                    <td></td><td></td>
                }
                <td class="number">{ words::policy(&exactly) }</td>
            </tr>
        }
    };
    html! {
        <div class="table-frame paper" tabindex="0" role="region" aria-label="The paper’s readings and the gap to them">
        <table>
            <caption class="visually-hidden">{ "The paper’s readings and the gap to them" }</caption>
            <thead><tr>
                <th scope="col">{ "Loss" }</th>
                <th scope="col">{ "read off the paper" }<small>{ "open rings in the figures" }</small></th>
                <th scope="col">{ "paper" }<small>{ "about two digits" }</small></th>
                <th scope="col">{ "here" }<small>{ "training run" }</small></th>
                <th scope="col">{ "gap" }<small>{ "total variation" }</small></th>
                <th scope="col">{ "exactly" }<small>{ "minimiser" }</small></th>
            </tr></thead>
            <tbody>{ for found.iter().map(line) }</tbody>
        </table>
        </div>
    }
}

/// The step and policy that a reading is compared with, and the total variation between them: the run's last, or for a
/// plateau the one that comes nearest.
fn nearest(trace: &Trace, r: &Reading, actions: usize) -> (u64, Vec<f64>, f64) {
    let read = logs(&r.pi);
    let gap = |k: usize| tv(trace.policy(k, r.prompt, actions), &read);
    let last = trace.len() - 1;
    let k = match r.moment {
        Moment::End => last,
        Moment::Plateau => (0..=last).min_by(|a, b| gap(*a).total_cmp(&gap(*b))).unwrap_or(last),
    };
    (trace.step(k), probs(trace.policy(k, r.prompt, actions)), gap(k))
}
