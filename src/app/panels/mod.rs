//! What stands around the figures: the losses' names, the transport, the verdicts, the numbers.

pub mod curves;
pub mod formula;
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

/// A text with every `π_ref` in it set with its subscript.
pub fn symbol(text: &str) -> Html {
    let part = |(k, text): (usize, &str)| {
        html! { <>if k > 0 { { "π" }<sub>{ "ref" }</sub> }{ text.to_owned() }</> }
    };
    html! { { for text.split("π_ref").enumerate().map(part) } }
}
