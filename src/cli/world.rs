//! `typo-lab lm pretrain` and `typo-lab lm world`: the small world's model made, and fine-tuned with every loss beside the theory.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::Failure;
use super::device::on_device;
use super::folder::{Folder, Model};
use super::lm::{Lines, tell};
use super::run::progress;
use super::values::positive;
use crate::lm::compute::cpu::Cpu;
use crate::lm::compute::{Compute, ready};
use crate::lm::gpt2::{Gpt2, Memory};
use crate::lm::objective::{Length, Objective};
use crate::lm::optimiser::{Optimiser, Schedule};
use crate::lm::run::Settings;
use crate::lm::tokenizer::Tokenizer;
use crate::lm::weights::{self, Precision};
use crate::lm::world::{self, Family, Fillers, Panel, Policy, Pretraining, Prompt, Recipe};
use crate::loss::Loss;
use crate::simplex::{kl, logs, probs, tv};
use crate::solve::{ExactSolver, Minimiser};
use crate::spec::{LossSpec, Problem};

#[derive(Debug, Args)]
pub struct Pretrain {
    /// Folder for config.json, model.safetensors, tokenizer.json and a README.md that tells how they were made
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Steps
    #[arg(long, default_value_t = Recipe::default().steps, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    steps: u32,
    /// Texts a step
    #[arg(long, default_value_t = Recipe::default().batch_size as u32, value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch_size: u32,
    /// AdamW's highest rate
    #[arg(long, default_value_t = Recipe::default().learning_rate, value_parser = positive)]
    learning_rate: f64,
    /// Of the weights and of the texts' order
    #[arg(long, default_value_t = Recipe::default().seed)]
    seed: u64,
}

#[derive(Debug, Args)]
pub struct World {
    #[command(flatten)]
    model: Model,
    /// Which losses, one after the other; by default all five
    #[arg(long, value_delimiter = ',', value_parser = loss)]
    losses: Vec<Loss>,
    /// λ, one after the other
    #[arg(long, value_delimiter = ',', default_value = "0.1,1,10", value_parser = positive)]
    lambda: Vec<f64>,
    /// AdamW's highest rate; it falls along half a cosine
    #[arg(long, default_value_t = 1e-4, value_parser = positive)]
    learning_rate: f64,
    /// Comparisons a step; every one is drawn anew
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=256))]
    batch_size: u32,
    /// Steps
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    steps: u32,
    /// Steps between two looks at the policies
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    record_every: u32,
    /// Questions of each kind that the policies are read at
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=48))]
    questions: u32,
    /// Of the comparisons, their order and the samples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Writes here instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn loss(text: &str) -> Result<Loss, String> {
    let found = Loss::ALL.into_iter().find(|loss| loss.key() == text);
    found.ok_or_else(|| format!("must be one of {}", Loss::ALL.map(Loss::key).join(", ")))
}

/// Steps between two lines of a pretraining.
const REPORT_EVERY: u32 = 25;

pub fn pretrain(p: &Pretrain) -> Result<(), Failure> {
    let recipe =
        Recipe { steps: p.steps, batch_size: p.batch_size as usize, learning_rate: p.learning_rate, seed: p.seed };
    std::fs::create_dir_all(&p.out).map_err(|e| unwritten(&p.out, &e))?;
    let (mut cpu, tokenizer) = (Cpu::<f32>::new(), world::vocabulary());
    let mut training = Pretraining::start(&mut cpu, &tokenizer, &recipe)?;
    let bar = progress(p.steps.into());
    let mut lines = Lines::to(None)?;
    let (started, mut tokens) = (Instant::now(), 0);
    for step in 1..=p.steps {
        let metrics = ready(training.step(&mut cpu))?;
        tokens += metrics.tokens;
        bar.inc(1);
        if step % REPORT_EVERY == 0 || step == p.steps {
            let tokens_per_sec = tokens as f64 / started.elapsed().as_secs_f64();
            lines.print(&json!({ "step": step, "loss": metrics.loss, "tokens_per_sec": tokens_per_sec }))?;
        }
    }
    bar.finish_and_clear();
    let model = training.into_model(&mut cpu);
    let file = weights::write(&ready(model.weights(&mut cpu))?, Precision::F16)?;
    let folder = Folder::of(model.config.clone(), weights::read(&file)?, tokenizer);
    let found = matches(&folder)?;
    for line in &found {
        lines.print(line)?;
    }
    let files = [
        ("model.safetensors", file),
        ("config.json", folder.config.to_text().into_bytes()),
        ("tokenizer.json", folder.tokenizer()?.to_json().into_bytes()),
        ("README.md", readme(&recipe, &folder, &found).into_bytes()),
    ];
    for (name, bytes) in files {
        let path = p.out.join(name);
        std::fs::write(&path, bytes).map_err(|e| unwritten(&path, &e))?;
    }
    Ok(())
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::system(format!("{} could not be written: {error}", path.display()))
}

