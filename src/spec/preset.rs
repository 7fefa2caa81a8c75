//! The paper's settings, by name (appendix A.1), and the variants that a claim turns on.

use super::{
    DecayOn, KlConvention, LossSpec, Optimiser, OptimiserKind, Preferences, PromptSpec, Spec, Sweep, SweepOver,
    WeightDecay,
};
use crate::loss::{Loss, Mu, Psi};
use crate::preference::Pairing;

/// A named experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Interpolation at small λ.
    Figure2,
    /// The same with data as the authors drew them: 300 draws, equal draws dropped.
    Figure2Sampled,
    /// Preservation: a good and a bad prompt (figure 3, left and middle).
    Figure3Preservation,
    /// The same with the bad prompt's two policies exchanged, as in the follow-up paper.
    Figure3Swapped,
    /// Weight decay parts RLHF and DPO (figure 3, right).
    Figure3Constraint,
    /// A language model of a small world whose policies are figure 3's (the setting of figure 4).
    Figure4,
    /// Interpolation at large λ.
    Figure5,
    /// Converged policies over λ.
    Figure6,
    /// How concave DPO's loss is: figure 6's experiment, looked at as shapes of losses (figure 8, appendix C).
    Figure8,
    /// One label a pair, without noise: f-DPO forgets π_ref (section 3.2, appendix F.2).
    OneLabel,
    /// A quasi-convex ψ that steps out of the printed proof of Theorem 3.1.
    Threshold,
}

impl Preset {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 11] = [
        Self::Figure2,
        Self::Figure2Sampled,
        Self::Figure3Preservation,
        Self::Figure3Swapped,
        Self::Figure3Constraint,
        Self::Figure4,
        Self::Figure5,
        Self::Figure6,
        Self::Figure8,
        Self::OneLabel,
        Self::Threshold,
    ];

    /// The name in links and on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Figure2 => "figure-2",
            Self::Figure2Sampled => "figure-2-sampled",
            Self::Figure3Preservation => "figure-3-preservation",
            Self::Figure3Swapped => "figure-3-swapped",
            Self::Figure3Constraint => "figure-3-constraint",
            Self::Figure4 => "figure-4",
            Self::Figure5 => "figure-5",
            Self::Figure6 => "figure-6",
            Self::Figure8 => "figure-8",
            Self::OneLabel => "one-label",
            Self::Threshold => "threshold",
        }
    }

    /// One line for a list.
    pub fn title(self) -> &'static str {
        match self {
            Self::Figure2 => "Figure 2: small λ",
            Self::Figure2Sampled => "Figure 2: sampled pairs",
            Self::Figure3Preservation => "Figure 3: preservation",
            Self::Figure3Swapped => "Figure 3: policies exchanged",
            Self::Figure3Constraint => "Figure 3: weight decay",
            Self::Figure4 => "Figure 4: a GPT-2",
            Self::Figure5 => "Figure 5: large λ",
            Self::Figure6 => "Figure 6: λ in between",
            Self::Figure8 => "Figure 8: log(γ + u)",
            Self::OneLabel => "One label a pair",
            Self::Threshold => "Threshold ψ: a way round",
        }
    }

    /// The preset of a name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.key() == key)
    }

    /// The experiment.
    pub fn spec(self) -> Spec {
        match self {
            Self::Figure2 => interpolation(1e-5),
            Self::Figure2Sampled => Spec {
                preferences: Preferences::Sampled { draws: 300, seed: 100, pairing: Pairing::Uniform },
                ..interpolation(1e-5)
            },
            Self::Figure3Preservation => preservation([0.4, 0.2, 0.4], [0.6, 0.2, 0.2]),
            Self::Figure3Swapped => preservation([0.6, 0.2, 0.2], [0.4, 0.2, 0.4]),
            Self::Figure3Constraint => constraint(),
            Self::Figure4 => language_model(),
            Self::Figure5 => interpolation(100.0),
            Self::Figure6 | Self::Figure8 => Spec { losses: losses(0.1, 1e-3, 1e-3, None), ..interpolation(0.1) },
            Self::OneLabel => Spec {
                preferences: Preferences::Counts {
                    counts: vec![vec![vec![0.0, 1.0, 1.0], vec![0.0, 0.0, 1.0], vec![0.0, 0.0, 0.0]]],
                },
                losses: losses(1.0, 1e-3, 1e-3, None),
                ..interpolation(1.0)
            },
            Self::Threshold => threshold(),
        }
    }
}

