//! The losses, each a pure function of log-probabilities that gives its value and its slopes.
//!
//! Every loss here is made of at most two parts, and this is the only place that says which:
//! - a **pair part**, for a chosen response w and a rejected one l: `ψ(s_w − s_l, λ)`, where the score s is
//!   μ(π/π_ref) for the QPO family (11) and `ln π` for TYPO's supervised term (16);
//! - an **action part**, summed over a prompt's actions: RLHF's expectation (4) and TYPO's `λ KL(π_ref ‖ π)` (17).
//!
//! The bandit back-propagates the slopes through a softmax, a language model through its network; neither holds
//! a formula of its own.

pub mod concavity;
pub mod dpo;
pub mod f_dpo;
pub mod gaussian;
pub mod ipo;
pub mod qpo;
pub mod rlhf;
pub mod typo;

use crate::divergence::Divergence;
pub use qpo::{Mu, Psi};
pub use rlhf::Reward;

/// A preference loss with its choices, λ aside.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Equation (4).
    Rlhf(Reward),
    /// Equation (7).
    Dpo,
    /// Equation (10).
    Ipo,
    /// Section 2.4, with f′ of the divergence.
    FDpo(Divergence),
    /// Equations (14), (16), (17).
    Typo,
    /// Equation (11) with any ψ and μ.
    Qpo(Psi, Mu),
}

/// A smooth function of one number: its value, slope and curvature there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Term {
    /// The function.
    pub value: f64,
    /// Its first derivative.
    pub slope: f64,
    /// Its second derivative.
    pub curvature: f64,
}

impl Term {
    /// `win f(v) + lose f(−v)` of a margin v, from f at v and at −v.
    #[inline]
    pub fn compared((win, lose): (f64, f64), forth: Self, back: Self) -> Self {
        // An outcome that never came must not count, however steep: 0 · ∞ is not 0.
        let part = |mass: f64, x: f64| if mass > 0.0 { mass * x } else { 0.0 };
        Self {
            value: part(win, forth.value) + part(lose, back.value),
            slope: part(win, forth.slope) - part(lose, back.slope),
            curvature: part(win, forth.curvature) + part(lose, back.curvature),
        }
    }
}

/// What the two responses of a pair are scored by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Score {
    /// `μ(π/π_ref)`, of `t = ln π − ln π_ref`.
    Ratio(Mu),
    /// `ln π`, without the reference policy.
    LogPolicy,
}

/// `ψ(s_w − s_l, λ)`: the pair part of a loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairPart {
    /// The shape.
    pub psi: Psi,
    /// The scores that it compares.
    pub score: Score,
}

/// One action of a prompt, under the policy and the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Action {
    /// `π(y|x)`.
    pub pi: f64,
    /// `ln π(y|x)`.
    pub log_pi: f64,
    /// `π_ref(y|x)`.
    pub pi_ref: f64,
    /// `ln π_ref(y|x)`.
    pub log_ref: f64,
    /// RLHF's reward, in nats.
    pub reward: f64,
}

/// Log-probabilities of one labelled pair under the policy and the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// `ln π(y_w|x)`.
    pub logp_chosen: f64,
    /// `ln π(y_l|x)`.
    pub logp_rejected: f64,
    /// `ln π_ref(y_w|x)`.
    pub ref_chosen: f64,
    /// `ln π_ref(y_l|x)`.
    pub ref_rejected: f64,
}

/// A pair's loss and its slopes in the two log-probabilities of the policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairSlopes {
    /// The loss, in nats for the logistic losses.
    pub value: f64,
    /// `∂ loss / ∂ ln π(y_w|x)`.
    pub d_chosen: f64,
    /// `∂ loss / ∂ ln π(y_l|x)`.
    pub d_rejected: f64,
}

