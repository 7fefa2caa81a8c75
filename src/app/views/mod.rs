//! The views: each turns the state and the exact numbers into figures, with its words and verdicts.

pub mod constraints;
pub mod interpolation;
pub mod language;
pub mod preservation;
pub mod shapes;

use std::rc::Rc;

use yew::prelude::*;

use super::controls::handles::Handles;
use super::controls::size::prompt_choice;
use super::drawing::Drawing;
use super::exact::Exact;
use super::late::{Late, Part};
use super::painter::Figure;
use super::panels::curves::{Content, Folded, Shows, Table};
use super::panels::legend::legend;
use super::panels::numbers::numbers;
use super::panels::paper::paper;
use super::panels::{symbol, verdicts};
use super::stage::Stage;
use super::state::{Action, Edit, Given, State, View};
use super::tour;
use crate::figure::panels::{Along, Ends, Panel, Panels};
use crate::figure::policies::{Policies, Policy};
use crate::figure::triangle::{Path, Triangle, three};
use crate::loss::Loss;
use crate::simplex::probs;
use crate::spec::authors::{Moment, Reading};
use crate::trace::Trace;

#[derive(Properties, Clone, PartialEq)]
pub struct ViewProps {
    pub state: Rc<State>,
    pub exact: Rc<Exact>,
    pub dispatch: Callback<Action>,
    /// How far the page is built.
    pub stage: Stage,
}

/// Losses that are shown, by position: those that the numbers are of, which may be an older experiment's while a new one
/// has no data.
fn shown<'a>(state: &'a State, exact: &Exact) -> impl Iterator<Item = usize> + 'a {
    (0..exact.losses.len()).filter(|k| state.is_shown(*k))
}

/// What the paper's figure shows of loss `k` on prompt `x`, where it is shown beside.
pub fn readings(state: &State, k: usize, x: usize) -> impl Iterator<Item = &'static Reading> + use<'_> {
    let key = state.spec().losses.get(k).map_or("", |l| l.loss.key());
    let all = if state.is_beside_paper() && state.is_authors_own() { state.link().preset.readings() } else { &[] };
    all.iter().filter(move |r| r.loss == key && r.prompt == x)
}

/// The triangle of prompt `x`; none where it has not three actions.
pub fn triangle(state: &State, exact: &Exact, x: usize) -> Option<Triangle> {
    let prompt = exact.problem.prompts.get(x)?;
    let actions = exact.problem.actions();
    // Before a prediction there are only the ring and the star.
    let is_empty = tour::waits(state);
    let paths = shown(state, exact).filter(|_| !is_empty).map(|k| {
        let loss = &exact.losses[k];
        let path = loss.constraint.as_ref().map_or(&loss.curves.series, |c| &c.series);
        let run = |traces: &[Trace]| {
            traces.get(k).map_or_else(Vec::new, |t| {
                let end = t.at(state.cursor);
                t.drawn(end + 1).into_iter().filter_map(|s| three(t.policy(s, x, actions))).collect()
            })
        };
        Path {
            loss: loss.spec.loss,
            run: run(&state.traces),
            others: state.others.iter().map(|t| run(t)).collect(),
            ghosts: readings(state, k, x).map(|r| r.pi).collect(),
            over_sweep: path.prompts[x]
                .iter()
                .filter(|_| !tour::is_at_one(state))
                .filter_map(|m| three(&m.log_pi))
                .collect(),
            minimiser: three(&loss.minimisers[x].log_pi),
            dimmed: state.is_dimmed(k),
        }
    });
    let over = if exact.losses.iter().any(|l| l.constraint.is_some()) { "α" } else { "λ" };
    Some(Triangle { pi_ref: three(&prompt.log_ref)?, pi_star: three(&prompt.log_star)?, paths: paths.collect(), over })
}

