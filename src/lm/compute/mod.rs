//! What the language model asks of a device: a dozen kernels over stretches of f32.
//!
//! Letters: B batch, T time, R = B·T rows, C channels, H heads, D = C/H, V vocabulary, N scored tokens. Matrices are row-major.
//! An operation's output lies in another buffer than its inputs unless it says "in place": a GPU binds a buffer either to
//! read or to write. A `d` before a name is a derivative of the loss; what accumulates is written `+=`.

pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A stretch of a device's floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which buffer.
    pub buffer: usize,
    /// Its first element there.
    pub start: usize,
    /// How many.
    pub len: usize,
}

impl Span {
    /// `len` elements from `start` on.
    ///
    /// # Panics
    /// Where there are not so many.
    #[must_use]
    pub fn part(self, start: usize, len: usize) -> Self {
        assert!(start + len <= self.len, "a part of {len} from {start} leaves a span of {}", self.len);
        Self { start: self.start + start, len, ..self }
    }

    /// The first `len` elements.
    #[must_use]
    pub fn first(self, len: usize) -> Self {
        self.part(0, len)
    }
}

/// A stretch of a device's whole numbers: token ids, rows, lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids(pub Span);

impl Ids {
    /// The first `len` elements.
    #[must_use]
    pub fn first(self, len: usize) -> Self {
        Self(self.0.first(len))
    }
}

/// Which of a product's factors are read transposed. The result is always m×n and k is summed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// a is m×k, b is k×n.
    NN,
    /// a is m×k, b is n×k.
    NT,
    /// a is k×m, b is k×n.
    TN,
}

/// The shape of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Product {
    /// Which factors are transposed.
    pub form: Form,
    /// Rows of the result.
    pub m: usize,
    /// What is summed over.
    pub k: usize,
    /// Columns of the result.
    pub n: usize,
}

/// What becomes of a product p before it is stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Epilogue {
    /// `out = p`.
    Store,
    /// `out += scale · p`.
    Add {
        /// The factor.
        scale: f32,
    },
    /// `out = p + bias`, the bias of n numbers.
    Bias(Span),
    /// `out = p + bias + residual`, the residual of m×n.
    BiasResidual(Span, Span),
    /// `pre = p + bias` and `out = gelu_new(pre)`.
    BiasGelu {
        /// The bias, of n numbers.
        bias: Span,
        /// Kept for the way back, m×n.
        pre: Span,
    },
    /// `out = p · gelu_new′(pre)`.
    GeluSlope {
        /// What the way forward kept, m×n.
        pre: Span,
    },
}

/// The shape of attention. A row of `qkv` holds q, k and v, each of H·D channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// B.
    pub batch: usize,
    /// T.
    pub time: usize,
    /// H.
    pub heads: usize,
    /// D.
    pub width: usize,
}

impl Heads {
    /// C = H·D.
    pub fn channels(self) -> usize {
        self.heads * self.width
    }
}

/// The tables of words (V×C) and positions, or their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedding {
    /// Words.
    pub wte: Span,
    /// Positions.
    pub wpe: Span,
    /// C.
    pub channels: usize,
}

/// A layer norm's parameters, or their gradients: C numbers each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Norm {
    /// γ.
    pub weight: Span,
    /// β.
    pub bias: Span,
}

/// One step of AdamW with its clipping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// The rate of this step.
    pub learning_rate: f64,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε.
    pub epsilon: f64,
    /// Decoupled weight decay, before it is multiplied with the rate.
    pub weight_decay: f64,
    /// The gradient's largest global norm; infinite for none.
    pub clip_norm: f64,
    /// 1 for the first step.
    pub step: u32,
}

impl AdamW {
    /// The corrections `1 − β₁^t` and `1 − β₂^t`.
    pub fn corrections(&self) -> (f64, f64) {
        let correction = |beta: f64| 1.0 - beta.powi(self.step.min(i32::MAX as u32) as i32);
        (correction(self.beta1), correction(self.beta2))
    }
}

/// Why a device stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceError {
    /// It has no room for so many bytes more.
    OutOfMemory {
        /// What was asked for.
        bytes: u64,
    },
    /// It went away, or refused.
    Lost(String),
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory { bytes } => {
                let mib = bytes.div_ceil(1 << 20);
                write!(f, "the device has no room for {mib} MiB more; choose a smaller batch, shorter texts or LoRA")
            }
            Self::Lost(why) => write!(f, "the device was lost ({why}); start again, or choose the CPU"),
        }
    }
}

impl std::error::Error for DeviceError {}

