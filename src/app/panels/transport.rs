//! Play, pause, one step, and a slider through training time.

use std::rc::Rc;

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::app::state::{Action, State};

const POSITIONS: f64 = 1000.0;

#[derive(Properties, PartialEq)]
pub struct TransportProps {
    pub state: Rc<State>,
    pub dispatch: Callback<Action>,
}

#[component]
pub fn Transport(props: &TransportProps) -> Html {
    let state = &props.state;
    let send = |action: Action| {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.emit(action.clone()))
    };
    let range = use_node_ref();
    {
        let range = range.clone();
        use_effect_with((state.cursor * POSITIONS).round() as i64, move |position| {
            if let Some(input) = range.cast::<HtmlInputElement>() {
                input.set_value(&position.to_string());
                let _ = input.style().set_property("--fill", &format!("{}%", *position as f64 * 100.0 / POSITIONS));
            }
        });
    }
    let dispatch = props.dispatch.clone();
    let on_seek = Callback::from(move |e: InputEvent| {
        if let Some(at) = e.target_dyn_into::<HtmlInputElement>().and_then(|i| i.value().parse::<f64>().ok()) {
            dispatch.emit(Action::Seek(at / POSITIONS));
        }
    });
    let steps = state.spec().optimiser.steps;
    let at = (state.cursor * steps as f64).round() as u64;
    let (word, action) = if state.playing { ("Pause", Action::Pause) } else { ("Train", Action::Play) };
    html! {
        <div class="transport" role="group" aria-label="Training time">
            <button type="button" class="primary" onclick={send(action)}>
                <svg viewBox="0 0 12 12" aria-hidden="true">
                    if state.playing { <path d="M2 1h3v10H2zM7 1h3v10H7z" /> } else { <path d="M2 0.5v11l9-5.5z" /> }
                </svg>
                { word }
            </button>
            <button type="button" onclick={send(Action::Step)}>{ "Step" }</button>
            <input ref={range} id="time" type="range" min="0" max={POSITIONS.to_string()} aria-label="Training time"
                aria-valuetext={format!("step {at} of {steps}")} oninput={on_seek} />
            <output class="soft" for="time">{ format!("step {} of {}", grouped(at), grouped(steps)) }</output>
        </div>
    }
}

/// A whole number with its thousands apart.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|c| std::str::from_utf8(c).ok()).collect();
    groups.join(",")
}
