//! How much must be done again after a change of the experiment. Decided here and nowhere else.

use super::{LossSpec, Spec};

/// The grade of a change, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing that is computed changes: colours, names, the sweep's range.
    Redraw,
    /// λ, α, rates: a run may go on from its current θ.
    Continue,
    /// Policies, data, seeds, the list of losses: a run starts anew.
    Restart,
}

impl Change {
    /// The grade of the step from one experiment to another.
    pub fn between(old: &Spec, new: &Spec) -> Self {
        let kinds = |s: &Spec| s.losses.iter().map(|l| l.loss).collect::<Vec<_>>();
        let policies =
            |s: &Spec| s.prompts.iter().map(|p| (p.weight, p.pi_ref.clone(), p.pi_star.clone())).collect::<Vec<_>>();
        if old.preferences != new.preferences
            || kinds(old) != kinds(new)
            || old.optimiser.seed != new.optimiser.seed
            || policies(old) != policies(new)
        {
            return Self::Restart;
        }
        let settings = |s: &Spec| (s.weight_decay, s.optimiser, s.kl);
        let strengths = |s: &Spec| s.losses.iter().map(strength).collect::<Vec<_>>();
        if settings(old) != settings(new) || strengths(old) != strengths(new) {
            return Self::Continue;
        }
        Self::Redraw
    }
}

fn strength(l: &LossSpec) -> (f64, Option<f64>, Option<u64>) {
    (l.lambda, l.learning_rate, l.steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_graded_by_what_they_invalidate() {
        let old = Spec::default();
        let with = |edit: fn(&mut Spec)| {
            let mut new = old.clone();
            edit(&mut new);
            Change::between(&old, &new)
        };
        assert_eq!(with(|_| {}), Change::Redraw);
        assert_eq!(with(|s| s.prompts[0].name = "another".into()), Change::Redraw);
        assert_eq!(with(|s| s.sweep.points = 7), Change::Redraw);
        assert_eq!(with(|s| s.losses[0].lambda = 2.0), Change::Continue);
        assert_eq!(with(|s| s.weight_decay.alpha = 2.0), Change::Continue);
        assert_eq!(with(|s| s.optimiser.seed = 2), Change::Restart);
        assert_eq!(with(|s| s.prompts[0].pi_star = vec![0.2, 0.3, 0.5]), Change::Restart);
    }
}
