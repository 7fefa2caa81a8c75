//! The page's address: the experiment, the view and the moment of training, in the fragment.

use std::cell::RefCell;

use gloo::timers::callback::Timeout;
use gloo::utils::window;
use wasm_bindgen::JsValue;

use super::state::{State, View};
use crate::spec::Preset;
use crate::spec::url::Link;

/// What an address opens: the view, its experiment, and the moment of training if it names one.
pub type Opened = (View, Link, Option<f64>);

/// Actions that the page's views take on; larger experiments are for the headless program.
const MOST_ACTIONS: usize = 64;
/// Prompts likewise.
const MOST_PROMPTS: usize = 8;
/// Steps of a run, over all losses.
const MOST_STEPS: u64 = 2_000_000;
/// Points of a sweep, which are also drawn.
const MOST_POINTS: usize = 1001;
/// Prompts × actions³ × sweep points × losses, to which the exact curves' time is proportional: about a third of a second.
const MOST_WORK: usize = 5_000_000;

/// Reads the address.
///
/// # Errors
/// What is wrong with it, in one sentence; what is shown instead is for the caller to say.
pub fn read() -> Result<Opened, String> {
    let fragment = window().location().hash().unwrap_or_default();
    let named =
        |pairs: &[(String, String)]| pairs.iter().find(|(k, _)| k == "view").and_then(|(_, v)| View::from_key(v));
    let default = |pairs: &[(String, String)]| named(pairs).unwrap_or(View::Interpolation).preset();
    let link =
        Link::from_fragment_with(&fragment, default).map_err(|e| format!("This link could not be read. {e}."))?;
    bounded(&link)?;
    let view = named(&link.page).unwrap_or_else(|| View::of(&link.spec));
    let at = link.page.iter().find(|(k, _)| k == "at").and_then(|(_, t)| t.parse::<f64>().ok());
    let at = at.filter(|t| (0.0..=1.0).contains(t));
    Ok((view, link, at))
}

fn bounded(link: &Link) -> Result<(), String> {
    let spec = &link.spec;
    let (prompts, actions) = (spec.prompts.len(), spec.prompts[0].pi_ref.len());
    let (points, losses) = (spec.sweep.points, spec.losses.len());
    let steps: u64 = spec.losses.iter().map(|l| l.steps.unwrap_or(spec.optimiser.steps)).sum();
    let work = prompts * actions.pow(3) * points * losses;
    if actions > MOST_ACTIONS
        || prompts > MOST_PROMPTS
        || steps > MOST_STEPS
        || points > MOST_POINTS
        || work > MOST_WORK
    {
        return Err(format!(
            "This link asks for {losses} losses, {prompts} prompts of {actions} actions, {points} sweep points and {steps} \
             steps, more than the page computes at once; the typo-lab program does, or use fewer of them."
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
    let mut default = Preset::Figure2;
    if state.view != View::of(&link.spec) {
        link.page.push(("view".into(), state.view.key().into()));
        default = state.view.preset();
    }
    if state.cursor < 1.0 && !state.playing {
        link.page.push(("at".into(), format!("{:.4}", state.cursor)));
    }
    link.to_fragment_with(default)
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
