//! Adam on the logits, with clipping and batches: a run as an iterator of snapshots. No clock, no threads.
//!
//! Letters: P prompts, A actions, B batch. θ starts at `ln π_ref` with mean zero and is not re-centred, so weight decay acts
//! on it as it stands. A step allocates nothing.

use std::sync::Arc;

use super::bandit::PromptObjective;
use super::exact::reward_of;
use crate::loss::{Loss, PairPart};
use crate::preference::Random;
use crate::simplex::{log_softmax, mean_zero};
use crate::spec::LossSpec;
use crate::spec::problem::Problem;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// A recorded moment of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Steps taken.
    pub step: u64,
    /// `ln π`, prompt after prompt. (P·A)
    pub log_pi: Vec<f64>,
    /// The full objective, penalty included.
    pub loss_value: f64,
}

/// One loss being minimised.
pub struct Run {
    problem: Arc<Problem>,
    loss: Loss,
    lambda: f64,
    learning_rate: f64,
    steps: u64,
    step: u64,
    recorded: Option<u64>,
    /// (P·A), as are the next four.
    theta: Vec<f64>,
    gradient: Vec<f64>,
    first_moment: Vec<f64>,
    second_moment: Vec<f64>,
    reward: Vec<f64>,
    /// β₁^t and β₂^t.
    decay: (f64, f64),
    batch: Option<Batch>,
    scratch: Scratch,
}

/// One prompt's workspace. (A each)
struct Scratch {
    log_pi: Vec<f64>,
    pi: Vec<f64>,
    score: Vec<f64>,
    slope: Vec<f64>,
}

impl Run {
    /// A run of `problem.losses[index]` from π_ref.
    pub fn new(problem: Arc<Problem>, index: usize) -> Self {
        let spec: LossSpec = problem.losses[index];
        let theta: Vec<f64> = problem.prompts.iter().flat_map(|p| mean_zero(&p.log_ref)).collect();
        let reward = problem.prompts.iter().flat_map(|p| reward_of(p, spec.loss)).collect();
        let (n, actions) = (theta.len(), problem.actions());
        let zeros = || vec![0.0; n];
        let workspace = || vec![0.0; actions];
        Self {
            loss: spec.loss,
            lambda: problem.effective_lambda(&spec),
            learning_rate: spec.learning_rate.unwrap_or(problem.optimiser.learning_rate),
            steps: spec.steps.unwrap_or(problem.optimiser.steps),
            step: 0,
            recorded: None,
            gradient: zeros(),
            first_moment: zeros(),
            second_moment: zeros(),
            theta,
            reward,
            decay: (1.0, 1.0),
            batch: problem.optimiser.batch_size.map(|size| Batch::new(&problem, size)),
            scratch: Scratch { log_pi: workspace(), pi: workspace(), score: workspace(), slope: workspace() },
            problem,
        }
    }

    /// The same run from other logits (P·A): how a change of λ goes on instead of starting anew.
    #[must_use]
    pub fn starting_at(mut self, theta: &[f64]) -> Self {
        if theta.len() == self.theta.len() {
            self.theta.copy_from_slice(theta);
        }
        self
    }

    /// Steps taken so far.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Steps in all.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the last snapshot has been given.
    pub fn is_done(&self) -> bool {
        self.recorded == Some(self.steps)
    }

    /// Takes up to `most` steps, stopping at the next moment to record, and gives its snapshot once it is reached.
    pub fn advance(&mut self, most: u64) -> Option<Snapshot> {
        let next = match self.recorded {
            None => 0,
            Some(last) if last == self.steps => return None,
            Some(last) => (last / self.problem.optimiser.record_every + 1)
                .saturating_mul(self.problem.optimiser.record_every)
                .min(self.steps),
        };
        for _ in 0..most.min(next - self.step) {
            self.take_step();
        }
        (self.step == next).then(|| {
            self.recorded = Some(next);
            self.snapshot()
        })
    }

