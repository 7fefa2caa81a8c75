//! GPT-2's way forward, written once over [`Compute`]: pre-norm blocks, learned positions, tied head, gelu_new. Its way back
//! is `backward.rs`.
//!
//! Letters: B batch, T time, R = B·T rows, C channels, V vocabulary, N scored tokens. Texts are padded on the right: no
//! causal row sees what comes after it, and a padded row's gradient is zero, so padding needs no mask.
//!
//! Of each block the way forward keeps its input, q k v, the attention's output, the middle of the residual stream and the
//! argument of gelu; normalised rows and gelu itself are computed anew on the way back. Logits exist only for scored
//! tokens, a chunk of the vocabulary at a time.

use std::fmt;

use super::compute::{Compute, DeviceError, Epilogue, Form, Heads, Product, Span};
use super::config::Config;
use super::file_error::FileError;
use super::tensors::{Arenas, Linear, Tensors};
use super::weights::{self, Tensor, Weights};
pub use super::workspace::Memory;
use super::workspace::Workspace;

/// A text: a prompt and the response that is scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Token ids.
    pub ids: Vec<u32>,
    /// How many of them are the prompt.
    pub prompt: usize,
}

impl Text {
    /// How many tokens are scored. The first token of all is not: nothing precedes it.
    pub fn scored(&self) -> usize {
        self.ids.len().saturating_sub(self.prompt.max(1))
    }
}

/// Why something does not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelError {
    /// A sentence about the input.
    Input(String),
    /// The device stopped.
    Device(DeviceError),
    /// Whoever was asked did not want it to go on.
    Stopped,
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(sentence) => f.write_str(sentence),
            Self::Device(error) => error.fmt(f),
            Self::Stopped => f.write_str("it was stopped"),
        }
    }
}

impl std::error::Error for ModelError {}

impl From<DeviceError> for ModelError {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}

/// A batch on the device, as its shapes.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub(super) heads: Heads,
    /// How many tokens of each text are scored.
    pub(super) scored: Vec<usize>,
    /// The spans of this batch's sizes.
    pub(super) space: Workspace,
}

/// A GPT-2 on a device.
#[derive(Debug)]
pub struct Gpt2 {
    /// Its sizes.
    pub config: Config,
    /// Its parameters.
    pub params: Arenas,
    pub(super) tensors: Tensors,
    /// The most texts and the longest, that its workspace holds.
    capacity: (usize, usize),
    workspace: Workspace,
    pub(super) loaded: Option<Loaded>,
}

impl Gpt2 {
    /// A model of zeros for at most `batch` texts of at most `time` tokens, with room for the way back where it is to be trained.
    ///
    /// # Errors
    /// Where the device has no room, or `time` is beyond the model's positions.
    pub fn new(
        compute: &mut impl Compute,
        config: Config,
        (batch, time): (usize, usize),
        trained: bool,
    ) -> Result<Self, ModelError> {
        check_time(&config, time)?;
        let params = Arenas::new(compute, &config.tensors())?;
        let tensors = Tensors::new(&config, &params.spans);
        let workspace = Workspace::new(compute, &config, batch, time, trained)?;
        Ok(Self { config, params, tensors, capacity: (batch, time), workspace, loaded: None })
    }