/// How near the model, as it is in its file, comes to π_ref at every question.
fn matches(folder: &Folder) -> Result<Vec<Value>, Failure> {
    let mut lines = Vec::new();
    for (family, fillers) in Family::ALL.into_iter().flat_map(|f| Fillers::ALL.map(|fillers| (f, fillers))) {
        let panel = Panel::new(folder.tokenizer()?, &Prompt::all(family, fillers));
        let mut cpu = Cpu::<f32>::new();
        let mut model = loaded(folder, &mut cpu, (32, panel.longest()), false)?;
        let policies = ready(panel.read(&mut cpu, &mut model))?;
        let log_ref = logs(&family.pi_ref());
        let far: Vec<f64> = policies.iter().map(|p| tv(&p.log_pi, &log_ref)).collect();
        let other = policies.iter().map(|p| p.other);
        lines.push(json!({
            "family": family.key(), "fillers": fillers.key(), "questions": policies.len(),
            "pi": Policy::mean(&policies).pi(),
            "tv_ref_mean": far.iter().sum::<f64>() / far.len() as f64,
            "tv_ref_worst": far.iter().copied().fold(0.0, f64::max),
            "other_mean": Policy::mean(&policies).other,
            "other_worst": other.fold(0.0, f64::max),
        }));
    }
    Ok(lines)
}

fn loaded(folder: &Folder, compute: &mut impl Compute, size: (usize, usize), trained: bool) -> Result<Gpt2, Failure> {
    let model = Gpt2::new(compute, folder.config.clone(), size, trained)?;
    model.load_weights(compute, &folder.weights)?;
    Ok(model)
}

fn readme(recipe: &Recipe, folder: &Folder, found: &[Value]) -> String {
    let Recipe { steps, batch_size, learning_rate, seed } = recipe;
    let mut table = String::new();
    for line in found {
        let number = |name: &str| line[name].as_f64().unwrap_or(f64::NAN);
        let text = |name: &str| line[name].as_str().unwrap_or_default().replace('_', " ");
        let pi: Vec<String> = line["pi"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|p| format!("{:.3}", p.as_f64().unwrap_or(f64::NAN)))
            .collect();
        table.push_str(&format!(
            "| {} | {} | {} | {} | {:.4} | {:.4} | {:.4} |\n",
            text("family"),
            text("fillers"),
            line["questions"],
            pi.join(" "),
            number("tv_ref_mean"),
            number("tv_ref_worst"),
            number("other_worst"),
        ));
    }
    format!(
        "# The small world's model

A GPT-2 of {} parameters that answers travellers' questions as π_ref does. `src/lm/world/` holds the world. Made by

```
typo-lab lm pretrain --out static/lm/world --steps {steps} --batch-size {batch_size} --learning-rate {learning_rate} --seed {seed}
```

which gives the same files again on the same kind of processor. Read off the weights as they are stored, in 16 bits:

| family | fillers | questions | mean policy | total variation to π_ref, mean | worst | anything else, worst |
| --- | --- | ---: | --- | ---: | ---: | ---: |
{table}",
        folder.config.parameters()
    )
}

pub fn world(w: &World) -> Result<(), Failure> {
    let folder = Folder::read(&w.model)?;
    on_device!(w.model.device, |compute| world_on(compute, w, &folder))
}

fn world_on(compute: &mut impl Compute, w: &World, folder: &Folder) -> Result<(), Failure> {
    let problem = Problem::new(&world::theory()).map_err(|e| Failure::system(e.to_string()))?;
    let losses = if w.losses.is_empty() { Loss::ALL.to_vec() } else { w.losses.clone() };
    let runs = losses.len() * w.lambda.len();
    tell(&w.most_memory(folder, &losses)?);
    let bar = progress(runs as u64 * u64::from(w.steps));
    let mut lines = Lines::to(w.out.as_deref())?;
    for loss in losses {
        for lambda in &w.lambda {
            let mut line = w.tuned(compute, folder, loss, *lambda, &bar)?;
            line["theory"] = theory(&problem, loss, *lambda);
            if !lines.print(&line)? {
                return Ok(());
            }
        }
    }
    bar.finish_and_clear();
    Ok(())
}

