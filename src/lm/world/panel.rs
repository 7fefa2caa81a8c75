//! The policy over the three responses, read off a model.

use super::Prompt;
use crate::lm::align::score;
use crate::lm::compute::Compute;
use crate::lm::gpt2::{Gpt2, ModelError, Text};
use crate::lm::tokenizer::Tokenizer;
use crate::simplex;

/// What a model says to one question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Log-probabilities of the three responses among themselves.
    pub log_pi: [f64; 3],
    /// The probability of saying anything else; at least 0, whatever rounding says.
    pub other: f64,
}

impl Policy {
    /// From the whole responses' log-probabilities.
    fn of(scores: &[f64]) -> Self {
        let mut log_pi = [scores[0], scores[1], scores[2]];
        let other = (1.0 - log_pi.iter().map(|l| l.exp()).sum::<f64>()).max(0.0);
        simplex::normalise_logs(&mut log_pi);
        Self { log_pi, other }
    }

    /// The mean of some policies' probabilities.
    pub fn mean(policies: &[Self]) -> Self {
        let n = policies.len() as f64;
        let share = |of: &dyn Fn(&Self) -> f64| policies.iter().map(of).sum::<f64>() / n;
        Self { log_pi: std::array::from_fn(|k| share(&|p| p.log_pi[k].exp()).ln()), other: share(&|p| p.other) }
    }

    /// The three probabilities.
    pub fn pi(&self) -> [f64; 3] {
        self.log_pi.map(f64::exp)
    }
}

/// Questions with their responses, encoded once and read as often as a model changes.
#[derive(Debug, Clone)]
pub struct Panel {
    /// Three a question.
    texts: Vec<Text>,
}

impl Panel {
    /// Of these questions.
    pub fn new(tokenizer: &Tokenizer, prompts: &[Prompt]) -> Self {
        let texts = prompts.iter().flat_map(|prompt| {
            let ids = tokenizer.encode(&prompt.text());
            prompt.responses().map(|response| Text {
                ids: [ids.as_slice(), &tokenizer.encode(&response)].concat(),
                prompt: ids.len(),
            })
        });
        Self { texts: texts.collect() }
    }

    /// The longest text, in tokens: what a model must have room for.
    pub fn longest(&self) -> usize {
        self.texts.iter().map(|text| text.ids.len()).max().unwrap_or(0)
    }

    /// The policy at each question.
    ///
    /// # Errors
    /// Where a text is longer than the model was made for, or the device is lost.
    pub async fn read(&self, compute: &mut impl Compute, model: &mut Gpt2) -> Result<Vec<Policy>, ModelError> {
        let scores = score(compute, model, &self.texts.iter().collect::<Vec<_>>()).await?;
        Ok(scores.chunks_exact(3).map(Policy::of).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_response_is_counted_apart() {
        let policy = Policy::of(&[0.45f64, 0.3, 0.15].map(f64::ln));
        assert!((policy.other - 0.1).abs() < 1e-12);
        assert!((policy.pi()[0] - 0.5).abs() < 1e-12);
        let mean = Policy::mean(&[policy, Policy::of(&[0.1f64, 0.2, 0.7].map(f64::ln))]);
        assert!((mean.pi()[0] - 0.3).abs() < 1e-12 && (mean.other - 0.05).abs() < 1e-12);
    }
}
