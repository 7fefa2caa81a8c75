//! The language model: GPT-2, its files, and its training with the same losses as the bandit.
//!
//! A sequence policy enters every loss only through `log π_θ(y|x)`, summed over the response's tokens. So what goes back
//! through the network is one coefficient a sequence, and [`crate::loss`] gives it.

pub mod align;
mod backward;
pub mod compute;
pub mod config;
pub mod epochs;
pub mod file_error;
pub mod gpt2;
pub mod gradients;
pub mod lora;
pub mod objective;
pub mod optimiser;
pub mod pairs;
pub mod reward;
pub mod run;
pub mod sample;
pub mod tensors;
pub mod tokenizer;
pub mod weights;
mod workspace;
pub mod world;
