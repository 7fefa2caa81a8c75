//! The guided tour on the page: which step is open, what it set, and whether it waits for a prediction.

use std::cell::Cell;

use gloo::utils::document;
use yew::prelude::*;

use super::elements::all;
use super::state::{State, View};
use crate::spec::Preset;
use crate::spec::url::Link;
use crate::story::{self, Step};

/// The step that is open, where its file is in order.
pub fn step(state: &State) -> Option<&'static Step> {
    story::step(state.story?)?.as_ref().ok()
}

/// What a step sets.
pub fn setting(nth: usize) -> Option<(View, Link)> {
    let step = story::step(nth)?.as_ref().ok()?;
    Some((View::from_key(step.stage.key())?, step.link.clone()))
}

/// Whether the page stands as the open step set it.
pub fn is_as_set(state: &State) -> bool {
    step(state).is_some_and(|s| s.stage.key() == state.view.key() && s.link == *state.link())
}

/// Whether the open step's answer is still kept from the reader.
pub fn is_asking(state: &State) -> bool {
    let guess = state.story.and_then(|k| *state.guesses.get(k)?);
    step(state).is_some() && guess.is_none()
}

/// Whether the figures are veiled until the reader has predicted what they show. Who changes a setting has begun to look.
pub fn waits(state: &State) -> bool {
    is_asking(state) && is_as_set(state)
}

/// What may not be read, or heard, before the prediction. The style sheet blurs the same.
const VEILED: &str =
    "main [data-figure]:not([data-figure=\"triangle\"]), main .table-frame, main .numbers, main .transport";

thread_local! {
    static VEILED_NOW: Cell<bool> = const { Cell::new(false) };
}

/// Keeps from assistive technology and from the keyboard what a veil keeps from the eye.
#[hook]
pub fn use_veil(waits: bool) {
    // At every render while it waits, as elements come and go with the view, and once thereafter.
    use_effect(move || {
        if !VEILED_NOW.replace(waits) && !waits {
            return;
        }
        let Some(page) = document().document_element() else { return };
        for element in all(&page, VEILED) {
            let _ = element.toggle_attribute_with_force("inert", waits);
        }
    });
}

/// What the open step points at, in the view that it is about.
pub fn points(state: &State) -> Option<&'static str> {
    step(state).filter(|s| s.stage.key() == state.view.key()).map(|s| s.points.key())
}

/// Whether the open step is about one setting: where losses end at others is what later steps ask.
pub fn is_at_one(state: &State) -> bool {
    matches!(points(state), Some("triangle" | "learning"))
}

/// What stands in for the page's summary while the figures are veiled.
pub fn summary(state: &State) -> Option<String> {
    let nth = state.story.filter(|_| waits(state))?;
    Some(format!("Step {} of the tour waits for your prediction.", nth + 1))
}

