//! DPO, equation (7): `−log σ(λ Δ)` with `Δ = ln(π_w/ref_w) − ln(π_l/ref_l)`.
//!
//! The logistic ψ of QPO (11). At π = π_ref it is ln 2 for every λ. With λ = 1 and the margin taken on ln π
//! alone it is TYPO's supervised term (16). Its gradient is that of (19) and (30): see `tests/dpo.rs`.

use super::Term;
use crate::divergence::{sigmoid, softplus};
use crate::simplex::{exp, ln_1p};

/// `−log σ(λv)`, in nats.
#[inline]
pub fn value(v: f64, lambda: f64) -> f64 {
    softplus(-lambda * v)
}

/// `d/dv`.
#[inline]
pub fn slope(v: f64, lambda: f64) -> f64 {
    -lambda * sigmoid(-lambda * v)
}

/// `d/dv` of `−win log σ(λv) − lose log σ(−λv)`, for one exponential.
#[inline]
pub fn compared_slope((win, lose): (f64, f64), v: f64, lambda: f64) -> f64 {
    let (_, below, above) = sides(lambda * v);
    lambda * (lose * above - win * below)
}

/// `e^{−|x|}`, σ(−x) and σ(x).
#[inline]
fn sides(x: f64) -> (f64, f64, f64) {
    let e = exp(-x.abs());
    let large = 1.0 / (1.0 + e);
    let small = e * large;
    if x >= 0.0 { (e, small, large) } else { (e, large, small) }
}

/// `−win log σ(λv) − lose log σ(−λv)`, for one exponential and one logarithm.
#[inline]
pub fn compared((win, lose): (f64, f64), v: f64, lambda: f64) -> Term {
    let x = lambda * v;
    let (e, below, above) = sides(x);
    let near = ln_1p(e);
    Term {
        value: win * (near + (-x).max(0.0)) + lose * (near + x.max(0.0)),
        slope: lambda * (lose * above - win * below),
        curvature: lambda * lambda * (win + lose) * below * above,
    }
}

/// `d²/dv²`.
#[inline]
pub fn curvature(v: f64, lambda: f64) -> f64 {
    lambda * lambda * sigmoid(lambda * v) * sigmoid(-lambda * v)
}

#[cfg(test)]
mod tests {
    use crate::loss::{Loss, Pair};

    #[test]
    fn the_slope_of_both_outcomes_is_that_of_one_and_less_that_of_the_other() {
        for v in [-800.0, -2.0, 0.0, 0.3, 900.0] {
            for lambda in [1e-5, 1.0, 40.0] {
                let (forth, back) = (super::slope(v, lambda), super::slope(-v, lambda));
                for (win, lose) in [(1.0, 0.0), (0.0, 1.0), (0.3, 0.7)] {
                    let slope = super::compared_slope((win, lose), v, lambda);
                    assert!((slope - (win * forth - lose * back)).abs() <= 4e-16 * lambda, "{v} {lambda}");
                    assert_eq!(slope, super::compared((win, lose), v, lambda).slope);
                }
            }
        }
    }

    #[test]
    fn dpo_equals_ln_2_at_the_reference() {
        let p = Pair { logp_chosen: -0.9, logp_rejected: -1.2, ref_chosen: -0.9, ref_rejected: -1.2 };
        for lambda in [1e-6, 0.1, 3.0, 1e6] {
            assert!((Loss::Dpo.pair(p, lambda).value - std::f64::consts::LN_2).abs() < 1e-15);
        }
    }
}
