//! What stands around the figures: the losses' names, the transport, the verdicts, the numbers.

pub mod legend;
pub mod numbers;
pub mod transport;
pub mod verdicts;
