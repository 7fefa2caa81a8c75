//! The page: state at the top, views below, the address and the solver beside.

use std::cell::RefCell;
use std::rc::Rc;

use gloo::events::{EventListener, EventListenerOptions};
use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::timers::callback::Interval;
use gloo::utils::{document, window};
use wasm_bindgen::JsCast;
use web_sys::{HtmlInputElement, KeyboardEvent};
use yew::prelude::*;

use super::exact::Exact;
use super::late::{Late, Part};
use super::lm::Lm;
use super::panels::send;
use super::panels::story::{Story, invitation};
use super::solver::Solver;
use super::stage::{Stage, use_stage};
use super::state::{Action, Scheme, Sight, State, View};
use super::views::shapes::Shapes;
use super::views::{ViewProps, constraints, interpolation, language, preservation};
use super::{address, embed, keys, painter, patience, prefers, remote, seen, tour};
use crate::worker::protocol::lm::ToLm;
use crate::worker::protocol::{ToSolver, VERSION};

/// What the page opens with.
#[derive(Debug, PartialEq)]
pub struct Opening {
    state: State,
    /// None where the experiment's data turn out empty.
    exact: Option<Rc<Exact>>,
}

impl Opening {
    /// What the address says.
    pub fn state() -> State {
        let mut state = State::new(address::opening(), !prefers("(prefers-reduced-motion: reduce)"));
        embed::prepare(&mut state);
        state
    }

    /// With the numbers that follow.
    pub fn new(state: State) -> Rc<Self> {
        let exact = Exact::new(state.spec(), state.view, None).ok().map(Rc::new);
        Rc::new(Self { state, exact })
    }
}

#[derive(Properties, PartialEq)]
pub struct PageProps {
    pub opening: Rc<Opening>,
}

#[component]
pub fn Page(PageProps { opening }: &PageProps) -> Html {
    let state = use_reducer(|| opening.state.clone());
    let now = {
        let dispatcher = state.dispatcher();
        use_callback((), move |action: Action, ()| dispatcher.dispatch(action))
    };
    let dispatch = (*use_memo((), |()| patience::dispatching(now.clone()))).clone();
    let current = Rc::new((*state).clone());
    let stage = use_stage();
    use_solver(&current, &now, stage);
    let exact = use_exact(&current, opening);
    let lm = use_lm(&current, &dispatch);
    use_address(&current, &dispatch);
    // Time passes once everything stands.
    use_playing(current.playing && current.sight == Sight::Seen && stage == Stage::Whole, &dispatch);
    seen::use_seen(&dispatch);
    remote::use_remote(&current, &dispatch);
    use_rest(&current, &dispatch);
    use_undo_keys(&dispatch);
    use_scheme(current.scheme);

    tour::use_veil(tour::waits(&current));
    // Before the figures, whose effects have them painted.
    painter::set_sliding(current.is_sliding());
    let Some(exact) = exact else { return html! {} };
    let view = current.view;
    let frame = embed::of_page();
    let props =
        yew::props!(ViewProps { state: current.clone(), exact: exact.clone(), dispatch: dispatch.clone(), stage });
    html! {
        <>
            if frame.is_none() && stage >= Stage::Frame { <Late part={Part::Header} of={props.clone()} /> }
            { notices(&current, &dispatch) }
            <div class={classes!("columns", current.story.map(|_| "touring"))}
                data-points={tour::points(&current)} data-waits={tour::waits(&current).then_some("")}>
                if stage >= Stage::Frame { <Story state={current.clone()} dispatch={dispatch.clone()} /> }
                <main id="main" tabindex="-1">
                    { invitation(current.story.is_some(), &dispatch) }
                    // Views are functions: a component of its own would cost each some kilobytes. By its key each starts afresh.
                    <key={view.key()}>{ match view {
                        View::Interpolation => interpolation::view(&props),
                        View::Preservation => preservation::view(&props),
                        View::Constraints => constraints::view(&props),
                        View::Shapes => html! { <Shapes ..props.clone() /> },
                        View::Language => language::view(&props, &lm),
                    } }</>
                    <Late part={Part::Accounts} of={props.clone()} />
                </main>
                if frame.as_ref().is_none_or(embed::Embed::has_controls) {
                    <aside aria-label="Controls">
                        if stage >= Stage::Controls { <Late part={Part::Controls} of={props.clone()} /> }
                    </aside>
                }
            </div>
            if frame.is_some() { { embed::way_out(&current) } } else { { footer() } }
        </>
    }
}

