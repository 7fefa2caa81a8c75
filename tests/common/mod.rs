//! What the property tests share: random experiments, every loss, and the sizes that tolerances are built from.
// Each test program compiles this file for itself and uses its own part of it.
#![allow(dead_code)]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use typo_lab::divergence::Divergence;
use typo_lab::loss::{Loss, Mu, PairPart, Psi, Reward, Score};
use typo_lab::preference::Pairing;
use typo_lab::simplex::log_softmax;
use typo_lab::solve::bandit::PromptObjective;
use typo_lab::spec::{LossSpec, Preferences, Problem, PromptSpec, Spec};

/// The same cases every time, so that one person's failure is everyone's. `PROPTEST_CASES=2000 PROPTEST_RNG_SEED=7`
/// looks further.
pub fn config(cases: u32) -> ProptestConfig {
    let given = ProptestConfig::default();
    ProptestConfig {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { given.cases } else { cases },
        rng_seed: if given.rng_seed == RngSeed::Random { RngSeed::Fixed(1) } else { given.rng_seed },
        failure_persistence: None,
        max_shrink_iters: 64,
        ..given
    }
}

/// The paper's five, RLHF with the fitted reward, and QPO over every ψ and μ.
pub fn every_loss() -> Vec<Loss> {
    let mut mus = vec![Mu::Log];
    mus.extend(Divergence::ALL.map(Mu::FPrime));
    let qpo = Psi::ALL.into_iter().flat_map(|psi| mus.iter().map(move |mu| Loss::Qpo(psi, *mu)).collect::<Vec<_>>());
    Loss::ALL.into_iter().chain([Loss::Rlhf(Reward::Fitted)]).chain(qpo).collect()
}

/// A loss at a λ, with the optimiser's own rate and steps.
pub fn at(loss: Loss, lambda: f64) -> LossSpec {
    LossSpec { loss, lambda, learning_rate: None, steps: None }
}

/// λ, even in its logarithm.
pub fn lambda(from: f64, to: f64) -> impl Strategy<Value = f64> {
    (from.log10()..to.log10()).prop_map(|x| 10f64.powf(x))
}

/// A policy over `actions` actions whose log-probabilities spread over at most `2 · spread` nats.
pub fn policy(actions: usize, spread: f64) -> impl Strategy<Value = Vec<f64>> {
    let logits = prop::collection::vec(-1.0..1.0f64, actions);
    (logits, 0.05..spread).prop_map(|(x, spread)| {
        log_softmax(&x.iter().map(|v| spread * v).collect::<Vec<_>>()).iter().map(|v| v.exp()).collect()
    })
}

/// The exact expectation under either pairing.
pub fn population() -> impl Strategy<Value = Preferences> {
    prop::sample::select(Pairing::ALL.to_vec()).prop_map(|pairing| Preferences::Population { pairing })
}

/// Counts of 0 to 9, a third of them 0, at least one comparison.
pub fn counts(actions: usize) -> impl Strategy<Value = Preferences> {
    let entry = prop_oneof![1 => Just(0u32), 2 => 1..10u32];
    prop::collection::vec(entry, actions * actions).prop_map(move |entries| {
        let mut table: Vec<Vec<f64>> =
            entries.chunks(actions).map(|r| r.iter().map(|v| f64::from(*v)).collect()).collect();
        for (i, row) in table.iter_mut().enumerate() {
            row[i] = 0.0;
        }
        if table.iter().flatten().all(|v| *v == 0.0) {
            table[0][1] = 1.0;
        }
        Preferences::Counts { counts: vec![table] }
    })
}

/// Population data, counts or draws.
pub fn any_preferences(actions: usize) -> impl Strategy<Value = Preferences> {
    let sampled = (0..1000u64, prop::sample::select(Pairing::ALL.to_vec()))
        .prop_map(|(seed, pairing)| Preferences::Sampled { draws: 200, seed, pairing });
    prop_oneof![population(), counts(actions), sampled]
}

