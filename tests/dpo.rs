//! DPO's gradient beside that of the paper's other forms of its loss, (19) and (30), which differ from (7) by what no policy
//! enters: each is written as it is printed, and differentiated by the rules for sums, products and powers.

#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{Case, any_preferences, case, config, lambda, sizes};
use nalgebra::{DMatrix, DVector};
use proptest::prelude::*;
use typo_lab::loss::Loss;
use typo_lab::preference::Comparison;
use typo_lab::simplex::log_softmax;
use typo_lab::solve::bandit::PromptObjective;
use typo_lab::solve::newton::Smooth;

/// A positive number by its logarithm, as `(π_l/π_w)^λ` leaves the range of numbers, and what that logarithm gains by each logit.
#[derive(Debug, Clone)]
struct Positive {
    log: f64,
    slopes: Vec<f64>,
}

impl Positive {
    fn constant(log: f64, logits: usize) -> Self {
        Self { log, slopes: vec![0.0; logits] }
    }

    fn combined(&self, other: &Self, log: f64, slope: impl Fn(f64, f64) -> f64) -> Self {
        Self { log, slopes: self.slopes.iter().zip(&other.slopes).map(|(a, b)| slope(*a, *b)).collect() }
    }

    fn plus(&self, other: &Self) -> Self {
        let high = self.log.max(other.log);
        let (a, b) = ((self.log - high).exp(), (other.log - high).exp());
        self.combined(other, high + (a + b).ln(), |x, y| (a * x + b * y) / (a + b))
    }

    fn times(&self, other: &Self) -> Self {
        self.combined(other, self.log + other.log, |x, y| x + y)
    }

    fn over(&self, other: &Self) -> Self {
        self.combined(other, self.log - other.log, |x, y| x - y)
    }

    fn pow(&self, power: f64) -> Self {
        Self { log: power * self.log, slopes: self.slopes.iter().map(|x| power * x).collect() }
    }
}

/// π and π_ref of every action.
struct Policies {
    pi: Vec<Positive>,
    pi_ref: Vec<Positive>,
}

impl Policies {
    fn new(theta: &[f64], log_ref: &[f64]) -> Self {
        let n = theta.len();
        let unit = |k: usize| (0..n).map(|j| if j == k { 1.0 } else { 0.0 }).collect();
        let exp: Vec<Positive> = (0..n).map(|k| Positive { log: theta[k], slopes: unit(k) }).collect();
        let total = exp.iter().skip(1).fold(exp[0].clone(), |sum, e| sum.plus(e));
        let pi_ref = log_ref.iter().map(|z| Positive::constant(*z, n)).collect();
        Self { pi: exp.iter().map(|e| e.over(&total)).collect(), pi_ref }
    }
}

/// Equation (19): `log([ref_l/ref_w]^λ + [π_l/π_w]^λ)`.
fn equation_19(p: &Policies, w: usize, l: usize, lambda: f64) -> Positive {
    let gamma = p.pi_ref[l].over(&p.pi_ref[w]).pow(lambda);
    gamma.plus(&p.pi[l].over(&p.pi[w]).pow(lambda))
}

/// Equation (29), `log(ξ_ref² + ξ_θ²)` of two Gaussians that share a variance, with `μ(·) = (·)^{λ/2}`: the left side of (30).
fn equation_30_of_gaussians(p: &Policies, w: usize, l: usize, lambda: f64) -> Positive {
    let xi = |policy: &[Positive]| policy[l].over(&policy[w]).pow(0.5 * lambda);
    let (xi, xi_ref) = (xi(&p.pi), xi(&p.pi_ref));
    xi.times(&xi).plus(&xi_ref.times(&xi_ref))
}

/// The middle of (30): `log(1 + (π_l/ref_l)^λ (ref_w/π_w)^λ)`.
fn equation_30_of_ratios(p: &Policies, w: usize, l: usize, lambda: f64) -> Positive {
    let (loser, winner) = (p.pi[l].over(&p.pi_ref[l]).pow(lambda), p.pi_ref[w].over(&p.pi[w]).pow(lambda));
    Positive::constant(0.0, p.pi.len()).plus(&loser.times(&winner))
}

type Form = fn(&Policies, usize, usize, f64) -> Positive;
const FORMS: [(&str, Form); 3] =
    [("(19)", equation_19), ("(29)", equation_30_of_gaussians), ("(30)", equation_30_of_ratios)];

