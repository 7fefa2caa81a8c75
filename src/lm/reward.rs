//! RLHF's reward, from the preferences alone, on the scale of Bradley–Terry's log-odds, equation (3), or known.
//!
//! A response that the data know is rewarded by the log-odds with which it won there, `ln (wins + ½)/(losses + ½)`. Any other
//! is rewarded by a Bradley–Terry fit that gives each token a weight: `r(y) = mean_t w[y_t]`, prompts aside.

use std::collections::HashMap;

use super::gpt2::Text;
use super::run::PairTexts;
use crate::loss::{Loss, Pair};

/// The rewards that a data set implies, or a world's own.
#[derive(Debug)]
pub struct Rewards {
    /// Of prompt and response together, in nats.
    known: HashMap<Vec<u32>, f64>,
    /// Of any other response: this, and the mean weight of its tokens.
    otherwise: f64,
    tokens: HashMap<u32, f64>,
}

/// Pairs that the fit looks at, at most: a second's work.
const LOOKS: usize = 2_000_000;

/// Passes over the data, where they are few.
const PASSES: usize = 50;

impl Rewards {
    /// Of preferences.
    pub fn of(pairs: &[PairTexts]) -> Self {
        let mut records: HashMap<&[u32], (f64, f64)> = HashMap::new();
        for pair in pairs {
            records.entry(&pair.chosen.ids).or_default().0 += 1.0;
            records.entry(&pair.rejected.ids).or_default().1 += 1.0;
        }
        let odds = |(ids, (wins, losses)): (&[u32], (f64, f64))| (ids.to_vec(), ((wins + 0.5) / (losses + 0.5)).ln());
        Self { known: records.into_iter().map(odds).collect(), otherwise: 0.0, tokens: fitted(pairs) }
    }

    /// As given for whole texts, and `otherwise` for all others.
    pub fn known(texts: impl IntoIterator<Item = (Vec<u32>, f64)>, otherwise: f64) -> Self {
        Self { known: texts.into_iter().collect(), otherwise, tokens: HashMap::new() }
    }

    /// r(y), in nats.
    pub fn reward(&self, text: &Text) -> f64 {
        match self.known.get(&text.ids) {
            Some(reward) => *reward,
            None => self.otherwise + linear(&self.tokens, response(text)),
        }
    }
}

fn response(text: &Text) -> &[u32] {
    &text.ids[text.prompt..]
}

/// The mean weight of a response's tokens; one that was never seen weighs nothing.
fn linear(tokens: &HashMap<u32, f64>, response: &[u32]) -> f64 {
    let total: f64 = response.iter().filter_map(|id| tokens.get(id)).sum();
    total / response.len().max(1) as f64
}

/// Weights that minimise `log(1 + e^{r_l − r_w})` over the pairs, which is TYPO's supervised term with r for ln π. AdaGrad,
/// pair after pair, with a little decay, since data that a weight separates have no finite fit.
fn fitted(pairs: &[PairTexts]) -> HashMap<u32, f64> {
    const RATE: f64 = 0.3;
    const DECAY: f64 = 1e-3;
    let mut tokens: HashMap<u32, f64> = HashMap::new();
    let mut squares: HashMap<u32, f64> = HashMap::new();
    for pair in pairs.iter().cycle().take((PASSES * pairs.len()).min(LOOKS)) {
        let (w, l) = (response(&pair.chosen), response(&pair.rejected));
        let scores = Pair {
            logp_chosen: linear(&tokens, w),
            logp_rejected: linear(&tokens, l),
            ref_chosen: 0.0,
            ref_rejected: 0.0,
        };
        let slopes = Loss::Typo.pair(scores, 0.0);
        for (side, slope) in [(w, slopes.d_chosen), (l, slopes.d_rejected)] {
            for id in side {
                let weight = tokens.entry(*id).or_default();
                let gradient = slope / side.len() as f64 + DECAY * *weight;
                let square = squares.entry(*id).or_default();
                *square += gradient * gradient;
                *weight -= RATE * gradient / (square.sqrt() + 1e-12);
            }
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lm::pairs::Parts;

    fn pair(w: &[u32], l: &[u32]) -> PairTexts {
        PairTexts::from(Parts { prompt: vec![9], chosen: w.to_vec(), rejected: l.to_vec() })
    }

    #[test]
    fn known_responses_are_rewarded_by_their_log_odds() {
        let rewards = Rewards::of(&[pair(&[1], &[2]), pair(&[1], &[3]), pair(&[2], &[3])]);
        let of = |y: u32| rewards.reward(&Text { ids: vec![9, y], prompt: 1 });
        assert_eq!([of(1), of(2), of(3)], [5f64.ln(), 0.0, 0.2f64.ln()]);
    }

    #[test]
    fn other_responses_are_rewarded_by_the_tokens_that_won() {
        let rewards = Rewards::of(&[pair(&[1, 5], &[2, 5]), pair(&[1, 6, 6], &[2, 7])]);
        let of = |y: &[u32]| rewards.reward(&Text { ids: [&[9], y].concat(), prompt: 1 });
        assert!(of(&[1, 1]) > of(&[1, 8]) && of(&[1, 8]) > 0.0);
        assert!(of(&[2, 2]) < of(&[2, 8]) && of(&[2, 8]) < 0.0);
        assert_eq!(of(&[8]), 0.0);
    }
}