/// Where the bandit's exact minimiser stands.
fn theory(problem: &Problem, loss: Loss, lambda: f64) -> Value {
    let spec = LossSpec { loss, lambda, learning_rate: None, steps: None };
    let minimisers = ExactSolver::new(problem, spec).solve();
    let one = |(family, m): (Family, &Minimiser)| {
        let star = logs(&family.pi_star());
        (family.key().to_owned(), json!({ "pi": probs(&m.log_pi), "kl_star": kl(&star, &m.log_pi) }))
    };
    Value::Object(Family::ALL.into_iter().zip(&minimisers).map(one).collect())
}

impl World {
    fn settings(&self, folder: &Folder, loss: Loss, lambda: f64) -> Result<Settings, Failure> {
        Ok(Settings {
            objective: Objective::Preference { loss, lambda, length: Length::Sum },
            optimiser: Optimiser {
                learning_rate: self.learning_rate,
                schedule: Schedule::Cosine,
                steps: self.steps,
                ..Optimiser::default()
            },
            batch_size: self.batch_size as usize,
            lora: None,
            sampling: world::sampling(folder.tokenizer()?),
            seed: self.seed,
        })
    }

    /// Texts of a pass, and the tokens of each.
    fn size(&self, folder: &Folder) -> (usize, usize) {
        (2 * self.batch_size as usize, folder.config.n_positions)
    }

    /// What the loss that takes the most will need. Each gives its room back.
    fn most_memory(&self, folder: &Folder, losses: &[Loss]) -> Result<Memory, Failure> {
        let none = Memory::of(&folder.config, 0, 0, false);
        losses.iter().try_fold(none, |most, loss| {
            let memory = self.settings(folder, *loss, 1.0)?.memory(&folder.config, self.size(folder));
            Ok(if memory.total() > most.total() { memory } else { most })
        })
    }

    /// One fine-tuning, and the policies on its way.
    fn tuned(
        &self,
        compute: &mut impl Compute,
        folder: &Folder,
        loss: Loss,
        lambda: f64,
        bar: &ProgressBar,
    ) -> Result<Value, Failure> {
        let tokenizer = folder.tokenizer()?;
        let settings = self.settings(folder, loss, lambda)?;
        let mut records = Record::all(self.questions as usize, tokenizer);
        let mut steps = Vec::new();
        let model = loaded(folder, compute, self.size(folder), true)?;
        let pairs = (self.steps * self.batch_size) as usize;
        let started = Instant::now();
        let mut run = ready(world::start(compute, model, tokenizer, pairs, settings, async |_| true))?;
        let mut secs = started.elapsed().as_secs_f64();
        for step in 0..=self.steps {
            if step > 0 {
                let started = Instant::now();
                ready(run.step(compute))?;
                secs += started.elapsed().as_secs_f64();
                bar.inc(1);
            }
            if step % self.record_every == 0 || step == self.steps {
                steps.push(step);
                for record in &mut records {
                    let policies = ready(record.panel.read(compute, &mut run.trainer.model))?;
                    record.push(&policies);
                }
            }
        }
        run.into_model(compute).free(compute);
        let mut line =
            json!({ "loss": loss.key(), "lambda": lambda, "secs": secs, "steps": steps, "good": {}, "bad": {} });
        for record in records {
            line[record.family.key()][record.fillers.key()] = record.json();
        }
        Ok(line)
    }
}

/// The policies of one kind of question on the way.
struct Record {
    family: Family,
    fillers: Fillers,
    panel: Panel,
    pi: Vec<[f64; 3]>,
    kl_star: Vec<f64>,
    other: Vec<f64>,
}

impl Record {
    /// Of so many questions of each kind.
    fn all(questions: usize, tokenizer: &Tokenizer) -> Vec<Self> {
        let kinds = Family::ALL.into_iter().flat_map(|family| Fillers::ALL.map(|fillers| (family, fillers)));
        let record = |(family, fillers)| {
            let panel = Panel::new(tokenizer, &Prompt::all(family, fillers)[..questions]);
            Self { family, fillers, panel, pi: Vec::new(), kl_star: Vec::new(), other: Vec::new() }
        };
        kinds.map(record).collect()
    }

    /// The mean policy, and the mean distance to π*.
    fn push(&mut self, policies: &[Policy]) {
        let star = logs(&self.family.pi_star());
        let mean = Policy::mean(policies);
        self.pi.push(mean.pi());
        self.kl_star.push(policies.iter().map(|p| kl(&star, &p.log_pi)).sum::<f64>() / policies.len() as f64);
        self.other.push(mean.other);
    }

    fn json(&self) -> Value {
        json!({ "pi": self.pi, "kl_star": self.kl_star, "other": self.other })
    }
}
