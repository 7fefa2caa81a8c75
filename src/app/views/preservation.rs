//! Figures 1 (left) and 3 (left and middle): a good and a bad prompt.

use std::rc::Rc;

use yew::prelude::*;

use super::{ViewProps, below, head, learning, pointing, shown, simplex};
use crate::app::drawing::Drawing;
use crate::app::exact::Exact;
use crate::app::painter::Figure;
use crate::app::panels::curves::{Shows, Table};
use crate::app::panels::legend::legend;
use crate::app::panels::transport::Transport;
use crate::app::stage::Stage;
use crate::app::state::State;
use crate::app::words;
use crate::figure::distance::Distances;

pub fn view(props: &ViewProps) -> Html {
    let (state, exact, dispatch) = (&props.state, &props.exact, &props.dispatch);
    let prompts = &exact.problem.prompts;
    html! {
        <>
            { head(&words::preservation_headline(exact), "On a good prompt the reference is already ideal; on a bad one it is not. Slide λ, and watch what each loss pays for an improvement.") }
            if props.stage >= Stage::Space {
                { legend(state, dispatch) }
                <div class="figures prompts">
                    { for prompts.iter().enumerate().map(|(x, p)| html! {
                        <section class="prompt" key={x} aria-label={format!("{} prompt", p.name)}>
                            <h2>{ format!("{} prompt", capital(&p.name)) }<small>{ if p.is_good() { "the reference is ideal" } else { "the reference is off" } }</small></h2>
                            { simplex(props, x) }
                            if props.stage >= Stage::Figures {
                                <Figure on_point={pointing(dispatch)} drawing={Rc::new(Drawing::Distances(distances(state, exact, x)))}
                                    label={format!("Distance to π* in nats against log λ on the {} prompt, a curve a loss.", p.name)} />
                                <h2>{ "While training" }<small>{ words::seeds(state).trim_start_matches("; ").to_owned() }</small></h2>
                                <Figure on_point={pointing(dispatch)} drawing={Rc::new(learning(state, exact, x))}
                                    label={format!("Learning curves on the {} prompt, a panel a loss.", p.name)} />
                            }
                        </section>
                    }) }
                </div>
                <Transport state={state.clone()} dispatch={dispatch.clone()} />
            }
            { below(props) }
        </>
    }
}

/// The distances in numbers.
pub fn table(exact: &Exact) -> Table {
    Table {
        over: "λ",
        title: "The distances in numbers".to_owned(),
        values: exact.lambdas.clone(),
        prompts: (0..exact.problem.prompts.len()).collect(),
        shows: Shows::Distance,
    }
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| std::iter::once(first.to_ascii_uppercase()).chain(letters).collect())
}

/// Distances to π* over λ on prompt `x`.
pub fn distances(state: &State, exact: &Exact, x: usize) -> Distances {
    let losses: Vec<usize> = shown(state, exact).collect();
    let series = losses.iter().map(|k| &exact.losses[*k].curves.series);
    let mut plot = Distances::to_star(&exact.problem, series, x, &exact.lambdas);
    for (curve, &k) in plot.curves.iter_mut().zip(&losses) {
        let found = &exact.losses[k].minimisers[x];
        curve.at_cursor = Some(exact.problem.to_star(x, &found.log_pi));
        curve.dimmed = state.is_dimmed(k);
    }
    Distances { cursor: Some(state.lambda()), ..plot }
}
