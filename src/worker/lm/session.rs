//! A loaded model, and what it answers until another is asked for.

use std::cell::Cell;

use super::device::Told;
use super::folder::{self, Folder, capital, sentence};
use super::inbox::Inbox;
use super::plan::{Ground, Plan, UNUSED};
use super::{Opening, fail, refused};
use crate::lm::compute::Compute;
use crate::lm::gpt2::{Gpt2, ModelError};
use crate::lm::pairs::{self, Parts};
use crate::lm::run::{PairTexts, begun};
use crate::lm::sample::{Drawn, Sampling, generate_told};
use crate::lm::tokenizer::{END_OF_TEXT, Tokenizer};
use crate::lm::weights::{self, Precision};
use crate::lm::world::{self, Family, Fillers, Prompt};
use crate::preference::Random;
use crate::worker::port::{Part, ScopePort};
use crate::worker::protocol::lm::{Drawing, FromLm, Model, ToLm, Token, Weight, World};

/// A model on a device.
pub struct Session<C> {
    pub(super) compute: C,
    pub(super) port: ScopePort,
    pub(super) inbox: Inbox,
    pub(super) tokenizer: Tokenizer,
    /// π_ref as loaded.
    pub(super) reference: Gpt2,
    /// π_ref where it was first fine-tuned on the chosen responses.
    pub(super) supervised: Option<Gpt2>,
    /// The model trained last, with its loss by position.
    pub(super) trained: Option<(usize, Gpt2)>,
    /// Preferences of one's own.
    pub(super) pairs: Option<Vec<PairTexts>>,
    is_world: bool,
    mark: u64,
    is_gpu: bool,
    /// Whether the device has stopped: then nothing is left to serve.
    lost: Cell<bool>,
}

impl<C: Compute> Session<C> {
    /// Puts a model onto a device.
    ///
    /// # Errors
    /// One sentence where it has no room or the files do not fit together.
    pub fn new(mut compute: C, is_gpu: bool, folder: Folder, port: ScopePort, inbox: Inbox) -> Result<Self, String> {
        let Folder { config, weights, tokenizer, is_world, mark } = folder;
        let (words, rows) = (tokenizer.vocabulary(), config.vocab_size);
        if words > rows {
            return Err(format!(
                "The tokenizer has {words} tokens and the model {rows}; choose the files of one model."
            ));
        }
        let reference = Gpt2::new(&mut compute, config, UNUSED, false).map_err(sentence)?;
        reference.load_weights(&mut compute, &weights).map_err(sentence)?;
        Ok(Self {
            compute,
            port,
            inbox,
            tokenizer,
            reference,
            supervised: None,
            trained: None,
            pairs: None,
            is_world,
            mark,
            is_gpu,
            lost: Cell::new(false),
        })
    }

    /// What the page is told.
    pub fn model(&self, Told { name, remark }: Told) -> Model {
        Model {
            device: name,
            gpu: self.is_gpu,
            remark,
            parameters: self.reference.config.parameters() as u64,
            mark: self.mark,
            world: self.is_world.then(told_world),
        }
    }

    pub(super) fn ground(&self) -> Ground<'_> {
        Ground {
            config: &self.reference.config,
            tokenizer: &self.tokenizer,
            pairs: self.pairs.as_deref(),
            is_world: self.is_world,
            is_gpu: self.is_gpu,
        }
    }

    /// Answers until another model is asked for, or none where the device is lost.
    pub async fn serve(mut self) -> Option<Opening> {
        while !self.lost.get() {
            match self.inbox.next().await {
                // The model that is here stays until the other is read.
                (ToLm::Open(wish), parts) => {
                    if let Some(folder) = super::read(&self.port, parts).await {
                        return Some((wish, folder));
                    }
                }
                (ToLm::Train { run, spec, losses, method, paused }, _) => {
                    match Plan::new(&spec, losses, method, self.ground()) {
                        Ok(plan) => self.train(run, plan, paused).await,
                        Err(message) => refused(&self.port, run, message),
                    }
                }
                (message, parts) => {
                    let trained = self.trained.take();
                    self.answer(message, parts, trained.as_ref().map(|(loss, model)| (*loss, model))).await;
                    self.trained = trained;
                }
            }
        }
        None
    }

    /// Answers what needs no training, with the model that is trained (by which loss) as it is now; what belongs to a training
    /// is of no use without one.
    pub(super) async fn answer(&mut self, message: ToLm, parts: Vec<Part>, trained: Option<(usize, &Gpt2)>) {
        match message {
            ToLm::Prefer => self.prefer(parts).await,
            ToLm::Weigh { spec, losses, method } => {
                let weight = Plan::new(&spec, losses, method, self.ground()).map(|plan| plan.weight(self.ground()));
                self.port.send(&FromLm::Weighed(weight.unwrap_or_else(Weight::refused)), &[]);
            }
            ToLm::Say { prompt, drawing } => {
                let base = self.supervised.as_ref().unwrap_or(&self.reference);
                let voice = Voice { tokenizer: &self.tokenizer, is_world: self.is_world };
                let said = voice.said(&mut self.compute, base, trained, &prompt, &drawing).await;
                self.tell(said);
            }
            ToLm::Save => {
                // What was fine-tuned last: by a loss, or on the chosen responses alone.
                let model = trained.map_or(self.supervised.as_ref().unwrap_or(&self.reference), |(_, model)| model);
                let saved = saved(&mut self.compute, model, &self.tokenizer, &self.port).await;
                saved.unwrap_or_else(|e| self.tell(Err(e)));
            }
            ToLm::Open(_) | ToLm::Train { .. } | ToLm::Pause(_) | ToLm::Step | ToLm::Stop => {}
        }
    }

    /// Sends an answer, or what was wrong.
    pub(super) fn tell(&self, answer: Result<FromLm, ModelError>) {
        let answer = answer.unwrap_or_else(|error| {
            let lost = matches!(error, ModelError::Device(_));
            self.lost.set(lost);
            let message = if lost { capital(&sentence(error)) } else { sentence(error) };
            FromLm::Failed { message, lost }
        });
        self.port.send(&answer, &[]);
    }

    async fn prefer(&mut self, parts: Vec<Part>) {
        let Some(file) = folder::files(parts).into_iter().next() else {
            self.pairs = None;
            return self.port.send(&FromLm::Preferred { pairs: 0 }, &[]);
        };
        match self.read_pairs(&file).await {
            Ok(pairs) => {
                self.port.send(&FromLm::Preferred { pairs: pairs.len() as u32 }, &[]);
                self.pairs = Some(pairs);
            }
            Err(message) => fail(&self.port, message),
        }
    }

    async fn read_pairs(&self, file: &web_sys::File) -> Result<Vec<PairTexts>, String> {
        let pairs = pairs::read(&folder::bytes(file).await?).map_err(sentence)?;
        let end = self.tokenizer.end();
        let one = |(k, pair): (usize, pairs::Pair)| {
            let refused = |e: &dyn std::fmt::Display| format!("Pair {}: {e}.", k + 1);
            let parts = pair.ids(&self.tokenizer).map_err(|e| refused(&e))?;
            let texts = PairTexts::from(Parts { prompt: begun(parts.prompt, end), ..parts });
            let most = self.reference.config.n_positions;
            let longest = texts.chosen.ids.len().max(texts.rejected.ids.len());
            if longest > most {
                return Err(refused(&format!("it has {longest} tokens and the model {most} positions; shorten it")));
            }
            Ok(texts)
        };
        pairs.into_iter().enumerate().map(one).collect()
    }
}

