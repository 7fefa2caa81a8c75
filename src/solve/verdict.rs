//! The paper's desiderata, decided from exact minimisers and reported with the number that decided.

use super::bandit::PromptObjective;
use super::exact::{ExactSolver, LOWEST_REWARD, Minimiser, Status, clamped};
use super::newton;
use super::sweep::{self, Series};
use crate::loss::{Loss, Reward};
use crate::preference;
use crate::simplex::{kl, log_softmax, mean_zero, tv};
use crate::spec::problem::{Problem, Prompt};
use crate::spec::{DecayOn, LossSpec, Sweep, SweepOver, WeightDecay};

/// λ that stand for its limits. At these every loss is within rounding of its own limit.
pub const LIMITS: (f64, f64) = (1e-9, 1e9);
/// Total variation below which a limit is reached.
const REACHED: f64 = 1e-6;
/// Nats below which a good prompt is kept: rounding of the solver.
pub const KEPT: f64 = 1e-9;
/// The α that the constraint is tested at where the experiment sets none.
const TEST_ALPHA: f64 = 0.01;

/// One desideratum of one loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Whether it holds.
    pub holds: bool,
    /// The number behind it; `why` names it.
    pub value: f64,
    /// One sentence, with the proposition it tests.
    pub why: String,
}

/// All desiderata of one loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The loss.
    pub loss: LossSpec,
    /// Improves bad prompts and keeps good ones (Theorem 3.1, Proposition 4.1).
    pub preservation: Finding,
    /// λ → 0 gives π*, λ → ∞ gives π_ref (Theorem 3.6, Proposition 4.2).
    pub strong_interpolation: Finding,
    /// λ → 0 gives the mode of π*, λ → ∞ gives π_ref (Propositions 3.4, 3.5).
    pub weak_interpolation: Finding,
    /// What a penalty does to the loss's tie with RLHF (Theorem 3.7).
    pub constraint_gap: Finding,
}

/// The verdicts of every loss. `range` is the experiment's sweep; an α-sweep is replaced by λ in e⁻⁵..e⁵.
pub fn verdicts(problem: &Problem, range: &Sweep) -> Vec<Verdict> {
    problem.losses.iter().map(|l| verdict(problem, *l, range)).collect()
}

/// The verdict of one loss.
pub fn verdict(problem: &Problem, loss: LossSpec, range: &Sweep) -> Verdict {
    let limits = Limits::new(problem, loss);
    Verdict {
        loss,
        preservation: preservation(problem, loss, range),
        strong_interpolation: limits.strong(problem),
        weak_interpolation: limits.weak(problem),
        constraint_gap: constraint_gap(problem, loss, range),
    }
}

/// The minimisers at both ends of λ, without weight decay.
#[derive(Debug, Clone)]
pub struct Limits {
    /// λ → 0, by prompt.
    pub low: Vec<Minimiser>,
    /// λ → ∞, by prompt.
    pub high: Vec<Minimiser>,
}

impl Limits {
    /// The limits of a loss.
    pub fn new(problem: &Problem, loss: LossSpec) -> Self {
        let mut solver = ExactSolver::new(problem, loss);
        let free = WeightDecay { alpha: 0.0, ..problem.weight_decay };
        Self { low: solver.at(LIMITS.0, free), high: solver.at(LIMITS.1, free) }
    }

    /// Greatest total variation between λ → 0 and π*, over prompts.
    pub fn to_star(&self, problem: &Problem) -> f64 {
        greatest(&self.low, &problem.prompts, |m, p| tv(&m.log_pi, &p.log_star))
    }

    /// Greatest mass that λ → 0 leaves outside the modes of π*, over prompts.
    pub fn outside_mode(&self, problem: &Problem) -> f64 {
        greatest(&self.low, &problem.prompts, |m, p| {
            let best = p.log_star.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let is_mode = |star: f64| best - star <= 1e-12;
            m.log_pi.iter().zip(&p.log_star).filter(|(_, s)| !is_mode(**s)).map(|(z, _)| z.exp()).sum()
        })
    }

    /// Greatest total variation between λ → ∞ and π_ref, over prompts.
    pub fn to_reference(&self, problem: &Problem) -> f64 {
        greatest(&self.high, &problem.prompts, |m, p| tv(&m.log_pi, &p.log_ref))
    }

    fn strong(&self, problem: &Problem) -> Finding {
        let (low, high) = (self.to_star(problem), self.to_reference(problem));
        let why = format!("as λ → 0 the minimiser {} π*; as λ → ∞ it {} π_ref", reach(low), reach(high));
        Finding { holds: low <= REACHED && high <= REACHED, value: low.max(high), why }
    }

    fn weak(&self, problem: &Problem) -> Finding {
        let (low, high) = (self.outside_mode(problem), self.to_reference(problem));
        let why = format!(
            "as λ → 0 the minimiser leaves {} of its mass outside the mode of π*; as λ → ∞ it {} π_ref",
            amount(low),
            reach(high)
        );
        Finding { holds: low <= REACHED && high <= REACHED, value: low.max(high), why }
    }
}

