//! Every loss on a softmax policy: its derivatives against central differences, the gradient that Adam follows, and the
//! identities between losses.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::sync::Arc;

use common::{Case, Sizes, at, config, every_loss, few_actions, lambda, policy, sizes};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use typo_lab::divergence::Divergence;
use typo_lab::loss::{Loss, Mu, Pair, Psi};
use typo_lab::simplex::{kl, log_softmax, logs};
use typo_lab::solve::bandit::PromptObjective;
use typo_lab::solve::exact::reward_of;
use typo_lab::solve::newton::Smooth;
use typo_lab::solve::{ExactSolver, Run};
use typo_lab::spec::{DecayOn, WeightDecay};

/// A problem, a λ, logits, and the factors of both penalties.
#[derive(Debug, Clone)]
struct Place {
    case: Case,
    lambda: f64,
    theta: Vec<f64>,
    logit_decay: f64,
    policy_decay: f64,
}

impl Place {
    fn objective<'a>(&'a self, loss: Loss, reward: &'a [f64]) -> PromptObjective<'a> {
        PromptObjective {
            prompt: &self.case.problem.prompts[0],
            loss,
            lambda: self.lambda,
            reward,
            logit_decay: self.logit_decay,
            policy_decay: self.policy_decay,
            sharpness: None,
        }
    }

    fn reward(&self, loss: Loss) -> Vec<f64> {
        reward_of(&self.case.problem.prompts[0], loss, self.lambda)
    }
}

fn places<S: Strategy<Value = usize>>(actions: S) -> impl Strategy<Value = Place> {
    let decay = || prop_oneof![Just(0.0), lambda(1e-3, 10.0)];
    let with_theta = common::case(actions, 4.0, common::any_preferences).prop_flat_map(|case| {
        let n = case.problem.actions();
        (Just(case), prop::collection::vec(-4.0..4.0f64, n))
    });
    (with_theta, lambda(1e-5, 1e5), decay(), decay()).prop_map(|((case, theta), lambda, logit_decay, policy_decay)| {
        Place { case, lambda, theta, logit_decay, policy_decay }
    })
}

fn derivatives(objective: &PromptObjective, theta: &[f64]) -> (f64, DVector<f64>, DMatrix<f64>) {
    let n = theta.len();
    let (mut gradient, mut hessian) = (DVector::zeros(n), DMatrix::zeros(n, n));
    let value = objective.derivatives(&DVector::from_column_slice(theta), &mut gradient, &mut hessian);
    (value, gradient, hessian)
}

fn shifted(theta: &[f64], k: usize, h: f64) -> Vec<f64> {
    let mut moved = theta.to_vec();
    moved[k] += h;
    moved
}

/// The step of a central difference and the bound of its error, `curvature h²/6 + noise/h`, whichever step of a ladder
/// makes least of it. None where ψ breaks closer than the smallest step.
fn best_step(sizes_at: impl Fn(f64) -> Sizes, error: impl Fn(&Sizes, f64) -> f64) -> Option<(f64, f64)> {
    (2..=12)
        .map(|power| 10f64.powi(-power))
        .filter_map(|h| Some(sizes_at(h)).filter(|s| !s.at_kink).map(|s| (h, error(&s, h))))
        .min_by(|a, b| a.1.total_cmp(&b.1))
}

fn gradient_step(objective: &PromptObjective, theta: &[f64]) -> Option<(f64, f64)> {
    best_step(|h| sizes(objective, theta, h), |s, h| s.third * h * h / 6.0 + s.value_noise / h + s.gradient_noise)
}

