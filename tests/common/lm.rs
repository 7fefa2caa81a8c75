//! The fixtures of `tests/lm`, and what every device must compute with them as PyTorch and Transformers did.
// Each test program compiles this file for itself and uses its own part of it.
#![allow(dead_code)]

use std::collections::BTreeMap;

use serde_json::Value;
use typo_lab::divergence::Divergence;
use typo_lab::lm::align::{Trainer, score};
use typo_lab::lm::compute::{Compute, Span};
use typo_lab::lm::config::Config;
use typo_lab::lm::gpt2::{Gpt2, Text};
use typo_lab::lm::objective::{Item, Length, Objective, PairItem};
use typo_lab::lm::optimiser::Optimiser;
use typo_lab::lm::sample::Decoder;
use typo_lab::loss::{Loss, Reward};

/// A fixture: a model and what PyTorch computes with it.
pub struct Fixture {
    pub config: Config,
    pub weights: BTreeMap<String, Vec<f32>>,
    pub expected: BTreeMap<String, Vec<f32>>,
    pub cases: Value,
    pub texts: Vec<Text>,
}

pub const NAMES: [&str; 2] = ["small", "odd"];

/// A fixture's files, within the program: a browser reads none.
struct Files {
    config: &'static str,
    cases: &'static str,
    weights: &'static [u8],
    expected: &'static [u8],
    trl_cases: &'static str,
    trl_expected: &'static [u8],
}

macro_rules! files {
    ($folder:literal) => {
        Files {
            config: include_str!(concat!("../lm/", $folder, "/config.json")),
            cases: include_str!(concat!("../lm/", $folder, "/cases.json")),
            weights: include_bytes!(concat!("../lm/", $folder, "/model.safetensors")),
            expected: include_bytes!(concat!("../lm/", $folder, "/expected.safetensors")),
            trl_cases: include_str!(concat!("../lm/", $folder, "/trl.json")),
            trl_expected: include_bytes!(concat!("../lm/", $folder, "/trl.safetensors")),
        }
    };
}

fn files(name: &str) -> Files {
    match name {
        "small" => files!("small"),
        "odd" => files!("odd"),
        _ => panic!("no fixture {name}"),
    }
}

impl Fixture {
    pub fn read(name: &str) -> Self {
        let files = files(name);
        let cases: Value = serde_json::from_str(files.cases).expect("JSON");
        let texts = cases["sequences"].as_array().expect("texts").iter().map(|s| Text {
            ids: s["ids"].as_array().expect("ids").iter().map(|id| id.as_u64().expect("an id") as u32).collect(),
            prompt: s["prompt"].as_u64().expect("a length") as usize,
        });
        Self {
            config: Config::from_text(files.config).expect("a configuration"),
            weights: tensors(files.weights),
            expected: tensors(files.expected),
            texts: texts.collect(),
            cases,
        }
    }

    /// The model on a device, for batches of `batch` texts.
    pub fn model(&self, compute: &mut impl Compute, batch: usize) -> Gpt2 {
        let size = (batch, self.config.n_positions);
        let model = Gpt2::new(compute, self.config.clone(), size, true).expect("room");
        for (name, values) in &self.weights {
            assert!(model.write(compute, name, values), "{name}");
        }
        model
    }

    pub fn all_texts(&self) -> Vec<&Text> {
        self.texts.iter().collect()
    }

    /// The batch of a loss: two pairs, or two samples, or both.
    pub fn items<'a>(&'a self, kind: &str, log_ref: &[f64]) -> Vec<Item<'a>> {
        let t = &self.texts;
        let pair = |k: usize| {
            let (ref_chosen, ref_rejected) = (log_ref[k], log_ref[k + 1]);
            Item::Pair(PairItem { chosen: &t[k], rejected: &t[k + 1], ref_chosen, ref_rejected })
        };
        let reward = |k: usize| self.cases["rewards"][k - 4].as_f64().expect("a reward");
        let sample = |k: usize| Item::Sample { text: &t[k], log_ref: log_ref[k], reward: reward(k) };
        match kind {
            "sft" => vec![Item::Imitate(&t[0]), Item::Imitate(&t[2])],
            "rlhf" => vec![sample(4), sample(5)],
            "typo" => vec![pair(0), sample(4), pair(2), sample(5)],
            _ => vec![pair(0), pair(2)],
        }
    }

    pub fn objective(&self, kind: &str) -> Objective {
        Self::objective_at(kind, self.cases["losses"][kind]["lambda"].as_f64().expect("lambda"))
    }

    fn objective_at(kind: &str, lambda: f64) -> Objective {
        let loss = match kind {
            "sft" => return Objective::Sft,
            "dpo" => Loss::Dpo,
            "ipo" | "ipo-mean" => Loss::Ipo,
            "f-dpo" => Loss::FDpo(Divergence::JensenShannon),
            "typo" => Loss::Typo,
            "rlhf" => Loss::Rlhf(Reward::True),
            _ => panic!("no loss {kind}"),
        };
        let length = if kind == "ipo-mean" { Length::Mean } else { Length::Sum };
        Objective::Preference { loss, lambda, length }
    }

    pub fn optimiser(&self) -> Optimiser {
        let number = |name: &str| self.cases["optimiser"][name].as_f64().expect(name);
        Optimiser {
            learning_rate: number("learning_rate"),
            weight_decay: number("weight_decay"),
            clip_norm: number("clip_norm"),
            ..Optimiser::default()
        }
    }

    pub async fn trainer(&self, compute: &mut impl Compute, kind: &str, batch: usize) -> (Trainer, Vec<f64>) {
        let mut model = self.model(compute, batch);
        let log_ref = score(compute, &mut model, &self.all_texts()).await.expect("scores");
        let trainer = Trainer::new(compute, model, None, self.objective(kind), self.optimiser()).expect("room");
        (trainer, log_ref)
    }
}

