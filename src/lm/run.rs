//! A whole fine-tuning: π_ref's numbers once for the data, then step after step.

use super::align::{Trainer, score};
use super::compute::Compute;
use super::config::Config;
use super::epochs::Epochs;
use super::gpt2::{Gpt2, Memory, ModelError, Text};
use super::lora::{Lora, LoraSettings};
use super::objective::{Item, Metrics, Objective, PairItem};
use super::optimiser::Optimiser;
use super::pairs::Parts;
use super::reward::Rewards;
use super::sample::{Decoder, Sampling, generate};
use crate::loss::Loss;
use crate::preference::Random;

/// A preference as two texts with the same prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairTexts {
    /// y_w behind the prompt.
    pub chosen: Text,
    /// y_l behind the prompt.
    pub rejected: Text,
}

impl From<Parts<Vec<u32>>> for PairTexts {
    fn from(parts: Parts<Vec<u32>>) -> Self {
        let prompt = parts.prompt.len();
        let text = |response: &[u32]| Text { ids: [&parts.prompt, response].concat(), prompt };
        Self { chosen: text(&parts.chosen), rejected: text(&parts.rejected) }
    }
}

/// A prompt that has a token. A first token has nothing before it; the token that ends a text also begins the next.
pub fn begun(mut prompt: Vec<u32>, end: Option<u32>) -> Vec<u32> {
    if prompt.is_empty() {
        prompt.extend(end);
    }
    prompt
}

impl PairTexts {
    /// x.
    pub fn prompt(&self) -> &[u32] {
        &self.chosen.ids[..self.chosen.prompt]
    }
}

/// How a run is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// What is minimised.
    pub objective: Objective,
    /// How.
    pub optimiser: Optimiser,
    /// Pairs a step.
    pub batch_size: usize,
    /// Adapters instead of all weights.
    pub lora: Option<LoraSettings>,
    /// How TYPO's samples of π_ref are drawn, and RLHF's length.
    pub sampling: Sampling,
    /// Of the order of pairs, the samples and the adapters.
    pub seed: u64,
}

impl Settings {
    fn loss(&self) -> Option<Loss> {
        match self.objective {
            Objective::Sft => None,
            Objective::Preference { loss, .. } => Some(loss),
        }
    }

    /// The longest text that a run of these pairs will see, in tokens.
    pub fn longest(&self, config: &Config, pairs: &[PairTexts]) -> usize {
        let texts = pairs.iter().flat_map(|p| [p.chosen.ids.len(), p.rejected.ids.len()]).max().unwrap_or(1);
        let prompts = pairs.iter().map(|p| p.chosen.prompt).max().unwrap_or(0);
        let sampled = match self.loss() {
            Some(Loss::Typo | Loss::Rlhf(_)) => (prompts + self.sampling.max_tokens).min(config.n_positions),
            _ => 0,
        };
        texts.max(sampled)
    }

    /// What a run needs on the device at its most, where `batch` texts of `time` tokens go through the network at once.
    pub fn memory(&self, config: &Config, (batch, time): (usize, usize)) -> Memory {
        let memory = Memory::of(config, batch, time, true);
        let memory = self.lora.as_ref().map_or(memory, |lora| memory.with_lora(config, lora, batch * time));
        let sampling = Decoder::bytes(config, batch, time);
        match self.loss() {
            // TYPO draws before there are gradients and running means, and gives that room back.
            Some(Loss::Typo) => memory.with_sampling(sampling.saturating_sub(memory.training)),
            // RLHF scores texts that nobody has seen, by π_ref itself.
            Some(Loss::Rlhf(_)) => memory.with_sampling(sampling + Memory::of(config, batch, time, false).total()),
            _ => memory,
        }
    }
}

/// A fine-tuning under way.
#[derive(Debug)]
pub struct Run {
    /// The model under training.
    pub trainer: Trainer,
    pairs: Vec<PairTexts>,
    /// `log π_ref` of chosen and rejected.
    log_ref: Vec<(f64, f64)>,
    /// TYPO's: for each pair a sample of π_ref, and its `log π_ref`.
    samples: Vec<(Text, f64)>,
    /// RLHF's.
    on_policy: Option<OnPolicy>,
    epochs: Epochs,
    random: Random,
    settings: Settings,
}

/// What RLHF needs beside the data: π_ref itself, for texts that nobody has seen, and rewards.
#[derive(Debug)]
struct OnPolicy {
    reference: Gpt2,
    rewards: Rewards,
}

