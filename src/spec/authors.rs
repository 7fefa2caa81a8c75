//! The authors' own runs: the settings of their code, and what can be read off their figures.

use super::{KlConvention, Preferences, Preset, Spec};
use crate::loss::Loss;
use crate::preference::Pairing;

/// A policy read off a figure of the paper, to about two digits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The loss, by its key.
    pub loss: &'static str,
    /// The prompt, by position.
    pub prompt: usize,
    /// When in the run.
    pub moment: Moment,
    /// The policy.
    pub pi: [f64; 3],
}

/// When in a run a policy was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// While it rests on its way.
    Plateau,
    /// At the end.
    End,
}

impl Moment {
    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plateau => "plateau",
            Self::End => "end",
        }
    }
}

const fn end(loss: &'static str, pi: [f64; 3]) -> Reading {
    Reading { loss, prompt: 0, moment: Moment::End, pi }
}

/// Figure 2: λ = 1e-5. The plateau's third probability is what the two that were read leave.
const SMALL: [Reading; 5] = [
    end("dpo", [1.0, 0.0, 0.0]),
    end("ipo", [1.0, 0.0, 0.0]),
    Reading { moment: Moment::Plateau, ..end("f-dpo", [0.54, 0.45, 0.01]) },
    end("f-dpo", [1.0, 0.0, 0.0]),
    end("typo", [0.61, 0.29, 0.10]),
];

/// Figure 5: λ = 100, all stay at π_ref.
const LARGE: [Reading; 4] = [
    end("dpo", [0.4, 0.4, 0.2]),
    end("ipo", [0.4, 0.4, 0.2]),
    end("f-dpo", [0.4, 0.4, 0.2]),
    end("typo", [0.4, 0.4, 0.2]),
];

/// The authors' pairs of a good and a bad prompt, 141 and 136 of 200 draws each: steps of an epoch with batches of one. Our
/// draws leave about as many.
const PRESERVATION_EPOCH: u64 = 277;

impl Preset {
    /// The experiment as the authors' code ran it: as many draws (not the same ones: their generator is another), their KL and
    /// their numbers of epochs. None for presets that are not theirs.
    pub fn authors(self) -> Option<Spec> {
        let spec = self.spec();
        let drawn = |draws| Preferences::Sampled { draws, seed: 100, pairing: Pairing::Uniform };
        let spec = match self {
            Self::Figure4 | Self::Figure8 | Self::OneLabel | Self::Threshold => return None,
            Self::Figure3Preservation | Self::Figure3Swapped => preservation(Spec { preferences: drawn(200), ..spec }),
            _ => Spec { preferences: drawn(300), ..spec },
        };
        Some(Spec { kl: KlConvention::Authors, ..spec })
    }

    /// What the paper's figure shows of it.
    pub fn readings(self) -> &'static [Reading] {
        match self {
            Self::Figure2 | Self::Figure2Sampled => &SMALL,
            Self::Figure5 => &LARGE,
            // Figure 3 gives distances, figure 6 curves: no policy can be read off them to two digits.
            _ => &[],
        }
    }
}

/// 50 epochs; 100 for f-DPO, 200 for TYPO.
fn preservation(mut spec: Spec) -> Spec {
    spec.optimiser.steps = 50 * PRESERVATION_EPOCH;
    for l in &mut spec.losses {
        l.steps = match l.loss {
            Loss::FDpo(_) => Some(100 * PRESERVATION_EPOCH),
            Loss::Typo => Some(200 * PRESERVATION_EPOCH),
            _ => None,
        };
    }
    spec
}
