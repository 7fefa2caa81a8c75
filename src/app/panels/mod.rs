//! What stands around the figures: the losses' names, the transport, the verdicts, the numbers.

pub mod curves;
pub mod formula;
pub mod legend;
pub mod numbers;
pub mod paper;
pub mod share;
pub mod story;
pub mod summary;
pub mod table;
pub mod transport;
pub mod verdicts;
