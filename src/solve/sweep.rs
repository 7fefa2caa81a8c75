//! Exact minimisers over a range of λ or α.

use super::exact::{ExactSolver, Minimiser};
use crate::spec::problem::Problem;
use crate::spec::{LossSpec, Sweep, SweepOver, WeightDecay};

/// One loss over the values of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The loss, with the λ that an α-sweep keeps.
    pub loss: LossSpec,
    /// Minimisers by prompt, then by value.
    pub prompts: Vec<Vec<Minimiser>>,
}

/// The series of one loss. Other losses do not enter, so that the page can recompute one alone.
pub fn series(problem: &Problem, loss: LossSpec, sweep: &Sweep) -> Series {
    series_told(problem, loss, sweep, || ())
}

/// The same, told of each value that is done.
pub fn series_told(problem: &Problem, loss: LossSpec, sweep: &Sweep, mut done: impl FnMut()) -> Series {
    let mut solver = ExactSolver::new(problem, loss);
    let mut prompts = vec![Vec::with_capacity(sweep.points); problem.prompts.len()];
    for value in sweep.values() {
        let (lambda, decay) = match sweep.over {
            SweepOver::Lambda => (value, problem.weight_decay),
            SweepOver::Alpha => (loss.lambda, WeightDecay { alpha: value, ..problem.weight_decay }),
        };
        for (found, by_value) in solver.at(lambda, decay).into_iter().zip(&mut prompts) {
            by_value.push(found);
        }
        done();
    }
    Series { loss, prompts }
}

/// Every loss of the problem.
pub fn sweep(problem: &Problem, sweep: &Sweep) -> Vec<Series> {
    problem.losses.iter().map(|l| series(problem, *l, sweep)).collect()
}
