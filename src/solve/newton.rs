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
    /// Which of several starts led there, by position.
    pub start: usize,
    /// False where another start led as low elsewhere.
    pub unique: bool,
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
/// Up to here one step's curvature is enough to raise damping at once, or to give it up: further on the function may bend otherwise.
const LEAP: f64 = 1e-1;

/// With more logits than this, steps are sought by conjugate gradients first.
const LARGE: usize = 100;
/// How far those must bring the residual down: each of Newton's steps leaves that share of the error.
const RESIDUAL: f64 = 1e-10;

#[cfg(test)]
thread_local! {
    static SEARCHES: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Minimisations of this thread since it was last asked.
#[cfg(test)]
pub fn searches() -> u64 {
    SEARCHES.take()
}

/// Minimises from `start`, keeping the mean of each group (labelled by its first member) where it started.
pub fn minimise(f: &dyn Smooth, start: &[f64], group: &[usize]) -> Found {
    Search::new(f, start, group).minimum(&[])
}

/// Values this near are as low as one another, relative to them; points this far apart are not one.
const TIED: (f64, f64) = (1e-12, 1e-3);

/// The lowest of at least one start. One search makes them all, so that its space is made once.
pub fn minimise_from(f: &dyn Smooth, starts: &[Vec<f64>], group: &[usize]) -> Found {
    let (mut search, mut known) = (None::<Search>, Vec::new());
    lowest(starts, |start| {
        let search = search.get_or_insert_with(|| Search::new(f, start, group));
        if !known.is_empty() {
            search.begin(start);
        }
        let found = search.minimum(&known);
        known.push(found.clone());
        found
    })
}

/// The lowest of what is found from at least one start.
pub fn lowest(starts: &[Vec<f64>], mut find: impl FnMut(&[f64]) -> Found) -> Found {
    let mut lowest = find(&starts[0]);
    for (k, start) in starts.iter().enumerate().skip(1) {
        let other = Found { start: k, ..find(start) };
        // By more than rounding: which of several starts is named must not hang on a last digit, which differs between machines.
        let is_as_low = lowest.value - other.value <= TIED.0 * (1.0 + lowest.value.abs());
        let is_lower = !is_as_low && other.value.total_cmp(&lowest.value).is_lt();
        let (better, worse) = if is_lower { (other, lowest) } else { (lowest, other) };
        lowest = Found { unique: better.unique && !ties(&better, &worse), ..better };
    }
    lowest
}

/// Whether one of two ends is as low as the other and elsewhere.
fn ties(lowest: &Found, other: &Found) -> bool {
    let farthest = lowest.x.iter().fold(1.0f64, |most, v| most.max(v.abs()));
    other.value - lowest.value <= TIED.0 * (1.0 + lowest.value.abs()) && apart(&lowest.x, &other.x) > TIED.1 * farthest
}

/// The most that two points differ by in one logit.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |most, (a, b)| most.max((a - b).abs()))
}

/// A point with all that is known of the function there.
struct Place {
    x: DVector<f64>,
    value: f64,
    gradient: DVector<f64>,
    hessian: DMatrix<f64>,
}

impl Place {
    fn at(f: &dyn Smooth, x: DVector<f64>) -> Self {
        let n = x.len();
        let mut place = Self { x, value: 0.0, gradient: DVector::zeros(n), hessian: DMatrix::zeros(n, n) };
        place.look(f);
        place
    }

    /// Learns all that is to be known at its x.
    fn look(&mut self, f: &dyn Smooth) {
        self.gradient.fill(0.0);
        self.hessian.fill(0.0);
        self.value = f.derivatives(&self.x, &mut self.gradient, &mut self.hessian);
    }
}

/// A search under way, with the space of its steps: a step of few logits allocates nothing. One code for all functions, of which
/// the page would carry a copy each.
struct Search<'a> {
    f: &'a dyn Smooth,
    group: &'a [usize],
    here: Place,
    /// Where the search looks next; the two change places.
    there: Place,
    /// The last step, or the one being tried.
    step: DVector<f64>,
    /// What is factorised to find it.
    matrix: DMatrix<f64>,
    damping: f64,
}

impl<'a> Search<'a> {
    fn new(f: &'a dyn Smooth, start: &[f64], group: &'a [usize]) -> Self {
        let n = start.len();
        let here = Place::at(f, DVector::from_column_slice(start));
        let zeros = || DVector::zeros(n);
        let there = Place { x: zeros(), value: 0.0, gradient: zeros(), hessian: DMatrix::zeros(n, n) };
        Self { f, group, here, there, step: zeros(), matrix: DMatrix::zeros(n, n), damping: 0.0 }
    }

    /// Begins anew elsewhere.
    fn begin(&mut self, start: &[f64]) {
        self.here.x.copy_from_slice(start);
        self.here.look(self.f);
        self.damping = 0.0;
    }

    /// Where it leads; near an end that is known already and no higher, there.
    fn minimum(&mut self, known: &[Found]) -> Found {
        #[cfg(test)]
        SEARCHES.with(|n| n.set(n.get() + 1));
        for _ in 0..MAX_ITERATIONS {
            let Some(damping) = self.advance() else { break };
            let (x, farthest) = (self.here.x.as_slice(), self.here.x.amax());
            if self.step.amax() <= STEP_TOLERANCE * (1.0 + farthest) || farthest > FAR {
                break;
            }
            // This near and curved upwards, its next steps would only bring it nearer.
            let lowest = self.here.value + TIED.0 * (1.0 + self.here.value.abs());
            let is_near = |k: &&Found| k.value <= lowest && apart(&k.x, x) <= NEAR * (1.0 + farthest);
            if damping == 0.0
                && let Some(found) = known.iter().find(is_near)
            {
                return found.clone();
            }
        }
        Found { x: self.here.x.as_slice().to_vec(), value: self.here.value, start: 0, unique: true }
    }

