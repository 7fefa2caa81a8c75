//! Exact minimisers: what they must satisfy on random problems, with weight decay and without.

#![cfg(not(target_arch = "wasm32"))]

mod common;
#[path = "common/exact.rs"]
mod exact;

use common::{Case, any_preferences, case, config, every_loss, experiment, few_actions, lambda, population, sizes};
use exact::{NONE, assert_stationary, free, is_convex, is_policy, minimise, objective, population_uniform};
use nalgebra::DVector;
use proptest::prelude::*;
use serde_json::json;
use typo_lab::loss::{Loss, Mu, Psi, Reward};
use typo_lab::preference::Random;
use typo_lab::simplex::{kl, log_softmax, mean_zero, tv};
use typo_lab::solve::exact::reward_of;
use typo_lab::solve::newton::Smooth;
use typo_lab::solve::{ExactSolver, Minimiser, Start, Status};
use typo_lab::spec::{DecayOn, LossSpec, Preset, Problem, PromptSpec, Spec, WeightDecay};

/// A hinge has minimisers at its kinks, without a gradient.
fn has_gradient(loss: &Loss) -> bool {
    !matches!(loss, Loss::Qpo(Psi::Hinge, _))
}

/// Where a penalty decides, minimisers settle at breaks of ψ or of its slope, and there a gradient tells little.
fn is_smooth(loss: &Loss) -> bool {
    !matches!(loss, Loss::Qpo(Psi::Hinge | Psi::TruncatedQuadratic | Psi::Threshold, _))
}

/// Neither π_ref, π* nor the uniform policy does better, beyond the rounding of both values.
fn assert_no_worse(
    case: &Case,
    loss: Loss,
    lambda: f64,
    decay: WeightDecay,
    found: &Minimiser,
) -> Result<(), TestCaseError> {
    let prompt = &case.problem.prompts[0];
    let reward = reward_of(prompt, loss, lambda);
    let objective = objective(&case.problem, loss, lambda, &reward, decay);
    let value = |log_pi: &[f64]| {
        let theta = mean_zero(log_pi);
        let s = sizes(&objective, &theta, 1e-12);
        // Logits read off log-probabilities are off by a rounding of those, to first and to second order.
        let off = 4.0 * f64::EPSILON * log_pi.iter().fold(1.0f64, |m, z| m.max(z.abs()));
        let noise = s.value_noise + off * s.gradient + off * off * s.second * theta.len() as f64;
        (objective.value(&DVector::from_vec(theta)), noise)
    };
    let (own, noise) = value(&found.log_pi);
    let uniform = vec![0.0; prompt.log_ref.len()];
    for (name, other) in [("π_ref", &prompt.log_ref), ("π*", &prompt.log_star), ("the uniform policy", &uniform)] {
        let (other, other_noise) = value(other);
        prop_assert!(
            own <= other + noise + other_noise,
            "{loss:?} λ {lambda:e} {decay:?}: {own} above {other} of {name}"
        );
    }
    Ok(())
}