/// What went wrong, where something did.
fn notices(state: &State, dispatch: &Callback<Action>) -> Html {
    html! {
        <>
            if let Some(trouble) = &state.solver_trouble {
                <div class="notice" role="alert"><p>{ trouble.clone() }</p></div>
            }
            if let Some(notice) = &state.notice {
                <div class="notice" role="alert">
                    <p>{ notice.clone() }</p>
                    <button type="button" onclick={send(dispatch, Action::Notice(None))}>{ "Dismiss" }</button>
                </div>
            }
        </>
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

/// The exact numbers of the experiment, computed once for each. None where its data are empty, which no experiment of the
/// page's is: links, messages and edits that would make one are refused.
#[hook]
fn use_exact(state: &Rc<State>, opening: &Opening) -> Option<Rc<Exact>> {
    let before = use_mut_ref(|| None::<Rc<Exact>>);
    let computed = use_memo((state.spec().clone(), state.view), |(spec, view)| match &opening.exact {
        Some(exact) if spec == opening.state.spec() && *view == opening.state.view => Some(Rc::clone(exact)),
        _ => Exact::new(spec, *view, before.borrow().as_deref()).ok().map(Rc::new),
    });
    before.borrow_mut().clone_from(&computed);
    (*computed).clone()
}

/// Trains the newest experiment in the worker: asked for at once, so that it is at work while the page computes and draws.
#[hook]
fn use_solver(state: &Rc<State>, dispatch: &Callback<Action>, stage: Stage) {
    let solver = use_mut_ref(|| None::<Rc<RefCell<Solver>>>);
    let (rests, resting) = (solver.clone(), state.sight == Sight::Hidden);
    let (state, dispatch) = (Rc::clone(state), dispatch.clone());
    // It takes a core of its own, of which the page may have but two while it is built.
    use_memo((state.run, stage == Stage::Whole), move |(run, is_due)| {
        // A language model is trained when it is asked to be, and elsewhere.
        if state.view == View::Language || !is_due {
            return;
        }
        let mut slot = solver.borrow_mut();
        let url = format!("./solver_worker_loader.js?v={VERSION}");
        let solver = slot.get_or_insert_with(|| {
            let solver = Solver::new(&url, &dispatch);
            // Whoever scrolled away before it was there.
            solver.borrow().rest(resting);
            solver
        });
        solver.borrow().start(ToSolver::Start {
            run: *run,
            since: state.since,
            spec: state.spec().to_json().to_string(),
            runs: state.runs(),
            from: (*state.from).clone(),
        });
    });
    use_effect_with(resting, move |resting| {
        if let Some(solver) = &*rests.borrow() {
            solver.borrow().rest(*resting);
        }
    });
}

/// The language model's worker, started when its view is first opened.
#[hook]
fn use_lm(state: &Rc<State>, dispatch: &Callback<Action>) -> Rc<Lm> {
    let lm = (*use_memo((), |()| Lm::new(dispatch.clone()))).clone();
    let visited = use_mut_ref(|| false);
    let here = state.view == View::Language;
    *visited.borrow_mut() |= here;
    let link = &state.links[View::Language as usize];
    let wish = keys::device(link);
    {
        let lm = Rc::clone(&lm);
        use_effect_with((*visited.borrow(), wish), move |(visited, wish)| {
            if *visited {
                lm.again(*wish);
            }
        });
    }
    {
        // Another experiment, or another view: what is under way is of no use there.
        let (lm, trains) = (Rc::clone(&lm), state.lm.at.is_some());
        use_effect_with(state.since, move |_| {
            if trains {
                lm.send(ToLm::Stop, Vec::new());
            }
        });
    }
    {
        // Nothing is trained where nobody can see the page; what was under way goes on afterwards.
        let (lm, goes, held) = (Rc::clone(&lm), matches!(state.lm.at, Some((_, false))), use_mut_ref(|| false));
        use_effect_with(state.sight, move |sight| {
            let is_hidden = *sight == Sight::Hidden;
            if if is_hidden { goes } else { held.take() } {
                *held.borrow_mut() = is_hidden;
                lm.send(ToLm::Pause(is_hidden), Vec::new());
            }
        });
    }
    let method = keys::method(link).unwrap_or_default();
    let asks = here && state.lm.model.is_some() && state.lm.at.is_none();
    // What a training takes is asked of the losses that a press would train.
    let asked = asks.then(|| (link.spec.clone(), state.pressed()));
    let sender = Rc::clone(&lm);
    use_effect_with((asked, method, state.lm.pairs, state.lm.opened), move |(asked, method, ..)| {
        if let Some((spec, losses)) = asked {
            let (spec, losses) = (spec.to_json().to_string(), losses.clone());
            sender.send(ToLm::Weigh { spec, losses, method: *method }, Vec::new());
        }
    });
    lm
}

/// Keeps the address as the page stands, and the page as the address says when it is changed by hand.
#[hook]
fn use_address(state: &Rc<State>, dispatch: &Callback<Action>) {
    {
        let state = Rc::clone(state);
        use_effect_with(state.linked(), move |_| address::write(state));
    }
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        let listener = EventListener::new(&window(), "hashchange", move |e| {
            if let Some(opened) = e.dyn_ref().and_then(address::gone_to) {
                dispatch.emit(Action::Open(opened));
            }
        });
        move || drop(listener)
    });
}

