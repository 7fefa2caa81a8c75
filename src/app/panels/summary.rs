//! What the page shows, in a sentence or two, told to those who hear it once it has settled.

use gloo::timers::callback::Timeout;
use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub struct SummaryProps {
    pub text: String,
}

/// Milliseconds without a change after which the summary is told.
const SETTLED_MS: u32 = 900;

#[component]
pub fn Summary(props: &SummaryProps) -> Html {
    let told = use_state_eq(String::new);
    {
        let set = told.setter();
        use_effect_with(props.text.clone(), move |text| {
            let text = text.clone();
            // What was told is no longer so, and must not be read meanwhile: a step of the tour could give its answer away.
            set.set(String::new());
            let timeout = Timeout::new(SETTLED_MS, move || set.set(text));
            move || drop(timeout)
        });
    }
    html! { <p class="visually-hidden" role="status">{ (*told).clone() }</p> }
}
