//! The gradient of a loss in its parts: what the pairs pull at, what the actions do, and the penalty. TYPO's are its
//! supervised term (16) and its unsupervised one (17).

use super::bandit::PromptObjective;
use crate::loss::PairPart;
use crate::simplex::{mean_zero, probs};

/// Gradients in the logits θ, one entry an action. (A each)
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// Of the pair part.
    pub pairs: Vec<f64>,
    /// Of the action part.
    pub actions: Vec<f64>,
    /// Of weight decay, on θ with mean zero or on π.
    pub decay: Vec<f64>,
}

impl Parts {
    /// At a policy, given by its log-probabilities. (A)
    pub fn at(objective: &PromptObjective, log_pi: &[f64]) -> Self {
        let pi = probs(log_pi);
        let actions = (0..pi.len()).map(|k| {
            let action = objective.prompt.action(k, pi[k], log_pi[k], objective.reward[k]);
            objective.loss.action_part(action, objective.lambda).unwrap_or_default().slope
        });
        let squares = pi.iter().map(|p| 2.0 * objective.policy_decay * p * p).collect();
        let on_theta = mean_zero(log_pi).into_iter().map(|t| 2.0 * objective.logit_decay * t);
        Self {
            pairs: in_logits(pairs(objective, log_pi), &pi),
            actions: in_logits(actions.collect(), &pi),
            decay: in_logits(squares, &pi).into_iter().zip(on_theta).map(|(a, b)| a + b).collect(),
        }
    }

    /// Their sum: the gradient of the objective.
    pub fn whole(&self) -> Vec<f64> {
        (0..self.pairs.len()).map(|k| self.pairs[k] + self.actions[k] + self.decay[k]).collect()
    }
}

/// The pair part's slopes in `ln π`.
fn pairs(objective: &PromptObjective, log_pi: &[f64]) -> Vec<f64> {
    let mut g = vec![0.0; log_pi.len()];
    let Some(PairPart { psi, score }) = objective.loss.pair_part() else { return g };
    let scored = log_pi.iter().zip(&objective.prompt.log_ref).map(|(p, r)| score.value_and_slope(*p, *r));
    let scored: Vec<(f64, f64)> = scored.collect();
    for c in &objective.prompt.pairs.comparisons {
        let (i, j) = (c.i as usize, c.j as usize);
        let slope = psi.compared((c.win, c.lose), scored[i].0 - scored[j].0, objective.lambda).slope;
        g[i] += slope * scored[i].1;
        g[j] -= slope * scored[j].1;
    }
    g
}

/// From slopes in `ln π` to slopes in θ: `g − π Σg`.
fn in_logits(mut g: Vec<f64>, pi: &[f64]) -> Vec<f64> {
    let total: f64 = g.iter().sum();
    for (g, p) in g.iter_mut().zip(pi) {
        *g -= p * total;
    }
    g
}

/// The way down as the policy goes it while θ follows its gradient: `dπ = −(diag π − ππᵀ) g`. (A)
pub fn way_down(pi: &[f64], gradient: &[f64]) -> Vec<f64> {
    let mean: f64 = pi.iter().zip(gradient).map(|(p, g)| p * g).sum();
    pi.iter().zip(gradient).map(|(p, g)| p * (mean - g)).collect()
}

#[cfg(test)]
mod tests {
    use nalgebra::{DMatrix, DVector};

    use super::*;
    use crate::loss::{Loss, Mu, Psi};
    use crate::simplex::{log_softmax, logs};
    use crate::solve::exact::reward_of;
    use crate::solve::newton::Smooth;
    use crate::spec::{DecayOn, Problem, Spec, WeightDecay};

    // None at π_ref, where the threshold's slope has a kink.
    const POLICIES: [[f64; 3]; 4] = [[0.45, 0.35, 0.2], [0.1, 0.2, 0.7], [0.98, 0.015, 0.005], [0.31, 0.37, 0.32]];

    fn losses() -> impl Iterator<Item = Loss> {
        Loss::ALL.into_iter().chain(Psi::ALL.map(|psi| Loss::Qpo(psi, Mu::Log)))
    }

