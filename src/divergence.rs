//! f-divergences as the scores that f-DPO and QPO compare: f′ and its inverse.
//!
//! `D_f(π ‖ π_ref) = E_ref[f(π/π_ref)]`. With `u = π/π_ref` and `t = ln u`, a loss only ever sees differences
//! `f′(u_w) − f′(u_l)`, so each `score` drops an additive constant: where f′ is bounded above, its supremum.
//! That keeps the digits of `score` where f′ is nearly flat, and makes the inverse exact.

use crate::simplex::{exp, ln_1p};

/// A generator f, by its derivative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divergence {
    /// `f′(u) = ln u + 1`: KL(π ‖ π_ref), which makes f-DPO equal to DPO.
    ReverseKl,
    /// `f′(u) = −1/u`: KL(π_ref ‖ π).
    ForwardKl,
    /// `f′(u) = ln(2u/(1+u))`: the paper's choice (57).
    JensenShannon,
    /// `f′(u) = (1 − u^{−α})/α`, 0 < α < 1.
    Alpha(f64),
}

impl std::fmt::Display for Divergence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Alpha(a) => write!(f, "alpha {a}"),
            named => f.write_str(named.key().unwrap_or_default()),
        }
    }
}

/// Exponents are cut here: e^700 is still finite, and so is its product with a slope of zero.
const MAX_EXPONENT: f64 = 700.0;

fn exp_capped(x: f64) -> f64 {
    exp(x.min(MAX_EXPONENT))
}

/// `ln(1 + e^x)`, without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + ln_1p(exp(-x.abs()))
}

/// `1/(1 + e^{−x})`.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

impl Divergence {
    /// One of each kind, α at one half.
    pub const ALL: [Self; 4] = [Self::ReverseKl, Self::ForwardKl, Self::JensenShannon, Self::Alpha(0.5)];