fn hessian_step(objective: &PromptObjective, theta: &[f64]) -> Option<(f64, f64)> {
    // The Hessian itself is a sum of at most 300 terms here, each right to a few ε.
    if sizes(objective, theta, 0.0).on_tangent {
        return None;
    }
    best_step(
        |h| sizes(objective, theta, h),
        |s, h| s.fourth * h * h / 6.0 + 2.0 * s.gradient_noise / h + 1e3 * f64::EPSILON * s.second,
    )
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn the_gradient_of_every_loss_is_the_central_difference_of_its_value(place in places(2..=64usize), seed in 0..64usize) {
        for loss in every_loss() {
            let reward = place.reward(loss);
            let objective = place.objective(loss, &reward);
            let Some((h, bound)) = gradient_step(&objective, &place.theta) else { continue };
            let (_, gradient, _) = derivatives(&objective, &place.theta);
            let value = |theta: Vec<f64>| objective.value(&DVector::from_vec(theta));
            for k in (0..place.theta.len()).map(|k| (k + seed) % place.theta.len()).take(4) {
                let difference =
                    (value(shifted(&place.theta, k, h)) - value(shifted(&place.theta, k, -h))) / (2.0 * h);
                prop_assert!(
                    (difference - gradient[k]).abs() <= bound,
                    "{loss:?} λ {} action {k}: {} against {difference}, bound {bound:e}", place.lambda, gradient[k]
                );
            }
        }
    }

    #[test]
    fn the_hessian_of_every_loss_is_the_central_difference_of_its_gradient(place in places(2..=24usize), seed in 0..64usize) {
        for loss in every_loss() {
            let reward = place.reward(loss);
            let objective = place.objective(loss, &reward);
            let Some((h, bound)) = hessian_step(&objective, &place.theta) else { continue };
            let (_, _, hessian) = derivatives(&objective, &place.theta);
            let k = seed % place.theta.len();
            let (_, above, _) = derivatives(&objective, &shifted(&place.theta, k, h));
            let (_, below, _) = derivatives(&objective, &shifted(&place.theta, k, -h));
            for i in 0..place.theta.len() {
                let difference = (above[i] - below[i]) / (2.0 * h);
                prop_assert!(
                    (difference - hessian[(i, k)]).abs() <= bound,
                    "{loss:?} λ {} entry {i},{k}: {} against {difference}, bound {bound:e}", place.lambda, hessian[(i, k)]
                );
            }
        }
    }

    #[test]
    fn a_shift_of_all_logits_changes_no_loss(place in places(2..=24usize)) {
        let place = Place { logit_decay: 0.0, ..place };
        for loss in every_loss() {
            let reward = place.reward(loss);
            let objective = place.objective(loss, &reward);
            let (_, gradient, hessian) = derivatives(&objective, &place.theta);
            let s = sizes(&objective, &place.theta, 1e-12);
            let n = place.theta.len() as f64;
            // Each of the n entries carries its own rounding, and so does the subtraction of π Σg.
            let noise = n * (s.gradient_noise + n * f64::EPSILON * s.gradient);
            prop_assert!(gradient.sum().abs() <= noise, "{loss:?}: {} of {noise:e}", gradient.sum());
            // A Hessian is symmetric; here its two halves are the same sums in another order.
            let (asymmetry, rounding) = ((&hessian - hessian.transpose()).amax(), n * n * f64::EPSILON * s.second);
            prop_assert!(s.on_tangent || asymmetry <= rounding, "{loss:?}: {asymmetry:e} of {rounding:e}");
        }
    }

    #[test]
    fn adam_steps_along_the_gradient_that_newton_uses(place in places(few_actions()), learning_rate in 0.1..1.0f64) {
        let place = if place.logit_decay > 0.0 { Place { policy_decay: 0.0, ..place } } else { place };
        for loss in every_loss() {
            let reward = place.reward(loss);
            let objective = place.objective(loss, &reward);
            let s = sizes(&objective, &place.theta, 1e-12);
            let (_, gradient, _) = derivatives(&objective, &place.theta);
            let norm = gradient.norm();
            // Where every slope underflows there is no step to see.
            if s.at_kink || !norm.is_normal() {
                continue;
            }
            let moved = first_step(&place, loss, learning_rate, EPSILON / norm);
            let g = gradient * (EPSILON / norm);
            let expected: Vec<f64> = g.iter().map(|g| -learning_rate * g / (g.abs() + EPSILON)).collect();
            let mean = expected.iter().sum::<f64>() / expected.len() as f64;
            // `g/(|g| + ε)` magnifies an error of g by at most 1/ε; a logit is read off to a few roundings of ln π.
            let bound = learning_rate * 4.0 * s.gradient_noise / norm + 1e-13;
            for (k, moved) in moved.iter().enumerate() {
                let expected = expected[k] - mean;
                prop_assert!((moved - expected).abs() <= bound, "{loss:?} action {k}: {moved} against {expected}, {bound:e}");
            }
        }
    }

    #[test]
    fn dpo_is_qpo_with_logistic_psi_and_f_dpo_with_reverse_kl_to_the_last_bit(place in places(few_actions())) {
        let reverse = Divergence::ReverseKl;
        let names = [Loss::Dpo, Loss::Qpo(Psi::Logistic, Mu::Log), Loss::FDpo(reverse), Loss::Qpo(Psi::Logistic, Mu::FPrime(reverse))];
        assert_same(&place, &names)?;
    }

    #[test]
    fn ipo_is_qpo_with_squared_psi_and_f_dpo_is_qpo_with_its_divergence_to_the_last_bit(place in places(few_actions())) {
        assert_same(&place, &[Loss::Ipo, Loss::Qpo(Psi::Squared, Mu::Log)])?;
        for d in Divergence::ALL {
            assert_same(&place, &[Loss::FDpo(d), Loss::Qpo(Psi::Logistic, Mu::FPrime(d))])?;
        }
    }

    #[test]
    fn at_the_reference_every_loss_has_its_known_value(place in places(few_actions())) {
        let place = Place { logit_decay: 0.0, policy_decay: 0.0, ..place };
        let log_ref = place.case.problem.prompts[0].log_ref.clone();
        let value = |loss: Loss| place.objective(loss, &place.reward(loss)).value_at(&log_ref);
        // The masses sum to one to a rounding each, and there are at most 2016 of them.
        let tolerance = 2016.0 * f64::EPSILON;
        for loss in [Loss::Dpo].into_iter().chain(Divergence::ALL.map(Loss::FDpo)) {
            prop_assert!((value(loss) - std::f64::consts::LN_2).abs() <= tolerance, "{loss:?}");
        }
        let quarter = 0.25 / (place.lambda * place.lambda);
        prop_assert!((value(Loss::Ipo) - quarter).abs() <= tolerance * quarter);
        // TYPO's second term is λ · 0 there, so that what is left does not know λ.
        let other = Place { lambda: 1.0, ..place.clone() };
        prop_assert_eq!(value(Loss::Typo), other.objective(Loss::Typo, &other.reward(Loss::Typo)).value_at(&log_ref));
        let expected: f64 = log_ref.iter().zip(place.reward(Loss::ALL[0])).map(|(z, r)| -r * z.exp()).sum();
        prop_assert!((value(Loss::ALL[0]) - expected).abs() <= tolerance * (1.0 + expected.abs()));
    }

    #[test]
    fn kl_is_never_negative_and_zero_only_between_equal_policies((p, q) in (2..=64usize).prop_flat_map(|n| (policy(n, 20.0), policy(n, 20.0)))) {
        let (p, q) = (logs(&p), logs(&q));
        prop_assert_eq!(kl(&p, &p), 0.0);
        let tv = typo_lab::simplex::tv(&p, &q);
        // Pinsker: KL ≥ 2 TV². The terms of KL are each exact to a few ε of the size of p |ln p − ln q|.
        prop_assert!(kl(&p, &q) >= 2.0 * tv * tv * (1.0 - 1e-9));
        prop_assert!(tv == 0.0 || kl(&p, &q) > 0.0);
    }
}

