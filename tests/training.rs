//! Training at the ends of λ: whatever is minimised, no number of a run is lost.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::sync::Arc;

use common::{at, every_loss};
use typo_lab::preference::Pairing;
use typo_lab::simplex::{mean_zero, tv};
use typo_lab::solve::{ExactSolver, Run};
use typo_lab::spec::{DecayOn, Optimiser, OptimiserKind, Preferences, Preset, Problem, Spec};

/// The data of the presets' figures, and one label a pair, which pushes some losses outwards for ever.
fn experiments() -> Vec<Spec> {
    let sampled = Preferences::Sampled { draws: 200, seed: 3, pairing: Pairing::Uniform };
    vec![
        Preset::Figure2.spec(),
        Preset::Figure3Preservation.spec(),
        Preset::OneLabel.spec(),
        Spec { preferences: sampled, ..Preset::Figure3Swapped.spec() },
    ]
}

#[test]
fn every_loss_trains_at_the_ends_of_lambda_with_finite_policies_and_values_throughout() {
    for mut spec in experiments() {
        (spec.optimiser.steps, spec.optimiser.record_every) = (2_000, 1);
        for loss in every_loss() {
            for lambda in [1e-6, 1e6] {
                for (batch_size, kind) in
                    [(Some(20), OptimiserKind::Adam), (None, OptimiserKind::Adam), (Some(20), OptimiserKind::Sgd)]
                {
                    for on in DecayOn::ALL {
                        spec.optimiser.kind = kind;
                        // Far too long steps for gradient descent.
                        spec.optimiser.learning_rate = if kind == OptimiserKind::Sgd { 10.0 } else { 1e-3 };
                        spec.losses = vec![at(loss, lambda)];
                        spec.optimiser.batch_size = batch_size;
                        (spec.weight_decay.alpha, spec.weight_decay.on) =
                            (if on == DecayOn::Policy { 0.1 } else { 0.0 }, on);
                        let problem = Arc::new(Problem::new(&spec).expect("a problem"));
                        let mut snapshots = 0;
                        for snapshot in Run::new(problem, 0) {
                            let finite =
                                snapshot.log_pi.iter().all(|z| z.is_finite()) && snapshot.loss_value.is_finite();
                            assert!(finite, "{loss:?} λ {lambda:e} batch {batch_size:?} {kind:?} {on:?}: {snapshot:?}");
                            snapshots += 1;
                        }
                        assert_eq!(snapshots, 2_001);
                    }
                }
            }
        }
    }
}

/// ψ′(0) = 0: what equals π_ref has no slope, so that descent from there stays.
#[test]
fn training_the_threshold_loss_never_leaves_the_reference() {
    let mut spec = Preset::Threshold.spec();
    spec.optimiser.steps = 500;
    let problem = Arc::new(Problem::new(&spec).expect("a preset"));
    let reference: Vec<f64> = problem.prompts.iter().flat_map(|p| p.log_ref.clone()).collect();
    for snapshot in Run::new(problem, 0) {
        assert!(snapshot.log_pi.iter().zip(&reference).all(|(a, b)| (a - b).abs() < 1e-12), "{snapshot:?}");
    }
}

/// An experiment of gradient descent on the full expectation.
fn descent(preset: Preset, learning_rate: f64, steps: u64, clip_norm: f64) -> Spec {
    let base = preset.spec();
    let optimiser = Optimiser {
        kind: OptimiserKind::Sgd,
        learning_rate,
        batch_size: None,
        clip_norm,
        steps,
        record_every: steps,
        ..base.optimiser
    };
    Spec { optimiser, ..base }
}

/// The slopes by central differences of the objective itself, and the way one step went, prompt after prompt.
#[test]
fn a_step_of_gradient_descent_is_the_clipped_gradient_times_the_rate() {
    const H: f64 = 1e-5;
    for (loss, lambda) in every_loss().into_iter().flat_map(|l| [(l, 0.3), (l, 2.0)]) {
        for clip_norm in [1e3, 0.02] {
            let mut spec = descent(Preset::Figure3Preservation, 0.1, 1, clip_norm);
            spec.losses = vec![at(loss, lambda)];
            spec.weight_decay.alpha = 0.05;
            let problem = Arc::new(Problem::new(&spec).expect("a problem"));
            let actions = problem.actions();
            // Anywhere but at a kink of ψ, which π_ref is for some.
            let begin: Vec<f64> = (0..2 * actions).map(|k| 0.1 * (k as f64).sin()).collect();
            let value = |theta: &[f64]| Run::new(Arc::clone(&problem), 0).starting_at(theta).snapshot().loss_value;
            let slope = |k: usize| {
                let (mut above, mut below) = (begin.clone(), begin.clone());
                (above[k], below[k]) = (begin[k] + H, begin[k] - H);
                (value(&above) - value(&below)) / (2.0 * H)
            };
            let mut gradient: Vec<f64> = (0..begin.len()).map(slope).collect();
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            for g in &mut gradient {
                *g *= (clip_norm / norm).min(1.0);
            }
            let end = Run::new(Arc::clone(&problem), 0).starting_at(&begin).last().expect("a snapshot");
            for x in 0..2 {
                let place = x * actions..(x + 1) * actions;
                let expected: Vec<f64> = place.clone().map(|k| begin[k] - 0.1 * gradient[k]).collect();
                let (expected, found) = (mean_zero(&expected), mean_zero(&end.log_pi[place]));
                let close = expected.iter().zip(&found).all(|(e, f)| (e - f).abs() < 1e-7);
                assert!(close, "{loss:?} λ {lambda} clip {clip_norm}: {expected:?} {found:?}");
            }
        }
    }
}

#[test]
fn gradient_descent_ends_at_the_exact_minimiser_too() {
    for (k, kind) in ["rlhf", "dpo", "ipo", "f-dpo", "typo"].into_iter().enumerate() {
        let mut spec = descent(Preset::Figure3Preservation, 1.0, 20_000, 10.0);
        for l in &mut spec.losses {
            (l.lambda, l.learning_rate, l.steps) = (0.5, None, None);
        }
        let problem = Arc::new(Problem::new(&spec).expect("a preset"));
        assert_eq!(spec.losses[k].loss.key(), kind);
        let exact = ExactSolver::new(&problem, spec.losses[k]).solve();
        let end = Run::new(Arc::clone(&problem), k).last().expect("a snapshot");
        for (found, reached) in exact.iter().zip(end.log_pi.chunks(problem.actions())) {
            assert!(tv(&found.log_pi, reached) < 1e-9, "{kind}: {:?} {reached:?}", found.log_pi);
        }
    }
}