fn greatest(found: &[Minimiser], prompts: &[Prompt], distance: impl Fn(&Minimiser, &Prompt) -> f64) -> f64 {
    found.iter().zip(prompts).map(|(m, p)| distance(m, p)).fold(0.0, f64::max)
}

fn reach(distance: f64) -> String {
    if distance <= REACHED {
        "reaches".to_owned()
    } else {
        format!("stays {} in total variation from", amount(distance))
    }
}

/// A number for a sentence: zero by name, others to three digits.
pub fn amount(x: f64) -> String {
    if x == 0.0 {
        "none".to_owned()
    } else if x.is_infinite() {
        "∞".to_owned()
    } else if x.abs() < 1e-3 {
        format!("{x:.1e}")
    } else {
        format!("{x:.3}")
    }
}

/// Good and bad prompts over λ, in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct Preservation {
    /// λ, ascending.
    pub lambdas: Vec<f64>,
    /// Greatest distance to π* over the good prompts, where π_ref has none.
    pub harm: Vec<f64>,
    /// How much nearer to π* the bad prompts came, by weight; negative where they went away.
    pub gain: Vec<f64>,
}

impl Preservation {
    /// From minimisers that were already found. None where there is no good or no bad prompt.
    pub fn from_series(problem: &Problem, series: &Series, lambdas: &[f64]) -> Option<Self> {
        let (good, bad): (Vec<usize>, Vec<usize>) =
            (0..problem.prompts.len()).partition(|x| problem.prompts[*x].is_good());
        if good.is_empty() || bad.is_empty() {
            return None;
        }
        let distance =
            |x: usize, k: usize| problem.distance(&problem.prompts[x].log_star, &series.prompts[x][k].log_pi);
        let reference = |x: usize| problem.distance(&problem.prompts[x].log_star, &problem.prompts[x].log_ref);
        let total: f64 = bad.iter().map(|x| problem.prompts[*x].weight).sum();
        let gain = |k: usize| {
            let weighted = |x: &usize| problem.prompts[*x].weight * (reference(*x) - distance(*x, k));
            bad.iter().map(weighted).sum::<f64>() / total
        };
        Some(Self {
            lambdas: lambdas.to_vec(),
            harm: (0..lambdas.len()).map(|k| good.iter().map(|x| distance(*x, k)).fold(0.0, f64::max)).collect(),
            gain: (0..lambdas.len()).map(gain).collect(),
        })
    }

    /// Positions of the λ that improve the bad prompts.
    pub fn improving(&self) -> Vec<usize> {
        (0..self.lambdas.len()).filter(|k| self.gain[*k] > KEPT).collect()
    }

    /// Positions of the λ that improve the bad prompts and keep the good ones.
    pub fn selective(&self) -> Vec<usize> {
        self.improving().into_iter().filter(|k| self.harm[*k] <= KEPT).collect()
    }

    /// The verdict over all λ.
    pub fn finding(&self) -> Finding {
        let (improving, selective) = (self.improving(), self.selective());
        let best = |places: &[usize]| places.iter().copied().max_by(|a, b| self.gain[*a].total_cmp(&self.gain[*b]));
        let Some(k) = best(&selective).or_else(|| best(&improving)) else {
            let value = self.harm.iter().copied().fold(f64::INFINITY, f64::min);
            let why = "at no λ of the range does it bring the bad prompts nearer to π*".to_owned();
            return Finding { holds: false, value, why };
        };
        let at = format!(
            "at λ = {} it brings the bad prompts {} nats nearer to π* and moves the good ones {} nats away",
            round(self.lambdas[k]),
            amount(self.gain[k]),
            amount(if self.harm[k] <= KEPT { 0.0 } else { self.harm[k] })
        );
        let scope = if selective.is_empty() {
            "no λ that improves the bad prompts keeps the good ones".to_owned()
        } else if selective.len() == self.lambdas.len() {
            "it improves the bad and keeps the good at every λ".to_owned()
        } else if selective.len() == improving.len() {
            "every λ that improves the bad prompts keeps the good ones".to_owned()
        } else {
            format!("{} of the {} improving λ keep the good prompts", selective.len(), improving.len())
        };
        Finding { holds: !selective.is_empty(), value: self.harm[k], why: format!("{scope}; {at}") }
    }
}

fn round(x: f64) -> String {
    if (1e-3..1e4).contains(&x) { format!("{x:.3}") } else { format!("{x:.1e}") }
}

