//! The scores that minimise a QPO loss, and the policy that has them.
//!
//! A QPO loss (11) sees the policy only through differences of `m_i = μ(π_i/π_ref,i)`. So its unconstrained minimiser
//! takes two steps: minimise `Σ masses · ψ(m_i − m_j)` over free m, which fixes m up to a constant; then choose that
//! constant so that the probabilities sum to one. Every ψ here but the threshold depends on λm alone, so that the first
//! step is done once for all λ.

use nalgebra::{DMatrix, DVector};

use super::exact::{Start, Status};
use super::graph::{self, WinGroups};
use super::newton::{self, Found, Smooth};
use crate::loss::{Mu, Psi, Term};
use crate::preference::{Comparison, PairData, Pairing, Random, win_probability};
use crate::simplex::{log_sum_exp, normalise_logs};
use crate::spec::problem::Prompt;

/// Minimising scores, `λ m` (or m itself for the threshold); `-inf` for actions that the limit policy never takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// One an action. (A)
    pub values: Vec<f64>,
    /// Whether they are attained.
    pub status: Status,
    /// False where the data leave some difference open; then the one nearest to π_ref is given.
    pub unique: bool,
    /// Where the search that found them began, where others may have found others.
    pub start: Option<Start>,
}

/// Minimising scores at λ = 1 of a prompt's data; of population data where the answer is known, from π* itself.
pub fn fit(psi: Psi, prompt: &Prompt) -> Scores {
    let Prompt { pairs, log_star, .. } = prompt;
    let known = pairs.population.is_some() && log_star.iter().all(|v| v.is_finite());
    match psi {
        Psi::Logistic | Psi::UnitLogistic | Psi::Savage if known => attained(log_star.clone()),
        Psi::Exponential if known => attained(log_star.iter().map(|v| 0.5 * v).collect()),
        Psi::Logistic | Psi::UnitLogistic | Psi::Exponential | Psi::Savage => within_groups(psi, pairs, log_star.len()),
        Psi::Squared => pairs.population.map_or_else(
            || attained_fit(Psi::Squared, 1.0, pairs, log_star.len()),
            |pairing| attained(mean_wins(pairing, prompt)),
        ),
        Psi::Hinge => nearest(pairs, log_star.len(), hinge),
        Psi::TruncatedQuadratic => nearest(pairs, log_star.len(), truncated_quadratic),
        Psi::Threshold => threshold(1.0, pairs, log_star.len()),
    }
}

/// Newton minimisations that [`fit`] takes at most, and [`at_lambda`] of the threshold.
pub fn fit_cost(psi: Psi) -> u64 {
    match psi {
        Psi::Logistic | Psi::UnitLogistic | Psi::Exponential | Psi::Squared => 1,
        Psi::Savage => 2 + 1 + RANDOM_STARTS,
        Psi::Hinge => 2 * HINGE_SHARPNESS.len() as u64,
        Psi::TruncatedQuadratic => 4,
        Psi::Threshold => 1 + 5 + RANDOM_STARTS,
    }
}

/// Scores m at a given λ, from the scores at λ = 1.
pub fn at_lambda(psi: Psi, unit: &Scores, data: &PairData, lambda: f64) -> Scores {
    if psi == Psi::Threshold {
        return threshold(lambda, data, unit.values.len());
    }
    let scale = if psi == Psi::UnitLogistic { 1.0 } else { 1.0 / lambda };
    let values = unit.values.iter().map(|s| s * scale).collect();
    Scores { values, status: unit.status, unique: unit.unique, start: unit.start }
}

fn attained(values: Vec<f64>) -> Scores {
    Scores { values, status: Status::Interior, unique: true, start: None }
}

/// `Σ win ψ(s_i − s_j) + lose ψ(s_j − s_i)` as a function of free scores.
struct PairFit<'a, F: Fn(&Comparison, f64) -> Term> {
    comparisons: &'a [Comparison],
    compared: F,
}

impl<F: Fn(&Comparison, f64) -> Term> Smooth for PairFit<'_, F> {
    fn value(&self, s: &DVector<f64>) -> f64 {
        self.comparisons.iter().map(|c| (self.compared)(c, s[c.i as usize] - s[c.j as usize]).value).sum()
    }

    fn derivatives(&self, s: &DVector<f64>, gradient: &mut DVector<f64>, hessian: &mut DMatrix<f64>) -> f64 {
        let mut value = 0.0;
        for c in self.comparisons {
            let term = (self.compared)(c, s[c.i as usize] - s[c.j as usize]);
            value += term.value;
            add_pair(c, term, gradient, hessian);
        }
        value
    }
}

