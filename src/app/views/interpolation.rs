//! Figures 1 (middle), 2, 5 and 6: one prompt, λ from small to large.

use std::rc::Rc;

use yew::prelude::*;

use super::{ViewProps, below, head, learning, over_lambda, pointing, space};
use crate::app::painter::Figure;
use crate::app::panels::transport::Transport;
use crate::app::stage::Stage;
use crate::app::words;

pub fn view(props: &ViewProps) -> Html {
    let (state, exact, dispatch) = (&props.state, &props.exact, &props.dispatch);
    let x = state.prompt();
    let headline = words::interpolation_headline(exact);
    html! {
        <>
            { head(&headline, &words::interpolation_lead(exact)) }
            <div class="figures interpolation">
                { space(props, x) }
                if props.stage >= Stage::Figures {
                    <div class="curves">
                        <h2>{ "While training: " }<span class="maths">{ "π(y)" }</span>{ " against steps" }<small>{ words::seeds(state).trim_start_matches("; ").to_owned() }</small></h2>
                        <Figure on_point={pointing(dispatch)} drawing={Rc::new(learning(state, exact, x))}
                            label="Learning curves: the probability of each response against training steps, a panel a loss. The numbers are in the table below." />
                        <Transport state={state.clone()} dispatch={dispatch.clone()} />
                    </div>
                    <div class="curves wide">
                        <h2>{ "Where each loss ends: " }<span class="maths">{ "π(y)" }</span>{ " against λ" }</h2>
                        <Figure on_point={pointing(dispatch)} drawing={Rc::new(over_lambda(state, exact, x))}
                            label={format!("Exact minimisers against lambda, a panel a loss. {headline}")} />
                    </div>
                }
            </div>
            { below(props) }
        </>
    }
}
