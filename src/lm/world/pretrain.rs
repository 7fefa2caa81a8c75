//! How the shipped model is made: a vocabulary and a GPT-2 of its own, from the world's texts alone.

use super::{Family, Fillers, Prompt};
use crate::lm::align::Trainer;
use crate::lm::compute::Compute;
use crate::lm::config::Config;
use crate::lm::epochs::Epochs;
use crate::lm::gpt2::{Gpt2, ModelError, Text};
use crate::lm::objective::{Item, Metrics, Objective};
use crate::lm::optimiser::{Optimiser, Schedule};
use crate::lm::tokenizer::Tokenizer;
use crate::preference::Random;

/// Every seen question ten times, its answers in π_ref's shares to the last text, so that nothing is left to the luck of a draw.
pub fn corpus() -> Vec<(Prompt, usize)> {
    let mut texts = Vec::new();
    for prompt in Family::ALL.iter().flat_map(|family| Prompt::all(*family, Fillers::Seen)) {
        for (response, share) in prompt.family.pi_ref().into_iter().enumerate() {
            let times = (10.0 * share).round() as usize;
            texts.extend(std::iter::repeat_n((prompt, response), times));
        }
    }
    texts
}

/// Bytes, and what the corpus joins most often.
pub fn vocabulary() -> Tokenizer {
    let corpus = corpus();
    let texts: Vec<String> = corpus
        .iter()
        .map(|(prompt, response)| format!("{} {}", prompt.text(), prompt.family.answers()[*response]))
        .collect();
    Tokenizer::learn(texts.iter().map(String::as_str), VOCABULARY)
}

const VOCABULARY: usize = 512;
const LAYERS: usize = 4;
const HEADS: usize = 4;
const CHANNELS: usize = 64;
/// The longest text that the model can read, in tokens.
const POSITIONS: usize = 64;

/// The standard deviation of new weights, as in GPT-2.
const SPREAD: f64 = 0.02;

/// How it is trained: every token of every text is predicted, AdamW, half a cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Steps.
    pub steps: u32,
    /// Texts a step.
    pub batch_size: usize,
    /// The highest rate.
    pub learning_rate: f64,
    /// Of the weights and of the texts' order.
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { steps: 1_800, batch_size: 32, learning_rate: 3e-3, seed: 0 }
    }
}

impl Recipe {
    fn optimiser(&self) -> Optimiser {
        Optimiser {
            learning_rate: self.learning_rate,
            clip_norm: 1.0,
            warmup_steps: self.steps / 20,
            schedule: Schedule::Cosine,
            steps: self.steps,
            ..Optimiser::default()
        }
    }
}

/// The training under way.
#[derive(Debug)]
pub struct Pretraining {
    trainer: Trainer,
    /// The corpus, each text scored from its second token on.
    texts: Vec<Text>,
    epochs: Epochs,
    batch_size: usize,
}

impl Pretraining {
    /// A new model, its weights drawn.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn start(compute: &mut impl Compute, tokenizer: &Tokenizer, recipe: &Recipe) -> Result<Self, ModelError> {
        let text = |(prompt, response): (Prompt, usize)| {
            let whole = prompt.text() + &prompt.responses()[response];
            Text { ids: tokenizer.encode(&whole), prompt: 0 }
        };
        let texts: Vec<Text> = corpus().into_iter().map(text).collect();
        let config = Config::new(LAYERS, HEADS, CHANNELS, POSITIONS, tokenizer.vocabulary());
        let config = config.map_err(|e| ModelError::Input(e.to_string()))?;
        let model = Gpt2::new(compute, config, (recipe.batch_size, POSITIONS), true)?;
        draw(compute, &model, &mut Random::new(recipe.seed));
        let trainer = Trainer::new(compute, model, None, Objective::Sft, recipe.optimiser())?;
        let epochs = Epochs::new(texts.len(), recipe.seed);
        Ok(Self { trainer, texts, epochs, batch_size: recipe.batch_size })
    }

    /// One step on the next texts.
    ///
    /// # Errors
    /// Where the device is lost.
    pub async fn step(&mut self, compute: &mut impl Compute) -> Result<Metrics, ModelError> {
        let chosen = self.epochs.batch(self.batch_size);
        let items: Vec<Item> = chosen.iter().map(|k| Item::Imitate(&self.texts[*k])).collect();
        self.trainer.step(compute, &items).await
    }

    /// Ends the training: the model.
    pub fn into_model(self, compute: &mut impl Compute) -> Gpt2 {
        self.trainer.into_model(compute)
    }
}

/// GPT-2's start: normal weights, those that end in the residual stream smaller by √(2 · layers), norms one, biases zero.
fn draw(compute: &mut impl Compute, model: &Gpt2, random: &mut Random) {
    for (name, shape) in model.config.tensors() {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| match name.as_str() {
                _ if name.ends_with("bias") => 0.0,
                _ if name.contains("ln_") => 1.0,
                _ if name.ends_with("c_proj.weight") => (normal(random) * SPREAD / (2.0 * LAYERS as f64).sqrt()) as f32,
                _ => (normal(random) * SPREAD) as f32,
            })
            .collect();
        model.write(compute, &name, &values);
    }
}

/// A standard normal draw, by Box and Muller.
fn normal(random: &mut Random) -> f64 {
    let radius = (-2.0 * (1.0 - random.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.unit()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_the_reference_shares_exactly() {
        let corpus = corpus();
        assert_eq!(corpus.len(), 5120);
        for family in Family::ALL {
            for (k, share) in family.pi_ref().into_iter().enumerate() {
                let times = corpus.iter().filter(|(p, response)| p.family == family && *response == k).count();
                assert_eq!(times as f64, (share * 2560.0).round());
            }
        }
    }

    #[test]
    fn every_text_fits_the_model_and_held_out_words_are_spelt_from_known_parts() {
        let tokenizer = vocabulary();
        assert_eq!(tokenizer.vocabulary(), VOCABULARY);
        for fillers in Fillers::ALL {
            for prompt in Family::ALL.iter().flat_map(|family| Prompt::all(*family, fillers)) {
                for response in prompt.responses() {
                    let text = prompt.text() + &response;
                    let ids = tokenizer.encode(&text);
                    assert!(ids.len() <= POSITIONS, "{text}: {}", ids.len());
                    assert_eq!(tokenizer.decode(&ids), text);
                }
            }
        }
    }
}
