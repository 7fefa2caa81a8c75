//! Exact minimisers: what they must satisfy on random problems, the paper's claims, and the ends of Adam's paths.

mod common;

use std::sync::Arc;

use common::{Case, any_preferences, at, case, counts, every_loss, experiment, few_actions, lambda, policy, population, sizes};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use typo_lab::divergence::Divergence;
use typo_lab::loss::{Loss, Mu, Psi, Reward};
use typo_lab::preference::Pairing;
use typo_lab::simplex::{kl, log_softmax, logs, mean_zero, probs, tv};
use typo_lab::solve::bandit::PromptObjective;
use typo_lab::solve::exact::reward_of;
use typo_lab::solve::newton::Smooth;
use typo_lab::solve::{ExactSolver, Minimiser, Run, Status};
use typo_lab::spec::{DecayOn, Preferences, Preset, Problem, Spec, WeightDecay};

/// The minimisers of a loss, one a prompt.
fn minimise(problem: &Problem, loss: Loss, lambda: f64, decay: WeightDecay) -> Vec<Minimiser> {
    ExactSolver::new(problem, at(loss, lambda)).at(lambda, decay)
}

/// The minimiser on the first prompt, without weight decay.
fn free(problem: &Problem, loss: Loss, lambda: f64) -> Minimiser {
    minimise(problem, loss, lambda, NONE).remove(0)
}

const NONE: WeightDecay = WeightDecay { alpha: 0.0, on: DecayOn::Logits };

fn objective<'a>(problem: &'a Problem, loss: Loss, lambda: f64, reward: &'a [f64], decay: WeightDecay) -> PromptObjective<'a> {
    let of = |on| if decay.on == on { decay.alpha } else { 0.0 };
    let (logit_decay, policy_decay) = (of(DecayOn::Logits), of(DecayOn::Policy));
    PromptObjective { prompt: &problem.prompts[0], loss, lambda, reward, logit_decay, policy_decay }
}

fn gradient(objective: &PromptObjective, theta: &[f64]) -> DVector<f64> {
    let n = theta.len();
    let (mut g, mut h) = (DVector::zeros(n), DMatrix::zeros(n, n));
    objective.derivatives(&DVector::from_column_slice(theta), &mut g, &mut h);
    g
}

/// A policy: no NaN, no probability above one, their sum one to the rounding of its A terms.
fn is_policy(log_pi: &[f64]) -> bool {
    let sum: f64 = probs(log_pi).iter().sum();
    // A log-probability is known to ε times its logit's size, which is at most 1e8 for the actions that have mass.
    log_pi.iter().all(|z| *z <= 1e-12) && (sum - 1.0).abs() < 1e-9
}

/// Losses whose ψ has a kink have minimisers without a gradient.
fn has_kink(loss: Loss) -> bool {
    matches!(loss, Loss::Qpo(Psi::Hinge, _))
}

fn decays() -> impl Strategy<Value = WeightDecay> {
    (prop::sample::select(DecayOn::ALL.to_vec()), lambda(1e-6, 1e3)).prop_map(|(on, alpha)| WeightDecay { alpha, on })
}

fn quick() -> ProptestConfig {
    ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(quick())]

    #[test]
    fn every_minimiser_is_a_policy_and_nothing_is_nan(case in case(few_actions(), 4.0, any_preferences), lambda in lambda(1e-6, 1e6)) {
        for loss in every_loss() {
            let found = free(&case.problem, loss, lambda);
            prop_assert!(is_policy(&found.log_pi), "{loss:?} λ {lambda}: {:?}", found.log_pi);
        }
    }

    #[test]
    fn every_interior_minimiser_has_no_gradient(case in case(few_actions(), 4.0, any_preferences), lambda in lambda(1e-6, 1e6)) {
        for loss in every_loss().into_iter().filter(|l| !has_kink(*l)) {
            let found = free(&case.problem, loss, lambda);
            if found.status == Status::Interior {
                assert_stationary(&case, loss, lambda, NONE, &found)?;
            }
        }
    }

    #[test]
    fn every_minimiser_under_weight_decay_has_no_gradient(
        case in case(few_actions(), 4.0, any_preferences), lambda in lambda(1e-4, 1e4), decay in decays(),
    ) {
        for loss in every_loss().into_iter().filter(|l| !has_kink(*l)) {
            let found = minimise(&case.problem, loss, lambda, decay).remove(0);
            prop_assert!(is_policy(&found.log_pi), "{loss:?}: {:?}", found.log_pi);
            if found.status == Status::Interior {
                assert_stationary(&case, loss, lambda, decay, &found)?;
            }
        }
    }

    #[test]
    fn no_minimiser_is_worse_than_the_reference_the_optimal_or_the_uniform_policy(
        case in case(few_actions(), 4.0, any_preferences), lambda in lambda(1e-4, 1e4), decay in prop_oneof![Just(NONE), decays()],
    ) {
        let prompt = &case.problem.prompts[0];
        let uniform = vec![0.0; prompt.log_ref.len()];
        for loss in every_loss() {
            let found = minimise(&case.problem, loss, lambda, decay).remove(0);
            let reward = reward_of(prompt, loss);
            let objective = objective(&case.problem, loss, lambda, &reward, decay);
            let value = |log_pi: &[f64]| objective.value(&DVector::from_vec(mean_zero(log_pi)));
            if found.log_pi.contains(&f64::NEG_INFINITY) {
                continue;
            }
            let own = value(&found.log_pi);
            let noise = sizes(&objective, &mean_zero(&found.log_pi), 1e-12).value_noise;
            for (name, other) in [("π_ref", &prompt.log_ref), ("π*", &prompt.log_star), ("uniform", &uniform)] {
                let other = value(other);
                prop_assert!(own <= other + 4.0 * noise + 1e-12 * other.abs(), "{loss:?} λ {lambda} {decay:?}: {own} above {other} of {name}");
            }
        }
    }
}

/// The gradient at a minimiser is rounding: that of the gradient itself, and that of the logits it is computed from.
fn assert_stationary(case: &Case, loss: Loss, lambda: f64, decay: WeightDecay, found: &Minimiser) -> Result<(), TestCaseError> {
    let theta = mean_zero(&found.log_pi);
    let reward = reward_of(&case.problem.prompts[0], loss);
    let objective = objective(&case.problem, loss, lambda, &reward, decay);
    let s = sizes(&objective, &theta, 1e-12);
    let g = gradient(&objective, &theta).amax();
    let farthest = theta.iter().fold(1.0f64, |m, t| m.max(t.abs()));
    let bound = 4.0 * s.gradient_noise + 16.0 * f64::EPSILON * farthest * s.second;
    prop_assert!(s.at_kink || g <= bound, "{loss:?} λ {lambda} {decay:?}: gradient {g:e}, bound {bound:e}, scale {:e}, π {:?}", s.gradient, probs(&found.log_pi));
    Ok(())
}
