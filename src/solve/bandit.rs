//! A loss on a softmax policy over A actions a prompt: values, gradients and Hessians in the logits.
//!
//! The chain from log-probabilities z to logits θ: `∂/∂θ = g − π Σg`.

use nalgebra::{DMatrix, DVector};

use super::newton::Smooth;
use super::scores::{add_pair, rounded_hinge};
use crate::loss::{Loss, PairPart, Psi, Score, Term};
use crate::preference::Comparison;
use crate::simplex::softmax;
use crate::spec::problem::Prompt;
use crate::spec::{DecayOn, WeightDecay};

/// One prompt's share of the objective: `loss + decay`, the prompt's own weight divided out.
pub struct PromptObjective<'a> {
    /// The prompt.
    pub prompt: &'a Prompt,
    /// The loss.
    pub loss: Loss,
    /// Its λ.
    pub lambda: f64,
    /// RLHF's reward. (A)
    pub reward: &'a [f64],
    /// Factor of `‖θ‖²`.
    pub logit_decay: f64,
    /// Factor of `‖π‖²`.
    pub policy_decay: f64,
    /// Where the hinge's kink is rounded, how sharp it is left: see [`rounded_hinge`].
    pub sharpness: Option<f64>,
}

impl<'a> PromptObjective<'a> {
    /// A prompt's share with its share of the penalty. A prompt without weight is left to the penalty alone.
    pub fn new(prompt: &'a Prompt, loss: Loss, lambda: f64, reward: &'a [f64], decay: WeightDecay) -> Self {
        let alpha = decay.alpha / prompt.weight.max(1e-12);
        let (logit_decay, policy_decay) = match decay.on {
            DecayOn::Logits => (alpha, 0.0),
            DecayOn::Policy => (0.0, alpha),
        };
        Self { prompt, loss, lambda, reward, logit_decay, policy_decay, sharpness: None }
    }

    /// Both outcomes of a comparison as a function of its margin.
    fn compared(&self, psi: Psi, c: &Comparison, margin: f64) -> Term {
        match (psi, self.sharpness) {
            (Psi::Hinge, Some(sharpness)) => rounded_hinge((c.win, c.lose), margin, self.lambda, sharpness),
            _ => psi.compared((c.win, c.lose), margin, self.lambda),
        }
    }

    /// The objective at log-probabilities `log_pi`, without the penalty on logits, which they do not determine.
    pub fn value_at(&self, log_pi: &[f64]) -> f64 {
        with_space(2 * log_pi.len(), |space| {
            let (pi, s) = space.split_at_mut(log_pi.len());
            for (p, z) in pi.iter_mut().zip(log_pi) {
                *p = z.exp();
            }
            self.value_of(pi, log_pi, s)
        })
    }

    /// The same where π is known, with space for the scores. (A each)
    fn value_of(&self, pi: &[f64], log_pi: &[f64], s: &mut [f64]) -> f64 {
        let mut total = 0.0;
        if let Some(PairPart { psi, score }) = self.loss.pair_part() {
            self.score(score, log_pi, s);
            for c in &self.prompt.pairs.comparisons {
                total += self.compared(psi, c, s[c.i as usize] - s[c.j as usize]).value;
            }
        }
        for k in 0..pi.len() {
            total += self.action_part(k, pi, log_pi).value;
        }
        total
    }

    fn score(&self, score: Score, log_pi: &[f64], s: &mut [f64]) {
        for ((s, p), r) in s.iter_mut().zip(log_pi).zip(&self.prompt.log_ref) {
            *s = score.value(*p, *r);
        }
    }

    /// One action's part of the loss and of the penalty on π.
    fn action_part(&self, k: usize, pi: &[f64], log_pi: &[f64]) -> Term {
        let action = self.prompt.action(k, pi[k], log_pi[k], self.reward[k]);
        let loss = self.loss.action_part(action, self.lambda).unwrap_or_default();
        let square = self.policy_decay * pi[k] * pi[k];
        Term { value: loss.value + square, slope: loss.slope + 2.0 * square, curvature: loss.curvature + 4.0 * square }
    }

