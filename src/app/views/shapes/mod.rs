//! The losses as functions: figure 8, appendices C, D and F.2. A section a file.
//!
//! The sections are functions of one component: each component of its own would cost the page's size several kilobytes.

mod arrows;
mod gaussians;
mod labels;
mod penalty;
mod psi;

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::{ViewProps, head};
use crate::app::controls::size::prompt_choice;
use crate::app::exact::Exact;
use crate::app::panels::legend::legend;
use crate::app::panels::numbers::numbers;
use crate::app::panels::table::use_unfolding;
use crate::app::stage::Stage;
use crate::app::state::State;
use crate::figure::envelope::Envelope;
use crate::loss::Loss;
use crate::solve::one_label::OneLabel;

/// What the view shows, at every setting.
pub const HEADLINE: &str = "A loss is a shape: how hard it pulls, which way, and what it forgets.";

#[component]
pub fn Shapes(props: &ViewProps) -> Html {
    let (state, exact, dispatch) = (&props.state, &props.exact, &props.dispatch);
    let x = state.prompt().min(exact.problem.prompts.len() - 1);
    let unfolding = use_unfolding();
    // Neither changes while training time passes.
    let pair = gaussians::Pair::of(exact, x);
    let measured = use_memo((state.gamma(), pair), |(gamma, pair)| {
        (penalty::comparisons(*gamma), Envelope::new(pair.reference, pair.lambda))
    });
    // Of the prompt that is shown alone: it takes two more sweeps a loss.
    let one_label = use_memo((state.spec().clone(), x), |(spec, x)| OneLabel::new(spec, *x).ok());
    html! {
        <>
            { head(HEADLINE, "Slide λ and watch the shapes; pick a loss by its name to see where it moves policies; drag the ring and the star.") }
            <div class="shapes">
                { index() }
                { legend(state, dispatch) }
                { prompt_choice(state, dispatch) }
                if props.stage >= Stage::Space { { psi::section(props, &unfolding) } }
                if props.stage >= Stage::Figures {
                    { arrows::section(props, x, &unfolding) }
                    { penalty::section(props, x, &measured.0, &unfolding) }
                    { gaussians::section(pair, &measured.1, &unfolding) }
                    { for one_label.iter().map(|found| labels::section(props, found, &unfolding)) }
                }
            </div>
            { numbers(state) }
        </>
    }
}

/// Sections whose headings the page's summary tells, in [`statements`].
const TOLD: [&str; 2] = ["s-psi", "s-arrows"];

/// The headings of [`TOLD`], and what the arrows' section says below its own. The other sections tell theirs themselves.
pub fn statements(state: &State, exact: &Exact, x: usize) -> Vec<String> {
    let loss = &exact.losses[arrows::picked(state, exact)];
    let headings = [psi::heading(), arrows::heading(state, exact)].map(|h| format!("{h}."));
    headings.into_iter().chain([arrows::sentence(exact, loss, x)]).collect()
}

/// DPO's own λ, that of the losses where DPO takes no part.
fn lambda_of_dpo(exact: &Exact) -> f64 {
    let dpo = exact.losses.iter().find(|l| l.spec.loss == Loss::Dpo);
    dpo.unwrap_or(&exact.losses[0]).spec.lambda
}

/// The sections by their headings' ids, as the index calls them.
const SECTIONS: [(&str, &str); 5] = [
    ("s-psi", "ψ and its slope"),
    ("s-arrows", "gradient arrows"),
    ("s-penalty", "DPO’s penalty"),
    ("s-gauss", "two Gaussians"),
    ("s-labels", "one label a pair"),
];

/// Ways to the sections. Buttons, as the address's fragment is the experiment's.
fn index() -> Html {
    let way = |(id, name): (&'static str, &'static str)| {
        let on_press = Callback::from(move |_: MouseEvent| {
            if let Some(heading) = document().get_element_by_id(id).and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
                heading.scroll_into_view();
                let _ = heading.focus();
            }
        });
        html! { <button type="button" onclick={on_press}>{ name }</button> }
    };
    html! { <nav class="index" aria-label="On this page">{ for SECTIONS.into_iter().map(way) }</nav> }
}

/// A section: what it shows in a sentence, with its place in the paper or how to read it, and below that the rest. The sentence
/// is told when it changes, unless the page's summary tells it.
fn section(id: &'static str, heading: String, below: Html, inside: Html) -> Html {
    let is_told = TOLD.contains(&id);
    html! {
        <section class="shape" aria-labelledby={id}>
            <h2 {id} tabindex="-1" aria-live={(!is_told).then_some("polite")}>{ heading }{ below }</h2>
            { inside }
        </section>
    }
}

/// A sentence whose numbers change, in room that does not.
fn measured(text: String) -> Html {
    html! { <p class="measured">{ text }</p> }
}
