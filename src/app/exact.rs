//! The exact numbers behind the page, computed at once when the experiment changes, and once only.

use std::rc::Rc;

use super::state::View;
use crate::loss::Loss;
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
    /// At every λ.
    pub curves: Rc<Curves>,
    /// What weight decay does, where a view shows it.
    pub constraint: Option<Constraint>,
}

/// What the chosen λ does not enter: it stays while that moves.
#[derive(Debug, PartialEq)]
pub struct Curves {
    /// Over λ.
    pub series: Series,
    /// At both ends of λ, under the experiment's own weight decay.
    pub limits: Limits,
    /// Good and bad prompts over λ, where there are both.
    pub preservation: Option<Preservation>,
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
    /// What every view shows, and what this one alone does. Curves that the numbers `before` hold already are taken over from them.
    ///
    /// # Errors
    /// Where the experiment's data turn out empty.
    pub fn new(spec: &Spec, view: View, before: Option<&Self>) -> Result<Self, SpecError> {
        let problem = Problem::new(spec)?;
        let (over_lambda, over_alpha) = (spec.sweep.over_lambda(), spec.sweep.over_alpha());
        let (lambdas, alphas) = (over_lambda.values(), over_alpha.values());
        let before = before.filter(|b| b.lambdas == lambdas && is_same_but_for_losses(&b.problem, &problem));
        let one = |l: &LossSpec| {
            let known = before.and_then(|b| b.losses.iter().find(|known| known.spec.loss == l.loss));
            let computed = || Rc::new(Curves::new(&problem, l.loss, &over_lambda, &lambdas));
            ExactLoss {
                spec: *l,
                minimisers: ExactSolver::new(&problem, *l).solve(),
                curves: known.map_or_else(computed, |known| Rc::clone(&known.curves)),
                constraint: (view == View::Constraints).then(|| Constraint::new(&problem, *l, &over_alpha)),
            }
        };
        let losses = problem.losses.iter().map(one).collect();
        Ok(Self { problem, lambdas, alphas, losses })
    }
}

/// Whether a loss has the same minimisers under both.
fn is_same_but_for_losses(a: &Problem, b: &Problem) -> bool {
    (a.weight_decay, a.kl) == (b.weight_decay, b.kl) && a.prompts == b.prompts
}

impl Curves {
    fn new(problem: &Problem, loss: Loss, range: &Sweep, lambdas: &[f64]) -> Self {
        let at_any = LossSpec { loss, lambda: 1.0, learning_rate: None, steps: None };
        let series = sweep::series(problem, at_any, range);
        Self {
            preservation: Preservation::from_series(problem, &series, lambdas),
            series,
            limits: Limits::under(problem, at_any, problem.weight_decay),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{KlConvention, Preset};

    #[test]
    fn what_is_taken_over_is_what_would_be_computed() {
        let figure = Preset::Figure3Preservation.spec();
        let edits: [(bool, fn(&mut Spec)); 6] = [
            (true, |s| s.losses.iter_mut().for_each(|l| l.lambda = 0.3)),
            (false, |s| s.weight_decay.alpha = 0.02),
            (false, |s| s.prompts[1].pi_star.swap(0, 1)),
            (true, |s| s.losses[1..].reverse()),
            (false, |s| s.sweep.points = 31),
            (false, |s| s.kl = KlConvention::Authors),
        ];
        for view in [View::Preservation, View::Constraints] {
            let before = Exact::new(&figure, view, None).expect("data");
            for (stays, edit) in edits {
                let mut spec = figure.clone();
                edit(&mut spec);
                let computed = Exact::new(&spec, view, None).expect("data");
                let taken = Exact::new(&spec, view, Some(&before)).expect("data");
                assert_ne!(taken, before);
                assert_eq!(taken, computed);
                assert_eq!(Rc::ptr_eq(&taken.losses[0].curves, &before.losses[0].curves), stays);
            }
        }
    }
}
