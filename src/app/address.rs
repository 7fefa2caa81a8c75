//! The page's address: the experiment, the view and the moment of training, in the fragment.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::timers::callback::Timeout;
use gloo::utils::window;
use wasm_bindgen::JsValue;
use web_sys::HashChangeEvent;

use super::state::{Showing, State, View};
use super::{bounds, embed, keys, tour};
use crate::spec::url::Link;
use crate::spec::{Preset, Problem};

/// What an address opens.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    pub view: View,
    pub link: Link,
    pub showing: Showing,
}

/// The place in the document that links within the page go to: no experiment.
const PLACE: &str = "#main";

/// Reads an address by its fragment with its `#`. None where it names a place in the document, which changes nothing on the page.
///
/// # Errors
/// What is wrong with it, in one sentence; what is shown instead is for the caller to say.
fn read(hash: &str) -> Option<Result<Opened, String>> {
    (hash != PLACE).then(|| parse(&embed::with_view(hash, embed::view())))
}

/// What the reader went to. The event knows: the page may have written its own address since.
///
/// # Errors
/// As [`read`].
pub fn gone_to(event: &HashChangeEvent) -> Option<Result<Opened, String>> {
    let url = event.new_url();
    let opened = read(url.find('#').map_or("", |at| &url[at..]));
    if let Some(Ok(there)) = &opened {
        // What was to be written belongs to the address before.
        PENDING.take();
        VIEW.set(Some(there.view));
    }
    opened
}

/// What a page opens with that is given no address.
///
/// # Errors
/// None: the default is in order.
pub fn opening() -> Result<Opened, String> {
    let hash = window().location().hash().unwrap_or_default();
    read(&hash).unwrap_or_else(|| parse(&embed::with_view("", embed::view())))
}

/// Reads a fragment, with or without `#`.
///
/// # Errors
/// As [`read`].
pub fn parse(fragment: &str) -> Result<Opened, String> {
    let said = |e: String| format!("This link could not be read. {e}");
    let default = |page: &[(String, String)]| keys::view(page).unwrap_or(View::Interpolation).preset();
    let mut link = Link::from_fragment_with(fragment, default).map_err(|e| said(format!("{e}.")))?;
    let named = keys::view(&link.page);
    let showing = keys::take(&mut link).map_err(said)?;
    let (view, link) = match showing.story {
        Some(nth) => tour::opened(nth, named, link),
        None => (named.unwrap_or_else(|| View::of_link(&link)), link),
    };
    bounds::check(view, &link)?;
    Problem::new(&link.spec).map_err(|e| said(format!("{e}.")))?;
    Ok(Opened { view, link, showing })
}

thread_local! {
    /// What is to be written, and when.
    static PENDING: RefCell<Option<(Rc<State>, Timeout)>> = const { RefCell::new(None) };
    /// The view that the address is of.
    static VIEW: Cell<Option<View>> = const { Cell::new(None) };
}

/// Milliseconds between two changes of the address: browsers limit how often it may change.
const THROTTLE_MS: u32 = 200;

/// The fragment of a state.
pub fn fragment(state: &State) -> String {
    let mut link = state.link().clone();
    let mut default = Preset::Figure2;
    // The preset of a view of its own goes without saying where the view is named.
    let is_told = state.view == View::of_link(&link) && state.view == View::of(&link.spec);
    if !is_told || state.story.is_some() {
        link.page.push(("view".into(), state.view.key().into()));
        default = state.view.preset();
    }
    link.page.extend(keys::of(&state.showing()));
    link.to_fragment_with(default)
}

/// Writes the address soon: over the current one, or where that is of another view, behind it, so that Back leads there. In
/// somebody else's frame it stays as they wrote it.
pub fn write(state: Rc<State>) {
    if embed::is_on() {
        return;
    }
    if let Some((before, _)) = PENDING.take().filter(|(before, _)| before.view != state.view) {
        put(&before);
    }
    let later = Timeout::new(THROTTLE_MS, || {
        if let Some((state, _)) = PENDING.take() {
            put(&state);
        }
    });
    PENDING.set(Some((state, later)));
}

