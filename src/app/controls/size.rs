//! How many prompts and actions there are, and which prompt is looked at.

use yew::prelude::*;

use super::slider::{Slider, Track};
use super::{choice, wrong};
use crate::app::bounds::{self, MOST_ACTIONS, MOST_PROMPTS};
use crate::app::state::{Action, Edit, State};

pub fn section(state: &State, dispatch: &Callback<Action>) -> Html {
    let spec = state.spec();
    let (prompts, actions) = (spec.prompts.len(), spec.actions());
    let preset = state.link().preset.spec();
    let edit = |to: fn(usize, usize, usize) -> Edit| {
        let dispatch = dispatch.clone();
        Callback::from(move |v: f64| dispatch.emit(Action::Edit(to(prompts, actions, v as usize))))
    };
    html! {
        <section aria-labelledby="c-size">
            <details>
                <summary><h2 id="c-size">{ "Prompts and actions" }</h2></summary>
                <div class="inside">
                    <Slider id="actions" label="actions" track={Track::whole(2.0, MOST_ACTIONS as f64, (2.0, MOST_ACTIONS as f64))}
                        value={actions as f64} initial={preset.actions() as f64} on_wrong={wrong(dispatch)}
                        on_change={edit(|prompts, _, actions| Edit::Size { prompts, actions })} />
                    <Slider id="prompts" label="prompts" track={Track::whole(1.0, MOST_PROMPTS as f64, (1.0, MOST_PROMPTS as f64))}
                        value={prompts as f64} initial={preset.prompts.len() as f64} on_wrong={wrong(dispatch)}
                        on_change={edit(|_, actions, prompts| Edit::Size { prompts, actions })} />
                    if let Some(remark) = bounds::remark(state.link()) { <p class="soft">{ remark }</p> }
                </div>
            </details>
        </section>
    }
}

/// Which prompt the figures of a one-prompt view show; nothing where there is one.
pub fn prompt_choice(state: &State, dispatch: &Callback<Action>) -> Html {
    if state.spec().prompts.len() < 2 {
        return html! {};
    }
    choice_of_prompt("which prompt is shown", state, dispatch)
}

/// A button a prompt; what is pressed is shown alone wherever there is room for one.
pub fn choice_of_prompt(label: &str, state: &State, dispatch: &Callback<Action>) -> Html {
    let names: Vec<String> = state.spec().prompts.iter().map(|p| p.name.clone()).collect();
    let options: Vec<(&str, bool, Action)> =
        names.iter().enumerate().map(|(x, name)| (name.as_str(), x == state.prompt(), Action::Prompt(x))).collect();
    choice(label, &options, dispatch)
}
