//! The engine on the GPU against PyTorch and Transformers, and at the size of GPT-2's vocabulary against the CPU.
//!
//! They need an adapter, if only one in software (Debian: mesa-vulkan-drivers), and fail without one.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/lm.rs"]
mod common;
#[path = "common/gpu.rs"]
mod device;

use std::collections::BTreeMap;

use common::{
    Fixture, KINDS, NAMES, cached_logits_are_those_of_transformers, gradients_are_those_of_pytorch,
    log_probabilities_are_those_of_transformers, ten_steps_are_those_of_pytorch, values_and_gradients_are_those_of_trl,
};
use device::{adapter, gpu, read};
use typo_lab::lm::align::{Trainer, score};
use typo_lab::lm::compute::cpu::Cpu;
use typo_lab::lm::compute::gpu::Gpu;
use typo_lab::lm::compute::{Compute, ready};
use typo_lab::lm::config::Config;
use typo_lab::lm::gpt2::{Gpt2, Text};
use typo_lab::lm::lora::{Lora, LoraSettings, Target};
use typo_lab::lm::objective::{Item, Objective};
use typo_lab::lm::optimiser::Optimiser;
use typo_lab::lm::sample::Decoder;
use typo_lab::preference::Random;

/// The accuracy asked of the GPU, relative, tensor by tensor.
const ACCURACY: f64 = 1e-3;

/// A model of GPT-2's vocabulary on a device: a step's log-probabilities and weights, and a cached row of logits.
fn whole(compute: &mut impl Compute) -> BTreeMap<String, Vec<f32>> {
    let config = Config::new(1, 2, 8, 40, 50_257).expect("a configuration");
    let mut random = Random::new(2);
    let mut text = |n: usize| Text { ids: (0..n).map(|_| random.below(50_257)).collect(), prompt: 1 };
    let texts = [text(40), text(23)];
    let model = Gpt2::new(compute, config, (2, 40), true).expect("room");
    let mut random = Random::new(4);
    for span in model.params.spans.values() {
        let noise: Vec<f32> = (0..span.len).map(|_| random.unit() as f32 - 0.5).collect();
        compute.write(*span, &noise);
    }
    let mut trainer = Trainer::new(compute, model, None, Objective::Sft, Optimiser::default()).expect("room");
    let items: Vec<Item> = texts.iter().map(Item::Imitate).collect();
    ready(trainer.gradients(compute, &items)).expect("gradients");
    let mut told = BTreeMap::new();
    for (name, span) in &trainer.grads.arenas().spans {
        told.insert(name.clone(), read(compute, *span));
    }
    told.insert("logp".to_owned(), read(compute, trainer.model.log_prob_span().expect("a forward")));
    let mut decoder = Decoder::new(compute, &trainer.model, 2, 5).expect("room");
    let logits = decoder.feed(compute, &trainer.model, &[7, 50_256, 3, 40_000]).expect("logits");
    told.insert("logits".to_owned(), read(compute, logits));
    told
}

#[test]
fn gpt_2_s_vocabulary_whole_and_through_windows() {
    let expected = whole(&mut Cpu::<f64>::new());
    for bytes in [u64::MAX, 256 << 10] {
        let got = whole(&mut ready(Gpu::open_within(&adapter(), bytes)).expect("a device"));
        for (name, expected) in &expected {
            let (expected, got) = (expected.as_slice(), got[name].as_slice());
            // The bias of the keys has no gradient but rounding.
            let keep = if name.ends_with("c_attn.bias") { expected.len() / 3 } else { expected.len() };
            let off = common::distance(&got[..keep], &expected[..keep]);
            assert!(off < ACCURACY, "{name} within {bytes}: {off:e}");
        }
    }
}

#[test]
fn sequence_log_probabilities_are_those_of_transformers() {
    ready(log_probabilities_are_those_of_transformers(&mut gpu(), ACCURACY));
}

#[test]
fn cached_logits_are_those_of_transformers_whatever_the_stride() {
    ready(cached_logits_are_those_of_transformers(&mut gpu(), ACCURACY));
}

#[test]
fn every_loss_s_gradients_are_those_of_pytorch() {
    ready(gradients_are_those_of_pytorch(&mut gpu(), ACCURACY));
}

#[test]
fn dpo_ipo_and_f_dpo_are_those_of_trl_s_trainer() {
    ready(values_and_gradients_are_those_of_trl(&mut gpu(), ACCURACY));
}

#[test]
fn ten_steps_of_every_loss_are_those_of_pytorch() {
    let mut gpu = gpu();
    for name in NAMES {
        let fixture = Fixture::read(name);
        for kind in KINDS {
            ready(ten_steps_are_those_of_pytorch(&mut gpu, &fixture, kind, (ACCURACY, ACCURACY)));
        }
    }
}

/// Adapters of every matrix after some steps, of a rank that no vector divides.
fn adapted(compute: &mut impl Compute) -> BTreeMap<String, Vec<f32>> {
    let fixture = Fixture::read("odd");
    let mut model = fixture.model(compute, 6);
    let log_ref = ready(score(compute, &mut model, &fixture.all_texts())).expect("scores");
    let settings = LoraSettings { rank: 3, alpha: 6.0, targets: Target::ALL.to_vec() };
    let lora = Lora::new(compute, &model, &settings, 1).expect("room");
    let (objective, optimiser) = (fixture.objective("dpo"), fixture.optimiser());
    let mut trainer = Trainer::new(compute, model, Some(lora), objective, optimiser).expect("room");
    for _ in 0..3 {
        ready(trainer.step(compute, &fixture.items("dpo", &log_ref))).expect("a step");
    }
    let spans = trainer.grads.arenas().spans.clone();
    spans.into_iter().map(|(name, span)| (name, read(compute, span))).collect()
}

#[test]
fn adapters_gradients_are_those_of_the_cpu() {
    let (expected, got) = (adapted(&mut Cpu::<f64>::new()), adapted(&mut gpu()));
    for (name, expected) in &expected {
        let off = common::distance(&got[name], expected);
        assert!(off < ACCURACY, "{name}: {off:e}");
    }
}

#[test]
fn the_same_steps_give_the_same_bits() {
    let fixture = Fixture::read("odd");
    let weights = || {
        let mut gpu = gpu();
        let (mut trainer, log_ref) = ready(fixture.trainer(&mut gpu, "typo", 6));
        for _ in 0..3 {
            ready(trainer.step(&mut gpu, &fixture.items("typo", &log_ref))).expect("a step");
        }
        trainer.model.params.buffers.iter().flat_map(|b| read(&mut gpu, *b)).map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(weights(), weights());
}
