//! The exact numbers behind the page, computed at once when the experiment changes, and once only.

use crate::solve::sweep::{self, Series};
use crate::solve::verdict::{Limits, Preservation};
use crate::solve::{ExactSolver, Minimiser};
use crate::spec::{LossSpec, Problem, Spec, SpecError, Sweep, SweepOver};

/// Everything exact about an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    pub problem: Problem,
    /// λ of the curves.
    pub lambdas: Vec<f64>,
    /// One a loss.
    pub losses: Vec<ExactLoss>,
}

/// Everything exact about one loss.
#[derive(Debug, Clone, PartialEq)]
pub struct ExactLoss {
    pub spec: LossSpec,
    /// At the chosen λ, by prompt.
    pub minimisers: Vec<Minimiser>,
    /// Over λ.
    pub series: Series,
    /// At both ends of λ.
    pub limits: LimitNumbers,
    /// Good and bad prompts over λ, where there are both.
    pub preservation: Option<Preservation>,
}

/// How far a loss's limits lie from where they should.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitNumbers {
    /// Total variation between λ → 0 and π*.
    pub to_star: f64,
    /// Mass that λ → 0 leaves outside the mode of π*.
    pub outside_mode: f64,
    /// Total variation between λ → ∞ and π_ref.
    pub to_reference: f64,
}

impl Exact {
    /// # Errors
    /// Where the experiment's data turn out empty.
    pub fn new(spec: &Spec) -> Result<Self, SpecError> {
        let problem = Problem::new(spec)?;
        let range = lambda_range(spec);
        let lambdas = range.values();
        let losses = problem.losses.iter().map(|l| ExactLoss::new(&problem, *l, &range, &lambdas)).collect();
        Ok(Self { problem, lambdas, losses })
    }
}

/// The range of the λ-curves: the experiment's own sweep, or the paper's where that is over α.
pub fn lambda_range(spec: &Spec) -> Sweep {
    match spec.sweep.over {
        SweepOver::Lambda => spec.sweep,
        SweepOver::Alpha => Sweep { over: SweepOver::Lambda, from: 1e-5, to: 1e3, points: 61 },
    }
}

impl ExactLoss {
    fn new(problem: &Problem, spec: LossSpec, range: &Sweep, lambdas: &[f64]) -> Self {
        let series = sweep::series(problem, spec, range);
        let limits = Limits::new(problem, spec);
        Self {
            spec,
            minimisers: ExactSolver::new(problem, spec).solve(),
            preservation: Preservation::from_series(problem, &series, lambdas),
            series,
            limits: LimitNumbers {
                to_star: limits.to_star(problem),
                outside_mode: limits.outside_mode(problem),
                to_reference: limits.to_reference(problem),
            },
        }
    }
}
