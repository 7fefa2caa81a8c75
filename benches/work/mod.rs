//! What is timed, once: the same calls natively ([`solver`](../solver.rs)) and in Chromium ([`browser`](../browser.rs)).
//!
//! Experiments are resolved before the clock starts; whatever a user's call would allocate is inside it.

use std::hint::black_box;
use std::sync::Arc;

use typo_lab::loss::Loss;
use typo_lab::solve::{ExactSolver, Run, sweep};
use typo_lab::spec::{LossSpec, Preset, Problem, PromptSpec, Spec};

/// One piece of work.
pub struct Work {
    /// Family first: `adam_step/dpo`, `growth/exact/ipo/actions/300`.
    pub name: String,
    /// How many of the named thing a call does.
    pub units: u32,
    call: Box<dyn FnMut()>,
}

impl Work {
    fn new(name: String, units: u32, call: impl FnMut() + 'static) -> Self {
        Self { name, units, call: Box::new(call) }
    }

    /// Does it once.
    pub fn call(&mut self) {
        (self.call)();
    }
}

/// All of it.
pub fn all() -> Vec<Work> {
    let mut list = adam_steps();
    list.push(figure_2());
    list.extend(minimisers());
    list.push(sweep_61());
    list.extend(growth());
    list
}

/// Steps of a run in Figure 2 (f-DPO's is three times as long there; here all are alike, as the peers' are).
const STEPS: u32 = 11_000;
/// λ of the growing experiments, moderate so that no policy runs into a corner.
const LAMBDA: f64 = 0.1;
/// Steps of a growing run: enough that setting it up does not count.
const GROWTH_STEPS: u32 = 100;

fn resolved(spec: &Spec) -> Arc<Problem> {
    Arc::new(Problem::new(spec).expect("these experiments have data"))
}

/// A whole run, set-up and recorded snapshots included.
fn train(problem: &Arc<Problem>, loss: usize) {
    for snapshot in Run::new(Arc::clone(problem), loss) {
        black_box(snapshot);
    }
}

/// Batches of 20 over three actions, every 50th step recorded.
fn adam_steps() -> Vec<Work> {
    let mut spec = Preset::Figure2.spec();
    for loss in &mut spec.losses {
        loss.steps = Some(STEPS.into());
    }
    let problem = resolved(&spec);
    let of = |(k, loss): (usize, &LossSpec)| {
        let problem = Arc::clone(&problem);
        Work::new(format!("adam_step/{}", loss.loss.key()), STEPS, move || train(&problem, k))
    };
    spec.losses.iter().enumerate().map(of).collect()
}

/// All five runs of Figure 2: 77,000 steps.
fn figure_2() -> Work {
    let problem = resolved(&Preset::Figure2.spec());
    Work::new("figure_2".into(), 1, move || (0..problem.losses.len()).for_each(|k| train(&problem, k)))
}

/// A solver made for one answer.
fn minimise(problem: &Problem, loss: LossSpec) {
    black_box(ExactSolver::new(problem, loss).solve());
}

fn minimisers() -> Vec<Work> {
    let problem = resolved(&Preset::Figure2.spec());
    let of = |loss: &LossSpec| {
        let (problem, loss) = (Arc::clone(&problem), *loss);
        Work::new(format!("exact/{}", loss.loss.key()), 1, move || minimise(&problem, loss))
    };
    problem.losses.iter().map(of).collect()
}

/// Five losses, 61 λ, two prompts.
fn sweep_61() -> Work {
    let spec = Preset::Figure3Preservation.spec();
    let problem = resolved(&spec);
    Work::new("sweep_61".into(), 1, move || {
        black_box(sweep::sweep(&problem, &spec.sweep));
    })
}

/// How the cost grows: one prompt of ever more actions, ever more prompts of three actions.
fn growth() -> Vec<Work> {
    let mut list = Vec::new();
    for loss in [Loss::Typo, Loss::Ipo] {
        for actions in [3, 30, 300] {
            list.extend(grown(loss, "actions", actions, (1, actions)));
        }
        for prompts in [1, 10, 100, 1000] {
            list.extend(grown(loss, "prompts", prompts, (prompts, 3)));
        }
    }
    list
}

/// An Adam step on the full expectation, and the exact minimiser.
fn grown(loss: Loss, axis: &str, size: usize, (prompts, actions): (usize, usize)) -> [Work; 2] {
    let mut spec = Preset::Figure2.spec();
    spec.prompts = (0..prompts).map(|x| prompt(x, actions)).collect();
    spec.losses = vec![LossSpec { loss, lambda: LAMBDA, learning_rate: None, steps: None }];
    spec.optimiser.batch_size = None;
    spec.optimiser.steps = GROWTH_STEPS.into();
    spec.optimiser.record_every = GROWTH_STEPS.into();
    let problem = resolved(&spec);
    let (stepped, solved) = (Arc::clone(&problem), problem);
    let name = |what: &str| format!("growth/{what}/{}/{axis}/{size}", loss.key());
    [
        Work::new(name("adam_step"), GROWTH_STEPS, move || train(&stepped, 0)),
        Work::new(name("exact"), 1, move || minimise(&solved, solved.losses[0])),
    ]
}

/// Policies that fall off gently, each prompt's from another action on, so that no two prompts are alike.
fn prompt(x: usize, actions: usize) -> PromptSpec {
    let falling = |first: usize| {
        let weights: Vec<f64> = (0..actions).map(|a| 1.0 / (2.0 + ((a + first) % actions) as f64)).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect::<Vec<_>>()
    };
    PromptSpec { name: format!("x{x}"), weight: 1.0, pi_ref: falling(x), pi_star: falling(2 * x + 1) }
}
