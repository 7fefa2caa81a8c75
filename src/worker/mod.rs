//! The solver in a worker of its own, so that the page never waits for it.

pub mod port;
pub mod protocol;
pub mod solver;