/// One prompt with these policies and labels, no weight decay.
pub fn experiment(pi_ref: Vec<f64>, pi_star: Vec<f64>, preferences: Preferences) -> Spec {
    let prompts = vec![PromptSpec { name: "x".into(), weight: 1.0, pi_ref, pi_star }];
    Spec { prompts, preferences, ..Spec::default() }
}

/// A problem that prints as the experiment file that makes it.
#[derive(Clone)]
pub struct Case {
    /// As written.
    pub spec: Spec,
    /// As resolved.
    pub problem: Problem,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.spec.to_json())
    }
}

/// A random experiment that resolves, with its number of actions drawn from `actions`.
pub fn case<P>(
    actions: impl Strategy<Value = usize>,
    spread: f64,
    preferences: impl Fn(usize) -> P,
) -> impl Strategy<Value = Case>
where
    P: Strategy<Value = Preferences>,
{
    actions
        .prop_flat_map(move |n| (policy(n, spread), policy(n, spread), preferences(n)))
        .prop_map(|(r, s, p)| experiment(r, s, p))
        .prop_filter_map("no usable pair was drawn", |spec| {
            Problem::new(&spec).ok().map(|problem| Case { spec, problem })
        })
}

/// 2 to 8 actions, sometimes up to 64.
pub fn few_actions() -> impl Strategy<Value = usize> {
    prop_oneof![15 => 2..=8usize, 1 => 9..=64usize]
}

/// How large an objective's derivatives are near a point, and how far rounding can move what is computed there.
///
/// Every size is a sum of the absolute values of what the objective adds up. Rounding is first-order analysis: an
/// argument known to ±d moves a function by d times its slope, and a sum of N terms is off by at most N ε times the
/// sum of their sizes.
#[derive(Debug, Default)]
pub struct Sizes {
    /// Error of the computed value.
    pub value_noise: f64,
    /// Error of each entry of the computed gradient.
    pub gradient_noise: f64,
    /// Bound of the terms that the Hessian is made of.
    pub second: f64,
    /// Bound of third derivatives in θ.
    pub third: f64,
    /// Bound of fourth derivatives in θ.
    pub fourth: f64,
    /// Bound of the terms that the gradient is made of.
    pub gradient: f64,
    /// Whether some margin comes within reach of a point where ψ or its slope breaks, so that differences tell nothing.
    pub at_kink: bool,
    /// Whether some margin lies where the exponential ψ is continued by its tangent: Newton is given the exponential's
    /// curvature there, so as to step back, which is no derivative of anything.
    pub on_tangent: bool,
}