impl Loss {
    /// The paper's five, in the order in which they are always listed.
    pub const ALL: [Self; 5] =
        [Self::Rlhf(Reward::True), Self::Dpo, Self::Ipo, Self::FDpo(Divergence::JensenShannon), Self::Typo];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Rlhf(_) => "rlhf",
            Self::Dpo => "dpo",
            Self::Ipo => "ipo",
            Self::FDpo(_) => "f-dpo",
            Self::Typo => "typo",
            Self::Qpo(..) => "qpo",
        }
    }

    /// The name as printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rlhf(_) => "RLHF",
            Self::Dpo => "DPO",
            Self::Ipo => "IPO",
            Self::FDpo(_) => "f-DPO",
            Self::Typo => "TYPO",
            Self::Qpo(..) => "QPO",
        }
    }

    /// The name where room is short, as at a curve: a QPO loss with its ψ, and with f′ where that stands for the logarithm.
    pub fn label(self) -> &'static str {
        const QPO: [[&str; 2]; 8] = [
            ["QPO logistic", "QPO logistic·f′"],
            ["QPO squared", "QPO squared·f′"],
            ["QPO hinge", "QPO hinge·f′"],
            ["QPO exp", "QPO exp·f′"],
            ["QPO truncated", "QPO truncated·f′"],
            ["QPO savage", "QPO savage·f′"],
            ["QPO threshold", "QPO threshold·f′"],
            // Of TYPO's own shape there is none.
            ["QPO", "QPO"],
        ];
        match self {
            Self::Qpo(psi, mu) => QPO[psi as usize][usize::from(mu != Mu::Log)],
            _ => self.name(),
        }
    }

    /// What tells it from another of its kind, where it is not the paper's own choice: `forward-kl`, `hinge of log`.
    pub fn choices(self) -> String {
        match self {
            Self::Rlhf(Reward::Fitted) => "fitted reward".to_owned(),
            Self::FDpo(divergence) if divergence != Divergence::JensenShannon => divergence.to_string(),
            Self::Qpo(psi, Mu::Log) => psi.key().to_owned(),
            Self::Qpo(psi, Mu::FPrime(divergence)) => format!("{} of {divergence}", psi.key()),
            _ => String::new(),
        }
    }

    /// The pair part; none for RLHF, which sees preferences only through its reward.
    pub fn pair_part(self) -> Option<PairPart> {
        let ratio = |psi, mu| Some(PairPart { psi, score: Score::Ratio(mu) });
        match self {
            Self::Rlhf(_) => None,
            Self::Dpo => ratio(Psi::Logistic, Mu::Log),
            Self::Ipo => ratio(Psi::Squared, Mu::Log),
            Self::FDpo(divergence) => ratio(Psi::Logistic, Mu::FPrime(divergence)),
            Self::Qpo(psi, mu) => ratio(psi, mu),
            Self::Typo => Some(typo::SUPERVISED),
        }
    }

    /// The action part as a function of one action's `ln π`; none for the QPO family.
    #[inline]
    pub fn action_part(self, action: Action, lambda: f64) -> Option<Term> {
        match self {
            Self::Rlhf(_) => Some(rlhf::expectation(action, lambda)),
            Self::Typo => Some(typo::unsupervised(action, lambda)),
            _ => None,
        }
    }

    /// Value and slopes of the pair part for one labelled pair. Zero for RLHF.
    pub fn pair(self, pair: Pair, lambda: f64) -> PairSlopes {
        self.pair_part().map_or(PairSlopes { value: 0.0, d_chosen: 0.0, d_rejected: 0.0 }, |p| p.pair(pair, lambda))
    }

    /// True of the losses that (11) covers.
    pub fn is_qpo(self) -> bool {
        matches!(self.pair_part(), Some(PairPart { score: Score::Ratio(_), .. }))
    }
}

impl PairPart {
    /// Value and slopes for one labelled pair.
    pub fn pair(self, pair: Pair, lambda: f64) -> PairSlopes {
        let margin = self.score.value(pair.logp_chosen, pair.ref_chosen)
            - self.score.value(pair.logp_rejected, pair.ref_rejected);
        let slope = self.psi.slope(margin, lambda);
        PairSlopes {
            value: self.psi.value(margin, lambda),
            d_chosen: slope * self.score.slope(pair.logp_chosen, pair.ref_chosen),
            d_rejected: -slope * self.score.slope(pair.logp_rejected, pair.ref_rejected),
        }
    }
}

impl Score {
    /// The score of a response.
    #[inline]
    pub fn value(self, log_pi: f64, log_ref: f64) -> f64 {
        match self {
            Self::Ratio(mu) => mu.score(log_pi - log_ref),
            Self::LogPolicy => log_pi,
        }
    }

    /// The score and its slope in `ln π`.
    #[inline]
    pub fn value_and_slope(self, log_pi: f64, log_ref: f64) -> (f64, f64) {
        match self {
            Self::Ratio(mu) => mu.score_and_slope(log_pi - log_ref),
            Self::LogPolicy => (log_pi, 1.0),
        }
    }

    /// Whether its slope in `ln π` is one everywhere.
    pub fn is_linear(self) -> bool {
        matches!(self, Self::LogPolicy | Self::Ratio(Mu::Log))
    }

    /// Its slope in `ln π`.
    #[inline]
    pub fn slope(self, log_pi: f64, log_ref: f64) -> f64 {
        match self {
            Self::Ratio(mu) => mu.slope(log_pi - log_ref),
            Self::LogPolicy => 1.0,
        }
    }

    /// Its curvature in `ln π`.
    pub fn curvature(self, log_pi: f64, log_ref: f64) -> f64 {
        match self {
            Self::Ratio(mu) => mu.curvature(log_pi - log_ref),
            Self::LogPolicy => 0.0,
        }
    }
}
