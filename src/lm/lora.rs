//! LoRA: chosen matrices become `W = W₀ + (alpha / rank) A B`, and only A (in×rank) and B (rank×out) are trained.
//!
//! It is a change of parameters around a model that knows nothing of it: before each pass W holds the sum, after it W's
//! gradient is carried over, `dA = s dW Bᵀ` and `dB = s Aᵀ dW`. AdamW then keeps its means for A and B alone.

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
struct Adapter {
    size: (usize, usize),
    weight: Span,
    gradient: Span,
    base: Span,
    a: Span,
    b: Span,
    da: Span,
    db: Span,
}

/// A model's adapters.
#[derive(Debug)]
pub struct Lora {
    rank: usize,
    scale: f32,
    adapters: Vec<Adapter>,
    /// A and B.
    pub params: Arenas,
    /// Their gradients.
    pub grads: Arenas,
    base: Arenas,
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
        let rank = settings.rank;
        let halves = |(name, shape): &(String, Vec<usize>)| {
            [(format!("{name}.A"), vec![shape[0], rank]), (format!("{name}.B"), vec![rank, shape[1]])]
        };
        let params = Arenas::new(compute, &adapted.iter().flat_map(halves).collect::<Vec<_>>())?;
        let grads = params.like(compute)?;
        let base = Arenas::new(compute, &adapted)?;
        let mut random = Random::new(seed);
        let mut adapters = Vec::new();
        for (name, shape) in adapted {
            let half = |arenas: &Arenas, which: &str| arenas.spans[&format!("{name}.{which}")];
            let gradients = model.gradients().unwrap_or(&model.params);
            let adapter = Adapter {
                size: (shape[0], shape[1]),
                weight: model.params.spans[&name],
                gradient: gradients.spans[&name],
                base: base.spans[&name],
                a: half(&params, "A"),
                b: half(&params, "B"),
                da: half(&grads, "A"),
                db: half(&grads, "B"),
            };
            compute.copy(adapter.base, adapter.weight);
            let bound = 1.0 / (shape[0] as f64).sqrt();
            let noise: Vec<f32> = (0..adapter.a.len).map(|_| ((2.0 * random.unit() - 1.0) * bound) as f32).collect();
            compute.write(adapter.a, &noise);
            adapters.push(adapter);
        }
        Ok(Self { rank, scale: (settings.alpha / rank as f64) as f32, adapters, params, grads, base })
    }

    /// Carries the model's gradients over to A's and B's.
    pub fn pull(&self, compute: &mut impl Compute) {
        let (add, r) = (Epilogue::Add { scale: self.scale }, self.rank);
        for grads in &self.grads.buffers {
            compute.fill(*grads, 0.0);
        }
        for t in &self.adapters {
            let (from, to) = t.size;
            compute.matmul(t.da, t.gradient, t.b, Product { form: Form::NT, m: from, k: to, n: r }, add);
            compute.matmul(t.db, t.a, t.gradient, Product { form: Form::TN, m: r, k: from, n: to }, add);
        }
    }

    /// Puts the sums into the model.
    pub fn push(&self, compute: &mut impl Compute) {
        for t in &self.adapters {
            let (from, to) = t.size;
            compute.copy(t.weight, t.base);
            let product = Product { form: Form::NN, m: from, k: self.rank, n: to };
            compute.matmul(t.weight, t.a, t.b, product, Epilogue::Add { scale: self.scale });
        }
    }

    /// Gives its buffers back; the model keeps the sums.
    pub fn free(self, compute: &mut impl Compute) {
        let Self { params, grads, base, .. } = self;
        for buffer in [params, grads, base].into_iter().flat_map(|arenas| arenas.buffers) {
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
