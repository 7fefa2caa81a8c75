//! LoRA: chosen matrices become `W = W₀ + (alpha / rank) A B`, and only A (in×rank) and B (rank×out) are trained.
//!
//! Before each pass W holds the sum, so that the way forward knows nothing of adapters. On the way back, W's gradient
//! `dW = xᵀ dout` is never made: with s = alpha / rank, `dA = s xᵀ (dout Bᵀ)` and `dB = s (x A)ᵀ dout` go through rows of
//! `rank` numbers. So room for gradients and for AdamW's means is taken for A and B alone, and the large products are saved.

use std::collections::BTreeMap;

use super::compute::{Compute, DeviceError, Epilogue, Form, Product, Span};
use super::config::Config;
use super::gpt2::Gpt2;
use super::tensors::Arenas;
use crate::preference::Random;

/// A matrix of each block that may be adapted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Queries, keys and values.
    AttentionIn,
    /// The attention's output.
    AttentionOut,
    /// The MLP's first matrix.
    MlpIn,
    /// The MLP's second matrix.
    MlpOut,
}

impl Target {
    /// All, in the order of a block.
    pub const ALL: [Self; 4] = [Self::AttentionIn, Self::AttentionOut, Self::MlpIn, Self::MlpOut];

    /// Hugging Face's name within a block, which is also the command line's.
    pub fn key(self) -> &'static str {
        match self {
            Self::AttentionIn => "attn.c_attn",
            Self::AttentionOut => "attn.c_proj",
            Self::MlpIn => "mlp.c_fc",
            Self::MlpOut => "mlp.c_proj",
        }
    }

    /// The target of a name.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.key() == key)
    }
}

/// What is adapted, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraSettings {
    /// Columns of A.
    pub rank: usize,
    /// The sum's factor is alpha / rank.
    pub alpha: f64,
    /// Which matrices of every block.
    pub targets: Vec<Target>,
}

impl LoraSettings {
    /// As usual for a rank: the factor 2, on queries, keys and values.
    pub fn of_rank(rank: u32) -> Self {
        Self { rank: rank as usize, alpha: 2.0 * f64::from(rank), targets: vec![Target::AttentionIn] }
    }
}

/// One adapted matrix, in×out.
#[derive(Debug, Clone)]
pub(super) struct Adapter {
    size: (usize, usize),
    rank: usize,
    /// alpha / rank.
    scale: f32,
    weight: Span,
    base: Span,
    a: Span,
    b: Span,
    da: Span,
    db: Span,
    /// Room for x A and for dout Bᵀ of a whole pass.
    rows: Span,
}

impl Adapter {
    /// Adds a pass's dA and dB; x is R×in, dout R×out.
    pub(super) fn add_gradient(&self, compute: &mut impl Compute, x: Span, dout: Span, r: usize) {
        let (add, (from, to), rank) = (Epilogue::Add { scale: self.scale }, self.size, self.rank);
        let rows = self.rows.first(r * rank);
        compute.matmul(rows, x, self.a, Product { form: Form::NN, m: r, k: from, n: rank }, Epilogue::Store);
        compute.matmul(self.db, rows, dout, Product { form: Form::TN, m: rank, k: r, n: to }, add);
        compute.matmul(rows, dout, self.b, Product { form: Form::NT, m: r, k: to, n: rank }, Epilogue::Store);
        compute.matmul(self.da, x, rows, Product { form: Form::TN, m: from, k: r, n: rank }, add);
    }
}

/// A model's adapters.
#[derive(Debug)]
pub struct Lora {
    /// By their matrices' names.
    adapters: BTreeMap<String, Adapter>,
    /// A and B.
    pub params: Arenas,
    /// Their gradients.
    pub grads: Arenas,
    base: Arenas,
    rows: Span,
}

impl Lora {
    /// With B zero and A uniform within ±1/√in, so that the model is unchanged at first.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(
        compute: &mut impl Compute,
        model: &Gpt2,
        settings: &LoraSettings,
        seed: u64,
    ) -> Result<Self, DeviceError> {
        let adapted: Vec<(String, Vec<usize>)> =
            model.config.tensors().into_iter().filter(|t| settings.adapts(&t.0)).collect();
        let (rank, scale) = (settings.rank, (settings.alpha / settings.rank as f64) as f32);
        let halves = |(name, shape): &(String, Vec<usize>)| {
            [(format!("{name}.A"), vec![shape[0], rank]), (format!("{name}.B"), vec![rank, shape[1]])]
        };
        let params = Arenas::new(compute, &adapted.iter().flat_map(halves).collect::<Vec<_>>())?;
        let grads = params.like(compute)?;
        let base = Arenas::new(compute, &adapted)?;
        let (batch, time) = model.capacity();
        let rows = compute.alloc(batch * time * rank)?;
        let mut random = Random::new(seed);
        let mut adapters = BTreeMap::new();
        for (name, shape) in adapted {
            let half = |arenas: &Arenas, which: &str| arenas.spans[&format!("{name}.{which}")];
            let adapter = Adapter {
                size: (shape[0], shape[1]),
                rank,
                scale,
                weight: model.params.spans[&name],
                base: base.spans[&name],
                a: half(&params, "A"),
                b: half(&params, "B"),
                da: half(&grads, "A"),
                db: half(&grads, "B"),
                rows,
            };
            compute.copy(adapter.base, adapter.weight);
            let bound = 1.0 / (shape[0] as f64).sqrt();
            let noise: Vec<f32> = (0..adapter.a.len).map(|_| ((2.0 * random.unit() - 1.0) * bound) as f32).collect();
            compute.write(adapter.a, &noise);
            adapters.insert(name, adapter);
        }
        Ok(Self { adapters, params, grads, base, rows })
    }

    /// A block's matrix, where it is adapted.
    pub(super) fn adapter(&self, layer: usize, which: Target) -> Option<&Adapter> {
        self.adapters.get(&format!("h.{layer}.{}.weight", which.key()))
    }

    /// Puts the sums into the model.
    pub fn push(&self, compute: &mut impl Compute) {
        for t in self.adapters.values() {
            let (from, to) = t.size;
            compute.copy(t.weight, t.base);
            let product = Product { form: Form::NN, m: from, k: t.rank, n: to };
            compute.matmul(t.weight, t.a, t.b, product, Epilogue::Add { scale: t.scale });
        }
    }

    /// Gives its buffers back; the model keeps the sums.
    pub fn free(self, compute: &mut impl Compute) {
        let Self { params, grads, base, rows, .. } = self;
        for buffer in [params, grads, base].into_iter().flat_map(|arenas| arenas.buffers).chain([rows]) {
            compute.free(buffer);
        }
    }
}

impl LoraSettings {
    /// How many numbers the adapted matrices hold, and how many A and B.
    pub fn sizes(&self, config: &Config) -> (usize, usize) {
        let adapted = config.tensors().into_iter().filter(|t| self.adapts(&t.0));
        adapted.fold((0, 0), |(whole, halves), (_, shape)| {
            (whole + shape[0] * shape[1], halves + self.rank * (shape[0] + shape[1]))
        })
    }

    fn adapts(&self, tensor: &str) -> bool {
        self.targets.iter().any(|t| tensor.ends_with(&format!(".{}.weight", t.key())))
    }
}