    /// Goes to the next point: damped more until the function falls, and less from then on. Gives the damping of its step; none
    /// where nothing lowers the function.
    ///
    /// Damping rather than shortening the step: an action that is nearly out of the running has next to no curvature, and
    /// would hold all others back.
    fn advance(&mut self) -> Option<f64> {
        let steepest = self.here.gradient.amax();
        if steepest == 0.0 {
            return None;
        }
        let (farthest, level) = (self.here.x.amax(), self.here.value.abs());
        let reach = farthest.max(REACH);
        let bends = (0..self.step.len()).map(|k| self.here.hessian[(k, k)].abs());
        let curvature = bends.fold(f64::MIN_POSITIVE, f64::max);
        let scale = curvature.max(steepest / reach);
        while self.damping <= DAMPING.1 {
            let mut least = DAMPING.0;
            if self.direct(scale) && self.step.amax() <= reach {
                let fall = self.here.gradient.dot(&self.step);
                // The curvature along the step in the damping's measure, with the damping in it.
                let bend = -fall / (scale * self.step.norm_squared());
                self.there.x.copy_from(&self.here.x);
                self.there.x += &self.step;
                self.there.look(self.f);
                let is_near = self.step.amax() <= NEAR * (1.0 + farthest)
                    && self.there.value <= self.here.value + ROUNDING * (1.0 + level)
                    && self.there.gradient.amax() <= 0.5 * steepest;
                let falls =
                    1e-4 * fall < -1e-1 * f64::EPSILON * level && self.there.value <= self.here.value + 1e-4 * fall;
                if is_near || falls {
                    std::mem::swap(&mut self.here, &mut self.there);
                    let is_needless = self.damping <= LEAP.min(0.5 * bend);
                    let eased = if is_needless { 0.0 } else { 0.1 * self.damping };
                    return Some(std::mem::replace(&mut self.damping, eased));
                }
                if -fall <= 1e-2 * f64::EPSILON * level {
                    return None;
                }
                // Less than the curvature would hardly shorten the step.
                least = LEAP.min(bend).max(least);
            }
            self.damping = (10.0 * self.damping).max(least);
        }
        None
    }

    /// Puts `−(H + shift)⁻¹g` into `step`. False where that matrix is not positive definite.
    fn direct(&mut self, scale: f64) -> bool {
        let n = self.step.len();
        // Empty after a factorisation that failed: it takes the matrix with it.
        let mut matrix = std::mem::replace(&mut self.matrix, DMatrix::zeros(0, 0));
        if matrix.is_empty() {
            matrix = DMatrix::zeros(n, n);
        }
        matrix.copy_from(&self.here.hessian);
        let along = scale / n as f64;
        for j in 0..n {
            for i in 0..n {
                if self.group[i] == self.group[j] {
                    matrix[(i, j)] += along;
                }
            }
            matrix[(j, j)] += self.damping * scale;
            if matrix[(j, j)] <= 0.0 {
                // What follows would find that too, for the price of the matrix.
                self.matrix = matrix;
                return false;
            }
        }
        self.step.copy_from(&self.here.gradient);
        self.step.neg_mut();
        if n > LARGE
            && let Some(step) = conjugate_gradients(&matrix, &self.step)
        {
            self.step = step;
            self.matrix = matrix;
            return true;
        }
        let Some(factors) = matrix.cholesky() else { return false };
        factors.solve_mut(&mut self.step);
        self.matrix = factors.unpack_dirty();
        self.step.iter().all(|v| v.is_finite())
    }
}

/// `M x = b` by conjugate gradients with M's diagonal for a preconditioner: with many actions a few products with M replace
/// its factorisation. None where it takes long or M is not positive definite.
fn conjugate_gradients(m: &DMatrix<f64>, b: &DVector<f64>) -> Option<DVector<f64>> {
    let diagonal = m.diagonal();
    let mut x = DVector::zeros(b.len());
    let mut residual = b.clone();
    let mut preconditioned = residual.component_div(&diagonal);
    let mut along = preconditioned.clone();
    let mut size = residual.dot(&preconditioned);
    let enough = RESIDUAL * RESIDUAL * size;
    for _ in 0..b.len() / 8 {
        let product = m * &along;
        let curvature = along.dot(&product);
        if curvature.is_nan() || curvature <= 0.0 {
            return None;
        }
        let length = size / curvature;
        x.axpy(length, &along, 1.0);
        residual.axpy(-length, &product, 1.0);
        preconditioned = residual.component_div(&diagonal);
        let next = residual.dot(&preconditioned);
        if next <= enough {
            return Some(x);
        }
        along = &preconditioned + &along * (next / size);
        size = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conjugate_gradients_solve_what_cholesky_solves_and_refuse_what_it_refuses() {
        let n = 160;
        let wave = |i: usize, j: usize| 1.0 + 0.9 * ((i * j) as f64).sin();
        let mut m = DMatrix::from_fn(n, n, |i, j| if i == j { 0.0 } else { -wave(i, j) });
        for i in 0..n {
            m[(i, i)] = 1.0 - m.column(i).sum();
        }
        let b = DVector::from_fn(n, |i, _| (i as f64).cos());
        let found = conjugate_gradients(&m, &b).expect("a well-conditioned matrix takes few products");
        let expected = m.clone().cholesky().expect("diagonally dominant").solve(&b);
        assert!((found - &expected).amax() <= 1e-9 * expected.amax());
        m[(3, 3)] = -1.0;
        assert_eq!(conjugate_gradients(&m, &b), None);
    }
}
