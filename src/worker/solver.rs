//! The solver's driver: trains in short turns, hears newer wishes between them, posts what it recorded about once a frame.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::port::{Part, ScopePort, Turns};
use super::protocol::{FromSolver, RunId, ToSolver, VERSION};
use crate::solve::Run;
use crate::spec::{Problem, Spec, SpecError};
use crate::trace::Trace;

/// How long a turn may take before messages are heard again: long enough for the whole of Figure 2.
const TURN_MS: f64 = 24.0;
/// How often snapshots are posted. A short run arrives whole, so that curves do not flicker under a dragging hand.
const POST_MS: f64 = 40.0;
/// How long a run may go on once a newer one waits: one that a busy machine finishes a few times a second is let to its end, so
/// that a hand that does not rest sees curves.
const PATIENCE_MS: f64 = 200.0;
/// Steps between two looks at the clock, to begin with; fewer where they turn out slow.
const CHUNK: u64 = 256;
/// A chunk that takes longer is halved.
const CHUNK_MS: f64 = 6.0;

struct Job {
    wish: Wish,
    spec: Spec,
    /// Which of the wish's seeds is under way.
    nth: u32,
    runs: Vec<Run>,
    fresh: Vec<Trace>,
    /// Steps of a loss before the next one's.
    chunk: u64,
    /// Whose steps are next.
    next: usize,
    began: f64,
    posted: f64,
}

/// What was asked for.
struct Wish {
    run: RunId,
    since: RunId,
    spec: String,
    runs: u32,
    from: Vec<Vec<f64>>,
}

/// One job under way, and the newest one asked for meanwhile.
struct Service {
    port: ScopePort,
    job: Option<Job>,
    waiting: Option<Wish>,
    /// Whether the page asked for a pause.
    resting: bool,
}

/// Starts the worker's service.
pub fn serve() {
    super::report_panics();
    let Some(port) = ScopePort::of_this_worker() else { return };
    let service = Rc::new(RefCell::new(Service { port: port.clone(), job: None, waiting: None, resting: false }));
    let turns = Rc::new(RefCell::new(None::<Turns>));
    let works = {
        let (service, turns) = (Rc::clone(&service), Rc::clone(&turns));
        move || {
            if service.borrow_mut().turn() {
                turns.borrow().iter().for_each(Turns::ask);
            }
        }
    };
    *turns.borrow_mut() = Turns::new(works);
    port.listen(move |(message, _)| {
        service.borrow_mut().hear(message);
        turns.borrow().iter().for_each(Turns::ask);
    });
    port.send(&FromSolver::Ready { version: VERSION.to_owned() }, &[]);
}

impl Service {
    fn hear(&mut self, message: ToSolver) {
        match message {
            ToSolver::Start { run, since, spec, runs, from } => {
                self.waiting = Some(Wish { run, since, spec, runs, from });
            }
            ToSolver::Rest(resting) => self.resting = resting,
        }
    }

    /// Works for a while. True where there is more to do.
    fn turn(&mut self) -> bool {
        if self.resting {
            return false;
        }
        let now = js_sys::Date::now();
        let gives_way = |job: &Job, wish: &Wish| job.wish.run < wish.since || now - job.began > PATIENCE_MS;
        if let Some(wish) = self.waiting.take_if(|wish| self.job.as_ref().is_none_or(|job| gives_way(job, wish))) {
            let run = wish.run;
            self.job = Job::new(wish)
                .inspect_err(|e| self.port.send(&FromSolver::Failed { run, message: e.to_string() }, &[]))
                .ok();
        }
        if let Some(job) = &mut self.job {
            let complete = job.work();
            let (nth, done) = (job.nth, complete && job.ended());
            if complete || js_sys::Date::now() - job.posted >= POST_MS {
                job.post(&self.port, nth, done);
            }
            if done {
                self.job = None;
            }
        }
        self.job.is_some() || self.waiting.is_some()
    }
}

impl Job {
    fn new(wish: Wish) -> Result<Self, SpecError> {
        let spec = Spec::from_text(&wish.spec)?;
        spec.check_training()?;
        let runs = runs(&spec, 0, &wish.from)?;
        let width = spec.prompts.len() * spec.actions();
        let now = js_sys::Date::now();
        let fresh = vec![Trace::new(width); runs.len()];
        Ok(Self { wish, spec, nth: 0, runs, fresh, chunk: CHUNK, next: 0, began: now, posted: now })
    }

    /// Whether the wish is granted. Otherwise the next seed begins.
    fn ended(&mut self) -> bool {
        if self.nth + 1 >= self.wish.runs {
            return true;
        }
        // A seed whose draws leave no pair ends the wish: what the others found is shown.
        runs(&self.spec, self.nth + 1, &self.wish.from).map_or(true, |next| {
            (self.nth, self.runs) = (self.nth + 1, next);
            false
        })
    }

    fn post(&mut self, port: &ScopePort, nth: u32, done: bool) {
        let numbers: Vec<Part> = self.fresh.iter().map(|trace| Part::Numbers(trace.to_numbers())).collect();
        port.send(&FromSolver::Batch { run: self.wish.run, nth, done }, &numbers);
        self.fresh.iter_mut().for_each(Trace::clear);
        self.posted = js_sys::Date::now();
    }

    /// Advances all losses side by side until the turn is over. True once all are done.
    fn work(&mut self) -> bool {
        let began = js_sys::Date::now();
        let mut now = began;
        while now - began < TURN_MS {
            if self.runs.iter().all(Run::is_done) {
                return true;
            }
            self.advance();
            let before = std::mem::replace(&mut now, js_sys::Date::now());
            if now - before > CHUNK_MS {
                self.chunk = (self.chunk / 2).max(1);
            }
        }
        self.runs.iter().all(Run::is_done)
    }

    /// A chunk of the next loss's steps.
    fn advance(&mut self) {
        let (run, fresh) = (&mut self.runs[self.next], &mut self.fresh[self.next]);
        let end = run.step() + self.chunk;
        while run.step() < end && !run.is_done() {
            if let Some(snapshot) = run.advance(end - run.step()) {
                fresh.push(&snapshot);
            }
        }
        self.next = (self.next + 1) % self.runs.len();
    }
}

/// Every loss's run of the `nth` seeds: `seed + nth` for the batches and, where data are sampled, for the data too.
fn runs(spec: &Spec, nth: u32, from: &[Vec<f64>]) -> Result<Vec<Run>, SpecError> {
    let problem = Arc::new(Problem::new(&spec.seeded(nth))?);
    let start = |k: usize| match from.get(k) {
        Some(theta) => Run::new(Arc::clone(&problem), k).starting_at(theta),
        None => Run::new(Arc::clone(&problem), k),
    };
    Ok((0..problem.losses.len()).map(start).collect())
}
