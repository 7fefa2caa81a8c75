//! What computes, and the buttons of a training.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::controls::choice;
use crate::app::keys;
use crate::app::lm::Lm;
use crate::app::panels::transport::grouped;
use crate::app::state::{Action, Edit, State};
use crate::app::words;
use crate::worker::protocol::lm::{RATE, ToLm, Wish};

/// Who computes, how large the model is, and what a training needs; or why nothing does.
pub fn status(state: &State, lm: &Rc<Lm>) -> Html {
    let known = &state.lm;
    let wish = keys::device(state.link());
    if let Some(trouble) = &known.trouble {
        let lm = Rc::clone(lm);
        return html! {
            <div class="notice" role="alert">
                <p>{ trouble.clone() }</p>
                <button type="button" onclick={Callback::from(move |_| lm.reopen(wish))}>{ "Start again" }</button>
            </div>
        };
    }
    let mut facts = Vec::new();
    if let Some(model) = &known.model {
        facts.push(format!("Computed on {}", model.device));
        facts.push(format!("{} parameters", grouped(model.parameters)));
    }
    if let Some(weight) = known.weight.as_ref().filter(|w| w.bytes > 0) {
        facts.push(format!("a training takes {} MB", grouped(weight.bytes.div_ceil(1_000_000))));
        if known.pairs > 0 {
            facts.push(format!("{} pairs of your own", grouped(known.pairs.into())));
        }
    }
    let more = known.model.as_ref().and_then(|m| m.remark.clone());
    let refusal = known.weight.as_ref().and_then(|w| w.refusal.clone());
    html! {
        <div class="soft status">
            <p>
                { if facts.is_empty() { "The model is being loaded.".to_owned() } else { format!("{}.", facts.join("; ")) } }
                { for more.into_iter().chain(refusal).map(|text| format!(" {text}")) }
            </p>
            if let Some((what, share)) = &known.busy {
                <label>{ what.clone() }<progress max="1" value={share.to_string()} /></label>
            }
        </div>
    }
}

/// The devices to choose from.
pub fn device(state: &State, dispatch: &Callback<Action>) -> Html {
    let now = keys::device(state.link());
    let option = |text, wish| (text, now == wish, Action::Edit(Edit::Device(wish)));
    choice(
        "what computes",
        &[option("the best", Wish::Auto), option("WebGPU", Wish::Gpu), option("CPU", Wish::Cpu)],
        dispatch,
    )
}

/// Train, pause, step, stop, and how far it is.
pub fn bar(state: &State, dispatch: &Callback<Action>, lm: &Rc<Lm>) -> Html {
    let known = &state.lm;
    let send = |message: ToLm| {
        let lm = Rc::clone(lm);
        Callback::from(move |_: MouseEvent| lm.send(message.clone(), Vec::new()))
    };
    let Some((now, is_paused)) = known.at else { return begin(state, dispatch, lm) };
    let of = state.spec().losses[now.min(state.spec().losses.len() - 1)];
    let steps = of.steps_under(&state.spec().optimiser);
    let last = known.newest(now);
    let at = last.map_or(0.0, |row| row[0]);
    let rate = last.map_or(0.0, |row| row[RATE]);
    html! {
        <div class="transport" role="group" aria-label="Training">
            <button type="button" class="primary" onclick={send(ToLm::Pause(!is_paused))}>{ if is_paused { "Go on" } else { "Pause" } }</button>
            <button type="button" onclick={send(ToLm::Step)}>{ "Step" }</button>
            <button type="button" onclick={send(ToLm::Stop)}>{ "Stop" }</button>
            <progress max={steps.to_string()} value={at.to_string()} aria-label="Steps done" />
            <span class="soft at">{ format!("{}: step {at} of {}", words::name(&of), grouped(steps)) }
                <small>{ format!("{} tokens a second", grouped(rate.round() as u64)) }</small></span>
        </div>
    }
}

/// The buttons while nothing is trained.
fn begin(state: &State, dispatch: &Callback<Action>, lm: &Rc<Lm>) -> Html {
    let losses = state.pressed();
    let all = if losses.len() == 5 { "Train all five".to_owned() } else { format!("Train {} losses", losses.len()) };
    let text = if let [k] = losses[..] { format!("Train {}", words::name(&state.spec().losses[k])) } else { all };
    let can = state.lm.model.is_some()
        && state.lm.weight.as_ref().is_none_or(|w| w.refusal.is_none())
        && state.lm.trouble.is_none();
    let train = |paused: bool| {
        let (lm, dispatch, losses) = (Rc::clone(lm), dispatch.clone(), losses.clone());
        let method = keys::method(state.link()).unwrap_or_default();
        let (run, spec) = (state.run, state.spec().to_json().to_string());
        Callback::from(move |_: MouseEvent| {
            dispatch.emit(Action::LmTrains(losses.clone()));
            lm.send(ToLm::Train { run, spec: spec.clone(), losses: losses.clone(), method, paused }, Vec::new());
            if paused {
                lm.send(ToLm::Step, Vec::new());
            }
        })
    };
    html! {
        <div class="transport" role="group" aria-label="Training">
            <button type="button" class="primary" disabled={!can} onclick={train(false)}>{ text }</button>
            <button type="button" disabled={!can} onclick={train(true)}>{ "Step" }</button>
            <span class="soft">{ "Press a loss’s name above to train it alone; what was trained stays beside it." }</span>
        </div>
    }
}
