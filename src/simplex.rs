//! Policies over a finite set of actions, kept as log-probabilities, and the triangle that draws them.
//!
//! Letters: A actions. A policy is a slice of A log-probabilities; `-inf` is a probability of zero.

/// e^x. In wasm the standard library's is a call that takes half a training step; natively nothing beats it.
#[inline]
pub fn exp(x: f64) -> f64 {
    if cfg!(target_arch = "wasm32") { exp_by_series(x) } else { x.exp() }
}

/// `ln(1 + e)` of finite `e ≥ 0`, with the digits that adding one to e drops. In wasm half the price of the standard library's.
#[inline]
pub fn ln_1p(e: f64) -> f64 {
    let sum = 1.0 + e;
    sum.ln() - ((sum - 1.0) - e) / sum
}

/// e^x to 4e-16.
///
/// `x = k ln 2 + r` with whole k and `|r| ≤ ln 2 / 2`, and Taylor's series of e^r up to r¹³. No branch. Zero below −708, where
/// the result would no longer be a normal number; infinite above 709.
#[inline]
fn exp_by_series(x: f64) -> f64 {
    // ln 2 in two parts, the first with zeros enough at its end that k times it is exact.
    const LN_2: (f64, f64) = (6.931_471_803_691_238e-1, 1.908_214_929_270_587_7e-10);
    // Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let inside = x.clamp(-708.0, 709.0);
    let shifted = inside * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (inside - k * LN_2.0) - k * LN_2.1;
    let r2 = r * r;
    let r4 = r2 * r2;
    let low = 1.0 / 2.0 + r * (1.0 / 6.0) + r2 * (1.0 / 24.0 + r * (1.0 / 120.0));
    let middle = 1.0 / 720.0 + r * (1.0 / 5_040.0) + r2 * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let high = 1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0) + r2 * (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0));
    let series = 1.0 + (r + r2 * (low + r4 * (middle + r4 * high)));
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    if x < -708.0 {
        0.0
    } else if x > 709.0 {
        f64::INFINITY
    } else {
        series * power
    }
}

/// `ln Σ exp(x_i)`, without overflow. `-inf` where every entry is.
pub fn log_sum_exp(x: &[f64]) -> f64 {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + x.iter().map(|v| (v - max).exp()).sum::<f64>().ln()
}

/// Subtracts the log-normaliser in place, so that the probabilities sum to one.
pub fn normalise_logs(log_p: &mut [f64]) {
    let total = log_sum_exp(log_p);
    for v in log_p {
        *v -= total;
    }
}

/// Logits to log-probabilities.
pub fn log_softmax(theta: &[f64]) -> Vec<f64> {
    let mut log_p = theta.to_vec();
    normalise_logs(&mut log_p);
    log_p
}

/// Log-probabilities to probabilities.
pub fn probs(log_p: &[f64]) -> Vec<f64> {
    log_p.iter().map(|v| exp(*v)).collect()
}

/// Probabilities, not necessarily normalised, to log-probabilities.
pub fn logs(p: &[f64]) -> Vec<f64> {
    let total: f64 = p.iter().sum();
    p.iter().map(|v| (v / total).ln()).collect()
}

/// `ln Σ e^θ` before its logarithm is taken, which not everything needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normaliser {
    /// The greatest logit.
    pub top: f64,
    /// Sum of all `e^{θ − top}`.
    pub sum: f64,
}

impl Normaliser {
    /// `ln Σ e^θ`.
    #[inline]
    pub fn log(self) -> f64 {
        self.top + self.sum.ln()
    }
}

/// Logits to probabilities, in place; both of length A.
#[inline]
pub fn probs_from_logits(theta: &[f64], pi: &mut [f64]) -> Normaliser {
    let top = theta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (p, t) in pi.iter_mut().zip(theta) {
        *p = exp(t - top);
        sum += *p;
    }
    let inverse = 1.0 / sum;
    for p in pi {
        *p *= inverse;
    }
    Normaliser { top, sum }
}

/// Logits to probabilities and their logarithms, in place; all of one length, A.
#[inline]
pub fn softmax(theta: &[f64], pi: &mut [f64], log_pi: &mut [f64]) {
    let normaliser = probs_from_logits(theta, pi).log();
    for (z, t) in log_pi.iter_mut().zip(theta) {
        *z = t - normaliser;
    }
}

/// The same policy's logits with mean zero: the gauge that weight decay acts in.
pub fn mean_zero(log_p: &[f64]) -> Vec<f64> {
    let mean = log_p.iter().sum::<f64>() / log_p.len() as f64;
    log_p.iter().map(|v| v - mean).collect()
}

/// `KL(p ‖ q)` in nats; infinite where q lacks mass that p has.
///
/// Each term is written `p (d + e^{-d} − 1)` with `d = ln p − ln q`, which sums to the same number and
/// is never negative, so that KL near zero keeps its digits.
pub fn kl(log_p: &[f64], log_q: &[f64]) -> f64 {
    log_p.iter().zip(log_q).map(|(&lp, &lq)| kl_term(lp, lq)).sum()
}

