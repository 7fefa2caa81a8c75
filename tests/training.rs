//! Training at the ends of λ: whatever is minimised, no number of a run is lost.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::sync::Arc;

use common::{at, every_loss};
use typo_lab::preference::Pairing;
use typo_lab::solve::Run;
use typo_lab::spec::{DecayOn, Preferences, Preset, Problem, Spec};

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
                for batch_size in [Some(20), None] {
                    for on in DecayOn::ALL {
                        spec.losses = vec![at(loss, lambda)];
                        spec.optimiser.batch_size = batch_size;
                        (spec.weight_decay.alpha, spec.weight_decay.on) =
                            (if on == DecayOn::Policy { 0.1 } else { 0.0 }, on);
                        let problem = Arc::new(Problem::new(&spec).expect("a problem"));
                        let mut snapshots = 0;
                        for snapshot in Run::new(problem, 0) {
                            let finite =
                                snapshot.log_pi.iter().all(|z| z.is_finite()) && snapshot.loss_value.is_finite();
                            assert!(finite, "{loss:?} λ {lambda:e} batch {batch_size:?} {on:?}: {snapshot:?}");
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
