//! Any bytes as a model's weights.
#![no_main]

mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::safetensors::file(data));