/// Adam's ε, and the size that gradients are brought to in order to be seen through the first step.
const EPSILON: f64 = 1e-8;

/// What one step of Adam on the full expectation adds to each logit, their mean taken out.
///
/// The first step is `lr · g/(|g| + ε)`: only a sign for an ordinary gradient. So the prompt is given a weight that
/// makes the gradient as small as ε, where the step depends on every digit of it, and the penalties are scaled alike.
fn first_step(place: &Place, loss: Loss, learning_rate: f64, weight: f64) -> Vec<f64> {
    let (alpha, on) = if place.logit_decay > 0.0 {
        (place.logit_decay, DecayOn::Logits)
    } else {
        (place.policy_decay, DecayOn::Policy)
    };
    let mut problem = place.case.problem.clone();
    problem.prompts[0].weight = weight;
    problem.weight_decay = WeightDecay { alpha: weight * alpha, on };
    problem.losses = vec![at(loss, place.lambda)];
    problem.optimiser.learning_rate = learning_rate;
    problem.optimiser.batch_size = None;
    problem.optimiser.clip_norm = f64::MAX;
    problem.optimiser.steps = 1;
    let last = Run::new(Arc::new(problem), 0).starting_at(&place.theta).last().expect("a run ends with a snapshot");
    let moved: Vec<f64> = last.log_pi.iter().zip(&place.theta).map(|(z, t)| z - t).collect();
    let mean = moved.iter().sum::<f64>() / moved.len() as f64;
    moved.iter().map(|m| m - mean).collect()
}

