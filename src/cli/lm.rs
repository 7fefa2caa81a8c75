//! `typo-lab lm`: a GPT-2 folder scored, fine-tuned and sampled.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::device::on_device;
use super::folder::{Folder, Model, save};
use super::values::{divergence, not_negative, positive, positive_or_infinite, schedule, share, target};
use super::world::{self, Pretrain, World};
use super::{Failure, run};
use crate::divergence::Divergence;
use crate::lm::compute::{Compute, ready};
use crate::lm::gpt2::{Memory, ModelError, Text};
use crate::lm::lora::{LoraSettings, Target};
use crate::lm::objective::{Length, Metrics, Objective};
use crate::lm::optimiser::{Optimiser, Schedule};
use crate::lm::run::{PairTexts, Run, Settings, begun};
use crate::lm::sample::{Decoder, Sampling, generate};
use crate::loss::{Loss, Reward};
use crate::preference::Random;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Summed and mean log-probabilities of each pair's responses, one JSON line a pair
    Score(Score),
    /// Fine-tunes with a preference loss, one JSON line a step
    Align(Box<Align>),
    /// Draws a response to a prompt
    Generate(Generate),
    /// Makes the model of the small world, whose π* is known, one JSON line every 25 steps
    Pretrain(Pretrain),
    /// Fine-tunes that model with each loss, one JSON line a run: its policies on the way, and the bandit's theory
    World(World),
}

#[derive(Debug, Args)]
pub struct Score {
    #[command(flatten)]
    model: Model,
    /// Preferences as JSON lines: prompt, chosen, rejected; their _ids; or HH transcripts
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// Texts that go through the network at once
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch_size: u32,
    /// Writes here instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Sft,
    Dpo,
    Ipo,
    FDpo,
    Typo,
    Rlhf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sum {
    Sum,
    Mean,
}

#[derive(Debug, Args)]
pub struct Align {
    #[command(flatten)]
    model: Model,
    /// Preferences as JSON lines: prompt, chosen, rejected; their _ids; or HH transcripts
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// The loss; rlhf's reward is fitted to the pairs
    #[arg(long, value_enum)]
    loss: Kind,
    /// λ
    #[arg(long, default_value_t = 0.1, value_parser = positive)]
    lambda: f64,
    /// f-dpo's divergence: jensen-shannon, reverse-kl, forward-kl, or a number between 0 and 1 for α
    #[arg(long, default_value = "jensen-shannon", value_parser = divergence)]
    divergence: Divergence,
    /// How log-probabilities of a response's tokens enter a pair's loss
    #[arg(long, value_enum, default_value_t = Sum::Sum)]
    length: Sum,
    /// AdamW's rate
    #[arg(long, default_value_t = 1e-5, value_parser = positive)]
    learning_rate: f64,
    /// Pairs a step
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch_size: u32,
    /// Texts that go through the network at once; a larger batch takes several passes a step
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=4096))]
    pass_size: u32,
    /// Steps
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    steps: u32,
    /// Decoupled weight decay
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    weight_decay: f64,
    /// The gradient's largest norm; inf for none
    #[arg(long, default_value_t = 10.0, value_parser = positive_or_infinite)]
    clip_norm: f64,
    /// Steps over which the rate grows to the full one
    #[arg(long, default_value_t = 0)]
    warmup_steps: u32,
    /// The rate's course after that: constant or cosine
    #[arg(long, default_value = "constant", value_parser = schedule)]
    schedule: Schedule,
    /// Of the order of pairs, of samples and of adapters
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Trains adapters of this rank instead of all weights
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
    lora_rank: Option<u32>,
    /// The adapters' factor times their rank; twice the rank where not given
    #[arg(long, value_parser = positive)]
    lora_alpha: Option<f64>,
    /// What is adapted, of attn.c_attn, attn.c_proj, mlp.c_fc, mlp.c_proj
    #[arg(long, value_delimiter = ',', default_value = "attn.c_attn", value_parser = target)]
    lora_targets: Vec<Target>,
    #[command(flatten)]
    sampling: Drawing,
    /// Folder for the trained model
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Writes the steps here instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How tokens are drawn. `align` uses it for TYPO's samples of π_ref.
#[derive(Debug, Args)]
struct Drawing {
    /// Divides logits; 0 takes the likeliest token
    #[arg(long, default_value_t = 1.0, value_parser = not_negative)]
    temperature: f64,
    /// Only the likeliest tokens; 0 for all
    #[arg(long, alias = "top_k", default_value_t = 60)]
    top_k: usize,
    /// Only the likeliest tokens that reach this probability
    #[arg(long, alias = "top_p", default_value_t = 0.8, value_parser = share)]
    top_p: f64,
    /// Makes tokens that were there before less likely; 1 for not at all
    #[arg(long, alias = "repetition_penalty", default_value_t = 1.1, value_parser = positive)]
    repetition_penalty: f64,
    /// The longest response, in tokens
    #[arg(long, alias = "max_tokens", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    max_tokens: u32,
}