    /// Gradient and Hessian in `z = ln π`, as if its entries were free, with space for the scores (A). Returns the value.
    fn in_log_probs(&self, pi: &[f64], z: &[f64], s: &mut [f64], g: &mut DVector<f64>, h: &mut DMatrix<f64>) -> f64 {
        let n = z.len();
        let mut total = 0.0;
        if let Some(PairPart { psi, score }) = self.loss.pair_part() {
            self.score(score, z, s);
            for c in &self.prompt.pairs.comparisons {
                let term = self.compared(psi, c, s[c.i as usize] - s[c.j as usize]);
                total += term.value;
                add_pair(c, term, g, h);
            }
            if !score.is_linear() {
                self.bend(score, z, s, g, h);
            }
        }
        for k in 0..n {
            let term = self.action_part(k, pi, z);
            total += term.value;
            g[k] += term.slope;
            h[(k, k)] += term.curvature;
        }
        total
    }

    /// From scores to log-probabilities, with space for the scores' slopes (A).
    fn bend(&self, score: Score, z: &[f64], slope: &mut [f64], g: &mut DVector<f64>, h: &mut DMatrix<f64>) {
        let reference = &self.prompt.log_ref;
        for k in 0..z.len() {
            slope[k] = score.slope(z[k], reference[k]);
        }
        for j in 0..z.len() {
            for i in 0..z.len() {
                h[(i, j)] *= slope[i] * slope[j];
            }
            h[(j, j)] += g[j] * score.curvature(z[j], reference[j]);
            g[j] *= slope[j];
        }
    }
}

impl Smooth for PromptObjective<'_> {
    fn value(&self, theta: &DVector<f64>) -> f64 {
        let n = theta.len();
        let value = with_space(3 * n, |space| {
            let (pi, rest) = space.split_at_mut(n);
            let (log_pi, s) = rest.split_at_mut(n);
            softmax(theta.as_slice(), pi, log_pi);
            self.value_of(pi, log_pi, s)
        });
        value + self.logit_decay * theta.norm_squared()
    }

    fn derivatives(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>, hessian: &mut DMatrix<f64>) -> f64 {
        let n = theta.len();
        let value = with_space(3 * n, |space| {
            let (pi, rest) = space.split_at_mut(n);
            let (log_pi, s) = rest.split_at_mut(n);
            softmax(theta.as_slice(), pi, log_pi);
            let value = self.in_log_probs(pi, log_pi, s, gradient, hessian);
            softmax_chain(pi, s, gradient, hessian);
            value
        });
        if self.logit_decay > 0.0 {
            gradient.axpy(2.0 * self.logit_decay, theta, 1.0);
            for k in 0..n {
                hessian[(k, k)] += 2.0 * self.logit_decay;
            }
        }
        value + self.logit_decay * theta.norm_squared()
    }
}

/// Space for a computation: on the stack where it is little, for a minimiser of few actions takes no longer than allocating
/// it each time would.
fn with_space<R>(length: usize, f: impl FnOnce(&mut [f64]) -> R) -> R {
    const LITTLE: usize = 32;
    if length <= LITTLE { f(&mut [0.0; LITTLE][..length]) } else { f(&mut vec![0.0; length]) }
}

/// From log-probabilities to logits: `g ← Jᵀg`, `H ← JᵀHJ − (Σg)(diag π − ππᵀ)`, `J = I − 1πᵀ`; `rows` is space. (A)
fn softmax_chain(pi: &[f64], rows: &mut [f64], g: &mut DVector<f64>, h: &mut DMatrix<f64>) {
    let n = pi.len();
    let total = g.sum();
    // By columns, as the matrix lies in memory; it is symmetric.
    for (j, row) in rows.iter_mut().enumerate() {
        *row = h.column(j).sum();
    }
    let all: f64 = rows.iter().sum();
    for j in 0..n {
        for i in 0..n {
            h[(i, j)] += pi[i] * pi[j] * (all + total) - pi[i] * rows[j] - rows[i] * pi[j];
        }
        h[(j, j)] -= total * pi[j];
        g[j] -= pi[j] * total;
    }
}
