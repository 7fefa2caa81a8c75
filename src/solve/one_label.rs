//! One label a pair, and what is left of π_ref (section 3.2, appendix F.2): the minimisers that the same labels give under
//! two references, and how far apart they are.

use super::exact::Minimiser;
use super::{ExactSolver, sweep};
use crate::simplex::{ascending, logs, tv};
use crate::spec::{LossSpec, Preferences, Problem, PromptSpec, Spec, SpecError, Sweep, WeightDecay};

/// The same labels under two references. Without weight decay.
#[derive(Debug, Clone, PartialEq)]
pub struct OneLabel {
    /// The two references. (2 × A)
    pub references: [Vec<f64>; 2],
    /// λ of the curves. (T)
    pub lambdas: Vec<f64>,
    /// One a loss.
    pub memories: Vec<Memory>,
}

/// What a loss's minimisers keep of π_ref.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// The loss.
    pub spec: LossSpec,
    /// Its minimisers at its own λ, one a reference.
    pub now: [Minimiser; 2],
    /// Total variation between the two over λ. (T)
    pub apart: Vec<f64>,
}

/// Total variation below which two minimisers are one.
pub const ONE: f64 = 1e-9;

/// Most values of λ.
const POINTS: usize = 61;

impl OneLabel {
    /// The labels that prompt `x`'s preferred policy gives where each pair is asked once, and always won by the likelier.
    ///
    /// # Errors
    /// Where the experiment cannot be resolved.
    pub fn new(spec: &Spec, x: usize) -> Result<Self, SpecError> {
        let prompt = &spec.prompts[x];
        // What is printed sums to one, also where the file need not.
        let total: f64 = prompt.pi_ref.iter().sum();
        let references = [prompt.pi_ref.iter().map(|p| p / total).collect(), other_reference(prompt)];
        let counts = one_label(&prompt.pi_star);
        let problem = |pi_ref: &Vec<f64>| {
            Problem::new(&Spec {
                prompts: vec![PromptSpec { pi_ref: pi_ref.clone(), ..prompt.clone() }],
                preferences: Preferences::Counts { counts: vec![counts.clone()] },
                weight_decay: WeightDecay { alpha: 0.0, ..spec.weight_decay },
                ..spec.clone()
            })
        };
        let problems = [problem(&references[0])?, problem(&references[1])?];
        let range = spec.sweep.over_lambda();
        let range = Sweep { points: range.points.min(POINTS), ..range };
        let memories = spec.losses.iter().map(|l| Memory::new(&problems, *l, &range)).collect();
        Ok(Self { references, lambdas: range.values(), memories })
    }
}

impl Memory {
    fn new(problems: &[Problem; 2], spec: LossSpec, range: &Sweep) -> Self {
        let [here, there] = problems.each_ref().map(|p| sweep::series(p, spec, range).prompts.swap_remove(0));
        Self {
            spec,
            now: problems.each_ref().map(|p| ExactSolver::new(p, spec).solve().swap_remove(0)),
            apart: here.iter().zip(&there).map(|(a, b)| tv(&a.log_pi, &b.log_pi)).collect(),
        }
    }

    /// Total variation between the two minimisers at the loss's own λ.
    pub fn apart_now(&self) -> f64 {
        tv(&self.now[0].log_pi, &self.now[1].log_pi)
    }

    /// Whether the two are one at every λ of the range: π_ref is forgotten.
    pub fn forgets(&self) -> bool {
        self.apart_now() <= ONE && self.apart.iter().all(|tv| *tv <= ONE)
    }
}

/// Actions from the likeliest under π*; of two alike, the first.
fn ranked(pi_star: &[f64]) -> Vec<usize> {
    ascending(&pi_star.iter().map(|p| -p).collect::<Vec<_>>())
}

/// Counts of one label a pair, row = winner. (A × A)
fn one_label(pi_star: &[f64]) -> Vec<Vec<f64>> {
    let order = ranked(pi_star);
    let mut counts = vec![vec![0.0; order.len()]; order.len()];
    for (place, &winner) in order.iter().enumerate() {
        for &loser in &order[place + 1..] {
            counts[winner][loser] = 1.0;
        }
    }
    counts
}

/// A reference unlike the prompt's own: one that favours what the labels reject, or what they choose if the own does that.
fn other_reference(prompt: &PromptSpec) -> Vec<f64> {
    const UNLIKE: f64 = 0.1;
    let order = ranked(&prompt.pi_star);
    let actions = order.len();
    let total = (actions * (actions + 1) / 2) as f64;
    let tilted = |weight: &dyn Fn(usize) -> usize| {
        let mut pi = vec![0.0; actions];
        order.iter().enumerate().for_each(|(place, a)| pi[*a] = weight(place) as f64 / total);
        pi
    };
    let rejected = tilted(&|place| place + 1);
    if tv(&logs(&rejected), &logs(&prompt.pi_ref)) < UNLIKE { tilted(&|place| actions - place) } else { rejected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Loss;
    use crate::simplex::probs;
    use crate::solve::Status;
    use crate::spec::Preset;

    fn found(spec: &Spec) -> OneLabel {
        OneLabel::new(spec, 0).expect("labels")
    }

    #[test]
    fn dpo_and_f_dpo_forget_the_reference_and_typo_and_ipo_do_not() {
        let found = found(&Preset::Figure6.spec());
        for m in &found.memories {
            let forgets = matches!(m.spec.loss, Loss::Dpo | Loss::FDpo(_));
            assert_eq!(m.forgets(), forgets, "{:?}", m.spec.loss);
            if forgets {
                assert!(m.now.iter().all(|m| m.status == Status::Boundary && probs(&m.log_pi) == [1.0, 0.0, 0.0]));
            } else {
                assert!(m.apart.iter().any(|tv| *tv > 0.1), "{:?}", m.spec.loss);
            }
        }
    }

    #[test]
    fn at_large_lambda_what_remembers_stays_at_its_reference() {
        let found = found(&Preset::Figure6.spec());
        let between = tv(&logs(&found.references[0]), &logs(&found.references[1]));
        for m in found.memories.iter().filter(|m| !m.forgets()) {
            assert!((m.apart[m.apart.len() - 1] - between).abs() < 1e-2, "{:?}", m.spec.loss);
        }
    }

    #[test]
    fn labels_follow_the_preferred_policy_and_the_references_differ() {
        assert_eq!(one_label(&[0.1, 0.6, 0.3]), [[0.0, 0.0, 0.0], [1.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
        for pi_ref in [[0.4, 0.4, 0.2], [0.17, 0.33, 0.5], [0.5, 0.33, 0.17]] {
            let mut spec = Preset::Figure6.spec();
            spec.prompts[0].pi_ref = pi_ref.into();
            let [a, b] = found(&spec).references;
            assert!(tv(&logs(&a), &logs(&b)) >= 0.1 && (b.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
