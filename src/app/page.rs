//! The page: state at the top, views below, the address and the solver beside.

use std::cell::RefCell;
use std::rc::Rc;

use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::utils::{document, window};
use yew::prelude::*;

use super::controls::Controls;
use super::exact::Exact;
use super::solver::Solver;
use super::state::{Action, Scheme, State, View};
use super::views::ViewProps;
use super::views::interpolation::Interpolation;
use super::views::preservation::Preservation;
use super::{address, painter};
use crate::worker::protocol::VERSION;

fn prefers(query: &str) -> bool {
    window().match_media(query).ok().flatten().is_some_and(|m| m.matches())
}

#[component]
pub fn Page() -> Html {
    let state = use_reducer(|| State::new(address::read(), !prefers("(prefers-reduced-motion: reduce)")));
    let dispatch = {
        let dispatcher = state.dispatcher();
        use_callback((), move |action: Action, ()| dispatcher.dispatch(action))
    };
    let current = Rc::new((*state).clone());
    let exact = use_exact(&current, &dispatch);
    use_solver(&current, &dispatch);
    use_address(&current, &dispatch);
    use_playing(current.playing, &dispatch);
    use_scheme(current.scheme);

    let Some(exact) = exact else { return html! {} };
    let view = current.view;
    let props = yew::props!(ViewProps { state: current.clone(), exact, dispatch: dispatch.clone() });
    html! {
        <>
            { header(&current, &dispatch) }
            if let Some(notice) = &current.notice {
                <div class="notice" role="alert">
                    <p>{ notice.clone() }</p>
                    <button type="button" onclick={send(&dispatch, Action::Notice(None))}>{ "Dismiss" }</button>
                </div>
            }
            <div class="columns">
                <main id="main" tabindex="-1">
                    if view == View::Interpolation { <Interpolation ..props /> } else { <Preservation ..props /> }
                </main>
                <aside aria-label="Controls"><Controls state={current.clone()} dispatch={dispatch.clone()} /></aside>
            </div>
            { footer() }
        </>
    }
}

fn send(dispatch: &Callback<Action>, action: Action) -> Callback<MouseEvent> {
    let dispatch = dispatch.clone();
    Callback::from(move |_| dispatch.emit(action.clone()))
}

fn header(state: &State, dispatch: &Callback<Action>) -> Html {
    let next = match state.scheme {
        Scheme::System if prefers("(prefers-color-scheme: dark)") => Scheme::Light,
        Scheme::System | Scheme::Light => Scheme::Dark,
        Scheme::Dark => Scheme::Light,
    };
    html! {
        <header class="bar">
            <a class="brand" href="#main">{ "TYPO Lab" }</a>
            <nav aria-label="Views">
                { for View::ALL.into_iter().map(|v| html! {
                    <button type="button" aria-current={(v == state.view).then_some("page")}
                        onclick={send(dispatch, Action::View(v))}>{ v.title() }</button>
                }) }
            </nav>
            <button type="button" class="scheme" aria-label="Light or dark" title="Light or dark"
                onclick={send(dispatch, Action::Scheme(next))}>
                <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7.5" /><path d="M10 2.5a7.5 7.5 0 0 1 0 15z" /></svg>
            </button>
        </header>
    }
}

fn footer() -> Html {
    html! {
        <footer>
            <p>{ "After Hu, He and Wipf, " }<cite>{ "New Desiderata for Direct Preference Optimization" }</cite>
               { ". Every number is computed here, in your browser; nothing is sent anywhere." }</p>
        </footer>
    }
}

/// The exact numbers of the experiment, computed once for each.
#[hook]
fn use_exact(state: &Rc<State>, dispatch: &Callback<Action>) -> Option<Rc<Exact>> {
    let computed = use_memo(state.spec().clone(), |spec| Exact::new(spec).map(Rc::new));
    // Where an edit leaves no usable data, the last numbers stay beside the message.
    let last = use_mut_ref(|| None::<Rc<Exact>>);
    let failure = computed.as_ref().as_ref().err().map(ToString::to_string);
    {
        let dispatch = dispatch.clone();
        use_effect_with(failure, move |failure| {
            if let Some(message) = failure {
                dispatch.emit(Action::Notice(Some(message.clone())));
            }
        });
    }
    if let Ok(exact) = computed.as_ref() {
        *last.borrow_mut() = Some(Rc::clone(exact));
    }
    last.borrow().clone()
}

/// Trains the newest experiment in the worker.
#[hook]
fn use_solver(state: &Rc<State>, dispatch: &Callback<Action>) {
    let solver = use_mut_ref(|| None::<Rc<RefCell<Solver>>>);
    let (state, dispatch) = (Rc::clone(state), dispatch.clone());
    use_effect_with(state.run, move |run| {
        let mut slot = solver.borrow_mut();
        let url = format!("./solver_worker_loader.js?v={VERSION}");
        let solver = slot.get_or_insert_with(|| Solver::new(&url, &dispatch));
        solver.borrow().start(*run, state.spec().to_json().to_string());
    });
}

/// Keeps the address as the page stands, and the page as the address says when it is changed by hand.
#[hook]
fn use_address(state: &Rc<State>, dispatch: &Callback<Action>) {
    {
        let state = Rc::clone(state);
        use_effect_with(address::fragment(&state), move |_| address::write(&state));
    }
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        let listener = EventListener::new(&window(), "hashchange", move |_| {
            let opened = address::read().map(|(view, link, at)| (view, link, at.unwrap_or(1.0)));
            dispatch.emit(Action::Open(opened));
        });
        move || drop(listener)
    });
}

/// Moves training time on while it plays.
#[hook]
fn use_playing(playing: bool, dispatch: &Callback<Action>) {
    let dispatch = dispatch.clone();
    use_effect_with(playing, move |playing| {
        let frame: Rc<RefCell<Option<AnimationFrame>>> = Rc::default();
        if *playing {
            tick(Rc::clone(&frame), dispatch, None);
        }
        move || *frame.borrow_mut() = None
    });
}

/// Longest time one frame counts for: a tab that was hidden does not jump.
const LONGEST_FRAME_MS: f64 = 100.0;

fn tick(frame: Rc<RefCell<Option<AnimationFrame>>>, dispatch: Callback<Action>, before: Option<f64>) {
    let slot = Rc::clone(&frame);
    let next = request_animation_frame(move |now| {
        if let Some(before) = before {
            dispatch.emit(Action::Tick((now - before).clamp(0.0, LONGEST_FRAME_MS) / 1000.0));
        }
        tick(frame, dispatch, Some(now));
    });
    *slot.borrow_mut() = Some(next);
}

/// Sets the colour scheme on the document, and repaints when it or the system's changes.
#[hook]
fn use_scheme(scheme: Scheme) {
    use_effect_with(scheme, |scheme| {
        if let Some(root) = document().document_element() {
            let _ = match scheme {
                Scheme::System => root.remove_attribute("data-scheme"),
                Scheme::Light => root.set_attribute("data-scheme", "light"),
                Scheme::Dark => root.set_attribute("data-scheme", "dark"),
            };
        }
        painter::repaint_all();
    });
    use_effect_with((), |()| {
        let queries = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"];
        let listeners: Vec<EventListener> = queries
            .iter()
            .filter_map(|q| window().match_media(q).ok().flatten())
            .map(|m| EventListener::new(&m, "change", |_| painter::repaint_all()))
            .chain([EventListener::new(&window(), "resize", |_| painter::repaint_all())])
            .collect();
        move || drop(listeners)
    });
}
