//! What the reader sets: rows of a table, each a slider with a number field.

pub mod data;
pub mod handles;
mod losses;
mod optimiser;
pub mod policy;
pub mod size;
pub mod slider;

use gloo::utils::document;
use js_sys::Reflect;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use self::policy::PolicySliders;
use self::slider::{Slider, Track};
use super::elements::all;
use super::panels::symbol;
use super::stage::Stage;
use super::state::{Action, Edit, Given, State, View};
use super::views::ViewProps;
use super::words;
use crate::spec::{DecayOn, Preset, limit, number};

/// A number as people type it: with a decimal comma, or the minus that the page itself writes.
pub fn typed_number(typed: &str) -> Option<f64> {
    number(&typed.replace(',', ".").replace('−', "-"))
}

/// A slider's track with the setting it edits.
struct Row {
    id: &'static str,
    label: &'static str,
    /// What it means, in words.
    about: &'static str,
    track: Track,
    ends: (String, String),
    value: fn(&State) -> f64,
    edit: fn(f64) -> Edit,
    initial: fn(&crate::spec::Spec) -> f64,
}

/// The slider's greatest α, where no curve says how far.
const MOST_ALPHA: f64 = 0.1;

fn rows(state: &State) -> [Row; 2] {
    let lambda = state.spec().sweep.over_lambda();
    // As far as the curves over α reach, where those are shown.
    let alpha = if state.view == View::Constraints { state.spec().sweep.over_alpha().to } else { MOST_ALPHA };
    [
        Row {
            id: "lambda",
            label: "λ",
            track: Track::log(lambda.from, lambda.to, limit::LAMBDA),
            about: "strength of the pull to the reference",
            ends: ("toward 0".to_owned(), "toward ∞".to_owned()),
            value: State::lambda,
            edit: Edit::Lambda,
            initial: |s| s.losses[0].lambda,
        },
        Row {
            id: "alpha",
            label: "α",
            about: "strength of weight decay",
            track: Track::square(alpha, (0.0, limit::ALPHA)),
            ends: ("0".to_owned(), words::setting(alpha)),
            value: |s| s.spec().weight_decay.alpha,
            edit: Edit::Alpha,
            initial: |s| s.weight_decay.alpha,
        },
    ]
}

/// The column of controls.
#[component]
pub fn Controls(props: &ViewProps) -> Html {
    let (state, dispatch) = (&props.state, &props.dispatch);
    let preset = state.link().preset.spec();
    let [lambda, alpha] = rows(state).map(|row| {
        let edit = row.edit;
        let dispatch = dispatch.clone();
        let notice = dispatch.clone();
        html! {
            <Slider id={row.id} label={row.label} track={row.track} about={row.about} value={(row.value)(state)} ends={row.ends}
                initial={(row.initial)(&preset)}
                on_change={Callback::from(move |v| dispatch.emit(Action::Edit(edit(v))))}
                on_wrong={Callback::from(move |m| notice.emit(Action::Notice(Some(m))))} />
        }
    });
    let by_alpha = state.view == View::Constraints;
    let is_bandit = state.view.is_bandit();
    html! {
        <div class="controls">
            <section aria-labelledby="c-setting">
                <h2 id="c-setting">{ "Setting" }</h2>
                { preset_list(state, dispatch) }
                { beside_paper(state, dispatch) }
            </section>
            <section class={(!by_alpha).then_some("trade-off")} aria-labelledby="c-trade">
                <h2 id="c-trade">{ "Trade-off" }</h2>
                { lambda }
            </section>
            <section class={by_alpha.then_some("trade-off")} aria-labelledby="c-decay">
                <h2 id="c-decay">{ "Weight decay" }</h2>
                { alpha }
                if is_bandit { { decay_choice(state, dispatch) } }
            </section>
            if is_bandit && props.stage >= Stage::Policies { { for policies(state, dispatch) } }
            if props.stage == Stage::Whole {
                if is_bandit {
                    { data::section(state, dispatch) }
                    { size::section(state, dispatch) }
                }
                { losses::section(state, dispatch) }
                { optimiser::section(state, dispatch) }
            }
        </div>
    }
}

fn preset_list(state: &State, dispatch: &Callback<Action>) -> Html {
    let (dispatch, reset_to) = (dispatch.clone(), dispatch.clone());
    let current = state.link().preset;
    let changed = state.link().spec != current.spec() || !state.link().page.is_empty();
    let on_change = Callback::from(move |e: Event| {
        let chosen = e.target_dyn_into::<HtmlSelectElement>().and_then(|s| Preset::from_key(&s.value()));
        if let Some(preset) = chosen {
            dispatch.emit(Action::Preset(preset));
        }
    });
    let reset = {
        let dispatch = reset_to.clone();
        Callback::from(move |_: MouseEvent| dispatch.emit(Action::Preset(current)))
    };
    html! {
        <div class="setting">
            <label class="visually-hidden" for="preset">{ "Preset" }</label>
            <select id="preset" onchange={on_change}>
                { for Preset::ALL.into_iter().filter(|p| state.view.offers(*p) || *p == current).map(|p| html! {
                    <option value={p.key()} selected={p == current}>{ p.title() }</option>
                }) }
            </select>
            <button type="button" disabled={!changed} onclick={reset} title="Back to the preset’s own values">{ "Reset" }</button>
        </div>
    }
}

