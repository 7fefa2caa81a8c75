//! Whose turn it is. Browsers put a hand's moves before all messages, so that where a move takes a whole frame the solver's answers
//! would wait for as long as the hand moves. Once one has waited for long, moves do: only the newest is kept, until messages had
//! their turn.

use std::cell::{Cell, RefCell};

use gloo::timers::callback::Timeout;
use js_sys::Date;
use yew::Callback;

use super::state::{Action, Edit};
use crate::worker::protocol::RunId;

/// Milliseconds that an answer may take: four of the turns after each of which the solver tells how far it is.
const PATIENCE_MS: f64 = 100.0;

thread_local! {
    /// The newest run that was asked for, and since when nothing was heard; none where nothing is due.
    static DUE: Cell<Option<(RunId, f64)>> = const { Cell::new(None) };
    /// The move that waits.
    static HELD: RefCell<Option<Action>> = const { RefCell::new(None) };
}

/// The solver was asked for a run.
pub fn asked(run: RunId) {
    let since = DUE.get().map_or_else(Date::now, |due| due.1);
    DUE.set(Some((run, since)));
}

/// It answered.
pub fn heard(run: RunId, done: bool) {
    DUE.set(DUE.get().filter(|due| !done || due.0 != run).map(|due| (due.0, Date::now())));
}

/// Whether a move waits that the page has not been told of.
pub fn holds_a_move() -> bool {
    HELD.with_borrow(Option::is_some)
}

fn is_kept_waiting() -> bool {
    DUE.get().is_some_and(|due| Date::now() - due.1 > PATIENCE_MS)
}

/// Passes on what happens, in its order. An edit while an answer is kept waiting is held for a moment, where a newer one of its
/// kind takes its place.
pub fn dispatching(now: Callback<Action>) -> Callback<Action> {
    Callback::from(move |action: Action| {
        let before = HELD.take();
        let is_held = before.is_some();
        if let Some(before) = before.filter(|before| !replaces(&action, before)) {
            now.emit(before);
        }
        if !matches!(action, Action::Edit(_)) || !is_kept_waiting() {
            now.emit(action);
            return;
        }
        HELD.set(Some(action));
        if !is_held {
            let now = now.clone();
            let pass = move || {
                if let Some(action) = HELD.take() {
                    now.emit(action);
                }
            };
            Timeout::new(0, pass).forget();
        }
    })
}

/// Whether an edit makes an older one needless that nobody has seen yet: the next move of the same slide does.
fn replaces(new: &Action, old: &Action) -> bool {
    let (Action::Edit(new), Action::Edit(old)) = (new, old) else { return false };
    match (new, old) {
        (Edit::Lambda(_), Edit::Lambda(_)) | (Edit::Alpha(_), Edit::Alpha(_)) => true,
        (Edit::Policy { prompt: x, given: a, .. }, Edit::Policy { prompt: y, given: b, .. }) => (x, a) == (y, b),
        _ => false,
    }
}
