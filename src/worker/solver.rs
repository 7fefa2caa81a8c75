//! The solver's driver: trains in short turns, hears Stop between them, posts what it recorded about once a frame.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::port::ScopePort;
use super::protocol::{FromSolver, RunId, ToSolver, VERSION};
use crate::solve::Run;
use crate::spec::{Problem, Spec, SpecError};
use crate::trace::Trace;

/// How long a turn may take before messages are heard again: long enough for the whole of Figure 2, since browsers hold
/// back a callback that follows many others by 4 ms.
const TURN_MS: f64 = 24.0;
/// How often snapshots are posted. A short run arrives whole, so that curves do not flicker under a dragging hand.
const POST_MS: f64 = 40.0;
/// Steps between two looks at the clock.
const CHUNK: u64 = 256;

struct Job {
    run: RunId,
    runs: Vec<Run>,
    fresh: Vec<Trace>,
    posted: f64,
}

/// The running job, and whether a turn is already due for it.
#[derive(Default)]
struct Service {
    job: RefCell<Option<Job>>,
    due: Cell<bool>,
}

/// Starts the worker's service.
pub fn serve() {
    let Some(port) = ScopePort::of_this_worker() else { return };
    let service: Rc<Service> = Rc::default();
    let (answers, held) = (port.clone(), Rc::clone(&service));
    port.listen(move |(message, _)| match message {
        ToSolver::Start { run, spec } => match Job::new(run, &spec) {
            Ok(job) => {
                *held.job.borrow_mut() = Some(job);
                if !held.due.get() {
                    turn(&answers, &held);
                }
            }
            Err(e) => answers.send(&FromSolver::Failed { run, message: e.to_string() }, &[]),
        },
        ToSolver::Stop => *held.job.borrow_mut() = None,
    });
    port.send(&FromSolver::Ready { version: VERSION.to_owned() }, &[]);
}

fn turn(port: &ScopePort, service: &Rc<Service>) {
    let Some(mut job) = service.job.borrow_mut().take() else { return };
    let done = job.work();
    if done || js_sys::Date::now() - job.posted >= POST_MS {
        let numbers: Vec<Vec<f64>> = job.fresh.iter().map(Trace::to_numbers).collect();
        port.send(&FromSolver::Batch { run: job.run, done }, &numbers);
        job.fresh.iter_mut().for_each(Trace::clear);
        job.posted = js_sys::Date::now();
    }
    if !done {
        *service.job.borrow_mut() = Some(job);
        service.due.set(true);
        let (again, held) = (port.clone(), Rc::clone(service));
        port.after_messages(move || {
            held.due.set(false);
            turn(&again, &held);
        });
    }
}

impl Job {
    fn new(run: RunId, spec: &str) -> Result<Self, SpecError> {
        let problem = Arc::new(Problem::new(&Spec::from_text(spec)?)?);
        let width = problem.prompts.len() * problem.actions();
        Ok(Self {
            run,
            runs: (0..problem.losses.len()).map(|k| Run::new(Arc::clone(&problem), k)).collect(),
            fresh: vec![Trace::new(width); problem.losses.len()],
            posted: js_sys::Date::now(),
        })
    }

    /// Advances all losses side by side until the turn is over. True once all are done.
    fn work(&mut self) -> bool {
        let began = js_sys::Date::now();
        while js_sys::Date::now() - began < TURN_MS {
            let mut all_done = true;
            for (run, fresh) in self.runs.iter_mut().zip(&mut self.fresh) {
                let end = run.step() + CHUNK;
                while run.step() < end && !run.is_done() {
                    if let Some(snapshot) = run.advance(end - run.step()) {
                        fresh.push(&snapshot);
                    }
                }
                all_done &= run.is_done();
            }
            if all_done {
                return true;
            }
        }
        false
    }
}
