//! The solver's speed, natively. `cargo bench --bench solver`; `node benches/run.mjs` sets it beside Chromium and the peers.

#[cfg(not(target_arch = "wasm32"))]
mod work;

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    use std::time::Duration;

    use criterion::{Criterion, Throughput};

    // Small samples: the whole list stays under two minutes, and medians of twenty samples differ by a percent or two.
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(800))
        .nresamples(2_000)
        .configure_from_args();
    let mut group = criterion.benchmark_group("solver");
    for mut work in work::all() {
        group.throughput(Throughput::Elements(work.units.into()));
        group.bench_function(work.name.clone(), |b| b.iter(|| work.call()));
    }
    group.finish();
    criterion.final_summary();
}

/// Criterion has no clock in wasm; `browser.rs` does the same work there.
#[cfg(target_arch = "wasm32")]
fn main() {}
