//! Exact minimisers: closed forms where there are, Newton's method elsewhere.
//!
//! Without weight decay the QPO family and RLHF need only [`scores`]; TYPO is strictly convex in θ, up to a shift.
//! With weight decay everything goes through Newton on θ, from several starts where the objective is not convex.

use super::bandit::PromptObjective;
use super::newton;
use super::scores::{self, Scores};
use crate::loss::{Loss, Mu, PairPart, Psi, Reward, Score};
use crate::simplex::{log_softmax, mean_zero};
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

/// The minimising policy of one prompt, or the limit of minimising sequences.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimiser {
    /// Whether it is attained.
    pub status: Status,
    /// False where other policies do as well; then the one nearest to π_ref in θ is given.
    pub unique: bool,
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
    /// RLHF's reward. (A)
    reward: Vec<f64>,
    /// Where the last solve ended, the next one's start. (A)
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
        let fitted = || scores::fit(Psi::Logistic, &prompt.pairs, &prompt.log_star);
        let given = |values: Vec<f64>| {
            let zero = values.contains(&f64::NEG_INFINITY);
            Scores { values, status: if zero { Status::Boundary } else { Status::Interior }, unique: true }
        };
        let unit = match (loss, loss.pair_part()) {
            (Loss::Rlhf(Reward::True), _) => Some(given(prompt.log_star.clone())),
            (Loss::Rlhf(Reward::Fitted), _) => Some(fitted()),
            (_, Some(PairPart { psi, score: Score::Ratio(_) })) => {
                Some(scores::fit(psi, &prompt.pairs, &prompt.log_star))
            }
            _ => None,
        };
        Self { reward: rewards(loss, unit.as_ref(), prompt.log_ref.len()), unit, last: mean_zero(&prompt.log_ref) }
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
        let log_pi = scores::policy(mu, &prompt.log_ref, &at.values);
        Some(Minimiser { status: at.status, unique: at.unique, log_pi })
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
        // The objective is divided by the prompt's weight; a prompt without weight is left to the penalty alone.
        let alpha = decay.alpha / prompt.weight.max(1e-12);
        let objective = PromptObjective {
            prompt,
            loss,
            lambda,
            reward: &self.reward,
            logit_decay: if decay.on == DecayOn::Logits { alpha } else { 0.0 },
            policy_decay: if decay.on == DecayOn::Policy { alpha } else { 0.0 },
        };
        let n = prompt.log_ref.len();
        let mut starts = vec![self.last.clone()];
        if !is_convex(loss, decay) {
            starts.push(mean_zero(&prompt.log_ref));
            starts.push(mean_zero(&clamped(&prompt.log_star)));
            starts.push(vec![0.0; n]);
            starts.extend(free.map(|m| mean_zero(&clamped(&m.log_pi))));
        }
        let found = newton::minimise_from(&objective, &starts, &vec![0; n]);
        let theta = found.map_or_else(|| self.last.clone(), |f| f.x);
        let log_pi = log_softmax(&theta);
        if is_convex(loss, decay) {
            self.last = theta;
        }
        // A penalty on π is bounded, so it cannot hold a loss that has no finite minimiser of its own.
        let escapes = objective.logit_decay == 0.0 && free.is_some_and(|m| m.status == Status::Boundary);
        let status = if escapes { Status::Boundary } else { Status::Interior };
        Minimiser { status, unique: true, log_pi }
    }
}

/// Strictly convex in θ with the penalty, so that one start suffices.
fn is_convex(loss: Loss, decay: WeightDecay) -> bool {
    let convex_loss = match loss.pair_part() {
        Some(PairPart { psi, score: Score::Ratio(Mu::Log) | Score::LogPolicy }) => psi.is_convex() && psi != Psi::Hinge,
        _ => false,
    };
    convex_loss && (decay.alpha == 0.0 || decay.on == DecayOn::Logits)
}

/// Starts for Newton stay where exponentials still have slopes.
const START_RANGE: f64 = 30.0;

/// A reward far below every other, for an action that can never win: `-inf` would make 0 · ∞ of its share.
pub(super) const LOWEST_REWARD: f64 = -700.0;

pub(super) fn clamped(log_pi: &[f64]) -> Vec<f64> {
    log_pi.iter().map(|v| v.max(-START_RANGE)).collect()
}

/// RLHF's reward in nats; an action that can never win is held at a reward far below the others, not at `-inf`.
fn rewards(loss: Loss, unit: Option<&Scores>, actions: usize) -> Vec<f64> {
    match (loss, unit) {
        (Loss::Rlhf(_), Some(scores)) => scores.values.iter().map(|v| v.max(LOWEST_REWARD)).collect(),
        _ => vec![0.0; actions],
    }
}

/// RLHF's reward for training: as [`ExactSolver`] uses it.
pub fn reward_of(prompt: &Prompt, loss: Loss) -> Vec<f64> {
    if matches!(loss, Loss::Rlhf(_)) { Prepared::new(prompt, loss).reward } else { vec![0.0; prompt.log_ref.len()] }
}
