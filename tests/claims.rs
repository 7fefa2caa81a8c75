//! What the paper says of exact minimisers: which losses keep the good prompt, where each goes as λ → 0 and λ → ∞, and what a
//! constraint does.

#![cfg(not(target_arch = "wasm32"))]

mod common;
#[path = "common/exact.rs"]
mod exact;

use common::{any_preferences, at, case, config, every_loss, experiment, few_actions, lambda, policy, population};
use exact::{NONE, free, is_policy, minimise, population_uniform};
use proptest::prelude::*;
use typo_lab::divergence::Divergence;
use typo_lab::loss::{Loss, Mu, Psi, Reward};
use typo_lab::preference::Pairing;
use typo_lab::simplex::{kl, log_softmax, probs, tv};
use typo_lab::solve::verdict::{self, Limits};
use typo_lab::solve::{ExactSolver, Minimiser, Status, sweep};
use typo_lab::spec::{DecayOn, Preferences, Preset, Problem, PromptSpec, WeightDecay};

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn at_small_lambda_the_qpo_family_goes_to_the_mode_and_typo_to_the_optimal_policy(
        case in case(2..=8usize, 2.0, |_| population()),
    ) {
        let lambda = 1e-6;
        let prompt = &case.problem.prompts[0];
        let mut sorted = prompt.log_star.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let gap = sorted[0] - sorted[1];
        prop_assume!(gap > 0.01);
        let mode = prompt.log_star.iter().position(|z| *z == sorted[0]).expect("a greatest entry");
        for loss in [Loss::ALL[0], Loss::Dpo, Loss::Ipo].into_iter().chain(Divergence::ALL.map(Loss::FDpo)) {
            let outside = 1.0 - free(&case.problem, loss, lambda).log_pi[mode].exp();
            // The slowest is f′ = −1/u of forward KL, which leaves at most λ/gap of each other action's π_ref. IPO's
            // scores are differences of p*, at least gap · p(1 − p)/A ≥ 2e-5 apart, so e^{−20} covers it.
            prop_assert!(outside <= lambda / gap + 1e-8, "{loss:?}: {outside:e} outside the mode");
        }
        let distance = tv(&free(&case.problem, Loss::Typo, lambda).log_pi, &prompt.log_star);
        // The pull towards π_ref is λ times at most 1; the pair term's curvature is at least q p(1 − p) ≥ 1e-5.
        prop_assert!(distance <= 0.1 && distance <= lambda / 1e-5, "TYPO: {distance:e}");
    }

    /// As close as 1e-7 nats to a tie.
    #[test]
    fn the_limit_at_zero_is_what_ever_smaller_lambda_lead_to(
        pi_ref in policy(3, 3.0), gap in lambda(1e-7, 1.0), rest in 0.01..3.0f64,
    ) {
        let star = probs(&log_softmax(&[0.0, -gap, -gap - rest]));
        for pairing in Pairing::ALL {
            let spec = experiment(pi_ref.clone(), star.clone(), Preferences::Population { pairing });
            let problem = Problem::new(&spec).expect("a problem");
            for loss in every_loss() {
                let psi = loss.pair_part().map(|part| part.psi);
                let limit = ExactSolver::new(&problem, at(loss, 1.0)).at_zero().remove(0);
                prop_assert!(is_policy(&limit.log_pi), "{loss:?}: {:?}", limit.log_pi);
                // Scores differ by more than a hundredth of the gap, or not at all; forward KL leaves λ over that.
                let lambda = if loss == Loss::Typo || psi == Some(Psi::Threshold) { 1e-9 } else { 1e-9 * gap };
                let distance = tv(&limit.log_pi, &free(&problem, loss, lambda).log_pi);
                prop_assert!(distance <= 1e-6, "{loss:?} {pairing:?}: {distance:e} from {:?}", probs(&limit.log_pi));
            }
        }
    }

    /// Proposition 4.1.
    #[test]
    fn typo_keeps_any_good_prompt_at_every_lambda_whatever_the_bad_one(
        (good, bad_ref, bad_star) in few_actions().prop_flat_map(|n| (policy(n, 4.0), policy(n, 4.0), policy(n, 4.0))),
        share in 0.01..0.99f64, pairing in prop::sample::select(Pairing::ALL.to_vec()), lambda in lambda(1e-6, 1e6),
    ) {
        let mut spec = experiment(good.clone(), good, Preferences::Population { pairing });
        spec.prompts[0].weight = share;
        let bad = PromptSpec { name: "bad".into(), weight: 1.0 - share, pi_ref: bad_ref, pi_star: bad_star };
        spec.prompts.push(bad);
        let problem = Problem::new(&spec).expect("a problem");
        let found = minimise(&problem, Loss::Typo, lambda, NONE);
        let (good, bad) = (&problem.prompts[0], &problem.prompts[1]);
        let harm = kl(&good.log_star, &found[0].log_pi);
        prop_assert!(harm <= 1e-9, "{harm:e} nats on the good prompt");
        // And the bad prompt is never worse off, to the rounding of its own distance.
        let (before, after) = (kl(&bad.log_star, &bad.log_ref), kl(&bad.log_star, &found[1].log_pi));
        prop_assert!(after <= before * (1.0 + 1e-9) + 1e-9, "{before} to {after} on the bad prompt");
    }

    #[test]
    fn at_large_lambda_every_loss_of_the_paper_goes_to_the_reference(case in case(2..=8usize, 2.0, any_preferences)) {
        let lambda = 1e6;
        for loss in Loss::ALL.into_iter().chain(Divergence::ALL.map(Loss::FDpo)) {
            let found = free(&case.problem, loss, lambda);
            if found.status == Status::Interior {
                let distance = tv(&found.log_pi, &case.problem.prompts[0].log_ref);
                // Log-ratios are scores over λ, and no score of 200 draws or single-digit counts passes 50; TYPO's are
                // slopes of at most 1 over λ times the curvature of KL, π_ref(1 − π_ref) ≥ 1e-3.
                prop_assert!(distance <= 1e-3, "{loss:?}: {distance:e}");
            }
        }
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn the_threshold_loss_leaves_the_reference_only_above_its_threshold(p in 0.5..0.999f64, lambda in lambda(0.1, 100.0)) {
        prop_assume!((p - lambda / (1.0 + lambda)).abs() > 1e-3);
        let uniform = vec![0.5, 0.5];
        let case = Problem::new(&experiment(uniform, vec![p, 1.0 - p], population_uniform())).expect("a problem");
        let found = free(&case, Loss::Qpo(Psi::Threshold, Mu::Log), lambda);
        let margin = found.log_pi[0] - found.log_pi[1];
        let square = (p / ((1.0 - p) * lambda)).sqrt() - 1.0;
        // Newton's last steps are below the rounding of a value near one: 1e-8 in v where v² = 1e-3 is flat.
        prop_assert!((margin - square.max(0.0).sqrt()).abs() <= 1e-7, "{margin} against √{square}");
    }
}

