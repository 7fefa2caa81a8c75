//! The gradient of a loss in the logits of all prompts, for the optimiser: values are left out, nothing is allocated.

use std::sync::Arc;

use super::batch::Batch;
use crate::loss::{Loss, PairPart, Psi};
use crate::spec::problem::Problem;

/// A loss on a problem, with the workspace of its gradient. P prompts, A actions.
pub struct Gradient {
    problem: Arc<Problem>,
    loss: Loss,
    lambda: f64,
    /// RLHF's reward. (P·A)
    reward: Vec<f64>,
    /// The gradient in θ. (P·A)
    pub values: Vec<f64>,
    /// One prompt's workspace. (A each)
    log_pi: Vec<f64>,
    pi: Vec<f64>,
    score: Vec<f64>,
    slope: Vec<f64>,
}

impl Gradient {
    /// The gradient of a loss with its λ. `reward` has P·A entries.
    pub fn new(problem: Arc<Problem>, loss: Loss, lambda: f64, reward: Vec<f64>) -> Self {
        let workspace = || vec![0.0; problem.actions()];
        let (log_pi, pi, score, slope) = (workspace(), workspace(), workspace(), workspace());
        Self { values: vec![0.0; reward.len()], problem, loss, lambda, reward, log_pi, pi, score, slope }
    }

    /// Whether a batch matters: RLHF sees no pairs.
    pub fn uses_pairs(&self) -> bool {
        self.loss.pair_part().is_some()
    }

    /// The gradient of the full expectation at θ (P·A), penalty included.
    pub fn of_everything(&mut self, theta: &[f64]) {
        let n = self.pi.len();
        for x in 0..self.problem.prompts.len() {
            self.look_at(x, theta);
            let prompt = &self.problem.prompts[x];
            if let Some(PairPart { psi, .. }) = self.loss.pair_part() {
                let g = &mut self.values[x * n..(x + 1) * n];
                for c in &prompt.pairs.comparisons {
                    add_outcomes(psi, self.lambda, &self.score, (c.i, c.j), (c.win, c.lose), g);
                }
            }
            let weight = prompt.weight;
            self.finish(x, weight, weight);
        }
        self.add_decay(theta);
    }

    /// The gradient of a batch at θ (P·A), penalty included. Takes the batch's draws.
    pub fn of_batch(&mut self, theta: &[f64], batch: &mut Batch) {
        let n = self.pi.len();
        let everywhere = self.problem.policy_decay() > 0.0;
        for x in 0..self.problem.prompts.len() {
            let drawn = batch.drawn(x);
            if drawn == 0 && !everywhere {
                self.values[x * n..(x + 1) * n].fill(0.0);
                continue;
            }
            self.look_at(x, theta);
            if let Some(PairPart { psi, .. }) = self.loss.pair_part() {
                let (g, score, lambda) = (&mut self.values[x * n..(x + 1) * n], &self.score, self.lambda);
                batch.take(x, |i, j, win, lose| add_outcomes(psi, lambda, score, (i, j), (win, lose), g));
            }
            let weight = batch.weight(x);
            self.finish(x, weight, weight * f64::from(drawn));
        }
        self.add_decay(theta);
    }

    /// Fills the workspace with prompt `x`'s policy and scores, and clears its gradient.
    #[inline]
    fn look_at(&mut self, x: usize, theta: &[f64]) {
        let n = self.pi.len();
        let theta = &theta[x * n..(x + 1) * n];
        let max = theta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        for (p, t) in self.pi.iter_mut().zip(theta) {
            *p = (t - max).exp();
            total += *p;
        }
        let (log_total, inverse) = (max + total.ln(), 1.0 / total);
        let g = &mut self.values[x * n..(x + 1) * n];
        for (((p, z), t), g) in self.pi.iter_mut().zip(&mut self.log_pi).zip(theta).zip(g) {
            *p *= inverse;
            *z = t - log_total;
            // Cleared here, in passing: as a loop of its own it becomes a call that costs wasm more than the rest of the loop.
            *g = 0.0;
        }
        if let Some(PairPart { score, .. }) = self.loss.pair_part() {
            let reference = &self.problem.prompts[x].log_ref;
            for (k, log_ref) in reference.iter().enumerate() {
                (self.score[k], self.slope[k]) = score.value_and_slope(self.log_pi[k], *log_ref);
            }
        }
    }

    /// From slopes in the scores to the gradient in the logits, action part and policy penalty included.
    #[inline]
    fn finish(&mut self, x: usize, pair_weight: f64, action_weight: f64) {
        let n = self.pi.len();
        let prompt = &self.problem.prompts[x];
        let g = &mut self.values[x * n..(x + 1) * n];
        let reward = &self.reward[x * n..(x + 1) * n];
        let penalty = 2.0 * self.problem.policy_decay();
        let mut total = 0.0;
        for k in 0..n {
            g[k] *= pair_weight * self.slope[k];
            if let Some(term) = self.loss.action_part(self.log_pi[k], prompt.log_ref[k], reward[k], self.lambda) {
                g[k] += action_weight * term.slope;
            }
            g[k] += penalty * self.pi[k] * self.pi[k];
            total += g[k];
        }
        for (v, p) in g.iter_mut().zip(&self.pi) {
            *v -= p * total;
        }
    }

    fn add_decay(&mut self, theta: &[f64]) {
        let decay = 2.0 * self.problem.logit_decay();
        if decay > 0.0 {
            for (g, t) in self.values.iter_mut().zip(theta) {
                *g += decay * t;
            }
        }
    }

    /// Scales the gradient to at most an L2 norm.
    pub fn clip(&mut self, most: f64) {
        let squares: f64 = self.values.iter().map(|g| g * g).sum();
        let norm = if squares.is_finite() { squares.sqrt() } else { self.huge_norm() };
        if norm > most {
            let scale = most / norm;
            for g in &mut self.values {
                *g *= scale;
            }
        }
    }

    /// The norm of slopes whose squares overflow.
    #[cold]
    fn huge_norm(&self) -> f64 {
        let largest = self.values.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        largest * self.values.iter().map(|g| (g / largest).powi(2)).sum::<f64>().sqrt()
    }
}

/// Adds the slope of one comparison's outcomes in the two scores.
#[inline]
fn add_outcomes(psi: Psi, lambda: f64, score: &[f64], (i, j): (u32, u32), (win, lose): (f64, f64), g: &mut [f64]) {
    let (i, j) = (i as usize, j as usize);
    let (won, lost) = psi.slopes(score[i] - score[j], lambda);
    // An outcome that never came must not count, however steep: 0 · ∞ is not 0.
    let slope = if win > 0.0 { win * won } else { 0.0 } - if lose > 0.0 { lose * lost } else { 0.0 };
    g[i] += slope;
    g[j] -= slope;
}
