//! Where a loss moves policies; TYPO's two parts apart.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::controls::handles::Handles;
use crate::app::drawing::Drawing;
use crate::app::exact::{Exact, ExactLoss};
use crate::app::painter::Figure;
use crate::app::panels::formula::formula;
use crate::app::panels::table::{Line, Unfolding, Unfolds, table, unfold};
use crate::app::state::{Action, Edit, Given, State};
use crate::app::views::{ViewProps, pointing};
use crate::app::words;
use crate::figure::arrows::{Arrow, Field, grid};
use crate::figure::triangle::three;
use crate::loss::Loss;
use crate::simplex::{logs, probs};
use crate::solve::bandit::PromptObjective;
use crate::solve::exact::reward_of;
use crate::solve::parts::{Parts, way_down};

/// One of the fields that are drawn side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Supervised,
    Unsupervised,
    Whole,
}

impl Shown {
    /// TYPO falls into two parts and their sum; of other losses there is the whole.
    fn of(loss: Loss) -> &'static [Self] {
        if loss == Loss::Typo { &[Self::Supervised, Self::Unsupervised, Self::Whole] } else { &[Self::Whole] }
    }

    fn gradient(self, parts: &Parts) -> Vec<f64> {
        match self {
            Self::Supervised => parts.pairs.clone(),
            Self::Unsupervised => parts.actions.clone(),
            Self::Whole => parts.whole(),
        }
    }

    fn title(self, loss: &ExactLoss, decays: bool) -> String {
        match (self, decays) {
            (Self::Supervised, _) => "supervised part, (16)".to_owned(),
            (Self::Unsupervised, _) => "unsupervised part, (17)".to_owned(),
            (Self::Whole, false) if loss.spec.loss == Loss::Typo => "their sum".to_owned(),
            (Self::Whole, true) if loss.spec.loss == Loss::Typo => "their sum, with weight decay".to_owned(),
            (Self::Whole, false) => words::name(&loss.spec),
            (Self::Whole, true) => format!("{}, with weight decay", words::name(&loss.spec)),
        }
    }
}

pub fn section(props: &ViewProps, x: usize, unfolding: &Unfolding) -> Html {
    let (state, exact) = (&props.state, &props.exact);
    let loss = &exact.losses[picked(state, exact)];
    let decays = exact.problem.weight_decay.alpha > 0.0;
    let kinds = Shown::of(loss.spec.loss);
    let fields = fields(exact, loss, x);
    let one = |(kind, field): (&Shown, &Field)| {
        let title = kind.title(loss, decays);
        let figure = figure(props, x, field, &title, *kind == Shown::Whole);
        html! { <div key={*kind as usize}><h3>{ title }</h3>{ figure }</div> }
    };
    let many = || lines(kinds, &fields, loss, decays);
    let inside = html! {
        <>
            { formula(loss.spec.loss) }
            if fields.is_empty() {
                <p class="soft">{ "Arrows are drawn for three actions; the slopes below hold for any number." }</p>
            } else {
                <div class={if kinds.len() > 1 { "fields three" } else { "fields" }}>{ for kinds.iter().zip(&fields).map(one) }</div>
            }
            <div class="beside even">
                { super::measured(sentence(exact, loss, x)) }
                { table("Largest slopes", &["largest slope", "at π*", "at the reference", "at the minimiser"], slopes(exact, loss, x)) }
            </div>
            { unfold(Unfolds::Arrows, "The arrows in numbers", unfolding, &["policy", "part", "where it goes, dπ"], many) }
        </>
    };
    super::section(
        "s-arrows",
        heading(state, exact),
        html! { <small>{ "an arrow is the way down, −∇, as the policy goes it; on one scale, four times as steep is twice as long" }</small> },
        inside,
    )
}

/// What the section shows.
pub fn heading(state: &State, exact: &Exact) -> String {
    let loss = &exact.losses[picked(state, exact)].spec;
    if loss.loss == Loss::Typo {
        "TYPO pulls twice: by the labels, and to the reference".to_owned()
    } else {
        format!("Where {} moves each policy", words::name(loss))
    }
}

/// The loss that was picked, else TYPO, else the first.
pub fn picked(state: &State, exact: &Exact) -> usize {
    let typo = || exact.losses.iter().position(|l| l.spec.loss == Loss::Typo);
    state.only.filter(|k| *k < exact.losses.len()).or_else(typo).unwrap_or(0)
}

/// Runs on a loss's objective of prompt `x`.
fn with_objective<T>(exact: &Exact, loss: &ExactLoss, x: usize, run: impl FnOnce(&PromptObjective) -> T) -> T {
    let (problem, prompt) = (&exact.problem, &exact.problem.prompts[x]);
    let lambda = problem.effective_lambda(&loss.spec);
    let reward = reward_of(prompt, loss.spec.loss, lambda);
    run(&PromptObjective::new(prompt, loss.spec.loss, lambda, &reward, problem.weight_decay))
}

