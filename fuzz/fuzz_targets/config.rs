//! Any text as a model's config.json.
#![no_main]

mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::config::file(data));
