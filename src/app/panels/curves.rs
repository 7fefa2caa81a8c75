//! The curves as tables: exact minimisers, a line a value of λ or α, and training runs, a line a moment; a column a loss.
//! Built only when opened.

use std::rc::Rc;

use web_sys::HtmlDetailsElement;
use yew::prelude::*;

use crate::app::exact::{Exact, ExactLoss, distance};
use crate::app::panels::table::parts;
use crate::app::state::State;
use crate::app::views::language::batches;
use crate::app::words;
use crate::simplex::probs;
use crate::solve::Minimiser;
use crate::trace::{Band, Trace};

/// What is told of a loss at a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// Its policy.
    Policy,
    /// Its distance to π*, and its policy.
    Distance,
    /// Its policy, and its distance from the RLHF it is tied to.
    Constraint,
}

impl Shows {
    /// What a loss's cell says: at the `k`th value, or at the loss's own setting.
    fn cell(self, exact: &Exact, l: &ExactLoss, x: usize, k: Option<usize>) -> String {
        let minimiser = || k.map_or(&l.minimisers[x], |k| &l.curves.series.prompts[x][k]);
        let policy = |m: &Minimiser| words::whole_policy(&probs(&m.log_pi));
        match self {
            Self::Policy => policy(minimiser()),
            Self::Distance => {
                format!("{}\n{}", words::nats(exact.problem.to_star(x, &minimiser().log_pi)), policy(minimiser()))
            }
            Self::Constraint => l.constraint.as_ref().map_or_else(String::new, |c| {
                let (own, gap) = match k {
                    Some(k) => (&c.series.prompts[x][k], c.gap[x][k]),
                    None => (&c.now[x].own, distance(&exact.problem, &c.now[x])),
                };
                format!("{}, {} nats", policy(own), words::nats(gap))
            }),
        }
    }
}

/// A table's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the lines are over: λ or α.
    pub over: &'static str,
    /// The summary to press.
    pub title: String,
    /// The values of the lines.
    pub values: Vec<f64>,
    /// What the cells say.
    pub shows: Shows,
    /// The prompts whose columns are shown, by position.
    pub prompts: Vec<usize>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The exact curves.
    Curves(Table),
    /// The learning curves of some prompts, by position: at moments that are spread evenly over each loss's own run.
    Learning(Rc<State>, Vec<usize>),
    /// What a language model's batches tell.
    Batches(Rc<State>),
}

#[derive(Properties, PartialEq)]
pub struct FoldedProps {
    pub exact: Rc<Exact>,
    pub content: Content,
}

/// A table that is built when it is opened. One component for both: each would cost the page's size some kilobytes.
#[component]
pub fn Folded(props: &FoldedProps) -> Html {
    let open = use_state_eq(|| false);
    let set = open.setter();
    let on_toggle = Callback::from(move |e: Event| {
        if let Some(details) = e.target_dyn_into::<HtmlDetailsElement>() {
            set.set(details.open());
        }
    });
    let (id, title) = match &props.content {
        Content::Curves(table) => (None, table.title.as_str()),
        Content::Learning(..) => (Some("learning-numbers"), LEARNING),
        Content::Batches(_) => (None, "These figures as a table"),
    };
    html! {
        <details class="numbers" {id} ontoggle={on_toggle}>
            <summary>{ title.to_owned() }</summary>
            if *open { { match &props.content {
                Content::Curves(table) => lines(&props.exact, table),
                Content::Learning(state, prompts) => moments(state, &props.exact, prompts),
                Content::Batches(state) => batches::table(state, &props.exact),
            } } }
        </details>
    }
}

const LEARNING: &str = "The learning curves in numbers";
/// Moments that are told, from the first to the last.
const MOMENTS: usize = 21;

/// One loss's curves on one prompt: of several seeds, the median with the range.
struct Run<'a> {
    trace: &'a Trace,
    /// One an action, over the moments.
    bands: Vec<Band>,
    seeds: usize,
}