/// The sizes of `objective` where no logit is further than `h` from `theta`.
///
/// `z = θ − lse(θ)` has derivatives of at most 1, 1/4, 0.1, 1/8, and every derivative of μ in `ln π` is at most its
/// slope M (all are exponentials or products of sigmoids). So a score's first four derivatives in θ are at most
/// M, 1.25 M, 1.9 M, 3.3 M, and those of a margin v = s_i − s_j the same with M = M_i + M_j.
pub fn sizes(objective: &PromptObjective, theta: &[f64], h: f64) -> Sizes {
    const EPS: f64 = f64::EPSILON;
    let n = theta.len() as f64;
    let z = log_softmax(theta);
    let log_ref = &objective.prompt.log_ref;
    let mut s = Sizes::default();
    let mut value = 0.0;
    // Error of ln π − ln π_ref.
    let argument: Vec<f64> =
        (0..z.len()).map(|k| EPS * (theta[k].abs() + z[k].abs() + log_ref[k].abs() + n + 4.0)).collect();
    if let Some(PairPart { psi, score }) = objective.loss.pair_part() {
        let scores: Vec<f64> = (0..z.len()).map(|k| score.value(z[k], log_ref[k])).collect();
        // Within h of θ a slope in ln π grows by at most e^{2h}.
        let slopes: Vec<f64> = (0..z.len()).map(|k| (2.0 * h).exp() * score.slope(z[k], log_ref[k])).collect();
        // f′ has a slope with an error of its own; that of the logarithm is exactly one.
        let bends = matches!(score, Score::Ratio(Mu::FPrime(d)) if d != Divergence::ReverseKl);
        for c in &objective.prompt.pairs.comparisons {
            let (i, j) = (c.i as usize, c.j as usize);
            let m = slopes[i] + slopes[j];
            let v = scores[i] - scores[j];
            let dv = slopes[i] * argument[i]
                + slopes[j] * argument[j]
                + EPS * (4.0 * (scores[i].abs() + scores[j].abs()) + v.abs());
            let slope_error =
                if bends { slopes[i] * argument[i] + slopes[j] * argument[j] + 4.0 * EPS * m } else { 0.0 };
            let reach = m * h + dv;
            for (mass, v) in [(c.win, v), (c.lose, -v)] {
                if mass == 0.0 {
                    continue;
                }
                s.at_kink |= has_kink(psi, objective.lambda, v - reach, v + reach);
                s.on_tangent |= psi == Psi::Exponential && objective.lambda * (v - reach) < -300.0;
                let [d0, d1, d2, d3, d4] = psi_sizes(psi, objective.lambda, v - reach, v + reach);
                value += mass * d0;
                s.gradient += mass * d1 * m;
                s.value_noise += mass * (d1 * dv + 8.0 * EPS * d0);
                s.gradient_noise += mass * (d2 * dv * m + 8.0 * EPS * d1 * m + d1 * slope_error);
                s.second += mass * (d2 * m * m + 1.25 * d1 * m);
                s.third += mass * (d3 * m.powi(3) + 3.75 * d2 * m * m + 1.9 * d1 * m);
                s.fourth += mass * (d4 * m.powi(4) + 7.5 * d3 * m.powi(3) + 12.3 * d2 * m * m + 3.3 * d1 * m);
            }
        }
    }
    add_action_sizes(objective, &z, &argument, &mut value, &mut s);
    let squares = objective.logit_decay * theta.iter().map(|t| t * t).sum::<f64>();
    let terms = objective.prompt.pairs.comparisons.len() as f64 + n;
    let farthest = theta.iter().fold(0.0f64, |m, t| m.max(t.abs()));
    s.gradient += 2.0 * objective.logit_decay * farthest;
    s.second += 2.0 * objective.logit_decay;
    // θ ± h is rounded too, which moves the point by ε |θ|.
    s.value_noise += EPS * (terms * (value + squares) + farthest * s.gradient);
    s.gradient_noise += EPS * (terms * s.gradient + 4.0 * objective.logit_decay * farthest);
    s
}

/// RLHF's terms `π c`, TYPO's `λ π_ref z`, and the penalty's `α π²`.
///
/// Third and fourth derivatives of `e^z` are at most 2 e^z and 3.3 e^z, of `e^{2z}` at most 12 and 31 e^{2z}.
fn add_action_sizes(objective: &PromptObjective, z: &[f64], argument: &[f64], value: &mut f64, s: &mut Sizes) {
    let lambda = objective.lambda;
    for k in 0..z.len() {
        let (pi, log_ref) = (z[k].exp(), objective.prompt.log_ref[k]);
        match objective.loss {
            Loss::Rlhf(_) => {
                let cost = objective.reward[k].abs() + lambda * (z[k] - log_ref).abs();
                let noise = pi * argument[k] * (cost + 2.0 * lambda) + 8.0 * f64::EPSILON * pi * (cost + lambda);
                *value += pi * cost;
                s.gradient += pi * (cost + lambda);
                s.value_noise += noise;
                s.gradient_noise += 2.0 * noise;
                s.second += pi * (1.25 * cost + 2.25 * lambda);
                s.third += pi * (2.0 * cost + 5.0 * lambda);
                s.fourth += pi * (4.0 * cost + 11.0 * lambda);
            }
            Loss::Typo => {
                let weight = lambda * log_ref.exp();
                let noise = weight * argument[k];
                *value += weight * (z[k] - log_ref).abs();
                s.gradient += weight;
                s.value_noise += noise;
                s.gradient_noise += noise;
                s.second += 0.25 * weight;
                s.third += 0.1 * weight;
                s.fourth += 0.125 * weight;
            }
            _ => {}
        }
        let square = objective.policy_decay * pi * pi;
        *value += square;
        s.gradient += 2.0 * square;
        s.value_noise += 2.0 * square * argument[k];
        s.gradient_noise += 4.0 * square * (argument[k] + f64::EPSILON);
        s.second += 5.0 * square;
        s.third += 12.0 * square;
        s.fourth += 31.0 * square;
    }
}