#[derive(Debug, Args)]
pub struct Generate {
    #[command(flatten)]
    model: Model,
    /// The text to continue
    #[arg(long, required_unless_present = "prompt_ids", conflicts_with = "prompt_ids")]
    prompt: Option<String>,
    /// The same as token numbers: 15496,995; the response is printed so, too
    #[arg(long, value_delimiter = ',')]
    prompt_ids: Option<Vec<u32>>,
    #[command(flatten)]
    sampling: Drawing,
    /// The same seed gives the same text
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Writes here instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Command {
    pub fn run(self) -> Result<(), Failure> {
        match self {
            Self::Score(s) => score(&s),
            Self::Align(a) => align(&a),
            Self::Generate(g) => sample(&g),
            Self::Pretrain(p) => world::pretrain(&p),
            Self::World(w) => world::world(&w),
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::Input(_) => Self::input(error.to_string()),
            ModelError::Device(_) | ModelError::Stopped => Self::system(error.to_string()),
        }
    }
}

/// How much memory the work will take, before it starts.
pub(super) fn tell(memory: &Memory) {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let _ = writeln!(
        std::io::stderr(),
        "needs {} MiB: weights {}, training {}, activations {}, drawing responses {}",
        mib(memory.total()),
        mib(memory.parameters),
        mib(memory.training),
        mib(memory.activations),
        mib(memory.sampling)
    );
}

/// Writes lines as they come.
pub(super) struct Lines(Box<dyn std::io::Write>);

impl Lines {
    pub(super) fn to(out: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = out else { return Ok(Self(Box::new(std::io::stdout()))) };
        let file = std::fs::File::create(path);
        file.map(|f| Self(Box::new(f)))
            .map_err(|e| Failure::system(format!("{} could not be written: {e}", path.display())))
    }

