//! A small language model, fine-tuned with the same losses (the setting of figure 4): its policy over whole answers is read off and
//! shown beside the bandit's theory.

mod asking;
pub mod batches;
mod files;
mod run;

use std::rc::Rc;

use yew::prelude::*;

use self::asking::Asking;
use super::{ViewProps, head, in_numbers, preservation, shown, triangle};
use crate::app::drawing::Drawing;
use crate::app::exact::Exact;
use crate::app::lm::Lm;
use crate::app::painter::Figure;
use crate::app::panels::legend::legend;
use crate::app::state::State;
use crate::app::views::{learning, pointing};
use crate::app::words;
use crate::trace::Trace;
use crate::worker::protocol::lm::{BEGUN, OTHER};

pub fn view(props: &ViewProps, lm: &Rc<Lm>) -> Html {
    let (state, exact, dispatch) = (&props.state, &props.exact, &props.dispatch);
    let model = state.lm.model.as_ref();
    let world = model.and_then(|m| m.world.as_ref());
    let is_own = model.is_some_and(|m| m.world.is_none());
    let prompt = |x: usize| {
        let (good, name) = (exact.problem.prompts[x].is_good(), if x == 0 { "Good" } else { "Bad" });
        html! {
            <section class="prompt" key={x} aria-label={format!("{name} prompts")}>
                <h2>{ format!("{name} prompts") }<small>{ if good { "the model already answers as people prefer" } else { "it does not" } }</small></h2>
                <p class="question">{ world.map_or("…", |w| w.seen[x].as_str()).to_owned() }</p>
                <ol class="answers">
                    { for (0..3).map(|y| html! { <li>{ world.map_or("…", |w| w.answers[x][y].as_str()).to_owned() }</li> }) }
                </ol>
                if let Some(t) = triangle(state, exact, x) {
                    <div class="triangle"><Figure drawing={Rc::new(Drawing::Triangle(t))} on_point={pointing(dispatch)}
                        label={format!("The model’s policy over the three answers to {} prompts, on its way; the bandit’s minimisers over λ beside it.", name.to_ascii_lowercase())} /></div>
                }
                <h2>{ "Over λ" }<small>{ "lines: the bandit’s theory; markers: the model" }</small></h2>
                <Figure on_point={pointing(dispatch)} drawing={Rc::new(distances(state, exact, x))}
                    label={format!("Distance to π* on {} prompts: the bandit’s over λ, and where each loss has brought the model.", name.to_ascii_lowercase())} />
                <h2>{ "While training" }</h2>
                <Figure on_point={pointing(dispatch)} drawing={Rc::new(learning(state, exact, x))}
                    label={format!("Probabilities of the answers to {} prompts while training, a panel a loss.", name.to_ascii_lowercase())} />
            </section>
        }
    };
    html! {
        <div class="language">
            { head(&headline(state, exact), "A GPT-2 that answers travellers is trained in your browser on pairs of answers. Its probability for every answer can be read off, so it moves on the same triangles as the bandit.") }
            { run::status(state, lm) }
            { legend(state, dispatch) }
            { run::bar(state, dispatch, lm) }
            if !is_own { <div class="figures prompts">{ for (0..exact.problem.prompts.len()).map(prompt) }</div> { measured(state, exact) } }
            if state.lm.has_rows() { { batches::section(props) } }
            <Asking state={state.clone()} lm={lm.clone()} />
            { files::section(state, dispatch, lm) }
            if !is_own { { in_numbers(props) } }
        </div>
    }
}

/// The preservation figure: the bandit's curves, with the model's own distances at its λ.
fn distances(state: &State, exact: &Exact, x: usize) -> Drawing {
    let mut plot = preservation::distances(state, exact, x);
    for (curve, k) in plot.curves.iter_mut().zip(shown(state, exact)) {
        curve.at_cursor = distance(&state.traces, exact, k, x);
    }
    Drawing::Distances(plot)
}

