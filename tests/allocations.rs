//! A training step allocates nothing: counted by the allocator, on this thread alone.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::sync::Arc;

use allocation_counter::measure;
use common::{at, every_loss};
use typo_lab::loss::Loss;
use typo_lab::preference::Pairing;
use typo_lab::solve::Run;
use typo_lab::spec::{DecayOn, Preferences, Problem, PromptSpec, Spec};

/// Prompts whose policies fall off from action to action, each from another one on.
fn prompts(count: usize, actions: usize) -> Vec<PromptSpec> {
    let falling = |first: usize| -> Vec<f64> {
        let weights: Vec<f64> = (0..actions).map(|a| 1.0 / (1.0 + ((a + first) % actions) as f64)).collect();
        let total: f64 = weights.iter().sum();
        weights.iter().map(|w| w / total).collect()
    };
    let prompt =
        |x: usize| PromptSpec { name: format!("x{x}"), weight: 1.0, pi_ref: falling(x), pi_star: falling(2 * x + 1) };
    (0..count).map(prompt).collect()
}

/// A run that has given its first snapshot and taken its first step, and will give no other for a long time.
fn under_way(spec: &Spec, loss: Loss) -> Run {
    let mut spec = spec.clone();
    spec.losses = vec![at(loss, 0.1)];
    (spec.optimiser.steps, spec.optimiser.record_every) = (1_000_000, 1_000_000);
    let mut run = Run::new(Arc::new(Problem::new(&spec).expect("a problem")), 0);
    assert!(run.advance(0).is_some() && run.advance(1).is_none() && run.step() == 1);
    run
}

/// Every way in which a batch is drawn and a gradient computed.
fn experiments() -> Vec<Spec> {
    let population = |pairing| Preferences::Population { pairing };
    let sampled = Preferences::Sampled { draws: 200, seed: 3, pairing: Pairing::Uniform };
    let mut all = Vec::new();
    // Tallies of a few outcomes, of many, and of more than a batch has draws.
    for (count, actions) in [(1, 3), (3, 8), (4, 24)] {
        for preferences in [population(Pairing::Uniform), population(Pairing::Reference), sampled.clone()] {
            for batch_size in [None, Some(1), Some(20)] {
                for on in DecayOn::ALL {
                    let mut spec = Spec { prompts: prompts(count, actions), ..Spec::default() };
                    spec.preferences = preferences.clone();
                    spec.optimiser.batch_size = batch_size;
                    (spec.weight_decay.alpha, spec.weight_decay.on) = (0.01, on);
                    all.push(spec);
                }
            }
        }
    }
    all
}

#[test]
fn a_step_of_no_loss_allocates() {
    for spec in experiments() {
        for loss in every_loss() {
            let mut run = under_way(&spec, loss);
            let counted = measure(|| assert!(run.advance(50).is_none()));
            assert_eq!(counted.count_total, 0, "{loss:?} {}", spec.to_json());
            assert_eq!(run.step(), 51);
        }
    }
}

#[test]
fn the_counter_sees_what_a_snapshot_allocates() {
    let run = under_way(&Spec::default(), Loss::Typo);
    assert!(measure(|| assert_eq!(run.snapshot().step, 1)).count_total > 0);
}
