//! Everything whose size depends on the batch, allocated once for the largest one and cut to each.
//!
//! Letters: B batch, T time, R = B·T rows, C channels, N scored tokens.

use super::compute::{Attended, Compute, DeviceError, Heads, Ids, Span};
use super::config::Config;
use super::lora::LoraSettings;

/// What one block keeps for the way back.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// R×C.
    pub x: Span,
    /// R×2.
    pub stats_1: Span,
    /// q k v, attention's output and log-sums.
    pub attended: Attended,
    /// R×C.
    pub mid: Span,
    /// R×2.
    pub stats_2: Span,
    /// R×4C, gelu's argument.
    pub pre: Span,
}

/// Everything that depends on the batch's size, allocated once.
#[derive(Debug, Clone)]
pub struct Workspace {
    pub kept: Vec<Kept>,
    /// R×C: the last block's output.
    pub last: Span,
    pub stats_f: Span,
    /// R×C: the final norm's output, and on the way back its gradient.
    pub top: Span,
    /// R×C: normalised rows.
    pub norm: Span,
    /// R×4C: gelu's value.
    pub act: Span,
    /// N×C: the rows that are scored.
    pub scored: Span,
    /// N×3: see [`Compute::vocabulary`].
    pub state: Span,
    /// N.
    pub logp: Span,
    /// N×words of a chunk.
    pub logits: Span,
    pub ids: Ids,
    pub rows: Ids,
    pub targets: Ids,
    pub lengths: Ids,
    pub back: Option<Back>,
}

/// What only the way back needs.
#[derive(Debug, Clone, Copy)]
pub struct Back {
    /// R×C.
    pub dx: Span,
    /// R×C.
    pub dnorm: Span,
    /// R×3C.
    pub dqkv: Span,
    /// R×4C.
    pub dact: Span,
    /// N×C.
    pub dscored: Span,
    /// N.
    pub coefficients: Span,
}

/// Logits held at a time, at most: 16 MiB.
const LOGITS: usize = 4 << 20;

/// Bytes on the device, told before work starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Parameters.
    pub parameters: u64,
    /// Gradients and AdamW's means, of all weights or of adapters.
    pub training: u64,
    /// Everything that depends on the batch's size.
    pub activations: u64,
    /// What drawing responses takes: keys and values of every position, and a second model where one is needed.
    pub sampling: u64,
}

impl Memory {
    /// What a model will need for texts of `time` tokens, `batch` at a time. π_ref is only its log-probabilities.
    pub fn of(config: &Config, batch: usize, time: usize, trained: bool) -> Self {
        let parameters = 4 * config.parameters() as u64;
        // Where addresses have 32 bits, what is asked for may be more than they reach.
        let [r, c, layers, heads] =
            [batch * time, config.n_embd, config.n_layer, batch * config.n_head * time].map(|n| n as u64);
        let block = r * (10 * c + 4) + heads;
        let common = r * (8 * c + 8) + logits_len(batch * time, config.vocab_size) as u64;
        let back = if trained { r * (10 * c + 1) } else { 0 };
        Self {
            parameters,
            training: if trained { 3 * parameters } else { 0 },
            activations: 4 * (layers * block + common + back),
            sampling: 0,
        }
    }

    /// The same where adapters are trained, `rows` tokens at a time: nothing for the whole, but the untouched matrices, A and B
    /// with their gradients and means, and a pass's rows between A and B.
    #[must_use]
    pub fn with_lora(self, config: &Config, lora: &LoraSettings, rows: usize) -> Self {
        let (adapted, adapters) = lora.sizes(config);
        Self { training: 4 * ((adapted + 4 * adapters) as u64 + (rows as u64) * (lora.rank as u64)), ..self }
    }

    /// The same where responses are drawn, which takes so many bytes more.
    #[must_use]
    pub fn with_sampling(self, sampling: u64) -> Self {
        Self { sampling, ..self }
    }

    /// All of it.
    pub fn total(self) -> u64 {
        self.parameters + self.training + self.activations + self.sampling
    }
}

fn logits_len(rows: usize, vocabulary: usize) -> usize {
    (rows * vocabulary).min(LOGITS.max(rows))
}

