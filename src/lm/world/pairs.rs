//! What travellers prefer, drawn from π*, and a fine-tuning on it.

use super::{Family, Fillers, Prompt};
use crate::lm::compute::Compute;
use crate::lm::gpt2::{Gpt2, ModelError};
use crate::lm::objective::Objective;
use crate::lm::pairs::{Pair, Parts};
use crate::lm::reward::Rewards;
use crate::lm::run::{PairTexts, Run, Settings};
use crate::lm::sample::Sampling;
use crate::lm::tokenizer::Tokenizer;
use crate::loss::{Loss, Reward};
use crate::preference::{Random, win_probability};

/// One labelled comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    /// What was asked.
    pub prompt: Prompt,
    /// Which response won: 0, 1 or 2.
    pub chosen: usize,
    /// Which lost.
    pub rejected: usize,
}

impl Preference {
    /// As text.
    pub fn pair(&self) -> Pair {
        let responses = self.prompt.responses();
        let [chosen, rejected] = [self.chosen, self.rejected].map(|k| responses[k].clone());
        Pair::Text(Parts { prompt: self.prompt.text(), chosen, rejected })
    }
}

/// `n` comparisons of seen questions, the families in turn, every pair of responses equally likely, the winner drawn by Bradley–Terry.
pub fn preferences(n: usize, seed: u64) -> Vec<Preference> {
    let mut random = Random::new(seed);
    let prompts = Family::ALL.map(|family| Prompt::all(family, Fillers::Seen));
    (0..n).map(|k| preference(&prompts[k % 2], &mut random)).collect()
}

fn preference(prompts: &[Prompt], random: &mut Random) -> Preference {
    let prompt = prompts[random.below(prompts.len() as u32) as usize];
    let i = random.below(3) as usize;
    let j = (i + 1 + random.below(2) as usize) % 3;
    let star = prompt.family.pi_star();
    let first_won = random.unit() < win_probability(star[i].ln(), star[j].ln());
    let (chosen, rejected) = if first_won { (i, j) } else { (j, i) };
    Preference { prompt, chosen, rejected }
}

/// How π_ref is sampled here: as it is. The paper's top_p of 0.8 would never draw the third answer.
pub fn sampling(tokenizer: &Tokenizer) -> Sampling {
    let longest = Family::ALL.iter().flat_map(|f| f.answers()).map(|a| tokenizer.encode(a).len()).max();
    // A space before it and the end behind.
    let max_tokens = longest.unwrap_or(0) + 2;
    Sampling { max_tokens, stop: tokenizer.end(), ..Sampling::PLAIN }
}

/// `r* = ln π*` of every seen question's responses. Anything else is as bad as a response of one in ten thousand.
pub fn rewards(tokenizer: &Tokenizer) -> Rewards {
    let mut known = Vec::new();
    for prompt in Family::ALL.iter().flat_map(|family| Prompt::all(*family, Fillers::Seen)) {
        let ids = tokenizer.encode(&prompt.text());
        for (response, star) in prompt.responses().iter().zip(prompt.family.pi_star()) {
            known.push(([ids.as_slice(), &tokenizer.encode(response)].concat(), star.ln()));
        }
    }
    Rewards::known(known, 1e-4f64.ln())
}

/// A fine-tuning of a model of this world on `n` comparisons drawn by the settings' seed. RLHF is rewarded by the known r*,
/// unless its reward is to be fitted to them.
///
/// # Errors
/// As [`Run::start`].
pub async fn start(
    compute: &mut impl Compute,
    model: Gpt2,
    tokenizer: &Tokenizer,
    n: usize,
    settings: Settings,
    go_on: impl AsyncFnMut(f64) -> bool,
) -> Result<Run, ModelError> {
    let ids = |preference: Preference| preference.pair().ids(tokenizer).map_err(ModelError::Input);
    let pairs = preferences(n, settings.seed).into_iter().map(|p| ids(p).map(PairTexts::from));
    let is_fitted = matches!(settings.objective, Objective::Preference { loss: Loss::Rlhf(Reward::Fitted), .. });
    let run = Run::start(compute, model, pairs.collect::<Result<_, _>>()?, settings, go_on).await?;
    Ok(if is_fitted { run } else { run.rewarded_by(rewards(tokenizer)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_follow_bradley_terry_and_their_seed() {
        let n = 60_000;
        let drawn = preferences(n, 7);
        assert_eq!(drawn[..100], preferences(100, 7));
        assert_ne!(drawn[..100], preferences(100, 8));
        for family in Family::ALL {
            let star = family.pi_star();
            for (i, j) in [(0, 1), (0, 2), (1, 2)] {
                let of = |w, l| {
                    let is = |p: &&Preference| p.prompt.family == family && (p.chosen, p.rejected) == (w, l);
                    drawn.iter().filter(is).count() as f64
                };
                let (wins, losses) = (of(i, j), of(j, i));
                // Four standard deviations: of n draws that are this pair with probability 1/6, and of its 10,000 labels.
                assert!((wins + losses - n as f64 / 6.0).abs() < 4.0 * (n as f64 * 5.0 / 36.0).sqrt());
                assert!((wins / (wins + losses) - star[i] / (star[i] + star[j])).abs() < 4.0 * 0.5 / 100.0);
            }
        }
    }

    #[test]
    fn rewards_are_those_of_pi_star_and_far_lower_for_anything_else() {
        use crate::lm::gpt2::Text;
        let tokenizer = Tokenizer::learn([], 257);
        let prompt = Prompt::all(Family::Bad, Fillers::Seen)[3];
        let (ids, rewards) = (tokenizer.encode(&prompt.text()), rewards(&tokenizer));
        let of = |response: &str| {
            rewards.reward(&Text { ids: [ids.clone(), tokenizer.encode(response)].concat(), prompt: ids.len() })
        };
        assert_eq!(prompt.responses().map(|r| of(&r)), prompt.family.pi_star().map(f64::ln));
        assert_eq!(of(" Eat."), 1e-4f64.ln());
    }
}
