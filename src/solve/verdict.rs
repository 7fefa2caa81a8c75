//! The paper's desiderata, decided from exact minimisers and reported with the number that decided.

use super::bandit::PromptObjective;
use super::exact::{ExactSolver, Minimiser, NEAR_ZERO, Start, Status, clamped, lowest_reward};
use super::newton;
use super::sweep::{self, Series};
use crate::loss::{Loss, Psi, Reward};
use crate::preference;
use crate::simplex::{log_softmax, mean_zero, probs, tv};
use crate::spec::problem::{Problem, Prompt};
use crate::spec::{LossSpec, Sweep, SweepOver, WeightDecay};

/// A λ that stands for λ → ∞: every loss is within [`REACHED`] of π_ref there.
pub const LARGE: f64 = 1e9;
/// Total variation below which a limit is reached.
pub const REACHED: f64 = 1e-6;
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

/// The verdicts of every loss, preservation over [`Sweep::over_lambda`] of the experiment's sweep.
pub fn verdicts(problem: &Problem, range: &Sweep) -> Vec<Verdict> {
    problem.losses.iter().map(|l| verdict(problem, *l, range)).collect()
}

/// The verdict of one loss.
pub fn verdict(problem: &Problem, loss: LossSpec, range: &Sweep) -> Verdict {
    let limits = Limits::new(problem, loss);
    Verdict {
        loss,
        preservation: preservation(problem, loss, range),
        strong_interpolation: limits.strong(),
        weak_interpolation: limits.weak(),
        constraint_gap: constraint_gap(problem, loss, range),
    }
}

/// A loss's minimisers at both ends of λ, and how far they lie from where they should; the greatest over prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// λ → 0, by prompt.
    pub low: Vec<Minimiser>,
    /// λ → ∞, by prompt.
    pub high: Vec<Minimiser>,
    /// Total variation between λ → 0 and π*.
    pub to_star: f64,
    /// Mass that λ → 0 leaves outside the modes of π*.
    pub outside_mode: f64,
    /// Total variation between λ → ∞ and π_ref.
    pub to_reference: f64,
}

impl Limits {
    /// The limits of a loss without weight decay, of which the paper's propositions speak.
    pub fn new(problem: &Problem, loss: LossSpec) -> Self {
        Self::under(problem, loss, WeightDecay { alpha: 0.0, ..problem.weight_decay })
    }

    /// The limits under a penalty.
    pub fn under(problem: &Problem, loss: LossSpec, decay: WeightDecay) -> Self {
        let mut solver = ExactSolver::new(problem, loss);
        let low = if decay.alpha > 0.0 { solver.at(NEAR_ZERO, decay) } else { solver.at_zero() };
        let high = solver.at(LARGE, decay);
        Self {
            to_star: greatest(&low, &problem.prompts, |m, p| tv(&m.log_pi, &p.log_star)),
            outside_mode: greatest(&low, &problem.prompts, outside_mode),
            to_reference: greatest(&high, &problem.prompts, |m, p| tv(&m.log_pi, &p.log_ref)),
            low,
            high,
        }
    }

    /// Strong interpolation (Theorem 3.6, Proposition 4.2).
    pub fn strong(&self) -> Finding {
        let (low, high) = (self.to_star, self.to_reference);
        let why = format!("as λ → 0 the minimiser {} π*; as λ → ∞ it {} π_ref", reach(low), reach(high));
        Finding { holds: low <= REACHED && high <= REACHED, value: low.max(high), why }
    }

    /// Weak interpolation (Propositions 3.4, 3.5).
    pub fn weak(&self) -> Finding {
        let (low, high) = (self.outside_mode, self.to_reference);
        let why = format!(
            "as λ → 0 the minimiser leaves {} of its mass outside the mode of π*; as λ → ∞ it {} π_ref",
            amount(low),
            reach(high)
        );
        Finding { holds: low <= REACHED && high <= REACHED, value: low.max(high), why }
    }
}

/// Whether each action is a mode of π*. (A)
fn modes(p: &Prompt) -> impl Iterator<Item = bool> {
    let best = p.log_star.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Nearer than a billionth of a nat, and the scores of many actions may differ by less than their rounding.
    p.log_star.iter().map(move |star| best - star <= 1e-9)
}

/// Whether π* has one mode on every prompt, rather than several that are equally likely.
pub fn has_one_mode(problem: &Problem) -> bool {
    problem.prompts.iter().all(|p| modes(p).filter(|is_mode| *is_mode).count() == 1)
}

