//! What must hold of any bytes that a parser is given. The fuzz targets ask it of bytes made up, `tests/corpora.rs` of those that
//! were kept.
// Each program compiles this folder for itself and uses its own part of it.
#![allow(dead_code)]

pub mod config;
pub mod experiment;
pub mod preferences;
pub mod safetensors;
pub mod tokenizer;
