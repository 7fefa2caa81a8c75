//! Fine-tuning with a preference loss: what goes back through the network is `∂ loss / ∂ log π(text)`, from [`crate::loss`].
//!
//! A step takes a batch of [`Item`]s. A loss is the mean over its pairs plus, where it has one, the mean over samples:
//! - SFT: `−Σ log π / Σ tokens` over the chosen responses;
//! - DPO, IPO, f-DPO and every other QPO loss: the pair part;
//! - TYPO: the pair part, and `λ (log π_ref − log π)` on samples of π_ref, whose mean estimates `λ KL(π_ref ‖ π)` (17);
//! - RLHF: REINFORCE on samples of π, whose cost is `−r + λ (log π − log π_ref)`, less the batch's mean as baseline.
//!
//! No formula of a loss stands here: a draw is an action of weight one.

use super::compute::{AdamW, Compute, Moments, Span};
use super::gpt2::{Gpt2, ModelError, Text};
use super::lora::Lora;
use super::tensors::Arenas;
use crate::loss::{Action, Loss, Pair, PairSlopes};
use crate::preference::Random;

/// How a response's log-probability enters a pair's loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Length {
    /// Summed over its tokens: the sequence's own log-probability, as in the paper.
    #[default]
    Sum,
    /// The mean over its tokens, for both policies: IPO's other form.
    Mean,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Supervised fine-tuning on the chosen responses.
    Sft,
    /// A preference loss.
    Preference {
        /// Which.
        loss: Loss,
        /// Its λ.
        lambda: f64,
        /// Sum or mean.
        length: Length,
    },
}

/// A labelled pair, with π_ref's summed log-probabilities.
#[derive(Debug, Clone, Copy)]
pub struct PairItem<'a> {
    /// y_w.
    pub chosen: &'a Text,
    /// y_l.
    pub rejected: &'a Text,
    /// `log π_ref(y_w|x)`.
    pub ref_chosen: f64,
    /// `log π_ref(y_l|x)`.
    pub ref_rejected: f64,
}

/// One part of a batch.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// A text to imitate.
    Imitate(&'a Text),
    /// A labelled pair.
    Pair(PairItem<'a>),
    /// A sample: of π_ref for TYPO, of π for RLHF.
    Sample {
        /// Prompt and sampled response.
        text: &'a Text,
        /// `log π_ref(y|x)`.
        log_ref: f64,
        /// RLHF's reward, in nats.
        reward: f64,
    },
}

impl<'a> Item<'a> {
    fn texts(self) -> impl Iterator<Item = &'a Text> {
        let (one, two) = match self {
            Self::Imitate(text) | Self::Sample { text, .. } => (text, None),
            Self::Pair(pair) => (pair.chosen, Some(pair.rejected)),
        };
        std::iter::once(one).chain(two)
    }
}

/// How many of each kind a batch holds: what means are taken over.
#[derive(Debug, Clone, Copy, Default)]
struct Shares {
    pairs: f64,
    samples: f64,
    tokens: f64,
    /// Subtracted from each sample's slope: RLHF's baseline.
    baseline: f64,
}

impl Shares {
    fn of(items: &[Item]) -> Self {
        let mut shares = Self::default();
        for item in items {
            match item {
                Item::Imitate(text) => shares.tokens += text.scored() as f64,
                Item::Pair(_) => shares.pairs += 1.0,
                Item::Sample { .. } => shares.samples += 1.0,
            }
        }
        shares
    }
}

impl Objective {
    /// Adds an item's share of the loss to `report` and gives the slopes in its texts' log-probabilities.
    fn slopes(self, item: Item, logp: &[f64], shares: Shares, report: &mut Metrics) -> Vec<f64> {
        match (item, self) {
            (Item::Imitate(_), _) => {
                report.loss -= logp[0] / shares.tokens;
                vec![-1.0 / shares.tokens]
            }
            (Item::Pair(pair), Self::Preference { loss, lambda, length }) => {
                let PairSlopes { value, d_chosen, d_rejected } = pair_slopes(loss, lambda, length, pair, logp);
                report.loss += value / shares.pairs;
                vec![d_chosen / shares.pairs, d_rejected / shares.pairs]
            }
            (Item::Sample { log_ref, reward, .. }, Self::Preference { loss, lambda, .. }) => {
                let part = loss.action_part(draw(logp[0], log_ref, reward), lambda).unwrap_or_default();
                report.loss += part.value / shares.samples;
                vec![(part.slope - shares.baseline) / shares.samples]
            }
            (Item::Pair(_) | Item::Sample { .. }, Self::Sft) => vec![0.0; logp.len()],
        }
    }
}

