//! Appendix D: DPO without RLHF. Take `ξ = (π_l/π_w)^{λ/2}` of the policy and of the reference (24) for two draws from a
//! zero-mean Gaussian with one variance of their own (25), and fit that variance (26): what is left is DPO (30).
//!
//! Everything is kept in logarithms, as `ξ²` leaves the range of numbers at large λ.

use crate::divergence::softplus;

/// `ln(ξ_θ² + ξ_ref²)`, from `ln(π_l/π_w)` under the policy and under the reference.
pub fn log_square(policy: f64, reference: f64, lambda: f64) -> f64 {
    lambda * reference + softplus(lambda * (policy - reference))
}

/// `−log N(ξ | 0, variance·I)` of the two numbers, from the logarithm of their squared length and of the variance, in nats.
pub fn negative_log_density(log_square: f64, log_variance: f64) -> f64 {
    std::f64::consts::TAU.ln() + log_variance + 0.5 * (log_square - log_variance).exp()
}

/// How far either side of the squared length itself the variance is sought, in logarithms.
const BRACKET: f64 = 12.0;
/// Golden sections: the bracket shrinks to 1e-11, whose square is beyond the value's last digit.
const SECTIONS: usize = 60;

/// The log-variance that fits best, and the negative log-density there. Sought, not taken from (27), so that what is
/// compared with DPO rests on the Gaussian alone.
pub fn fitted(log_square: f64) -> (f64, f64) {
    let golden = 0.5 * (5f64.sqrt() - 1.0);
    let f = |t: f64| negative_log_density(log_square, t);
    let (mut low, mut high) = (log_square - BRACKET, log_square + BRACKET);
    for _ in 0..SECTIONS {
        let reach = golden * (high - low);
        if f(high - reach) < f(low + reach) {
            high = low + reach;
        } else {
            low = high - reach;
        }
    }
    let best = 0.5 * (low + high);
    (best, f(best))
}

/// What a fitted pair of Gaussians costs beyond DPO: no function of the policy, and so of no weight. `ln(ref_l/ref_w)` is
/// the reference's.
pub fn constant(reference: f64, lambda: f64) -> f64 {
    1.0 + std::f64::consts::PI.ln() + lambda * reference
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::dpo;

    #[test]
    fn the_best_variance_is_half_the_squared_length() {
        for log_square in [-30.0, 0.0, 2.5, 400.0] {
            let (found, value) = fitted(log_square);
            assert!((found - (log_square - 2f64.ln())).abs() < 1e-6, "{log_square}");
            assert!((value - (std::f64::consts::PI.ln() + log_square + 1.0)).abs() < 1e-13 * (1.0 + log_square.abs()));
        }
    }

    #[test]
    fn two_gaussians_with_a_fitted_variance_are_dpo() {
        for lambda in [1e-3, 0.1, 1.0, 30.0] {
            for reference in [-2.0, 0.0, 0.7] {
                for policy in [-9.0, -0.3, 0.0, 1.0, 8.0] {
                    let (_, value) = fitted(log_square(policy, reference, lambda));
                    let dpo = dpo::value(reference - policy, lambda);
                    let size = 4.0 + lambda * 10.0;
                    let off = value - constant(reference, lambda) - dpo;
                    assert!(off.abs() < 1e-14 * size, "{lambda} {reference} {policy}: {off}");
                }
            }
        }
    }

    #[test]
    fn any_other_variance_costs_more() {
        let square = log_square(0.4, -0.2, 2.0);
        let (best, least) = fitted(square);
        for other in [best - 1.0, best - 0.1, best + 0.1, best + 1.0] {
            assert!(negative_log_density(square, other) > least);
        }
    }
}