/// Milliseconds without an edit after which the next one counts as another, once the hand has let go.
const REST_MS: u32 = 600;

/// Tells when the hand that slides has let go and rested.
#[hook]
fn use_rest(state: &State, dispatch: &Callback<Action>) {
    let held = use_mut_ref(|| false);
    {
        let held = held.clone();
        use_effect_with((), move |()| {
            let listeners =
                [("pointerdown", true), ("pointerup", false), ("pointercancel", false)].map(|(kind, is_held)| {
                    let held = held.clone();
                    let options = EventListenerOptions::run_in_capture_phase();
                    EventListener::new_with_options(&window(), kind, options, move |_| *held.borrow_mut() = is_held)
                });
            move || drop(listeners)
        });
    }
    let dispatch = dispatch.clone();
    use_effect_with((state.link().clone(), state.is_sliding()), move |(_, is_sliding)| {
        let rests = move || {
            if !*held.borrow() {
                dispatch.emit(Action::Rest);
            }
        };
        let timer = is_sliding.then(|| Interval::new(REST_MS, rests));
        move || drop(timer)
    });
}

/// Control or Command with Z, with Shift or Y to go forward again; a field's own undo is left to it.
#[hook]
fn use_undo_keys(dispatch: &Callback<Action>) {
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        let options = EventListenerOptions::enable_prevent_default();
        let listener = EventListener::new_with_options(&window(), "keydown", options, move |e| {
            let Some(e) = e.dyn_ref::<KeyboardEvent>() else { return };
            let typing =
                e.target().is_some_and(|t| t.dyn_into::<HtmlInputElement>().is_ok_and(|i| i.type_() != "range"));
            if typing || !(e.ctrl_key() || e.meta_key()) || e.alt_key() {
                return;
            }
            let action = match (e.key().to_ascii_lowercase().as_str(), e.shift_key()) {
                ("z", false) => Action::Undo,
                ("z", true) | ("y", false) => Action::Redo,
                _ => return,
            };
            e.prevent_default();
            dispatch.emit(action);
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
        dress(*scheme);
        painter::repaint_all();
    });
    // A query asks for one ratio; on a screen with other pixels it is asked anew.
    let ratio = use_state_eq(|| window().device_pixel_ratio());
    use_effect_with((scheme, *ratio), move |(scheme, _)| {
        let scheme = *scheme;
        let pixels = format!("(resolution: {}dppx)", window().device_pixel_ratio());
        let queries = ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", &pixels];
        let listeners: Vec<EventListener> = queries
            .into_iter()
            .filter_map(|q| window().match_media(q).ok().flatten())
            .map(|m| {
                let ratio = ratio.clone();
                EventListener::new(&m, "change", move |_| {
                    ratio.set(window().device_pixel_ratio());
                    dress(scheme);
                    painter::repaint_all();
                })
            })
            .chain(printing())
            .chain([EventListener::new(&window(), "resize", |_| painter::repaint_all())])
            .collect();
        move || drop(listeners)
    });
}

/// Tells the style sheet which scheme and contrast hold.
fn dress(scheme: Scheme) {
    let Some(root) = document().document_element() else { return };
    let mark = |name: &str, value: Option<&str>| {
        let _ = match value {
            Some(value) => root.set_attribute(name, value),
            None => root.remove_attribute(name),
        };
    };
    let fixed = match scheme {
        Scheme::Light => Some("light"),
        Scheme::Dark => Some("dark"),
        Scheme::System | Scheme::Contrast => None,
    };
    mark("data-scheme", fixed);
    mark("data-contrast", (scheme == Scheme::Contrast || prefers("(prefers-contrast: more)")).then_some("more"));
}

/// Figures go to the printer on light paper. The event comes before the browser lays the pages out, so they are painted at once.
fn printing() -> Vec<EventListener> {
    let on_paper = |on: bool| {
        painter::set_on_paper(on);
        painter::repaint_now();
    };
    let mut listeners = vec![
        EventListener::new(&window(), "beforeprint", move |_| on_paper(true)),
        EventListener::new(&window(), "afterprint", move |_| on_paper(false)),
    ];
    // A preview that only switches the medium sends no such event.
    if let Some(medium) = window().match_media("print").ok().flatten() {
        let now = medium.clone();
        listeners.push(EventListener::new(&medium, "change", move |_| on_paper(now.matches())));
    }
    listeners
}
