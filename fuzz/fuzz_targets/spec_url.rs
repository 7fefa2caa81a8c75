//! Any bytes as a link's fragment.
#![no_main]

mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::experiment::fragment(data));
