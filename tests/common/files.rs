//! What the tests of the language model's files share.
// Each test program compiles this file for itself and uses its own part of it.
#![allow(dead_code)]

use std::fs;
use std::path::PathBuf;

use typo_lab::lm::file_error::FileError;
use typo_lab::lm::tokenizer::Tokenizer;

pub fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lm/tokenizer").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn trained() -> Tokenizer {
    Tokenizer::from_json(&fixture("tokenizer.json")).expect("the trained tokenizer")
}

/// A message is one short line that begins with a place.
pub fn is_plain(error: &FileError) -> bool {
    let line = error.to_string();
    !error.place.is_empty() && line.chars().count() < 600 && !line.chars().any(char::is_control)
}
