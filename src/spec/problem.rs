//! A [`Spec`] resolved: policies as log-probabilities, preference data drawn, nothing left to check.

use super::{
    DecayOn, KlConvention, LossSpec, NO_COMPARISON, Optimiser, Preferences, Spec, SpecError, WeightDecay, short,
};
use crate::loss::Action;
use crate::preference::{self, PairData, Random};
use crate::simplex;

/// One prompt, ready to run. P prompts, A actions.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    /// Shown to people.
    pub name: String,
    /// Share of the objective; all prompts' shares sum to one.
    pub weight: f64,
    /// `π_ref`. (A)
    pub pi_ref: Vec<f64>,
    /// `ln π_ref`. (A)
    pub log_ref: Vec<f64>,
    /// `ln π*`; `-inf` for a probability of zero. (A)
    pub log_star: Vec<f64>,
    /// The labels.
    pub pairs: PairData,
}

impl Spec {
    /// The same experiment `nth` seeds on: in the batches and, where data are sampled, in the data.
    #[must_use]
    pub fn seeded(&self, nth: u32) -> Self {
        let mut spec = self.clone();
        spec.optimiser.seed = spec.optimiser.seed.wrapping_add(nth.into());
        if let Preferences::Sampled { seed, .. } = &mut spec.preferences {
            *seed = seed.wrapping_add(nth.into());
        }
        spec
    }
}

impl Prompt {
    /// One action under the policy given, with RLHF's reward for it.
    #[inline]
    pub fn action(&self, k: usize, pi: f64, log_pi: f64, reward: f64) -> Action {
        Action { pi, log_pi, pi_ref: self.pi_ref[k], log_ref: self.log_ref[k], reward }
    }

    /// Whether the reference is already optimal, to rounding: a good prompt in the sense of section 3.1.
    pub fn is_good(&self) -> bool {
        simplex::tv(&self.log_ref, &self.log_star) < 1e-9
    }
}

/// The experiment, ready to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// At least one, with as many actions each.
    pub prompts: Vec<Prompt>,
    /// At least one.
    pub losses: Vec<LossSpec>,
    /// The penalty on every loss.
    pub weight_decay: WeightDecay,
    /// How the losses are trained.
    pub optimiser: Optimiser,
    /// How KL is counted.
    pub kl: KlConvention,
}

impl Problem {
    /// Resolves a spec, drawing its preference data.
    ///
    /// # Errors
    /// Where sampled data hold no usable pair.
    pub fn new(spec: &Spec) -> Result<Self, SpecError> {
        let total: f64 = spec.prompts.iter().map(|p| p.weight).sum();
        let mut random = match spec.preferences {
            Preferences::Sampled { seed, .. } => Random::new(seed),
            _ => Random::new(0),
        };
        let mut prompts = Vec::with_capacity(spec.prompts.len());
        for (k, p) in spec.prompts.iter().enumerate() {
            let (log_ref, log_star) = (simplex::logs(&p.pi_ref), simplex::logs(&p.pi_star));
            let pairs = match &spec.preferences {
                Preferences::Population { pairing } => preference::population(*pairing, &log_ref, &log_star),
                Preferences::Sampled { draws, pairing, .. } => {
                    preference::sampled(*draws, &mut random, *pairing, &log_ref, &log_star)
                }
                Preferences::Counts { counts } => preference::counts(&counts[k]),
            };
            if pairs.comparisons.is_empty() {
                return Err(match spec.preferences {
                    Preferences::Counts { .. } => SpecError::new(format!("preferences.counts[{k}]"), NO_COMPARISON),
                    _ => SpecError::new(
                        "preferences.draws",
                        format!(
                            "gave no usable pair for prompt {}; use more draws or another seed",
                            short(&p.name, 40)
                        ),
                    ),
                });
            }
            let pi_ref = simplex::probs(&log_ref);
            prompts.push(Prompt { name: p.name.clone(), weight: p.weight / total, pi_ref, log_ref, log_star, pairs });
        }
        Ok(Self {
            prompts,
            losses: spec.losses.clone(),
            weight_decay: spec.weight_decay,
            optimiser: spec.optimiser,
            kl: spec.kl,
        })
    }

    /// A: actions of every prompt.
    pub fn actions(&self) -> usize {
        self.prompts[0].log_ref.len()
    }

    /// The λ that multiplies TYPO's second term under the chosen convention; every other loss takes λ as it is.
    pub fn effective_lambda(&self, loss: &LossSpec) -> f64 {
        match loss.loss {
            crate::loss::Loss::Typo => loss.lambda * self.kl.factor(self.actions()),
            _ => loss.lambda,
        }
    }

    /// Distance from π* in nats, `KL(π* ‖ π)` under the chosen convention: dist of figure 3.
    pub fn distance(&self, log_star: &[f64], log_pi: &[f64]) -> f64 {
        self.kl.factor(log_pi.len()) * simplex::kl(log_star, log_pi)
    }

    /// The same of a policy of prompt `x`.
    pub fn to_star(&self, x: usize, log_pi: &[f64]) -> f64 {
        self.distance(&self.prompts[x].log_star, log_pi)
    }

    /// Whether the logits themselves are penalised, by how much.
    pub fn logit_decay(&self) -> f64 {
        if self.weight_decay.on == DecayOn::Logits { self.weight_decay.alpha } else { 0.0 }
    }

    /// The penalty's factor on the probabilities.
    pub fn policy_decay(&self) -> f64 {
        if self.weight_decay.on == DecayOn::Policy { self.weight_decay.alpha } else { 0.0 }
    }
}
