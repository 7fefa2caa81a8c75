//! QPO, equation (11): `ψ(μ[π_w/ref_w] − μ[π_l/ref_l], λ)`, ψ quasi-convex, μ increasing.
//!
//! μ = log gives GPO: logistic ψ is DPO, squared is IPO, hinge is SLiC. Logistic ψ with μ = f′ is f-DPO.

use super::{Term, dpo, ipo};
use crate::divergence::Divergence;

/// The shape of a pair's loss as a function of its margin v.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Psi {
    /// `log(1 + e^{−λv})`.
    Logistic,
    /// `(v − 1/(2λ))²`.
    Squared,
    /// `max(0, 1 − λv)`.
    Hinge,
    /// `e^{−λv}`.
    Exponential,
    /// `max(0, 1 − λv)²`.
    TruncatedQuadratic,
    /// `1/(1 + e^{λv})²`: quasi-convex, not convex.
    Savage,
    /// `λv²` for v ≤ 0, `−v²/(1 + v²)` for v > 0: quasi-convex, not convex; steps out of the printed proof of Theorem 3.1.
    Threshold,
    /// `log(1 + e^{−v})`: TYPO's supervised shape, which holds no λ. Not offered for QPO.
    UnitLogistic,
}

/// The function of π/π_ref whose differences ψ sees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mu {
    /// `ln(π/π_ref)`.
    Log,
    /// `f′(π/π_ref)`.
    FPrime(Divergence),
}

/// The exponential loss is continued by its tangent beyond this exponent, where e^x would overflow.
const MAX_EXPONENT: f64 = 300.0;

impl Psi {
    /// Those that a user may pick for QPO.
    pub const ALL: [Self; 7] = [
        Self::Logistic,
        Self::Squared,
        Self::Hinge,
        Self::Exponential,
        Self::TruncatedQuadratic,
        Self::Savage,
        Self::Threshold,
    ];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Logistic | Self::UnitLogistic => "logistic",
            Self::Squared => "squared",
            Self::Hinge => "hinge",
            Self::Exponential => "exponential",
            Self::TruncatedQuadratic => "truncated-quadratic",
            Self::Savage => "savage",
            Self::Threshold => "threshold",
        }
    }

    /// ψ at margin `v`.
    #[inline]
    pub fn value(self, v: f64, lambda: f64) -> f64 {
        match self {
            Self::Logistic => dpo::value(v, lambda),
            Self::UnitLogistic => dpo::value(v, 1.0),
            Self::Squared => ipo::value(v, lambda),
            Self::Hinge => (1.0 - lambda * v).max(0.0),
            Self::Exponential => {
                let x = -lambda * v;
                let capped = x.min(MAX_EXPONENT);
                capped.exp() * (1.0 + x - capped)
            }
            Self::TruncatedQuadratic => (1.0 - lambda * v).max(0.0).powi(2),
            Self::Savage => (2.0 * -dpo::value(-v, lambda)).exp(),
            Self::Threshold if v <= 0.0 => lambda * v * v,
            Self::Threshold => -v * v / (1.0 + v * v),
        }
    }

    /// `∂ψ/∂v`; at the hinge's kink, the slope to its right.
    #[inline]
    pub fn slope(self, v: f64, lambda: f64) -> f64 {
        match self {
            Self::Logistic => dpo::slope(v, lambda),
            Self::UnitLogistic => dpo::slope(v, 1.0),
            Self::Squared => ipo::slope(v, lambda),
            Self::Hinge => {
                if lambda * v < 1.0 {
                    -lambda
                } else {
                    0.0
                }
            }
            Self::Exponential => -lambda * (-lambda * v).min(MAX_EXPONENT).exp(),
            Self::TruncatedQuadratic => -2.0 * lambda * (1.0 - lambda * v).max(0.0),
            Self::Savage => 2.0 * self.value(v, lambda) * dpo::slope(-v, lambda),
            Self::Threshold if v <= 0.0 => 2.0 * lambda * v,
            Self::Threshold => -2.0 * v / (1.0 + v * v).powi(2),
        }
    }

    /// `∂²ψ/∂v²` where it exists, one-sided elsewhere.
    pub fn curvature(self, v: f64, lambda: f64) -> f64 {
        match self {
            Self::Logistic => dpo::curvature(v, lambda),
            Self::UnitLogistic => dpo::curvature(v, 1.0),
            Self::Squared => ipo::curvature(v, lambda),
            Self::Hinge => 0.0,
            Self::Exponential => lambda * lambda * (-lambda * v).min(MAX_EXPONENT).exp(),
            Self::TruncatedQuadratic => {
                if lambda * v < 1.0 {
                    2.0 * lambda * lambda
                } else {
                    0.0
                }
            }
            Self::Savage => {
                let rise = dpo::slope(-v, lambda);
                2.0 * self.value(v, lambda) * (2.0 * rise * rise - dpo::curvature(v, lambda))
            }
            Self::Threshold if v <= 0.0 => 2.0 * lambda,
            Self::Threshold => (6.0 * v * v - 2.0) / (1.0 + v * v).powi(3),
        }
    }

    /// ψ with its slope and curvature.
    pub fn term(self, v: f64, lambda: f64) -> Term {
        Term { value: self.value(v, lambda), slope: self.slope(v, lambda), curvature: self.curvature(v, lambda) }
    }

    /// Both outcomes of a comparison, with their masses (win, lose), as one function of its margin.
    #[inline]
    pub fn compared(self, masses: (f64, f64), v: f64, lambda: f64) -> Term {
        match self {
            Self::Logistic => dpo::compared(masses, v, lambda),
            Self::UnitLogistic => dpo::compared(masses, v, 1.0),
            _ => Term::compared(masses, self.term(v, lambda), self.term(-v, lambda)),
        }
    }

    /// The slope of [`Self::compared`] alone.
    #[inline]
    pub fn compared_slope(self, (win, lose): (f64, f64), v: f64, lambda: f64) -> f64 {
        // An outcome that never came must not count, however steep: 0 · ∞ is not 0.
        let part = |mass: f64, v: f64| if mass > 0.0 { mass * self.slope(v, lambda) } else { 0.0 };
        match self {
            Self::Logistic => dpo::compared_slope((win, lose), v, lambda),
            Self::UnitLogistic => dpo::compared_slope((win, lose), v, 1.0),
            _ => part(win, v) - part(lose, -v),
        }
    }

    /// Convex in v, so that every stationary point is a minimum.
    pub fn is_convex(self) -> bool {
        !matches!(self, Self::Savage | Self::Threshold)
    }
}

