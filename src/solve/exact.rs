//! Exact minimisers: closed forms where there are, Newton's method elsewhere.
//!
//! Without weight decay the QPO family and RLHF need only [`scores`]; TYPO is strictly convex in θ, up to a shift.
//! With weight decay everything but RLHF with a penalty on π goes through Newton on θ, from several starts where the
//! objective is not convex.

use nalgebra::DVector;

use super::bandit::PromptObjective;
use super::newton::{self, Found, Smooth as _};
use super::penalised;
use super::scores::{self, Scores};
use crate::loss::{Loss, Mu, PairPart, Psi, Reward, Score};
use crate::simplex::{log_softmax, mean_zero, normalise_logs};
use crate::spec::problem::{Problem, Prompt};
use crate::spec::{DecayOn, LossSpec, WeightDecay};

/// Whether a minimum is attained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// At a policy with every probability above zero.
    Interior,
    /// Only in a limit that gives some action probability zero.
    Boundary,
}

impl Status {
    /// The name in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::Interior => "interior",
            Self::Boundary => "boundary",
        }
    }
}

/// Where a search began that may find a minimum beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// π_ref.
    Reference,
    /// π*.
    Star,
    /// The uniform policy.
    Uniform,
    /// The minimiser without weight decay.
    Free,
    /// A multiple of the logistic fit of the data.
    Fit,
    /// Scores drawn at random, with a seed.
    Random,
}

impl Start {
    /// The name in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::Reference => "pi_ref",
            Self::Star => "pi_star",
            Self::Uniform => "uniform",
            Self::Free => "without-decay",
            Self::Fit => "logistic-fit",
            Self::Random => "random",
        }
    }

    /// As a sentence names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "π_ref",
            Self::Star => "π*",
            Self::Uniform => "the uniform policy",
            Self::Free => "the minimiser without weight decay",
            Self::Fit => "a multiple of the logistic fit",
            Self::Random => "random scores",
        }
    }
}

/// The minimising policy of one prompt, or the limit of minimising sequences.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimiser {
    /// Whether it is attained.
    pub status: Status,
    /// False where other policies do as well; then the one nearest to π_ref in θ is given.
    pub unique: bool,
    /// Where the search that found it began, where the objective is not convex: it is the lowest minimum of several starts.
    pub start: Option<Start>,
    /// Log-probabilities. (A)
    pub log_pi: Vec<f64>,
}

/// Minimisers of one loss on one problem, for any λ and weight decay; what does not depend on them is done once.
pub struct ExactSolver<'a> {
    problem: &'a Problem,
    spec: LossSpec,
    prompts: Vec<Prepared>,
}

/// What a prompt's minimisers share over all λ.
struct Prepared {
    /// Scores of the QPO loss at λ = 1; for RLHF, its reward as scores.
    unit: Option<Scores>,
    /// Where Newton's last solve ended, the next one's start; empty before the first. (A)
    last: Vec<f64>,
}

impl<'a> ExactSolver<'a> {
    /// Prepares a loss.
    pub fn new(problem: &'a Problem, spec: LossSpec) -> Self {
        let prompts = problem.prompts.iter().map(|p| Prepared::new(p, spec.loss)).collect();
        Self { problem, spec, prompts }
    }

    /// The loss's own λ under the problem's own weight decay, one minimiser a prompt.
    pub fn solve(&mut self) -> Vec<Minimiser> {
        self.at(self.spec.lambda, self.problem.weight_decay)
    }

    /// One minimiser a prompt.
    pub fn at(&mut self, lambda: f64, decay: WeightDecay) -> Vec<Minimiser> {
        (0..self.problem.prompts.len()).map(|x| self.prompt_at(x, lambda, decay)).collect()
    }

    /// The limits as λ → 0, one a prompt, without weight decay. What has none in closed form (the threshold ψ, whose scores do not
    /// go with 1/λ; TYPO where pairs leave its policy open) is computed at a λ that stands for it.
    pub fn at_zero(&mut self) -> Vec<Minimiser> {
        let problem = self.problem;
        let none = WeightDecay { alpha: 0.0, ..problem.weight_decay };
        let at = |(x, prompt): (usize, &Prompt)| {
            let limit = self.prompts[x].at_zero(prompt, self.spec.loss);
            limit.unwrap_or_else(|| self.prompt_at(x, NEAR_ZERO, none))
        };
        problem.prompts.iter().enumerate().map(at).collect()
    }

    /// The minimiser of prompt `x`.
    pub fn prompt_at(&mut self, x: usize, lambda: f64, decay: WeightDecay) -> Minimiser {
        let prompt = &self.problem.prompts[x];
        let prepared = &mut self.prompts[x];
        let lambda = self.problem.effective_lambda(&LossSpec { lambda, ..self.spec });
        let free = prepared.free(prompt, self.spec.loss, lambda);
        match (free, decay.alpha > 0.0) {
            (Some(free), false) => free,
            (free, _) => prepared.newton(prompt, self.spec.loss, lambda, decay, free.as_ref()),
        }
    }
}

