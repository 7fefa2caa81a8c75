//! The scores that minimise a QPO loss, and the policy that has them.
//!
//! A QPO loss (11) sees the policy only through differences of `m_i = μ(π_i/π_ref,i)`. So its unconstrained minimiser
//! takes two steps: minimise `Σ masses · ψ(m_i − m_j)` over free m, which fixes m up to a constant; then choose that
//! constant so that the probabilities sum to one. Every ψ here but the threshold depends on λm alone, so that the first
//! step is done once for all λ.

use nalgebra::{DMatrix, DVector};

use super::exact::Status;
use super::graph::{self, WinGroups};
use super::newton::{self, Found, Smooth};
use crate::loss::{Mu, Psi, Term};
use crate::preference::{Comparison, PairData, Random};
use crate::simplex::{log_sum_exp, normalise_logs};

/// Minimising scores, `λ m` (or m itself for the threshold); `-inf` for actions that the limit policy never takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// One an action. (A)
    pub values: Vec<f64>,
    /// Whether they are attained.
    pub status: Status,
    /// False where the data leave some difference open; then the one nearest to π_ref is given.
    pub unique: bool,
}

/// Minimising scores at λ = 1 of a prompt's data; `log_star` serves population data, where the answer is known.
pub fn fit(psi: Psi, data: &PairData, log_star: &[f64]) -> Scores {
    let finite = log_star.iter().all(|v| v.is_finite());
    match psi {
        Psi::Logistic | Psi::UnitLogistic | Psi::Savage if data.is_population && finite => attained(log_star.to_vec()),
        Psi::Exponential if data.is_population && finite => attained(log_star.iter().map(|v| 0.5 * v).collect()),
        Psi::Logistic | Psi::UnitLogistic | Psi::Exponential | Psi::Savage => within_groups(psi, data, log_star.len()),
        Psi::Squared => squared(data, log_star.len()),
        Psi::Hinge => hinge(data, log_star.len()),
        Psi::TruncatedQuadratic => attained_fit(psi, 1.0, data, log_star.len()),
        Psi::Threshold => threshold(1.0, data, log_star.len()),
    }
}

/// Scores m at a given λ, from the scores at λ = 1.
pub fn at_lambda(psi: Psi, unit: &Scores, data: &PairData, lambda: f64) -> Scores {
    if psi == Psi::Threshold {
        return threshold(lambda, data, unit.values.len());
    }
    let scale = if psi == Psi::UnitLogistic { 1.0 } else { 1.0 / lambda };
    Scores { values: unit.values.iter().map(|s| s * scale).collect(), ..unit.clone() }
}

fn attained(values: Vec<f64>) -> Scores {
    Scores { values, status: Status::Interior, unique: true }
}

/// `Σ win ψ(s_i − s_j) + lose ψ(s_j − s_i)` as a function of free scores.
struct PairFit<'a, F: Fn(f64) -> Term> {
    comparisons: &'a [Comparison],
    psi: F,
}

impl<F: Fn(f64) -> Term> Smooth for PairFit<'_, F> {
    fn value(&self, s: &DVector<f64>) -> f64 {
        self.comparisons
            .iter()
            .map(|c| {
                let v = s[c.i as usize] - s[c.j as usize];
                weighted(c.win, || (self.psi)(v).value) + weighted(c.lose, || (self.psi)(-v).value)
            })
            .sum()
    }

    fn derivatives(&self, s: &DVector<f64>, gradient: &mut DVector<f64>, hessian: &mut DMatrix<f64>) -> f64 {
        let mut value = 0.0;
        for c in self.comparisons {
            let v = s[c.i as usize] - s[c.j as usize];
            let term = compared(c, v, &self.psi);
            value += term.value;
            add_pair(c, term, gradient, hessian);
        }
        value
    }
}

fn weighted(mass: f64, value: impl Fn() -> f64) -> f64 {
    if mass > 0.0 { mass * value() } else { 0.0 }
}