    /// False where the reader closed the pipe: it had enough.
    pub(super) fn print(&mut self, line: &Value) -> Result<bool, Failure> {
        match writeln!(self.0, "{line}").and_then(|()| self.0.flush()) {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            Err(e) => Err(Failure::system(format!("the output could not be written: {e}"))),
            Ok(()) => Ok(true),
        }
    }
}

fn score(s: &Score) -> Result<(), Failure> {
    let folder = Folder::read(&s.model)?;
    let pairs = folder.pairs(&s.pairs)?;
    on_device!(s.model.device, |compute| score_on(compute, s, folder, &pairs))
}

fn score_on(compute: &mut impl Compute, s: &Score, mut folder: Folder, pairs: &[PairTexts]) -> Result<(), Failure> {
    let longest = pairs.iter().flat_map(|p| [p.chosen.ids.len(), p.rejected.ids.len()]).max().unwrap_or(1);
    let batch = (s.batch_size as usize).next_multiple_of(2);
    tell(&folder.memory((batch, longest), false));
    let mut model = folder.load(compute, (batch, longest), false)?;
    for (k, pair) in pairs.iter().enumerate() {
        for text in [&pair.chosen, &pair.rejected] {
            model.check(text).map_err(|e| Failure::input(format!("pair {}: {e}", k + 1)))?;
        }
    }
    let mut lines = Lines::to(s.out.as_deref())?;
    for part in pairs.chunks(batch / 2) {
        let texts: Vec<&Text> = part.iter().flat_map(|p| [&p.chosen, &p.rejected]).collect();
        model.forward(compute, &texts)?;
        let tokens = ready(model.log_probs(compute))?;
        for pair in tokens.chunks_exact(2) {
            let sum = |k: usize| pair[k].iter().sum::<f64>();
            let mean = |k: usize| sum(k) / pair[k].len() as f64;
            let line = json!({
                "logp_chosen": sum(0), "logp_rejected": sum(1),
                "mean_logp_chosen": mean(0), "mean_logp_rejected": mean(1),
            });
            if !lines.print(&line)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

impl Align {
    fn objective(&self) -> Objective {
        let loss = match self.loss {
            Kind::Sft => return Objective::Sft,
            Kind::Dpo => Loss::Dpo,
            Kind::Ipo => Loss::Ipo,
            Kind::FDpo => Loss::FDpo(self.divergence),
            Kind::Typo => Loss::Typo,
            Kind::Rlhf => Loss::Rlhf(Reward::Fitted),
        };
        let length = if matches!(self.length, Sum::Mean) { Length::Mean } else { Length::Sum };
        Objective::Preference { loss, lambda: self.lambda, length }
    }

    fn settings(&self, folder: &Folder) -> Settings {
        let lora = self.lora_rank.map(LoraSettings::of_rank).map(|usual| LoraSettings {
            alpha: self.lora_alpha.unwrap_or(usual.alpha),
            targets: self.lora_targets.clone(),
            ..usual
        });
        Settings {
            objective: self.objective(),
            optimiser: Optimiser {
                learning_rate: self.learning_rate,
                weight_decay: self.weight_decay,
                clip_norm: self.clip_norm,
                warmup_steps: self.warmup_steps,
                schedule: self.schedule,
                steps: self.steps,
            },
            batch_size: self.batch_size as usize,
            lora,
            sampling: self.sampling.sampling(folder),
            seed: self.seed,
        }
    }
}

impl Drawing {
    fn sampling(&self, folder: &Folder) -> Sampling {
        Sampling {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            repetition_penalty: self.repetition_penalty,
            max_tokens: self.max_tokens as usize,
            stop: folder.end(),
        }
    }
}

fn align(a: &Align) -> Result<(), Failure> {
    let folder = Folder::read(&a.model)?;
    let pairs = folder.pairs(&a.pairs)?;
    on_device!(a.model.device, |compute| align_on(compute, a, folder, pairs))
}

fn align_on(compute: &mut impl Compute, a: &Align, mut folder: Folder, pairs: Vec<PairTexts>) -> Result<(), Failure> {
    let settings = a.settings(&folder);
    let size = (a.pass_size as usize, settings.longest(&folder.config, &pairs));
    tell(&settings.memory(&folder.config, size));
    let model = folder.load(compute, size, true)?;
    let mut run = ready(Run::start(compute, model, pairs, settings, async |_| true))?;
    let mut lines = Lines::to(a.out.as_deref())?;
    for _ in 0..a.steps {
        let started = Instant::now();
        let metrics = ready(run.step(compute))?;
        if !lines.print(&line(&metrics, started.elapsed().as_secs_f64()))? {
            break;
        }
    }
    match &a.save {
        Some(dir) => save(dir, &a.model.model, &run.into_model(compute), compute),
        None => Ok(()),
    }
}

fn line(m: &Metrics, secs: f64) -> Value {
    json!({
        "step": m.step, "loss": m.loss, "logp_chosen": m.logp_chosen, "logp_rejected": m.logp_rejected,
        "margin": m.margin, "accuracy": m.accuracy, "kl_ref": m.kl_ref, "tokens_per_sec": m.tokens as f64 / secs,
    })
}

fn sample(g: &Generate) -> Result<(), Failure> {
    let folder = Folder::read(&g.model)?;
    let prompt = match (&g.prompt_ids, &g.prompt) {
        (Some(ids), _) => ids.clone(),
        (None, text) => folder.tokenizer()?.encode(text.as_deref().unwrap_or_default()),
    };
    let prompt = begun(prompt, folder.end());
    on_device!(g.model.device, |compute| sample_on(compute, g, folder, &prompt))
}

fn sample_on(compute: &mut impl Compute, g: &Generate, mut folder: Folder, prompt: &[u32]) -> Result<(), Failure> {
    let sampling = g.sampling.sampling(&folder);
    let length = (prompt.len() + sampling.max_tokens).min(folder.config.n_positions);
    let drawing = Decoder::bytes(&folder.config, 1, length);
    tell(&folder.memory((1, 1), false).with_sampling(drawing));
    // Sampling has its own workspace; training's is not needed.
    let model = folder.load(compute, (1, 1), false)?;
    let texts = ready(generate(compute, &model, &[prompt], &sampling, &mut Random::new(g.seed), async |_| true))?;
    let mut ids = texts.into_iter().next().unwrap_or_default();
    let text = if g.prompt_ids.is_some() {
        ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
    } else {
        ids.pop_if(|last| Some(*last) == sampling.stop);
        folder.tokenizer()?.decode(&ids)
    };
    run::write(g.out.as_deref(), format!("{text}\n").as_bytes())
}