    /// The policy and the objective as they stand.
    pub fn snapshot(&self) -> Snapshot {
        let actions = self.problem.actions();
        let log_pi: Vec<f64> = self.theta.chunks(actions).flat_map(log_softmax).collect();
        let mut loss_value = self.problem.logit_decay() * self.theta.iter().map(|t| t * t).sum::<f64>();
        for (x, prompt) in self.problem.prompts.iter().enumerate() {
            let place = x * actions..(x + 1) * actions;
            let objective = PromptObjective {
                prompt,
                loss: self.loss,
                lambda: self.lambda,
                reward: &self.reward[place.clone()],
                logit_decay: 0.0,
                policy_decay: 0.0,
            };
            let squares: f64 = log_pi[place.clone()].iter().map(|z| (2.0 * z).exp()).sum();
            loss_value += prompt.weight * objective.value_at(&log_pi[place]) + self.problem.policy_decay() * squares;
        }
        Snapshot { step: self.step, log_pi, loss_value }
    }

    fn take_step(&mut self) {
        self.gradient.fill(0.0);
        match self.batch.take() {
            Some(mut batch) => {
                batch.draw();
                self.add_batch(&batch);
                self.batch = Some(batch);
            }
            None => self.add_everything(),
        }
        let decay = 2.0 * self.problem.logit_decay();
        if decay > 0.0 {
            for (g, t) in self.gradient.iter_mut().zip(&self.theta) {
                *g += decay * t;
            }
        }
        self.clip();
        self.move_theta();
        self.step += 1;
    }

    /// The gradient of the full expectation.
    fn add_everything(&mut self) {
        let problem = Arc::clone(&self.problem);
        for (x, prompt) in problem.prompts.iter().enumerate() {
            self.look_at(x);
            if let Some(PairPart { psi, .. }) = self.loss.pair_part() {
                let g = &mut self.gradient[x * self.scratch.pi.len()..];
                for c in &prompt.pairs.comparisons {
                    add_outcomes(psi, self.lambda, &self.scratch.score, c.i, c.j, (c.win, c.lose), g);
                }
            }
            self.finish(x, prompt.weight, prompt.weight);
        }
    }

    /// The gradient of the batch that was just drawn.
    fn add_batch(&mut self, batch: &Batch) {
        let share = 1.0 / f64::from(batch.size);
        let everywhere = matches!(self.loss, Loss::Rlhf(_)) || self.problem.policy_decay() > 0.0;
        for x in 0..self.problem.prompts.len() {
            let drawn = batch.drawn(x);
            if drawn == 0 && !everywhere {
                continue;
            }
            self.look_at(x);
            if let Some(PairPart { psi, .. }) = self.loss.pair_part() {
                let g = &mut self.gradient[x * self.scratch.pi.len()..];
                for (i, j, outcomes) in batch.outcomes(x) {
                    add_outcomes(psi, self.lambda, &self.scratch.score, i, j, outcomes, g);
                }
            }
            let weight = share * batch.factor[x];
            let of_actions = match self.loss {
                // RLHF's expectation needs no pairs, so no batch thins it.
                Loss::Rlhf(_) => self.problem.prompts[x].weight,
                _ => weight * f64::from(drawn),
            };
            self.finish(x, weight, of_actions);
        }
    }

    /// Fills the workspace with prompt `x`'s policy and scores.
    #[inline]
    fn look_at(&mut self, x: usize) {
        let s = &mut self.scratch;
        let n = s.pi.len();
        let theta = &self.theta[x * n..(x + 1) * n];
        let max = theta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut total = 0.0;
        for (p, t) in s.pi.iter_mut().zip(theta) {
            *p = (t - max).exp();
            total += *p;
        }
        let log_total = max + total.ln();
        let inverse = 1.0 / total;
        for (k, t) in theta.iter().enumerate() {
            s.pi[k] *= inverse;
            s.log_pi[k] = t - log_total;
        }
        if let Some(PairPart { score, .. }) = self.loss.pair_part() {
            let reference = &self.problem.prompts[x].log_ref;
            for k in 0..n {
                s.score[k] = score.value(s.log_pi[k], reference[k]);
                s.slope[k] = score.slope(s.log_pi[k], reference[k]);
            }
        }
    }