#[test]
fn the_threshold_loss_moves_the_bad_prompt_to_the_printed_policy_and_keeps_the_good_one() {
    let problem = Problem::new(&Preset::Threshold.spec()).expect("a preset");
    let found = ExactSolver::new(&problem, problem.losses[0]).solve();
    assert_eq!(found[0].log_pi, problem.prompts[0].log_ref);
    let margin = found[1].log_pi[0] - found[1].log_pi[1];
    let expected = ((0.97f64 / (0.03 * 9.0)).sqrt() - 1.0).sqrt();
    assert!((margin - expected).abs() < 1e-9, "{margin} against {expected}");
    assert_eq!(format!("{margin:.3}"), "0.946");
    let pi = probs(&found[1].log_pi);
    assert_eq!((format!("{:.2}", pi[0]), format!("{:.2}", pi[1])), ("0.72".into(), "0.28".into()));
    let prompt = &problem.prompts[1];
    assert!(kl(&prompt.log_star, &found[1].log_pi) < kl(&prompt.log_star, &prompt.log_ref));
}

/// Greatest distance to π* on the first, good prompt over a preset's λ, by loss.
fn harm(preset: Preset) -> Vec<(Loss, f64)> {
    let spec = preset.spec();
    let problem = Problem::new(&spec).expect("a preset");
    let good = problem.prompts[0].log_star.clone();
    let greatest = |found: &[Minimiser]| found.iter().map(|m| kl(&good, &m.log_pi)).fold(0.0, f64::max);
    sweep::sweep(&problem, &spec.sweep).iter().map(|s| (s.loss.loss, greatest(&s.prompts[0]))).collect()
}

#[test]
fn typo_keeps_the_reference_policy_on_good_prompts_and_no_other_loss_does() {
    for preset in [Preset::Figure3Preservation, Preset::Figure3Swapped] {
        for (loss, harm) in harm(preset) {
            // 1e-9 nats is the solver's rounding; the others reach at least 11 nats, at λ = e⁻⁵.
            assert!(if loss == Loss::Typo { harm <= 1e-9 } else { harm > 10.0 }, "{loss:?}: {harm:e} nats");
        }
    }
}

