//! Any bytes as preferences in JSON lines.
#![no_main]

mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::preferences::file(data));