impl Run<'_> {
    fn cell(&self, moment: usize) -> Html {
        let step = self.trace.step(snapshot(self.trace, moment));
        let of = |values: fn(&Band) -> &Vec<f64>| -> Vec<f64> {
            self.bands.iter().filter_map(|b| values(b).get(moment).copied()).collect()
        };
        let median = words::whole_policy(&of(|b| &b.median));
        let range = if self.seeds > 1 {
            format!(", {} to {}", words::whole_policy(&of(|b| &b.least)), words::whole_policy(&of(|b| &b.greatest)))
        } else {
            String::new()
        };
        html! { <td class="number">{ median }<small>{ format!("step {step}{range}") }</small></td> }
    }
}

/// The snapshot that stands at a moment of the run.
fn snapshot(trace: &Trace, moment: usize) -> usize {
    trace.at(moment as f64 / (MOMENTS - 1) as f64)
}

fn moments(state: &State, exact: &Exact, prompts: &[usize]) -> Html {
    let actions = exact.problem.actions();
    let all = &exact.problem.prompts;
    let places = prompts.iter().filter(|x| **x < all.len()).flat_map(|x| (0..state.traces.len()).map(move |k| (*x, k)));
    let columns: Vec<(usize, usize, Run)> = places
        .filter_map(|(x, k)| {
            let traces: Vec<&Trace> = state.seeds().filter_map(|t| t.get(k)).collect();
            let trace = traces.first().copied().filter(|t| !t.is_empty())?;
            let snapshots: Vec<usize> = (0..MOMENTS).map(|m| snapshot(trace, m)).collect();
            let bands = (0..actions).map(|a| Band::of(&traces, &snapshots, x, a, actions)).collect();
            Some((x, k, Run { trace, bands, seeds: traces.len() }))
        })
        .collect();
    let head = |(x, k, run): &(usize, usize, Run)| {
        let spec = &exact.losses[*k].spec;
        let prompt = if prompts.len() > 1 { all[*x].name.clone() } else { String::new() };
        let seeds = if run.seeds > 1 { format!("median, range of {} seeds", run.seeds) } else { String::new() };
        let notes: Vec<String> = [prompt, seeds].into_iter().filter(|n| !n.is_empty()).collect();
        html! { <th scope="col" class={classes!("loss-name", spec.loss.key())}>{ words::name(spec) }<small>{ notes.join("; ") }</small></th> }
    };
    html! {
        <div class="table-frame" tabindex="0" role="region" aria-label={LEARNING}>
        <table>
            <thead><tr><th scope="col">{ "of the run" }</th>{ for columns.iter().map(head) }</tr></thead>
            <tbody>
                { for (0..MOMENTS).map(|m| html! {
                    <tr><th scope="row">{ format!("{} %", m * 100 / (MOMENTS - 1)) }</th>
                        { for columns.iter().map(|(.., run)| run.cell(m)) }
                    </tr>
                }) }
            </tbody>
        </table>
        </div>
    }
}

fn lines(exact: &Rc<Exact>, table: &Table) -> Html {
    let prompts = &exact.problem.prompts;
    let columns: Vec<(&ExactLoss, usize)> = table
        .prompts
        .iter()
        .flat_map(|x| exact.losses.iter().map(move |l| (l, *x)))
        .filter(|(_, x)| *x < prompts.len())
        .collect();
    let head = |(l, x): &(&ExactLoss, usize)| {
        let prompt = if table.prompts.len() > 1 {
            html! { <small>{ prompts[*x].name.clone() }</small> }
        } else {
            html! {}
        };
        html! { <th scope="col" class={classes!("loss-name", l.spec.loss.key())}>{ words::name(&l.spec) }{ prompt }</th> }
    };
    let line = |name: String, k: Option<usize>| {
        html! {
            <tr><th scope="row">{ name }</th>
                { for columns.iter().map(|(l, x)| html! { <td class="number">{ parts(&table.shows.cell(exact, l, *x, k)) }</td> }) }
            </tr>
        }
    };
    html! {
        <div class="table-frame" tabindex="0" role="region" aria-label={table.title.clone()}>
        <table>
            <thead><tr><th scope="col" class="maths">{ table.over }</th>{ for columns.iter().map(head) }</tr></thead>
            <tbody>{ line("as set".to_owned(), None) }</tbody>
            <tbody>{ for table.values.iter().enumerate().map(|(k, v)| line(words::setting(*v), Some(k))) }</tbody>
        </table>
        </div>
    }
}