    /// Every loss with weight decay of either kind, at every policy.
    fn each(mut check: impl FnMut(&PromptObjective, &[f64])) {
        let problem = Problem::new(&Spec::default()).expect("the default experiment");
        let prompt = &problem.prompts[0];
        for loss in losses() {
            for decay in DecayOn::ALL.map(|on| WeightDecay { alpha: 0.03, on }) {
                let reward = reward_of(prompt, loss, 0.7);
                let objective = PromptObjective::new(prompt, loss, 0.7, &reward, decay);
                for pi in &POLICIES {
                    check(&objective, &mean_zero(&logs(pi)));
                }
            }
        }
    }

    fn size(g: &[f64]) -> f64 {
        1.0 + g.iter().fold(0.0, |m: f64, v| m.max(v.abs()))
    }

    #[test]
    fn the_parts_sum_to_the_gradient_that_newton_sees() {
        each(|objective, theta| {
            let sum = Parts::at(objective, &log_softmax(theta)).whole();
            let mut g = DVector::zeros(3);
            objective.derivatives(&DVector::from_column_slice(theta), &mut g, &mut DMatrix::zeros(3, 3));
            let most = size(&sum);
            assert!(sum.iter().zip(g.iter()).all(|(a, b)| (a - b).abs() <= 1e-12 * most), "{:?}", objective.loss);
        });
    }

    #[test]
    fn the_whole_is_the_objectives_central_difference() {
        const H: f64 = 1e-5;
        each(|objective, theta| {
            let whole = Parts::at(objective, &log_softmax(theta)).whole();
            for k in 0..3 {
                let at = |h: f64| {
                    let mut moved = DVector::from_column_slice(theta);
                    moved[k] += h;
                    objective.value(&moved)
                };
                let difference = (at(H) - at(-H)) / (2.0 * H);
                assert!((whole[k] - difference).abs() < 1e-7 * size(&whole), "{:?} {theta:?}", objective.loss);
            }
        });
    }

    #[test]
    fn typos_parts_are_the_pull_to_the_labels_and_the_pull_to_the_reference() {
        let problem = Problem::new(&Spec::default()).expect("the default experiment");
        let prompt = &problem.prompts[0];
        let none = WeightDecay { alpha: 0.0, on: DecayOn::Logits };
        let (lambda, nothing) = (0.7, [0.0; 3]);
        let objective = PromptObjective::new(prompt, Loss::Typo, lambda, &nothing, none);
        for pi in POLICIES {
            let parts = Parts::at(&objective, &logs(&pi));
            // λ KL(π_ref ‖ π) has the gradient λ (π − π_ref).
            let pull = |k: usize| lambda * (pi[k] - prompt.pi_ref[k]);
            assert!((0..3).all(|k| (parts.actions[k] - pull(k)).abs() < 1e-15));
            // Bradley–Terry's: of each pair, the policy's win probability less the labels', by the pair's share of a third.
            let won = |p: &[f64], i: usize, j: usize| p[i] / (p[i] + p[j]);
            let star = [0.6, 0.3, 0.1];
            let excess = |k: usize| (0..3).filter(|j| *j != k).map(|j| won(&pi, k, j) - won(&star, k, j)).sum::<f64>();
            assert!((0..3).all(|k| (parts.pairs[k] - excess(k) / 3.0).abs() < 1e-15));
        }
        assert!(Parts::at(&objective, &prompt.log_star).pairs.iter().all(|g| g.abs() < 1e-15));
        assert!(Parts::at(&objective, &prompt.log_ref).actions.iter().all(|g| g.abs() < 1e-15));
    }

    #[test]
    fn the_way_down_is_where_a_small_step_of_the_logits_takes_the_policy() {
        let (pi, g) = ([0.5, 0.3, 0.2], [0.2, -0.5, 0.4]);
        let step = 1e-6;
        let after = |sign: f64| {
            let theta: Vec<f64> = logs(&pi).iter().zip(g).map(|(t, g)| t - sign * step * g).collect();
            probs(&log_softmax(&theta))
        };
        let (forth, back) = (after(1.0), after(-1.0));
        let way = way_down(&pi, &g);
        assert!((0..3).all(|k| (way[k] - (forth[k] - back[k]) / (2.0 * step)).abs() < 1e-10));
        assert!(way.iter().sum::<f64>().abs() < 1e-16);
    }
}
