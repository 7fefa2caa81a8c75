//! The CPU's numbers: f32 as shipped, f64 for finite differences and as an oracle. Loops here are shaped so that the
//! compiler vectorises them: sums run in eight lanes, since it may not reorder additions itself.

use nalgebra::RealField;

/// A floating-point number of the CPU's kernels.
pub trait Real: RealField + Copy + Default {
    /// From a constant or a setting.
    fn of(x: f64) -> Self;
    /// To f64.
    fn wide(self) -> f64;
    #[must_use]
    /// e^x to a few units in the last place, without a call.
    fn exp_fast(self) -> Self;
}

impl Real for f64 {
    fn of(x: f64) -> Self {
        x
    }

    fn wide(self) -> f64 {
        self
    }

    #[inline]
    fn exp_fast(self) -> Self {
        crate::simplex::exp(self)
    }
}

impl Real for f32 {
    fn of(x: f64) -> Self {
        x as Self
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }

    /// `x = k ln 2 + r` with whole k and `|r| ≤ ln 2 / 2`, and Taylor's series of e^r up to r⁷. Held at e^−87 and e^88.
    #[inline]
    fn exp_fast(self) -> Self {
        // ln 2 in two parts, the first with zeros enough at its end that k times it is exact.
        const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
        // Adding it rounds to a whole number, which then stands in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        let x = self.clamp(-87.0, 88.0);
        let shifted = x * std::f32::consts::LOG2_E + ROUND;
        let k = shifted - ROUND;
        let r = (x - k * LN_2.0) - k * LN_2.1;
        let r2 = r * r;
        let low = 1.0 / 2.0 + r * (1.0 / 6.0);
        let high = (1.0 / 24.0 + r * (1.0 / 120.0)) + r2 * (1.0 / 720.0 + r * (1.0 / 5_040.0));
        let series = 1.0 + (r + r2 * (low + r2 * high));
        series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
    }
}

const LANES: usize = 8;

/// `Σ x_i y_i`.
#[inline]
pub fn dot<R: Real>(x: &[R], y: &[R]) -> R {
    let mut lanes = [R::zero(); LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest = xs.remainder().iter().zip(ys.remainder()).fold(R::zero(), |sum, (a, b)| sum + *a * *b);
    for (a, b) in xs.zip(ys) {
        for k in 0..LANES {
            lanes[k] += a[k] * b[k];
        }
    }
    lanes.into_iter().fold(rest, |sum, lane| sum + lane)
}

/// `Σ f(x_i)`.
#[inline]
pub fn sum_of<R: Real>(x: &[R], f: impl Fn(R) -> R) -> R {
    let mut lanes = [R::zero(); LANES];
    let chunks = x.chunks_exact(LANES);
    let rest = chunks.remainder().iter().fold(R::zero(), |sum, a| sum + f(*a));
    for a in chunks {
        for k in 0..LANES {
            lanes[k] += f(a[k]);
        }
    }
    lanes.into_iter().fold(rest, |sum, lane| sum + lane)
}

/// `y += a x`.
#[inline]
pub fn axpy<R: Real>(y: &mut [R], a: R, x: &[R]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * *x;
    }
}

/// The largest element; `-max` of an empty slice.
#[inline]
pub fn largest<R: Real>(x: &[R]) -> R {
    let low = R::of(-3e38);
    let mut lanes = [low; LANES];
    let chunks = x.chunks_exact(LANES);
    let pick = |a: R, b: R| if a > b { a } else { b };
    let rest = chunks.remainder().iter().fold(low, |m, a| pick(m, *a));
    for a in chunks {
        for k in 0..LANES {
            lanes[k] = pick(lanes[k], a[k]);
        }
    }
    lanes.into_iter().fold(rest, pick)
}

/// `σ(2u)` of gelu_new's `u = √(2/π) (x + 0.044715 x³)`, and `du/dx`. `½(1 + tanh u) = σ(2u)`.
#[inline]
fn gate<R: Real>(x: R) -> (R, R) {
    let root = R::of(0.797_884_560_802_865_4);
    let cubic = R::of(0.044_715) * x * x;
    let u = root * x * (R::one() + cubic);
    let slope = root * (R::one() + R::of(3.0) * cubic);
    (R::one() / (R::one() + (R::of(-2.0) * u).exp_fast()), slope)
}

/// `gelu_new(x) = ½ x (1 + tanh u)`.
#[inline]
pub fn gelu<R: Real>(x: R) -> R {
    x * gate(x).0
}

/// `gelu_new′(x)`.
#[inline]
pub fn gelu_slope<R: Real>(x: R) -> R {
    let (g, du) = gate(x);
    g + x * R::of(2.0) * g * (R::one() - g) * du
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fast_exponential_keeps_f32_s_digits() {
        for k in -8_600..8_800 {
            let x = k as f32 / 100.0 + 0.001_7;
            let exact = f64::from(x).exp();
            assert!((f64::from(x.exp_fast()) - exact).abs() <= 3e-7 * exact, "at {x}");
        }
    }

    #[test]
    fn gelu_new_follows_its_formula_and_its_slope_its_differences() {
        for k in -60..=60 {
            let x = f64::from(k) / 7.0;
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            assert!((gelu(x) - 0.5 * x * (1.0 + u.tanh())).abs() < 1e-14);
            let difference = (gelu(x + 1e-5) - gelu(x - 1e-5)) / 2e-5;
            assert!((gelu_slope(x) - difference).abs() < 1e-9, "at {x}");
        }
    }

    #[test]
    fn lanes_and_their_rest_are_both_counted() {
        for n in [0, 1, 7, 8, 9, 31] {
            let x: Vec<f64> = (0..n).map(|k| f64::from(k) - 3.0).collect();
            assert_eq!(dot(&x, &x), x.iter().map(|a| a * a).sum::<f64>());
            assert_eq!(sum_of(&x, |a| a), x.iter().sum::<f64>());
            assert_eq!(largest(&x) > -1e38, n > 0);
        }
    }
}