    /// From slopes in the scores to the gradient in the logits, action part and policy penalty included.
    #[inline]
    fn finish(&mut self, x: usize, pair_weight: f64, action_weight: f64) {
        let s = &self.scratch;
        let n = s.pi.len();
        let prompt = &self.problem.prompts[x];
        let g = &mut self.gradient[x * n..(x + 1) * n];
        let reward = &self.reward[x * n..(x + 1) * n];
        let penalty = 2.0 * self.problem.policy_decay();
        let mut total = 0.0;
        for k in 0..n {
            g[k] *= pair_weight * s.slope[k];
            if let Some(term) = self.loss.action_part(s.log_pi[k], prompt.log_ref[k], reward[k], self.lambda) {
                g[k] += action_weight * term.slope;
            }
            g[k] += penalty * s.pi[k] * s.pi[k];
            total += g[k];
        }
        for (v, p) in g.iter_mut().zip(&s.pi) {
            *v -= p * total;
        }
    }

    fn clip(&mut self) {
        let largest = self.gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        if largest == 0.0 {
            return;
        }
        // Scaled before squaring: slopes of 1e300 must not overflow their norm.
        let norm = largest * self.gradient.iter().map(|g| (g / largest).powi(2)).sum::<f64>().sqrt();
        if norm > self.problem.optimiser.clip_norm {
            let scale = self.problem.optimiser.clip_norm / norm;
            for g in &mut self.gradient {
                *g *= scale;
            }
        }
    }

    fn move_theta(&mut self) {
        self.decay.0 *= BETA1;
        self.decay.1 *= BETA2;
        let rate = self.learning_rate / (1.0 - self.decay.0);
        let root = (1.0 - self.decay.1).sqrt().recip();
        let moments = self.first_moment.iter_mut().zip(&mut self.second_moment);
        for ((theta, g), (m, v)) in self.theta.iter_mut().zip(&self.gradient).zip(moments) {
            *m = BETA1 * *m + (1.0 - BETA1) * g;
            *v = BETA2 * *v + (1.0 - BETA2) * g * g;
            *theta -= rate * *m / (v.sqrt() * root + EPSILON);
        }
    }
}

impl Iterator for Run {
    type Item = Snapshot;

    fn next(&mut self) -> Option<Snapshot> {
        self.advance(u64::MAX)
    }
}

/// Adds the slope of one comparison's outcomes in the two scores.
#[inline]
fn add_outcomes(
    psi: crate::loss::Psi,
    lambda: f64,
    score: &[f64],
    i: u32,
    j: u32,
    (win, lose): (f64, f64),
    g: &mut [f64],
) {
    let (i, j) = (i as usize, j as usize);
    let v = score[i] - score[j];
    let mut slope = 0.0;
    if win > 0.0 {
        slope += win * psi.slope(v, lambda);
    }
    if lose > 0.0 {
        slope -= lose * psi.slope(-v, lambda);
    }
    g[i] += slope;
    g[j] -= slope;
}

/// Seeded batches of labelled pairs.
///
/// Sampled data are walked in epochs, shuffled anew each time, the last batch of an epoch filled from the next.
/// Population data and counts are drawn with replacement.
struct Batch {
    size: u32,
    random: Random,
    source: Source,
    /// What a prompt's draws are worth, so that their mean is the full objective. (P)
    factor: Vec<f64>,
    /// Outcomes of this batch, a comparison each, prompt after prompt.
    seen: Vec<Seen>,
    /// Where each prompt's comparisons begin in `seen`, and the end. (P + 1)
    begins: Vec<usize>,
    /// Which comparisons have outcomes: positions in `seen`, in order of prompt.
    touched: Vec<u32>,
    /// Draws of each prompt in this batch. (P)
    drawn: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Seen {
    i: u32,
    j: u32,
    win: f64,
    lose: f64,
}

enum Source {
    /// All labelled draws, as positions in `seen`, and how far the epoch has come.
    Epochs { draws: Vec<(u32, bool)>, next: usize },
    /// Cumulative masses of the comparisons, and the probability that the lower action wins.
    Masses { cumulative: Vec<f64>, win: Vec<f64> },
}

impl Batch {
    fn new(problem: &Problem, size: u32) -> Self {
        let mut seen = Vec::new();
        let mut begins = vec![0];
        for p in &problem.prompts {
            seen.extend(p.pairs.comparisons.iter().map(|c| Seen { i: c.i, j: c.j, win: 0.0, lose: 0.0 }));
            begins.push(seen.len());
        }
        let sampled = problem.prompts.iter().all(|p| !p.pairs.draws.is_empty());
        let source = if sampled { epochs(problem, &begins) } else { masses(problem) };
        let all: usize = problem.prompts.iter().map(|p| p.pairs.draws.len()).sum();
        let factor = |p: &crate::spec::problem::Prompt| {
            if sampled { p.weight * all as f64 / p.pairs.draws.len() as f64 } else { 1.0 }
        };
        Self {
            size,
            random: Random::new(problem.optimiser.seed),
            source,
            factor: problem.prompts.iter().map(factor).collect(),
            touched: Vec::with_capacity(seen.len().min(size as usize)),
            drawn: vec![0; problem.prompts.len()],
            seen,
            begins,
        }
    }

