//! Verdicts in words and numbers, one line a loss.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::exact::{Exact, ExactLoss};
use crate::app::state::{Action, State};
use crate::app::words;

#[derive(Properties, PartialEq)]
pub struct VerdictProps {
    pub state: Rc<State>,
    pub exact: Rc<Exact>,
    pub dispatch: Callback<Action>,
}

/// A table with a line a loss; pointing at a line brings its loss forward.
fn table(
    props: &VerdictProps,
    class: &'static str,
    caption: &str,
    heads: Html,
    cells: impl Fn(usize, &ExactLoss) -> Html,
) -> Html {
    let line = |(k, l): (usize, &ExactLoss)| {
        let focus = |to: Option<usize>| {
            let dispatch = props.dispatch.clone();
            Callback::from(move |_: MouseEvent| dispatch.emit(Action::Focus(to)))
        };
        html! {
            <tr onmouseenter={focus(Some(k))} onmouseleave={focus(None)}
                class={classes!(props.state.focus.is_some_and(|f| f == k).then_some("focused"))}>
                <th scope="row" class={classes!("loss-name", l.spec.loss.key())}>{ words::name(&l.spec) }</th>
                { cells(k, l) }
            </tr>
        }
    };
    html! {
        <div class={classes!("table-frame", class)} tabindex="0" role="region" aria-label={caption.to_owned()}>
        <table class="verdicts">
            <caption class="visually-hidden">{ caption.to_owned() }</caption>
            <thead><tr>{ heads }</tr></thead>
            <tbody>{ for props.exact.losses.iter().enumerate().map(line) }</tbody>
        </table>
        </div>
    }
}

fn verdict(holds: bool, text: &str) -> Html {
    html! { <td class={if holds { "yes" } else { "no" }}>{ text.to_owned() }</td> }
}

#[component]
pub fn InterpolationVerdicts(props: &VerdictProps) -> Html {
    let prompt = &props.exact.problem.prompts[0];
    let heads = html! {
        <>
            <th scope="col">{ "Loss" }</th>
            <th scope="col">{ "λ → 0" }<small>{ "ends at" }</small></th>
            <th scope="col">{ "λ → ∞" }<small>{ "ends at" }</small></th>
            <th scope="col">{ "strong interpolation" }<small>{ "Thm 3.6, Prop. 4.2" }</small></th>
            <th scope="col">{ "weak interpolation" }<small>{ "Prop. 3.4, 3.5" }</small></th>
            <th scope="col">{ "at this λ" }<small>{ "exactly" }</small></th>
            <th scope="col">{ "KL(π* ‖ π)" }<small>{ "nats, at this λ" }</small></th>
        </>
    };
    let yes_no = |holds: bool| verdict(holds, if holds { "yes" } else { "no" });
    table(
        props,
        "interpolation-verdicts",
        "Where each loss ends, and which interpolation criteria hold",
        heads,
        |_, l| {
            let found = &l.minimisers[0];
            let pi = crate::simplex::probs(&found.log_pi);
            let nats = props.exact.problem.distance(&prompt.log_star, &found.log_pi);
            let boundary = found.status == crate::solve::Status::Boundary;
            html! {
                <>
                    <td>{ words::low_limit(l) }</td>
                    <td>{ symbol(&words::high_limit(l)) }</td>
                    { yes_no(words::is_strong(l)) }
                    { yes_no(words::is_weak(l)) }
                    <td class="number" data-pi={json(&pi)}>{ words::policy(&pi) }if boundary { <small>{ "at the boundary" }</small> }</td>
                    <td class="number" data-nats={nats.to_string()}>{ words::nats(nats) }</td>
                </>
            }
        },
    )
}

/// `π_ref` set with its subscript.
fn symbol(text: &str) -> Html {
    match text.split_once("π_ref") {
        Some((before, after)) => html! { <>{ before.to_owned() }{ "π" }<sub>{ "ref" }</sub>{ after.to_owned() }</> },
        None => html! { { text.to_owned() } },
    }
}

#[component]
pub fn PreservationVerdicts(props: &VerdictProps) -> Html {
    let problem = &props.exact.problem;
    let distance = |x: usize, l: &ExactLoss| problem.distance(&problem.prompts[x].log_star, &l.minimisers[x].log_pi);
    let reference = |x: usize| problem.distance(&problem.prompts[x].log_star, &problem.prompts[x].log_ref);
    let heads = html! {
        <>
            <th scope="col">{ "Loss" }</th>
            { for problem.prompts.iter().map(|p| html! { <th scope="col">{ format!("{} prompt, nats", p.name) }</th> }) }
            <th scope="col">{ "improves the bad, keeps the good" }<small>{ "Thm 3.1, Prop. 4.1" }</small></th>
        </>
    };
    table(
        props,
        "preservation-verdicts",
        "Distance to π* on each prompt, and whether good prompts are kept",
        heads,
        |_, l| {
            let prompts = problem.prompts.iter().enumerate().map(|(x, p)| {
                let nats = distance(x, l);
                let text = if p.is_good() { words::harm(nats) } else { words::gain(reference(x) - nats) };
                html! { <td class="number" data-nats={nats.to_string()}>{ text }</td> }
            });
            let (holds, text) = l.preservation.as_ref().map_or((false, "—".to_owned()), words::selectivity);
            html! { <>{ for prompts }{ verdict(holds, &text) }</> }
        },
    )
}

/// Numbers for programs that read the page.
fn json(numbers: &[f64]) -> String {
    serde_json::to_string(numbers).unwrap_or_default()
}