    /// Another model with the same weights, for batches of another size.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn twin(&self, compute: &mut impl Compute, size: (usize, usize), trained: bool) -> Result<Self, ModelError> {
        let twin = Self::new(compute, self.config.clone(), size, trained)?;
        for (to, from) in twin.params.buffers.iter().zip(&self.params.buffers) {
            compute.copy(*to, *from);
        }
        Ok(twin)
    }

    /// The most texts a batch may have, and the longest.
    pub fn capacity(&self) -> (usize, usize) {
        self.capacity
    }

    /// Puts one parameter onto the device, by its name with or without `transformer.`; false where there is none such.
    pub fn write(&self, compute: &mut impl Compute, name: &str, values: &[f32]) -> bool {
        let span = self.params.spans.get(name.strip_prefix("transformer.").unwrap_or(name));
        match span {
            Some(span) if span.len == values.len() => {
                compute.write(*span, values);
                true
            }
            _ => false,
        }
    }

    /// Puts a file's weights onto the device.
    ///
    /// # Errors
    /// Where a tensor is missing, unknown or has another shape than the configuration asks for.
    pub fn load_weights(&self, compute: &mut impl Compute, weights: &Weights) -> Result<(), FileError> {
        weights::check_names_and_shapes(weights, &self.config.tensors().into_iter().collect())?;
        for (name, tensor) in weights {
            self.write(compute, name, &tensor.data);
        }
        Ok(())
    }

    /// The weights as a file holds them. Waits for the device.
    ///
    /// # Errors
    /// Where the device was lost.
    pub async fn weights(&self, compute: &mut impl Compute) -> Result<Weights, ModelError> {
        let mut weights = Weights::new();
        for (name, shape) in self.config.tensors() {
            let data = compute.read(self.params.spans[&name]).await?;
            weights.insert(name, Tensor { shape, data });
        }
        Ok(weights)
    }

    /// Gives all its buffers back.
    pub fn free(self, compute: &mut impl Compute) {
        self.workspace.free(compute);
        for buffer in self.params.buffers {
            compute.free(buffer);
        }
    }

    /// Checks a text against the model.
    ///
    /// # Errors
    /// Where it is empty, too long, has nothing to score, or a token that the vocabulary lacks.
    pub fn check(&self, text: &Text) -> Result<(), ModelError> {
        let refuse = |sentence: String| Err(ModelError::Input(sentence));
        let (n, most) = (text.ids.len(), self.capacity.1);
        if n > most {
            return refuse(format!("a text has {n} tokens, at most {most} are possible; shorten it"));
        }
        if text.scored() == 0 {
            return refuse(
                "a response has no tokens; give each pair a prompt and two responses that are not empty".to_owned(),
            );
        }
        if let Some(id) = text.ids.iter().find(|id| **id as usize >= self.config.vocab_size) {
            let most = self.config.vocab_size - 1;
            return refuse(format!(
                "token {id} is not in the vocabulary, whose last is {most}; use the model's own tokenizer"
            ));
        }
        Ok(())
    }

    /// Computes `log π(token | before)` of every scored token of the texts, on the device. See [`Self::log_probs`].
    ///
    /// # Errors
    /// Where there are too many texts, or one is refused by [`Self::check`].
    pub fn forward(&mut self, compute: &mut impl Compute, texts: &[&Text]) -> Result<(), ModelError> {
        let loaded = self.load(compute, texts)?;
        let Loaded { heads, space, .. } = &loaded;
        self.trunk(compute, space, *heads);
        let w = space;
        compute.gather(w.scored, w.top, w.rows, self.config.n_embd);
        for (first, words) in self.chunks(compute, &loaded) {
            self.logits(compute, w, first, words);
            compute.vocabulary(w.state, w.logits.first(w.logp.len * words), first, w.targets);
        }
        compute.log_probs(w.logp, w.state);
        self.loaded = Some(loaded);
        Ok(())
    }

    /// The last forward's log-probabilities, a list of scored tokens for each text. Waits for the device.
    ///
    /// # Errors
    /// Where the device was lost.
    pub async fn log_probs(&self, compute: &mut impl Compute) -> Result<Vec<Vec<f64>>, ModelError> {
        let Some(loaded) = &self.loaded else { return Ok(Vec::new()) };
        let all = compute.read(loaded.space.logp).await?;
        let mut rest = all.as_slice();
        let mut lists = Vec::with_capacity(loaded.scored.len());
        for n in &loaded.scored {
            let (own, after) = rest.split_at(*n);
            lists.push(own.iter().map(|x| f64::from(*x)).collect());
            rest = after;
        }
        Ok(lists)
    }

    /// Where the last forward's log-probabilities lie, text after text.
    pub fn log_prob_span(&self) -> Option<Span> {
        self.loaded.as_ref().map(|l| l.space.logp)
    }

    /// Puts a batch onto the device.
    fn load(&self, compute: &mut impl Compute, texts: &[&Text]) -> Result<Loaded, ModelError> {
        let (most, _) = self.capacity;
        if texts.is_empty() || texts.len() > most {
            let n = texts.len();
            return Err(ModelError::Input(format!(
                "a batch has {n} texts, must have 1 to {most}; choose another batch size"
            )));
        }
        texts.iter().try_for_each(|text| self.check(text))?;
        let time = texts.iter().map(|t| t.ids.len()).max().unwrap_or(1);
        let heads = Heads { batch: texts.len(), time, heads: self.config.n_head, width: self.config.head_width() };
        let scored: Vec<usize> = texts.iter().map(|t| t.scored()).collect();
        let space = self.workspace.fitted(&self.config, heads, scored.iter().sum());
        let mut ids = Vec::with_capacity(heads.batch * time);
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for (b, text) in texts.iter().enumerate() {
            ids.extend_from_slice(&text.ids);
            ids.resize((b + 1) * time, 0);
            let from = text.prompt.max(1);
            rows.extend((from..text.ids.len()).map(|t| (b * time + t - 1) as u32));
            targets.extend_from_slice(&text.ids[from..]);
        }
        let lengths: Vec<u32> = texts.iter().map(|t| t.ids.len() as u32).collect();
        compute.write_ids(space.ids, &ids);
        compute.write_ids(space.rows, &rows);
        compute.write_ids(space.targets, &targets);
        compute.write_ids(space.lengths, &lengths);
        Ok(Loaded { heads, scored, space })
    }

    /// From token ids to the final norm's output.
    fn trunk(&self, compute: &mut impl Compute, w: &Workspace, heads: Heads) {
        let (c, epsilon) = (self.config.n_embd, self.config.layer_norm_epsilon);
        let r = heads.batch * heads.time;
        compute.embed(w.kept.first().map_or(w.last, |k| k.x), self.tensors.embedding(c), w.ids, heads.time, 0);
        for (layer, (p, k)) in self.tensors.h.iter().zip(&w.kept).enumerate() {
            let next = w.kept.get(layer + 1).map_or(w.last, |k| k.x);
            compute.layer_norm(w.norm, k.stats_1, k.x, p.ln_1, epsilon);
            linear(compute, k.attended.qkv, w.norm, p.c_attn, (r, c, 3 * c), Epilogue::Bias(p.c_attn.bias));
            compute.attention(k.attended.out, k.attended.lse, k.attended.qkv, heads, w.lengths);
            let residual = Epilogue::BiasResidual(p.c_proj.bias, k.x);
            linear(compute, k.mid, k.attended.out, p.c_proj, (r, c, c), residual);
            compute.layer_norm(w.norm, k.stats_2, k.mid, p.ln_2, epsilon);
            let gelu = Epilogue::BiasGelu { bias: p.c_fc.bias, pre: k.pre };
            linear(compute, w.act, w.norm, p.c_fc, (r, c, 4 * c), gelu);
            let residual = Epilogue::BiasResidual(p.mlp_c_proj.bias, k.mid);
            linear(compute, next, w.act, p.mlp_c_proj, (r, 4 * c, c), residual);
        }
        compute.layer_norm(w.top, w.stats_f, w.last, self.tensors.ln_f, epsilon);
    }

    /// The vocabulary in pieces: first word and how many. A piece's logits and its rows of wte each fit a buffer; its
    /// words are a multiple of four where they can be, which a GPU reads together.
    pub(super) fn chunks<C: Compute>(
        &self,
        compute: &C,
        loaded: &Loaded,
    ) -> impl Iterator<Item = (usize, usize)> + use<C> {
        let v = self.config.vocab_size;
        let (n, buffer) = (loaded.space.logp.len.max(1), compute.largest_buffer());
        let most = (self.workspace.logits.len.min(buffer) / n).min(buffer / self.config.n_embd);
        let each = if most >= v { v } else { (most / 4 * 4).max(1) };
        (0..v).step_by(each).map(move |first| (first, each.min(v - first)))
    }

    /// A chunk's logits, N×words.
    pub(super) fn logits(&self, compute: &mut impl Compute, w: &Workspace, first: usize, words: usize) {
        let (n, c) = (w.logp.len, self.config.n_embd);
        let product = Product { form: Form::NT, m: n, k: c, n: words };
        let rows = self.tensors.wte.part(first * c, words * c);
        compute.matmul(w.logits.first(n * words), w.scored, rows, product, Epilogue::Store);
    }
}

/// `out = epilogue(x W)`, x of `rows`×`from`, W of `from`×`to`.
fn linear(
    compute: &mut impl Compute,
    out: Span,
    x: Span,
    layer: Linear,
    (rows, from, to): (usize, usize, usize),
    epilogue: Epilogue,
) {
    compute.matmul(out, x, layer.weight, Product { form: Form::NN, m: rows, k: from, n: to }, epilogue);
}

fn check_time(config: &Config, time: usize) -> Result<(), ModelError> {
    let most = config.n_positions;
    if time == 0 || time > most {
        return Err(ModelError::Input(format!(
            "texts of {time} tokens do not fit a model of {most} positions; shorten them"
        )));
    }
    Ok(())
}