    fn draw(&mut self) {
        for &t in &self.touched {
            let s = &mut self.seen[t as usize];
            (s.win, s.lose) = (0.0, 0.0);
        }
        self.touched.clear();
        self.drawn.fill(0);
        for _ in 0..self.size {
            let (place, lower_won) = self.source.next(&mut self.random);
            let s = &mut self.seen[place as usize];
            if s.win + s.lose == 0.0 {
                self.touched.push(place);
            }
            if lower_won { s.win += 1.0 } else { s.lose += 1.0 }
        }
        if self.begins.len() == 2 {
            self.drawn[0] = self.size;
        } else {
            self.touched.sort_unstable();
            for &t in &self.touched {
                let x = self.begins.partition_point(|b| *b <= t as usize) - 1;
                self.drawn[x] += (self.seen[t as usize].win + self.seen[t as usize].lose) as u32;
            }
        }
    }

    fn drawn(&self, x: usize) -> u32 {
        self.drawn[x]
    }

    /// The outcomes of prompt `x` in this batch.
    fn outcomes(&self, x: usize) -> impl Iterator<Item = (u32, u32, (f64, f64))> + '_ {
        let range = if self.begins.len() == 2 {
            0..self.touched.len()
        } else {
            let (begin, end) = (self.begins[x] as u32, self.begins[x + 1] as u32);
            self.touched.partition_point(|t| *t < begin)..self.touched.partition_point(|t| *t < end)
        };
        self.touched[range].iter().map(|t| {
            let s = self.seen[*t as usize];
            (s.i, s.j, (s.win, s.lose))
        })
    }
}

impl Source {
    #[inline]
    fn next(&mut self, random: &mut Random) -> (u32, bool) {
        match self {
            Self::Epochs { draws, next } => {
                if *next == draws.len() {
                    *next = 0;
                }
                if *next == 0 {
                    random.shuffle(draws);
                }
                *next += 1;
                draws[*next - 1]
            }
            Self::Masses { cumulative, win } => {
                let u = random.unit();
                let place = find(cumulative, u);
                (place as u32, random.unit() < win[place])
            }
        }
    }
}

/// The first entry above `u`: by eye in a short list, by halving in a long one.
#[inline]
fn find(cumulative: &[f64], u: f64) -> usize {
    const SHORT: usize = 16;
    let place = if cumulative.len() <= SHORT {
        cumulative.iter().map(|c| usize::from(*c <= u)).sum()
    } else {
        cumulative.partition_point(|c| *c <= u)
    };
    place.min(cumulative.len() - 1)
}

fn epochs(problem: &Problem, begins: &[usize]) -> Source {
    let draws = problem
        .prompts
        .iter()
        .zip(begins)
        .flat_map(|(p, begin)| p.pairs.draws.iter().map(move |d| (*begin as u32 + d.comparison, d.lower_won)))
        .collect();
    Source::Epochs { draws, next: 0 }
}

fn masses(problem: &Problem) -> Source {
    let mut cumulative = Vec::new();
    let mut win = Vec::new();
    let mut total = 0.0;
    for p in &problem.prompts {
        for c in &p.pairs.comparisons {
            total += p.weight * (c.win + c.lose);
            cumulative.push(total);
            win.push(c.win / (c.win + c.lose));
        }
    }
    Source::Masses { cumulative, win }
}
