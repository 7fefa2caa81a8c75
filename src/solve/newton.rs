//! Newton's method for a smooth function of A logits, convex or not, damped as Levenberg and Marquardt do.
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

const MAX_ITERATIONS: usize = 500;
/// A step this small relative to the point is the last: the next would be rounding.
const STEP_TOLERANCE: f64 = 4e-16;
/// Steps this small relative to the point are judged by the gradient: the value, a difference of larger terms, may not
/// show their fall.
const NEAR: f64 = 1e-3;
/// Logits further apart than this are at the boundary of the simplex for every purpose.
const FAR: f64 = 1e13;
/// What a value may be off by, relative to it: TYPO at λ = 1e6 is a difference of terms a million times as large.
const ROUNDING: f64 = 1e-9;
/// Logits never need to move further than this at once, or than doubling them; it keeps a flat start from leaping.
const REACH: f64 = 50.0;
/// The damping's first value, as a share of the largest curvature, and the value that ends the search for a step.
const DAMPING: (f64, f64) = (1e-9, 1e9);

/// Minimises from `start`, keeping the mean of each group (labelled by its first member) where it started.
pub fn minimise(f: &impl Smooth, start: &[f64], group: &[usize]) -> Found {
    let mut here = Place::at(f, DVector::from_column_slice(start));
    let mut damping = 0.0;
    for _ in 0..MAX_ITERATIONS {
        let Some(next) = step(f, &here, group, &mut damping) else { break };
        let moved = (&next.x - &here.x).amax();
        here = next;
        if moved <= STEP_TOLERANCE * (1.0 + here.x.amax()) || here.x.amax() > FAR {
            break;
        }
    }
    Found { x: here.x.as_slice().to_vec(), value: here.value }
}

/// The lowest of several starts.
pub fn minimise_from(f: &impl Smooth, starts: &[Vec<f64>], group: &[usize]) -> Option<Found> {
    starts.iter().map(|s| minimise(f, s, group)).min_by(|a, b| a.value.total_cmp(&b.value))
}

/// A point with all that is known of the function there.
struct Place {
    x: DVector<f64>,
    value: f64,
    gradient: DVector<f64>,
    hessian: DMatrix<f64>,
}

impl Place {
    fn at(f: &impl Smooth, x: DVector<f64>) -> Self {
        let n = x.len();
        let (mut gradient, mut hessian) = (DVector::zeros(n), DMatrix::zeros(n, n));
        let value = f.derivatives(&x, &mut gradient, &mut hessian);
        Self { x, value, gradient, hessian }
    }
}

/// The next point: damped more until the function falls, and less from then on. None where nothing lowers it.
///
/// Damping rather than shortening the step: an action that is nearly out of the running has next to no curvature, and
/// would hold all others back.
fn step(f: &impl Smooth, here: &Place, group: &[usize], damping: &mut f64) -> Option<Place> {
    if here.gradient.amax() == 0.0 {
        return None;
    }
    let n = here.x.len();
    let reach = here.x.amax().max(REACH);
    let curvature = (0..n).map(|k| here.hessian[(k, k)].abs()).fold(f64::MIN_POSITIVE, f64::max);
    let scale = curvature.max(here.gradient.amax() / reach);
    while *damping <= DAMPING.1 {
        if let Some(step) = direction(here, group, scale, *damping * scale).filter(|s| s.amax() <= reach) {
            let next = &here.x + &step;
            if step.amax() <= NEAR * (1.0 + here.x.amax()) {
                let there = Place::at(f, next.clone());
                let level = there.value <= here.value + ROUNDING * (1.0 + here.value.abs());
                if level && there.gradient.amax() <= 0.5 * here.gradient.amax() {
                    *damping = eased(*damping);
                    return Some(there);
                }
            }
            let wanted = 1e-4 * here.gradient.dot(&step);
            if wanted < -1e-4 * 1e3 * f64::EPSILON * here.value.abs() && f.value(&next) <= here.value + wanted {
                *damping = eased(*damping);
                return Some(Place::at(f, next));
            }
            if -here.gradient.dot(&step) <= 1e-2 * f64::EPSILON * here.value.abs() {
                return None;
            }
        }
        *damping = (10.0 * *damping).max(DAMPING.0);
    }
    None
}

fn eased(damping: f64) -> f64 {
    if damping <= DAMPING.0 { 0.0 } else { 0.1 * damping }
}

/// `−(H + shift)⁻¹g`. None where that matrix is not positive definite.
fn direction(here: &Place, group: &[usize], scale: f64, shift: f64) -> Option<DVector<f64>> {
    let n = here.x.len();
    let mut matrix = here.hessian.clone();
    for i in 0..n {
        for j in 0..n {
            if group[i] == group[j] {
                matrix[(i, j)] += scale / n as f64;
            }
        }
        matrix[(i, i)] += shift;
    }
    let step = matrix.cholesky()?.solve(&-&here.gradient);
    step.iter().all(|v| v.is_finite()).then_some(step)
}
