//! One experiment: [`Spec`] as it was typed, [`Problem`] ready to run.
//!
//! A `Spec` is the page's link, the JSON file, the worker's message and the headless program's input. It is checked when
//! it is read ([`read`]) and again when it is resolved ([`Problem::new`]), so that whatever holds a `Problem` has nothing
//! left to check.

pub mod authors;
pub mod change;
mod number;
pub mod preset;
pub mod problem;
pub mod read;
mod size;
pub mod url;
pub mod write;

use crate::loss::Loss;
use crate::preference::Pairing;
pub use number::number;
pub use preset::Preset;
pub use problem::Problem;

/// The version of the format that this program reads and writes.
pub const VERSION: u64 = 1;

/// Limits, checked before any work.
pub mod limit {
    /// Actions of a prompt.
    pub const ACTIONS: usize = 4096;
    /// Prompts of an experiment.
    pub const PROMPTS: usize = 4096;
    /// Compared pairs of population data over all prompts, which bounds memory: 24 bytes each.
    pub const COMPARISONS: usize = 20_000_000;
    /// Optimiser steps of a run.
    pub const STEPS: u64 = 10_000_000;
    /// Numbers that the runs or the sweep of an experiment may keep.
    pub const KEPT_NUMBERS: u64 = 50_000_000;
    /// Points of a sweep.
    pub const SWEEP_POINTS: usize = 10_001;
    /// Draws of a prompt's preference data.
    pub const DRAWS: u32 = 1_000_000;
    /// Draws over all prompts, which bounds memory: 8 bytes each.
    pub const ALL_DRAWS: usize = 20_000_000;
    /// Losses of an experiment.
    pub const LOSSES: usize = 64;
    /// Bytes of input.
    pub const INPUT_BYTES: usize = 16 << 20;
    /// λ at either end; beyond it log-probabilities lose their last digits.
    pub const LAMBDA: (f64, f64) = (1e-12, 1e12);
    /// Greatest α.
    pub const ALPHA: f64 = 1e6;
}

/// The experiment as written.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// At least one; the same number of actions in each.
    pub prompts: Vec<PromptSpec>,
    /// True where distributions may be given unnormalised.
    pub normalise: bool,
    /// Where the labels come from.
    pub preferences: Preferences,
    /// What is minimised, side by side.
    pub losses: Vec<LossSpec>,
    /// The penalty that stands for a constraint.
    pub weight_decay: WeightDecay,
    /// How the losses are trained.
    pub optimiser: Optimiser,
    /// The range of a sweep.
    pub sweep: Sweep,
    /// How KL is counted.
    pub kl: KlConvention,
}

/// A prompt with its two given policies, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptSpec {
    /// Shown to people.
    pub name: String,
    /// Relative; the weights of all prompts are brought to sum one.
    pub weight: f64,
    /// The reference policy, no entry zero.
    pub pi_ref: Vec<f64>,
    /// The Bradley–Terry-optimal policy.
    pub pi_star: Vec<f64>,
}

impl PromptSpec {
    /// Whether the reference is π* as written.
    pub fn is_ideal(&self) -> bool {
        self.pi_ref == self.pi_star
    }
}

/// Where preference labels come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Preferences {
    /// The exact expectation.
    Population {
        /// How pairs are chosen.
        pairing: Pairing,
    },
    /// Seeded draws of two actions, equal draws dropped.
    Sampled {
        /// Draws a prompt, before equal ones are dropped.
        draws: u32,
        /// Seed of the draws.
        seed: u64,
        /// How pairs are chosen.
        pairing: Pairing,
    },
    /// Given tables.
    Counts {
        /// An A × A table a prompt, row = winner.
        counts: Vec<Vec<Vec<f64>>>,
    },
}

impl Preferences {
    /// Which pairs are compared; of counts, as if all alike.
    pub fn pairing(&self) -> Pairing {
        match self {
            Self::Population { pairing } | Self::Sampled { pairing, .. } => *pairing,
            Self::Counts { .. } => Pairing::Uniform,
        }
    }

    /// Draws of each prompt; none but of sampled data.
    pub fn draws(&self) -> u32 {
        if let Self::Sampled { draws, .. } = self { *draws } else { 0 }
    }
}

/// A loss with its λ and, where they differ from the optimiser's, its own rate and steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossSpec {
    /// Which loss.
    pub loss: Loss,
    /// The trade-off, above zero.
    pub lambda: f64,
    /// Overrides [`Optimiser::learning_rate`].
    pub learning_rate: Option<f64>,
    /// Overrides [`Optimiser::steps`].
    pub steps: Option<u64>,
}

impl LossSpec {
    /// Steps of its run, under the experiment's optimiser.
    pub fn steps_under(&self, optimiser: &Optimiser) -> u64 {
        self.steps.unwrap_or(optimiser.steps)
    }
}

/// `α ‖·‖²`, added to every loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightDecay {
    /// Zero or above.
    pub alpha: f64,
    /// What is penalised.
    pub on: DecayOn,
}