pub const KINDS: [&str; 7] = ["sft", "dpo", "ipo", "ipo-mean", "f-dpo", "typo", "rlhf"];

/// A safetensors file of f32: eight bytes of length, a JSON header, the numbers.
fn tensors(bytes: &[u8]) -> BTreeMap<String, Vec<f32>> {
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let data = &bytes[8 + length..];
    let of = |entry: &Value| {
        let offset = |k: usize| entry["data_offsets"][k].as_u64().expect("an offset") as usize;
        let floats = data[offset(0)..offset(1)].chunks_exact(4);
        floats.map(|b| f32::from_le_bytes(b.try_into().expect("four bytes"))).collect()
    };
    let entries = header.as_object().expect("an object").iter().filter(|(name, _)| *name != "__metadata__");
    entries.map(|(name, entry)| (name.clone(), of(entry))).collect()
}

/// ‖a − b‖ / ‖b‖.
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    difference / norm(&mut b.iter().map(|b| f64::from(*b))).max(1e-30)
}

/// A bias of the keys moves all of a query's scores alike, so its gradient is zero but for rounding, and Adam, which divides
/// by its size, turns that rounding into whole steps. It changes no output: it is left out.
fn without_key_bias(tensor: &str, got: &[f32], expected: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let keep = |x: &[f32]| -> Vec<f32> {
        let c = x.len() / 3;
        if tensor.ends_with("c_attn.bias") { [&x[..c], &x[2 * c..]].concat() } else { x.to_vec() }
    };
    (keep(got), keep(expected))
}

/// What a span holds.
pub async fn read(compute: &mut impl Compute, span: Span) -> Vec<f32> {
    compute.read(span).await.expect("the device")
}

/// `log π(text)` of every text, all at once and one at a time: padding must not show.
pub async fn log_probabilities_are_those_of_transformers(compute: &mut impl Compute, accuracy: f64) {
    for name in NAMES {
        let fixture = Fixture::read(name);
        for batch in [6, 1] {
            let mut model = fixture.model(compute, batch);
            let got = score(compute, &mut model, &fixture.all_texts()).await.expect("scores");
            for (got, expected) in got.iter().zip(&fixture.expected["logp"]) {
                assert!((got - f64::from(*expected)).abs() <= accuracy * f64::from(expected.abs()), "{got} {expected}");
            }
            model.free(compute);
        }
    }
}

/// Logits from the cache, however many positions come at once.
pub async fn cached_logits_are_those_of_transformers(compute: &mut impl Compute, accuracy: f64) {
    for name in NAMES {
        let fixture = Fixture::read(name);
        let (v, text) = (fixture.config.vocab_size, &fixture.texts[0].ids);
        for stride in [1, 3, text.len()] {
            let model = fixture.model(compute, 1);
            let mut decoder = Decoder::new(compute, &model, 1, text.len()).expect("room");
            for (k, part) in text.chunks(stride).enumerate() {
                let logits = decoder.feed(compute, &model, part).expect("logits");
                let position = k * stride + part.len() - 1;
                let expected = &fixture.expected["logits"][position * v..][..v];
                let off = distance(&read(compute, logits).await, expected);
                assert!(off < accuracy, "{name} at {position}: {off:e}");
            }
            decoder.free(compute);
            model.free(compute);
        }
    }
}

