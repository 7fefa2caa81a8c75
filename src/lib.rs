//! Preference-optimisation losses on a bandit: what RLHF, DPO, IPO, f-DPO and TYPO do, computed and drawn.
//!
//! The paper is Hu, He and Wipf, *New Desiderata for Direct Preference Optimization*; equation numbers are its own.
//! Modules are listed from the bottom up: each imports only from those above it (`tests/layers.rs` holds them to it).

pub mod simplex;

pub mod divergence;

pub mod preference;

pub mod loss;

pub mod spec;

pub mod solve;

pub mod story;

pub mod export;
pub mod trace;

#[cfg(feature = "figure")]
pub mod figure;

#[cfg(feature = "lm")]
pub mod lm;

#[cfg(feature = "worker")]
pub mod worker;

#[cfg(feature = "app")]
pub mod app;

#[cfg(feature = "cli")]
pub mod cli;
