//! The language model's worker.

fn main() {
    typo_lab::worker::lm::serve();
}
