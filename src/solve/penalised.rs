//! RLHF's minimiser under `α‖π‖²`, exactly.
//!
//! Newton on θ cannot find it at small λ: an action that all but vanishes has neither slope nor curvature there. In π the
//! objective `−Σ π r + λ KL(π ‖ π_ref) + α Σ π²` is strictly convex, and it is stationary where
//! `λ ln π_i + 2α π_i = λ ln π_ref,i + r_i + c`. Each π_i grows with c, which is fixed by `Σ π_i = 1`.

use crate::simplex::log_sum_exp;

/// Log-probabilities, for λ > 0 and a penalty α ≥ 0. (A)
pub fn rlhf(log_ref: &[f64], reward: &[f64], lambda: f64, alpha: f64) -> Vec<f64> {
    let tilted: Vec<f64> = log_ref.iter().zip(reward).map(|(r, reward)| lambda * r + reward).collect();
    let at = |c: f64| -> Vec<f64> { tilted.iter().map(|t| log_share(t + c, lambda, alpha)).collect() };
    // Without the penalty c is known; with it no π_i is larger at that c, and none is smaller at 2α more.
    let free = -lambda * log_sum_exp(&tilted.iter().map(|t| t / lambda).collect::<Vec<_>>());
    let (mut low, mut high) = (free, free + 2.0 * alpha);
    let mut c = high;
    for _ in 0..200 {
        let log_pi = at(c);
        let excess = log_sum_exp(&log_pi);
        if excess > 0.0 {
            high = c;
        } else {
            low = c;
        }
        let growth: f64 = log_pi.iter().map(|z| (z - excess).exp() / (lambda + 2.0 * alpha * z.exp())).sum();
        let newton = c - excess / growth;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - c).abs() <= f64::EPSILON * (1.0 + c.abs()) {
            break;
        }
        c = next;
    }
    at(c)
}

/// `z` with `λz + 2αe^z = s`. The left side is convex and grows, so that Newton from above never steps past the root.
fn log_share(s: f64, lambda: f64, alpha: f64) -> f64 {
    // e^z ≤ s/2α where z ≥ 0; and 2αe^z > 0.
    let mut z = (s / lambda).min((s / (2.0 * alpha)).max(1.0).ln());
    for _ in 0..100 {
        let share = 2.0 * alpha * z.exp();
        let step = (lambda * z + share - s) / (lambda + share);
        z -= step;
        if step <= f64::EPSILON * (1.0 + z.abs()) {
            break;
        }
    }
    z
}
