//! What is minimised over a batch: its loss, the slopes in its texts' log-probabilities, and what a step tells.
//!
//! A step takes a batch of [`Item`]s. A loss is the mean over its pairs plus, where it has one, the mean over samples:
//! - SFT: `−Σ log π / Σ tokens` over the chosen responses;
//! - DPO, IPO, f-DPO and every other QPO loss: the pair part;
//! - TYPO: the pair part, and `λ (log π_ref − log π)` on samples of π_ref, whose mean estimates `λ KL(π_ref ‖ π)` (17);
//! - RLHF: REINFORCE on samples of π, whose cost is `−r + λ (log π − log π_ref)`, less the batch's mean as baseline.
//!
//! No formula of a loss stands here: a draw is an action of weight one.

use super::gpt2::Text;
use crate::loss::{Action, Loss, Pair, PairSlopes};

/// How a response's log-probability enters a pair's loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Length {
    /// Summed over its tokens: the sequence's own log-probability, as in the paper.
    #[default]
    Sum,
    /// The mean over its tokens, for both policies: IPO's other form.
    Mean,
}

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Objective {
    /// Supervised fine-tuning on the chosen responses.
    Sft,
    /// A preference loss.
    Preference {
        /// Which.
        loss: Loss,
        /// Its λ.
        lambda: f64,
        /// Sum or mean.
        length: Length,
    },
}

/// A labelled pair, with π_ref's summed log-probabilities.
#[derive(Debug, Clone, Copy)]
pub struct PairItem<'a> {
    /// y_w.
    pub chosen: &'a Text,
    /// y_l.
    pub rejected: &'a Text,
    /// `log π_ref(y_w|x)`.
    pub ref_chosen: f64,
    /// `log π_ref(y_l|x)`.
    pub ref_rejected: f64,
}

/// One part of a batch.
#[derive(Debug, Clone, Copy)]
pub enum Item<'a> {
    /// A text to imitate.
    Imitate(&'a Text),
    /// A labelled pair.
    Pair(PairItem<'a>),
    /// A sample: of π_ref for TYPO, of π for RLHF.
    Sample {
        /// Prompt and sampled response.
        text: &'a Text,
        /// `log π_ref(y|x)`.
        log_ref: f64,
        /// RLHF's reward, in nats.
        reward: f64,
    },
}

impl<'a> Item<'a> {
    pub(super) fn texts(self) -> impl Iterator<Item = &'a Text> {
        let (one, two) = match self {
            Self::Imitate(text) | Self::Sample { text, .. } => (text, None),
            Self::Pair(pair) => (pair.chosen, Some(pair.rejected)),
        };
        std::iter::once(one).chain(two)
    }
}

/// How many of each kind a batch holds: what means are taken over.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Shares {
    pub(super) pairs: f64,
    pub(super) samples: f64,
    pub(super) tokens: f64,
    /// Subtracted from each sample's slope: RLHF's baseline.
    pub(super) baseline: f64,
}

impl Shares {
    pub(super) fn of(items: &[Item]) -> Self {
        let mut shares = Self::default();
        for item in items {
            match item {
                Item::Imitate(text) => shares.tokens += text.scored() as f64,
                Item::Pair(_) => shares.pairs += 1.0,
                Item::Sample { .. } => shares.samples += 1.0,
            }
        }
        shares
    }
}

impl Objective {
    /// Adds an item's share of the loss to `report` and gives the slopes in its texts' log-probabilities.
    pub(super) fn slopes(self, item: Item, logp: &[f64], shares: Shares, report: &mut Metrics) -> Vec<f64> {
        match (item, self) {
            (Item::Imitate(_), _) => {
                report.loss -= logp[0] / shares.tokens;
                vec![-1.0 / shares.tokens]
            }
            (Item::Pair(pair), Self::Preference { loss, lambda, length }) => {
                let PairSlopes { value, d_chosen, d_rejected } = pair_slopes(loss, lambda, length, pair, logp);
                report.loss += value / shares.pairs;
                vec![d_chosen / shares.pairs, d_rejected / shares.pairs]
            }
            (Item::Sample { log_ref, reward, .. }, Self::Preference { loss, lambda, .. }) => {
                let part = loss.action_part(draw(logp[0], log_ref, reward), lambda).unwrap_or_default();
                report.loss += part.value / shares.samples;
                vec![(part.slope - shares.baseline) / shares.samples]
            }
            (Item::Pair(_) | Item::Sample { .. }, Self::Sft) => vec![0.0; logp.len()],
        }
    }
}

