//! Any bytes as preferences in JSON lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use typo_lab::lm::pairs::{self, Pair};

fuzz_target!(|data: &[u8]| match pairs::read(data) {
    Ok(read) => {
        let filled = |pair: &Pair| match pair {
            Pair::Text(parts) => !parts.chosen.is_empty() && !parts.rejected.is_empty(),
            Pair::Ids(parts) => !parts.chosen.is_empty() && !parts.rejected.is_empty(),
        };
        assert!(read.iter().all(filled));
    }
    Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
});
