//! The engine as wasm on a browser's WebGPU, against PyTorch, Transformers and TRL, as `lm_gpu.rs` natively.
//!
//! The browser's own shader compiler reads the kernels here, divided for a GPU and for a processor that plays one.
#![cfg(target_arch = "wasm32")]

#[path = "common/lm.rs"]
mod common;

use common::{
    Fixture, KINDS, NAMES, cached_logits_are_those_of_transformers, gradients_are_those_of_pytorch,
    log_probabilities_are_those_of_transformers, ten_steps_are_those_of_pytorch, values_and_gradients_are_those_of_trl,
};
use js_sys::{ArrayBuffer, WebAssembly::Memory};
use typo_lab::lm::compute::cpu::Cpu;
use typo_lab::lm::compute::gpu::{Gpu, adapters};
use typo_lab::lm::compute::{Compute, Epilogue, Form, Product};
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test as test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// The accuracy asked of a GPU, relative, tensor by tensor.
const ACCURACY: f64 = 1e-3;

/// The browser's device, its kernels divided as for `software` or not.
async fn divided(software: bool) -> Gpu {
    let mut adapter = adapters().await.into_iter().next().expect("this browser offers a WebGPU");
    adapter.software = software;
    Gpu::open(&adapter).await.expect("a device")
}

#[test]
async fn sequence_log_probabilities_are_those_of_transformers() {
    for software in [false, true] {
        log_probabilities_are_those_of_transformers(&mut divided(software).await, ACCURACY).await;
    }
}

#[test]
async fn cached_logits_are_those_of_transformers_whatever_the_stride() {
    cached_logits_are_those_of_transformers(&mut divided(true).await, ACCURACY).await;
}

#[test]
async fn every_loss_s_gradients_are_those_of_pytorch() {
    for software in [false, true] {
        gradients_are_those_of_pytorch(&mut divided(software).await, ACCURACY).await;
    }
}

#[test]
async fn dpo_ipo_and_f_dpo_are_those_of_trl_s_trainer() {
    values_and_gradients_are_those_of_trl(&mut divided(true).await, ACCURACY).await;
}

#[test]
async fn ten_steps_of_every_loss_are_those_of_pytorch() {
    let mut gpu = divided(true).await;
    for name in NAMES {
        let fixture = Fixture::read(name);
        for kind in KINDS {
            ten_steps_are_those_of_pytorch(&mut gpu, &fixture, kind, (ACCURACY, ACCURACY)).await;
        }
    }
}

/// A product in enough tiles for the large ones, which no fixture is.
#[test]
async fn a_large_product_is_that_of_the_cpu() {
    async fn multiplied(compute: &mut impl Compute) -> Vec<f32> {
        let (m, k, n) = (70, 20, 8_200);
        let numbers = |len: usize, step: usize| (0..len).map(|i| (i * step % 17) as f32 - 8.0).collect::<Vec<_>>();
        let spans = [m * n, m * k, k * n].map(|len| compute.alloc(len).expect("room"));
        compute.write(spans[1], &numbers(m * k, 5));
        compute.write(spans[2], &numbers(k * n, 7));
        compute.matmul(spans[0], spans[1], spans[2], Product { form: Form::NN, m, k, n }, Epilogue::Store);
        common::read(compute, spans[0]).await
    }
    let expected = multiplied(&mut Cpu::<f64>::new()).await;
    for software in [false, true] {
        // Whole numbers: there is nothing to round.
        assert!(multiplied(&mut divided(software).await).await == expected, "divided as for software: {software}");
    }
}

fn wasm_bytes() -> u32 {
    let memory: Memory = wasm_bindgen::memory().unchecked_into();
    memory.buffer().unchecked_into::<ArrayBuffer>().byte_length()
}

#[test]
async fn five_hundred_steps_take_no_more_memory_than_fifty() {
    let fixture = Fixture::read("small");
    let mut gpu = divided(true).await;
    let (mut trainer, log_ref) = fixture.trainer(&mut gpu, "typo", 6).await;
    let mut after_fifty = (0, 0);
    for step in 1..=500 {
        trainer.step(&mut gpu, &fixture.items("typo", &log_ref)).await.expect("a step");
        if step == 50 {
            after_fifty = (wasm_bytes(), gpu.held());
        }
    }
    assert_eq!((wasm_bytes(), gpu.held()), after_fifty);
}