/// A draw as an action: it has come, so it weighs one under the policy that drew it.
fn draw(log_pi: f64, log_ref: f64, reward: f64) -> Action {
    Action { pi: 1.0, log_pi, pi_ref: 1.0, log_ref, reward }
}

fn pair_slopes(loss: Loss, lambda: f64, length: Length, item: PairItem, logp: &[f64]) -> PairSlopes {
    let tokens = |text: &Text| match length {
        Length::Sum => 1.0,
        Length::Mean => text.scored() as f64,
    };
    let (w, l) = (tokens(item.chosen), tokens(item.rejected));
    let pair = Pair {
        logp_chosen: logp[0] / w,
        logp_rejected: logp[1] / l,
        ref_chosen: item.ref_chosen / w,
        ref_rejected: item.ref_rejected / l,
    };
    let slopes = loss.pair(pair, lambda);
    PairSlopes { d_chosen: slopes.d_chosen / w, d_rejected: slopes.d_rejected / l, ..slopes }
}

/// What a step tells. Means over the batch; NaN, which JSON writes as null, where the batch has nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metrics {
    /// 1 for the first.
    pub step: u32,
    /// The loss before the step, in nats for the logistic losses.
    pub loss: f64,
    /// Mean `log π(y_w|x)`, in nats.
    pub logp_chosen: f64,
    /// Mean `log π(y_l|x)`, in nats.
    pub logp_rejected: f64,
    /// Mean `Δ = log(π/π_ref)(y_w) − log(π/π_ref)(y_l)`, in nats.
    pub margin: f64,
    /// Share of pairs with Δ > 0.
    pub accuracy: f64,
    /// Estimate in nats. With samples of π_ref: `KL(π_ref ‖ π)`; with RLHF's samples of π: `KL(π ‖ π_ref)`; with pairs alone
    /// their responses stand for samples of π_ref, as in equation (1).
    pub kl_ref: f64,
    /// Tokens that went forward and back.
    pub tokens: u64,
}

impl Metrics {
    /// Of what a batch did not hold nothing is known.
    fn leave_out(&mut self, shares: Shares) {
        if shares.pairs == 0.0 {
            [self.logp_rejected, self.margin, self.accuracy] = [f64::NAN; 3];
            if shares.tokens == 0.0 {
                self.logp_chosen = f64::NAN;
            }
            if shares.samples == 0.0 {
                self.kl_ref = f64::NAN;
            }
        }
    }

    /// Takes in what the loss does not: margins, accuracy, divergence.
    fn observe(&mut self, item: Item, logp: &[f64], shares: Shares, on_policy: bool) {
        match item {
            Item::Imitate(text) => self.logp_chosen += logp[0] * text.scored() as f64 / shares.tokens,
            Item::Pair(pair) => {
                let (w, l) = (logp[0] - pair.ref_chosen, logp[1] - pair.ref_rejected);
                self.logp_chosen += logp[0] / shares.pairs;
                self.logp_rejected += logp[1] / shares.pairs;
                self.margin += (w - l) / shares.pairs;
                self.accuracy += f64::from(w > l) / shares.pairs;
                if shares.samples == 0.0 {
                    self.kl_ref -= 0.5 * (w + l) / shares.pairs;
                }
            }
            Item::Sample { log_ref, .. } => {
                let ratio = if on_policy { logp[0] - log_ref } else { log_ref - logp[0] };
                self.kl_ref += ratio / shares.samples;
            }
        }
    }
}

/// The learning rate's course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Schedule {
    /// Always the same, once warm.
    #[default]
    Constant,
    /// Half a cosine from the full rate to zero.
    Cosine,
}

impl Schedule {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Constant, Self::Cosine];

    /// The name on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Cosine => "cosine",
        }
    }
}

/// AdamW with its schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimiser {
    /// The full rate.
    pub learning_rate: f64,
    /// Decoupled, on every parameter.
    pub weight_decay: f64,
    /// The gradient's largest global norm; infinite for none.
    pub clip_norm: f64,
    /// Steps over which the rate grows linearly to the full one.
    pub warmup_steps: u32,
    /// What follows.
    pub schedule: Schedule,
    /// All steps, for the cosine's end.
    pub steps: u32,
}

impl Default for Optimiser {
    fn default() -> Self {
        let schedule = Schedule::Constant;
        Self { learning_rate: 1e-4, weight_decay: 0.0, clip_norm: 10.0, warmup_steps: 0, schedule, steps: 100 }
    }
}

impl Optimiser {
    /// The rate of a step, 1 for the first.
    pub fn rate(&self, step: u32) -> f64 {
        if step <= self.warmup_steps {
            return self.learning_rate * f64::from(step) / f64::from(self.warmup_steps);
        }
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let done = f64::from(step - self.warmup_steps - 1);
                let all = f64::from(self.steps.saturating_sub(self.warmup_steps).max(1));
                self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * (done / all).min(1.0)).cos())
            }
        }
    }

    fn adamw(&self, step: u32) -> AdamW {
        AdamW {
            learning_rate: self.rate(step),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            step,
        }
    }
}

