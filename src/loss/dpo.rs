//! DPO, equation (7): `−log σ(λ Δ)` with `Δ = ln(π_w/ref_w) − ln(π_l/ref_l)`.
//!
//! The logistic ψ of QPO (11). At π = π_ref it is ln 2 for every λ. With λ = 1 and the margin taken on ln π
//! alone it is TYPO's supervised term (16).

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

    fn pair(theta: f64) -> Pair {
        Pair { logp_chosen: -0.4 + theta, logp_rejected: -1.9 - theta, ref_chosen: -0.9, ref_rejected: -1.2 }
    }

    /// Equation (19): log(γ + u), γ = (ref_l/ref_w)^λ, u = (π_l/π_w)^λ.
    fn relative_concave_form(p: Pair, lambda: f64) -> f64 {
        let gamma = (lambda * (p.ref_rejected - p.ref_chosen)).exp();
        let u = (lambda * (p.logp_rejected - p.logp_chosen)).exp();
        (gamma + u).ln()
    }

    /// Equation (29) with μ(·) = (·)^{λ/2}, whose rewriting is (30): two zero-mean Gaussians that share a variance.
    fn gaussian_form(p: Pair, lambda: f64) -> f64 {
        let mu = |log_ratio: f64| (0.5 * lambda * log_ratio).exp();
        let policy = mu(p.logp_rejected - p.logp_chosen);
        let reference = mu(p.ref_rejected - p.ref_chosen);
        (policy * policy + reference * reference).ln()
    }

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

    #[test]
    fn dpo_has_the_gradient_of_equations_19_and_30() {
        let h = 1e-5;
        for lambda in [0.05, 0.5, 1.0, 4.0] {
            let slopes = Loss::Dpo.pair(pair(0.0), lambda);
            let analytic = slopes.d_chosen - slopes.d_rejected;
            for form in [relative_concave_form, gaussian_form] {
                let difference = (form(pair(h), lambda) - form(pair(-h), lambda)) / (2.0 * h);
                assert!((difference - analytic).abs() < 1e-9 * (1.0 + lambda.powi(3)), "lambda {lambda}");
            }
        }
    }
}
