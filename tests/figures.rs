//! The paper's figures from its settings: Adam run to the end where it trains, exact minimisers where it shows converged
//! policies.

use std::sync::Arc;

use typo_lab::loss::Loss;
use typo_lab::simplex::{probs, tv};
use typo_lab::solve::{ExactSolver, Run, Snapshot, sweep};
use typo_lab::spec::{Preset, Problem, Spec};

/// Every recorded policy of each loss of a preset, in the preset's order.
fn runs(preset: Preset) -> Vec<(Loss, Vec<Snapshot>)> {
    let problem = Arc::new(Problem::new(&preset.spec()).expect("a preset"));
    let run = |k: usize| (problem.losses[k].loss, Run::new(Arc::clone(&problem), k).collect());
    (0..problem.losses.len()).map(run).collect()
}

fn end(path: &[Snapshot]) -> Vec<f64> {
    probs(&path.last().expect("a run ends with a snapshot").log_pi)
}

fn near(pi: &[f64], expected: [f64; 3], tolerance: f64) -> bool {
    pi.iter().zip(expected).all(|(p, e)| (p - e).abs() <= tolerance)
}

/// Measured: RLHF (.9996, .0002, .0002), DPO (.9989, .0011, 0), IPO (.9994, .0006, 0), f-DPO (1, 0, 0),
/// TYPO (.600, .300, .101), and (.601, .296, .103) with another stream of batches: noise of 0.005, allowed four times over.
#[test]
fn at_small_lambda_only_typo_ends_at_the_optimal_policy() {
    for (loss, path) in runs(Preset::Figure2) {
        let pi = end(&path);
        let (expected, tolerance) = if loss == Loss::Typo { ([0.6, 0.3, 0.1], 0.02) } else { ([1.0, 0.0, 0.0], 0.003) };
        assert!(near(&pi, expected, tolerance), "{loss:?}: {pi:?}");
    }
}

/// Measured on 209 pairs: TYPO (.606, .301, .092), its exact minimiser (.607, .301, .092); the authors' figure, on their
/// 213 pairs, reads about (.61, .29, .10).
#[test]
fn on_sampled_pairs_typo_ends_at_the_fit_of_those_pairs() {
    let problem = Problem::new(&Preset::Figure2Sampled.spec()).expect("a preset");
    for (k, (loss, path)) in runs(Preset::Figure2Sampled).into_iter().enumerate() {
        let pi = end(&path);
        if loss == Loss::Typo {
            let fit = ExactSolver::new(&problem, problem.losses[k]).solve().remove(0);
            // Epochs of 209 draws visit every pair, which leaves less noise than draws with replacement.
            assert!(tv(&path[path.len() - 1].log_pi, &fit.log_pi) < 0.01, "{pi:?}");
            assert!(near(&pi, [0.61, 0.29, 0.10], 0.02), "{pi:?}");
        } else {
            assert!(near(&pi, [1.0, 0.0, 0.0], 0.003), "{loss:?}: {pi:?}");
        }
    }
}

/// f-DPO leaves action c first and then slides along the edge between a and b, ever more slowly at first.
///
/// Where it meets that edge depends on the drawn pairs and the batches' noise: the authors' figure has it near
/// (.54, .45), here it is (.62, .37). With nearly equal wins of a and b (seed 4: .57) it is (.51, .48).
#[test]
fn f_dpo_empties_the_last_action_before_it_tells_the_first_two_apart() {
    for preset in [Preset::Figure2, Preset::Figure2Sampled] {
        let (_, path) = runs(preset).into_iter().find(|(l, _)| matches!(l, Loss::FDpo(_))).expect("f-DPO");
        let pi: Vec<Vec<f64>> = path.iter().map(|s| probs(&s.log_pi)).collect();
        let arrival = pi.iter().position(|p| p[2] < 0.01).expect("c is left behind");
        assert!((0.5..0.7).contains(&pi[arrival][0]) && pi[arrival][1] > 0.3, "{:?}", pi[arrival]);
        // As long again, and a has gained little more than half of what it gained before.
        let (before, after) = (pi[arrival][0] - pi[0][0], pi[2 * arrival][0] - pi[arrival][0]);
        assert!(after > 0.0 && after < 0.6 * before, "{before} then {after}");
    }
}

/// The policy moves at most by range(log π*)/λ = ln 6/100 in log-ratio: 0.018 · 0.4 in probability, and for f-DPO twice
/// that, since f′ of Jensen–Shannon has slope one half at the reference.
#[test]
fn at_large_lambda_every_loss_stays_near_the_reference() {
    for (loss, path) in runs(Preset::Figure5) {
        for snapshot in &path {
            let pi = probs(&snapshot.log_pi);
            assert!(near(&pi, [0.4, 0.4, 0.2], 0.02), "{loss:?} at step {}: {pi:?}", snapshot.step);
        }
    }
}

