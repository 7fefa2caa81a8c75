//! TYPO, equations (14), (16), (17): `log(1 + π_l/π_w)` per pair `+ λ KL(π_ref ‖ π)` per prompt.
//!
//! The supervised term does not see π_ref, the unsupervised one does not see the labels. At π = π_ref the second is 0.
//! λ → 0 gives the Bradley–Terry fit of the data, λ → ∞ gives π_ref.

use super::{Action, PairPart, Psi, Score, Term};

/// (16): the logistic shape on ln π, with no λ in it.
pub const SUPERVISED: PairPart = PairPart { psi: Psi::UnitLogistic, score: Score::LogPolicy };

/// The least sum of two probabilities whose ratios keep all their digits.
pub const LEAST_ODDS: f64 = 1e-290;

/// The slope of (16) in `ln π_i` for two actions of which i won and lost with these masses; in `ln π_j` it is less that.
///
/// `−win σ(ln π_j − ln π_i) + lose σ(ln π_i − ln π_j)`, by what those sigmoids are: win probabilities, `π_i/(π_i + π_j)`. The
/// two may be scaled together; their sum must be above [`LEAST_ODDS`].
#[inline]
pub fn slope_from_probs((win, lose): (f64, f64), pi_i: f64, pi_j: f64) -> f64 {
    (lose * pi_i - win * pi_j) / (pi_i + pi_j)
}

/// (17): one action's share of `λ KL(π_ref ‖ π)`, `λ π_ref (ln π_ref − ln π)`.
#[inline]
pub fn unsupervised(Action { log_pi, pi_ref, log_ref, .. }: Action, lambda: f64) -> Term {
    let weight = lambda * pi_ref;
    Term { value: weight * (log_ref - log_pi), slope: -weight, curvature: 0.0 }
}

#[cfg(test)]
mod tests {
    use crate::loss::{Action, Loss, Pair};

    #[test]
    fn typo_pairs_ignore_the_reference_and_lambda() {
        let p = Pair { logp_chosen: -0.3, logp_rejected: -2.0, ref_chosen: -0.9, ref_rejected: -1.2 };
        let q = Pair { ref_chosen: -3.0, ref_rejected: -0.1, ..p };
        assert_eq!(Loss::Typo.pair(p, 0.1), Loss::Typo.pair(q, 100.0));
        let expected = (1.0 + (-2.0f64 + 0.3).exp()).ln();
        assert!((Loss::Typo.pair(p, 0.1).value - expected).abs() < 1e-15);
    }

    #[test]
    fn slopes_from_probabilities_are_those_of_the_logistic_shape() {
        for (a, b) in [(0.6, 0.1), (1e-200, 1e-3), (3e-290, 1e-291), (0.0, 0.5), (0.5, 0.5)] {
            let margin = f64::ln(a) - f64::ln(b);
            for masses in [(0.3, 0.7), (1.0, 0.0), (0.0, 2.0)] {
                let expected = super::SUPERVISED.psi.compared_slope(masses, margin, 9.0);
                let slope = super::slope_from_probs(masses, a, b);
                assert!((slope - expected).abs() <= 1e-12 * expected.abs(), "{a} {b} {masses:?}");
            }
        }
    }

    #[test]
    fn typo_second_term_is_zero_at_the_reference() {
        let reference = crate::simplex::logs(&[0.5, 0.3, 0.2]);
        let at_reference = |r: f64| Action { pi: r.exp(), log_pi: r, pi_ref: r.exp(), log_ref: r, reward: 0.0 };
        let total: f64 = reference.iter().map(|&r| super::unsupervised(at_reference(r), 7.0).value).sum();
        assert_eq!(total, 0.0);
    }
}