/// A device. Operations are queued in order; only [`Compute::read`] waits.
pub trait Compute {
    /// The most floats that one buffer may hold.
    fn largest_buffer(&self) -> usize;
    /// A buffer of zeros.
    ///
    /// # Errors
    /// Where there is no room.
    fn alloc(&mut self, len: usize) -> Result<Span, DeviceError>;
    /// A buffer of zeros.
    ///
    /// # Errors
    /// Where there is no room.
    fn alloc_ids(&mut self, len: usize) -> Result<Ids, DeviceError>;
    /// Gives a span's whole buffer back.
    fn free(&mut self, span: Span);
    /// Gives the whole buffer back.
    fn free_ids(&mut self, ids: Ids);
    /// `to = values`.
    fn write(&mut self, to: Span, values: &[f32]);
    /// `to = values`.
    fn write_ids(&mut self, to: Ids, values: &[u32]);
    /// What a span holds once everything queued before is done.
    ///
    /// # Errors
    /// Where the device was lost.
    fn read(&mut self, from: Span) -> impl Future<Output = Result<Vec<f32>, DeviceError>>;
    /// Every element becomes `value`.
    fn fill(&mut self, out: Span, value: f32);
    /// `out = x`.
    fn copy(&mut self, out: Span, x: Span);

    /// `out[r] = wte[ids[r]] + wpe[past + r mod time]`, R×C.
    fn embed(&mut self, out: Span, table: Embedding, ids: Ids, time: usize, past: usize);
    /// `dwte[ids[r]] += dout[r]` and `dwpe[r mod time] += dout[r]`.
    fn embed_backward(&mut self, gradient: Embedding, dout: Span, ids: Ids, time: usize);
    /// `out = (x − mean) · rstd · weight + bias` a row; `stats` (R×2) keeps mean and rstd.
    fn layer_norm(&mut self, out: Span, stats: Span, x: Span, norm: Norm, epsilon: f32);
    /// `dx +=`, and `dnorm +=` where it is wanted, of `dout`, with what the way forward saw.
    fn layer_norm_backward(&mut self, dx: Span, dnorm: Option<Norm>, dout: Span, x: Span, stats: Span, weight: Span);
    /// `out = epilogue(a · b)`.
    fn matmul(&mut self, out: Span, a: Span, b: Span, product: Product, epilogue: Epilogue);
    /// `out[c] += Σ_r x[r, c]`.
    fn column_sums(&mut self, out: Span, x: Span);
    /// `out = gelu_new(x)`.
    fn gelu(&mut self, out: Span, x: Span);
    /// Causal attention, R×C; `lse` (B×H×T) keeps each query's log-sum of exponentials. Rows past a text's length become zero.
    fn attention(&mut self, out: Span, lse: Span, qkv: Span, heads: Heads, lengths: Ids);
    /// `dqkv =`, from scores computed anew.
    fn attention_backward(&mut self, dqkv: Span, dout: Span, kept: Attended, heads: Heads, lengths: Ids);
    /// Attention of `heads.time` new positions after `past` cached ones. Their keys and values go into `cache`
    /// (B × capacity × 2C) first.
    fn attention_cached(&mut self, out: Span, cache: Span, qkv: Span, heads: Heads, past: usize);
    /// `out[n] = x[rows[n]]`, rows of `channels`.
    fn gather(&mut self, out: Span, x: Span, rows: Ids, channels: usize);
    /// `out[rows[n]] = x[n]`; other rows keep what they hold. No row comes twice.
    fn scatter(&mut self, out: Span, x: Span, rows: Ids, channels: usize);
    /// Takes a chunk of the vocabulary's logits (N×chunk, its first word `first`) into `state` (N×3: largest logit, sum of
    /// exponentials less that, the target's logit). The chunk with `first == 0` begins anew.
    fn vocabulary(&mut self, state: Span, logits: Span, first: usize, targets: Ids);
    /// `out[n] = target − ln Σ exp`, once every chunk was taken.
    fn log_probs(&mut self, out: Span, state: Span);
    /// In place, `logits = coefficient[n] · (onehot(target[n]) − softmax)`, of the chunk's words.
    fn vocabulary_backward(&mut self, logits: Span, state: Span, coefficients: Span, first: usize, targets: Ids);
    /// `out[0] += Σ x²`.
    fn sum_squares(&mut self, out: Span, x: Span);
    /// One step; `squares[0]` is the whole gradient's squared norm.
    fn adamw(&mut self, params: Span, grads: Span, moments: Moments, squares: Span, step: &AdamW);
}

/// What attention's way forward leaves for its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attended {
    /// Its input, R×3C.
    pub qkv: Span,
    /// Its output, R×C.
    pub out: Span,
    /// B×H×T.
    pub lse: Span,
}

/// AdamW's running means, in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// Of the gradient.
    pub m: Span,
    /// Of its square.
    pub v: Span,
}

/// Runs a future to its end on this thread: the CPU's are ready at once, and a native GPU waits within its poll.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::hint::spin_loop();
    }
}