/// A form's gradient in the logits, its expectation taken over the prompt's comparisons.
fn gradient_of(form: Form, policies: &Policies, comparisons: &[Comparison], lambda: f64) -> Vec<f64> {
    let mut gradient = vec![0.0; policies.pi.len()];
    for c in comparisons {
        let (i, j) = (c.i as usize, c.j as usize);
        for (mass, w, l) in [(c.win, i, j), (c.lose, j, i)] {
            for (g, slope) in gradient.iter_mut().zip(form(policies, w, l, lambda).slopes) {
                *g += mass * slope;
            }
        }
    }
    gradient
}

/// How far rounding can move an entry of a form's gradient, to first order.
///
/// Each outcome adds `mass · λ σ(x)` with `x = λ(ln π_l − ln π_w − ln ref_l + ln ref_w)`. The forms add the parts of x one after
/// another, each multiplied by λ and rounded at its own size, θ and the n terms of its softmax's sum among them; an error of x
/// moves σ by at most `σ(1 − σ)` times as much. A dozen more roundings, of the exponentials, quotients and slopes, and one for
/// each outcome that is added up, are relative to the terms themselves.
fn rounding(theta: &[f64], log_ref: &[f64], comparisons: &[Comparison], lambda: f64) -> f64 {
    let z = log_softmax(theta);
    let n = theta.len() as f64;
    let argument =
        |k: usize| 2.0 * (theta[k].abs() + z[k].abs() + log_ref[k].abs()) + n * ((theta[k] - z[k]).abs() + 1.0);
    let mut total = 0.0;
    for c in comparisons {
        let (i, j) = (c.i as usize, c.j as usize);
        let off = 2.0 * f64::EPSILON * lambda * (argument(i) + argument(j));
        for (mass, w, l) in [(c.win, i, j), (c.lose, j, i)] {
            let x = lambda * (z[l] - z[w] - log_ref[l] + log_ref[w]);
            let (sigma, rest) = (1.0 / (1.0 + (-x).exp()), 1.0 / (1.0 + x.exp()));
            let own = (12.0 + 2.0 * comparisons.len() as f64) * f64::EPSILON;
            total += mass * lambda * sigma * (off * rest + own);
        }
    }
    total
}

fn gradient(case: &Case, theta: &[f64], lambda: f64) -> (DVector<f64>, common::Sizes) {
    let n = theta.len();
    let prompt = &case.problem.prompts[0];
    let (loss, reward) = (Loss::Dpo, vec![0.0; n]);
    let objective =
        PromptObjective { prompt, loss, lambda, reward: &reward, logit_decay: 0.0, policy_decay: 0.0, sharpness: None };
    let (mut g, mut h) = (DVector::zeros(n), DMatrix::zeros(n, n));
    objective.derivatives(&DVector::from_column_slice(theta), &mut g, &mut h);
    (g, sizes(&objective, theta, 0.0))
}

fn places() -> impl Strategy<Value = (Case, Vec<f64>)> {
    case(2..=8usize, 4.0, any_preferences).prop_flat_map(|case| {
        let n = case.problem.actions();
        (Just(case), prop::collection::vec(-4.0..4.0f64, n))
    })
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn dpo_has_the_gradient_of_equations_19_and_30((case, theta) in places(), lambda in lambda(1e-5, 1e5)) {
        let prompt = &case.problem.prompts[0];
        let comparisons = &prompt.pairs.comparisons;
        let (gradient, size) = gradient(&case, &theta, lambda);
        // What is below the least normal number has no digits to compare.
        let bound =
            rounding(&theta, &prompt.log_ref, comparisons, lambda) + size.gradient_noise + lambda * f64::MIN_POSITIVE;
        // A bound that everything passes shows nothing.
        prop_assert!(bound <= 1e-6 * size.gradient + 2.0 * lambda * f64::MIN_POSITIVE, "{bound:e} of {:e}", size.gradient);
        let policies = Policies::new(&theta, &prompt.log_ref);
        for (name, form) in FORMS {
            for (k, expected) in gradient_of(form, &policies, comparisons, lambda).iter().enumerate() {
                let off = (gradient[k] - expected).abs();
                prop_assert!(off <= bound, "{name} λ {lambda:e} action {k}: {} against {expected}, bound {bound:e}", gradient[k]);
            }
        }
    }
}