/// Learning curves on prompt `x`.
pub fn learning(state: &State, exact: &Exact, x: usize) -> Drawing {
    let actions = exact.problem.actions();
    let panels = shown(state, exact).map(|k| {
        let spec = exact.losses[k].spec;
        let steps = spec.steps_under(&state.spec().optimiser);
        let traces: Vec<&Trace> = state.seeds().filter_map(|t| t.get(k)).collect();
        let panel = Panel::of_traces(spec.loss, &traces, x, actions, steps);
        let ghost = readings(state, k, x).find(|r| r.moment == Moment::End && actions == 3);
        Panel {
            ghost: ghost.map(|r| r.pi.to_vec()),
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
    let panels = shown(state, exact).map(|k| {
        let loss = &exact.losses[k];
        let panel = Panel::of_series(&loss.curves.series, x, &exact.lambdas);
        let ends =
            Ends { low: probs(&loss.curves.limits.low[x].log_pi), high: probs(&loss.curves.limits.high[x].log_pi) };
        Panel { ends: Some(ends), cursor: Some(loss.spec.lambda), dimmed: state.is_dimmed(k), ..panel }
    });
    Drawing::Panels(framed(exact, x, Along::Lambda { from, to }, panels.collect()))
}

/// Converged policies over α on prompt `x`.
pub fn over_alpha(state: &State, exact: &Exact, x: usize) -> Drawing {
    let (from, to) = (exact.alphas[0], exact.alphas[exact.alphas.len() - 1]);
    let panel = |k: usize| {
        let panel = Panel::of_series(&exact.losses[k].constraint.as_ref()?.series, x, &exact.alphas);
        Some(Panel { cursor: Some(exact.problem.weight_decay.alpha), dimmed: state.is_dimmed(k), ..panel })
    };
    Drawing::Panels(framed(exact, x, Along::Alpha { from, to }, shown(state, exact).filter_map(panel).collect()))
}

fn framed(exact: &Exact, x: usize, along: Along, panels: Vec<Panel>) -> Panels {
    let prompt = &exact.problem.prompts[x];
    Panels { panels, room: exact.losses.len(), along, star: probs(&prompt.log_star), reference: probs(&prompt.log_ref) }
}

/// Brings the loss under the pointer forward everywhere.
pub fn pointing(dispatch: &Callback<Action>) -> Callback<Option<Loss>> {
    dispatch.reform(Action::Point)
}

/// The policies of prompt `x` over any number of actions.
fn policies(state: &State, exact: &Exact, x: usize) -> Policies {
    let prompt = &exact.problem.prompts[x];
    let actions = exact.problem.actions();
    let of = |k: usize| {
        let trained = state.traces.get(k).filter(|t| !t.is_empty());
        let minimiser = &exact.losses[k].minimisers[x].log_pi[..];
        let log_pi = trained.map_or(minimiser, |t| t.policy(t.at(state.cursor), x, actions));
        Policy {
            loss: exact.losses[k].spec.loss,
            pi: probs(log_pi),
            minimiser: probs(minimiser),
            dimmed: state.is_dimmed(k),
        }
    };
    Policies {
        reference: probs(&prompt.log_ref),
        star: probs(&prompt.log_star),
        losses: shown(state, exact).filter(|_| !tour::waits(state)).map(of).collect(),
        room: exact.losses.len(),
    }
}

/// What a view's numbers say, and what there is to do in it.
pub fn head(headline: &str, lead: &str) -> Html {
    html! {
        <header class="headline">
            <h1>{ headline.to_owned() }</h1>
            <p>{ symbol(lead) }</p>
        </header>
    }
}

/// The space of policies of prompt `x` with the choice of the prompt and the losses' names.
fn space(props: &ViewProps, x: usize) -> Html {
    let (state, dispatch) = (&props.state, &props.dispatch);
    if props.stage < Stage::Space {
        return html! {};
    }
    html! {
        <div class="space">
            { prompt_choice(state, dispatch) }
            { simplex(props, x) }
            { legend(state, dispatch) }
        </div>
    }
}

/// What stands below a view's figures: verdicts and numbers.
fn below(props: &ViewProps) -> Html {
    html! { <><Late part={Part::Verdicts} of={props.clone()} />{ in_numbers(props) }</> }
}

/// The figures in numbers: the runs at the moment at once, as programs read them.
fn in_numbers(props: &ViewProps) -> Html {
    if props.stage < Stage::Tables {
        return html! {};
    }
    html! { <>{ numbers(&props.state) }<Late part={Part::Tables} of={props.clone()} /></> }
}

/// The verdicts on what the view's figures show, beside the paper's readings where these are shown.
pub fn verdicts(props: &ViewProps) -> Html {
    let verdicts = match props.state.view {
        View::Interpolation => verdicts::interpolation(props),
        View::Preservation => verdicts::preservation(props),
        View::Constraints => verdicts::constraint(props),
        View::Shapes | View::Language => return html! {},
    };
    html! { <>{ paper(&props.state, &props.exact) }{ verdicts }</> }
}

/// The curves of the view's figures in numbers: over time, and the exact ones.
pub fn tables(props: &ViewProps) -> Html {
    let (state, exact) = (&props.state, &props.exact);
    let of_one = |over, title: &str, values: &[f64], shows| {
        let (title, values) = (title.to_owned(), values.to_vec());
        Table { over, title, values, shows, prompts: vec![state.prompt()] }
    };
    let table = match state.view {
        View::Interpolation => of_one("λ", "The λ-curves in numbers", &exact.lambdas, Shows::Policy),
        View::Constraints => of_one("α", "The α-curves in numbers", &exact.alphas, Shows::Constraint),
        View::Preservation | View::Language => preservation::table(exact),
        View::Shapes => return html! {},
    };
    html! {
        <>
            <Folded exact={exact.clone()} content={Content::Learning(state.clone(), table.prompts.clone())} />
            <Folded exact={exact.clone()} content={Content::Curves(table)} />
        </>
    }
}

/// The space of policies of prompt `x`: a triangle with its handles, or bars and a heat map where it has not three actions.
pub fn simplex(props: &ViewProps, x: usize) -> Html {
    let name = props.exact.problem.prompts[x].name.clone();
    let Some(t) = triangle(&props.state, &props.exact, x) else {
        let drawing = Rc::new(Drawing::Policies(policies(&props.state, &props.exact, x)));
        let label = format!(
            "Policies for prompt {name}, an action a column. Above, bars are the preferred policy, dotted lines the reference, markers the training runs, rings their exact minimisers; below, a row of shades a policy."
        );
        return html! { <Figure {drawing} {label} on_point={pointing(&props.dispatch)} /> };
    };
    let dispatch = props.dispatch.clone();
    let on_move = Callback::from(move |(given, pi): (Given, Vec<f64>)| {
        dispatch.emit(Action::Edit(Edit::Policy { prompt: x, given, pi }));
    });
    let label = format!("The triangle of policies for prompt {name}, with every loss’s way through it.");
    let (pi_ref, pi_star) = (t.pi_ref, t.pi_star);
    html! {
        <Handles {name} {pi_ref} {pi_star} {on_move}>
            <Figure drawing={Rc::new(Drawing::Triangle(t))} {label} on_point={pointing(&props.dispatch)} />
        </Handles>
    }
}
