//! Text from a model: temperature, top-k, top-p and repetition penalty in Transformers' order, with a cache of keys and values.
//!
//! Prompts of a batch advance in step: at each position a text takes its prompt's token while it has one, else the sampled one.

use super::compute::{Compute, Epilogue, Form, Heads, Ids, Product, Span};
use super::config::Config;
use super::gpt2::{Gpt2, ModelError};
use crate::preference::Random;

/// How tokens are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Divides logits; 0 takes the likeliest token always.
    pub temperature: f64,
    /// Only the k likeliest tokens; 0 for all.
    pub top_k: usize,
    /// Only the likeliest tokens that together reach this probability; 1 for all.
    pub top_p: f64,
    /// Logits of tokens that were there before are divided by this where positive, else multiplied; 1 for none.
    pub repetition_penalty: f64,
    /// The longest response, in tokens.
    pub max_tokens: usize,
    /// The token that ends a response; it is kept.
    pub stop: Option<u32>,
}

impl Sampling {
    /// The paper's settings for samples of π_ref (figure 4).
    pub const PAPER: Self =
        Self { temperature: 1.0, top_k: 60, top_p: 0.8, repetition_penalty: 1.1, max_tokens: 256, stop: None };

    /// The policy itself, for `KL` estimates without bias.
    pub const PLAIN: Self = Self { top_k: 0, top_p: 1.0, repetition_penalty: 1.0, ..Self::PAPER };

    /// Draws a token from logits, given what came before.
    pub fn draw(&self, logits: &[f32], before: &[u32], random: &mut Random) -> u32 {
        let mut words: Vec<(u32, f64)> = (0u32..).zip(logits.iter().map(|x| f64::from(*x))).collect();
        self.penalise(&mut words, before);
        let likeliest_first = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if self.temperature == 0.0 {
            return words.iter().min_by(|a, b| likeliest_first(a, b)).map_or(0, |w| w.0);
        }
        if (1..words.len()).contains(&self.top_k) {
            words.select_nth_unstable_by(self.top_k - 1, likeliest_first);
            words.truncate(self.top_k);
        }
        words.sort_unstable_by(likeliest_first);
        let top = words.first().map_or(0.0, |w| w.1);
        for (_, x) in &mut words {
            *x = ((*x - top) / self.temperature).exp();
        }
        nucleus(&mut words, self.top_p);
        pick(&words, random)
    }

    fn penalise(&self, words: &mut [(u32, f64)], before: &[u32]) {
        if self.repetition_penalty == 1.0 {
            return;
        }
        let mut seen: Vec<u32> = before.to_vec();
        seen.sort_unstable();
        seen.dedup();
        for id in seen {
            if let Some((_, x)) = words.get_mut(id as usize) {
                *x = if *x > 0.0 { *x / self.repetition_penalty } else { *x * self.repetition_penalty };
            }
        }
    }
}

/// Keeps the likeliest words up to and with the one that reaches `top_p` of the whole weight.
fn nucleus(words: &mut Vec<(u32, f64)>, top_p: f64) {
    if top_p >= 1.0 {
        return;
    }
    let enough = top_p * words.iter().map(|w| w.1).sum::<f64>();
    let mut reached = 0.0;
    let kept = words.iter().take_while(|w| {
        let before = reached;
        reached += w.1;
        before < enough
    });
    let kept = kept.count().max(1);
    words.truncate(kept);
}

fn pick(words: &[(u32, f64)], random: &mut Random) -> u32 {
    let mut left = random.unit() * words.iter().map(|w| w.1).sum::<f64>();
    for (id, weight) in words {
        left -= weight;
        if left < 0.0 {
            return *id;
        }
    }
    words.last().map_or(0, |w| w.0)
}

/// A model's next-token logits for a batch of texts that grow in step.
#[derive(Debug)]
pub struct Decoder {
    batch: usize,
    capacity: usize,
    past: usize,
    caches: Vec<Span>,
    x: Span,
    mid: Span,
    norm: Span,
    stats: Span,
    qkv: Span,
    out: Span,
    pre: Span,
    act: Span,
    last: Span,
    logits: Span,
    ids: Ids,
    rows: Ids,
}

/// Positions that go through the network at once while prompts are read.
const STRIDE: usize = 64;