/// What weight decay penalises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecayOn {
    /// The logits θ, which start with mean zero.
    Logits,
    /// The probabilities π, as the paper prints it.
    Policy,
}

impl DecayOn {
    /// Both, in the order of the page.
    pub const ALL: [Self; 2] = [Self::Logits, Self::Policy];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Logits => "logits",
            Self::Policy => "policy",
        }
    }
}

/// What a step makes of its gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptimiserKind {
    /// Adam with β₁ 0.9, β₂ 0.999, ε 1e-8, as in the paper.
    Adam,
    /// Gradient descent, stochastic where a step sees a batch.
    Sgd,
}

impl OptimiserKind {
    /// Both, in the order of the page.
    pub const ALL: [Self; 2] = [Self::Adam, Self::Sgd];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Adam => "adam",
            Self::Sgd => "sgd",
        }
    }
}

/// How a loss is trained: by steps on its gradient, which is clipped to an L2 norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimiser {
    /// What a step makes of the gradient.
    pub kind: OptimiserKind,
    /// Step size.
    pub learning_rate: f64,
    /// Pairs a step; none for the full expectation.
    pub batch_size: Option<u32>,
    /// Greatest L2 norm of the gradient over all prompts.
    pub clip_norm: f64,
    /// Steps of a run.
    pub steps: u64,
    /// Steps between snapshots; the first and last step are always recorded.
    pub record_every: u64,
    /// Seed of the batches.
    pub seed: u64,
}

/// What a sweep varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepOver {
    /// λ, spaced evenly in its logarithm.
    Lambda,
    /// α, spaced evenly.
    Alpha,
}

impl SweepOver {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Lambda, Self::Alpha];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Alpha => "alpha",
        }
    }
}

/// A range of λ or α.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// What varies.
    pub over: SweepOver,
    /// First value.
    pub from: f64,
    /// Last value.
    pub to: f64,
    /// Number of values, two or more.
    pub points: usize,
}

/// How KL enters TYPO's second term and the reported distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KlConvention {
    /// The sum over actions: KL itself.
    True,
    /// The mean over actions, as in the authors' own runs: KL divided by A.
    Authors,
}

impl KlConvention {
    /// Both, in the order of the page.
    pub const ALL: [Self; 2] = [Self::True, Self::Authors];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::Authors => "authors",
        }
    }

    /// What distances are in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::True => "nats",
            Self::Authors => "nats ÷ A",
        }
    }

    /// What multiplies a KL over `actions` actions.
    pub fn factor(self, actions: usize) -> f64 {
        match self {
            Self::True => 1.0,
            Self::Authors => 1.0 / actions as f64,
        }
    }
}

impl Default for Spec {
    /// The Figure 2 preset.
    fn default() -> Self {
        Preset::Figure2.spec()
    }
}

impl Sweep {
    /// The range of λ that curves and verdicts cover: the sweep itself, or the paper's where that is over α.
    #[must_use]
    pub fn over_lambda(self) -> Self {
        match self.over {
            SweepOver::Lambda => self,
            SweepOver::Alpha => Self { over: SweepOver::Lambda, from: 1e-5, to: 1e3, points: 61 },
        }
    }

    /// The range of α that the constraint's curves cover: the sweep itself, or figure 3's where that is over λ,
    /// with no more points than there.
    #[must_use]
    pub fn over_alpha(self) -> Self {
        match self.over {
            SweepOver::Alpha => self,
            SweepOver::Lambda => Self { over: SweepOver::Alpha, from: 0.0, to: 0.02, points: self.points.min(41) },
        }
    }

    /// The values of the sweep, both ends exact.
    pub fn values(&self) -> Vec<f64> {
        let last = (self.points - 1) as f64;
        (0..self.points)
            .map(|k| {
                let share = k as f64 / last;
                if k == 0 {
                    self.from
                } else if k + 1 == self.points {
                    self.to
                } else {
                    match self.over {
                        SweepOver::Lambda => (self.from.ln() * (1.0 - share) + self.to.ln() * share).exp(),
                        SweepOver::Alpha => self.from * (1.0 - share) + self.to * share,
                    }
                }
            })
            .collect()
    }
}

/// A text of an input as a message quotes it: on one line, and cut to `most` characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    let clean: String = text.chars().take(most).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(most).is_none() { clean } else { clean + "…" }
}

/// Of counts that are all zero, in a file or after an edit.
const NO_COMPARISON: &str = "holds no comparison, at least one count must be above 0";

/// What was wrong with an input: where, what came, and what is allowed. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// The field by its path, such as `prompts[0].pi_ref`; empty for the whole input.
    pub path: String,
    /// What it got and what is allowed.
    pub message: String,
}

impl SpecError {
    /// An error at a path.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: short(&path.into(), 120), message: short(&message.into(), 600) }
    }
}

impl std::fmt::Display for SpecError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.path.is_empty() { write!(f, "{}", self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

impl std::error::Error for SpecError {}