/// A model under training.
#[derive(Debug)]
pub struct Trainer {
    /// The model, made to be trained.
    pub model: Gpt2,
    /// What is minimised.
    pub objective: Objective,
    /// How.
    pub optimiser: Optimiser,
    /// Where only adapters are trained.
    lora: Option<Lora>,
    moments: [Arenas; 2],
    /// One number: the gradient's squared norm.
    squares: Span,
    step: u32,
}

impl Trainer {
    /// With running means of zero.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(
        compute: &mut impl Compute,
        model: Gpt2,
        lora: Option<Lora>,
        objective: Objective,
        optimiser: Optimiser,
    ) -> Result<Self, ModelError> {
        let trained = lora.as_ref().map_or(&model.params, |lora| &lora.params);
        let moments = [trained.like(compute)?, trained.like(compute)?];
        let squares = compute.alloc(1)?;
        Ok(Self { model, objective, optimiser, lora, moments, squares, step: 0 })
    }

    /// Steps done.
    pub fn step_count(&self) -> u32 {
        self.step
    }

    /// One AdamW step on a batch, in as many passes as the model's capacity asks for.
    ///
    /// # Errors
    /// Where a text is refused or the device is lost; no step is taken then.
    pub async fn step(&mut self, compute: &mut impl Compute, items: &[Item<'_>]) -> Result<Metrics, ModelError> {
        let metrics = self.gradients(compute, items).await?;
        self.apply(compute);
        Ok(Metrics { step: self.step, ..metrics })
    }

    /// The batch's loss and numbers; its gradient goes into the model's.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub async fn gradients(&mut self, compute: &mut impl Compute, items: &[Item<'_>]) -> Result<Metrics, ModelError> {
        let mut shares = Shares::of(items);
        let on_policy = matches!(self.objective, Objective::Preference { loss: Loss::Rlhf(_), .. });
        if on_policy {
            // One sample alone would be its own baseline, and pull at nothing.
            shares.baseline = if items.len() > 1 { self.baseline(compute, items).await? } else { 0.0 };
        }
        let mut metrics = Metrics::default();
        self.model.zero_gradients(compute);
        for part in passes(items, self.model.capacity().0) {
            let logp = self.forward(compute, part, &mut metrics).await?;
            let mut rest = logp.as_slice();
            let mut coefficients = Vec::with_capacity(logp.len());
            for item in part {
                let (own, after) = rest.split_at(item.texts().count());
                coefficients.extend(self.objective.slopes(*item, own, shares, &mut metrics));
                metrics.observe(*item, own, shares, on_policy);
                rest = after;
            }
            self.model.backward(compute, &coefficients);
        }
        metrics.leave_out(shares);
        Ok(metrics)
    }

    /// The mean slope of a batch's samples. Subtracting it leaves the expected gradient's direction, for `E[∇ log π] = 0`; of n
    /// samples each has a share in it, which takes 1/n off the length.
    async fn baseline(&mut self, compute: &mut impl Compute, items: &[Item<'_>]) -> Result<f64, ModelError> {
        let shares = Shares::of(items);
        let (mut total, mut unused) = (0.0, Metrics::default());
        for part in passes(items, self.model.capacity().0) {
            let logp = self.forward(compute, part, &mut unused).await?;
            for (item, logp) in part.iter().zip(logp) {
                total += self.objective.slopes(*item, &[logp], shares, &mut unused)[0];
            }
        }
        Ok(total)
    }

    /// Summed log-probabilities of a pass's texts.
    async fn forward(
        &mut self,
        compute: &mut impl Compute,
        items: &[Item<'_>],
        metrics: &mut Metrics,
    ) -> Result<Vec<f64>, ModelError> {
        let texts: Vec<&Text> = items.iter().flat_map(|item| item.texts()).collect();
        metrics.tokens += texts.iter().map(|t| t.ids.len() as u64).sum::<u64>();
        self.model.forward(compute, &texts)?;
        let tokens = self.model.log_probs(compute).await?;
        Ok(tokens.iter().map(|list| list.iter().sum()).collect())
    }

    /// Clips and applies the gradient.
    fn apply(&mut self, compute: &mut impl Compute) {
        self.step += 1;
        if let Some(lora) = &self.lora {
            lora.pull(compute);
        }
        let full = (&self.model.params, self.model.gradients());
        let (params, grads) = self.lora.as_ref().map_or(full, |lora| (&lora.params, Some(&lora.grads)));
        let Some(grads) = grads else { return };
        compute.fill(self.squares, 0.0);
        for buffer in &grads.buffers {
            compute.sum_squares(self.squares, *buffer);
        }
        let step = self.optimiser.adamw(self.step);
        let moments = self.moments[0].buffers.iter().zip(&self.moments[1].buffers);
        for ((params, grads), (m, v)) in params.buffers.iter().zip(&grads.buffers).zip(moments) {
            compute.adamw(*params, *grads, Moments { m: *m, v: *v }, self.squares, &step);
        }
        if let Some(lora) = &self.lora {
            lora.push(compute);
        }
    }

    /// Gives the optimiser's buffers back, and the model.
    pub fn into_model(self, compute: &mut impl Compute) -> Gpt2 {
        for buffer in self.moments.into_iter().flat_map(|arenas| arenas.buffers) {
            compute.free(buffer);
        }
        compute.free(self.squares);
        if let Some(lora) = self.lora {
            lora.free(compute);
        }
        self.model
    }
}

/// Items in order, as many at a time as `most` texts allow; a pair stays together.
fn passes<'i, 'a>(items: &'i [Item<'a>], most: usize) -> impl Iterator<Item = &'i [Item<'a>]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut texts = 0;
        let fit = rest.iter().take_while(|item| {
            texts += item.texts().count();
            texts <= most
        });
        // At least one: the model itself says where even that is too much.
        let (pass, after) = rest.split_at(fit.count().max(1).min(rest.len()));
        rest = after;
        (!pass.is_empty()).then_some(pass)
    })
}

