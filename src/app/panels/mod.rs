//! What stands around the figures: the bar, the losses' names, the transport, the verdicts, the numbers.

pub mod curves;
pub mod formula;
pub mod header;
pub mod legend;
pub mod numbers;
pub mod paper;
pub mod share;
pub mod story;
pub mod summary;
pub mod table;
pub mod transport;
pub mod verdicts;

use yew::prelude::*;

use super::state::Action;

/// What a press does.
pub fn send(dispatch: &Callback<Action>, action: Action) -> Callback<MouseEvent> {
    dispatch.reform(move |_| action.clone())
}

/// A text with every `π_ref` in it set with its subscript.
pub fn symbol(text: &str) -> Html {
    let part = |(k, text): (usize, &str)| {
        html! { <>if k > 0 { { "π" }<sub>{ "ref" }</sub> }{ text.to_owned() }</> }
    };
    html! { { for text.split("π_ref").enumerate().map(part) } }
}
