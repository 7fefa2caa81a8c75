//! A loss on a softmax policy over A actions a prompt: values, gradients and Hessians in the logits.
//!
//! The chain from log-probabilities z to logits θ: `∂/∂θ = g − π Σg`.

use nalgebra::{DMatrix, DVector};

use super::newton::Smooth;
use super::scores::{add_pair, compared, psi_term};
use crate::loss::{Loss, PairPart};
use crate::simplex::log_softmax;
use crate::spec::problem::Prompt;

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
}

impl PromptObjective<'_> {
    /// The objective at log-probabilities `log_pi`, without the penalty on logits, which they do not determine.
    pub fn value_at(&self, log_pi: &[f64]) -> f64 {
        let mut total = 0.0;
        if let Some(PairPart { psi, score }) = self.loss.pair_part() {
            let s: Vec<f64> = log_pi.iter().zip(&self.prompt.log_ref).map(|(p, r)| score.value(*p, *r)).collect();
            for c in &self.prompt.pairs.comparisons {
                let v = s[c.i as usize] - s[c.j as usize];
                total += compared(c, v, |v| psi_term(psi, v, self.lambda)).value;
            }
        }
        for (k, &z) in log_pi.iter().enumerate() {
            if let Some(term) = self.loss.action_part(z, self.prompt.log_ref[k], self.reward[k], self.lambda) {
                total += term.value;
            }
        }
        total + self.policy_decay * log_pi.iter().map(|z| (2.0 * z).exp()).sum::<f64>()
    }

    /// Gradient and Hessian in `z = ln π`, as if its entries were free. Returns the value.
    fn in_log_probs(&self, z: &[f64], g: &mut DVector<f64>, h: &mut DMatrix<f64>) -> f64 {
        let n = z.len();
        if let Some(PairPart { psi, score }) = self.loss.pair_part() {
            let reference = &self.prompt.log_ref;
            let s: Vec<f64> = (0..n).map(|k| score.value(z[k], reference[k])).collect();
            for c in &self.prompt.pairs.comparisons {
                let v = s[c.i as usize] - s[c.j as usize];
                add_pair(c, compared(c, v, |v| psi_term(psi, v, self.lambda)), g, h);
            }
            let slope: Vec<f64> = (0..n).map(|k| score.slope(z[k], reference[k])).collect();
            for i in 0..n {
                for j in 0..n {
                    h[(i, j)] *= slope[i] * slope[j];
                }
                h[(i, i)] += g[i] * score.curvature(z[i], reference[i]);
                g[i] *= slope[i];
            }
        }
        for k in 0..n {
            if let Some(term) = self.loss.action_part(z[k], self.prompt.log_ref[k], self.reward[k], self.lambda) {
                g[k] += term.slope;
                h[(k, k)] += term.curvature;
            }
            let square = self.policy_decay * (2.0 * z[k]).exp();
            g[k] += 2.0 * square;
            h[(k, k)] += 4.0 * square;
        }
        self.value_at(z)
    }
}

impl Smooth for PromptObjective<'_> {
    fn value(&self, theta: &DVector<f64>) -> f64 {
        self.value_at(&log_softmax(theta.as_slice())) + self.logit_decay * theta.norm_squared()
    }

    fn derivatives(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>, hessian: &mut DMatrix<f64>) -> f64 {
        let z = log_softmax(theta.as_slice());
        let value = self.in_log_probs(&z, gradient, hessian);
        let pi: DVector<f64> = DVector::from_iterator(z.len(), z.iter().map(|v| v.exp()));
        softmax_chain(&pi, gradient, hessian);
        *gradient += theta * (2.0 * self.logit_decay);
        for k in 0..z.len() {
            hessian[(k, k)] += 2.0 * self.logit_decay;
        }
        value + self.logit_decay * theta.norm_squared()
    }
}

/// From log-probabilities to logits: `g ← Jᵀg`, `H ← JᵀHJ − (Σg)(diag π − ππᵀ)`, `J = I − 1πᵀ`.
fn softmax_chain(pi: &DVector<f64>, g: &mut DVector<f64>, h: &mut DMatrix<f64>) {
    let n = pi.len();
    let total = g.sum();
    let rows: Vec<f64> = (0..n).map(|i| h.row(i).sum()).collect();
    let all: f64 = rows.iter().sum();
    for i in 0..n {
        for j in 0..n {
            h[(i, j)] += pi[i] * pi[j] * (all + total) - pi[i] * rows[j] - rows[i] * pi[j];
        }
        h[(i, i)] -= total * pi[i];
        g[i] -= pi[i] * total;
    }
}