/// All these names stand for one loss: the same derivatives, path and minimiser.
fn assert_same(place: &Place, names: &[Loss]) -> Result<(), TestCaseError> {
    let all = names.iter().map(|&loss| {
        let mut problem = place.case.problem.clone();
        problem.losses = vec![at(loss, place.lambda)];
        problem.optimiser.steps = 20;
        let minimiser = ExactSolver::new(&problem, problem.losses[0]).solve();
        let path: Vec<_> = Run::new(Arc::new(problem), 0).collect();
        (derivatives(&place.objective(loss, &place.reward(loss)), &place.theta), minimiser, path)
    });
    let all: Vec<_> = all.collect();
    let (derivatives, minimiser, path) = &all[0];
    for (name, other) in names.iter().zip(&all).skip(1) {
        prop_assert_eq!(&other.0, derivatives, "{:?} and {:?}", name, names[0]);
        prop_assert_eq!(&other.2, path, "{:?} and {:?}", name, names[0]);
        // The minimiser of f-DPO finds by iteration what DPO has in closed form: a few roundings of ln π apart.
        prop_assert_eq!((other.1[0].status, other.1[0].unique), (minimiser[0].status, minimiser[0].unique));
        for (a, b) in other.1[0].log_pi.iter().zip(&minimiser[0].log_pi) {
            prop_assert!(a == b || (a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{name:?}: {a} against {b}");
        }
    }
    Ok(())
}

/// A bound that everything passes shows nothing: at moderate λ it must be small beside the gradient itself.
#[test]
fn the_bounds_would_catch_a_gradient_that_is_wrong_by_one_part_in_a_thousand() {
    let mut runner = TestRunner::deterministic();
    let strategy = (places(2..=16usize), lambda(1e-2, 1e2)).prop_map(|(place, lambda)| Place { lambda, ..place });
    let places: Vec<Place> = (0..40).map(|_| strategy.new_tree(&mut runner).expect("a place").current()).collect();
    for loss in every_loss() {
        let caught = places.iter().filter(|place| {
            let reward = place.reward(loss);
            let objective = place.objective(loss, &reward);
            let (_, gradient, hessian) = derivatives(&objective, &place.theta);
            let small = |step: Option<(f64, f64)>, size: f64| step.is_some_and(|(_, bound)| bound <= 1e-3 * size);
            // A gradient of zero (a hinge that every margin has passed) has nothing to be wrong in.
            let of_gradient = gradient.amax() == 0.0 || small(gradient_step(&objective, &place.theta), gradient.amax());
            let of_hessian = hessian.amax() == 0.0 || small(hessian_step(&objective, &place.theta), hessian.amax());
            of_gradient && of_hessian
        });
        let caught = caught.count();
        assert!(caught >= 24, "{loss:?}: only {caught} of {} places", places.len());
    }
}

#[test]
fn clipping_rescales_the_whole_gradient_to_its_norm() {
    let mut runner = TestRunner::deterministic();
    let strategy = places(Just(5usize));
    for _ in 0..20 {
        let place = strategy.new_tree(&mut runner).expect("a place").current();
        let place = Place { logit_decay: 0.0, policy_decay: 0.0, ..place };
        let mut problem = place.case.problem.clone();
        problem.losses = vec![at(Loss::Typo, place.lambda)];
        problem.optimiser.batch_size = None;
        problem.optimiser.steps = 1;
        problem.optimiser.learning_rate = 1.0;
        problem.optimiser.clip_norm = EPSILON;
        let log_pi = Run::new(Arc::new(problem), 0).starting_at(&place.theta).last().expect("a snapshot").log_pi;
        let (_, gradient, _) = derivatives(&place.objective(Loss::Typo, &[0.0; 5]), &place.theta);
        let unit = gradient.normalize();
        let expected: Vec<f64> = (0..5).map(|k| place.theta[k] - unit[k] / (unit[k].abs() + 1.0)).collect();
        for (z, expected) in log_pi.iter().zip(log_softmax(&expected)) {
            // TYPO's gradient is a sum of at most 15 terms, its norm no smaller than 1e-3 of them.
            assert!((z - expected).abs() < 1e-11, "{z} against {expected}");
        }
    }
}

/// `tests/lm/dpo_trainer.py` asked TRL's DPOTrainer, which computes in f64, too: what differs is the order of a few operations.
#[test]
fn dpo_ipo_and_f_dpo_of_single_pairs_are_those_of_trl() {
    let lines: serde_json::Value = serde_json::from_str(include_str!("lm/trl.json")).expect("JSON");
    for line in lines.as_array().expect("a list") {
        let of = |name: &str, k: usize| line[name][k].as_f64().expect("a number");
        let (loss, mean) = match line["kind"].as_str() {
            Some("dpo") => (Loss::Dpo, false),
            Some("ipo-mean") => (Loss::Ipo, true),
            _ => (Loss::FDpo(Divergence::JensenShannon), false),
        };
        let per = |k: usize| if mean { of("tokens", k) } else { 1.0 };
        let [[w, l], [ref_w, ref_l]] = ["logp", "ref"].map(|name| [0, 1].map(|k| of(name, k) / per(k)));
        let pair = Pair { logp_chosen: w, logp_rejected: l, ref_chosen: ref_w, ref_rejected: ref_l };
        let got = loss.pair(pair, line["lambda"].as_f64().expect("a number"));
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-10 * b.abs();
        assert!(near(got.value, line["value"].as_f64().expect("a number")), "{line}: {got:?}");
        assert!(near(got.d_chosen / per(0), of("slopes", 0)), "{line}: {got:?}");
        assert!(near(got.d_rejected / per(1), of("slopes", 1)), "{line}: {got:?}");
    }
}
