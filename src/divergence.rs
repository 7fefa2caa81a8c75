//! f-divergences as the scores that f-DPO and QPO compare: f′ and its inverse.
//!
//! `D_f(π ‖ π_ref) = E_ref[f(π/π_ref)]`. With `u = π/π_ref` and `t = ln u`, a loss only ever sees differences
//! `f′(u_w) − f′(u_l)`, so each `score` drops an additive constant: where f′ is bounded above, its supremum.
//! That keeps the digits of `score` where f′ is nearly flat, and makes the inverse exact.

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

/// Exponents are cut here: e^700 is still finite, and so is its product with a slope of zero.
const MAX_EXPONENT: f64 = 700.0;

fn exp_capped(x: f64) -> f64 {
    x.min(MAX_EXPONENT).exp()
}

/// `ln(1 + e^x)`, without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `1/(1 + e^{−x})`.
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

impl Divergence {
    /// One of each kind, α at one half.
    pub const ALL: [Self; 4] = [Self::ReverseKl, Self::ForwardKl, Self::JensenShannon, Self::Alpha(0.5)];

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
                let e = (-t.abs()).exp();
                let large = 1.0 / (1.0 + e);
                (-(e.ln_1p() + (-t).max(0.0)), if t >= 0.0 { e * large } else { large })
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