/// The authors' settings with the paper's readings; nothing for presets that are not theirs.
fn beside_paper(state: &State, dispatch: &Callback<Action>) -> Html {
    if state.link().preset.authors().is_none() {
        return html! {};
    }
    let on = state.is_beside_paper();
    let options =
        [("our run", !on, Action::Edit(Edit::Paper(false))), ("the authors’ run", on, Action::Edit(Edit::Paper(true)))];
    choice("whose settings", &options, dispatch)
}

fn decay_choice(state: &State, dispatch: &Callback<Action>) -> Html {
    let options = DecayOn::ALL.map(|on| {
        let text = match on {
            DecayOn::Logits => "on θ",
            DecayOn::Policy => "on π",
        };
        (text, state.spec().weight_decay.on == on, Action::Edit(Edit::DecayOn(on)))
    });
    choice("what weight decay penalises", &options, dispatch)
}

/// Emits a notice in the page.
pub fn wrong(dispatch: &Callback<Action>) -> Callback<String> {
    let dispatch = dispatch.clone();
    Callback::from(move |m| dispatch.emit(Action::Notice(Some(m))))
}

/// Shows in every drop-down list what is chosen. Once a reader has chosen in one, a browser no longer heeds its options' attributes.
#[hook]
pub fn use_lists() {
    use_effect(|| {
        let Some(page) = document().document_element() else { return };
        for option in all(&page, "option[selected]") {
            let _ = Reflect::set(&option, &"selected".into(), &true.into());
        }
    });
}

/// A drop-down list with its label; gives the position of what was chosen.
fn list(
    id: impl Into<AttrValue>,
    label: &'static str,
    options: &[String],
    chosen: usize,
    on_choice: Callback<usize>,
) -> Html {
    let id = id.into();
    let on_change = Callback::from(move |e: Event| {
        if let Some(k) = e.target_dyn_into::<HtmlSelectElement>().and_then(|s| s.value().parse().ok()) {
            on_choice.emit(k);
        }
    });
    html! {
        <div class="choice">
            <label for={id.clone()}>{ label }</label>
            <select {id} onchange={on_change}>
                { for options.iter().enumerate().map(|(k, text)| html! {
                    <option value={k.to_string()} selected={k == chosen}>{ text.clone() }</option>
                }) }
            </select>
        </div>
    }
}

/// A row of buttons of which one is pressed.
pub fn choice(label: &str, options: &[(&str, bool, Action)], dispatch: &Callback<Action>) -> Html {
    html! {
        <div class="segments" role="group" aria-label={label.to_owned()}>
            { for options.iter().map(|(text, on, action)| {
                let (dispatch, action) = (dispatch.clone(), action.clone());
                html! {
                    <button type="button" aria-pressed={on.to_string()}
                        onclick={Callback::from(move |_| dispatch.emit(action.clone()))}>{ symbol(text) }</button>
                }
            }) }
        </div>
    }
}

/// Prompts up to which every one's policies have sliders in sight.
const ALL_AT_ONCE: usize = 2;

fn policies(state: &State, dispatch: &Callback<Action>) -> Vec<Html> {
    let several = state.spec().prompts.len() > 1;
    let preset = state.link().preset.spec();
    let mut list = Vec::new();
    // Of many prompts one at a time, so that the controls stay short.
    let many = state.spec().prompts.len() > ALL_AT_ONCE;
    if many {
        let choice = size::choice_of_prompt("which prompt’s policies are set", state, dispatch);
        list.push(
            html! { <section aria-labelledby="policy-of"><h2 id="policy-of">{ "Policies" }</h2>{ choice }</section> },
        );
    }
    for (k, prompt) in state.spec().prompts.iter().enumerate().filter(|(k, _)| !many || *k == state.prompt()) {
        let is_one = several && prompt.is_ideal();
        for given in Given::ALL {
            if is_one && given == Given::Star {
                continue;
            }
            let pi = if given == Given::Reference { &prompt.pi_ref } else { &prompt.pi_star };
            let prefix = if several { format!("{}: ", prompt.name) } else { String::new() };
            let (dispatch, notice) = (dispatch.clone(), dispatch.clone());
            let before = preset.prompts.get(k).unwrap_or(prompt);
            let initial = if given == Given::Reference { &before.pi_ref } else { &before.pi_star };
            let on_wrong = Callback::from(move |m| notice.emit(Action::Notice(Some(m))));
            let ideal = |ideal: bool| Action::Edit(Edit::Ideal { prompt: k, ideal });
            let choice = if several && given == Given::Reference {
                let label = format!("the {} prompt’s reference", prompt.name);
                choice(&label, &[("ideal: π* itself", is_one, ideal(true)), ("off", !is_one, ideal(false))], &dispatch)
            } else {
                html! {}
            };
            let on_change =
                Callback::from(move |pi| dispatch.emit(Action::Edit(Edit::Policy { prompt: k, given, pi })));
            list.push(html! {
                <PolicySliders prompt={k} {prefix} {given} {choice} both={is_one} pi={pi.clone()}
                    initial={initial.clone()} {on_change} {on_wrong} />
            });
        }
    }
    list
}
