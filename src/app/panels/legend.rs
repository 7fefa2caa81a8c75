//! The losses by name: pointing at one brings it forward everywhere, pressing it shows it alone.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::state::{Action, State};
use crate::app::words;

#[derive(Properties, PartialEq)]
pub struct LegendProps {
    pub state: Rc<State>,
    pub dispatch: Callback<Action>,
}

#[component]
pub fn Legend(props: &LegendProps) -> Html {
    let entry = |k: usize| {
        let loss = &props.state.spec().losses[k];
        let send = |action: Action| {
            let dispatch = props.dispatch.clone();
            Callback::from(move |()| dispatch.emit(action.clone()))
        };
        let (on, off, only) = (send(Action::Focus(Some(k))), send(Action::Focus(None)), send(Action::Only(k)));
        let (focus, blur) = (on.clone(), off.clone());
        let alone = props.state.only == Some(k);
        html! {
            <button type="button" class={classes!("entry", loss.loss.key(), (!props.state.is_shown(k)).then_some("away"))}
                aria-pressed={alone.to_string()} title="Show this loss alone"
                onmouseenter={on.reform(|_| ())} onmouseleave={off.reform(|_| ())}
                onfocus={focus.reform(|_| ())} onblur={blur.reform(|_| ())} onclick={only.reform(|_| ())}>
                <svg class="swatch" viewBox="0 0 34 12" aria-hidden="true">
                    <line x1="1" y1="6" x2="33" y2="6" />
                </svg>
                { words::name(loss) }
            </button>
        }
    };
    html! {
        <div class="legend" role="group" aria-label="Losses">
            { for (0..props.state.spec().losses.len()).map(entry) }
        </div>
    }
}
