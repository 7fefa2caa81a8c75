//! Whether anybody can see the page: in a hidden tab, or in a frame that was scrolled away, nobody does.

use std::cell::Cell;
use std::rc::Rc;

use gloo::events::EventListener;
use gloo::utils::document;
use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{IntersectionObserver, IntersectionObserverEntry};
use yew::prelude::*;

use super::state::{Action, Sight};

/// Tells when the page comes into sight or goes out of it.
#[hook]
pub fn use_seen(dispatch: &Callback<Action>) {
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        let in_sight = Rc::new(Cell::new(true));
        let tell = {
            let in_sight = Rc::clone(&in_sight);
            move || {
                let is_seen = in_sight.get() && !document().hidden();
                dispatch.emit(Action::Sight(if is_seen { Sight::Seen } else { Sight::Hidden }));
            }
        };
        let told = tell.clone();
        let tab = EventListener::new(&document(), "visibilitychange", move |_| told());
        let place = Place::watch(move |visible| {
            in_sight.set(visible);
            tell();
        });
        move || drop((tab, place))
    });
}

/// Watches whether any of the document is within sight, through all the frames it stands in; ends when dropped.
struct Place {
    observer: IntersectionObserver,
    _callback: Closure<dyn FnMut(Array)>,
}

impl Place {
    /// None where the browser has no such observer: the page then counts as seen.
    fn watch(mut changed: impl FnMut(bool) + 'static) -> Option<Self> {
        let callback = Closure::<dyn FnMut(Array)>::new(move |entries: Array| {
            // The newest is the last.
            if let Ok(entry) = entries.pop().dyn_into::<IntersectionObserverEntry>() {
                changed(entry.is_intersecting());
            }
        });
        let observer = IntersectionObserver::new(callback.as_ref().unchecked_ref()).ok()?;
        observer.observe(&document().document_element()?);
        Some(Self { observer, _callback: callback })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}
