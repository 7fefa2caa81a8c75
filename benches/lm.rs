//! The language model's speed on every adapter found, the CPU's own path first: products in GFLOP/s, whole DPO steps in
//! tokens/s, and what a step's one read costs.

#![cfg(not(target_arch = "wasm32"))]

#[path = "work/lm.rs"]
mod work;

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use typo_lab::lm::compute::cpu::Cpu;
#[cfg(feature = "gpu")]
use typo_lab::lm::compute::gpu::{Gpu, adapters};
use typo_lab::lm::compute::{Compute, Form, ready};

use crate::work::{Matrices, QUEUED, SIZES, Size, TEXTS, TIME, Training};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// The products of a small model's step, one of GPT-2's own, and one that fills a large GPU.
const PRODUCTS: [(usize, usize, usize); 4] = [(512, 128, 512), (512, 512, 512), (1024, 768, 3072), (4096, 4096, 4096)];

fn products(group: &mut Group, compute: &mut impl Compute, sizes: &[(usize, usize, usize)]) {
    for &(m, k, n) in sizes {
        let matrices = Matrices::new(compute, (m, k, n));
        group.throughput(Throughput::Elements((2 * m * k * n * QUEUED) as u64));
        for form in [Form::NN, Form::NT, Form::TN] {
            group.bench_function(format!("{m}x{k}x{n}/{form:?}"), |bench| {
                bench.iter(|| ready(matrices.multiply(compute, form)));
            });
        }
        matrices.free(compute);
    }
}

fn steps(group: &mut Group, compute: &mut impl Compute, sizes: &[Size]) {
    for &size in sizes {
        let mut training = Training::new(compute, size);
        group.throughput(Throughput::Elements((TEXTS * TIME) as u64));
        group.bench_function(format!("{}/dpo-step", size.0), |bench| {
            bench.iter(|| ready(training.step(compute)));
        });
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{}/read", size.0), |bench| {
            bench.iter(|| ready(training.read(compute)));
        });
        training.free(compute);
    }
}

/// How many of [`PRODUCTS`] and [`SIZES`] a device is given: what it does within minutes.
#[derive(Clone, Copy)]
struct Share {
    products: usize,
    sizes: usize,
}

fn device(c: &mut Criterion, name: &str, compute: &mut impl Compute, share: Share) {
    let mut group = c.benchmark_group(format!("lm/{name}"));
    group.sample_size(10).measurement_time(Duration::from_secs(2));
    products(&mut group, compute, &PRODUCTS[..share.products]);
    steps(&mut group, compute, &SIZES[..share.sizes]);
}

fn devices(c: &mut Criterion) {
    let whole = 2 + usize::from(std::env::var_os("LM_BENCH_124M").is_some());
    device(c, "CPU", &mut Cpu::<f32>::new(), Share { products: 3, sizes: whole });
    #[cfg(feature = "gpu")]
    for adapter in ready(adapters()) {
        let share =
            if adapter.software { Share { products: 2, sizes: 1 } } else { Share { products: 4, sizes: whole } };
        match ready(Gpu::open(&adapter)) {
            Ok(mut gpu) => device(c, &adapter.to_string(), &mut gpu, share),
            Err(error) => eprintln!("{adapter}: {error}"),
        }
    }
}

criterion_group!(benches, devices);
criterion_main!(benches);
