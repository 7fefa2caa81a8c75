//! Newton's method for a smooth function of A logits, convex or not.
//!
//! Every function here is unchanged when all logits of a connected group shift together, so its Hessian is singular along
//! that shift; the projector onto it is added back, which leaves the step unchanged and the matrix invertible.

use nalgebra::{DMatrix, DVector};

/// A smooth function of a vector.
pub trait Smooth {
    /// The value alone.
    fn value(&self, x: &DVector<f64>) -> f64;
    /// The value, with the gradient and the Hessian written into their places (both are given zeroed).
    fn derivatives(&self, x: &DVector<f64>, gradient: &mut DVector<f64>, hessian: &mut DMatrix<f64>) -> f64;
}

/// Where a minimisation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The point. (A)
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
}

const MAX_ITERATIONS: usize = 200;
/// A step this small relative to the point is the last: the next would be rounding.
const STEP_TOLERANCE: f64 = 4e-16;
/// Logits further apart than this are at the boundary of the simplex for every purpose.
const FAR: f64 = 1e5;

/// Minimises from `start`, keeping the mean of each group (labelled by its first member) where it started.
pub fn minimise(f: &impl Smooth, start: &[f64], group: &[usize]) -> Found {
    let n = start.len();
    let mut x = DVector::from_column_slice(start);
    let mut gradient = DVector::zeros(n);
    let mut hessian = DMatrix::zeros(n, n);
    let mut value = 0.0;
    for _ in 0..MAX_ITERATIONS {
        gradient.fill(0.0);
        hessian.fill(0.0);
        value = f.derivatives(&x, &mut gradient, &mut hessian);
        let Some(step) = direction(&gradient, &hessian, group) else { break };
        let Some((next, next_value)) = search(f, &x, value, &gradient, &step) else { break };
        let moved = (&next - &x).amax();
        x = next;
        value = next_value;
        if moved <= STEP_TOLERANCE * (1.0 + x.amax()) || x.amax() > FAR {
            break;
        }
    }
    Found { x: x.as_slice().to_vec(), value }
}

/// The lowest of several starts.
pub fn minimise_from(f: &impl Smooth, starts: &[Vec<f64>], group: &[usize]) -> Option<Found> {
    starts.iter().map(|s| minimise(f, s, group)).min_by(|a, b| a.value.total_cmp(&b.value))
}

/// `−H⁻¹g`, with H shifted until it is positive definite. None where the gradient is zero.
fn direction(gradient: &DVector<f64>, hessian: &DMatrix<f64>, group: &[usize]) -> Option<DVector<f64>> {
    if gradient.amax() == 0.0 {
        return None;
    }
    let n = gradient.len();
    let scale = (0..n).map(|k| hessian[(k, k)].abs()).fold(f64::MIN_POSITIVE, f64::max);
    let mut shift = 0.0;
    for _ in 0..60 {
        let mut matrix = hessian.clone();
        for i in 0..n {
            for j in 0..n {
                if group[i] == group[j] {
                    matrix[(i, j)] += scale / n as f64;
                }
            }
            matrix[(i, i)] += shift;
        }
        if let Some(factor) = matrix.cholesky() {
            let step = factor.solve(&-gradient);
            if step.iter().all(|v| v.is_finite()) {
                return Some(step);
            }
        }
        shift = if shift == 0.0 { 1e-9 * scale } else { shift * 10.0 };
    }
    Some(-gradient / scale.max(gradient.amax()))
}

/// Halves the step until the value falls as it should. None where no step lowers it: that is the end.
///
/// Close to the minimum the fall is below rounding; there a full step is taken where it does not raise the value by more.
fn search(
    f: &impl Smooth,
    x: &DVector<f64>,
    value: f64,
    gradient: &DVector<f64>,
    step: &DVector<f64>,
) -> Option<(DVector<f64>, f64)> {
    let slope = gradient.dot(step);
    let rounding = 8.0 * f64::EPSILON * (value.abs() + f64::MIN_POSITIVE);
    // Logits never need to move further than this at once; it keeps a flat start from leaping.
    let mut share = (50.0 / step.amax()).min(1.0);
    for _ in 0..60 {
        let next = x + step * share;
        let next_value = f.value(&next);
        let wanted = value + 1e-4 * share * slope;
        let below_rounding = -slope * share <= 1e3 * rounding && next_value <= value + rounding;
        if next_value.is_finite() && (next_value <= wanted || below_rounding) {
            return Some((next, next_value));
        }
        share *= 0.5;
    }
    None
}
