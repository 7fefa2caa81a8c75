//! The page steered from another window, such as a slide deck's, by `postMessage`. `www/EMBED.md` is its manual.
//!
//! A request is `{typoLab: 1, id, do, …}`; its answer, to the sender alone, `{typoLab: 1, id, ok, …}`. A page in a frame
//! also tells its parent when it is ready and when its state has changed: `{typoLab: 1, event, …}`.

mod answer;
mod data;
mod message;

use std::cell::RefCell;
use std::rc::Rc;

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use gloo::utils::window;
use serde_json::{Map, Value, json};
use wasm_bindgen::JsCast;
use web_sys::{MessageEvent, Window};
use yew::prelude::*;

use self::answer::Part;
use self::message::{VERSION, Wish};
use super::address;
use super::state::{Action, State};
use crate::story::FILES;

/// Requests that may wait at once.
const MOST_WAITING: usize = 32;

const NO_SOLVER: &str = "The solver is not running, so there are no training runs; leave train out of what is asked.";
const WENT_ON: &str =
    "The training runs went on from where policies stood, so they are not those of the experiment alone; set it anew.";
const ON_THE_PAGE: &str =
    "The language model is trained by the page’s own buttons; leave train out of what is asked in its view.";
const TOO_MANY: &str = "Too many requests wait for their answers; send fewer at a time.";

/// Somebody who asked for something.
struct Sender {
    window: Window,
    origin: String,
    id: Value,
}

impl Sender {
    /// None where there is nobody to answer.
    fn of(event: &MessageEvent) -> Option<Self> {
        // A window of another origin is no instance of this one's class.
        let window = event.source()?.unchecked_into();
        Some(Self { window, origin: event.origin(), id: Value::Null })
    }

    fn answer(&self, result: Result<Map<String, Value>, String>) {
        let mut answer = json!({ "typoLab": VERSION, "id": self.id, "ok": result.is_ok() });
        if let Value::Object(into) = &mut answer {
            match result {
                Ok(fields) => into.extend(fields),
                Err(sentence) => {
                    into.insert("error".to_owned(), Value::String(sentence));
                }
            }
        }
        // A frame without an origin of its own cannot be named; what is sent holds nothing but the experiment.
        let origin = if self.origin.is_empty() || self.origin == "null" { "*" } else { &self.origin };
        post(&self.window, &answer, origin);
    }
}

/// A window that has closed meanwhile needs no answer.
fn post(to: &Window, message: &Value, origin: &str) {
    if let Ok(value) = js_sys::JSON::parse(&message.to_string()) {
        let _ = to.post_message(&value, origin);
    }
}

/// The page as it was last drawn, and who waits for its runs.
struct Remote {
    state: Rc<State>,
    /// Whether something was done to the page that `state` does not show yet.
    is_stale: bool,
    waiting: Vec<(Sender, Vec<Part>)>,
}

impl Remote {
    /// Answers a message, or lets its sender wait. What is to happen to the page is for the caller to send on.
    fn hear(&mut self, event: &MessageEvent) -> Option<Action> {
        let value = event.data();
        if !data::is_ours(&value) {
            return None;
        }
        let mut sender = Sender::of(event)?;
        sender.id = data::id(&value);
        let Some(content) = data::json(&value) else {
            sender.answer(Err(data::TOO_LARGE.to_owned()));
            return None;
        };
        match message::read(&content)?.and_then(deed) {
            Ok(Deed::Now(action)) if self.waiting.len() < MOST_WAITING => {
                // Answered with where the page stands then.
                self.is_stale = true;
                self.waiting.push((sender, Vec::new()));
                return Some(action);
            }
            Ok(Deed::Now(_)) => sender.answer(Err(TOO_MANY.to_owned())),
            Ok(Deed::Tell(parts)) => self.tell(sender, parts),
            Err(sentence) => sender.answer(Err(sentence)),
        }
        None
    }

    /// Answers now, or once the page shows what was asked of it before and the runs are complete.
    fn tell(&mut self, sender: Sender, parts: Vec<Part>) {
        let now = if self.is_stale { None } else { told(&self.state, &parts) };
        match now {
            Some(answer) => sender.answer(answer),
            None if self.waiting.len() >= MOST_WAITING => sender.answer(Err(TOO_MANY.to_owned())),
            None => self.waiting.push((sender, parts)),
        }
    }