/// Figure 6. At λ = 1e-5 the pull to π_ref moves TYPO by λ over the pairs' curvature, which is above 0.05; at λ = 1e3
/// log-ratios are at most ln 6/1000, f-DPO's twice that.
#[test]
fn converged_policies_lead_from_the_mode_or_for_typo_from_the_optimal_policy_to_the_reference() {
    let spec = Preset::Figure6.spec();
    let problem = Problem::new(&spec).expect("a preset");
    let all = sweep::sweep(&problem, &spec.sweep);
    assert_eq!(all.iter().map(|s| s.loss.loss).collect::<Vec<_>>(), Loss::ALL);
    for series in &all {
        let loss = series.loss.loss;
        let path: Vec<Vec<f64>> = series.prompts[0].iter().map(|m| probs(&m.log_pi)).collect();
        let (left, right) = (&path[0], &path[path.len() - 1]);
        let expected = if loss == Loss::Typo { [0.6, 0.3, 0.1] } else { [1.0, 0.0, 0.0] };
        assert!(near(left, expected, 1e-4), "{loss:?} begins at {left:?}");
        assert!(near(right, [0.4, 0.4, 0.2], 2e-3), "{loss:?} ends at {right:?}");
        // The likeliest action only loses as λ grows.
        assert!(path.windows(2).all(|p| p[1][0] <= p[0][0] + 1e-12), "{loss:?}");
    }
    let (rlhf, dpo) = (&all[0].prompts[0], &all[1].prompts[0]);
    assert!(rlhf.iter().zip(dpo).all(|(a, b)| tv(&a.log_pi, &b.log_pi) <= 1e-9), "DPO is RLHF on population data");
}

/// Figure 3, left and middle, as its preset trains. Measured over four seeds: RLHF, without noise, within 1e-4 of its
/// minimiser; the others, one pair a step, within 0.027. Twice that is allowed.
#[test]
fn one_pair_a_step_ends_near_the_exact_minimisers_of_the_good_and_the_bad_prompt() {
    for preset in [Preset::Figure3Preservation, Preset::Figure3Swapped] {
        let problem = Problem::new(&preset.spec()).expect("a preset");
        for (k, (loss, path)) in runs(preset).into_iter().enumerate() {
            let last = &path[path.len() - 1].log_pi;
            for (found, end) in ExactSolver::new(&problem, problem.losses[k]).solve().iter().zip(last.chunks(3)) {
                let (apart, most) = (tv(&found.log_pi, end), if loss == Loss::ALL[0] { 1e-4 } else { 0.054 });
                assert!(apart <= most, "{loss:?} ends {apart} from {:?}", probs(&found.log_pi));
            }
        }
    }
}

/// The total variation between the policies that RLHF and DPO end at, as trained and exactly.
fn parting(spec: &Spec) -> (f64, f64) {
    let problem = Arc::new(Problem::new(spec).expect("a preset"));
    let trained = |k: usize| Run::new(Arc::clone(&problem), k).last().expect("a last snapshot").log_pi;
    let exact = |k: usize| ExactSolver::new(&problem, problem.losses[k]).solve().remove(0).log_pi;
    (tv(&trained(0), &trained(1)), tv(&exact(0), &exact(1)))
}

/// Figure 3, right. The preset's 100 epochs are not enough at the paper's rate: at α = 0 both are still on their way to the
/// policy they share, 0.22 from one another. Ten times as many bring them there: measured within 0.015 of the exact
/// distances, by the batches' noise, and twice that is allowed.
#[test]
fn trained_to_the_end_rlhf_and_dpo_part_with_weight_decay_as_their_minimisers_do() {
    let mut spec = Preset::Figure3Constraint.spec();
    let (early, shared) = parting(&spec);
    assert!(early > 0.1 && shared <= 1e-9, "{early} after 100 epochs, {shared} exactly");
    spec.optimiser.steps *= 10;
    let mut before = -1.0;
    for alpha in [0.0, 0.005, 0.01, 0.015, 0.02] {
        spec.weight_decay.alpha = alpha;
        let (trained, exact) = parting(&spec);
        assert!((trained - exact).abs() <= 0.03, "α {alpha}: {trained} against {exact}");
        assert!(trained > before, "α {alpha}: {trained} after {before}");
        before = trained;
    }
    // Without noise the two meet.
    (spec.weight_decay.alpha, spec.optimiser.batch_size, spec.optimiser.steps) = (0.0, None, 20_000);
    assert!(parting(&spec).0 <= 1e-3);
}

#[test]
fn a_run_repeats_to_the_last_bit() {
    assert_eq!(runs(Preset::Figure2Sampled)[4], runs(Preset::Figure2Sampled)[4]);
}