    /// Those without a number of their own, by their names in files, links and options.
    pub const NAMED: [(&'static str, Self); 3] =
        [("reverse-kl", Self::ReverseKl), ("forward-kl", Self::ForwardKl), ("jensen-shannon", Self::JensenShannon)];

    /// The name in files, links and options; none for α-divergences, which are told by their α.
    pub fn key(self) -> Option<&'static str> {
        Self::NAMED.into_iter().find(|(_, named)| *named == self).map(|(key, _)| key)
    }

    /// f′ at `u = e^t`, less its supremum where it has one.
    #[inline]
    pub fn score(self, t: f64) -> f64 {
        match self {
            Self::ReverseKl => t,
            Self::ForwardKl => -exp_capped(-t),
            Self::JensenShannon => -softplus(-t),
            Self::Alpha(a) => -exp_capped(-a * t) / a,
        }
    }

    /// `d score / dt`, positive.
    #[inline]
    pub fn slope(self, t: f64) -> f64 {
        match self {
            Self::ReverseKl => 1.0,
            Self::ForwardKl => exp_capped(-t),
            Self::JensenShannon => sigmoid(-t),
            Self::Alpha(a) => exp_capped(-a * t),
        }
    }

    /// Score and slope together, for one exponential.
    #[inline]
    pub fn score_and_slope(self, t: f64) -> (f64, f64) {
        match self {
            Self::JensenShannon => {
                let e = exp(-t.abs());
                let large = 1.0 / (1.0 + e);
                (-(ln_1p(e) + (-t).max(0.0)), if t >= 0.0 { e * large } else { large })
            }
            Self::ForwardKl => {
                let slope = exp_capped(-t);
                (-slope, slope)
            }
            Self::Alpha(a) => {
                let slope = exp_capped(-a * t);
                (-slope / a, slope)
            }
            Self::ReverseKl => (t, 1.0),
        }
    }

    /// The same from π and π_ref, for no exponential where f′ has none. `log_ratio` gives t where π is too small to divide by.
    #[inline]
    pub fn score_and_slope_of(self, pi: f64, pi_ref: f64, log_ratio: impl FnOnce() -> f64) -> (f64, f64) {
        // π_ref over it is finite, and small digits of it are not lost.
        const LEAST: f64 = 1e-290;
        match self {
            Self::JensenShannon if pi > LEAST => {
                let inverse = pi_ref / pi;
                let sum = 1.0 + inverse;
                let reciprocal = 1.0 / sum;
                // As `ln_1p` keeps the digits that the sum drops, for one division less.
                (((sum - 1.0) - inverse) * reciprocal - sum.ln(), inverse * reciprocal)
            }
            Self::ForwardKl if pi > LEAST => {
                let inverse = pi_ref / pi;
                (-inverse, inverse)
            }
            _ => self.score_and_slope(log_ratio()),
        }
    }

    /// `d² score / dt²`.
    pub fn curvature(self, t: f64) -> f64 {
        match self {
            Self::ReverseKl => 0.0,
            Self::ForwardKl => -exp_capped(-t),
            Self::JensenShannon => -sigmoid(t) * sigmoid(-t),
            Self::Alpha(a) => -a * exp_capped(-a * t),
        }
    }

    /// The log-ratio t whose score is `s`; the inverse of [`Self::score`]. `s` must be negative except for reverse KL.
    pub fn log_ratio(self, s: f64) -> f64 {
        match self {
            Self::ReverseKl => s,
            Self::ForwardKl => -(-s).ln(),
            Self::JensenShannon => {
                if s < -1.0 {
                    s - (-s.exp()).ln_1p()
                } else {
                    -(-s).exp_m1().ln()
                }
            }
            Self::Alpha(a) => -(-a * s).ln() / a,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_divergence_without_a_number_has_a_name() {
        for d in Divergence::ALL {
            assert_eq!(d.key().is_none(), matches!(d, Divergence::Alpha(_)), "{d:?}");
            assert!(!d.to_string().is_empty());
        }
    }

    #[test]
    fn every_score_inverts_and_its_slopes_match_differences() {
        for d in Divergence::ALL {
            for t in [-8.0, -1.0, -1e-3, 0.0, 0.7, 5.0] {
                assert_eq!(d.score_and_slope(t).0, d.score(t));
                assert!((d.score_and_slope(t).1 - d.slope(t)).abs() <= 1e-15 * d.slope(t));
                assert!((d.log_ratio(d.score(t)) - t).abs() < 1e-9 * (1.0 + t.abs()), "{d:?} at {t}");
                let h = 1e-5;
                let slope = (d.score(t + h) - d.score(t - h)) / (2.0 * h);
                let curvature = (d.slope(t + h) - d.slope(t - h)) / (2.0 * h);
                let scale = 1.0 + d.slope(t);
                assert!((slope - d.slope(t)).abs() < 1e-8 * scale, "{d:?} at {t}");
                assert!((curvature - d.curvature(t)).abs() < 1e-8 * scale, "{d:?} at {t}");
            }
        }
    }

    #[test]
    fn scores_of_probabilities_are_those_of_their_log_ratio() {
        for d in Divergence::ALL {
            for (pi, pi_ref) in [(0.3, 0.4), (1e-12, 0.9), (0.9, 1e-12), (1e-289, 0.5), (1e-300, 0.5), (1.0, 1e-300)] {
                let t = f64::ln(pi) - f64::ln(pi_ref);
                let (score, slope) = d.score_and_slope_of(pi, pi_ref, || t);
                let (expected, steep) = d.score_and_slope(t);
                // t is off by its rounding, and e^t by as much of itself.
                let bound = 1e-15 * (4.0 + t.abs().min(1e3));
                assert!((score - expected).abs() <= bound * expected.abs(), "{d:?} {pi} {pi_ref}");
                assert!((slope - steep).abs() <= bound * steep, "{d:?} {pi} {pi_ref}");
            }
        }
    }

    #[test]
    fn jensen_shannon_differences_are_those_of_equation_57() {
        let f = |u: f64| (2.0 * u / (1.0 + u)).ln();
        let d = Divergence::JensenShannon;
        let difference = d.score(1.7f64.ln()) - d.score(0.2f64.ln());
        assert!((difference - (f(1.7) - f(0.2))).abs() < 1e-15);
    }

    #[test]
    fn no_score_or_slope_is_nan_at_extreme_ratios() {
        for d in Divergence::ALL {
            for t in [-1e5, 1e5] {
                assert!(d.score(t).is_finite() && d.slope(t).is_finite() && d.curvature(t).is_finite());
            }
        }
    }
}
