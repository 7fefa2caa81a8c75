//! Any bytes as an experiment file.
#![no_main]

mod check;

use libfuzzer_sys::fuzz_target;
use typo_lab::spec::Spec;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Spec::from_text(text) {
        Ok(spec) => check::spec(&spec),
        Err(error) => check::error(&error),
    }
});
