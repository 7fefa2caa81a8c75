//! What a training will be, known before it starts: its settings, its data's size and its memory.

use super::folder::sentence;
use crate::lm::config::Config;
use crate::lm::gpt2::Memory;
use crate::lm::lora::LoraSettings;
use crate::lm::objective::{Length, Objective};
use crate::lm::optimiser::{Optimiser, Schedule};
use crate::lm::run::{PairTexts, Settings};
use crate::lm::sample::Sampling;
use crate::lm::tokenizer::Tokenizer;
use crate::lm::world;
use crate::spec::{LossSpec, OptimiserKind, Spec};
use crate::worker::protocol::lm::{Method, Weight};

/// Steps of one loss that a page takes on.
const MOST_STEPS: u64 = 10_000;
/// Pairs of a batch likewise.
const MOST_BATCH: u32 = 256;
/// Bytes that a page's program can address, with some left for itself.
const MOST_BYTES: u64 = 3_500 << 20;
/// Texts that go through the network at once, at most; a larger batch takes several passes.
const MOST_TEXTS: usize = 32;

/// A model that is only read has room for one token: whoever scores texts makes a twin with more.
pub const UNUSED: (usize, usize) = (1, 1);

/// Texts that the small world's policies are read from at once: a GPU takes many as quickly as one.
pub const PANEL_TEXTS: usize = 3 * QUESTIONS;
/// Questions of each kind that the policies are read at.
pub const QUESTIONS: usize = 4;

/// An experiment as a fine-tuning.
pub struct Plan {
    pub spec: Spec,
    /// Those trained, by position.
    pub losses: Vec<usize>,
    pub method: Method,
    /// Pairs a step.
    pub batch: usize,
}

/// What a plan is for.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    pub config: &'a Config,
    pub tokenizer: &'a Tokenizer,
    /// The small world, whose pairs are drawn for each training, or preferences of one's own.
    pub pairs: Option<&'a [PairTexts]>,
    pub is_world: bool,
    pub is_gpu: bool,
}

impl Plan {
    /// Of an experiment file, of which these losses are trained.
    ///
    /// # Errors
    /// What a language model cannot be trained with, in one sentence.
    pub fn new(spec: &str, mut losses: Vec<usize>, method: Method, ground: Ground) -> Result<Self, String> {
        let spec = Spec::from_text(spec).map_err(sentence)?;
        let Some(batch) = spec.optimiser.batch_size else {
            return Err("A language model is trained on batches; give the batch size a number.".to_owned());
        };
        if spec.optimiser.kind != OptimiserKind::Adam {
            return Err(
                "A language model is trained by AdamW; set the experiment’s optimiser.kind to adam, or press Reset."
                    .to_owned(),
            );
        }
        if batch > MOST_BATCH {
            return Err(format!(
                "The batch of {batch} pairs is larger than the {MOST_BATCH} that a page takes on; choose a smaller one."
            ));
        }
        losses.retain(|k| *k < spec.losses.len());
        let steps = losses.iter().map(|k| spec.losses[*k].steps_under(&spec.optimiser)).max().unwrap_or(0);
        if steps > MOST_STEPS {
            return Err(format!(
                "{steps} steps are more than the {MOST_STEPS} that a page takes on; choose fewer, or use the typo-lab program."
            ));
        }
        if ground.is_world && spec.prompts != world::theory().prompts {
            return Err("The small world has its own two prompts; open Figure 4’s preset again.".to_owned());
        }
        if !ground.is_world && ground.pairs.is_none() {
            return Err("A model of your own needs preferences: choose a file of JSON lines.".to_owned());
        }
        Ok(Self { spec, losses, method, batch: batch as usize })
    }

    /// Steps of loss `k`.
    pub fn steps(&self, k: usize) -> u32 {
        self.spec.losses[k].steps_under(&self.spec.optimiser) as u32
    }

