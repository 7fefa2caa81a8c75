//! Appendix C: as a function of `u = (π_l/π_w)^λ`, DPO's loss of a pair is `log(γ + u)` and a constant, where
//! `γ = (ref_l/ref_w)^λ` (19). How concave it is, relative to another such function, is Definition C.1.
//!
//! g is concave relative to f where, for all u₁ and u₂, `g(u₂) ≤ g(u₁) + g′(u₁)/f′(u₁) [f(u₂) − f(u₁)]` (20). Divided by
//! g′(u₁) both sides are rises in units of the slope at u₁, which no affine map of g or f changes; so they are compared.

/// γ of a pair (19), from the log-probabilities of its two responses under π_ref.
pub fn gamma(ref_chosen: f64, ref_rejected: f64, lambda: f64) -> f64 {
    (lambda * (ref_rejected - ref_chosen)).exp()
}

/// `[g(to) − g(from)]/g′(from)` of `g(u) = log(γ + u)`. γ = 0 is log u, which stands for ℓ₀; γ = ∞ is u itself, ℓ₁.
pub fn rise(gamma: f64, from: f64, to: f64) -> f64 {
    let at = gamma + from;
    if at.is_infinite() { to - from } else { at * ((to - from) / at).ln_1p() }
}

/// How (20) fares over pairs of points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Concavity {
    /// Pairs that were tried.
    pub pairs: usize,
    /// Those that break it.
    pub broken: usize,
    /// The most by which any goes beyond it, in units of u; at most rounding where it holds.
    pub excess: f64,
}

/// What an excess may be by rounding: a few units in the last place of numbers up to one.
const ROUNDING: f64 = 1e-14;

impl Concavity {
    /// Whether no pair breaks the condition.
    pub fn holds(self) -> bool {
        self.broken == 0
    }

    /// Whether `log(γ + u)` is concave relative to `log(γ_f + u)` at every ordered pair of `points` evenly in 0 < u ≤ 1.
    pub fn measured(gamma: f64, gamma_f: f64, points: usize) -> Self {
        let at = |k: usize| (k + 1) as f64 / points as f64;
        let mut found = Self { pairs: 0, broken: 0, excess: f64::NEG_INFINITY };
        for from in (0..points).map(at) {
            for to in (0..points).map(at).filter(|to| *to != from) {
                let excess = rise(gamma, from, to) - rise(gamma_f, from, to);
                found.pairs += 1;
                found.broken += usize::from(excess > ROUNDING);
                found.excess = found.excess.max(excess);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Loss, Pair};

    #[test]
    fn a_smaller_gamma_is_concave_relative_to_a_larger_one_and_never_the_other_way_round() {
        let gammas = [0.0, 1e-4, 0.1, 1.0, 100.0, f64::INFINITY];
        for (k, &small) in gammas.iter().enumerate() {
            for &large in &gammas[k + 1..] {
                assert!(Concavity::measured(small, large, 40).holds(), "{small} against {large}");
                let reverse = Concavity::measured(large, small, 40);
                // The difference is of second order, so that every pair shows it.
                assert_eq!(reverse.broken, reverse.pairs, "{large} against {small}");
            }
        }
        assert!(Concavity::measured(0.3, 0.3, 40).holds());
    }

    #[test]
    fn a_rise_is_in_units_of_the_slope() {
        let (g, from, to) = (|u: f64| (0.2 + u).ln(), 0.3, 0.8);
        let h = 1e-5;
        let slope = (g(from + h) - g(from - h)) / (2.0 * h);
        assert!((rise(0.2, from, to) - (g(to) - g(from)) / slope).abs() < 1e-9);
        assert!((rise(1e9, from, to) - rise(f64::INFINITY, from, to)).abs() < 1e-9);
    }

    #[test]
    fn dpo_is_the_log_of_gamma_and_u_less_that_of_gamma() {
        let p = Pair { logp_chosen: -0.4, logp_rejected: -1.9, ref_chosen: -0.9, ref_rejected: -1.2 };
        for lambda in [0.05, 1.0, 4.0] {
            let gamma = gamma(p.ref_chosen, p.ref_rejected, lambda);
            let u = (lambda * (p.logp_rejected - p.logp_chosen)).exp();
            assert!(((gamma + u).ln() - gamma.ln() - Loss::Dpo.pair(p, lambda).value).abs() < 1e-14);
        }
    }
}
