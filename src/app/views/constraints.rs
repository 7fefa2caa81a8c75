//! Figures 1 (right) and 3 (right): what weight decay does to the losses' tie with RLHF.

use std::rc::Rc;

use yew::prelude::*;

use super::{ViewProps, below, head, over_alpha, pointing, shown, space};
use crate::app::drawing::Drawing;
use crate::app::exact::{Exact, distance};
use crate::app::painter::Figure;
use crate::app::panels::transport::Transport;
use crate::app::stage::Stage;
use crate::app::state::State;
use crate::app::words;
use crate::figure::distance::{Curve, Distances};
use crate::spec::KlConvention;

pub fn view(props: &ViewProps) -> Html {
    let (state, exact, dispatch) = (&props.state, &props.exact, &props.dispatch);
    let x = state.prompt();
    let headline = words::constraint_headline(exact, x);
    html! {
        <>
            { head(&headline, &words::constraint_lead(exact)) }
            <div class="figures interpolation">
                { space(props, x) }
                if props.stage >= Stage::Figures {
                    <div class="curves">
                        <h2>{ "Distance from the RLHF that it equals without weight decay" }</h2>
                        <Figure on_point={pointing(dispatch)} drawing={Rc::new(Drawing::Distances(distances(state, exact, x)))}
                            label={format!("Distance from RLHF in nats against weight decay alpha. {headline}")} />
                        <h2>{ "Where each loss ends: " }<span class="maths">{ "π(y)" }</span>{ " against α" }</h2>
                        <Figure on_point={pointing(dispatch)} drawing={Rc::new(over_alpha(state, exact, x))}
                            label="Exact minimisers against weight decay alpha, a panel a loss. The numbers are in the table below." />
                        <Transport state={state.clone()} dispatch={dispatch.clone()} />
                    </div>
                }
            </div>
            { below(props) }
        </>
    }
}

fn distances(state: &State, exact: &Exact, x: usize) -> Distances {
    let curve = |k: usize| {
        let constraint = exact.losses[k].constraint.as_ref()?;
        Some(Curve {
            loss: exact.losses[k].spec.loss,
            nats: constraint.gap[x].clone(),
            at_cursor: Some(distance(&exact.problem, &constraint.now[x])),
            dimmed: state.is_dimmed(k),
        })
    };
    let curves = shown(state, exact).filter_map(curve).collect();
    let label = match exact.problem.kl {
        KlConvention::True => "distance from RLHF, nats",
        KlConvention::Authors => "distance from RLHF, nats ÷ A",
    };
    let plot = Distances::over_alpha(curves, &exact.alphas, label);
    Distances { cursor: Some(exact.problem.weight_decay.alpha), ..plot }
}