/// Theorem 3.1 for any convex ψ with any μ: what helps the bad prompt harms the good one.
#[test]
fn no_convex_qpo_loss_helps_the_bad_prompt_and_keeps_the_good_one() {
    let mus = [Mu::Log].into_iter().chain(Divergence::ALL.map(Mu::FPrime));
    let losses: Vec<Loss> = mus
        .flat_map(|mu| Psi::ALL.into_iter().filter(|psi| psi.is_convex()).map(move |psi| Loss::Qpo(psi, mu)))
        .collect();
    assert!(losses.len() >= 20);
    let mut helpful = 0;
    for preset in [Preset::Figure3Preservation, Preset::Figure3Swapped] {
        let mut spec = preset.spec();
        spec.losses = losses.iter().map(|loss| at(*loss, 1.0)).collect();
        let problem = Problem::new(&spec).expect("a preset");
        for s in sweep::sweep(&problem, &spec.sweep) {
            let found =
                verdict::Preservation::from_series(&problem, &s, &spec.sweep.values()).expect("a good and a bad");
            assert_eq!(found.selective(), Vec::<usize>::new(), "{:?} on {}", s.loss.loss, preset.key());
            helpful += usize::from(!found.improving().is_empty());
        }
    }
    assert!(helpful > 0, "nothing was put to the test");
}

/// With the seed paper's two policies no loss of the QPO family helps the bad prompt at any λ; with the policies exchanged,
/// as in the follow-up, each helps somewhere, and harms the good prompt there.
#[test]
fn where_the_qpo_losses_help_the_bad_prompt_they_harm_the_good_one() {
    for (preset, helps) in [(Preset::Figure3Preservation, false), (Preset::Figure3Swapped, true)] {
        let spec = preset.spec();
        let problem = Problem::new(&spec).expect("a preset");
        let distance = |x: usize, m: &Minimiser| kl(&problem.prompts[x].log_star, &m.log_pi);
        let reference = kl(&problem.prompts[1].log_star, &problem.prompts[1].log_ref);
        for s in sweep::sweep(&problem, &spec.sweep) {
            let helped: Vec<usize> =
                (0..spec.sweep.points).filter(|k| distance(1, &s.prompts[1][*k]) < reference - 1e-9).collect();
            if s.loss.loss == Loss::Typo {
                assert_eq!(helped.len(), spec.sweep.points);
            } else {
                assert_eq!(!helped.is_empty(), helps, "{:?} on {}", s.loss.loss, preset.key());
                let least = helped.iter().map(|k| distance(0, &s.prompts[0][*k])).fold(f64::INFINITY, f64::min);
                assert!(least > 1e-9, "{:?} keeps the good prompt to {least:e}", s.loss.loss);
            }
        }
    }
}

/// Propositions 3.4 and 3.5, and Theorem 3.6, where the best two of π* are next to tied.
#[test]
fn near_ties_do_not_hide_the_mode() {
    for gap in [0.1, 1e-3, 1e-4, 1e-6, 1e-8] {
        let star = vec![(1.0 + 2.0 * gap) / 3.0, (1.0 - gap) / 3.0, (1.0 - gap) / 3.0];
        for pi_ref in [vec![0.2, 0.6, 0.2], vec![0.98, 0.01, 0.01]] {
            let problem = Problem::new(&experiment(pi_ref, star.clone(), population_uniform())).expect("a problem");
            for loss in Loss::ALL.into_iter().chain(Divergence::ALL.map(Loss::FDpo)) {
                let limits = Limits::new(&problem, at(loss, 1.0));
                let (weak, strong) = (limits.weak(), limits.strong());
                assert_eq!(weak.holds, loss != Loss::Typo, "{loss:?}, gap {gap}: {}", weak.why);
                assert_eq!(strong.holds, loss == Loss::Typo, "{loss:?}, gap {gap}: {}", strong.why);
            }
        }
    }
}

/// Proposition 4.2 where λ → 0 is slow: pairs of rare actions weigh little under π_ref's own pairing.
#[test]
fn typo_s_limit_is_the_preferred_policy_however_rare_the_pairs() {
    for least in [1e-2, 1e-4, 1e-6] {
        let (pi_ref, star) = (vec![least, 0.5, 0.5 - least], vec![0.6, 0.3, 0.1]);
        let spec = experiment(pi_ref, star, Preferences::Population { pairing: Pairing::Reference });
        let problem = Problem::new(&spec).expect("a problem");
        let strong = Limits::new(&problem, at(Loss::Typo, 1.0)).strong();
        assert!(strong.holds, "least {least}: {}", strong.why);
    }
}