impl Prepared {
    fn new(prompt: &Prompt, loss: Loss) -> Self {
        let fitted = || scores::fit(Psi::Logistic, prompt);
        let given = |values: Vec<f64>| {
            let zero = values.contains(&f64::NEG_INFINITY);
            Scores { values, status: if zero { Status::Boundary } else { Status::Interior }, unique: true, start: None }
        };
        let unit = match (loss, loss.pair_part()) {
            (Loss::Rlhf(Reward::True), _) => Some(given(prompt.log_star.clone())),
            (Loss::Rlhf(Reward::Fitted), _) => Some(fitted()),
            (_, Some(PairPart { psi, score: Score::Ratio(_) })) => Some(scores::fit(psi, prompt)),
            _ => None,
        };
        Self { unit, last: Vec::new() }
    }

    /// The minimiser without weight decay, where it follows from scores.
    fn free(&self, prompt: &Prompt, loss: Loss, lambda: f64) -> Option<Minimiser> {
        let unit = self.unit.as_ref()?;
        let (mu, at) = match (loss, loss.pair_part()) {
            (_, Some(PairPart { psi, score: Score::Ratio(mu) })) => {
                (mu, scores::at_lambda(psi, unit, &prompt.pairs, lambda))
            }
            _ => (Mu::Log, scores::at_lambda(Psi::Logistic, unit, &prompt.pairs, lambda)),
        };
        let log_pi = scores::policy(mu, &prompt.log_ref, at.values);
        Some(Minimiser { status: at.status, unique: at.unique, start: at.start, log_pi })
    }

    /// Newton on θ: TYPO, and every loss with weight decay.
    fn newton(
        &mut self,
        prompt: &Prompt,
        loss: Loss,
        lambda: f64,
        decay: WeightDecay,
        free: Option<&Minimiser>,
    ) -> Minimiser {
        let n = prompt.log_ref.len();
        let reward = rewards(loss, lambda, self.unit.as_ref(), n);
        let objective = PromptObjective::new(prompt, loss, lambda, &reward, decay);
        if let (Loss::Rlhf(_), true, Some(free)) = (loss, objective.policy_decay > 0.0, free) {
            let log_pi = penalised::rlhf(&prompt.log_ref, &reward, lambda, objective.policy_decay);
            return Minimiser { log_pi, ..free.clone() };
        }
        let reference = mean_zero(&prompt.log_ref);
        let (mut starts, mut names) = (Vec::new(), Vec::new());
        let mut add = |name, theta| {
            names.push(name);
            starts.push(theta);
        };
        if is_smooth_and_convex(loss, decay) {
            add(Start::Reference, if self.last.is_empty() { reference } else { std::mem::take(&mut self.last) });
        } else {
            add(Start::Reference, reference);
            add(Start::Star, mean_zero(&clamped(&prompt.log_star)));
            add(Start::Uniform, vec![0.0; n]);
            if let Some(free) = free {
                let is_flat = lambda < LEAST_SLOPE && free.status == Status::Interior;
                add(Start::Free, mean_zero(&if is_flat { free.log_pi.clone() } else { clamped(&free.log_pi) }));
            }
        }
        // A penalty on π is bounded, so it cannot hold a loss that has no finite minimiser of its own.
        let escapes = objective.logit_decay == 0.0 && free.is_some_and(|m| m.status == Status::Boundary);
        let found = lowest(objective, &starts);
        let log_pi = log_softmax(&found.x);
        let status = if escapes { Status::Boundary } else { Status::Interior };
        let convex = is_convex(loss, decay);
        let (unique, start) = (convex || found.unique, (!convex).then(|| names[found.start]));
        if is_smooth_and_convex(loss, decay) {
            self.last = found.x;
        }
        Minimiser { status, unique, start, log_pi }
    }

