//! IPO, equation (10): `(Δ − 1/(2λ))²` with `Δ = ln(π_w/ref_w) − ln(π_l/ref_l)`.
//!
//! The squared ψ of QPO (11). At π = π_ref it is 1/(4λ²).

/// `(v − 1/(2λ))²`.
#[inline]
pub fn value(v: f64, lambda: f64) -> f64 {
    let gap = v - 0.5 / lambda;
    gap * gap
}

/// `d/dv`.
#[inline]
pub fn slope(v: f64, lambda: f64) -> f64 {
    2.0 * (v - 0.5 / lambda)
}

/// `d²/dv²`.
#[inline]
pub fn curvature(_v: f64, _lambda: f64) -> f64 {
    2.0
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, Pair};

    #[test]
    fn ipo_equals_a_quarter_over_lambda_squared_at_the_reference() {
        let p = Pair { logp_chosen: -0.9, logp_rejected: -1.2, ref_chosen: -0.9, ref_rejected: -1.2 };
        for lambda in [1e-5, 0.1, 1.0, 1e5] {
            let expected = 0.25 / (lambda * lambda);
            assert!((Loss::Ipo.pair(p, lambda).value - expected).abs() <= 1e-15 * expected);
        }
    }
}
