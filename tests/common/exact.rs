//! Exact minimisers by loss and λ, and what every one of them must satisfy.
// Each test program compiles this file for itself and uses its own part of it.
#![allow(dead_code)]

use crate::common::{Case, at, experiment, sizes};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use typo_lab::loss::{Loss, Mu, Psi};
use typo_lab::simplex::{mean_zero, probs};
use typo_lab::solve::bandit::PromptObjective;
use typo_lab::solve::exact::reward_of;
use typo_lab::solve::newton::Smooth;
use typo_lab::solve::{ExactSolver, Minimiser};
use typo_lab::spec::{DecayOn, Preferences, Problem, Spec, WeightDecay};

pub const NONE: WeightDecay = WeightDecay { alpha: 0.0, on: DecayOn::Logits };

/// The minimisers of a loss, one a prompt.
pub fn minimise(problem: &Problem, loss: Loss, lambda: f64, decay: WeightDecay) -> Vec<Minimiser> {
    ExactSolver::new(problem, at(loss, lambda)).at(lambda, decay)
}

/// The minimiser on the first prompt, without weight decay.
pub fn free(problem: &Problem, loss: Loss, lambda: f64) -> Minimiser {
    minimise(problem, loss, lambda, NONE).remove(0)
}

pub fn objective<'a>(
    problem: &'a Problem,
    loss: Loss,
    lambda: f64,
    reward: &'a [f64],
    decay: WeightDecay,
) -> PromptObjective<'a> {
    let of = |on| if decay.on == on { decay.alpha } else { 0.0 };
    let (logit_decay, policy_decay) = (of(DecayOn::Logits), of(DecayOn::Policy));
    PromptObjective { prompt: &problem.prompts[0], loss, lambda, reward, logit_decay, policy_decay, sharpness: None }
}

/// No NaN, no probability above one, their sum one: to the rounding of at most 64 terms, and of logits with mean zero,
/// which are as far from it as the least log-probability.
pub fn is_policy(log_pi: &[f64]) -> bool {
    let sum: f64 = probs(log_pi).iter().sum();
    let farthest = log_pi.iter().filter(|z| z.is_finite()).fold(0.0f64, |m, z| m.max(z.abs()));
    let rounding = 1e-12 + f64::EPSILON * farthest;
    log_pi.iter().all(|z| *z <= rounding) && (sum - 1.0).abs() <= rounding
}

/// The gradient at a minimiser is zero beside the terms that cancel in it.
///
/// 1e-9 of them is what the minimiser's own accuracy allows (1e-9 in probability), 1e-5 where the slope of ψ has kinks,
/// at which no step of Newton's ends exactly, or where μ makes slopes of 1/u and a penalty keeps the closed form away;
/// and where all terms vanish together, the rounding of the gradient and of the log-probabilities it is computed from.
pub fn assert_stationary(
    case: &Case,
    loss: Loss,
    lambda: f64,
    decay: WeightDecay,
    found: &Minimiser,
) -> Result<(), TestCaseError> {
    let theta = mean_zero(&found.log_pi);
    let reward = reward_of(&case.problem.prompts[0], loss, lambda);
    let objective = objective(&case.problem, loss, lambda, &reward, decay);
    let s = sizes(&objective, &theta, 1e-12);
    let g = gradient(&objective, &theta).amax();
    let farthest = found.log_pi.iter().fold(1.0f64, |m, z| m.max(z.abs()));
    let kinked = matches!(loss, Loss::Qpo(Psi::TruncatedQuadratic | Psi::Threshold, _));
    let steep = decay.alpha > 0.0 && matches!(loss, Loss::FDpo(_) | Loss::Qpo(_, Mu::FPrime(_)));
    let accuracy = if kinked || steep { 1e-5 } else { 1e-9 };
    let bound = accuracy * s.gradient + 4.0 * s.gradient_noise + 16.0 * f64::EPSILON * farthest * s.second;
    prop_assert!(
        g <= bound,
        "{loss:?} λ {lambda:e} {decay:?}: gradient {g:e}, bound {bound:e}, terms {:e}, π {:?}",
        s.gradient,
        probs(&found.log_pi)
    );
    Ok(())
}

pub fn gradient(objective: &PromptObjective, theta: &[f64]) -> DVector<f64> {
    let n = theta.len();
    let (mut g, mut h) = (DVector::zeros(n), DMatrix::zeros(n, n));
    objective.derivatives(&DVector::from_column_slice(theta), &mut g, &mut h);
    g
}

/// The other two are bounded, so that data which no policy fits can pull them to infinity.
pub fn is_convex(loss: &Loss) -> bool {
    !matches!(loss, Loss::Qpo(Psi::Savage | Psi::Threshold, _))
}

pub fn counted(pi_ref: Vec<f64>, table: Vec<Vec<f64>>) -> Case {
    let uniform = vec![1.0 / pi_ref.len() as f64; pi_ref.len()];
    let spec = experiment(pi_ref, uniform, Preferences::Counts { counts: vec![table] });
    let problem = Problem::new(&spec).expect("counts resolve");
    Case { spec, problem }
}

pub fn population_uniform() -> Preferences {
    Spec::default().preferences
}