/// Every loss's value and its gradient in every tensor.
pub async fn gradients_are_those_of_pytorch(compute: &mut impl Compute, accuracy: f64) {
    for name in NAMES {
        let fixture = Fixture::read(name);
        for kind in KINDS {
            let (mut trainer, log_ref) = fixture.trainer(compute, kind, 6).await;
            let metrics = trainer.gradients(compute, &fixture.items(kind, &log_ref)).await.expect("gradients");
            let value = fixture.cases["losses"][kind]["values"][0].as_f64().expect("a value");
            assert!(
                (metrics.loss - value).abs() <= accuracy * value.abs().max(1e-3),
                "{kind}: {} {value}",
                metrics.loss
            );
            for (tensor, span) in &trainer.grads.arenas().spans {
                let expected = &fixture.expected[&format!("{kind}/grad/{tensor}")];
                let (got, expected) = without_key_bias(tensor, &read(compute, *span).await, expected);
                let off = distance(&got, &expected);
                assert!(off < accuracy, "{name} {kind} {tensor}: {off:e}");
            }
            trainer.into_model(compute).free(compute);
        }
    }
}

/// What TRL's DPOTrainer says of the two pairs (`tests/lm/dpo_trainer.py`), with another model as reference: the losses at three λ, and the
/// gradient in every tensor at one.
pub async fn values_and_gradients_are_those_of_trl(compute: &mut impl Compute, accuracy: f64) {
    for name in NAMES {
        let fixture = Fixture::read(name);
        let files = files(name);
        let cases: Value = serde_json::from_str(files.trl_cases).expect("JSON");
        let expected = tensors(files.trl_expected);
        for case in cases.as_array().expect("a list") {
            let (kind, number) = (case["kind"].as_str().expect("a loss"), |of: &Value| of.as_f64().expect("a number"));
            let (lambda, value) = (number(&case["lambda"]), number(&case["value"]));
            let (chosen, rejected) = (&case["ref_chosen"], &case["ref_rejected"]);
            let log_ref = [&chosen[0], &rejected[0], &chosen[1], &rejected[1]].map(number);
            let (model, objective) = (fixture.model(compute, 6), Fixture::objective_at(kind, lambda));
            let mut trainer = Trainer::new(compute, model, None, objective, Optimiser::default()).expect("room");
            let metrics = trainer.gradients(compute, &fixture.items(kind, &log_ref)).await.expect("gradients");
            let off = (metrics.loss - value).abs() / value;
            assert!(off < accuracy, "{name} {kind} at {lambda}: {} {value}", metrics.loss);
            for (tensor, span) in &trainer.grads.arenas().spans {
                let Some(expected) = expected.get(&format!("{kind}/{lambda}/{tensor}")) else { continue };
                let (got, expected) = without_key_bias(tensor, &read(compute, *span).await, expected);
                let off = distance(&got, &expected);
                assert!(off < accuracy, "{name} {kind} {tensor}: {off:e}");
            }
            trainer.into_model(compute).free(compute);
        }
    }
}

/// Ten steps of a loss: the values before each, the trained model's weights and log-probabilities.
pub async fn ten_steps_are_those_of_pytorch(
    compute: &mut impl Compute,
    fixture: &Fixture,
    kind: &str,
    (of_values, of_weights): (f64, f64),
) {
    let (mut trainer, log_ref) = fixture.trainer(compute, kind, 6).await;
    for value in fixture.cases["losses"][kind]["values"].as_array().expect("values") {
        let metrics = trainer.step(compute, &fixture.items(kind, &log_ref)).await.expect("a step");
        let value = value.as_f64().expect("a value");
        // A loss near zero is still a difference of log-probabilities of some tens of nats: those carry the digits.
        let parts = [metrics.logp_chosen, metrics.logp_rejected].into_iter().filter(|x| x.is_finite());
        let size = value.abs().max(1.0) + parts.map(f64::abs).sum::<f64>();
        assert!((metrics.loss - value).abs() <= of_values * size, "{kind}: {} {value}", metrics.loss);
    }
    for (tensor, span) in &trainer.model.params.spans {
        let got = read(compute, *span).await;
        let (got, expected) = without_key_bias(tensor, &got, &fixture.expected[&format!("{kind}/last/{tensor}")]);
        let off = distance(&got, &expected);
        assert!(off < of_weights, "{kind} {tensor}: {off:e}");
    }
    let got = score(compute, &mut trainer.model, &fixture.all_texts()).await.expect("scores");
    let got: Vec<f32> = got.iter().map(|x| *x as f32).collect();
    let off = distance(&got, &fixture.expected[&format!("{kind}/logp")]);
    assert!(off < of_values, "{kind}: {off:e}");
    trainer.into_model(compute).free(compute);
}
