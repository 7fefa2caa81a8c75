//! The page's tabs, and how fast its time passes.

use crate::spec::url::Link;
use crate::spec::{Preset, Spec, SweepOver};

/// A tab of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// One prompt, small λ to large.
    Interpolation,
    /// A good and a bad prompt.
    Preservation,
    /// Weight decay parts RLHF and DPO.
    Constraints,
    /// The losses as functions.
    Shapes,
    /// A language model, fine-tuned.
    Language,
}

impl View {
    pub const ALL: [Self; 5] =
        [Self::Interpolation, Self::Preservation, Self::Constraints, Self::Shapes, Self::Language];

    pub fn key(self) -> &'static str {
        match self {
            Self::Interpolation => "interpolation",
            Self::Preservation => "preservation",
            Self::Constraints => "constraints",
            Self::Shapes => "shapes",
            Self::Language => "language",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.key() == key)
    }

    /// The view that an experiment opens in where none is named.
    pub fn of(spec: &Spec) -> Self {
        if spec.prompts.len() > 1 {
            Self::Preservation
        } else if spec.sweep.over == SweepOver::Alpha {
            Self::Constraints
        } else {
            Self::Interpolation
        }
    }

    /// The same of a link, whose preset may be a view's own.
    pub fn of_link(link: &Link) -> Self {
        match link.preset {
            Preset::Figure4 => Self::Language,
            Preset::Figure8 => Self::Shapes,
            _ => Self::of(&link.spec),
        }
    }

    /// Whether the view's experiment is the bandit's: the small world has its own policies, pairs and sizes, and is trained on its own.
    pub fn is_bandit(self) -> bool {
        self != Self::Language
    }

    /// Whether a preset is offered in the view. Loss shapes are shapes at any setting.
    pub fn offers(self, preset: Preset) -> bool {
        let home = Self::of_link(&Link { spec: preset.spec(), preset, page: Vec::new() });
        home == self || (self == Self::Shapes && home != Self::Language)
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Interpolation => "Interpolation",
            Self::Preservation => "Preservation",
            Self::Constraints => "Constraints",
            Self::Shapes => "Loss shapes",
            Self::Language => "Language model",
        }
    }

    /// The experiment that the view opens with: its preset, in Constraints at an α where the statement is seen. At the
    /// preset's own α = 0, where its sweep begins, every loss is still RLHF.
    pub fn opening(self) -> Spec {
        let mut spec = self.preset().spec();
        if self == Self::Constraints {
            spec.weight_decay.alpha = 0.01;
        }
        spec
    }

    /// The preset that a link of the view starts from.
    pub fn preset(self) -> Preset {
        match self {
            Self::Interpolation => Preset::Figure2,
            // At figure 2's λ every shape but TYPO's is flat.
            Self::Shapes => Preset::Figure8,
            Self::Preservation => Preset::Figure3Preservation,
            Self::Constraints => Preset::Figure3Constraint,
            Self::Language => Preset::Figure4,
        }
    }
}

/// How fast training time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    Quarter,
    Half,
    One,
    Two,
    Four,
}

impl Speed {
    pub const ALL: [Self; 5] = [Self::Quarter, Self::Half, Self::One, Self::Two, Self::Four];

    pub fn name(self) -> &'static str {
        match self {
            Self::Quarter => "¼ ×",
            Self::Half => "½ ×",
            Self::One => "1 ×",
            Self::Two => "2 ×",
            Self::Four => "4 ×",
        }
    }

    /// The name in links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Quarter => "0.25",
            Self::Half => "0.5",
            Self::One => "1",
            Self::Two => "2",
            Self::Four => "4",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.key() == key)
    }

    pub fn factor(self) -> f64 {
        match self {
            Self::Quarter => 0.25,
            Self::Half => 0.5,
            Self::One => 1.0,
            Self::Two => 2.0,
            Self::Four => 4.0,
        }
    }
}
