//! Any bytes as a tokenizer.
#![no_main]

mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::tokenizer::files(data));