fn pair_fit(psi: Psi, lambda: f64, comparisons: &[Comparison]) -> PairFit<'_, impl Fn(&Comparison, f64) -> Term> {
    PairFit { comparisons, compared: move |c, v| psi.compared((c.win, c.lose), v, lambda) }
}

/// Adds a function of `s_i − s_j` to a gradient and a Hessian in s: one edge of a graph Laplacian.
pub fn add_pair(c: &Comparison, term: Term, gradient: &mut DVector<f64>, hessian: &mut DMatrix<f64>) {
    let (i, j) = (c.i as usize, c.j as usize);
    gradient[i] += term.slope;
    gradient[j] -= term.slope;
    hessian[(i, i)] += term.curvature;
    hessian[(j, j)] += term.curvature;
    hessian[(i, j)] -= term.curvature;
    hessian[(j, i)] -= term.curvature;
}

fn minimise(psi: Psi, lambda: f64, comparisons: &[Comparison], starts: &[Vec<f64>], group: &[usize]) -> Found {
    newton::minimise_from(&pair_fit(psi, lambda, comparisons), starts, group)
}

/// A fit that is always attained, for data of any shape.
fn attained_fit(psi: Psi, lambda: f64, data: &PairData, actions: usize) -> Scores {
    let group = graph::connected(actions, &data.comparisons);
    let found = minimise(psi, lambda, &data.comparisons, &[vec![0.0; actions]], &group);
    Scores { unique: group.iter().all(|g| *g == 0), ..attained(found.x) }
}

/// Losses that fall for ever as a pair's margin grows: finite only among actions that beat one another both ways round.
/// Every group that nobody outside beats keeps its own fit, all other actions vanish.
fn within_groups(psi: Psi, data: &PairData, actions: usize) -> Scores {
    let groups = WinGroups::new(actions, &data.comparisons);
    let inner: Vec<Comparison> =
        data.comparisons.iter().filter(|c| groups.group[c.i as usize] == groups.group[c.j as usize]).copied().collect();
    let component = graph::connected(actions, &inner);
    let (mut starts, mut names) = (vec![vec![0.0; actions]], vec![Start::Reference]);
    if !psi.is_convex() {
        let convex = minimise(Psi::Logistic, 1.0, &inner, &starts, &component);
        starts.push(convex.x);
        names.push(Start::Fit);
        starts.extend(random_starts(&component));
        names.resize(starts.len(), Start::Random);
    }
    let found = minimise(psi, 1.0, &inner, &starts, &component);
    let start = (!psi.is_convex()).then(|| names[found.start]);
    let mut values = found.x;
    let escapes = falls_for_ever(psi, 1.0, &inner, &values);
    let mut top = Vec::new();
    for (action, value) in values.iter_mut().enumerate() {
        if groups.is_top(action) {
            top.push(component[action]);
        } else {
            *value = f64::NEG_INFINITY;
        }
    }
    let status = if top.len() == actions && !escapes { Status::Interior } else { Status::Boundary };
    top.dedup();
    let unique = found.unique && top.iter().all(|g| *g == top[0]);
    Scores { values, status, unique, start }
}

/// Whether a bounded ψ goes on falling as the scores are drawn apart, so that its minimum is at infinity.
fn falls_for_ever(psi: Psi, lambda: f64, comparisons: &[Comparison], scores: &[f64]) -> bool {
    let f = pair_fit(psi, lambda, comparisons);
    let s = DVector::from_column_slice(scores);
    !psi.is_convex() && s.amax() > 1.0 && f.value(&(&s * 2.0)) <= f.value(&s)
}

/// IPO's scores on population data: how often each action wins against one proposed, less a half.
///
/// Least squares on pairs are `L h = b`, with L the graph Laplacian of q and `b_i = Σ_j q_ij (p_ij − p_ji)/2`. Where q_ij is
/// in proportion to w_i w_j, `(L h)_i ∝ w_i (h_i − h̄)`, and the mean h̄ under w is free.
fn mean_wins(pairing: Pairing, prompt: &Prompt) -> Vec<f64> {
    let star = &prompt.log_star;
    let weight = |j: usize| match pairing {
        Pairing::Uniform => 1.0 / star.len() as f64,
        Pairing::Reference => prompt.pi_ref[j],
    };
    let mut wins = vec![0.0; star.len()];
    for i in 0..star.len() {
        for j in i + 1..star.len() {
            let excess = win_probability(star[i], star[j]) - 0.5;
            wins[i] += weight(j) * excess;
            wins[j] -= weight(i) * excess;
        }
    }
    wins
}

