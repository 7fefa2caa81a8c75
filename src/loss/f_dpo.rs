//! f-DPO, section 2.4: `−log σ(λ [f′(π_w/ref_w) − f′(π_l/ref_l)])`; the paper takes Jensen–Shannon (57).
//!
//! DPO's ψ with μ = f′. With reverse KL it is DPO; at π = π_ref it is ln 2 for every λ and every f.

#[cfg(test)]
mod tests {
    use crate::divergence::Divergence;
    use crate::loss::{Loss, Pair};

    const PAIR: Pair = Pair { logp_chosen: -0.3, logp_rejected: -2.0, ref_chosen: -0.9, ref_rejected: -1.2 };

    #[test]
    fn f_dpo_with_reverse_kl_is_dpo() {
        for lambda in [1e-5, 0.3, 1e5] {
            assert_eq!(Loss::FDpo(Divergence::ReverseKl).pair(PAIR, lambda), Loss::Dpo.pair(PAIR, lambda));
        }
    }

    #[test]
    fn f_dpo_follows_its_printed_formula() {
        let lambda = 0.7;
        let f = |t: f64| (2.0 * t.exp() / (1.0 + t.exp())).ln();
        let margin = f(0.6) - f(-0.8);
        let expected = (1.0 + (-lambda * margin).exp()).ln();
        assert!((Loss::FDpo(Divergence::JensenShannon).pair(PAIR, lambda).value - expected).abs() < 1e-14);
    }

    #[test]
    fn f_dpo_equals_ln_2_at_the_reference() {
        let p = Pair { logp_chosen: -0.9, logp_rejected: -1.2, ref_chosen: -0.9, ref_rejected: -1.2 };
        for d in Divergence::ALL {
            assert!((Loss::FDpo(d).pair(p, 0.2).value - std::f64::consts::LN_2).abs() < 1e-15);
        }
    }
}