/// Both outcomes of a comparison as one function of its margin.
pub fn compared(c: &Comparison, v: f64, psi: impl Fn(f64) -> Term) -> Term {
    let (win, lose) = (psi(v), psi(-v));
    let part = |mass: f64, x: f64| if mass > 0.0 { mass * x } else { 0.0 };
    Term {
        value: part(c.win, win.value) + part(c.lose, lose.value),
        slope: part(c.win, win.slope) - part(c.lose, lose.slope),
        curvature: part(c.win, win.curvature) + part(c.lose, lose.curvature),
    }
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

/// ψ with its slope and curvature at one margin.
pub fn psi_term(psi: Psi, v: f64, lambda: f64) -> Term {
    Term { value: psi.value(v, lambda), slope: psi.slope(v, lambda), curvature: psi.curvature(v, lambda) }
}

fn minimise(psi: Psi, lambda: f64, comparisons: &[Comparison], starts: &[Vec<f64>], group: &[usize]) -> Found {
    let f = PairFit { comparisons, psi: |v| psi_term(psi, v, lambda) };
    newton::minimise_from(&f, starts, group).unwrap_or(Found { x: Vec::new(), value: f64::INFINITY })
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
    let mut starts = vec![vec![0.0; actions]];
    if !psi.is_convex() {
        let convex = minimise(Psi::Logistic, 1.0, &inner, &starts, &component);
        starts.push(convex.x);
        starts.extend(random_starts(&component));
    }
    let mut values = minimise(psi, 1.0, &inner, &starts, &component).x;
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
    let unique = top.iter().all(|g| *g == top[0]);
    Scores { values, status, unique }
}

/// Whether a bounded ψ goes on falling as the scores are drawn apart, so that its minimum is at infinity.
fn falls_for_ever(psi: Psi, lambda: f64, comparisons: &[Comparison], scores: &[f64]) -> bool {
    let f = PairFit { comparisons, psi: |v| psi_term(psi, v, lambda) };
    let s = DVector::from_column_slice(scores);
    !psi.is_convex() && s.amax() > 1.0 && f.value(&(&s * 2.0)) <= f.value(&s)
}

/// The weighted least squares of IPO: `L h = b`, with L the graph Laplacian of q and
/// `b_i = Σ_j q_ij (p_ij − p_ji)/2`. One Newton step solves it.
fn squared(data: &PairData, actions: usize) -> Scores {
    attained_fit(Psi::Squared, 1.0, data, actions)
}

/// Sharpness of the smoothed hinge, step by step, and the tolerance of the snap that ends it.
const HINGE_SHARPNESS: [f64; 8] = [4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0];

/// The hinge is piecewise linear with kinks at whole margins, so some minimiser has whole differences. A smoothed hinge
/// leads there; the whole point beside its end is taken where the loss is no higher.
fn hinge(data: &PairData, actions: usize) -> Scores {
    let group = graph::connected(actions, &data.comparisons);
    let mut x = vec![0.0; actions];
    for k in HINGE_SHARPNESS {
        let smooth = |v: f64| {
            let t = psi_term(Psi::UnitLogistic, k * (v - 1.0), 1.0);
            Term { value: t.value / k, slope: t.slope, curvature: k * t.curvature }
        };
        x = newton::minimise(&PairFit { comparisons: &data.comparisons, psi: smooth }, &x, &group).x;
    }
    let exact = PairFit { comparisons: &data.comparisons, psi: |v| psi_term(Psi::Hinge, v, 1.0) };
    let value = |s: &[f64]| exact.value(&DVector::from_column_slice(s));
    // Rounding at each action's own fraction: some of these whole points must be as low as the point they surround.
    let margin: Vec<f64> = (0..actions).map(|i| x[i] - x[group[i]]).collect();
    let whole = margin
        .iter()
        .map(|m| m - m.floor() - 1e-9)
        .chain([0.5])
        .map(|fraction| margin.iter().map(|m| (m - fraction).ceil()).collect::<Vec<f64>>());
    let best = whole.min_by(|a, b| value(a).total_cmp(&value(b))).filter(|w| value(w) <= value(&x) + 1e-12);
    let best = best.map_or(x, |w| centred(&w, &group));
    Scores { unique: group.iter().all(|g| *g == 0), ..attained(best) }
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
    let mut starts = vec![zero];
    starts.extend([0.1, 0.3, 1.0, 3.0].map(|k| fit.iter().map(|v| k * v).collect::<Vec<_>>()));
    starts.extend(random_starts(&group));
    let found = minimise(Psi::Threshold, lambda, &data.comparisons, &starts, &group);
    let escapes = falls_for_ever(Psi::Threshold, lambda, &data.comparisons, &found.x);
    Scores {
        status: if escapes { Status::Boundary } else { Status::Interior },
        unique: group.iter().all(|g| *g == 0),
        values: found.x,
    }
}

/// Mean zero in each group, as every start is, so that groups which were never compared stay where π_ref has them.
fn random_starts(group: &[usize]) -> impl Iterator<Item = Vec<f64>> {
    let mut random = Random::new(1);
    (0..8).map(move |_| centred(&group.iter().map(|_| 6.0 * random.unit() - 3.0).collect::<Vec<_>>(), group))
}

/// The policy whose `μ(π/π_ref)` are `scores` up to a constant: log-probabilities. (A)
pub fn policy(mu: Mu, log_ref: &[f64], scores: &[f64]) -> Vec<f64> {
    let top = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
    let below: Vec<f64> = scores.iter().map(|s| scores[top] - s).collect();
    let mut log_pi: Vec<f64> = match mu {
        Mu::Log => log_ref.iter().zip(&below).map(|(r, d)| r - d).collect(),
        Mu::FPrime(_) => {
            let t = top_log_ratio(mu, log_ref, &below, top);
            below_top(mu, log_ref, &below, t)
        }
    };
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