impl Mu {
    /// μ of a log-ratio t, up to an additive constant.
    #[inline]
    pub fn score(self, t: f64) -> f64 {
        match self {
            Self::Log => t,
            Self::FPrime(divergence) => divergence.score(t),
        }
    }

    /// Score and slope together, for the price of one exponential where they share it.
    #[inline]
    pub fn score_and_slope(self, t: f64) -> (f64, f64) {
        match self {
            Self::Log => (t, 1.0),
            Self::FPrime(divergence) => divergence.score_and_slope(t),
        }
    }

    /// `dμ/dt`.
    #[inline]
    pub fn slope(self, t: f64) -> f64 {
        match self {
            Self::Log => 1.0,
            Self::FPrime(divergence) => divergence.slope(t),
        }
    }

    /// `d²μ/dt²`.
    pub fn curvature(self, t: f64) -> f64 {
        match self {
            Self::Log => 0.0,
            Self::FPrime(divergence) => divergence.curvature(t),
        }
    }

    /// The log-ratio with a given score.
    pub fn log_ratio(self, s: f64) -> f64 {
        match self {
            Self::Log => s,
            Self::FPrime(divergence) => divergence.log_ratio(s),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Loss, Pair};

    const PAIR: Pair = Pair { logp_chosen: -0.3, logp_rejected: -2.0, ref_chosen: -0.9, ref_rejected: -1.2 };

    #[test]
    fn every_qpo_loss_has_a_label_of_its_own_that_names_its_psi() {
        let mus = [Mu::Log, Mu::FPrime(Divergence::ForwardKl)];
        let labels: Vec<&str> = Psi::ALL.iter().flat_map(|psi| mus.map(|mu| Loss::Qpo(*psi, mu).label())).collect();
        for (k, label) in labels.iter().enumerate() {
            let key = Psi::ALL[k / 2].key();
            assert!(label.starts_with(&format!("QPO {}", &key[..3])), "{key}: {label}");
            assert!(!labels[..k].contains(label), "{label}");
        }
        assert_eq!(Loss::Typo.label(), "TYPO");
    }

    #[test]
    fn every_psi_has_the_slope_and_curvature_of_its_values() {
        let h = 1e-5;
        for psi in Psi::ALL {
            for lambda in [0.3, 1.0, 2.0] {
                for v in [-2.0, -0.31, 0.2, 1.7, 6.0] {
                    let slope = (psi.value(v + h, lambda) - psi.value(v - h, lambda)) / (2.0 * h);
                    let curvature = (psi.slope(v + h, lambda) - psi.slope(v - h, lambda)) / (2.0 * h);
                    // Third derivatives are below 500 here, so the error of a central difference is below 1e-7.
                    assert!((slope - psi.slope(v, lambda)).abs() < 1e-7, "{psi:?} {lambda} {v}");
                    assert!((curvature - psi.curvature(v, lambda)).abs() < 1e-7, "{psi:?} {lambda} {v}");
                }
            }
        }
    }

    #[test]
    fn the_slope_of_a_comparison_alone_is_that_of_the_whole() {
        for psi in Psi::ALL {
            for v in [-400.0, -0.31, 0.0, 1.7] {
                for masses in [(0.3, 0.7), (0.0, 1.0), (2.0, 0.0)] {
                    assert_eq!(psi.compared_slope(masses, v, 0.8), psi.compared(masses, v, 0.8).slope, "{psi:?} {v}");
                }
            }
        }
    }

    #[test]
    fn every_psi_is_quasi_convex() {
        for psi in Psi::ALL {
            let values: Vec<f64> = (-600..600).map(|k| psi.value(f64::from(k) * 0.01, 0.8)).collect();
            let lowest = (0..values.len()).min_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0);
            assert!(values[..=lowest].windows(2).all(|w| w[0] >= w[1]), "{psi:?}");
            assert!(values[lowest..].windows(2).all(|w| w[0] <= w[1]), "{psi:?}");
        }
    }

    #[test]
    fn qpo_names_its_special_cases() {
        for lambda in [1e-5, 0.2, 5.0] {
            assert_eq!(Loss::Qpo(Psi::Logistic, Mu::Log).pair(PAIR, lambda), Loss::Dpo.pair(PAIR, lambda));
            assert_eq!(Loss::Qpo(Psi::Squared, Mu::Log).pair(PAIR, lambda), Loss::Ipo.pair(PAIR, lambda));
            for d in Divergence::ALL {
                assert_eq!(
                    Loss::Qpo(Psi::Logistic, Mu::FPrime(d)).pair(PAIR, lambda),
                    Loss::FDpo(d).pair(PAIR, lambda)
                );
            }
        }
    }
}