fn outside_mode(m: &Minimiser, p: &Prompt) -> f64 {
    m.log_pi.iter().zip(modes(p)).filter(|(_, is_mode)| !is_mode).map(|(z, _)| z.exp()).sum()
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

/// A number for a sentence, to three digits.
pub fn amount(x: f64) -> String {
    if x == 0.0 {
        "0".to_owned()
    } else if x.is_infinite() {
        "∞".to_owned()
    } else if x.abs() < 1e-3 {
        format!("{x:.1e}")
    } else {
        format!("{x:.3}")
    }
}

/// Good and bad prompts over λ, in nats (of the authors' convention where that is chosen: a mean over actions).
#[derive(Debug, Clone, PartialEq)]
pub struct Preservation {
    /// The loss.
    pub loss: Loss,
    /// λ, ascending.
    pub lambdas: Vec<f64>,
    /// Greatest distance to π* over the good prompts, where π_ref has none.
    pub harm: Vec<f64>,
    /// Greatest total variation that a good prompt moved.
    pub moved: Vec<f64>,
    /// How much nearer to π* the bad prompts came, by weight; negative where they went away.
    pub gain: Vec<f64>,
    /// Where the search began that found a bad prompt's minimum, where it may have others.
    pub starts: Vec<Option<Start>>,
    /// Whether weight decay pulls too.
    pub decays: bool,
}

impl Preservation {
    /// From minimisers that were already found. None where there is no good or no bad prompt.
    pub fn from_series(problem: &Problem, series: &Series, lambdas: &[f64]) -> Option<Self> {
        let (good, bad): (Vec<usize>, Vec<usize>) =
            (0..problem.prompts.len()).partition(|x| problem.prompts[*x].is_good());
        if good.is_empty() || bad.is_empty() {
            return None;
        }
        let distance = |x: usize, k: usize| problem.to_star(x, &series.prompts[x][k].log_pi);
        let reference = |x: usize| problem.to_star(x, &problem.prompts[x].log_ref);
        let total: f64 = bad.iter().map(|x| problem.prompts[*x].weight).sum();
        let gain = |k: usize| {
            let weighted = |x: &usize| problem.prompts[*x].weight * (reference(*x) - distance(*x, k));
            bad.iter().map(weighted).sum::<f64>() / total
        };
        let moved = |x: usize, k: usize| tv(&problem.prompts[x].log_ref, &series.prompts[x][k].log_pi);
        let greatest = |of: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
            (0..lambdas.len()).map(|k| good.iter().map(|x| of(*x, k)).fold(0.0, f64::max)).collect()
        };
        Some(Self {
            loss: series.loss.loss,
            lambdas: lambdas.to_vec(),
            harm: greatest(&distance),
            moved: greatest(&moved),
            gain: (0..lambdas.len()).map(gain).collect(),
            starts: (0..lambdas.len()).map(|k| bad.iter().find_map(|x| series.prompts[*x][k].start)).collect(),
            decays: problem.weight_decay.alpha > 0.0,
        })
    }

    /// Positions of the λ that improve the bad prompts.
    pub fn improving(&self) -> Vec<usize> {
        (0..self.lambdas.len()).filter(|k| self.gain[*k] > KEPT).collect()
    }

    /// Positions of the λ that improve the bad prompts and keep the good ones.
    pub fn selective(&self) -> Vec<usize> {
        self.improving().into_iter().filter(|k| self.keeps(*k)).collect()
    }

    /// Whether the good prompts are kept at one λ. As λ → ∞ every loss's harm falls with 1/λ² and its gain with 1/λ, so that
    /// few nats are not enough: a good prompt must not move in proportion to what the bad ones gain.
    fn keeps(&self, k: usize) -> bool {
        const SHARE: f64 = 1e-6;
        const ROUNDING: f64 = 1e-14;
        self.harm[k] <= KEPT && self.moved[k] <= SHARE * self.gain[k] + ROUNDING
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
            amount(if self.keeps(k) { 0.0 } else { self.harm[k] })
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
        let holds = !selective.is_empty();
        Finding { holds, value: self.harm[k], why: format!("{scope}; {at}{}", self.reserve(holds, k)) }
    }

    /// What must be said beside the number at one λ.
    fn reserve(&self, holds: bool, k: usize) -> String {
        let mut said = String::new();
        if let Some(start) = self.starts[k] {
            said += &format!("; its minima are the lowest found from several starts, this one from {}", start.name());
        }
        if holds && self.loss.is_qpo() {
            said += "; it steps out of the printed proof of Theorem 3.1, which lets (35) and (36) have one minimiser and so takes the good and the bad prompt to have equal preference probabilities";
        }
        if matches!(self.loss, Loss::Qpo(Psi::Threshold, _)) && !self.decays {
            said += "; training from π_ref never leaves it, as ψ′(0) = 0";
        }
        said
    }
}

fn round(x: f64) -> String {
    if (1e-3..1e4).contains(&x) { format!("{x:.3}") } else { format!("{x:.1e}") }
}

fn preservation(problem: &Problem, loss: LossSpec, range: &Sweep) -> Finding {
    let tested = with_twins(problem);
    let range = range.over_lambda();
    let series = sweep::series(&tested, loss, &range);
    let lambdas = range.values();
    if let Some(found) = Preservation::from_series(&tested, &series, &lambdas) {
        return found.finding();
    }
    if !tested.prompts.iter().any(Prompt::is_good) {
        let why = "no good prompt can be made of these: every π* gives some action no probability, which a reference must not";
        return Finding { holds: false, value: f64::NAN, why: why.to_owned() };
    }
    let harm = (0..lambdas.len())
        .flat_map(|k| tested.prompts.iter().zip(&series.prompts).map(move |(p, s)| (p, &s[k])))
        .map(|(p, m)| tested.distance(&p.log_star, &m.log_pi))
        .fold(0.0, f64::max);
    let why = format!("every prompt is good already; over λ it moves them at most {} nats away", amount(harm));
    Finding { holds: harm <= KEPT, value: harm, why }
}

