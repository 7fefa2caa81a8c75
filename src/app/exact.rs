//! The exact numbers behind the page, computed at once when the experiment changes, and once only.

use super::state::View;
use crate::solve::sweep::{self, Series};
use crate::solve::verdict::{Limits, Preservation, Tie, Ties};
use crate::solve::{ExactSolver, Minimiser};
use crate::spec::{LossSpec, Problem, Spec, SpecError, Sweep, WeightDecay};

/// Everything exact about an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Exact {
    pub problem: Problem,
    /// λ of the curves.
    pub lambdas: Vec<f64>,
    /// α of the constraint's curves.
    pub alphas: Vec<f64>,
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
    /// At both ends of λ, under the experiment's own weight decay.
    pub limits: Limits,
    /// Good and bad prompts over λ, where there are both.
    pub preservation: Option<Preservation>,
    /// What weight decay does, where a view shows it.
    pub constraint: Option<Constraint>,
}

/// What weight decay does to one loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// Minimisers over α.
    pub series: Series,
    /// Distance from the RLHF problem that the loss is tied to, by prompt, then by α: `KL(π_RLHF ‖ π)` in nats.
    pub gap: Vec<Vec<f64>>,
    /// At the chosen α, by prompt.
    pub now: Vec<Tie>,
}

impl Exact {
    /// What every view shows, and what this one alone does.
    ///
    /// # Errors
    /// Where the experiment's data turn out empty.
    pub fn new(spec: &Spec, view: View) -> Result<Self, SpecError> {
        let problem = Problem::new(spec)?;
        let (over_lambda, over_alpha) = (spec.sweep.over_lambda(), spec.sweep.over_alpha());
        let (lambdas, alphas) = (over_lambda.values(), over_alpha.values());
        let one = |l: &LossSpec| ExactLoss {
            constraint: (view == View::Constraints).then(|| Constraint::new(&problem, *l, &over_alpha)),
            ..ExactLoss::new(&problem, *l, &over_lambda, &lambdas)
        };
        let losses = problem.losses.iter().map(one).collect();
        Ok(Self { problem, lambdas, alphas, losses })
    }
}

impl ExactLoss {
    fn new(problem: &Problem, spec: LossSpec, range: &Sweep, lambdas: &[f64]) -> Self {
        let series = sweep::series(problem, spec, range);
        Self {
            spec,
            minimisers: ExactSolver::new(problem, spec).solve(),
            preservation: Preservation::from_series(problem, &series, lambdas),
            series,
            limits: Limits::under(problem, spec, problem.weight_decay),
            constraint: None,
        }
    }
}

impl Constraint {
    fn new(problem: &Problem, loss: LossSpec, range: &Sweep) -> Self {
        let mut all = Ties::new(problem, loss);
        let mut at = |alpha: f64| all.at(WeightDecay { alpha, ..problem.weight_decay });
        let ties: Vec<Vec<Tie>> = range.values().into_iter().map(&mut at).collect();
        let over_alpha = |x: usize| ties.iter().map(move |t| &t[x]);
        let prompts = 0..problem.prompts.len();
        Self {
            gap: prompts.clone().map(|x| over_alpha(x).map(|t| distance(problem, t)).collect()).collect(),
            series: Series { loss, prompts: prompts.map(|x| over_alpha(x).map(|t| t.own.clone()).collect()).collect() },
            now: at(problem.weight_decay.alpha),
        }
    }
}

/// `KL(π_RLHF ‖ π)` under the chosen convention, as in figure 3.
pub fn distance(problem: &Problem, tie: &Tie) -> f64 {
    problem.distance(&tie.rlhf, &tie.own.log_pi)
}