impl Decoder {
    /// For `batch` texts of at most `capacity` tokens.
    ///
    /// # Errors
    /// Where the device has no room, or the texts would be longer than the model's positions.
    pub fn new(compute: &mut impl Compute, model: &Gpt2, batch: usize, capacity: usize) -> Result<Self, ModelError> {
        let config = &model.config;
        if capacity > config.n_positions || batch == 0 {
            let most = config.n_positions;
            let sentence =
                format!("prompt and response need {capacity} positions, the model has {most}; ask for fewer tokens");
            return Err(ModelError::Input(sentence));
        }
        let (r, c) = (batch * STRIDE.min(capacity), config.n_embd);
        let mut caches = Vec::with_capacity(config.n_layer);
        for _ in 0..config.n_layer {
            caches.push(compute.alloc(batch * capacity * 2 * c)?);
        }
        Ok(Self {
            batch,
            capacity,
            past: 0,
            caches,
            x: compute.alloc(r * c)?,
            mid: compute.alloc(r * c)?,
            norm: compute.alloc(r * c)?,
            stats: compute.alloc(r * 2)?,
            qkv: compute.alloc(r * 3 * c)?,
            out: compute.alloc(r * c)?,
            pre: compute.alloc(r * 4 * c)?,
            act: compute.alloc(r * 4 * c)?,
            last: compute.alloc(batch * c)?,
            logits: compute.alloc(batch * config.vocab_size)?,
            ids: compute.alloc_ids(r)?,
            rows: compute.alloc_ids(batch)?,
        })
    }

    /// What its buffers of floats take for `batch` texts of `capacity` tokens, in bytes.
    pub fn bytes(config: &Config, batch: usize, capacity: usize) -> u64 {
        let [b, t, c, v, layers] =
            [batch, capacity, config.n_embd, config.vocab_size, config.n_layer].map(|n| n as u64);
        let rows = b * t.min(STRIDE as u64);
        4 * (layers * b * t * 2 * c + rows * (15 * c + 2) + b * (c + v))
    }

    /// Takes the next tokens of every text, `ids` B×S, and gives where the logits (B×V) after the last of them lie.
    ///
    /// # Errors
    /// Where the texts grow beyond the capacity.
    pub fn feed(&mut self, compute: &mut impl Compute, model: &Gpt2, ids: &[u32]) -> Result<Span, ModelError> {
        let steps = ids.len() / self.batch;
        if self.past + steps > self.capacity || steps == 0 {
            return Err(ModelError::Input(format!("a text may have 1 to {} tokens; shorten it", self.capacity)));
        }
        for from in (0..steps).step_by(STRIDE) {
            let to = (from + STRIDE).min(steps);
            let part: Vec<u32> = ids.chunks_exact(steps).flat_map(|row| &row[from..to]).copied().collect();
            self.trunk(compute, model, &part, to - from);
            self.past += to - from;
        }
        let last = (steps - 1) % STRIDE;
        let width = last + 1;
        Ok(self.head(compute, model, width))
    }

    /// `steps` new positions through the blocks; the final norm's output is left in `norm`.
    fn trunk(&mut self, compute: &mut impl Compute, model: &Gpt2, ids: &[u32], steps: usize) {
        let config = &model.config;
        let (r, c, epsilon) = (self.batch * steps, config.n_embd, config.layer_norm_epsilon);
        let heads = Heads { batch: self.batch, time: steps, heads: config.n_head, width: config.head_width() };
        let rc = |span: Span| span.first(r * c);
        let (x, mid, norm, out) = (rc(self.x), rc(self.mid), rc(self.norm), rc(self.out));
        let (stats, qkv) = (self.stats.first(r * 2), self.qkv.first(r * 3 * c));
        let (pre, act) = (self.pre.first(r * 4 * c), self.act.first(r * 4 * c));
        compute.write_ids(self.ids.first(r), ids);
        compute.embed(x, model.tensors.embedding(c), self.ids.first(r), steps, self.past);
        let nn = |k: usize, n: usize| Product { form: Form::NN, m: r, k, n };
        for (p, cache) in model.tensors.h.iter().zip(&self.caches) {
            compute.layer_norm(norm, stats, x, p.ln_1, epsilon);
            compute.matmul(qkv, norm, p.c_attn.weight, nn(c, 3 * c), Epilogue::Bias(p.c_attn.bias));
            compute.attention_cached(out, *cache, qkv, heads, self.past);
            compute.matmul(mid, out, p.c_proj.weight, nn(c, c), Epilogue::BiasResidual(p.c_proj.bias, x));
            compute.layer_norm(norm, stats, mid, p.ln_2, epsilon);
            compute.matmul(act, norm, p.c_fc.weight, nn(c, 4 * c), Epilogue::BiasGelu { bias: p.c_fc.bias, pre });
            compute.matmul(x, act, p.mlp_c_proj.weight, nn(4 * c, c), Epilogue::BiasResidual(p.mlp_c_proj.bias, mid));
        }
        compute.layer_norm(norm, stats, x, model.tensors.ln_f, epsilon);
    }

