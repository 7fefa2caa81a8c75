//! A model and preferences of one's own, how they are trained, and the trained weights to keep.

use std::rc::Rc;

use web_sys::{FileList, HtmlInputElement};
use yew::prelude::*;

use super::run;
use crate::app::controls::choice;
use crate::app::controls::slider::{Slider, Track};
use crate::app::controls::wrong;
use crate::app::keys::{self, MOST_RANK, MOST_SUPERVISED};
use crate::app::lm::Lm;
use crate::app::state::{Action, Edit, State};
use crate::worker::port::Part;
use crate::worker::protocol::lm::{Method, ToLm, Wish};

fn parts(files: Option<FileList>) -> Vec<Part> {
    let Some(files) = files else { return Vec::new() };
    (0..files.length()).filter_map(|k| Some(Part::File(files.item(k)?))).collect()
}

pub fn section(state: &State, dispatch: &Callback<Action>, lm: &Rc<Lm>) -> Html {
    let wish = keys::device(state.link());
    let chosen = |take: fn(&Rc<Lm>, Wish, Vec<Part>)| {
        let lm = Rc::clone(lm);
        Callback::from(move |e: Event| {
            let Some(input) = e.target_dyn_into::<HtmlInputElement>() else { return };
            let files = parts(input.files());
            if !files.is_empty() {
                take(&lm, wish, files);
            }
            // The same file may be chosen again after it was mended.
            input.set_value("");
        })
    };
    let button = |text: &'static str, can: bool, act: fn(&Rc<Lm>, Wish)| {
        let lm = Rc::clone(lm);
        html! { <button type="button" disabled={!can} onclick={Callback::from(move |_| act(&lm, wish))}>{ text }</button> }
    };
    let is_own = state.lm.model.as_ref().is_some_and(|m| m.world.is_none());
    html! {
        <details class="own">
            <summary>{ "How it is trained, your own model and data, and the weights to keep" }</summary>
            <div class="inside">
                <section><h3>{ "Training" }</h3>{ run::device(state, dispatch) }{ method(state, dispatch) }</section>
                <section>
                    <h3>{ "Your own" }</h3>
                    <p>{ "Files stay on this machine. A model is a GPT-2’s files, chosen together: config.json, model.safetensors, and tokenizer.json or vocab.json with merges.txt; a folder may be dropped." }</p>
                    <label>{ "Model files " }<input id="lm-model" type="file" multiple=true onchange={chosen(Lm::open)} /></label>
                    <p>{ "Preferences are JSON lines with prompt, chosen and rejected, or Anthropic’s HH transcripts." }</p>
                    <label>{ "Preferences " }<input id="lm-pairs" type="file" accept=".jsonl,.json,.txt" onchange={chosen(|lm, _, files| lm.prefer(files))} /></label>
                    <p class="row">
                        { button("Back to the small world", is_own || state.lm.pairs > 0, |lm, wish| lm.open(wish, Vec::new())) }
                        { button("Save weights", state.lm.model.is_some(), |lm, _| lm.send(ToLm::Save, Vec::new())) }
                    </p>
                </section>
            </div>
        </details>
    }
}

fn method(state: &State, dispatch: &Callback<Action>) -> Html {
    let now = keys::method(state.link()).unwrap_or_default();
    let edit = |method: Method| Action::Edit(Edit::Method(method));
    let slider = |id: &'static str, label: &'static str, value: u32, most: u32, set: fn(Method, u32) -> Method| {
        let dispatch_to = dispatch.clone();
        let most = f64::from(most);
        html! {
            <Slider {id} {label} track={Track::whole(0.0, most, (0.0, most))} value={f64::from(value)} initial={0.0} on_wrong={wrong(dispatch)}
                on_change={Callback::from(move |v| dispatch_to.emit(Action::Edit(Edit::Method(set(now, v as u32)))))} />
        }
    };
    html! {
        <>
            { choice("a response’s log-probability", &[
                ("summed", !now.mean, edit(Method { mean: false, ..now })), ("mean a token", now.mean, edit(Method { mean: true, ..now })),
            ], dispatch) }
            { choice("learning rate over time", &[
                ("half a cosine", now.cosine, edit(Method { cosine: true, ..now })), ("constant", !now.cosine, edit(Method { cosine: false, ..now })),
            ], dispatch) }
            { slider("lm-lora", "LoRA rank, 0 for all weights", now.lora_rank, MOST_RANK, |m, lora_rank| Method { lora_rank, ..m }) }
            { slider("lm-sft", "supervised steps before", now.supervised_steps, MOST_SUPERVISED.min(500), |m, supervised_steps| Method { supervised_steps, ..m }) }
        </>
    }
}