/// Weight of the pull `½‖s − centre‖²` that picks the nearest of many minimisers: too weak to be seen elsewhere.
const PULL: f64 = 1e-9;

/// A function with a weak pull to a centre, so that a flat minimum has a nearest point.
struct Pulled<'a, F> {
    to: &'a DVector<f64>,
    of: F,
}

impl<F: Smooth> Smooth for Pulled<'_, F> {
    fn value(&self, s: &DVector<f64>) -> f64 {
        self.of.value(s) + 0.5 * PULL * (s - self.to).norm_squared()
    }

    fn derivatives(&self, s: &DVector<f64>, gradient: &mut DVector<f64>, hessian: &mut DMatrix<f64>) -> f64 {
        let value = self.of.derivatives(s, gradient, hessian);
        let away = s - self.to;
        *gradient += &away * PULL;
        for k in 0..s.len() {
            hessian[(k, k)] += PULL;
        }
        value + 0.5 * PULL * away.norm_squared()
    }
}

/// A ψ that is flat from some margin on: of all minimisers the one nearest to π_ref, and whether others do as well, which
/// shows when a pull elsewhere leads elsewhere.
fn nearest(data: &PairData, actions: usize, fit: fn(&PairData, &DVector<f64>, &[usize]) -> Vec<f64>) -> Scores {
    let group = graph::connected(actions, &data.comparisons);
    let found = fit(data, &DVector::zeros(actions), &group);
    let aside = random_starts(&group).next().map(DVector::from_vec);
    let other = aside.map(|centre| fit(data, &centre, &group));
    let apart = other.iter().flatten().zip(&found).fold(0.0f64, |most, (a, b)| most.max((a - b).abs()));
    Scores { unique: apart < 1e-3 && group.iter().all(|g| *g == 0), ..attained(found) }
}

fn truncated_quadratic(data: &PairData, centre: &DVector<f64>, group: &[usize]) -> Vec<f64> {
    let of = pair_fit(Psi::TruncatedQuadratic, 1.0, &data.comparisons);
    let near = newton::minimise(&Pulled { to: centre, of }, centre.as_slice(), group).x;
    // Without the pull from there on: it stays where it is flat, and loses what the pull bent elsewhere.
    newton::minimise(&pair_fit(Psi::TruncatedQuadratic, 1.0, &data.comparisons), &near, group).x
}

/// Sharpness of the smoothed hinge, step by step.
const HINGE_SHARPNESS: [f64; 8] = [4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0];

/// `max(0, 1 − λv)` for both outcomes of a comparison, with its kink rounded over a width of 1/sharpness in λv.
pub fn rounded_hinge(masses: (f64, f64), v: f64, lambda: f64, sharpness: f64) -> Term {
    let side = |v: f64| {
        let t = Psi::UnitLogistic.term(sharpness * (lambda * v - 1.0), 1.0);
        Term {
            value: t.value / sharpness,
            slope: lambda * t.slope,
            curvature: lambda * lambda * sharpness * t.curvature,
        }
    };
    Term::compared(masses, side(v), side(-v))
}

/// The hinge is piecewise linear with kinks at whole margins, so some minimiser has whole differences. A smoothed hinge
/// leads there; the whole point beside its end is taken where the loss is no higher.
fn hinge(data: &PairData, centre: &DVector<f64>, group: &[usize]) -> Vec<f64> {
    let actions = group.len();
    let mut x = centre.as_slice().to_vec();
    for k in HINGE_SHARPNESS {
        let compared = |c: &Comparison, v: f64| rounded_hinge((c.win, c.lose), v, 1.0, k);
        let of = PairFit { comparisons: &data.comparisons, compared };
        x = newton::minimise(&Pulled { to: centre, of }, &x, group).x;
    }
    let exact = Pulled { to: centre, of: pair_fit(Psi::Hinge, 1.0, &data.comparisons) };
    let value = |s: &[f64]| exact.value(&DVector::from_column_slice(s));
    // Rounding at each action's own fraction: some of these whole points must be as low as the point they surround.
    let margin: Vec<f64> = (0..actions).map(|i| x[i] - x[group[i]]).collect();
    let whole = margin
        .iter()
        .map(|m| m - m.floor() - 1e-9)
        .chain([0.5])
        .map(|fraction| centred(&margin.iter().map(|m| (m - fraction).ceil()).collect::<Vec<f64>>(), group));
    let best = whole.min_by(|a, b| value(a).total_cmp(&value(b))).filter(|w| value(w) <= value(&x) + 1e-12);
    best.unwrap_or(x)
}