    /// Logits of every text's last row, of `width` rows each.
    fn head(&self, compute: &mut impl Compute, model: &Gpt2, width: usize) -> Span {
        let (c, v) = (model.config.n_embd, model.config.vocab_size);
        let rows: Vec<u32> = (0..self.batch).map(|b| (b * width + width - 1) as u32).collect();
        compute.write_ids(self.rows, &rows);
        compute.gather(self.last, self.norm.first(self.batch * width * c), self.rows, c);
        let product = Product { form: Form::NT, m: self.batch, k: c, n: v };
        compute.matmul(self.logits, self.last, model.tensors.wte, product, Epilogue::Store);
        self.logits
    }

    /// Forgets the texts.
    pub fn restart(&mut self) {
        self.past = 0;
    }

    /// Gives its buffers back.
    pub fn free(self, compute: &mut impl Compute) {
        let Self { x, mid, norm, stats, qkv, out, pre, act, last, logits, ids, rows, caches, .. } = self;
        for span in caches.into_iter().chain([x, mid, norm, stats, qkv, out, pre, act, last, logits]) {
            compute.free(span);
        }
        compute.free_ids(ids);
        compute.free_ids(rows);
    }
}

/// Draws a response to each prompt. `go_on` hears between any two tokens how far the longest text is, from 0 to 1, and says
/// whether it goes on.
///
/// # Errors
/// Where a prompt is empty or longer than the model's positions, the device is lost, or `go_on` says no.
pub async fn generate(
    compute: &mut impl Compute,
    model: &Gpt2,
    prompts: &[&[u32]],
    sampling: &Sampling,
    random: &mut Random,
    go_on: impl AsyncFnMut(f64) -> bool,
) -> Result<Vec<Vec<u32>>, ModelError> {
    let longest = prompts.iter().map(|p| p.len()).max().unwrap_or(0);
    let shortest = prompts.iter().map(|p| p.len()).min().unwrap_or(0);
    check(model, prompts, longest, shortest)?;
    let capacity = (longest + sampling.max_tokens).min(model.config.n_positions);
    let mut decoder = Decoder::new(compute, model, prompts.len(), capacity)?;
    let texts = grown(compute, model, &mut decoder, prompts, sampling, random, go_on).await;
    decoder.free(compute);
    let responses = |(text, prompt): (Vec<u32>, &&[u32])| text[prompt.len()..].to_vec();
    Ok(texts?.into_iter().zip(prompts).map(responses).collect())
}

/// The prompts with their responses.
async fn grown(
    compute: &mut impl Compute,
    model: &Gpt2,
    decoder: &mut Decoder,
    prompts: &[&[u32]],
    sampling: &Sampling,
    random: &mut Random,
    mut go_on: impl AsyncFnMut(f64) -> bool,
) -> Result<Vec<Vec<u32>>, ModelError> {
    let capacity = decoder.capacity;
    let shortest = prompts.iter().map(|p| p.len()).min().unwrap_or(0);
    // A text's draws are its own: they do not depend on which others are drawn with it.
    let mut draws: Vec<Random> = prompts.iter().map(|_| random.branch()).collect();
    let mut texts: Vec<Vec<u32>> = prompts.iter().map(|p| p.to_vec()).collect();
    let mut next: Vec<u32> = prompts.iter().flat_map(|p| &p[..shortest]).copied().collect();
    let ended = |text: &Vec<u32>, prompt: &[u32]| {
        text.len() >= (prompt.len() + sampling.max_tokens).min(capacity)
            || (text.len() > prompt.len() && sampling.stop.is_some() && text.last().copied() == sampling.stop)
    };
    for position in shortest..capacity {
        if !go_on((position - shortest) as f64 / (capacity - shortest) as f64).await {
            return Err(ModelError::Stopped);
        }
        let logits = decoder.feed(compute, model, &next)?;
        let logits = compute.read(logits).await?;
        let rows = logits.chunks_exact(model.config.vocab_size);
        for (((text, draws), prompt), row) in texts.iter_mut().zip(&mut draws).zip(prompts).zip(rows) {
            if position >= prompt.len() && !ended(text, prompt) {
                let token = sampling.draw(row, text, draws);
                text.push(token);
            }
        }
        if texts.iter().zip(prompts).all(|(text, prompt)| ended(text, prompt)) {
            break;
        }
        // A text that ended goes on with any token: its rows touch no other's.
        next = texts.iter().map(|text| text.get(position).copied().unwrap_or_default()).collect();
    }
    Ok(texts)
}

/// A drawn token, and what the model thought at its place, before temperature and all that.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// The token.
    pub id: u32,
    /// Its probability.
    pub p: f64,
    /// The three likeliest, likeliest first, with theirs.
    pub likeliest: Vec<(u32, f64)>,
}

/// Tokens told beside a drawn one.
const LIKELIEST: usize = 3;