/// Summed log-probabilities of texts, in their order: π_ref's, once for a data set.
///
/// # Errors
/// Where a text is refused or the device is lost.
pub async fn score(compute: &mut impl Compute, model: &mut Gpt2, texts: &[&Text]) -> Result<Vec<f64>, ModelError> {
    let mut scores = Vec::with_capacity(texts.len());
    for part in texts.chunks(model.capacity().0) {
        model.forward(compute, part)?;
        let tokens = model.log_probs(compute).await?;
        scores.extend(tokens.iter().map(|list| list.iter().sum::<f64>()));
    }
    Ok(scores)
}

/// Numbers `0..n` in a new random order each epoch.
#[derive(Debug, Clone)]
pub struct Epochs {
    order: Vec<usize>,
    at: usize,
    random: Random,
}

impl Epochs {
    /// Of n > 0 numbers.
    pub fn new(n: usize, seed: u64) -> Self {
        Self { order: (0..n).collect(), at: n, random: Random::new(seed) }
    }

    /// The next `size`, over the epoch's end where need be.
    pub fn batch(&mut self, size: usize) -> Vec<usize> {
        (0..size).map(|_| self.next_index()).collect()
    }

    fn next_index(&mut self) -> usize {
        if self.at == self.order.len() {
            self.random.shuffle(&mut self.order);
            self.at = 0;
        }
        self.at += 1;
        self.order[self.at - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_follows_half_a_cosine_to_its_end() {
        let cosine = Optimiser {
            learning_rate: 2.0,
            warmup_steps: 4,
            steps: 14,
            schedule: Schedule::Cosine,
            ..Optimiser::default()
        };
        assert_eq!((1..=5).map(|s| cosine.rate(s)).collect::<Vec<_>>(), [0.5, 1.0, 1.5, 2.0, 2.0]);
        assert!((cosine.rate(10) - 1.0).abs() < 1e-15);
        assert!(cosine.rate(14) > 0.0 && cosine.rate(15) < 1e-15 && cosine.rate(99) < 1e-15);
        let constant = Optimiser { schedule: Schedule::Constant, ..cosine };
        assert_eq!((constant.rate(1), constant.rate(99)), (0.5, 2.0));
    }

    #[test]
    fn an_epoch_visits_everything_once() {
        let mut epochs = Epochs::new(7, 3);
        for _ in 0..3 {
            let mut seen = epochs.batch(7);
            seen.sort_unstable();
            assert_eq!(seen, (0..7).collect::<Vec<_>>());
        }
    }

    #[test]
    fn passes_keep_pairs_together_and_lose_nothing() {
        let text = Text { ids: vec![1, 2], prompt: 1 };
        let pair = PairItem { chosen: &text, rejected: &text, ref_chosen: 0.0, ref_rejected: 0.0 };
        let items = [Item::Pair(pair), Item::Pair(pair), Item::Imitate(&text), Item::Pair(pair)];
        let sizes = |most| passes(&items, most).map(<[Item]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(7), [4]);
        assert_eq!(sizes(5), [3, 1]);
        assert_eq!(sizes(3), [1, 2, 1]);
        assert_eq!(sizes(1), [1, 1, 1, 1]);
    }
}
