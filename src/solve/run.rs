//! Training of the logits, with clipping and batches: a run as an iterator of snapshots. No clock, no threads.
//!
//! Letters: P prompts, A actions, B batch. θ starts at `ln π_ref` with mean zero and is not re-centred, so weight decay acts
//! on it as it stands. A step allocates nothing.

use std::sync::Arc;

use super::bandit::PromptObjective;
use super::batch::Batch;
use super::exact::reward_of;
use super::gradient::Gradient;
use crate::loss::Loss;
use crate::simplex::{log_softmax, mean_zero};
use crate::spec::problem::Problem;
use crate::spec::{LossSpec, OptimiserKind};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// What is below it changes one by nothing; left to shrink, it would end as a subnormal number, which processors multiply slowly.
const FADED: f64 = 0.25 * f64::EPSILON;

/// A recorded moment of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Steps taken.
    pub step: u64,
    /// `ln π`, prompt after prompt. (P·A)
    pub log_pi: Vec<f64>,
    /// The full objective, penalty included.
    pub loss_value: f64,
}

/// One loss being minimised.
pub struct Run {
    problem: Arc<Problem>,
    loss: Loss,
    lambda: f64,
    learning_rate: f64,
    steps: u64,
    step: u64,
    recorded: Option<u64>,
    /// RLHF's reward. (P·A, as are the next three)
    reward: Vec<f64>,
    theta: Vec<f64>,
    first_moment: Vec<f64>,
    second_moment: Vec<f64>,
    /// β₁^t and β₂^t, zero once they are too small to matter.
    decay: (f64, f64),
    gradient: Gradient,
    /// None for the full expectation.
    batch: Option<Batch>,
}

impl Run {
    /// A run of `problem.losses[index]` from π_ref.
    pub fn new(problem: Arc<Problem>, index: usize) -> Self {
        let spec: LossSpec = problem.losses[index];
        let lambda = problem.effective_lambda(&spec);
        let theta: Vec<f64> = problem.prompts.iter().flat_map(|p| mean_zero(&p.log_ref)).collect();
        let reward: Vec<f64> = problem.prompts.iter().flat_map(|p| reward_of(p, spec.loss, lambda)).collect();
        let gradient = Gradient::new(Arc::clone(&problem), spec.loss, lambda, reward.clone());
        let batch = problem.optimiser.batch_size.filter(|_| gradient.uses_pairs());
        Self {
            loss: spec.loss,
            lambda,
            learning_rate: spec.learning_rate.unwrap_or(problem.optimiser.learning_rate),
            steps: spec.steps_under(&problem.optimiser),
            step: 0,
            recorded: None,
            first_moment: vec![0.0; theta.len()],
            second_moment: vec![0.0; theta.len()],
            theta,
            reward,
            decay: (1.0, 1.0),
            gradient,
            batch: batch.map(|size| Batch::new(&problem, size)),
            problem,
        }
    }

    /// The same run from other logits (P·A): how a change of λ goes on instead of starting anew.
    #[must_use]
    pub fn starting_at(mut self, theta: &[f64]) -> Self {
        if theta.len() == self.theta.len() {
            self.theta.copy_from_slice(theta);
        }
        self
    }

    /// Steps taken so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Steps in all.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the last snapshot has been given.
    pub fn is_done(&self) -> bool {
        self.recorded == Some(self.steps)
    }

    /// Takes up to `most` steps, stopping at the next moment to record, and gives its snapshot once it is reached.
    pub fn advance(&mut self, most: u64) -> Option<Snapshot> {
        let next = match self.recorded {
            None => 0,
            Some(last) if last == self.steps => return None,
            Some(last) => (last / self.problem.optimiser.record_every + 1)
                .saturating_mul(self.problem.optimiser.record_every)
                .min(self.steps),
        };
        for _ in 0..most.min(next - self.step) {
            self.take_step();
        }
        (self.step == next).then(|| {
            self.recorded = Some(next);
            self.snapshot()
        })
    }

    /// The policy and the objective as they stand.
    pub fn snapshot(&self) -> Snapshot {
        let actions = self.problem.actions();
        let log_pi: Vec<f64> = self.theta.chunks(actions).flat_map(log_softmax).collect();
        let mut loss_value = self.problem.logit_decay() * self.theta.iter().map(|t| t * t).sum::<f64>();
        for (x, prompt) in self.problem.prompts.iter().enumerate() {
            let place = x * actions..(x + 1) * actions;
            let objective = PromptObjective {
                prompt,
                loss: self.loss,
                lambda: self.lambda,
                reward: &self.reward[place.clone()],
                logit_decay: 0.0,
                policy_decay: 0.0,
                sharpness: None,
            };
            let squares: f64 = log_pi[place.clone()].iter().map(|z| (2.0 * z).exp()).sum();
            loss_value += prompt.weight * objective.value_at(&log_pi[place]) + self.problem.policy_decay() * squares;
        }
        Snapshot { step: self.step, log_pi, loss_value }
    }

    fn take_step(&mut self) {
        match &mut self.batch {
            Some(batch) => {
                batch.draw();
                self.gradient.of_batch(&self.theta, batch);
            }
            None => self.gradient.of_everything(&self.theta),
        }
        self.gradient.clip(self.problem.optimiser.clip_norm);
        match self.problem.optimiser.kind {
            OptimiserKind::Adam => self.step_of_adam(),
            OptimiserKind::Sgd => self.step_down(),
        }
        self.step += 1;
    }

    fn step_down(&mut self) {
        for (theta, g) in self.theta.iter_mut().zip(&self.gradient.values) {
            *theta -= self.learning_rate * g;
        }
    }

    fn step_of_adam(&mut self) {
        let fading = |power: f64| if power < FADED { 0.0 } else { power };
        self.decay = (fading(BETA1 * self.decay.0), fading(BETA2 * self.decay.1));
        let rate = self.learning_rate / (1.0 - self.decay.0);
        let root = (1.0 - self.decay.1).sqrt().recip();
        let moments = self.first_moment.iter_mut().zip(&mut self.second_moment);
        for ((theta, g), (m, v)) in self.theta.iter_mut().zip(&self.gradient.values).zip(moments) {
            *m = BETA1 * *m + (1.0 - BETA1) * g;
            *v = BETA2 * *v + (1.0 - BETA2) * g * g;
            *theta -= rate * *m / (v.sqrt() * root + EPSILON);
        }
    }
}

impl Iterator for Run {
    type Item = Snapshot;

    fn next(&mut self) -> Option<Snapshot> {
        self.advance(u64::MAX)
    }
}