/// Whether ψ or its slope breaks for a margin in `low..=high`.
fn has_kink(psi: Psi, lambda: f64, low: f64, high: f64) -> bool {
    let within = |at: f64| low <= at && at <= high;
    match psi {
        Psi::Hinge | Psi::TruncatedQuadratic => within(1.0 / lambda),
        // Continued by its tangent beyond e^300.
        Psi::Exponential => within(-300.0 / lambda),
        Psi::Threshold => within(0.0),
        Psi::Logistic | Psi::UnitLogistic | Psi::Squared | Psi::Savage => false,
    }
}

/// Bounds of |ψ| and its first four derivatives for margins in `low..=high`, one-sided at a kink.
fn psi_sizes(psi: Psi, lambda: f64, low: f64, high: f64) -> [f64; 5] {
    let lambda = if psi == Psi::UnitLogistic { 1.0 } else { lambda };
    let (x_low, x_high) = (lambda * low, lambda * high);
    // The margin in units of 1/λ that lies nearest to zero.
    let nearest = if x_low <= 0.0 && 0.0 <= x_high { 0.0 } else { x_low.abs().min(x_high.abs()) };
    let fall = (-nearest).exp();
    let short = (1.0 - x_low).max(0.0);
    let missed = if short > 0.0 { 1.0 } else { 0.0 };
    let powers =
        |c: [f64; 5]| [c[0], c[1] * lambda, c[2] * lambda.powi(2), c[3] * lambda.powi(3), c[4] * lambda.powi(4)];
    match psi {
        Psi::Logistic | Psi::UnitLogistic => {
            let softplus = (-x_low).max(0.0) + (-x_low.abs()).exp().ln_1p();
            powers([softplus, 1.0 / (1.0 + x_low.exp()), fall.min(0.25), fall.min(0.1), fall.min(0.125)])
        }
        Psi::Squared => {
            let gap = (low - 0.5 / lambda).abs().max((high - 0.5 / lambda).abs());
            [gap * gap, 2.0 * gap, 2.0, 0.0, 0.0]
        }
        Psi::Hinge => powers([short, missed, 0.0, 0.0, 0.0]),
        Psi::TruncatedQuadratic => powers([short * short, 2.0 * short, 2.0 * missed, 0.0, 0.0]),
        Psi::Exponential if x_high < -300.0 => powers([300f64.exp() * (-x_low - 299.0), 300f64.exp(), 0.0, 0.0, 0.0]),
        Psi::Exponential => powers([(-x_low).min(300.0).exp(); 5]),
        Psi::Savage => powers([1.0, 2.0 * fall, 4.0 * fall, 8.0 * fall, 16.0 * fall]),
        Psi::Threshold if high < 0.0 => [lambda * low * low, -2.0 * lambda * low, 2.0 * lambda, 0.0, 0.0],
        Psi::Threshold if low <= 0.0 => {
            let (steep, bent) = ((-2.0 * lambda * low).max((2.0 * high).min(0.65)), (2.0 * lambda).max(2.0));
            [1f64.max(lambda * low * low), steep, bent, 4.7, 24.0]
        }
        Psi::Threshold => [
            1.0,
            (2.0 / low.powi(3)).min(2.0 * high).min(0.65),
            (6.0 / low.powi(4)).min(2.0),
            (24.0 / low.powi(5)).min(4.7),
            (120.0 / low.powi(6)).min(24.0),
        ],
    }
}