/// The small world as the page offers it.
fn told_world() -> World {
    let question = |fillers: Fillers| Family::ALL.map(|family| Prompt::all(family, fillers)[0].question()).to_vec();
    let answers = |family: Family| {
        Prompt::all(family, Fillers::Seen)[0].responses().map(|r| r.replace(END_OF_TEXT, "").trim().to_owned())
    };
    World {
        seen: question(Fillers::Seen),
        held_out: question(Fillers::HeldOut),
        answers: Family::ALL.map(answers).to_vec(),
    }
}

/// How prompts become responses.
#[derive(Clone, Copy)]
struct Voice<'a> {
    tokenizer: &'a Tokenizer,
    is_world: bool,
}

impl Voice<'_> {
    /// π_ref's response, and the trained model's from the same draws.
    async fn said(
        self,
        compute: &mut impl Compute,
        base: &Gpt2,
        trained: Option<(usize, &Gpt2)>,
        prompt: &str,
        drawing: &Drawing,
    ) -> Result<FromLm, ModelError> {
        let before = self.response(compute, base, prompt, drawing).await?;
        let after = match trained {
            Some((loss, model)) => Some((loss, self.response(compute, model, prompt, drawing).await?)),
            None => None,
        };
        Ok(FromLm::Said { before, after })
    }

    async fn response(
        self,
        compute: &mut impl Compute,
        model: &Gpt2,
        prompt: &str,
        drawing: &Drawing,
    ) -> Result<Vec<Token>, ModelError> {
        let asked = if self.is_world { world::asked(prompt) } else { prompt.to_owned() };
        let stop = self.tokenizer.end();
        let ids = begun(self.tokenizer.encode(&asked), stop);
        let sampling = Sampling {
            temperature: drawing.temperature,
            top_k: drawing.top_k as usize,
            top_p: drawing.top_p,
            repetition_penalty: drawing.repetition_penalty,
            max_tokens: drawing.max_tokens as usize,
            stop,
        };
        let drawn = generate_told(compute, model, &ids, &sampling, &mut Random::new(drawing.seed.into())).await?;
        let word = |id: u32| self.tokenizer.decode(&[id]);
        let token = |d: Drawn| Token {
            text: word(d.id),
            p: d.p,
            likeliest: d.likeliest.into_iter().map(|(id, p)| (word(id), p)).collect(),
        };
        Ok(drawn.into_iter().map(token).collect())
    }
}

/// Sends a model's files.
async fn saved(
    compute: &mut impl Compute,
    model: &Gpt2,
    tokenizer: &Tokenizer,
    port: &ScopePort,
) -> Result<(), ModelError> {
    let weights = model.weights(compute).await?;
    let file = weights::write(&weights, Precision::F32).map_err(|e| ModelError::Input(e.to_string()))?;
    let files = [
        ("config.json", model.config.to_text().into_bytes()),
        ("model.safetensors", file),
        ("tokenizer.json", tokenizer.to_json().into_bytes()),
    ];
    let names = files.iter().map(|f| f.0.to_owned()).collect();
    let beside: Vec<Part> = files.into_iter().map(|f| Part::Bytes(f.1)).collect();
    port.send(&FromLm::Saved { names }, &beside);
    Ok(())
}