/// Writes the address.
fn put(state: &State) {
    let fragment = fragment(state);
    let location = window().location();
    let base = format!("{}{}", location.pathname().unwrap_or_default(), location.search().unwrap_or_default());
    let url = if fragment.is_empty() { base } else { format!("{base}#{fragment}") };
    let is_elsewhere = VIEW.replace(Some(state.view)).is_some_and(|view| view != state.view);
    let Ok(history) = window().history() else { return };
    // Refused only where the document has no address of its own; the page works without.
    let _ = if is_elsewhere {
        history.push_state_with_url(&JsValue::NULL, "", Some(&url))
    } else {
        history.replace_state_with_url(&JsValue::NULL, "", Some(&url))
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::Speed;

    #[test]
    fn what_a_link_does_not_know_is_named() {
        let said = |fragment: &str| parse(fragment).expect_err(fragment);
        for (fragment, start) in [
            ("lamda=0.3", "lamda is not known in a link; did you mean lambda?"),
            (
                "view=xyz",
                "view: got “xyz”, expected one of interpolation, preservation, constraints, shapes, language.",
            ),
            ("at=abc", "at: got “abc”, expected a moment from 0 to 1."),
            ("at=7", "at: got “7”"),
            ("at=NaN", "at: got “NaN”"),
            ("only=5", "only: got “5”, expected a position from 0 to 4."),
            ("prompt=1", "prompt: got “1”"),
            ("speed=3", "speed: got “3”, expected one of 0.25, 0.5, 1, 2, 4."),
            ("go-on=yes", "go-on: got “yes”"),
            ("paper=0", "paper: got “0”"),
            ("runs=17", "runs: got “17”"),
            ("story=13", "story: got “13”, expected a step from 1 to 12."),
            ("main", "main is not known"),
        ] {
            assert!(said(fragment).starts_with(&format!("This link could not be read. {start}")), "{}", said(fragment));
        }
        assert!(said(&"x".repeat(9000)).len() < 300);
    }

    #[test]
    fn a_preset_opens_the_view_that_it_is_of() {
        for (link, view, written) in [
            ("preset=figure-8", View::Shapes, "view=shapes"),
            ("preset=figure-4", View::Language, "view=language"),
            ("view=shapes&preset=figure-6", View::Shapes, "view=shapes&preset=figure-6"),
            ("preset=figure-3-constraint", View::Constraints, "preset=figure-3-constraint"),
        ] {
            let state = State::new(parse(link), false);
            assert_eq!((state.view, fragment(&state).as_str()), (view, written));
            assert_eq!(parse(written).map(|o| (o.view, o.link)), Ok((state.view, state.link().clone())));
        }
        for view in View::ALL {
            assert!(view.offers(view.preset()));
            assert_eq!(view.offers(Preset::Figure4), view == View::Language);
            assert_eq!(view.offers(Preset::Figure8), view == View::Shapes);
        }
    }

    #[test]
    fn how_the_page_is_looked_at_comes_back_from_its_link() {
        let showing =
            Showing { at: Some(0.25), only: Some(4), prompt: 1, speed: Speed::Half, goes_on: true, story: None };
        let opened =
            parse("view=preservation&lambda=0.5&only=4&prompt=1&speed=0.5&go-on=1&at=0.25&gamma=2").expect("a link");
        assert_eq!((opened.view, opened.showing), (View::Preservation, showing));
        assert_eq!(opened.link.page, [("gamma".to_owned(), "2".to_owned())]);
        let state = State::new(Ok(opened.clone()), true);
        assert_eq!(parse(&fragment(&state)), Ok(opened));
        assert_eq!(fragment(&State::new(parse(""), false)), "");
    }
}
