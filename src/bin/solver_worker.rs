//! The solver's worker.

fn main() {
    typo_lab::worker::solver::serve();
}
