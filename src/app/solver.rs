//! The page's side of the solver.

use std::cell::RefCell;
use std::rc::Rc;

use yew::Callback;

use super::patience;
use super::state::Action;
use crate::worker::port::{Part, WorkerPort};
use crate::worker::protocol::{FromSolver, ToSolver, VERSION};

const UNAVAILABLE: &str = "The solver could not start, so training runs are not shown; exact results still are. Reload the page, or allow workers in your browser.";
const STOPPED: &str = "The solver stopped unexpectedly, so the training runs shown may be old; exact results are not. Reload the page to train again.";
const STALE: &str = "The page was updated while it was open. Reload it to train again.";

/// Starts runs and hands their snapshots to the page.
pub struct Solver {
    port: Option<WorkerPort>,
    shared: Rc<RefCell<Shared>>,
}

/// A worker hears nothing until it is ready; the newest wish is kept for it.
#[derive(Default)]
struct Shared {
    ready: bool,
    waiting: Option<ToSolver>,
    /// Whether the page is out of sight.
    resting: bool,
}

impl Solver {
    /// Starts the worker at `url`.
    pub fn new(url: &str, dispatch: &Callback<Action>) -> Rc<RefCell<Self>> {
        let shared: Rc<RefCell<Shared>> = Rc::default();
        let solver = Rc::new(RefCell::new(Self { port: None, shared: Rc::clone(&shared) }));
        let hears = {
            let (solver, dispatch) = (Rc::downgrade(&solver), dispatch.clone());
            move |text: String, parts: Vec<Part>| {
                let Some(message) = FromSolver::read(&text) else { return };
                let Some(solver) = solver.upgrade() else { return };
                if let Some(action) = solver.borrow().hear(message, Part::numbers(parts)) {
                    dispatch.emit(action);
                }
            }
        };
        let fails = {
            let (dispatch, shared) = (dispatch.clone(), Rc::clone(&shared));
            move || {
                let why = if shared.borrow().ready { STOPPED } else { UNAVAILABLE };
                dispatch.emit(Action::SolverTrouble(why.to_owned()));
            }
        };
        match WorkerPort::start(url, Box::new(hears), Box::new(fails)) {
            Ok(port) => solver.borrow_mut().port = Some(port),
            Err(_) => dispatch.emit(Action::SolverTrouble(UNAVAILABLE.to_owned())),
        }
        solver
    }

    /// Asks for a run; an older one that waits is forgotten.
    pub fn start(&self, message: ToSolver) {
        let mut shared = self.shared.borrow_mut();
        shared.waiting = Some(message);
        if shared.ready {
            self.send_waiting(&mut shared);
        }
    }

    /// Lets the worker pause where nobody sees the page, and go on.
    pub fn rest(&self, resting: bool) {
        let mut shared = self.shared.borrow_mut();
        shared.resting = resting;
        if let (Some(port), true) = (&self.port, shared.ready) {
            port.send(&ToSolver::Rest(resting), &[]);
        }
    }

    fn send_waiting(&self, shared: &mut Shared) {
        if let (Some(port), Some(message)) = (&self.port, shared.waiting.take()) {
            if let ToSolver::Start { run, .. } = &message {
                patience::asked(*run);
            }
            port.send(&message, &[]);
        }
    }

    fn hear(&self, message: FromSolver, numbers: Vec<Vec<f64>>) -> Option<Action> {
        match message {
            FromSolver::Ready { version } if version == VERSION => {
                let mut shared = self.shared.borrow_mut();
                shared.ready = true;
                if let (Some(port), true) = (&self.port, shared.resting) {
                    port.send(&ToSolver::Rest(true), &[]);
                }
                self.send_waiting(&mut shared);
                None
            }
            FromSolver::Ready { .. } => Some(Action::SolverTrouble(STALE.to_owned())),
            FromSolver::Batch { run, nth, done } => {
                patience::heard(run, done);
                Some(Action::Batch { run, nth, traces: numbers, done })
            }
            FromSolver::Failed { run, message } => {
                patience::heard(run, true);
                Some(Action::Failed { run, message })
            }
        }
    }
}