/// A draw as an action: it has come, so it weighs one under the policy that drew it.
fn draw(log_pi: f64, log_ref: f64, reward: f64) -> Action {
    Action { pi: 1.0, log_pi, pi_ref: 1.0, log_ref, reward }
}

fn pair_slopes(loss: Loss, lambda: f64, length: Length, item: PairItem, logp: &[f64]) -> PairSlopes {
    let tokens = |text: &Text| match length {
        Length::Sum => 1.0,
        Length::Mean => text.scored() as f64,
    };
    let (w, l) = (tokens(item.chosen), tokens(item.rejected));
    let pair = Pair {
        logp_chosen: logp[0] / w,
        logp_rejected: logp[1] / l,
        ref_chosen: item.ref_chosen / w,
        ref_rejected: item.ref_rejected / l,
    };
    let slopes = loss.pair(pair, lambda);
    PairSlopes { d_chosen: slopes.d_chosen / w, d_rejected: slopes.d_rejected / l, ..slopes }
}

/// What a step tells. Means over the batch; NaN, which JSON writes as null, where the batch has nothing to say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metrics {
    /// 1 for the first.
    pub step: u32,
    /// The loss before the step, in nats for the logistic losses.
    pub loss: f64,
    /// Mean `log π(y_w|x)`, in nats.
    pub logp_chosen: f64,
    /// Mean `log π(y_l|x)`, in nats.
    pub logp_rejected: f64,
    /// Mean `Δ = log(π/π_ref)(y_w) − log(π/π_ref)(y_l)`, in nats.
    pub margin: f64,
    /// Share of pairs with Δ > 0.
    pub accuracy: f64,
    /// Estimate in nats. With samples of π_ref: `KL(π_ref ‖ π)`; with RLHF's samples of π: `KL(π ‖ π_ref)`; with pairs alone
    /// their responses stand for samples of π_ref, as in equation (1).
    pub kl_ref: f64,
    /// Tokens that went forward and back.
    pub tokens: u64,
}

impl Metrics {
    /// Of what a batch did not hold nothing is known.
    pub(super) fn leave_out(&mut self, shares: Shares) {
        if shares.pairs == 0.0 {
            [self.logp_rejected, self.margin, self.accuracy] = [f64::NAN; 3];
            if shares.tokens == 0.0 {
                self.logp_chosen = f64::NAN;
            }
            if shares.samples == 0.0 {
                self.kl_ref = f64::NAN;
            }
        }
    }

    /// Takes in what the loss does not: margins, accuracy, divergence.
    pub(super) fn observe(&mut self, item: Item, logp: &[f64], shares: Shares, on_policy: bool) {
        match item {
            Item::Imitate(text) => self.logp_chosen += logp[0] * text.scored() as f64 / shares.tokens,
            Item::Pair(pair) => {
                let (w, l) = (logp[0] - pair.ref_chosen, logp[1] - pair.ref_rejected);
                self.logp_chosen += logp[0] / shares.pairs;
                self.logp_rejected += logp[1] / shares.pairs;
                self.margin += (w - l) / shares.pairs;
                self.accuracy += f64::from(w > l) / shares.pairs;
                if shares.samples == 0.0 {
                    self.kl_ref -= 0.5 * (w + l) / shares.pairs;
                }
            }
            Item::Sample { log_ref, .. } => {
                let ratio = if on_policy { logp[0] - log_ref } else { log_ref - logp[0] };
                self.kl_ref += ratio / shares.samples;
            }
        }
    }
}
