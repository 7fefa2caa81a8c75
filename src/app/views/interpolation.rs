//! Figures 1 (middle), 2, 5 and 6: one prompt, λ from small to large.

use std::rc::Rc;

use yew::prelude::*;

use super::{ViewProps, learning, over_lambda, triangle};
use crate::app::controls::handles::Handles;
use crate::app::drawing::Drawing;
use crate::app::painter::Figure;
use crate::app::panels::legend::Legend;
use crate::app::panels::numbers::Numbers;
use crate::app::panels::transport::Transport;
use crate::app::panels::verdicts::InterpolationVerdicts;
use crate::app::state::{Action, Edit, Given};
use crate::app::words;

#[component]
pub fn Interpolation(props: &ViewProps) -> Html {
    let (state, exact, dispatch) = (&props.state, &props.exact, &props.dispatch);
    let headline = words::interpolation_headline(exact);
    html! {
        <>
            <header class="headline">
                <h1>{ headline.clone() }</h1>
                <p>{ words::interpolation_lead(exact) }</p>
            </header>
            <div class="figures interpolation">
                <div class="space">
                    { simplex(props, 0) }
                    <Legend state={state.clone()} dispatch={dispatch.clone()} />
                </div>
                <div class="curves">
                    <h2>{ "While training: " }<span class="maths">{ "π(y)" }</span>{ " against steps" }<small>{ "dashed π*, dotted π" }<sub>{ "ref" }</sub></small></h2>
                    <Figure drawing={Rc::new(learning(state, exact, 0))}
                        label="Learning curves: the probability of each response against training steps, a panel a loss. The numbers are in the table below." />
                    <Transport state={state.clone()} dispatch={dispatch.clone()} />
                    <h2>{ "Where each loss ends: " }<span class="maths">{ "π(y)" }</span>{ " against λ" }</h2>
                    <Figure drawing={Rc::new(over_lambda(state, exact, 0))}
                        label={format!("Exact minimisers against lambda, a panel a loss. {headline}")} />
                </div>
            </div>
            <InterpolationVerdicts state={state.clone()} exact={exact.clone()} dispatch={dispatch.clone()} />
            <Numbers state={state.clone()} />
        </>
    }
}

/// The triangle of prompt `x` with its handles, or a note where it has not three actions.
pub fn simplex(props: &ViewProps, x: usize) -> Html {
    let Some(t) = triangle(&props.state, &props.exact, x) else {
        let actions = props.exact.problem.actions();
        return html! { <p class="soft">{ format!("A triangle shows three actions; this experiment has {actions}. The curves show them all.") }</p> };
    };
    let dispatch = props.dispatch.clone();
    let on_move = Callback::from(move |(given, pi): (Given, Vec<f64>)| {
        dispatch.emit(Action::Edit(Edit::Policy { prompt: x, given, pi }));
    });
    let name = props.exact.problem.prompts[x].name.clone();
    let label = format!("The triangle of policies for prompt {name}, with every loss’s way through it.");
    let (pi_ref, pi_star) = (t.pi_ref, t.pi_star);
    html! {
        <Handles {name} {pi_ref} {pi_star} {on_move}>
            <Figure drawing={Rc::new(Drawing::Triangle(t))} {label} />
        </Handles>
    }
}