impl Run {
    /// Takes a model that stands at π_ref, made to be trained. `go_on` hears how far the preparation is, from 0 to 1, and says
    /// whether it goes on.
    ///
    /// # Errors
    /// Where a text is refused, naming its pair, the device has no room, or `go_on` says no; then the model's buffers are given back.
    pub async fn start(
        compute: &mut impl Compute,
        mut model: Gpt2,
        pairs: Vec<PairTexts>,
        settings: Settings,
        go_on: impl AsyncFnMut(f64) -> bool,
    ) -> Result<Self, ModelError> {
        let prepared = match prepared(compute, &mut model, &pairs, &settings, go_on).await {
            Ok(prepared) => prepared,
            Err(error) => {
                model.free(compute);
                return Err(error);
            }
        };
        let Prepared { log_ref, samples, on_policy, lora, random } = prepared;
        let trainer = Trainer::new(compute, model, lora, settings.objective, settings.optimiser)?;
        let epochs = Epochs::new(pairs.len(), settings.seed);
        Ok(Self { trainer, pairs, log_ref, samples, on_policy, epochs, random, settings })
    }

    /// One step on the next batch.
    ///
    /// # Errors
    /// Where the device is lost, or the loss is no longer a number.
    pub async fn step(&mut self, compute: &mut impl Compute) -> Result<Metrics, ModelError> {
        let chosen = self.epochs.batch(self.settings.batch_size);
        let metrics = if self.on_policy.is_some() {
            self.step_on_policy(compute, &chosen).await?
        } else {
            let Self { trainer, pairs, log_ref, samples, settings, .. } = self;
            let items = items(settings.objective, &chosen, pairs, log_ref, samples);
            trainer.step(compute, &items).await?
        };
        if !metrics.loss.is_finite() {
            let step = metrics.step;
            let sentence =
                format!("the loss of step {step} is not a number; choose a smaller learning rate or clip norm");
            return Err(ModelError::Input(sentence));
        }
        Ok(metrics)
    }

    /// RLHF's step: samples of the policy as it is, their rewards, REINFORCE.
    async fn step_on_policy(&mut self, compute: &mut impl Compute, chosen: &[usize]) -> Result<Metrics, ModelError> {
        let prompts: Vec<&[u32]> = chosen.iter().map(|k| self.pairs[*k].prompt()).collect();
        // The policy itself, or REINFORCE's mean would be of another.
        let sampling = Sampling {
            max_tokens: self.settings.sampling.max_tokens,
            stop: self.settings.sampling.stop,
            ..Sampling::PLAIN
        };
        let go_on = async |_| true;
        let texts = responses(compute, &self.trainer.model, &prompts, &sampling, &mut self.random, go_on).await?;
        let Some(OnPolicy { reference, rewards }) = &mut self.on_policy else { return Ok(Metrics::default()) };
        let log_ref = score(compute, reference, &texts.iter().collect::<Vec<_>>()).await?;
        let sample = |(text, log_ref)| Item::Sample { text, log_ref, reward: rewards.reward(text) };
        let items: Vec<Item> = texts.iter().zip(log_ref).map(sample).collect();
        self.trainer.step(compute, &items).await
    }

    /// RLHF's rewards where they are known and need not be learnt from the pairs.
    #[must_use]
    pub fn rewarded_by(mut self, rewards: Rewards) -> Self {
        if let Some(on_policy) = &mut self.on_policy {
            on_policy.rewards = rewards;
        }
        self
    }

    /// Ends the run: the trained model.
    pub fn into_model(self, compute: &mut impl Compute) -> Gpt2 {
        if let Some(OnPolicy { reference, .. }) = self.on_policy {
            reference.free(compute);
        }
        self.trainer.into_model(compute)
    }
}

/// A batch of an objective that needs no new samples.
fn items<'a>(
    objective: Objective,
    chosen: &[usize],
    pairs: &'a [PairTexts],
    log_ref: &[(f64, f64)],
    samples: &'a [(Text, f64)],
) -> Vec<Item<'a>> {
    let pair = |k: usize| {
        let (ref_chosen, ref_rejected) = log_ref[k];
        Item::Pair(PairItem { chosen: &pairs[k].chosen, rejected: &pairs[k].rejected, ref_chosen, ref_rejected })
    };
    let sample = |k: usize| samples.get(k).map(|(text, log_ref)| Item::Sample { text, log_ref: *log_ref, reward: 0.0 });
    match objective {
        Objective::Sft => chosen.iter().map(|k| Item::Imitate(&pairs[*k].chosen)).collect(),
        Objective::Preference { .. } => {
            chosen.iter().flat_map(|k| std::iter::once(pair(*k)).chain(sample(*k))).collect()
        }
    }
}