/// 400 steps away from the hinge's minimiser, each of which must cost something, beyond the rounding of both values.
fn assert_no_perturbation_improves_on_the_hinge(
    case: &Case,
    lambda: f64,
    decay: WeightDecay,
    found: &Minimiser,
    seed: u64,
) -> Result<(), TestCaseError> {
    let reward = vec![0.0; found.log_pi.len()];
    let objective = objective(&case.problem, Loss::Qpo(Psi::Hinge, Mu::Log), lambda, &reward, decay);
    let value = |theta: &[f64]| {
        let square: f64 = mean_zero(theta).iter().map(|v| v * v).sum();
        objective.value_at(&log_softmax(theta)) + objective.logit_decay * square
    };
    let noise = 4.0 * sizes(&objective, &mean_zero(&found.log_pi), 1e-12).value_noise;
    let lowest = value(&found.log_pi);
    let mut random = Random::new(seed);
    for trial in 0..400 {
        // From a thousandth of the hinge's width 1/λ to many of them; every third trial moves one action alone.
        let size = 10f64.powf(4.0 * random.unit() - 3.0) / lambda;
        let alone = (trial % 3 == 0).then(|| random.below(found.log_pi.len() as u32) as usize);
        let mut moved = found.log_pi.clone();
        for (k, z) in moved.iter_mut().enumerate() {
            let step = size * (2.0 * random.unit() - 1.0);
            if alone.is_none_or(|a| a == k) {
                *z += step;
            }
        }
        prop_assert!(value(&moved) >= lowest - noise, "{} is below {lowest} at λ {lambda:e}, {decay:?}", value(&moved));
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn every_minimiser_is_a_policy_and_has_no_gradient_where_it_is_interior(
        case in case(2..=8usize, 4.0, any_preferences), lambda in lambda(1e-6, 1e6),
    ) {
        for loss in every_loss() {
            let found = free(&case.problem, loss, lambda);
            prop_assert!(is_policy(&found.log_pi), "{loss:?} λ {lambda}: {:?}", found.log_pi);
            let settled = is_convex(&loss) || case.problem.prompts[0].pairs.population.is_some();
            if found.status == Status::Interior && has_gradient(&loss) && settled {
                assert_stationary(&case, loss, lambda, NONE, &found)?;
            }
        }
    }

    #[test]
    fn every_minimiser_under_weight_decay_is_stationary_and_no_worse_than_what_is_known(
        case in case(2..=6usize, 4.0, any_preferences), lambda in lambda(1e-6, 1e6), alpha in lambda(1e-6, 1e3),
    ) {
        for on in DecayOn::ALL {
            let decay = WeightDecay { alpha, on };
            // A penalty on π is bounded: it holds neither a loss that falls for ever nor, where ψ is bounded too, a minimum.
            let holds = on == DecayOn::Logits;
            for loss in every_loss() {
                let found = minimise(&case.problem, loss, lambda, decay).remove(0);
                prop_assert!(is_policy(&found.log_pi), "{loss:?}: {:?}", found.log_pi);
                if holds {
                    prop_assert_eq!(found.status, Status::Interior);
                }
                if found.status == Status::Interior {
                    assert_no_worse(&case, loss, lambda, decay, &found)?;
                    if is_smooth(&loss) && (holds || is_convex(&loss)) {
                        assert_stationary(&case, loss, lambda, decay, &found)?;
                    }
                }
            }
        }
    }

    #[test]
    fn no_convex_loss_is_lower_at_a_known_policy_than_at_its_minimiser(
        case in case(2..=8usize, 4.0, any_preferences), lambda in lambda(1e-6, 1e6),
    ) {
        for loss in every_loss() {
            let found = free(&case.problem, loss, lambda);
            if found.status == Status::Interior && is_convex(&loss) {
                assert_no_worse(&case, loss, lambda, NONE, &found)?;
            }
        }
    }

    #[test]
    fn rlhf_and_dpo_have_the_same_minimiser_on_population_data(
        case in case(few_actions(), 4.0, |_| population()), lambda in lambda(1e-6, 1e6),
    ) {
        let distance = tv(&free(&case.problem, Loss::ALL[0], lambda).log_pi, &free(&case.problem, Loss::Dpo, lambda).log_pi);
        // Both are π_ref (π*)^{1/λ}, (5), at the accuracy asked of minimisers.
        prop_assert!(distance <= 1e-9, "{distance:e}");
    }

    #[test]
    fn fitted_rewards_are_true_rewards_on_population_data(case in case(2..=8usize, 4.0, |_| population()), lambda in lambda(1e-3, 1e3)) {
        let of = |reward| free(&case.problem, Loss::Rlhf(reward), lambda).log_pi;
        prop_assert!(tv(&of(Reward::True), &of(Reward::Fitted)) <= 1e-9);
    }
}

proptest! {
    #![proptest_config(config(6))]

    #[test]
    fn the_papers_losses_are_stationary_with_many_actions(
        case in case(9..=64usize, 4.0, any_preferences), lambda in lambda(1e-6, 1e6),
    ) {
        for loss in Loss::ALL {
            let found = free(&case.problem, loss, lambda);
            prop_assert!(is_policy(&found.log_pi), "{loss:?} λ {lambda}: {:?}", found.log_pi);
            if found.status == Status::Interior {
                assert_stationary(&case, loss, lambda, NONE, &found)?;
            }
        }
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn no_perturbation_improves_on_the_hinge_minimiser(
        case in case(2..=6usize, 4.0, any_preferences), lambda in lambda(1e-3, 1e3), seed in 0..1000u64,
    ) {
        let found = free(&case.problem, Loss::Qpo(Psi::Hinge, Mu::Log), lambda);
        assert_no_perturbation_improves_on_the_hinge(&case, lambda, NONE, &found, seed)?;
    }

    #[test]
    fn no_perturbation_improves_on_the_hinge_minimiser_under_decay_of_the_logits(
        case in case(2..=5usize, 4.0, any_preferences), lambda in lambda(1e-2, 1e2), alpha in lambda(1e-4, 10.0), seed in 0..1000u64,
    ) {
        let decay = WeightDecay { alpha, on: DecayOn::Logits };
        let found = minimise(&case.problem, Loss::Qpo(Psi::Hinge, Mu::Log), lambda, decay).remove(0);
        assert_no_perturbation_improves_on_the_hinge(&case, lambda, decay, &found, seed)?;
    }

    #[test]
    fn rlhf_under_a_penalty_on_the_policy_is_stationary_for_every_action_however_rare(
        case in case(2..=8usize, 4.0, any_preferences), lambda in lambda(1e-5, 1e5), alpha in lambda(1e-6, 1e3),
    ) {
        let (loss, decay) = (Loss::Rlhf(Reward::True), WeightDecay { alpha, on: DecayOn::Policy });
        let found = minimise(&case.problem, loss, lambda, decay).remove(0);
        let prompt = &case.problem.prompts[0];
        prop_assume!(prompt.log_star.iter().all(|v| v.is_finite()));
        prop_assert!(is_policy(&found.log_pi));
        // λ ln(π/π_ref) + 2απ − r is the same for all; each term is rounded at its own size.
        let terms = |k: usize| [lambda * found.log_pi[k], -lambda * prompt.log_ref[k], 2.0 * alpha * found.log_pi[k].exp(), -prompt.log_star[k]];
        let level: Vec<f64> = (0..found.log_pi.len()).map(|k| terms(k).iter().sum()).collect();
        let size = (0..level.len()).flat_map(terms).fold(1.0f64, |m, t| m.max(t.abs()));
        for l in &level {
            prop_assert!((l - level[0]).abs() <= 1e-13 * size, "{level:?}, terms up to {size}");
        }
    }

    #[test]
    fn no_whole_margin_improves_on_the_hinge_minimiser(case in case(2..=4usize, 4.0, any_preferences)) {
        let found = free(&case.problem, Loss::Qpo(Psi::Hinge, Mu::Log), 1.0);
        let reward = vec![0.0; found.log_pi.len()];
        let objective = objective(&case.problem, Loss::Qpo(Psi::Hinge, Mu::Log), 1.0, &reward, NONE);
        let (lowest, log_ref) = (objective.value_at(&found.log_pi), &case.problem.prompts[0].log_ref);
        // The loss is linear between whole margins, and a chain of three steps spans any two of four actions.
        for code in 0..7usize.pow(log_ref.len() as u32 - 1) {
            let whole = (1..log_ref.len()).map(|k| (code / 7usize.pow(k as u32 - 1) % 7) as f64 - 3.0);
            let theta: Vec<f64> = log_ref.iter().zip([0.0].into_iter().chain(whole)).map(|(r, m)| r + m).collect();
            let value = objective.value_at(&log_softmax(&theta));
            prop_assert!(value >= lowest - 1e-12, "{value} at {theta:?} is below {lowest}");
        }
    }
}

#[test]
fn a_minimum_that_others_may_stand_beside_says_from_where_it_was_found() {
    let case = experiment(vec![0.4, 0.4, 0.2], vec![0.6, 0.3, 0.1], population_uniform());
    let problem = Problem::new(&case).expect("a problem");
    let start = |loss, decay| minimise(&problem, loss, 0.5, decay).remove(0).start;
    let decay = |on| WeightDecay { alpha: 0.01, on };
    for loss in Loss::ALL {
        assert_eq!(start(loss, NONE), None, "{loss:?} has one minimum");
        // Not convex in θ; RLHF's is in π, where it is minimised.
        assert_eq!(start(loss, decay(DecayOn::Policy)).is_some(), !matches!(loss, Loss::Rlhf(_)), "{loss:?}");
        let convex = matches!(loss, Loss::Dpo | Loss::Ipo | Loss::Typo);
        assert_eq!(start(loss, decay(DecayOn::Logits)).is_none(), convex, "{loss:?}");
    }
    let threshold = Loss::Qpo(Psi::Threshold, Mu::Log);
    // λ/(1 + λ) = 0.95 is above every p* here, so that nothing leaves π_ref.
    let found = free(&problem, threshold, 19.0);
    assert_eq!(found.start, Some(Start::Reference));
    assert!(tv(&found.log_pi, &problem.prompts[0].log_ref) < 1e-15);
    assert!(free(&problem, threshold, 0.5).start.is_some_and(|s| s != Start::Reference));
}

/// A prompt of two actions beside one of its own copies: prompts do not see one another.
#[test]
fn a_prompts_minimiser_does_not_depend_on_the_other_prompts() {
    let one = experiment(vec![0.4, 0.4, 0.2], vec![0.6, 0.3, 0.1], population_uniform());
    let mut two = one.clone();
    two.prompts.push(PromptSpec {
        name: "y".into(),
        weight: 3.0,
        pi_ref: vec![0.1, 0.2, 0.7],
        pi_star: vec![0.2, 0.3, 0.5],
    });
    let (one, two) = (Problem::new(&one).expect("one"), Problem::new(&two).expect("two"));
    for loss in every_loss() {
        assert_eq!(free(&one, loss, 0.3), free(&two, loss, 0.3), "{loss:?}");
    }
}

#[test]
fn the_hinge_under_decay_settles_on_its_kinks_to_the_last_digits() {
    let spec = json!({
        "prompts": [{ "pi_ref": [0.4, 0.4, 0.2], "pi_star": [0.6, 0.3, 0.1] }],
        "losses": [{ "kind": "qpo", "psi": "hinge", "lambda": 0.1 }],
        "weight_decay": { "alpha": 0.001, "on": "logits" },
    });
    let problem = Problem::new(&Spec::from_text(&spec.to_string()).expect("a spec")).expect("a problem");
    let found = ExactSolver::new(&problem, problem.losses[0]).solve().remove(0);
    // y_a against y_c stands on its kink, λv = 1. What is left is smooth: a pull of the pairs off their kinks, and the penalty.
    let margin = |i: usize, j: usize| {
        found.log_pi[i] - found.log_pi[j] - (problem.prompts[0].log_ref[i] - problem.prompts[0].log_ref[j])
    };
    assert!((0.1 * margin(0, 2) - 1.0).abs() < 1e-9, "{}", margin(0, 2));
    // y_b moves alone: λ (P(a ≻ b) − P(b ≻ a) over both its pairs, a third each) against the penalty's 2 α θ_b.
    let slope = 0.1 / 3.0 * ((0.6 - 0.3) / 0.9 - (0.3 - 0.1) / 0.4);
    let theta = mean_zero(&found.log_pi);
    assert!((slope + 2.0 * 0.001 * theta[1]).abs() < 1e-9, "{slope} {theta:?}");
}

#[test]
fn rlhf_under_a_penalty_on_the_policy_goes_as_far_as_it_should_at_small_lambda() {
    // Forty digits give 14.42 nats on the bad prompt and 40.15 on the good one.
    let mut spec = Preset::Figure3Preservation.spec();
    spec.weight_decay = WeightDecay { alpha: 0.003, on: DecayOn::Policy };
    let problem = Problem::new(&spec).expect("a problem");
    let rlhf = problem.losses.iter().find(|l| matches!(l.loss, Loss::Rlhf(_))).expect("RLHF");
    let found = ExactSolver::new(&problem, *rlhf).at((-14.0f64 / 3.0).exp(), problem.weight_decay);
    let nats: Vec<f64> = found.iter().zip(&problem.prompts).map(|(m, p)| kl(&p.log_star, &m.log_pi)).collect();
    assert!((nats[0] - 40.15).abs() < 5e-3 && (nats[1] - 14.42).abs() < 5e-3, "{nats:?}");
}

#[test]
fn dpo_under_a_penalty_on_the_policy_is_at_the_mode_at_the_smallest_lambda_that_is_taken() {
    // The whole penalty on the corner, 0.02, is less than what the pairs have to gain.
    let mut spec = Preset::Figure3Constraint.spec();
    spec.weight_decay = WeightDecay { alpha: 0.02, on: DecayOn::Policy };
    let problem = Problem::new(&spec).expect("a problem");
    for loss in [Loss::Rlhf(Reward::True), Loss::Dpo] {
        let spec = LossSpec { loss, ..problem.losses[0] };
        for lambda in [1e-6, 1e-9, 1e-10, 1e-12] {
            let found = ExactSolver::new(&problem, spec).at(lambda, problem.weight_decay);
            assert!(found[0].log_pi[0].abs() < 1e-6, "{loss:?} at {lambda:e}: {:?}", found[0].log_pi);
        }
    }
}