    /// The limit of the minimisers as λ → 0, where scores decide: all mass goes to the actions that score best, shared among
    /// equals as π_ref shares it. Every μ here falls for ever as its action vanishes, so that no other limit has these scores.
    ///
    /// TYPO has no such scores: there the pairs alone decide, by their logistic fit, where that is one and attained.
    fn at_zero(&self, prompt: &Prompt, loss: Loss) -> Option<Minimiser> {
        if loss == Loss::Typo {
            let Scores { values, status, unique, start } = scores::fit(Psi::Logistic, prompt);
            let log_pi = log_softmax(&values);
            return (unique && status == Status::Interior).then_some(Minimiser { status, unique, start, log_pi });
        }
        let psi = loss.pair_part().map(|part| part.psi);
        let unit = self.unit.as_ref().filter(|_| psi != Some(Psi::Threshold))?;
        let top = unit.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let is_top = |score: f64| top - score <= EQUAL * (1.0 + top.abs());
        let kept = |(score, log_ref): (&f64, &f64)| if is_top(*score) { *log_ref } else { f64::NEG_INFINITY };
        let mut log_pi: Vec<f64> = unit.values.iter().zip(&prompt.log_ref).map(kept).collect();
        let status = if log_pi.contains(&f64::NEG_INFINITY) { Status::Boundary } else { Status::Interior };
        normalise_logs(&mut log_pi);
        Some(Minimiser { status, unique: unit.unique, start: unit.start, log_pi })
    }
}

/// A λ that stands for the limit where nothing closer is known.
pub(super) const NEAR_ZERO: f64 = 1e-9;

/// Scores this near are equal but for rounding.
const EQUAL: f64 = 1e-13;

/// Sharpness of the hinge under weight decay, step by step: the last leaves each margin within some 1e-10 of its kink.
const SHARPNESS: [f64; 17] = [
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
    4_294_967_296.0,
    17_179_869_184.0,
];

/// The lowest minimum that Newton finds from the starts. At the hinge's kinks there is no Newton step, so a rounded hinge
/// leads there.
fn lowest(mut objective: PromptObjective, starts: &[Vec<f64>]) -> Found {
    let group = vec![0; objective.prompt.log_ref.len()];
    if !is_kinked(objective.loss) {
        return newton::minimise_from(&objective, starts, &group);
    }
    newton::lowest(starts, |start| {
        let mut x = start.to_vec();
        for sharpness in SHARPNESS {
            objective.sharpness = Some(sharpness);
            x = newton::minimise(&objective, &x, &group).x;
        }
        objective.sharpness = None;
        Found { value: objective.value(&DVector::from_column_slice(&x)), x, start: 0, unique: true }
    })
}

/// Newton minimisations of one minimiser that no closed form gives, at most.
pub(super) fn searches(loss: Loss, decay: WeightDecay) -> u64 {
    let starts = if is_smooth_and_convex(loss, decay) { 1 } else { 4 };
    if is_kinked(loss) { starts * SHARPNESS.len() as u64 } else { starts }
}

/// Whether the loss is the hinge of something.
fn is_kinked(loss: Loss) -> bool {
    matches!(loss.pair_part(), Some(PairPart { psi: Psi::Hinge, .. }))
}

/// Convex in θ with the penalty, so that every minimum found is the lowest.
fn is_convex(loss: Loss, decay: WeightDecay) -> bool {
    let convex_loss = loss.pair_part().is_some_and(|part| part.psi.is_convex() && part.score.is_linear());
    convex_loss && (decay.alpha == 0.0 || decay.on == DecayOn::Logits)
}

/// The same without kinks: one start suffices.
fn is_smooth_and_convex(loss: Loss, decay: WeightDecay) -> bool {
    is_convex(loss, decay) && loss.pair_part().is_some_and(|part| part.psi != Psi::Hinge)
}

/// A λ below which scores within the range of starts have no slope that Newton would follow: the minimiser without the penalty, where
/// the penalty has none either, is then the start as it is.
const LEAST_SLOPE: f64 = 1e-10;

/// Starts for Newton stay where exponentials still have slopes.
const START_RANGE: f64 = 30.0;

/// A reward far below every other, for an action that can never win: `-inf` would make 0 · ∞ of its share. RLHF divides it by λ,
/// and what is left must still be far below.
pub(super) fn lowest_reward(lambda: f64) -> f64 {
    -700.0 * lambda.max(1.0)
}

pub(super) fn clamped(log_pi: &[f64]) -> Vec<f64> {
    log_pi.iter().map(|v| v.max(-START_RANGE)).collect()
}

/// RLHF's reward in nats; an action that can never win is held at a reward far below the others, not at `-inf`.
fn rewards(loss: Loss, lambda: f64, unit: Option<&Scores>, actions: usize) -> Vec<f64> {
    match (loss, unit) {
        (Loss::Rlhf(_), Some(scores)) => scores.values.iter().map(|v| v.max(lowest_reward(lambda))).collect(),
        _ => vec![0.0; actions],
    }
}

/// RLHF's reward for training: as [`ExactSolver`] uses it.
pub fn reward_of(prompt: &Prompt, loss: Loss, lambda: f64) -> Vec<f64> {
    let unit = if let Loss::Rlhf(_) = loss { Prepared::new(prompt, loss).unit } else { None };
    rewards(loss, lambda, unit.as_ref(), prompt.log_ref.len())
}
