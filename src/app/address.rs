//! The page's address: the experiment, the view and the moment of training, in the fragment.

use std::cell::RefCell;

use gloo::timers::callback::Timeout;
use gloo::utils::window;
use wasm_bindgen::JsValue;

use super::state::{State, View};
use crate::spec::url::Link;

/// What an address opens: the view, its experiment, and the moment of training if it names one.
pub type Opened = (View, Link, Option<f64>);

/// Actions that the page's views take on; larger experiments are for the headless program.
const MOST_ACTIONS: usize = 64;
/// Prompts likewise.
const MOST_PROMPTS: usize = 8;
/// Steps of one run in the page, over all losses.
const MOST_STEPS: u64 = 2_000_000;

/// Reads the address.
///
/// # Errors
/// One sentence for the reader.
pub fn read() -> Result<Opened, String> {
    let fragment = window().location().hash().unwrap_or_default();
    let named =
        |pairs: &[(String, String)]| pairs.iter().find(|(k, _)| k == "view").and_then(|(_, v)| View::from_key(v));
    let default = |pairs: &[(String, String)]| named(pairs).unwrap_or(View::Interpolation).preset();
    let link = Link::from_fragment_with(&fragment, default)
        .map_err(|e| format!("This link could not be read. {e}. The default is shown."))?;
    bounded(&link)?;
    let view = named(&link.page).unwrap_or_else(|| View::of(&link.spec));
    let at = link.page.iter().find(|(k, _)| k == "at").and_then(|(_, t)| t.parse::<f64>().ok());
    let at = at.filter(|t| (0.0..=1.0).contains(t));
    Ok((view, link, at))
}

fn bounded(link: &Link) -> Result<(), String> {
    let spec = &link.spec;
    let (prompts, actions) = (spec.prompts.len(), spec.prompts[0].pi_ref.len());
    let steps: u64 = spec.losses.iter().map(|l| l.steps.unwrap_or(spec.optimiser.steps)).sum();
    if actions > MOST_ACTIONS || prompts > MOST_PROMPTS || steps > MOST_STEPS || spec.sweep.points > 1001 {
        return Err(format!(
            "This link asks for {prompts} prompts of {actions} actions, {steps} steps and {} sweep points; the page takes up to {MOST_PROMPTS}, {MOST_ACTIONS}, {MOST_STEPS} and 1001. The default is shown; use the typo-lab program for larger ones.",
            spec.sweep.points
        ));
    }
    Ok(())
}

thread_local! {
    static PENDING: RefCell<Option<Timeout>> = const { RefCell::new(None) };
}

/// Milliseconds between two changes of the address: browsers limit how often it may change.
const THROTTLE_MS: u32 = 200;

/// The fragment of a state.
pub fn fragment(state: &State) -> String {
    let mut link = state.link().clone();
    link.page.retain(|(k, _)| k != "view" && k != "at");
    if state.view != View::of(&link.spec) {
        link.page.push(("view".into(), state.view.key().into()));
    }
    if state.cursor < 1.0 && !state.playing {
        link.page.push(("at".into(), format!("{:.4}", state.cursor)));
    }
    link.to_fragment()
}

/// Writes the address soon, replacing the current one.
pub fn write(state: &State) {
    let fragment = fragment(state);
    let later = Timeout::new(THROTTLE_MS, move || {
        let location = window().location();
        let base = format!("{}{}", location.pathname().unwrap_or_default(), location.search().unwrap_or_default());
        let url = if fragment.is_empty() { base } else { format!("{base}#{fragment}") };
        if let Ok(history) = window().history() {
            // Refused only where the document has no address of its own; the page works without.
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&url));
        }
    });
    PENDING.with(|p| *p.borrow_mut() = Some(later));
}
