//! Exact minimisers of finite data that no policy fits, or many fit alike: where a minimum is only a limit, where it is not
//! the only one, and which policy is given then.

#![cfg(not(target_arch = "wasm32"))]

mod common;
#[path = "common/exact.rs"]
mod exact;

use common::{case, config, counts, every_loss, lambda, policy};
use exact::{NONE, assert_stationary, counted, free, is_policy, minimise};
use proptest::prelude::*;
use serde_json::json;
use typo_lab::divergence::Divergence;
use typo_lab::loss::{Loss, Mu, Psi, Reward};
use typo_lab::simplex::{logs, tv};
use typo_lab::solve::{ExactSolver, Status};
use typo_lab::spec::{DecayOn, Problem, Spec, WeightDecay};

/// Losses whose pair part falls for ever as a margin grows.
fn never_satisfied() -> impl Iterator<Item = Loss> {
    [Loss::Dpo, Loss::Rlhf(Reward::Fitted), Loss::Qpo(Psi::Exponential, Mu::Log), Loss::Qpo(Psi::Savage, Mu::Log)]
        .into_iter()
        .chain(Divergence::ALL.map(Loss::FDpo))
}

/// Wins only from the earlier to the later of a random order; the order; two reference policies.
fn total_orders() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<f64>>, Vec<f64>, Vec<f64>)> {
    (2..=6usize).prop_flat_map(|n| {
        let order = Just((0..n).collect::<Vec<_>>()).prop_shuffle();
        let wins = prop::collection::vec(1..9u32, n * n);
        (order, wins, policy(n, 4.0), policy(n, 4.0)).prop_map(move |(order, wins, a, b)| {
            let mut table = vec![vec![0.0; n]; n];
            for (rank, &winner) in order.iter().enumerate() {
                for &loser in &order[rank + 1..] {
                    table[winner][loser] = f64::from(wins[winner * n + loser]);
                }
            }
            (order, table, a, b)
        })
    })
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn typo_is_interior_on_data_of_any_shape(case in case(2..=8usize, 4.0, counts), lambda in lambda(1e-6, 1e6)) {
        let found = free(&case.problem, Loss::Typo, lambda);
        prop_assert_eq!(found.status, Status::Interior);
        prop_assert!(found.unique && found.log_pi.iter().all(|z| z.is_finite()));
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn with_one_label_a_pair_dpo_and_f_dpo_are_at_the_boundary_and_forget_the_reference(
        (order, table, first, second) in total_orders(), lambda in lambda(1e-6, 1e6), other in lambda(1e-6, 1e6),
    ) {
        let (first, second) = (counted(first, table.clone()), counted(second, table));
        for loss in never_satisfied() {
            let found = free(&first.problem, loss, lambda);
            prop_assert_eq!(found.status, Status::Boundary, "{:?}", loss);
            prop_assert_eq!(&found, &free(&second.problem, loss, other), "{:?}", loss);
            for (action, z) in found.log_pi.iter().enumerate() {
                prop_assert_eq!(*z, if action == order[0] { 0.0 } else { f64::NEG_INFINITY });
            }
        }
    }

    #[test]
    fn with_one_label_a_pair_ipo_and_typo_stay_interior_and_keep_the_reference(
        (_, table, first, second) in total_orders(), lambda in lambda(1e-3, 1e3),
    ) {
        let (first, second) = (counted(first, table.clone()), counted(second, table));
        for loss in [Loss::Ipo, Loss::Typo] {
            let found = [&first, &second].map(|c| free(&c.problem, loss, lambda));
            for (found, case) in found.iter().zip([&first, &second]) {
                prop_assert_eq!(found.status, Status::Interior);
                prop_assert!(found.log_pi.iter().all(|z| z.is_finite()));
                assert_stationary(case, loss, lambda, NONE, found)?;
            }
            prop_assert!(first.spec == second.spec || found[0].log_pi != found[1].log_pi);
        }
    }

    #[test]
    fn data_in_two_separate_parts_leave_the_qpo_family_open_between_them(
        a in 1..9u32, b in 1..9u32, c in 1..9u32, d in 1..9u32, pi_ref in policy(4, 3.0), lambda in lambda(1e-2, 1e2),
    ) {
        let table = |i: usize, j: usize| [[0, a, 0, 0], [b, 0, 0, 0], [0, 0, 0, c], [0, 0, d, 0]][i][j];
        let table: Vec<Vec<f64>> = (0..4).map(|i| (0..4).map(|j| f64::from(table(i, j))).collect()).collect();
        let case = counted(pi_ref, table);
        let log_ref = &case.problem.prompts[0].log_ref;
        for loss in every_loss() {
            let found = free(&case.problem, loss, lambda);
            let open = loss.is_qpo() || loss == Loss::Rlhf(Reward::Fitted);
            prop_assert_eq!(found.unique, !open, "{:?}", loss);
            prop_assert!(is_policy(&found.log_pi));
            // Of the policies that do as well, the one nearest to π_ref: neither part gains on the other in θ.
            if matches!(loss, Loss::Dpo | Loss::Ipo | Loss::Qpo(_, Mu::Log)) {
                let ratio: Vec<f64> = found.log_pi.iter().zip(log_ref).map(|(z, r)| z - r).collect();
                let difference = ratio[0] + ratio[1] - ratio[2] - ratio[3];
                // Newton keeps each part's mean to a rounding of scores that reach 100 at λ = 0.01.
                prop_assert!(difference.abs() <= 1e-9 * (1.0 + 1.0 / lambda), "{loss:?}: {difference:e}");
            }
            let decayed = minimise(&case.problem, loss, lambda, WeightDecay { alpha: 0.1, on: DecayOn::Logits }).remove(0);
            prop_assert!(decayed.unique && is_policy(&decayed.log_pi), "{loss:?}");
        }
    }
}

#[test]
fn a_pair_that_was_never_lost_puts_dpo_at_the_boundary_and_ipo_nowhere_near() {
    let case = counted(vec![0.3, 0.7], vec![vec![0.0, 5.0], vec![0.0, 0.0]]);
    for loss in never_satisfied() {
        let found = free(&case.problem, loss, 0.5);
        assert_eq!((found.status, found.log_pi), (Status::Boundary, vec![0.0, f64::NEG_INFINITY]), "{loss:?}");
    }
    let ipo = free(&case.problem, Loss::Ipo, 0.5);
    // The margin is 1/(2λ) = 1 exactly.
    assert_eq!(ipo.status, Status::Interior);
    assert!((ipo.log_pi[0] - ipo.log_pi[1] - (0.3f64 / 0.7).ln() - 1.0).abs() < 1e-14);
}

/// Savage is bounded: giving up one of three pairs in a circle costs its mass, 1/10, and the others go to zero.
#[test]
fn a_circle_that_is_best_given_up_puts_savage_at_the_boundary() {
    let table = vec![vec![0.0, 8.0, 0.0], vec![0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0]];
    let found = free(&counted(vec![0.5, 0.3, 0.2], table).problem, Loss::Qpo(Psi::Savage, Mu::Log), 0.5);
    assert_eq!(found.status, Status::Boundary, "{:?}", found.log_pi);
}

/// The threshold ψ falls towards −1 as a margin grows, so that an action which never wins is pushed out for ever.
#[test]
fn a_pair_that_was_never_lost_puts_the_threshold_loss_at_the_boundary() {
    for mu in [Mu::Log, Mu::FPrime(Divergence::ForwardKl)] {
        let case = counted(vec![0.3, 0.7], vec![vec![0.0, 5.0], vec![0.0, 0.0]]);
        let found = free(&case.problem, Loss::Qpo(Psi::Threshold, mu), 9.0);
        assert_eq!(found.status, Status::Boundary, "{mu:?} {:?}", found.log_pi);
    }
}

/// One label a pair does not put a loss at the boundary by itself: it takes a group that is never beaten from outside.
#[test]
fn one_label_a_pair_in_a_circle_is_interior_and_fits_equal_rewards() {
    let case = counted(vec![0.5, 0.3, 0.2], vec![vec![0.0, 1.0, 0.0], vec![0.0, 0.0, 1.0], vec![1.0, 0.0, 0.0]]);
    for loss in [Loss::Dpo, Loss::FDpo(Divergence::JensenShannon), Loss::Ipo] {
        let found = free(&case.problem, loss, 0.5);
        assert_eq!(found.status, Status::Interior);
        assert!(tv(&found.log_pi, &case.problem.prompts[0].log_ref) < 1e-15, "{loss:?}");
    }
}

/// Equal wins of two actions under a ψ with a dent at zero: either may be moved up.
#[test]
fn two_minima_as_low_as_one_another_are_not_unique() {
    let case = counted(vec![0.5, 0.5], vec![vec![0.0, 1.0], vec![1.0, 0.0]]);
    let found = free(&case.problem, Loss::Qpo(Psi::Threshold, Mu::Log), 0.5);
    // λ = 1/2 below 1: p = 1/2 is above λ/(1 + λ), so that v = √(√2 − 1) and its opposite are the minima.
    let margin = (found.log_pi[0] - found.log_pi[1]).abs();
    assert!((margin - (2f64.sqrt() - 1.0).sqrt()).abs() < 1e-7, "{margin}");
    assert!(!found.unique);
}

#[test]
fn flat_minima_of_the_truncated_losses_give_the_policy_nearest_to_the_reference() {
    let chain = [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]];
    let tied = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]];
    for psi in ["hinge", "truncated-quadratic"] {
        let solve = |counts: &[[f64; 3]; 3]| {
            let spec = json!({
                "prompts": [{ "pi_ref": [0.25, 0.25, 0.5], "pi_star": [0.6, 0.3, 0.1] }],
                "preferences": { "source": "counts", "counts": [counts] },
                "losses": [{ "kind": "qpo", "psi": psi, "lambda": 1.0 }],
            });
            let problem = Problem::new(&Spec::from_text(&spec.to_string()).expect("a spec")).expect("a problem");
            ExactSolver::new(&problem, problem.losses[0]).solve().remove(0)
        };
        // Every margin of one and more does as well: the nearest has exactly one between neighbours.
        let found = solve(&chain);
        let ratio = |i: usize, r: f64| found.log_pi[i] - r.ln();
        assert!((ratio(0, 0.25) - ratio(1, 0.25) - 1.0).abs() < 1e-6, "{psi} {found:?}");
        assert!((ratio(1, 0.25) - ratio(2, 0.5) - 1.0).abs() < 1e-6, "{psi} {found:?}");
        assert!(!found.unique && found.status == Status::Interior, "{psi} {found:?}");
        // Equal wins, and an action that was never compared: π_ref itself.
        let found = solve(&tied);
        assert!(tv(&found.log_pi, &logs(&[0.25, 0.25, 0.5])) < 1e-6, "{psi} {found:?}");
        assert!(!found.unique);
    }
}
