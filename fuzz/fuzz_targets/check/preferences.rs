//! Preferences in JSON lines: no response that was accepted is empty.

use typo_lab::lm::pairs::{self, Pair};

/// Any bytes as preferences.
pub fn file(data: &[u8]) {
    match pairs::read(data) {
        Ok(read) => {
            let filled = |pair: &Pair| match pair {
                Pair::Text(parts) => !parts.chosen.is_empty() && !parts.rejected.is_empty(),
                Pair::Ids(parts) => !parts.chosen.is_empty() && !parts.rejected.is_empty(),
            };
            assert!(read.iter().all(filled));
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}