/// Where loss `k` found the model on prompt `x`, and where it has brought it: KL(π* ‖ π) among the answers, in nats.
fn way(traces: &[Trace], exact: &Exact, k: usize, x: usize) -> Option<[f64; 2]> {
    let trace = traces.get(k).filter(|t| t.len() > 1)?;
    Some([0, trace.len() - 1].map(|at| exact.problem.to_star(x, trace.policy(at, x, exact.problem.actions()))))
}

/// Where it has brought it.
fn distance(traces: &[Trace], exact: &Exact, k: usize, x: usize) -> Option<f64> {
    way(traces, exact, k, x).map(|[_, now]| now)
}

/// How likely loss `k` has made other texts than the three answers to prompt `x`, or found them (`BEGUN`), where that was read.
fn other(state: &State, k: usize, x: usize, when: usize) -> Option<f64> {
    state.lm.newest(k).map(|row| row[when + x]).filter(|p| !p.is_nan())
}

/// A nearer policy than this is counted as an improvement, and a farther one as harm: what reading off and noise leave open.
const APART: f64 = 0.01;

/// What the trained models show, and no more.
pub fn headline(state: &State, exact: &Exact) -> String {
    let prompts = &exact.problem.prompts;
    let trained: Vec<usize> =
        (0..exact.losses.len()).filter(|k| distance(&state.traces, exact, *k, 0).is_some()).collect();
    let holds = |k: &usize| {
        (0..prompts.len()).all(|x| {
            let Some([before, now]) = way(&state.traces, exact, *k, x) else { return false };
            // Over all texts, not among the three alone.
            let over_all = |nats: f64, when: usize| nats - (1.0 - other(state, *k, x, when).unwrap_or_default()).ln();
            let gain = over_all(before, BEGUN) - over_all(now, OTHER);
            if prompts[x].is_good() { gain > -APART } else { gain > APART }
        })
    };
    let (both, not): (Vec<usize>, Vec<usize>) = trained.iter().partition(|k| holds(k));
    let names = |of: &[usize]| words::list(&of.iter().map(|k| words::name(&exact.losses[*k].spec)).collect::<Vec<_>>());
    let said = if both.is_empty() {
        if not.is_empty() {
            return "The same losses on a language model.".to_owned();
        }
        "No loss trained here improves the bad prompts and keeps the good ones.".to_owned()
    } else {
        let does =
            if both.len() == 1 { "improves the bad prompts and keeps" } else { "improve the bad prompts and keep" };
        let others = if not.is_empty() { String::new() } else { format!("; {} not", names(&not)) };
        format!("{} {does} the good ones{others}.", names(&both))
    };
    if state.lm.at.is_some() { format!("So far: {said}") } else { said }
}

