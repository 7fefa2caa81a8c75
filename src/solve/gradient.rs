//! The gradient of a loss in the logits of all prompts, for the optimiser: values are left out, nothing is allocated.

use std::sync::Arc;

use super::batch::Batch;
use crate::divergence::Divergence;
use crate::loss::{Loss, Mu, PairPart, Psi, Score, typo};
use crate::simplex::{Normaliser, probs_from_logits};
use crate::spec::problem::Problem;

/// Slopes beyond it count as it: its multiples are still finite.
const HUGE: f64 = 1e300;

/// How a loss's pair part sees a policy. What a step does not need, it does not compute.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sight {
    /// Not at all: RLHF.
    Blind,
    /// By log-ratios. Logits serve: their normaliser cancels in every difference.
    Logits,
    /// By win probabilities `π_i/(π_i + π_j)`: TYPO.
    Odds,
    /// By f′ of π/π_ref.
    Ratios(Divergence),
}

impl Sight {
    fn of(loss: Loss) -> Self {
        match loss.pair_part().map(|part| part.score) {
            None => Self::Blind,
            Some(Score::LogPolicy) => Self::Odds,
            Some(Score::Ratio(Mu::Log | Mu::FPrime(Divergence::ReverseKl))) => Self::Logits,
            Some(Score::Ratio(Mu::FPrime(divergence))) => Self::Ratios(divergence),
        }
    }
}

/// A loss on a problem, with the workspace of its gradient. P prompts, A actions.
pub struct Gradient {
    problem: Arc<Problem>,
    loss: Loss,
    lambda: f64,
    /// RLHF's reward. (P·A)
    reward: Vec<f64>,
    sight: Sight,
    /// Whether neither loss nor penalty sees π itself: slopes then sum to zero, and the softmax has nothing to take away.
    differences_alone: bool,
    /// The gradient in θ. (P·A)
    pub values: Vec<f64>,
    /// One prompt's workspace. (A each)
    pi: Vec<f64>,
    score: Vec<f64>,
    slope: Vec<f64>,
}

impl Gradient {
    /// The gradient of a loss with its λ. `reward` has P·A entries.
    pub fn new(problem: Arc<Problem>, loss: Loss, lambda: f64, reward: Vec<f64>) -> Self {
        let workspace = |value| vec![value; problem.actions()];
        // Only f′ has slopes other than one.
        let (pi, score, slope) = (workspace(0.0), workspace(0.0), workspace(1.0));
        let sight = Sight::of(loss);
        let differences_alone = sight == Sight::Logits && problem.policy_decay() == 0.0;
        let values = vec![0.0; reward.len()];
        Self { problem, loss, lambda, reward, sight, differences_alone, values, pi, score, slope }
    }

    /// Whether a batch matters: RLHF sees no pairs.
    pub fn uses_pairs(&self) -> bool {
        self.sight != Sight::Blind
    }

    /// The gradient of the full expectation at θ (P·A), penalty included.
    pub fn of_everything(&mut self, theta: &[f64]) {
        let n = self.pi.len();
        for x in 0..self.problem.prompts.len() {
            self.look_at(x, theta);
            let prompt = &self.problem.prompts[x];
            if let Some(pairs) = Pairs::of(self.loss, self.lambda, &self.score, &self.pi) {
                let g = &mut self.values[x * n..(x + 1) * n];
                for c in &prompt.pairs.comparisons {
                    pairs.add((c.i, c.j), (c.win, c.lose), g);
                }
            }
            let weight = prompt.weight;
            self.finish(x, theta, weight, weight);
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
            if let Some(pairs) = Pairs::of(self.loss, self.lambda, &self.score, &self.pi) {
                let g = &mut self.values[x * n..(x + 1) * n];
                batch.take(x, |i, j, win, lose| pairs.add((i, j), (win, lose), g));
            }
            let weight = batch.weight(x);
            self.finish(x, theta, weight, weight * f64::from(drawn));
        }
        self.add_decay(theta);
    }

