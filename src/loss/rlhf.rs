//! RLHF, equation (4): `E_{y~π}[−r(y)] + λ KL(π ‖ π_ref)` per prompt, the expectation taken exactly.

use super::{Action, Term};

/// The reward that RLHF maximises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reward {
    /// `r* = log π*`, up to a constant.
    True,
    /// The Bradley–Terry fit of the preference data, equation (3).
    Fitted,
}

/// One action's share: `π (−r + λ (ln π − ln π_ref))`, of `z = ln π`.
#[inline]
pub fn expectation(Action { pi, log_pi, log_ref, reward, .. }: Action, lambda: f64) -> Term {
    if pi == 0.0 {
        return Term::default();
    }
    let cost = -reward + lambda * (log_pi - log_ref);
    Term { value: pi * cost, slope: pi * (cost + lambda), curvature: pi * (cost + 2.0 * lambda) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rlhf_is_the_expected_cost_plus_lambda_times_kl() {
        let pi = crate::simplex::logs(&[0.5, 0.3, 0.2]);
        let reference = crate::simplex::logs(&[0.2, 0.2, 0.6]);
        let reward = [1.0, -0.5, 0.25];
        let action = |k: usize| Action {
            pi: pi[k].exp(),
            log_pi: pi[k],
            pi_ref: reference[k].exp(),
            log_ref: reference[k],
            reward: reward[k],
        };
        let total: f64 = (0..3).map(|k| expectation(action(k), 0.7).value).sum();
        let expected = -(0.5 - 0.15 + 0.05) + 0.7 * crate::simplex::kl(&pi, &reference);
        assert!((total - expected).abs() < 1e-15);
    }
}