/// One a kind; none where there are not three actions.
fn fields(exact: &Exact, loss: &ExactLoss, x: usize) -> Vec<Field> {
    let prompt = &exact.problem.prompts[x];
    let (Some(pi_ref), Some(pi_star)) = (three(&prompt.log_ref), three(&prompt.log_star)) else { return Vec::new() };
    let at: Vec<([f64; 3], Parts)> = with_objective(exact, loss, x, |objective| {
        grid().into_iter().map(|pi| (pi, Parts::at(objective, &logs(&pi)))).collect()
    });
    let arrows = |kind: Shown| {
        let way = |pi: &[f64; 3], parts: &Parts| way_down(pi, &kind.gradient(parts)).try_into().unwrap_or_default();
        at.iter().map(|(pi, parts)| Arrow { pi: *pi, way: way(pi, parts) }).collect::<Vec<_>>()
    };
    let kinds = Shown::of(loss.spec.loss);
    let all: Vec<Vec<Arrow>> = kinds.iter().map(|k| arrows(*k)).collect();
    let longest = all.iter().flatten().map(|a| a.length()).fold(0.0, f64::max);
    let found = three(&loss.minimisers[x].log_pi);
    let decays = exact.problem.weight_decay.alpha > 0.0;
    let field = |(kind, arrows): (&Shown, Vec<Arrow>)| Field {
        loss: loss.spec.loss,
        part: kind.title(loss, decays),
        arrows,
        longest,
        pi_ref,
        pi_star,
        minimiser: found.filter(|_| *kind == Shown::Whole),
    };
    kinds.iter().zip(all).map(field).collect()
}

/// A field; the whole one with the handles.
fn figure(props: &ViewProps, x: usize, field: &Field, title: &str, with_handles: bool) -> Html {
    let name = props.exact.problem.prompts[x].name.clone();
    let label =
        format!("Arrows on the triangle of policies for prompt {name}: {title}. The numbers are in the table below.");
    let drawing = Rc::new(Drawing::Field(field.clone()));
    let on_point = pointing(&props.dispatch);
    if !with_handles {
        return html! { <div class="triangle"><Figure {drawing} {label} {on_point} /></div> };
    }
    let dispatch = props.dispatch.clone();
    let on_move = Callback::from(move |(given, pi): (Given, Vec<f64>)| {
        dispatch.emit(Action::Edit(Edit::Policy { prompt: x, given, pi }));
    });
    html! {
        <Handles {name} pi_ref={field.pi_ref} pi_star={field.pi_star} {on_move}><Figure {drawing} {label} {on_point} /></Handles>
    }
}

/// A policy at which slopes are told.
fn places<'a>(exact: &'a Exact, loss: &'a ExactLoss, x: usize) -> [&'a [f64]; 3] {
    let prompt = &exact.problem.prompts[x];
    [&prompt.log_star, &prompt.log_ref, &loss.minimisers[x].log_pi]
}

/// The largest slope of each kind at π*, at π_ref and at the minimiser; none where a policy lacks an action.
fn largest(exact: &Exact, loss: &ExactLoss, x: usize) -> Vec<(Shown, [Option<f64>; 3])> {
    let largest = |g: Vec<f64>| g.into_iter().map(f64::abs).fold(0.0, f64::max);
    with_objective(exact, loss, x, |objective| {
        let at = places(exact, loss, x)
            .map(|log_pi| log_pi.iter().all(|v| v.is_finite()).then(|| Parts::at(objective, log_pi)));
        let of = |kind: &Shown| (*kind, at.each_ref().map(|p| p.as_ref().map(|p| largest(kind.gradient(p)))));
        Shown::of(loss.spec.loss).iter().map(of).collect()
    })
}

/// A slope that may be nothing but rounding.
const ROUNDING: f64 = 1e-9;

fn slope(value: Option<f64>) -> String {
    match value {
        None => "at the boundary".to_owned(),
        Some(v) if v <= ROUNDING => "0".to_owned(),
        Some(v) => words::number(v),
    }
}

fn slopes(exact: &Exact, loss: &ExactLoss, x: usize) -> Vec<Line> {
    let decays = exact.problem.weight_decay.alpha > 0.0;
    let line = |(kind, at): (Shown, [Option<f64>; 3])| Line {
        data: serde_json::to_string(&at).ok(),
        ..std::iter::once(kind.title(loss, decays)).chain(at.map(slope)).collect::<Vec<_>>().into()
    };
    largest(exact, loss, x).into_iter().map(line).collect()
}

/// Where the parts come to rest.
pub fn sentence(exact: &Exact, loss: &ExactLoss, x: usize) -> String {
    let found = words::policy(&probs(&loss.minimisers[x].log_pi));
    let all = largest(exact, loss, x);
    let rests = |value: Option<f64>| value.is_some_and(|v| v <= ROUNDING);
    let end = format!("The marker is the exact minimiser, {found}.");
    match &all[..] {
        [(_, supervised), (_, unsupervised), _] => {
            let by_labels = if rests(supervised[0]) { "comes to rest at π*" } else { "does not rest at π*" };
            let to_reference = if rests(unsupervised[1]) { "at the reference" } else { "not at the reference" };
            format!(
                "The supervised part {by_labels}, the unsupervised one {to_reference}; the first does not see the reference, the second does not see the labels. {end}"
            )
        }
        [(_, whole), ..] => {
            let name = words::name(&loss.spec);
            let star = if rests(whole[0]) { "rests at π*" } else { "does not rest at π*" };
            format!("{name} {star}, where its largest slope is {}. {end}", slope(whole[0]))
        }
        [] => end,
    }
}

fn lines(kinds: &[Shown], fields: &[Field], loss: &ExactLoss, decays: bool) -> Vec<Line> {
    let signed = |v: f64| if v < 0.0 { format!("−{}", words::number(-v)) } else { words::number(v) };
    let line = |kind: Shown, a: &Arrow| {
        Line::from(vec![words::whole_policy(&a.pi), kind.title(loss, decays), a.way.map(signed).join(", ")])
    };
    kinds.iter().zip(fields).flat_map(|(kind, f)| f.arrows.iter().map(move |a| line(*kind, a))).collect()
}
