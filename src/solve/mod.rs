//! Minimisers: exact ones, training runs towards them, sweeps over λ and α, and the verdicts that follow from the numbers.

pub mod bandit;
pub mod batch;
pub mod cost;
pub mod exact;
pub mod gradient;
pub mod graph;
pub mod newton;
pub mod one_label;
pub mod parts;
pub mod penalised;
pub mod run;
pub mod scores;
pub mod sweep;
pub mod verdict;

pub use exact::{ExactSolver, Minimiser, Start, Status};
pub use run::{Run, Snapshot};