fn kl_term(log_p: f64, log_q: f64) -> f64 {
    let p = log_p.exp();
    if p == 0.0 {
        return log_q.exp();
    }
    let d = log_p - log_q;
    if d.abs() < 1.0 { p * (d + (-d).exp_m1()) } else { p * d - p + log_q.exp() }
}

/// Total variation: half the L1 distance, in 0..=1.
pub fn tv(log_p: &[f64], log_q: &[f64]) -> f64 {
    0.5 * log_p.iter().zip(log_q).map(|(a, b)| (a.exp() - b.exp()).abs()).sum::<f64>()
}

/// Height of the triangle whose side is one.
pub const TRIANGLE_HEIGHT: f64 = 0.866_025_403_784_438_6;

/// Three probabilities to the plane: a at the top, c at the left, b at the right, side one, y upwards.
pub fn xy_from_simplex(p: [f64; 3]) -> (f64, f64) {
    (p[1] + 0.5 * p[0], TRIANGLE_HEIGHT * p[0])
}

/// The nearest policy whose probabilities are at least `floor`, from a point of the plane.
pub fn simplex_from_xy(x: f64, y: f64, floor: f64) -> [f64; 3] {
    let a = y / TRIANGLE_HEIGHT;
    let b = x - 0.5 * a;
    project([a, b, 1.0 - a - b], floor)
}

/// The places of values from the least to the greatest; of two alike, the first.
pub fn ascending(values: &[f64]) -> Vec<usize> {
    // Whole numbers in the order of `total_cmp`: the bits, with those of negative numbers turned round.
    let in_order = |v: &f64| {
        let bits = v.to_bits().cast_signed();
        bits ^ ((bits >> 63) & i64::MAX)
    };
    let mut order: Vec<(i64, usize)> = values.iter().map(in_order).zip(0..).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, place)| place).collect()
}

/// Euclidean projection onto the simplex with every entry at least `floor`.
fn project(p: [f64; 3], floor: f64) -> [f64; 3] {
    let mass = 1.0 - 3.0 * floor;
    let v = p.map(|x| x - floor);
    let mut sorted = v;
    for (place, k) in sorted.iter_mut().zip(ascending(&v).into_iter().rev()) {
        *place = v[k];
    }
    let mut shift = 0.0;
    let mut sum = 0.0;
    for (k, x) in sorted.iter().enumerate() {
        sum += x;
        let candidate = (sum - mass) / (k as f64 + 1.0);
        if x - candidate > 0.0 {
            shift = candidate;
        }
    }
    v.map(|x| (x - shift).max(0.0) + floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_the_exponential_to_rounding_and_ends_in_zero_and_infinity() {
        for k in -707_000..709_000 {
            let x = f64::from(k) * 1.000_000_37e-3;
            assert!((exp_by_series(x) / x.exp() - 1.0).abs() <= 4e-16, "{x}");
        }
        assert_eq!([0.0, -709.0, f64::NEG_INFINITY].map(exp_by_series), [1.0, 0.0, 0.0]);
        assert_eq!([710.0, f64::INFINITY].map(exp_by_series), [f64::INFINITY; 2]);
        assert!(exp_by_series(f64::NAN).is_nan());
    }

    #[test]
    fn ln_1p_keeps_the_digits_of_what_is_added_to_one() {
        for k in -1000..1000 {
            let e = (f64::from(k) * 0.037).exp();
            assert!((ln_1p(e) / e.ln_1p() - 1.0).abs() <= 4e-16, "{e}");
        }
        assert_eq!(ln_1p(0.0), 0.0);
    }

    #[test]
    fn kl_is_zero_only_where_the_policies_are_equal() {
        let p = logs(&[0.6, 0.3, 0.1]);
        assert_eq!(kl(&p, &p), 0.0);
        let q = logs(&[0.6, 0.3 + 1e-7, 0.1 - 1e-7]);
        let second_order = 0.5 * 1e-14 * (1.0 / 0.3 + 1.0 / 0.1);
        assert!((kl(&p, &q) / second_order - 1.0).abs() < 1e-4);
    }

    #[test]
    fn kl_to_a_policy_without_the_mass_is_infinite() {
        let p = logs(&[0.6, 0.3, 0.1]);
        assert_eq!(kl(&p, &[0.0, f64::NEG_INFINITY, f64::NEG_INFINITY]), f64::INFINITY);
        assert!((kl(&[0.0, f64::NEG_INFINITY, f64::NEG_INFINITY], &p) + 0.6f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn the_triangle_and_back() {
        let p = [0.5, 0.3, 0.2];
        let (x, y) = xy_from_simplex(p);
        let q = simplex_from_xy(x, y, 1e-3);
        assert!(p.iter().zip(q).all(|(a, b)| (a - b).abs() < 1e-15));
        let outside = simplex_from_xy(2.0, -1.0, 1e-3);
        assert!((outside.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(outside.iter().all(|v| *v >= 1e-3));
    }

    #[test]
    fn log_softmax_survives_logits_of_forty_thousand() {
        let l = log_softmax(&[0.0, -40_000.0, 40_000.0]);
        assert_eq!(l, vec![-40_000.0, -80_000.0, 0.0]);
    }
}