    fn drawn(&mut self, state: &Rc<State>) {
        (self.state, self.is_stale) = (Rc::clone(state), false);
        for (sender, parts) in std::mem::take(&mut self.waiting) {
            self.tell(sender, parts);
        }
    }
}

/// What a wish comes to.
enum Deed {
    Now(Action),
    Tell(Vec<Part>),
}

fn deed(wish: Wish) -> Result<Deed, String> {
    Ok(Deed::Now(match wish {
        Wish::Set(opened) => Action::Open(Ok(*opened)),
        Wish::Play => Action::Play,
        Wish::Pause => Action::Pause,
        Wish::Step => Action::Step,
        Wish::Seek(at) => Action::Seek(at),
        Wish::Story(step) => Action::Story(Some(tour_step(step)?)),
        Wish::Get(parts) => return Ok(Deed::Tell(parts)),
    }))
}

/// A step of the tour, counted from 0 as the page does.
fn tour_step(step: u32) -> Result<usize, String> {
    let steps = FILES.len();
    let nth = usize::try_from(step).ok().and_then(|n| n.checked_sub(1)).filter(|n| *n < steps);
    nth.ok_or_else(|| format!("step: got {step}, expected a step of the tour, from 1 to {steps}."))
}

/// Where the page stands.
fn standing(state: &State) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("view".to_owned(), state.view.key().into());
    fields.insert("at".to_owned(), state.cursor.into());
    fields.insert("playing".to_owned(), state.playing.into());
    fields.insert("done".to_owned(), state.done.into());
    fields.insert("link".to_owned(), address::fragment(state).into());
    fields
}

/// The answer as the page stands; none while its runs go on.
fn told(state: &State, parts: &[Part]) -> Option<Result<Map<String, Value>, String>> {
    if !parts.contains(&Part::Train) {
        return Some(results(state, parts));
    }
    if !state.view.is_bandit() {
        Some(Err(ON_THE_PAGE.to_owned()))
    } else if state.done {
        Some(if state.from.is_empty() { results(state, parts) } else { Err(WENT_ON.to_owned()) })
    } else if state.solver_trouble.is_some() {
        Some(Err(NO_SOLVER.to_owned()))
    } else {
        state.failed.clone().map(Err)
    }
}

fn results(state: &State, parts: &[Part]) -> Result<Map<String, Value>, String> {
    let mut fields = standing(state);
    for part in parts {
        fields.insert(part.key().to_owned(), part.of(state.spec(), &state.traces)?);
    }
    Ok(fields)
}

/// Tells the window that this page stands in, if any.
fn announce(event: &str, state: &State) {
    let own = window();
    if let Some(parent) = own.parent().ok().flatten().filter(|p| *p != own) {
        let mut message = Map::new();
        message.insert("typoLab".to_owned(), VERSION.into());
        message.insert("event".to_owned(), event.into());
        message.extend(standing(state));
        // Whoever the parent is, it chose what is shown here.
        post(&parent, &Value::Object(message), "*");
    }
}

/// Milliseconds of rest before a change is told.
const REST_MS: u32 = 100;

/// Hears other windows, and tells the parent what changes.
#[hook]
pub fn use_remote(state: &Rc<State>, dispatch: &Callback<Action>) {
    let remote = use_mut_ref(|| Remote { state: Rc::clone(state), is_stale: false, waiting: Vec::new() });
    {
        let (remote, state) = (Rc::clone(&remote), Rc::clone(state));
        // Compared by where it lies: a state is never changed in place.
        use_effect_with(Rc::as_ptr(&state) as usize, move |_| remote.borrow_mut().drawn(&state));
    }
    {
        let (state, dispatch) = (Rc::clone(state), dispatch.clone());
        use_effect_with((), move |()| {
            let listener = listen(remote, dispatch);
            announce("ready", &state);
            move || drop(listener)
        });
    }
    let state = Rc::clone(state);
    let changes = (state.linked(), state.playing, state.done);
    use_effect_with(changes, move |_| {
        let timeout = Timeout::new(REST_MS, move || announce("state", &state));
        move || drop(timeout)
    });
}

fn listen(remote: Rc<RefCell<Remote>>, dispatch: Callback<Action>) -> EventListener {
    EventListener::new(&window(), "message", move |event| {
        if let Some(event) = event.dyn_ref::<MessageEvent>() {
            let action = remote.borrow_mut().hear(event);
            if let Some(action) = action {
                dispatch.emit(action);
            }
        }
    })
}