    /// Pairs that loss `k` is trained on.
    pub fn pairs(&self, k: usize, ground: Ground) -> usize {
        ground.pairs.map_or(self.steps(k) as usize * self.batch, <[PairTexts]>::len)
    }

    /// How loss `k` is trained.
    pub fn settings(&self, k: usize, ground: Ground) -> Settings {
        let LossSpec { loss, lambda, .. } = self.spec.losses[k];
        let length = if self.method.mean { Length::Mean } else { Length::Sum };
        let objective = Objective::Preference { loss, lambda, length };
        self.settings_for(objective, self.spec.losses[k].learning_rate, self.steps(k), ground)
    }

    /// How supervised fine-tuning is done.
    pub fn supervised(&self, ground: Ground) -> Settings {
        self.settings_for(Objective::Sft, None, self.method.supervised_steps, ground)
    }

    fn settings_for(&self, objective: Objective, rate: Option<f64>, steps: u32, ground: Ground) -> Settings {
        let optimiser = &self.spec.optimiser;
        let schedule = if self.method.cosine { Schedule::Cosine } else { Schedule::Constant };
        Settings {
            objective,
            optimiser: Optimiser {
                learning_rate: rate.unwrap_or(optimiser.learning_rate),
                weight_decay: self.spec.weight_decay.alpha,
                clip_norm: optimiser.clip_norm,
                warmup_steps: 0,
                schedule,
                steps,
            },
            batch_size: self.batch,
            lora: (self.method.lora_rank > 0).then(|| LoraSettings::of_rank(self.method.lora_rank)),
            sampling: sampling(ground),
            seed: optimiser.seed,
        }
    }

    /// Texts at once, and their longest, for loss `k`.
    pub fn size(&self, settings: &Settings, ground: Ground) -> (usize, usize) {
        let texts = 2 * self.batch;
        match ground.pairs {
            // The small world's policies are read at its own questions, whatever the preferences.
            Some(pairs) if !ground.is_world => (texts.min(MOST_TEXTS), settings.longest(ground.config, pairs)),
            _ => (texts.clamp(PANEL_TEXTS, MOST_TEXTS), ground.config.n_positions),
        }
    }

    /// What it takes.
    pub fn weight(&self, ground: Ground) -> Weight {
        let config = ground.config;
        let one = |k: usize| {
            let settings = self.settings(k, ground);
            let (batch, time) = self.size(&settings, ground);
            let total = settings.memory(config, (batch, time)).total();
            // What was fine-tuned before stays, without its gradients and means.
            let before = if self.method.supervised_steps > 0 {
                let memory = self.supervised(ground).memory(config, (batch, time));
                memory.parameters + memory.activations
            } else {
                0
            };
            (total + before, self.pairs(k, ground))
        };
        let all: Vec<(u64, usize)> = self.losses.iter().copied().map(one).collect();
        // π_ref itself stays on the device.
        let (batch, time) = UNUSED;
        let of_reference = Memory::of(config, batch, time, false).total();
        let bytes = of_reference + all.iter().map(|w| w.0).max().unwrap_or(0);
        let refusal = (bytes > MOST_BYTES && !ground.is_gpu).then(|| {
            format!(
                "The training needs {} MiB and a page’s program has {}; choose a smaller batch, adapters (LoRA) or a smaller model.",
                bytes >> 20,
                MOST_BYTES >> 20
            )
        });
        Weight { bytes, pairs: all.iter().map(|w| w.1).max().unwrap_or(0) as u32, refusal }
    }
}

/// How π_ref is sampled: as it is in the small world, elsewhere as in the paper.
fn sampling(ground: Ground) -> Sampling {
    if ground.is_world {
        return world::sampling(ground.tokenizer);
    }
    let longest = ground.pairs.into_iter().flatten().map(|p| p.chosen.prompt).max().unwrap_or(0);
    let room = ground.config.n_positions.saturating_sub(longest).max(1);
    Sampling { max_tokens: Sampling::PAPER.max_tokens.min(room), stop: ground.tokenizer.end(), ..Sampling::PAPER }
}
