//! The page's side of the solver: one run at a time, the newest wins.

use std::cell::RefCell;
use std::rc::Rc;

use yew::Callback;

use super::state::Action;
use crate::worker::port::WorkerPort;
use crate::worker::protocol::{FromSolver, RunId, ToSolver, VERSION};

const UNAVAILABLE: &str = "The solver could not start, so training runs are not shown; exact results still are. Reload the page, or allow workers in your browser.";
const STALE: &str = "The page was updated while it was open. Reload it to train again.";

/// How long a run may go on once a newer one waits; a short one is let to its end, so that its curves are seen.
const PATIENCE_MS: f64 = 60.0;

/// Starts runs and hands their snapshots to the page.
pub struct Solver {
    port: Option<WorkerPort>,
    shared: Rc<RefCell<Shared>>,
}

#[derive(Default)]
struct Shared {
    ready: bool,
    /// The run under way and when it was sent.
    busy: Option<(RunId, f64)>,
    /// The newest one asked for while another was under way.
    waiting: Option<(RunId, String)>,
}

impl Solver {
    /// Starts the worker at `url`.
    pub fn new(url: &str, dispatch: &Callback<Action>) -> Rc<RefCell<Self>> {
        let shared: Rc<RefCell<Shared>> = Rc::default();
        let solver = Rc::new(RefCell::new(Self { port: None, shared: Rc::clone(&shared) }));
        let hears = {
            let (solver, dispatch) = (Rc::downgrade(&solver), dispatch.clone());
            move |(message, numbers): (FromSolver, Vec<Vec<f64>>)| {
                let Some(solver) = solver.upgrade() else { return };
                if let Some(action) = solver.borrow().hear(message, numbers) {
                    dispatch.emit(action);
                }
            }
        };
        let fails = {
            let dispatch = dispatch.clone();
            move || dispatch.emit(Action::Notice(Some(UNAVAILABLE.to_owned())))
        };
        match WorkerPort::start(url, hears, fails) {
            Ok(port) => solver.borrow_mut().port = Some(port),
            Err(_) => dispatch.emit(Action::Notice(Some(UNAVAILABLE.to_owned()))),
        }
        solver
    }

    /// Asks for a run; whatever waited before is forgotten.
    pub fn start(&self, run: RunId, spec: String) {
        let mut shared = self.shared.borrow_mut();
        shared.waiting = Some((run, spec));
        let overdue = shared.busy.is_none_or(|(_, since)| js_sys::Date::now() - since > PATIENCE_MS);
        if shared.ready && overdue {
            self.send_waiting(&mut shared);
        }
    }

    fn send_waiting(&self, shared: &mut Shared) {
        if let (Some(port), Some((run, spec))) = (&self.port, shared.waiting.take()) {
            shared.busy = Some((run, js_sys::Date::now()));
            port.send(&ToSolver::Start { run, spec });
        }
    }

    fn hear(&self, message: FromSolver, numbers: Vec<Vec<f64>>) -> Option<Action> {
        let mut shared = self.shared.borrow_mut();
        match message {
            FromSolver::Ready { version } if version == VERSION => {
                shared.ready = true;
                self.send_waiting(&mut shared);
                None
            }
            FromSolver::Ready { .. } => Some(Action::Notice(Some(STALE.to_owned()))),
            FromSolver::Batch { run, done } => {
                if done {
                    self.finished(run, &mut shared);
                }
                Some(Action::Batch { run, traces: numbers, done })
            }
            FromSolver::Failed { run, message } => {
                self.finished(run, &mut shared);
                Some(Action::Notice(Some(message)))
            }
        }
    }

    fn finished(&self, run: RunId, shared: &mut Shared) {
        if shared.busy.is_some_and(|(busy, _)| busy == run) {
            shared.busy = None;
            self.send_waiting(shared);
        }
    }
}