fn preservation(problem: &Problem, loss: LossSpec, range: &Sweep) -> Finding {
    let tested = with_twins(problem);
    let range = lambda_range(range);
    let series = sweep::series(&tested, loss, &range);
    let lambdas = range.values();
    if let Some(found) = Preservation::from_series(&tested, &series, &lambdas) {
        return found.finding();
    }
    let harm = (0..lambdas.len())
        .flat_map(|k| tested.prompts.iter().zip(&series.prompts).map(move |(p, s)| kl(&p.log_star, &s[k].log_pi)))
        .fold(0.0, f64::max);
    let why = format!("every prompt is good already; over λ it moves them at most {} nats away", amount(harm));
    Finding { holds: harm <= KEPT, value: harm, why }
}

fn lambda_range(range: &Sweep) -> Sweep {
    match range.over {
        SweepOver::Lambda => *range,
        SweepOver::Alpha => Sweep { over: SweepOver::Lambda, from: (-5f64).exp(), to: 5f64.exp(), points: 61 },
    }
}

/// The problem with a good twin (π_ref := π*, the same labels' source) beside each bad prompt, where it has no good one.
fn with_twins(problem: &Problem) -> Problem {
    let mut tested = problem.clone();
    if problem.prompts.iter().any(Prompt::is_good) {
        return tested;
    }
    for p in &problem.prompts {
        if p.log_star.iter().any(|v| !v.is_finite()) {
            continue;
        }
        let pairs = if p.pairs.is_population {
            preference::population(preference::Pairing::Uniform, &p.log_star, &p.log_star)
        } else {
            p.pairs.clone()
        };
        let name = format!("{} with π_ref = π*", p.name);
        tested.prompts.push(Prompt { name, log_ref: p.log_star.clone(), pairs, ..p.clone() });
    }
    for p in &mut tested.prompts {
        p.weight *= 0.5;
    }
    tested
}

/// The distance between the loss's penalised minimiser and that of the RLHF problem whose unpenalised minimiser is the
/// loss's own: by (6), the one with reward `λ ln(π/π_ref)`. Without a penalty the two are the same policy.
fn constraint_gap(problem: &Problem, loss: LossSpec, range: &Sweep) -> Finding {
    let alpha = match (problem.weight_decay.alpha > 0.0, range.over) {
        (true, _) => problem.weight_decay.alpha,
        (false, SweepOver::Alpha) => range.to,
        (false, SweepOver::Lambda) => TEST_ALPHA,
    };
    let value = gap_at(problem, loss, WeightDecay { alpha, ..problem.weight_decay });
    let gap = amount(value);
    let (holds, why) = match loss.loss {
        Loss::Rlhf(_) => (true, format!("it is RLHF itself; with α = {alpha} the distance is {gap}")),
        Loss::Typo => (
            true,
            format!(
                "it is not derived from RLHF, so a penalty breaks no tie; with α = {alpha} it stands {gap} in total variation from the RLHF problem it would equal without"
            ),
        ),
        _ => (
            value <= REACHED,
            format!(
                "with α = {alpha} its minimiser stands {gap} in total variation from the RLHF problem it equals at α = 0"
            ),
        ),
    };
    Finding { holds, value, why }
}

/// The gap at one penalty, the greatest over prompts, in total variation.
pub fn gap_at(problem: &Problem, loss: LossSpec, decay: WeightDecay) -> f64 {
    let mut solver = ExactSolver::new(problem, loss);
    let mut gap = 0.0f64;
    for (x, prompt) in problem.prompts.iter().enumerate() {
        let free = solver.prompt_at(x, loss.lambda, WeightDecay { alpha: 0.0, ..decay });
        let own = solver.prompt_at(x, loss.lambda, decay);
        let tied = rlhf_with_implicit_reward(prompt, loss.lambda, &free, decay);
        gap = gap.max(tv(&own.log_pi, &tied));
    }
    gap
}

fn rlhf_with_implicit_reward(prompt: &Prompt, lambda: f64, free: &Minimiser, decay: WeightDecay) -> Vec<f64> {
    let reward: Vec<f64> =
        free.log_pi.iter().zip(&prompt.log_ref).map(|(z, r)| (lambda * (z - r)).max(LOWEST_REWARD)).collect();
    let alpha = decay.alpha / prompt.weight.max(1e-12);
    let (logit_decay, policy_decay) = if decay.on == DecayOn::Logits { (alpha, 0.0) } else { (0.0, alpha) };
    let objective =
        PromptObjective { prompt, loss: Loss::Rlhf(Reward::True), lambda, reward: &reward, logit_decay, policy_decay };
    let n = reward.len();
    let starts = [
        mean_zero(&prompt.log_ref),
        mean_zero(&clamped(&free.log_pi)),
        mean_zero(&clamped(&prompt.log_star)),
        vec![0.0; n],
    ];
    newton::minimise_from(&objective, &starts, &vec![0; n]).map_or_else(|| free.log_pi.clone(), |f| log_softmax(&f.x))
}

/// Whether any prompt's minimiser is at the boundary.
pub fn at_boundary(found: &[Minimiser]) -> bool {
    found.iter().any(|m| m.status == Status::Boundary)
}