/// What a link to a step opens: the step's own experiment where the link names neither a view nor an experiment.
pub fn opened(nth: usize, named: Option<View>, link: Link) -> (View, Link) {
    let is_alone = named.is_none()
        && link.page.is_empty()
        && link.preset == Preset::Figure2
        && link.spec == Preset::Figure2.spec();
    match setting(nth).filter(|_| is_alone) {
        Some(own) => own,
        None => (named.unwrap_or_else(|| View::of_link(&link)), link),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use yew::Reducible;

    use super::super::address::{self, fragment};
    use super::super::bounds;
    use super::super::state::{Action, Edit, Guess};
    use super::*;

    fn page() -> Rc<State> {
        Rc::new(State::new(address::parse(""), false))
    }

    fn then(state: &Rc<State>, actions: impl IntoIterator<Item = Action>) -> Rc<State> {
        actions.into_iter().fold(Rc::clone(state), Reducible::reduce)
    }

    fn reopened(fragment: &str) -> Result<State, String> {
        address::parse(fragment).map(|opened| State::new(Ok(opened), false))
    }

    #[test]
    fn every_step_sets_what_the_page_can_show_at_once() {
        for nth in 0..story::FILES.len() {
            let (view, link) = setting(nth).expect("a step in order");
            assert_eq!(bounds::check(view, &link), Ok(()), "step {}", nth + 1);
            assert_eq!(View::of(&link.spec) == View::Preservation, view == View::Preservation, "step {}", nth + 1);
        }
    }

    #[test]
    fn a_link_restores_the_step_and_whatever_the_reader_changed() {
        for nth in 0..story::FILES.len() {
            let told = then(&page(), [Action::Story(Some(nth))]);
            let changed = then(&told, [Action::Edit(Edit::Lambda(0.375))]);
            for state in [&told, &changed] {
                let again = reopened(&fragment(state)).expect("a link of our own");
                assert_eq!((again.view, again.story, again.spec()), (state.view, Some(nth), state.spec()));
            }
            assert!(is_as_set(&told) && !is_as_set(&changed));
            let alone = reopened(&format!("story={}", nth + 1)).expect("a link by hand");
            assert_eq!((alone.view, alone.spec()), (told.view, told.spec()));
        }
        // The page's default is a change, too.
        let back = then(&page(), [Action::Story(Some(2)), Action::Preset(Preset::Figure2)]);
        assert_eq!(reopened(&fragment(&back)).map(|s| s.spec().clone()), Ok(Preset::Figure2.spec()));
        for wrong in ["0", "13", "x", "-1"] {
            assert!(reopened(&format!("story={wrong}")).is_err_and(|e| e.contains("expected a step from 1 to 12")));
        }
    }

    #[test]
    fn undo_after_a_step_goes_back_to_what_the_reader_had() {
        let mine = then(&page(), [Action::Edit(Edit::Lambda(0.25))]);
        let told = then(&mine, [Action::Story(Some(0))]);
        assert_ne!(told.spec(), mine.spec());
        let undone = then(&told, [Action::Undo]);
        assert_eq!((undone.spec(), undone.view, undone.story), (mine.spec(), mine.view, Some(0)));
        // What was made in the view that the step opens comes back, too.
        let both = then(&mine, [Action::View(View::Preservation), Action::Edit(Edit::Lambda(0.125))]);
        let there = both.spec().clone();
        let told = then(&both, [Action::View(View::Interpolation), Action::Story(Some(6))]);
        assert_eq!(told.view, View::Preservation);
        let once = then(&told, [Action::Undo]);
        assert_eq!((once.view, once.spec()), (View::Interpolation, mine.spec()));
        assert_eq!(then(&once, [Action::View(View::Preservation)]).spec(), &there);
        let redone = then(&once, [Action::Redo]);
        assert_eq!((redone.view, redone.spec()), (View::Preservation, told.spec()));
        // A step that changes nothing is nothing to undo.
        let twice = then(&told, [Action::Story(Some(6))]);
        assert_eq!(twice.past.len(), told.past.len());
    }

    #[test]
    fn a_step_waits_until_a_prediction_or_a_change() {
        let told = then(&page(), [Action::Story(Some(3))]);
        assert!(waits(&told) && summary(&told).is_some());
        let changed = then(&told, [Action::Edit(Edit::Lambda(0.5))]);
        assert!(!waits(&changed) && is_asking(&changed));
        let guessed = then(&told, [Action::Guess(Guess::Option(2)), Action::Guess(Guess::Option(1))]);
        assert!(!waits(&guessed) && !is_asking(&guessed));
        assert_eq!(guessed.guesses[3], Some(Guess::Option(2)));
        let next = then(&guessed, [Action::Story(Some(4))]);
        assert!(waits(&next));
        let closed = then(&next, [Action::Story(None)]);
        assert!(!waits(&closed) && points(&closed).is_none());
        assert_eq!(closed.spec(), next.spec());
        // Nobody asks where there is no tour.
        assert!(then(&page(), [Action::Guess(Guess::Shown)]).guesses.is_empty());
    }
}
