//! DPO, equation (7): `−log σ(λ Δ)` with `Δ = ln(π_w/ref_w) − ln(π_l/ref_l)`.
//!
//! The logistic ψ of QPO (11). At π = π_ref it is ln 2 for every λ. With λ = 1 and the margin taken on ln π
//! alone it is TYPO's supervised term (16).

use crate::divergence::{sigmoid, softplus};

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

/// `d/dv` at v and at −v, for one exponential.
#[inline]
pub fn slopes(v: f64, lambda: f64) -> (f64, f64) {
    let x = lambda * v;
    let e = (-x.abs()).exp();
    let large = 1.0 / (1.0 + e);
    let small = e * large;
    if x >= 0.0 { (-lambda * small, -lambda * large) } else { (-lambda * large, -lambda * small) }
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
    fn both_slopes_at_once_are_the_slopes_one_by_one() {
        for v in [-800.0, -2.0, 0.0, 0.3, 900.0] {
            for lambda in [1e-5, 1.0, 40.0] {
                let (forth, back) = super::slopes(v, lambda);
                let (a, b) = (super::slope(v, lambda), super::slope(-v, lambda));
                assert!((forth - a).abs() <= 4e-16 * lambda && (back - b).abs() <= 4e-16 * lambda, "{v} {lambda}");
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