/// The scores with mean zero in each group.
fn centred(s: &[f64], group: &[usize]) -> Vec<f64> {
    let mut sum = vec![(0.0, 0.0); s.len()];
    for (v, &g) in s.iter().zip(group) {
        sum[g].0 += v;
        sum[g].1 += 1.0;
    }
    s.iter().zip(group).map(|(v, &g)| v - sum[g].0 / sum[g].1).collect()
}

/// The threshold ψ is not convex: the lowest minimum found from π_ref, from multiples of the logistic fit, and from
/// seeded random scores.
fn threshold(lambda: f64, data: &PairData, actions: usize) -> Scores {
    let group = graph::connected(actions, &data.comparisons);
    let zero = vec![0.0; actions];
    let fit = minimise(Psi::Logistic, 1.0, &data.comparisons, std::slice::from_ref(&zero), &group).x;
    let (mut starts, mut names) = (vec![zero], vec![Start::Reference]);
    starts.extend([0.1, 0.3, 1.0, 3.0].map(|k| fit.iter().map(|v| k * v).collect::<Vec<_>>()));
    names.resize(starts.len(), Start::Fit);
    starts.extend(random_starts(&group));
    names.resize(starts.len(), Start::Random);
    let found = minimise(Psi::Threshold, lambda, &data.comparisons, &starts, &group);
    let escapes = falls_for_ever(Psi::Threshold, lambda, &data.comparisons, &found.x);
    Scores {
        status: if escapes { Status::Boundary } else { Status::Interior },
        unique: found.unique && group.iter().all(|g| *g == 0),
        start: Some(names[found.start]),
        values: found.x,
    }
}

const RANDOM_STARTS: u64 = 8;

/// Mean zero in each group, as every start is, so that groups which were never compared stay where π_ref has them.
fn random_starts(group: &[usize]) -> impl Iterator<Item = Vec<f64>> {
    let mut random = Random::new(1);
    (0..RANDOM_STARTS)
        .map(move |_| centred(&group.iter().map(|_| 6.0 * random.unit() - 3.0).collect::<Vec<_>>(), group))
}

/// The policy whose `μ(π/π_ref)` are `scores` up to a constant: log-probabilities. (A)
pub fn policy(mu: Mu, log_ref: &[f64], mut scores: Vec<f64>) -> Vec<f64> {
    let top = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
    let highest = scores[top];
    for score in &mut scores {
        *score = highest - *score;
    }
    let mut log_pi = scores;
    if let Mu::FPrime(_) = mu {
        let t = top_log_ratio(mu, log_ref, &log_pi, top);
        log_pi = below_top(mu, log_ref, &log_pi, t);
    } else {
        for (below, r) in log_pi.iter_mut().zip(log_ref) {
            *below = r - *below;
        }
    }
    normalise_logs(&mut log_pi);
    log_pi
}

/// `ln π` where the highest-scoring action has log-ratio `t` and the others lie `below` it.
fn below_top(mu: Mu, log_ref: &[f64], below: &[f64], t: f64) -> Vec<f64> {
    let highest = mu.score(t);
    let ratio = |d: f64| if d == 0.0 { t } else { mu.log_ratio(highest - d) };
    log_ref.iter().zip(below).map(|(r, &d)| r + ratio(d)).collect()
}

/// The highest action's log-ratio for which the probabilities sum to one.
///
/// It lies between 0 (all ratios are at most it, and they average to one) and `−ln π_ref(top)`; their sum grows with it.
fn top_log_ratio(mu: Mu, log_ref: &[f64], below: &[f64], top: usize) -> f64 {
    let (mut low, mut high) = (0.0, -log_ref[top]);
    let mut t = high;
    for _ in 0..100 {
        let log_pi = below_top(mu, log_ref, below, t);
        let excess = log_sum_exp(&log_pi);
        if excess > 0.0 {
            high = t;
        } else {
            low = t;
        }
        let growth: f64 = log_pi
            .iter()
            .zip(log_ref)
            .filter(|(p, _)| p.is_finite())
            .map(|(p, r)| (p - excess).exp() * mu.slope(t) / mu.slope(p - r))
            .sum();
        let newton = t - excess / growth;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        if (next - t).abs() <= 2e-16 * (1.0 + t.abs()) {
            return next;
        }
        t = next;
    }
    t
}