/// Equation (4): `π ∝ π_ref exp(r/λ)` gives no probability to an action that π* gives none, at any λ, with any decay.
#[test]
fn rlhf_gives_nothing_to_an_action_that_nobody_prefers() {
    let spec = experiment(vec![0.5, 0.3, 0.2], vec![0.75, 0.25, 0.0], population_uniform());
    let problem = Problem::new(&spec).expect("a problem");
    for lambda in [1e-3, 1.0, 1e3, 1e6] {
        for decay in [NONE].into_iter().chain(DecayOn::ALL.map(|on| WeightDecay { alpha: 1e-3, on })) {
            let found = minimise(&problem, Loss::Rlhf(Reward::True), lambda, decay).remove(0);
            let rest = found.log_pi[2].exp();
            // A penalty on θ lets no logit go to −∞, but for the price of a reward that λ cannot make up for.
            assert!(rest < 1e-4, "λ {lambda}, {decay:?}: {rest:e}");
        }
    }
}

/// Actions that π* does not tell apart share the limit as π_ref shares them.
#[test]
fn an_exact_tie_is_shared_as_the_reference_shares_it() {
    let spec = experiment(vec![0.2, 0.6, 0.2], vec![0.45, 0.45, 0.1], population_uniform());
    let problem = Problem::new(&spec).expect("a problem");
    for loss in [Loss::ALL[0], Loss::Dpo, Loss::Ipo].into_iter().chain(Divergence::ALL.map(Loss::FDpo)) {
        let limit = probs(&ExactSolver::new(&problem, at(loss, 1.0)).at_zero()[0].log_pi);
        assert!((limit[0] - 0.25).abs() < 1e-15 && (limit[1] - 0.75).abs() < 1e-15 && limit[2] == 0.0, "{loss:?}");
        assert!(Limits::new(&problem, at(loss, 1.0)).weak().holds, "{loss:?}");
    }
}

#[test]
fn the_threshold_presets_verdict_says_what_it_steps_out_of_and_where_its_minima_come_from() {
    let spec = Preset::Threshold.spec();
    let problem = Problem::new(&spec).expect("a preset");
    let found = verdict::verdict(&problem, problem.losses[0], &spec.sweep).preservation;
    assert!(found.holds, "{}", found.why);
    for part in ["Theorem 3.1", "equal preference probabilities", "lowest found from several starts", "ψ′(0) = 0"] {
        assert!(found.why.contains(part), "{}", found.why);
    }
}

/// As λ → ∞ what a loss does to the good prompt falls with 1/λ², and what it does to the bad one with 1/λ.
#[test]
fn a_lambda_so_large_that_nothing_moves_much_is_not_taken_for_preservation() {
    let mut spec = Preset::Figure3Swapped.spec();
    (spec.sweep.from, spec.sweep.to) = (1e4, 1e12);
    let problem = Problem::new(&spec).expect("a preset");
    for loss in &problem.losses {
        let found = verdict::verdict(&problem, *loss, &spec.sweep).preservation;
        assert_eq!(found.holds, loss.loss == Loss::Typo, "{:?}: {}", loss.loss, found.why);
    }
}

#[test]
fn weight_decay_parts_rlhf_and_dpo_and_the_more_of_it_the_further() {
    let spec = Preset::Figure3Constraint.spec();
    let problem = Problem::new(&spec).expect("a preset");
    let all = sweep::sweep(&problem, &spec.sweep);
    let measured = |distance: fn(&[f64], &[f64]) -> f64| -> Vec<f64> {
        all[0].prompts[0].iter().zip(&all[1].prompts[0]).map(|(a, b)| distance(&a.log_pi, &b.log_pi)).collect()
    };
    let apart = measured(tv);
    // The figure shows nats.
    for apart in [&apart, &measured(kl)] {
        assert!(apart[0] <= 1e-9, "{} at α = 0", apart[0]);
        assert!(apart.windows(2).all(|w| w[0] < w[1]), "{apart:?}");
    }
    // Beyond the preset's range both go to the uniform policy and meet again: the greatest distance is near α = 0.03.
    assert!((apart[apart.len() - 1] - 0.418).abs() < 1e-3, "{apart:?}");
}