/// The problem with a good twin (π_ref := π*, labels from the same source) beside each bad prompt, where it has no good one.
fn with_twins(problem: &Problem) -> Problem {
    let mut tested = problem.clone();
    if problem.prompts.iter().any(Prompt::is_good) {
        return tested;
    }
    for p in &problem.prompts {
        if p.log_star.iter().any(|v| !v.is_finite()) {
            continue;
        }
        let resolved = |pairing| preference::population(pairing, &p.log_star, &p.log_star);
        let pairs = p.pairs.population.map_or_else(|| p.pairs.clone(), resolved);
        let name = format!("{} with π_ref = π*", p.name);
        let (pi_ref, log_ref) = (probs(&p.log_star), p.log_star.clone());
        tested.prompts.push(Prompt { name, pi_ref, log_ref, pairs, ..p.clone() });
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
    tied(loss.loss, alpha, gap_at(problem, loss, WeightDecay { alpha, ..problem.weight_decay }))
}

/// What a gap under a penalty α says of a loss's tie with RLHF (Theorem 3.7).
pub fn tied(loss: Loss, alpha: f64, value: f64) -> Finding {
    let gap = amount(value);
    let why = match loss {
        Loss::Rlhf(_) => format!("it is RLHF itself; with α = {alpha} the distance is {gap}"),
        Loss::Typo => format!(
            "with α = {alpha} it stands {gap} in total variation from the RLHF problem that has its minimiser at α = 0; it is not derived from RLHF, so no tie breaks"
        ),
        _ => format!(
            "with α = {alpha} its minimiser stands {gap} in total variation from the RLHF problem it equals at α = 0"
        ),
    };
    Finding { holds: value <= REACHED, value, why }
}

/// The gap at one penalty, the greatest over prompts, in total variation.
pub fn gap_at(problem: &Problem, loss: LossSpec, decay: WeightDecay) -> f64 {
    let ties = Ties::new(problem, loss).at(decay);
    ties.iter().map(|t| tv(&t.own.log_pi, &t.rlhf)).fold(0.0, f64::max)
}

/// A loss's minimiser and that of the RLHF problem it is tied to, under one penalty.
#[derive(Debug, Clone, PartialEq)]
pub struct Tie {
    /// The loss's own.
    pub own: Minimiser,
    /// RLHF's, with the reward that the loss implies without the penalty: log-probabilities. (A)
    pub rlhf: Vec<f64>,
}

/// A loss's ties to RLHF under any penalty; what does not depend on it is done once.
pub struct Ties<'a> {
    problem: &'a Problem,
    loss: LossSpec,
    solver: ExactSolver<'a>,
    /// Without the penalty, by prompt.
    free: Vec<Minimiser>,
}

impl<'a> Ties<'a> {
    /// Prepares a loss.
    pub fn new(problem: &'a Problem, loss: LossSpec) -> Self {
        let mut solver = ExactSolver::new(problem, loss);
        let free = solver.at(loss.lambda, WeightDecay { alpha: 0.0, ..problem.weight_decay });
        Self { problem, loss, solver, free }
    }

    /// The tie on each prompt.
    pub fn at(&mut self, decay: WeightDecay) -> Vec<Tie> {
        let lambda = self.loss.lambda;
        let own = self.solver.at(lambda, decay);
        let prompts = self.problem.prompts.iter().zip(&self.free);
        let tie = |((prompt, free), own)| Tie { own, rlhf: rlhf_with_implicit_reward(prompt, lambda, free, decay) };
        prompts.zip(own).map(tie).collect()
    }
}

/// Newton minimisations of a [`Tie`] on one prompt beside the loss's own.
pub const TIE_STARTS: u64 = 4;

fn rlhf_with_implicit_reward(prompt: &Prompt, lambda: f64, free: &Minimiser, decay: WeightDecay) -> Vec<f64> {
    let reward: Vec<f64> =
        free.log_pi.iter().zip(&prompt.log_ref).map(|(z, r)| (lambda * (z - r)).max(lowest_reward(lambda))).collect();
    let objective = PromptObjective::new(prompt, Loss::Rlhf(Reward::True), lambda, &reward, decay);
    let n = reward.len();
    let starts = [
        mean_zero(&prompt.log_ref),
        mean_zero(&clamped(&free.log_pi)),
        mean_zero(&clamped(&prompt.log_star)),
        vec![0.0; n],
    ];
    log_softmax(&newton::minimise_from(&objective, &starts, &vec![0; n]).x)
}

/// Whether any prompt's minimiser is at the boundary.
pub fn at_boundary(found: &[Minimiser]) -> bool {
    found.iter().any(|m| m.status == Status::Boundary)
}
