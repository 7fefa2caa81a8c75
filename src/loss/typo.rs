//! TYPO, equations (14), (16), (17): `log(1 + π_l/π_w)` per pair `+ λ KL(π_ref ‖ π)` per prompt.
//!
//! The supervised term does not see π_ref, the unsupervised one does not see the labels. At π = π_ref the second is 0.
//! λ → 0 gives the Bradley–Terry fit of the data, λ → ∞ gives π_ref.

use super::{PairPart, Psi, Score, Term};

/// (16): the logistic shape on ln π, with no λ in it.
pub const SUPERVISED: PairPart = PairPart { psi: Psi::UnitLogistic, score: Score::LogPolicy };

/// (17): one action's share of `λ KL(π_ref ‖ π)`, `λ π_ref (ln π_ref − ln π)`.
#[inline]
pub fn unsupervised(log_pi: f64, log_ref: f64, lambda: f64) -> Term {
    let weight = lambda * log_ref.exp();
    Term { value: weight * (log_ref - log_pi), slope: -weight, curvature: 0.0 }
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, Pair};

    #[test]
    fn typo_pairs_ignore_the_reference_and_lambda() {
        let p = Pair { logp_chosen: -0.3, logp_rejected: -2.0, ref_chosen: -0.9, ref_rejected: -1.2 };
        let q = Pair { ref_chosen: -3.0, ref_rejected: -0.1, ..p };
        assert_eq!(Loss::Typo.pair(p, 0.1), Loss::Typo.pair(q, 100.0));
        let expected = (1.0 + (-2.0f64 + 0.3).exp()).ln();
        assert!((Loss::Typo.pair(p, 0.1).value - expected).abs() < 1e-15);
    }

    #[test]
    fn typo_second_term_is_zero_at_the_reference() {
        let reference = crate::simplex::logs(&[0.5, 0.3, 0.2]);
        let total: f64 =
            reference.iter().map(|&r| Loss::Typo.action_part(r, r, 0.0, 7.0).unwrap_or_default().value).sum();
        assert_eq!(total, 0.0);
    }
}
