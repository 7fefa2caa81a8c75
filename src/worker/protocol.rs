//! What the page and its solver say to each other. Every answer carries the run it belongs to.

use serde::{Deserialize, Serialize};

/// Counts the runs of a page; answers of any but the newest are dropped.
pub type RunId = u32;

/// The version that both sides must share: a stale worker from a cache is told apart by it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// From the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToSolver {
    /// Trains every loss of an experiment, dropping whatever runs.
    Start {
        /// The run.
        run: RunId,
        /// The experiment file.
        spec: String,
    },
    /// Drops whatever runs.
    Stop,
}

/// From the solver. The numbers of a batch travel beside it: one packed trace a loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromSolver {
    /// Sent once, first.
    Ready {
        /// [`VERSION`] of the worker.
        version: String,
    },
    /// New snapshots of every loss.
    Batch {
        /// The run.
        run: RunId,
        /// True with the last one.
        done: bool,
    },
    /// The experiment could not be run.
    Failed {
        /// The run.
        run: RunId,
        /// One sentence.
        message: String,
    },
}
