//! The figures as a table: what every curve shows at the chosen moment, in full.

use yew::prelude::*;

use crate::app::state::State;
use crate::app::words;
use crate::figure::action_name;
use crate::simplex::probs;

pub fn numbers(state: &State) -> Html {
    let spec = state.spec();
    let actions = spec.prompts[0].pi_ref.len();
    let shown = actions.min(COLUMNS);
    let line = |(k, trace): (usize, &crate::trace::Trace)| {
        let at = trace.at(state.cursor);
        let loss = &spec.losses[k];
        let prompts = spec.prompts.iter().enumerate().map(|(x, p)| {
            let pi = if trace.is_empty() { Vec::new() } else { probs(trace.policy(at, x, actions)) };
            html! {
                <tr data-loss={loss.loss.key()} data-prompt={p.name.clone()} data-trained={serde_json::to_string(&pi).unwrap_or_default()}>
                    <th scope="row" class={classes!("loss-name", loss.loss.key())}>{ words::name(loss) }</th>
                    <td>{ p.name.clone() }</td>
                    <td class="number">{ if trace.is_empty() { 0 } else { trace.step(at) } }</td>
                    <td class="number">{ if trace.is_empty() { String::new() } else { words::number(trace.loss_value(at)) } }</td>
                    { for (0..shown).map(|a| html! { <td class="number">{ pi.get(a).map_or_else(String::new, |p| format!("{p:.4}")) }</td> }) }
                    if actions > shown { <td class="number">{ rest(&pi) }</td> }
                </tr>
            }
        });
        html! { <>{ for prompts }</> }
    };
    html! {
        <details class="numbers" id="numbers" data-run-done={state.done.to_string()}>
            <summary>{ "The training runs in numbers" }</summary>
            <div class="table-frame" tabindex="0" role="region" aria-label="The training runs in numbers">
            <table>
                <thead><tr>
                    <th scope="col">{ "Loss" }</th><th scope="col">{ "prompt" }</th><th scope="col">{ "step" }</th><th scope="col">{ "objective" }</th>
                    { for (0..shown).map(|a| html! { <th scope="col" class="maths">{ "π(y" }<sub>{ action_name(a) }</sub>{ ")" }</th> }) }
                    if actions > shown { <th scope="col">{ format!("the other {}, in their order", actions - shown) }</th> }
                </tr></thead>
                <tbody>{ for state.traces.iter().enumerate().map(line) }</tbody>
            </table>
            </div>
        </details>
    }
}

/// Actions with a column of their own.
const COLUMNS: usize = 12;

/// The others, in one cell: a column each would be thousands of elements, built anew at every moment of training.
fn rest(pi: &[f64]) -> String {
    pi.iter().skip(COLUMNS).map(|p| format!("{p:.4}")).collect::<Vec<_>>().join(", ")
}
