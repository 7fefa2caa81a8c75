//! What the reader sets: rows of a table, each a slider with a number field.

pub mod handles;
pub mod policy;
pub mod slider;

use yew::prelude::*;

use self::policy::PolicySliders;
use self::slider::{Slider, Track};
use super::exact::lambda_range;
use super::state::{Action, Edit, Given, State};
use crate::spec::{DecayOn, Preferences, Preset, limit};

#[derive(Properties, PartialEq)]
pub struct ControlsProps {
    pub state: std::rc::Rc<State>,
    pub dispatch: Callback<Action>,
}

/// A slider's track with the setting it edits.
struct Row {
    id: &'static str,
    label: &'static str,
    track: Track,
    ends: (&'static str, &'static str),
    value: fn(&State) -> f64,
    edit: fn(f64) -> Edit,
    initial: fn(&crate::spec::Spec) -> f64,
}

fn rows(state: &State) -> [Row; 2] {
    let lambda = lambda_range(state.spec());
    [
        Row {
            id: "lambda",
            label: "λ",
            track: Track::log(lambda.from, lambda.to, limit::LAMBDA),
            ends: ("toward 0", "toward ∞"),
            value: State::lambda,
            edit: Edit::Lambda,
            initial: |s| s.losses[0].lambda,
        },
        Row {
            id: "alpha",
            label: "weight decay α",
            track: Track::square(0.1, (0.0, limit::ALPHA)),
            ends: ("0", "0.1"),
            value: |s| s.spec().weight_decay.alpha,
            edit: Edit::Alpha,
            initial: |s| s.weight_decay.alpha,
        },
    ]
}

/// The column of controls.
#[component]
pub fn Controls(props: &ControlsProps) -> Html {
    let (state, dispatch) = (&props.state, &props.dispatch);
    let preset = state.link().preset.spec();
    let sliders = rows(state).into_iter().map(|row| {
        let edit = row.edit;
        let dispatch = dispatch.clone();
        let notice = dispatch.clone();
        html! {
            <Slider id={row.id} label={row.label} track={row.track} value={(row.value)(state)} ends={row.ends}
                initial={(row.initial)(&preset)}
                on_change={Callback::from(move |v| dispatch.emit(Action::Edit(edit(v))))}
                on_wrong={Callback::from(move |m| notice.emit(Action::Notice(Some(m))))} />
        }
    });
    html! {
        <div class="controls">
            <section aria-labelledby="c-setting">
                <h2 id="c-setting">{ "Setting" }</h2>
                { preset_list(state, dispatch) }
            </section>
            <section aria-labelledby="c-trade">
                <h2 id="c-trade">{ "Trade-off" }</h2>
                { for sliders }
                { decay_choice(state, dispatch) }
            </section>
            { for policies(state, dispatch) }
            <section aria-labelledby="c-data">
                <h2 id="c-data">{ "Preference data" }</h2>
                { data_choice(state, dispatch) }
            </section>
        </div>
    }
}

fn preset_list(state: &State, dispatch: &Callback<Action>) -> Html {
    let (dispatch, reset_to) = (dispatch.clone(), dispatch.clone());
    let current = state.link().preset;
    let changed = state.link().spec != current.spec();
    let on_change = Callback::from(move |e: Event| {
        let chosen = e.target_dyn_into::<web_sys::HtmlSelectElement>().and_then(|s| Preset::from_key(&s.value()));
        if let Some(preset) = chosen {
            dispatch.emit(Action::Preset(preset));
        }
    });
    let fits = |p: &Preset| (p.spec().prompts.len() > 1) == (state.view.preset().spec().prompts.len() > 1);
    let reset = {
        let dispatch = reset_to.clone();
        Callback::from(move |_: MouseEvent| dispatch.emit(Action::Preset(current)))
    };
    html! {
        <div class="setting">
            <label class="visually-hidden" for="preset">{ "Preset" }</label>
            <select id="preset" onchange={on_change}>
                { for Preset::ALL.into_iter().filter(fits).map(|p| html! {
                    <option value={p.key()} selected={p == current}>{ p.title() }</option>
                }) }
            </select>
            <button type="button" disabled={!changed} onclick={reset} title="Back to the preset’s own values">{ "Reset" }</button>
        </div>
    }
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

fn data_choice(state: &State, dispatch: &Callback<Action>) -> Html {
    let now = &state.spec().preferences;
    let pairing = match now {
        Preferences::Population { pairing } | Preferences::Sampled { pairing, .. } => *pairing,
        Preferences::Counts { .. } => crate::preference::Pairing::Uniform,
    };
    let sampled = Preferences::Sampled { draws: 300, seed: 100, pairing };
    let mut options = vec![
        (
            "population",
            matches!(now, Preferences::Population { .. }),
            Action::Edit(Edit::Preferences(Preferences::Population { pairing })),
        ),
        ("300 draws", matches!(now, Preferences::Sampled { .. }), Action::Edit(Edit::Preferences(sampled))),
    ];
    if let Preferences::Counts { .. } = now {
        options.push(("counts", true, Action::Edit(Edit::Preferences(now.clone()))));
    }
    choice("where the labels come from", &options, dispatch)
}

/// A row of buttons of which one is pressed.
fn choice(label: &'static str, options: &[(&'static str, bool, Action)], dispatch: &Callback<Action>) -> Html {
    html! {
        <div class="segments" role="group" aria-label={label}>
            { for options.iter().map(|(text, on, action)| {
                let (dispatch, action) = (dispatch.clone(), action.clone());
                html! {
                    <button type="button" aria-pressed={on.to_string()}
                        onclick={Callback::from(move |_| dispatch.emit(action.clone()))}>{ *text }</button>
                }
            }) }
        </div>
    }
}

fn policies(state: &State, dispatch: &Callback<Action>) -> Vec<Html> {
    let several = state.spec().prompts.len() > 1;
    let mut list = Vec::new();
    for (k, prompt) in state.spec().prompts.iter().enumerate() {
        let is_one = several && prompt.pi_ref == prompt.pi_star;
        for given in Given::ALL {
            if is_one && given == Given::Star {
                continue;
            }
            let pi = if given == Given::Reference { &prompt.pi_ref } else { &prompt.pi_star };
            let prefix = if several { format!("{}: ", prompt.name) } else { String::new() };
            let dispatch = dispatch.clone();
            let on_change =
                Callback::from(move |pi| dispatch.emit(Action::Edit(Edit::Policy { prompt: k, given, pi })));
            list.push(html! {
                <PolicySliders prompt={k} {prefix} {given} both={is_one} pi={pi.clone()} {on_change} />
            });
        }
    }
    list
}