/// The preservation figure in numbers, measured on the model beside the theory.
fn measured(state: &State, exact: &Exact) -> Html {
    // The model as it is shipped, or as supervised steps left it.
    let begin = |x: usize| {
        let found = (0..exact.losses.len()).find_map(|k| way(&state.traces, exact, k, x)).map(|[before, _]| before);
        found.or_else(|| exact.problem.prompts.get(x).map(|p| exact.problem.to_star(x, &p.log_ref))).unwrap_or_default()
    };
    let none: &[Trace] = &[];
    let held_out = state.others.first().map_or(none, |traces| traces);
    let cell = |nats: Option<f64>, name: &str, more: Option<String>| {
        html! {
            <td class="number" data-of={name.to_owned()} data-nats={nats.map(|n| n.to_string())}>
                { nats.map_or_else(|| "—".to_owned(), words::nats) }
                if let Some(more) = more { <small>{ more }</small> }
            </td>
        }
    };
    let line = |k: usize| {
        let loss = &exact.losses[k];
        let measured = |x: usize| {
            let nats = distance(&state.traces, exact, k, x);
            cell(nats, "measured", other(state, k, x, OTHER).map(|p| format!("{:.1} % other texts", 100.0 * p)))
        };
        let theory = |x: usize| exact.problem.to_star(x, &loss.minimisers[x].log_pi);
        html! {
            <tr data-loss={loss.spec.loss.key()}>
                <th scope="row" class={classes!("loss-name", loss.spec.loss.key())}>{ words::name(&loss.spec) }</th>
                { for (0..exact.problem.prompts.len()).map(|x| html! {
                    <>
                        { measured(x) }
                        { cell(distance(held_out, exact, k, x), "held-out", None) }
                        { cell(Some(theory(x)), "theory", None) }
                    </>
                }) }
            </tr>
        }
    };
    let heads = ["good", "bad"].map(|name| {
        html! {
            <>
                <th scope="col">{ format!("{name}: the model") }</th>
                <th scope="col">{ format!("{name}: new names and places") }</th>
                <th scope="col">{ format!("{name}: the bandit’s theory") }</th>
            </>
        }
    });
    html! {
        <div class="table-frame" tabindex="0" role="region" aria-label="Distance to π*, measured and predicted">
            <table class="verdicts measured">
                <caption>{ "Distance to what people prefer, KL(π* ‖ π) in nats, among the three answers" }<small>{ format!("training begins at {} on good prompts and {} on bad ones", words::nats(begin(0)), words::nats(begin(1))) }</small></caption>
                <thead><tr><th scope="col">{ "Loss" }</th>{ for heads }</tr></thead>
                <tbody>{ for shown(state, exact).map(line) }</tbody>
            </table>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::address;
    use crate::solve::Snapshot;
    use crate::worker::protocol::lm::ROW;

    /// The headline where the losses of `ends` went to their policies of good and of bad prompts, with so much probability
    /// of other texts before and after; the rest are not trained.
    fn headline_of(ends: &[([[f64; 3]; 2], [f64; 2])]) -> String {
        let mut state = State::new(address::parse("view=language"), false);
        let exact = Exact::new(state.spec(), state.view, None).expect("data");
        let begin = [[0.6, 0.3, 0.1], [0.6, 0.2, 0.2]];
        let traced = |(end, _): &([[f64; 3]; 2], [f64; 2])| {
            let mut trace = Trace::new(6);
            for (step, policies) in [(0, begin), (9, *end)] {
                let log_pi = policies.iter().flatten().map(|p| p.ln()).collect();
                trace.push(&Snapshot { step, log_pi, loss_value: 0.0 });
            }
            trace
        };
        let row = |(_, [before, after]): &([[f64; 3]; 2], [f64; 2])| {
            let mut row = vec![f64::NAN; ROW];
            for x in 0..2 {
                (row[BEGUN + x], row[OTHER + x]) = (*before, *after);
            }
            row
        };
        state.traces = Rc::new(ends.iter().map(traced).collect());
        Rc::make_mut(&mut state.lm).rows = ends.iter().map(row).collect();
        headline(&state, &exact)
    }

    #[test]
    fn the_headline_names_who_improves_the_bad_prompts_and_keeps_the_good_ones() {
        let improves = ([[0.6, 0.3, 0.1], [0.42, 0.2, 0.38]], [0.008, 0.009]);
        let harms = ([[0.9, 0.05, 0.05], [0.42, 0.2, 0.38]], [0.008, 0.009]);
        // Nearer among the three answers, which it has all but left.
        let leaves = ([[0.6, 0.3, 0.1], [0.42, 0.2, 0.38]], [0.008, 0.5]);
        assert_eq!(headline_of(&[]), "The same losses on a language model.");
        let none = "No loss trained here improves the bad prompts and keeps the good ones.";
        assert_eq!(headline_of(&[harms]), none);
        assert_eq!(headline_of(&[harms, leaves]), none);
        assert_eq!(headline_of(&[improves]), "RLHF improves the bad prompts and keeps the good ones.");
        assert_eq!(
            headline_of(&[harms, improves, leaves]),
            "DPO improves the bad prompts and keeps the good ones; RLHF and IPO not."
        );
        assert_eq!(headline_of(&[improves, improves]), "RLHF and DPO improve the bad prompts and keep the good ones.");
    }
}