    /// Fills the workspace with prompt `x`'s policy and scores, and clears its gradient.
    #[inline]
    fn look_at(&mut self, x: usize, theta: &[f64]) {
        let n = self.pi.len();
        let theta = &theta[x * n..(x + 1) * n];
        let Self { problem, sight, differences_alone, values, pi, score, slope, .. } = self;
        let prompt = &problem.prompts[x];
        let normaliser = if *differences_alone { None } else { Some(probs_from_logits(theta, pi)) };
        let g = &mut values[x * n..(x + 1) * n];
        for k in 0..n {
            match sight {
                Sight::Blind => {}
                Sight::Odds => score[k] = theta[k],
                Sight::Logits => score[k] = theta[k] - prompt.log_ref[k],
                Sight::Ratios(divergence) => {
                    let log_ratio = || theta[k] - normaliser.map_or(0.0, Normaliser::log) - prompt.log_ref[k];
                    (score[k], slope[k]) = divergence.score_and_slope_of(pi[k], prompt.pi_ref[k], log_ratio);
                }
            }
            // Cleared here, in passing: as a loop of its own it becomes a call that costs wasm more than the rest of the loop.
            g[k] = 0.0;
        }
    }

    /// From slopes in the scores to the gradient in the logits, action part and policy penalty included.
    #[inline]
    fn finish(&mut self, x: usize, theta: &[f64], pair_weight: f64, action_weight: f64) {
        let n = self.pi.len();
        let prompt = &self.problem.prompts[x];
        let g = &mut self.values[x * n..(x + 1) * n];
        if self.differences_alone {
            for v in g {
                *v *= pair_weight;
            }
            return;
        }
        let (theta, reward) = (&theta[x * n..(x + 1) * n], &self.reward[x * n..(x + 1) * n]);
        let penalty = 2.0 * self.problem.policy_decay();
        let mut total = 0.0;
        for k in 0..n {
            g[k] *= pair_weight * self.slope[k];
            // The logit for ln π: what an action part gains by a constant on all of them, the softmax takes away.
            let action = prompt.action(k, self.pi[k], theta[k], reward[k]);
            if let Some(term) = self.loss.action_part(action, self.lambda) {
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
        if squares <= most * most {
            return;
        }
        let norm = if squares.is_finite() { squares.sqrt() } else { self.huge_norm() };
        let scale = most / norm;
        for g in &mut self.values {
            *g *= scale;
        }
    }

    /// The norm of slopes whose squares overflow, scaled so that it does not itself; an infinite slope counts as a huge one.
    #[cold]
    fn huge_norm(&mut self) -> f64 {
        for g in &mut self.values {
            *g = g.clamp(-HUGE, HUGE);
        }
        let largest = self.values.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        largest * self.values.iter().map(|g| (g / largest).powi(2)).sum::<f64>().sqrt()
    }
}

/// The pair part at one prompt's policy. (A each)
#[derive(Clone, Copy)]
struct Pairs<'a> {
    psi: Psi,
    lambda: f64,
    score: &'a [f64],
    /// π, where it gives the win probabilities.
    odds: Option<&'a [f64]>,
}

impl<'a> Pairs<'a> {
    fn of(loss: Loss, lambda: f64, score: &'a [f64], pi: &'a [f64]) -> Option<Self> {
        let PairPart { psi, score: by } = loss.pair_part()?;
        Some(Self { psi, lambda, score, odds: (by == Score::LogPolicy).then_some(pi) })
    }

    /// Adds the slope of one comparison's outcomes in the two scores.
    #[inline]
    fn add(self, (i, j): (u32, u32), outcomes: (f64, f64), g: &mut [f64]) {
        let (i, j) = (i as usize, j as usize);
        let slope = match self.odds {
            Some(pi) if pi[i] + pi[j] > typo::LEAST_ODDS => typo::slope_from_probs(outcomes, pi[i], pi[j]),
            _ => self.psi.compared_slope(outcomes, self.score[i] - self.score[j], self.lambda),
        };
        g[i] += slope;
        g[j] -= slope;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;

    #[test]
    fn clipping_bounds_even_slopes_that_are_infinite() {
        let problem = Arc::new(Problem::new(&Spec::default()).expect("population data"));
        let mut gradient = Gradient::new(problem, Loss::Dpo, 1.0, vec![0.0; 3]);
        for (slopes, clipped) in [
            ([f64::INFINITY, 3.0, 0.0], [2.0, 0.0, 0.0]),
            ([1e200, -1e200, 0.0], [2f64.sqrt(), -(2f64.sqrt()), 0.0]),
            ([3.0, 4.0, 0.0], [1.2, 1.6, 0.0]),
            ([0.3, 0.4, 0.0], [0.3, 0.4, 0.0]),
        ] {
            gradient.values.copy_from_slice(&slopes);
            gradient.clip(2.0);
            assert!(gradient.values.iter().zip(clipped).all(|(g, c)| (g - c).abs() < 1e-12), "{slopes:?}");
        }
    }
}