impl Drawn {
    fn of(id: u32, logits: &[f32]) -> Self {
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |x: f32| f64::from(x - top).exp();
        let total: f64 = logits.iter().map(|x| weight(*x)).sum();
        let mut likeliest: Vec<(u32, f64)> = Vec::with_capacity(LIKELIEST + 1);
        for (word, x) in (0u32..).zip(logits) {
            let p = weight(*x) / total;
            let place = likeliest.partition_point(|w| w.1 >= p);
            if place < LIKELIEST {
                likeliest.insert(place, (word, p));
                likeliest.truncate(LIKELIEST);
            }
        }
        Self { id, p: weight(logits[id as usize]) / total, likeliest }
    }
}

/// Draws one response as [`generate`] does, and tells each token's probability.
///
/// # Errors
/// As [`generate`].
pub async fn generate_told(
    compute: &mut impl Compute,
    model: &Gpt2,
    prompt: &[u32],
    sampling: &Sampling,
    random: &mut Random,
) -> Result<Vec<Drawn>, ModelError> {
    check(model, &[prompt], prompt.len(), prompt.len())?;
    let capacity = (prompt.len() + sampling.max_tokens).min(model.config.n_positions);
    let mut decoder = Decoder::new(compute, model, 1, capacity)?;
    let mut draws = random.branch();
    let (mut text, mut drawn) = (prompt.to_vec(), Vec::new());
    let mut fresh = 0;
    while text.len() < capacity {
        let logits = decoder.feed(compute, model, &text[fresh..])?;
        let logits = compute.read(logits).await?;
        fresh = text.len();
        let id = sampling.draw(&logits, &text, &mut draws);
        text.push(id);
        drawn.push(Drawn::of(id, &logits));
        if sampling.stop == Some(id) {
            break;
        }
    }
    decoder.free(compute);
    Ok(drawn)
}

fn check(model: &Gpt2, prompts: &[&[u32]], longest: usize, shortest: usize) -> Result<(), ModelError> {
    let refuse = |sentence: String| Err(ModelError::Input(sentence));
    let (most, last) = (model.config.n_positions, model.config.vocab_size - 1);
    if shortest == 0 {
        return refuse("a prompt is empty; give at least one token".to_owned());
    }
    if longest >= most {
        return refuse(format!("a prompt has {longest} tokens and the model {most} positions; shorten it"));
    }
    match prompts.iter().flat_map(|p| p.iter()).find(|id| **id as usize > last) {
        Some(id) => {
            refuse(format!("token {id} is not in the vocabulary, whose last is {last}; use the model's own tokenizer"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of four words comes in 20,000 draws.
    fn shares(sampling: Sampling, before: &[u32]) -> [f64; 4] {
        let logits = [0.0f32, 1.0, 2.0, -1.0];
        let mut random = Random::new(7);
        let mut counts = [0.0; 4];
        for _ in 0..20_000 {
            counts[sampling.draw(&logits, before, &mut random) as usize] += 1.0 / 20_000.0;
        }
        counts
    }

    fn close(got: [f64; 4], weights: [f64; 4]) {
        let total: f64 = weights.iter().sum();
        for (g, w) in got.iter().zip(weights) {
            // Four standard deviations of 20,000 draws.
            assert!((g - w / total).abs() < 4.0 * 0.5 / 20_000f64.sqrt(), "{got:?} of {weights:?}");
            assert_eq!(*g == 0.0, w == 0.0);
        }
    }

    #[test]
    fn draws_follow_temperature_top_k_top_p_and_the_penalty() {
        let e = |x: f64| x.exp();
        close(shares(Sampling::PLAIN, &[]), [e(0.0), e(1.0), e(2.0), e(-1.0)]);
        close(shares(Sampling { temperature: 2.0, ..Sampling::PLAIN }, &[]), [e(0.0), e(0.5), e(1.0), e(-0.5)]);
        close(shares(Sampling { top_k: 2, ..Sampling::PLAIN }, &[]), [0.0, e(1.0), e(2.0), 0.0]);
        // Probabilities .087 .237 .644 .032: two words reach .8, one reaches .6.
        close(shares(Sampling { top_p: 0.8, ..Sampling::PLAIN }, &[]), [0.0, e(1.0), e(2.0), 0.0]);
        close(shares(Sampling { top_p: 0.6, ..Sampling::PLAIN }, &[]), [0.0, 0.0, 1.0, 0.0]);
        let penalty = Sampling { repetition_penalty: 2.0, ..Sampling::PLAIN };
        close(shares(penalty, &[2, 3, 3]), [e(0.0), e(1.0), e(1.0), e(-2.0)]);
        close(shares(Sampling { temperature: 0.0, ..Sampling::PLAIN }, &[]), [0.0, 0.0, 1.0, 0.0]);
    }
}
