//! Play, pause, one step, and a slider and a field through training time.

use std::rc::Rc;

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

use crate::app::state::{Action, Speed, State};
use crate::spec::number;

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
    let dispatch = props.dispatch.clone();
    let on_seek = Callback::from(move |e: InputEvent| {
        if let Some(at) = e.target_dyn_into::<HtmlInputElement>().and_then(|i| number(&i.value())) {
            dispatch.emit(Action::Seek(at / POSITIONS));
        }
    });
    let dispatch = props.dispatch.clone();
    let on_speed = Callback::from(move |e: Event| {
        let chosen = e.target_dyn_into::<HtmlSelectElement>().and_then(|s| s.value().parse::<usize>().ok());
        if let Some(speed) = chosen.and_then(|k| Speed::ALL.get(k)) {
            dispatch.emit(Action::Speed(*speed));
        }
    });
    let steps = state.spec().optimiser.steps;
    let at = (state.cursor * steps as f64).round() as u64;
    let others = others(state);
    let (range, field) = (use_node_ref(), use_node_ref());
    use_shown(&range, &field, state.cursor, at);
    let on_step = on_step(&props.dispatch, at, steps);
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
                aria-valuetext={format!("step {at} of {steps}")} oninput={on_seek} ondblclick={send(Action::Seek(1.0))} />
            <label class="visually-hidden" for="speed">{ "Speed" }</label>
            <select id="speed" title="Speed" onchange={on_speed}>
                { for Speed::ALL.iter().enumerate().map(|(k, s)| html! {
                    <option value={k.to_string()} selected={*s == state.speed}>{ s.name() }</option>
                }) }
            </select>
            <span class="soft at">
                <label for="step">{ "step" }</label>
                <input ref={field} id="step" class="field" type="text" inputmode="numeric" autocomplete="off" onchange={on_step} />
                { format!("of {}", grouped(steps)) }
                if !others.is_empty() { <small>{ others }</small> }
            </span>
        </div>
    }
}

/// Keeps the slider and the field at the moment.
#[hook]
fn use_shown(range: &NodeRef, field: &NodeRef, cursor: f64, at: u64) {
    {
        let range = range.clone();
        use_effect_with((cursor * POSITIONS).round() as i64, move |position| {
            if let Some(input) = range.cast::<HtmlInputElement>() {
                input.set_value(&position.to_string());
                let _ = input.style().set_property("--fill", &format!("{}%", *position as f64 * 100.0 / POSITIONS));
            }
        });
    }
    let field = field.clone();
    // What somebody is typing stays.
    use_effect_with(at, move |at| {
        if let Some(input) = field.cast::<HtmlInputElement>()
            && document().active_element().as_ref() != Some(input.unchecked_ref())
        {
            input.set_value(&at.to_string());
        }
    });
}

/// Goes to a step that was typed, or says what was wrong and puts the old one back.
fn on_step(dispatch: &Callback<Action>, at: u64, steps: u64) -> Callback<Event> {
    let dispatch = dispatch.clone();
    Callback::from(move |e: Event| {
        let Some(input) = e.target_dyn_into::<HtmlInputElement>() else { return };
        let text = input.value();
        dispatch.emit(match text.trim().parse::<u64>() {
            Ok(step) if step <= steps => Action::Seek(step as f64 / steps as f64),
            _ => {
                input.set_value(&at.to_string());
                let got: String = text.chars().take(20).collect();
                Action::Notice(Some(format!("step: got “{got}”, expected a whole number from 0 to {steps}.")))
            }
        });
    })
}

/// The losses with steps of their own, which are shown at the same share of their runs.
fn others(state: &State) -> String {
    let steps = state.spec().optimiser.steps;
    let own = state.spec().losses.iter().filter_map(|l| Some((l.loss.label(), l.steps.filter(|n| *n != steps)?)));
    own.map(|(name, n)| format!("{name} of {}", grouped(n))).collect::<Vec<_>>().join(", ")
}

/// A whole number with its thousands apart.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|c| std::str::from_utf8(c).ok()).collect();
    groups.join(",")
}