/// What a run has before its first step.
struct Prepared {
    log_ref: Vec<(f64, f64)>,
    samples: Vec<(Text, f64)>,
    on_policy: Option<OnPolicy>,
    lora: Option<Lora>,
    random: Random,
}

/// Scores the pairs under π_ref and draws its samples, a pass at a time; `go_on` is asked between passes, and between the tokens
/// of a draw.
async fn prepared(
    compute: &mut impl Compute,
    model: &mut Gpt2,
    pairs: &[PairTexts],
    settings: &Settings,
    mut go_on: impl AsyncFnMut(f64) -> bool,
) -> Result<Prepared, ModelError> {
    check(model, pairs)?;
    let is_typo = settings.loss() == Some(Loss::Typo);
    let texts_at_once = model.capacity().0;
    let (mut log_ref, mut samples, mut on_policy) = (Vec::with_capacity(pairs.len()), Vec::new(), None);
    // Drawing takes far longer than scoring.
    let scoring = if is_typo { 0.1 } else { 1.0 };
    let share = |done: usize| done as f64 / pairs.len() as f64;
    for part in pairs.chunks(texts_at_once.div_ceil(2)) {
        if !go_on(scoring * share(log_ref.len())).await {
            return Err(ModelError::Stopped);
        }
        let texts: Vec<&Text> = part.iter().flat_map(|p| [&p.chosen, &p.rejected]).collect();
        let scores = score(compute, model, &texts).await?;
        log_ref.extend(scores.chunks_exact(2).map(|s| (s[0], s[1])));
    }
    let mut random = Random::new(settings.seed);
    if is_typo {
        for part in pairs.chunks(texts_at_once) {
            let prompts: Vec<&[u32]> = part.iter().map(PairTexts::prompt).collect();
            let (before, own) = (share(samples.len()), share(part.len()));
            let go_on = async |drawn: f64| go_on(scoring + (1.0 - scoring) * (before + own * drawn)).await;
            samples.extend(drawn(compute, model, &prompts, &settings.sampling, &mut random, go_on).await?);
        }
    }
    if let Some(Loss::Rlhf(_)) = settings.loss() {
        let reference = model.twin(compute, model.capacity(), false)?;
        on_policy = Some(OnPolicy { reference, rewards: Rewards::of(pairs) });
    }
    let lora = match &settings.lora {
        Some(lora) => Some(Lora::new(compute, model, lora, settings.seed)?),
        None => None,
    };
    Ok(Prepared { log_ref, samples, on_policy, lora, random })
}

fn check(model: &Gpt2, pairs: &[PairTexts]) -> Result<(), ModelError> {
    for (k, pair) in pairs.iter().enumerate() {
        for text in [&pair.chosen, &pair.rejected] {
            model.check(text).map_err(|e| ModelError::Input(format!("pair {}: {e}", k + 1)))?;
        }
    }
    Ok(())
}

/// A response to each prompt, behind it.
async fn responses(
    compute: &mut impl Compute,
    model: &Gpt2,
    prompts: &[&[u32]],
    sampling: &Sampling,
    random: &mut Random,
    mut go_on: impl AsyncFnMut(f64) -> bool,
) -> Result<Vec<Text>, ModelError> {
    let mut texts = Vec::with_capacity(prompts.len());
    for part in prompts.chunks(model.capacity().0) {
        let [before, own] = [texts.len(), part.len()].map(|n| n as f64 / prompts.len() as f64);
        let go_on = async |drawn: f64| go_on(before + own * drawn).await;
        let responses = generate(compute, model, part, sampling, random, go_on).await?;
        let together = part.iter().zip(responses);
        texts.extend(together.map(|(prompt, y)| Text { ids: [*prompt, &y].concat(), prompt: prompt.len() }));
    }
    Ok(texts)
}

/// The same with their log-probabilities.
async fn drawn(
    compute: &mut impl Compute,
    model: &mut Gpt2,
    prompts: &[&[u32]],
    sampling: &Sampling,
    random: &mut Random,
    go_on: impl AsyncFnMut(f64) -> bool,
) -> Result<Vec<(Text, f64)>, ModelError> {
    let texts = responses(compute, model, prompts, sampling, random, go_on).await?;
    let scores = score(compute, model, &texts.iter().collect::<Vec<_>>()).await?;
    Ok(texts.into_iter().zip(scores).collect())
}
