//! What is timed of the language model, once: the same products and steps natively ([`lm`](../lm.rs)) and in Chromium
//! ([`browser_lm`](../browser_lm.rs)).

use typo_lab::lm::align::Trainer;
use typo_lab::lm::compute::{Compute, Epilogue, Form, Product, Span};
use typo_lab::lm::config::Config;
use typo_lab::lm::gpt2::{Gpt2, Text};
use typo_lab::lm::objective::{Item, Length, Objective, PairItem};
use typo_lab::lm::optimiser::Optimiser;
use typo_lab::loss::Loss;
use typo_lab::preference::Random;

/// Products that are queued before the device is waited for.
pub const QUEUED: usize = 10;
/// Texts of a step, in pairs.
pub const TEXTS: usize = 8;
/// Tokens of a text; the second half answers the first.
pub const TIME: usize = 64;

/// A model's size: name, layers, heads, width, vocabulary.
pub type Size = (&'static str, usize, usize, usize, usize);

/// Near the small world's, one between, and GPT-2's own.
pub const SIZES: [Size; 3] = [("0.9M", 4, 4, 128, 512), ("10M", 6, 6, 360, 2_048), ("124M", 12, 12, 768, 50_257)];

/// Matrices of one product, M×K by K×N.
pub struct Matrices {
    size: (usize, usize, usize),
    out: Span,
    a: Span,
    b: Span,
}

impl Matrices {
    pub fn new(compute: &mut impl Compute, size: (usize, usize, usize)) -> Self {
        let (m, k, n) = size;
        let mut alloc = |len| compute.alloc(len).expect("room");
        let (out, a, b) = (alloc(m * n), alloc(m * k), alloc(k * n));
        // Not one number throughout: a device multiplies zeros and equals faster than it does real data.
        let mut random = Random::new(1);
        for span in [a, b] {
            let noise: Vec<f32> = (0..span.len).map(|_| random.unit() as f32 - 0.5).collect();
            compute.write(span, &noise);
        }
        Self { size, out, a, b }
    }

    /// Queues [`QUEUED`] of the product, and waits until all are done.
    pub async fn multiply(&self, compute: &mut impl Compute, form: Form) {
        let (m, k, n) = self.size;
        for _ in 0..QUEUED {
            compute.matmul(self.out, self.a, self.b, Product { form, m, k, n }, Epilogue::Store);
        }
        compute.read(self.out.first(1)).await.expect("the device");
    }

    pub fn free(self, compute: &mut impl Compute) {
        for span in [self.out, self.a, self.b] {
            compute.free(span);
        }
    }
}

fn pair(texts: &[Text]) -> Item<'_> {
    Item::Pair(PairItem { chosen: &texts[0], rejected: &texts[1], ref_chosen: -200.0, ref_rejected: -200.0 })
}

/// A training by DPO, every weight of it.
pub struct Training {
    trainer: Trainer,
    texts: Vec<Text>,
}

impl Training {
    pub fn new(compute: &mut impl Compute, (_, layers, heads, width, words): Size) -> Self {
        let config = Config::new(layers, heads, width, TIME, words).expect("a configuration");
        let model = Gpt2::new(compute, config, (TEXTS, TIME), true).expect("room");
        let mut random = Random::new(1);
        for span in model.params.buffers.clone() {
            let noise: Vec<f32> = (0..span.len).map(|_| 0.04 * (random.unit() as f32 - 0.5)).collect();
            compute.write(span, &noise);
        }
        let mut text = || Text { ids: (0..TIME).map(|_| random.below(words as u32)).collect(), prompt: TIME / 2 };
        let texts = (0..TEXTS).map(|_| text()).collect();
        let objective = Objective::Preference { loss: Loss::Dpo, lambda: 0.1, length: Length::Sum };
        let trainer = Trainer::new(compute, model, None, objective, Optimiser::default()).expect("room");
        Self { trainer, texts }
    }

    /// One whole step, waited for.
    pub async fn step(&mut self, compute: &mut impl Compute) {
        let items: Vec<Item> = self.texts.chunks_exact(2).map(pair).collect();
        self.trainer.step(compute, &items).await.expect("a step");
    }

    /// What a step reads once everything is computed: the one read of a step, alone.
    pub async fn read(&self, compute: &mut impl Compute) {
        let scored = self.trainer.model.log_prob_span().expect("a forward");
        compute.read(scored).await.expect("the device");
    }

    pub fn free(self, compute: &mut impl Compute) {
        self.trainer.into_model(compute).free(compute);
    }
}
