//! A model's weights: every tensor holds what its shape says, and all come back from what is written of them.

use typo_lab::lm::weights::{self, Precision};

/// Any bytes as a model's weights.
pub fn file(data: &[u8]) {
    match weights::read(data) {
        Ok(read) => {
            assert!(read.values().all(|t| t.shape.iter().product::<usize>() == t.data.len()));
            let again = weights::write(&read, Precision::F32).expect("what was read can be written");
            assert_eq!(weights::read(&again).expect("what was written can be read"), read);
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}