impl Workspace {
    pub fn new(
        compute: &mut impl Compute,
        config: &Config,
        batch: usize,
        time: usize,
        trained: bool,
    ) -> Result<Self, DeviceError> {
        let (r, c) = (batch * time, config.n_embd);
        let mut kept = Vec::with_capacity(config.n_layer);
        for _ in 0..config.n_layer {
            kept.push(Kept {
                x: compute.alloc(r * c)?,
                stats_1: compute.alloc(r * 2)?,
                attended: Attended {
                    qkv: compute.alloc(r * 3 * c)?,
                    out: compute.alloc(r * c)?,
                    lse: compute.alloc(r * config.n_head)?,
                },
                mid: compute.alloc(r * c)?,
                stats_2: compute.alloc(r * 2)?,
                pre: compute.alloc(r * 4 * c)?,
            });
        }
        let back = if trained { Some(Back::new(compute, r, c)?) } else { None };
        Ok(Self {
            kept,
            last: compute.alloc(r * c)?,
            stats_f: compute.alloc(r * 2)?,
            top: compute.alloc(r * c)?,
            norm: compute.alloc(r * c)?,
            act: compute.alloc(r * 4 * c)?,
            scored: compute.alloc(r * c)?,
            state: compute.alloc(r * 3)?,
            logp: compute.alloc(r)?,
            logits: compute.alloc(logits_len(r, config.vocab_size))?,
            ids: compute.alloc_ids(r)?,
            rows: compute.alloc_ids(r)?,
            targets: compute.alloc_ids(r)?,
            lengths: compute.alloc_ids(batch)?,
            back,
        })
    }

    /// The same buffers, cut to a batch's sizes.
    pub fn fitted(&self, config: &Config, heads: Heads, scored: usize) -> Self {
        let (r, c) = (heads.batch * heads.time, config.n_embd);
        let block = |k: &Kept| Kept {
            x: k.x.first(r * c),
            stats_1: k.stats_1.first(r * 2),
            attended: Attended {
                qkv: k.attended.qkv.first(r * 3 * c),
                out: k.attended.out.first(r * c),
                lse: k.attended.lse.first(r * config.n_head),
            },
            mid: k.mid.first(r * c),
            stats_2: k.stats_2.first(r * 2),
            pre: k.pre.first(r * 4 * c),
        };
        Self {
            kept: self.kept.iter().map(block).collect(),
            last: self.last.first(r * c),
            stats_f: self.stats_f.first(r * 2),
            top: self.top.first(r * c),
            norm: self.norm.first(r * c),
            act: self.act.first(r * 4 * c),
            scored: self.scored.first(scored * c),
            state: self.state.first(scored * 3),
            logp: self.logp.first(scored),
            logits: self.logits,
            ids: self.ids.first(r),
            rows: self.rows.first(scored),
            targets: self.targets.first(scored),
            lengths: self.lengths.first(heads.batch),
            back: self.back.map(|b| b.fitted(r, c, scored)),
        }
    }

    /// Gives every buffer back.
    pub fn free(self, compute: &mut impl Compute) {
        for k in &self.kept {
            let Attended { qkv, out, lse } = k.attended;
            for span in [k.x, k.stats_1, qkv, out, lse, k.mid, k.stats_2, k.pre] {
                compute.free(span);
            }
        }
        let Self { last, stats_f, top, norm, act, scored, state, logp, logits, .. } = self;
        for span in [last, stats_f, top, norm, act, scored, state, logp, logits] {
            compute.free(span);
        }
        for ids in [self.ids, self.rows, self.targets, self.lengths] {
            compute.free_ids(ids);
        }
        if let Some(Back { dx, dnorm, dqkv, dact, dscored, coefficients }) = self.back {
            for span in [dx, dnorm, dqkv, dact, dscored, coefficients] {
                compute.free(span);
            }
        }
    }
}

impl Back {
    fn new(compute: &mut impl Compute, r: usize, c: usize) -> Result<Self, DeviceError> {
        Ok(Self {
            dx: compute.alloc(r * c)?,
            dnorm: compute.alloc(r * c)?,
            dqkv: compute.alloc(r * 3 * c)?,
            dact: compute.alloc(r * 4 * c)?,
            dscored: compute.alloc(r * c)?,
            coefficients: compute.alloc(r)?,
        })
    }

    fn fitted(self, r: usize, c: usize, scored: usize) -> Self {
        Self {
            dx: self.dx.first(r * c),
            dnorm: self.dnorm.first(r * c),
            dqkv: self.dqkv.first(r * 3 * c),
            dact: self.dact.first(r * 4 * c),
            dscored: self.dscored.first(scored * c),
            coefficients: self.coefficients.first(scored),
        }
    }
}
