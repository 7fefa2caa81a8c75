//! Results as the headless program prints them, for the experiment on the page.

use serde_json::Value;

use crate::export;
use crate::solve::{ExactSolver, sweep, verdict};
use crate::spec::{LossSpec, Problem, Spec, SpecError};
use crate::trace::Trace;

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Spec,
    Minimise,
    Train,
    Sweep,
    Verdict,
}

/// Numbers of a run that a message carries at most: some twenty megabytes of text.
const MOST_NUMBERS: usize = 1_000_000;

impl Part {
    pub const ALL: [Self; 5] = [Self::Spec, Self::Minimise, Self::Train, Self::Sweep, Self::Verdict];

    /// Its name in messages, and the headless program's command.
    pub fn key(self) -> &'static str {
        match self {
            Self::Spec => "spec",
            Self::Minimise => "minimise",
            Self::Train => "train",
            Self::Sweep => "sweep",
            Self::Verdict => "verdict",
        }
    }

    /// What `typo-lab` prints for the experiment, given the page's own runs.
    ///
    /// # Errors
    /// Why there is no such result, in one sentence.
    pub fn of(self, spec: &Spec, traces: &[Trace]) -> Result<Value, String> {
        let said = |e: SpecError| format!("{e}.");
        let problem = Problem::new(spec).map_err(said)?;
        match self {
            Self::Spec => Ok(spec.to_json()),
            Self::Minimise => {
                let found: Vec<_> =
                    problem.losses.iter().map(|l| (*l, ExactSolver::new(&problem, *l).solve())).collect();
                Ok(export::minimisers(&problem, &found))
            }
            Self::Train => runs(&problem, traces),
            Self::Sweep => {
                spec.check_sweep().map_err(said)?;
                Ok(export::sweep(&problem, &spec.sweep, &sweep::sweep(&problem, &spec.sweep)))
            }
            Self::Verdict => {
                spec.check_sweep().map_err(said)?;
                Ok(export::verdicts(&verdict::verdicts(&problem, &spec.sweep)))
            }
        }
    }
}

fn runs(problem: &Problem, traces: &[Trace]) -> Result<Value, String> {
    let numbers: usize = traces.iter().map(|t| t.len() * t.width).sum();
    if numbers > MOST_NUMBERS {
        return Err(format!(
            "The runs hold {numbers} numbers, more than a message carries; record fewer snapshots, or use typo-lab train."
        ));
    }
    let traces: Vec<(LossSpec, Trace)> = problem.losses.iter().copied().zip(traces.iter().cloned()).collect();
    Ok(export::runs(problem, &traces))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::solve::Run;
    use crate::spec::Preset;

    fn traces(spec: &Spec) -> Vec<Trace> {
        let problem = Arc::new(Problem::new(spec).expect("a preset"));
        let trace = |k: usize| {
            let mut trace = Trace::new(problem.prompts.len() * problem.actions());
            Run::new(Arc::clone(&problem), k).for_each(|s| trace.push(&s));
            trace
        };
        (0..problem.losses.len()).map(trace).collect()
    }

    #[test]
    fn every_part_has_a_line_for_every_loss() {
        let mut spec = Preset::Figure2.spec();
        spec.optimiser.steps = 20;
        let traces = traces(&spec);
        for (part, list) in [
            (Part::Minimise, "minimisers"),
            (Part::Train, "runs"),
            (Part::Sweep, "series"),
            (Part::Verdict, "verdicts"),
        ] {
            let value = part.of(&spec, &traces).expect("results");
            assert_eq!(value[list].as_array().map(Vec::len), Some(spec.losses.len()), "{list}");
        }
        assert_eq!(Part::Spec.of(&spec, &traces), Ok(spec.to_json()));
    }

    #[test]
    fn a_run_too_large_for_a_message_says_so() {
        let spec = Preset::Figure2.spec();
        let mut many = Trace::new(MOST_NUMBERS + 1);
        many.push(&crate::solve::Snapshot { step: 0, log_pi: vec![0.0; MOST_NUMBERS + 1], loss_value: 0.0 });
        let said = Part::Train.of(&spec, &[many]).expect_err("too many");
        assert!(said.contains("1000001 numbers") && said.contains("typo-lab train"), "{said}");
    }
}
