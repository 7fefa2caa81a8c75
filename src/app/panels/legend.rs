//! The losses by name: pointing at one brings it forward everywhere, pressing it shows it alone.

use yew::prelude::*;

use crate::app::state::{Action, State};
use crate::app::words;
use crate::figure::Theme;
use crate::loss::Loss;

pub fn legend(state: &State, dispatch: &Callback<Action>) -> Html {
    let entry = |k: usize| {
        let loss = &state.spec().losses[k];
        let send = |action: Action| {
            let dispatch = dispatch.clone();
            Callback::from(move |()| dispatch.emit(action.clone()))
        };
        let (on, off, only) = (send(Action::Focus(Some(k))), send(Action::Focus(None)), send(Action::Only(k)));
        let (focus, blur) = (on.clone(), off.clone());
        let alone = state.only == Some(k);
        html! {
            <button type="button" class={classes!("entry", loss.loss.key(), (!state.is_shown(k)).then_some("away"))}
                aria-pressed={alone.to_string()} title="Show this loss alone"
                onmouseenter={on.reform(|_| ())} onmouseleave={off.reform(|_| ())}
                onfocus={focus.reform(|_| ())} onblur={blur.reform(|_| ())} onclick={only.reform(|_| ())}>
                { swatch(loss.loss) }
                { words::name(loss) }
            </button>
        }
    };
    html! {
        <div class="legend" role="group" aria-label="Losses">
            { for (0..state.spec().losses.len()).map(entry) }
        </div>
    }
}

/// A loss's line with its marker, as the figures draw them; the style sheet gives the hue.
fn swatch(loss: Loss) -> Html {
    let style = Theme::light().style(loss);
    let list = |numbers: &[f64]| numbers.iter().map(|n| format!("{n:.2}")).collect::<Vec<_>>().join(" ");
    let points: Vec<String> = style.marker.corners((16.0, 7.0), 4.25).iter().map(|(x, y)| list(&[*x, *y])).collect();
    html! {
        <svg class="swatch" viewBox="0 0 32 14" aria-hidden="true">
            <line x1="1" y1="7" x2="31" y2="7" stroke-width={style.width.to_string()} stroke-dasharray={list(style.dash)} />
            <polygon points={points.join(" ")} />
        </svg>
    }
}
