//! A GPU to test on.
#![allow(dead_code)]

use typo_lab::lm::compute::gpu::{Adapter, Gpu, adapters};
use typo_lab::lm::compute::{Compute, Span, ready};

pub fn adapter() -> Adapter {
    let found = ready(adapters()).into_iter().next();
    found.expect("no GPU adapter was found: install a Vulkan driver, in software if need be (.ci/setup.sh vulkan)")
}

pub fn gpu() -> Gpu {
    ready(Gpu::open(&adapter())).expect("a device")
}

/// What a span holds.
pub fn read(compute: &mut impl Compute, span: Span) -> Vec<f32> {
    ready(compute.read(span)).expect("the device")
}