fn losses(lambda: f64, rate: f64, typo_rate: f64, f_dpo_steps: Option<u64>) -> Vec<LossSpec> {
    Loss::ALL
        .into_iter()
        .map(|loss| LossSpec {
            loss,
            lambda,
            learning_rate: (loss == Loss::Typo && typo_rate != rate).then_some(typo_rate),
            steps: f_dpo_steps.filter(|_| matches!(loss, Loss::FDpo(_))),
        })
        .collect()
}

/// 11 batches of 20 an epoch over the authors' 213 pairs; 1,000 epochs, 3,000 for f-DPO.
const INTERPOLATION_STEPS: u64 = 11_000;

fn interpolation(lambda: f64) -> Spec {
    Spec {
        prompts: vec![prompt("x", 1.0, [0.4, 0.4, 0.2], [0.6, 0.3, 0.1])],
        normalise: false,
        preferences: Preferences::Population { pairing: Pairing::Uniform },
        losses: losses(lambda, 1e-3, 5e-4, Some(3 * INTERPOLATION_STEPS)),
        weight_decay: WeightDecay { alpha: 0.0, on: DecayOn::Logits },
        optimiser: Optimiser {
            kind: OptimiserKind::Adam,
            learning_rate: 1e-3,
            batch_size: Some(20),
            clip_norm: 10.0,
            steps: INTERPOLATION_STEPS,
            record_every: 50,
            seed: 0,
        },
        sweep: Sweep { over: SweepOver::Lambda, from: 1e-5, to: 1e3, points: 61 },
        kl: KlConvention::True,
    }
}

fn preservation(bad_star: [f64; 3], bad_ref: [f64; 3]) -> Spec {
    let good = [0.6, 0.3, 0.1];
    let base = interpolation(1.0);
    Spec {
        prompts: vec![prompt("good", 0.5, good, good), prompt("bad", 0.5, bad_ref, bad_star)],
        losses: losses(1.0, 1e-3, 1e-3, None),
        optimiser: Optimiser { batch_size: Some(1), steps: 14_000, ..base.optimiser },
        sweep: Sweep { from: (-5f64).exp(), to: 5f64.exp(), ..base.sweep },
        ..base
    }
}

/// Figure 3's prompts with a fine-tuning's settings: AdamW at a language model's rate, a few hundred steps.
fn language_model() -> Spec {
    let base = preservation([0.4, 0.2, 0.4], [0.6, 0.2, 0.2]);
    let optimiser =
        Optimiser { learning_rate: 1e-4, batch_size: Some(16), steps: 150, record_every: 10, ..base.optimiser };
    Spec { losses: losses(0.1, 1e-4, 1e-4, None), optimiser, ..base }
}

fn constraint() -> Spec {
    let base = interpolation(0.1);
    Spec {
        losses: losses(0.1, 1e-3, 1e-3, None)
            .into_iter()
            .filter(|l| matches!(l.loss, Loss::Rlhf(_) | Loss::Dpo))
            .collect(),
        // 100 epochs of 11 batches.
        optimiser: Optimiser { steps: 1_100, ..base.optimiser },
        sweep: Sweep { over: SweepOver::Alpha, from: 0.0, to: 0.02, points: 41 },
        ..base
    }
}

/// Two responses a prompt: λ = 9, p* = 0.6 on the good prompt, 0.97 on the bad one.
fn threshold() -> Spec {
    let base = interpolation(9.0);
    let two = |name: &str, pi_ref: [f64; 2], pi_star: [f64; 2]| PromptSpec {
        name: name.into(),
        weight: 0.5,
        pi_ref: pi_ref.into(),
        pi_star: pi_star.into(),
    };
    Spec {
        prompts: vec![two("good", [0.6, 0.4], [0.6, 0.4]), two("bad", [0.5, 0.5], [0.97, 0.03])],
        losses: vec![LossSpec {
            loss: Loss::Qpo(Psi::Threshold, Mu::Log),
            lambda: 9.0,
            learning_rate: None,
            steps: None,
        }],
        optimiser: Optimiser { batch_size: None, ..base.optimiser },
        sweep: Sweep { over: SweepOver::Lambda, from: 0.1, to: 1e3, points: 61 },
        ..base
    }
}

fn prompt(name: &str, weight: f64, pi_ref: [f64; 3], pi_star: [f64; 3]) -> PromptSpec {
    PromptSpec { name: name.into(), weight, pi_ref: pi_ref.into(), pi_star: pi_star.into() }
}
