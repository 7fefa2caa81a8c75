//! Figures 1 (left) and 3 (left and middle): a good and a bad prompt.

use std::rc::Rc;

use yew::prelude::*;

use super::interpolation::simplex;
use super::{ViewProps, learning, shown};
use crate::app::drawing::Drawing;
use crate::app::exact::Exact;
use crate::app::painter::Figure;
use crate::app::panels::legend::Legend;
use crate::app::panels::numbers::Numbers;
use crate::app::panels::transport::Transport;
use crate::app::panels::verdicts::PreservationVerdicts;
use crate::app::state::State;
use crate::app::words;
use crate::figure::distance::{Along, Curve, Distances, scale_end};

#[component]
pub fn Preservation(props: &ViewProps) -> Html {
    let (state, exact, dispatch) = (&props.state, &props.exact, &props.dispatch);
    let prompts = &exact.problem.prompts;
    html! {
        <>
            <header class="headline">
                <h1>{ words::preservation_headline(exact) }</h1>
                <p>{ "On a good prompt the reference is already ideal; on a bad one it is not. Slide λ, and watch what each loss pays for an improvement." }</p>
            </header>
            <Legend state={state.clone()} dispatch={dispatch.clone()} />
            <div class="figures prompts">
                { for prompts.iter().enumerate().map(|(x, p)| html! {
                    <section class="prompt" key={x} aria-label={format!("{} prompt", p.name)}>
                        <h2>{ format!("{} prompt", capital(&p.name)) }<small>{ if p.is_good() { "the reference is ideal" } else { "the reference is off" } }</small></h2>
                        { simplex(props, x) }
                        <Figure drawing={Rc::new(Drawing::Distances(distances(state, exact, x)))}
                            label={format!("Distance to π* in nats against log λ on the {} prompt, a curve a loss.", p.name)} />
                        <h2>{ "While training" }</h2>
                        <Figure drawing={Rc::new(learning(state, exact, x))}
                            label={format!("Learning curves on the {} prompt, a panel a loss.", p.name)} />
                    </section>
                }) }
            </div>
            <Transport state={state.clone()} dispatch={dispatch.clone()} />
            <PreservationVerdicts state={state.clone()} exact={exact.clone()} dispatch={dispatch.clone()} />
            <Numbers state={state.clone()} />
        </>
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Distances to π* over λ on prompt `x`.
fn distances(state: &State, exact: &Exact, x: usize) -> Distances {
    let problem = &exact.problem;
    let prompt = &problem.prompts[x];
    let nats = |log_pi: &[f64]| problem.distance(&prompt.log_star, log_pi);
    let worst = problem.prompts.iter().map(|p| problem.distance(&p.log_star, &p.log_ref)).fold(0.0, f64::max);
    let curves = shown(state).map(|k| {
        let loss = &exact.losses[k];
        Curve {
            loss: loss.spec.loss,
            nats: loss.series.prompts[x].iter().map(|m| nats(&m.log_pi)).collect(),
            at_cursor: Some(nats(&loss.minimisers[x].log_pi)),
            dimmed: state.is_dimmed(k),
        }
    });
    Distances {
        curves: curves.collect(),
        x: exact.lambdas.clone(),
        along: Along::LogLambda,
        cursor: Some(state.lambda()),
        reference: (!prompt.is_good()).then(|| (nats(&prompt.log_ref), "the reference policy")),
        label: "distance to π*, nats",
        most: scale_end(worst),
    }
}
