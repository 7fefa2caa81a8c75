//! Verdicts in words and numbers, one line a loss.

use yew::prelude::*;

use super::story::places;
use super::symbol;
use crate::app::exact::{ExactLoss, distance};
use crate::app::stage::Stage;
use crate::app::state::Action;
use crate::app::views::ViewProps;
use crate::app::words;
use crate::simplex::{probs, tv};
use crate::solve::verdict::{Finding, KEPT, Preservation, REACHED, tied};

/// A table with a line a loss; pointing at a line brings its loss forward.
fn table(
    props: &ViewProps,
    class: &'static str,
    caption: &str,
    heads: Html,
    cells: impl Fn(usize, &ExactLoss) -> Html,
) -> Html {
    if props.stage < Stage::Tables {
        return html! {};
    }
    let line = |(k, l): (usize, &ExactLoss)| {
        let focus = |to: Option<usize>| {
            let dispatch = props.dispatch.clone();
            Callback::from(move |()| dispatch.emit(Action::Focus(to)))
        };
        let (on, off) = (focus(Some(k)), focus(None));
        html! {
            <tr tabindex="0" onmouseenter={on.reform(|_| ())} onmouseleave={off.reform(|_| ())}
                onfocus={on.reform(|_| ())} onblur={off.reform(|_| ())}
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

/// A desideratum with the number behind it; pressed, it opens the sentence that says what the number is, one at a time.
fn found(finding: &Finding, text: &str, what: &str, unit: &str) -> Html {
    let nothing = if finding.holds { REACHED } else { KEPT };
    let value = if finding.value <= nothing { "0".to_owned() } else { words::number(finding.value) };
    html! {
        <td class={if finding.holds { "yes" } else { "no" }} data-value={finding.value.to_string()}>
            <details name="why">
                <summary>
                    <span>{ text.to_owned() }</span>
                    if finding.value.is_finite() { <small class="behind">{ format!("{what} {value}{unit}") }</small> }
                </summary>
                <p class="why">{ format!("{}.", finding.why) }</p>
            </details>
        </td>
    }
}

fn yes_no(finding: &Finding, what: &str) -> Html {
    found(finding, if finding.holds { "yes" } else { "no" }, what, "")
}

pub fn interpolation(props: &ViewProps) -> Html {
    let problem = &props.exact.problem;
    let (x, unit) = (props.state.prompt().min(problem.prompts.len() - 1), problem.kl.unit());
    let heads = html! {
        <>
            <th scope="col">{ "Loss" }</th>
            <th scope="col">{ "strong interpolation" }{ places(&[("Thm 3.6", "Theorem 3.6"), ("Prop. 4.2", "Proposition 4.2")]) }</th>
            <th scope="col">{ "weak interpolation" }{ places(&[("Prop. 3.4", "Proposition 3.4"), ("3.5", "Proposition 3.5")]) }</th>
            <th scope="col">{ "λ → 0" }<small>{ "ends at" }</small></th>
            <th scope="col">{ "λ → ∞" }<small>{ "ends at" }</small></th>
            <th scope="col">{ "at this λ" }<small>{ "exactly" }</small></th>
            <th scope="col">{ "KL(π* ‖ π)" }<small>{ format!("{unit}, at this λ") }</small></th>
        </>
    };
    // Of several prompts the criteria are about all.
    let what = if problem.prompts.len() > 1 { "total variation up to" } else { "total variation" };
    table(
        props,
        "interpolation-verdicts",
        "Where each loss ends, and which interpolation criteria hold",
        heads,
        |_, l| {
            let found = &l.minimisers[x];
            let pi = crate::simplex::probs(&found.log_pi);
            let nats = problem.to_star(x, &found.log_pi);
            let boundary = found.status == crate::solve::Status::Boundary;
            html! {
                <>
                    { yes_no(&l.curves.limits.strong(), what) }
                    { yes_no(&l.curves.limits.weak(), what) }
                    <td>{ words::low_limit(&props.exact, l) }</td>
                    <td>{ symbol(&words::high_limit(l)) }</td>
                    <td class="number" data-pi={json(&pi)}>{ words::policy(&pi) }if boundary { <small>{ "at the boundary" }</small> }</td>
                    <td class="number" data-nats={nats.to_string()}>{ words::nats(nats) }</td>
                </>
            }
        },
    )
}

/// What the number behind a verdict counts: harm where the bad prompts gain most, or the least of all where they never gain.
fn harm(p: &Preservation) -> &'static str {
    if p.improving().is_empty() { "harm ≥" } else { "harm" }
}

pub fn preservation(props: &ViewProps) -> Html {
    let problem = &props.exact.problem;
    let unit = problem.kl.unit();
    let distance = |x: usize, l: &ExactLoss| problem.to_star(x, &l.minimisers[x].log_pi);
    let reference = |x: usize| problem.to_star(x, &problem.prompts[x].log_ref);
    let heads = html! {
        <>
            <th scope="col">{ "Loss" }</th>
            <th scope="col">{ "improves the bad, keeps the good" }{ places(&[("Thm 3.1", "Theorem 3.1"), ("Prop. 4.1", "Proposition 4.1")]) }</th>
            { for problem.prompts.iter().map(|p| html! { <th scope="col">{ format!("{} prompt, {unit}", p.name) }</th> }) }
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
            let kept = match &l.curves.preservation {
                Some(p) => found(&p.finding(), &words::selectivity(p), harm(p), &format!(" {unit}")),
                None => html! { <td class="no">{ "—" }</td> },
            };
            html! { <>{ kept }{ for prompts }</> }
        },
    )
}

pub fn constraint(props: &ViewProps) -> Html {
    let heads = html! {
        <>
            <th scope="col">{ "Loss" }</th>
            <th scope="col">{ "still RLHF at this α" }{ places(&[("Thm 3.7", "Theorem 3.7")]) }</th>
            <th scope="col">{ "KL(π" }<sub>{ "RLHF" }</sub>{ " ‖ π)" }<small>{ props.exact.problem.kl.unit() }</small></th>
            <th scope="col">{ "at this α" }<small>{ "exactly" }</small></th>
            <th scope="col">{ "RLHF with its reward" }<small>{ "exactly" }</small></th>
        </>
    };
    let x = props.state.prompt().min(props.exact.problem.prompts.len() - 1);
    table(props, "constraint-verdicts", "Whether each loss still equals RLHF under weight decay", heads, |_, l| {
        let Some(tie) = l.constraint.as_ref().map(|c| &c.now[x]) else { return html! {} };
        let (own, rlhf) = (probs(&tie.own.log_pi), probs(&tie.rlhf));
        let alpha = props.exact.problem.weight_decay.alpha;
        let finding = tied(l.spec.loss, alpha, tv(&tie.own.log_pi, &tie.rlhf));
        let nats = distance(&props.exact.problem, tie);
        html! {
            <>
                { yes_no(&finding, "total variation") }
                <td class="number">{ words::nats(nats) }</td>
                <td class="number" data-pi={json(&own)}>{ words::policy(&own) }</td>
                <td class="number">{ words::policy(&rlhf) }</td>
            </>
        }
    })
}

/// Numbers for programs that read the page.
fn json(numbers: &[f64]) -> String {
    serde_json::to_string(numbers).unwrap_or_default()
}
