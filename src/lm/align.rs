//! Fine-tuning with a preference loss: what goes back through the network is `∂ loss / ∂ log π(text)`, from [`crate::loss`]
//! through [`super::objective`].

use super::compute::{Compute, Moments, Span};
use super::gpt2::{Gpt2, ModelError, Text};
use super::gradients::Gradients;
use super::lora::Lora;
use super::objective::{Item, Metrics, Objective, Shares};
use super::optimiser::Optimiser;
use super::tensors::Arenas;
use crate::loss::Loss;

/// A model under training.
#[derive(Debug)]
pub struct Trainer {
    /// The model, made to be trained.
    pub model: Gpt2,
    /// What is minimised.
    pub objective: Objective,
    /// How.
    pub optimiser: Optimiser,
    /// Of the model's weights, or of adapters where only they are trained.
    pub grads: Gradients,
    moments: [Arenas; 2],
    /// One number: the gradient's squared norm.
    squares: Span,
    step: u32,
}

impl Trainer {
    /// With running means of zero.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(
        compute: &mut impl Compute,
        model: Gpt2,
        lora: Option<Lora>,
        objective: Objective,
        optimiser: Optimiser,
    ) -> Result<Self, ModelError> {
        let grads = match lora {
            Some(lora) => Gradients::Adapters(lora),
            None => Gradients::whole(compute, &model.config, &model.params)?,
        };
        let moments = [grads.arenas().like(compute)?, grads.arenas().like(compute)?];
        let squares = compute.alloc(1)?;
        Ok(Self { model, objective, optimiser, grads, moments, squares, step: 0 })
    }

    /// Steps done.
    pub fn step_count(&self) -> u32 {
        self.step
    }

    /// One AdamW step on a batch, in as many passes as the model's capacity asks for.
    ///
    /// # Errors
    /// Where a text is refused or the device is lost; no step is taken then.
    pub async fn step(&mut self, compute: &mut impl Compute, items: &[Item<'_>]) -> Result<Metrics, ModelError> {
        let metrics = self.gradients(compute, items).await?;
        self.apply(compute);
        Ok(Metrics { step: self.step, ..metrics })
    }

    /// The batch's loss and numbers; its gradient goes into [`Self::grads`].
    ///
    /// # Errors
    /// As [`Self::step`].
    pub async fn gradients(&mut self, compute: &mut impl Compute, items: &[Item<'_>]) -> Result<Metrics, ModelError> {
        let mut shares = Shares::of(items);
        let on_policy = matches!(self.objective, Objective::Preference { loss: Loss::Rlhf(_), .. });
        if on_policy {
            // One sample alone would be its own baseline, and pull at nothing.
            shares.baseline = if items.len() > 1 { self.baseline(compute, items).await? } else { 0.0 };
        }
        let mut metrics = Metrics::default();
        self.grads.zero(compute);
        for part in passes(items, self.model.capacity().0) {
            let logp = self.forward(compute, part, &mut metrics).await?;
            let mut rest = logp.as_slice();
            let mut coefficients = Vec::with_capacity(logp.len());
            for item in part {
                let (own, after) = rest.split_at(item.texts().count());
                coefficients.extend(self.objective.slopes(*item, own, shares, &mut metrics));
                metrics.observe(*item, own, shares, on_policy);
                rest = after;
            }
            self.model.backward(compute, &coefficients, &self.grads);
        }
        metrics.leave_out(shares);
        Ok(metrics)
    }

    /// The mean slope of a batch's samples. Subtracting it leaves the expected gradient's direction, for `E[∇ log π] = 0`; of n
    /// samples each has a share in it, which takes 1/n off the length.
    async fn baseline(&mut self, compute: &mut impl Compute, items: &[Item<'_>]) -> Result<f64, ModelError> {
        let shares = Shares::of(items);
        let (mut total, mut unused) = (0.0, Metrics::default());
        for part in passes(items, self.model.capacity().0) {
            let logp = self.forward(compute, part, &mut unused).await?;
            for (item, logp) in part.iter().zip(logp) {
                total += self.objective.slopes(*item, &[logp], shares, &mut unused)[0];
            }
        }
        Ok(total)
    }

    /// Summed log-probabilities of a pass's texts.
    async fn forward(
        &mut self,
        compute: &mut impl Compute,
        items: &[Item<'_>],
        metrics: &mut Metrics,
    ) -> Result<Vec<f64>, ModelError> {
        let texts: Vec<&Text> = items.iter().flat_map(|item| item.texts()).collect();
        metrics.tokens += texts.iter().map(|t| t.ids.len() as u64).sum::<u64>();
        self.model.forward(compute, &texts)?;
        let tokens = self.model.log_probs(compute).await?;
        Ok(tokens.iter().map(|list| list.iter().sum()).collect())
    }

    /// Clips and applies the gradient.
    fn apply(&mut self, compute: &mut impl Compute) {
        self.step += 1;
        let (params, grads) = match &self.grads {
            Gradients::Whole(_) => (&self.model.params, self.grads.arenas()),
            Gradients::Adapters(lora) => (&lora.params, &lora.grads),
        };
        compute.fill(self.squares, 0.0);
        for buffer in &grads.buffers {
            compute.sum_squares(self.squares, *buffer);
        }
        let step = self.optimiser.adamw(self.step);
        let moments = self.moments[0].buffers.iter().zip(&self.moments[1].buffers);
        for ((params, grads), (m, v)) in params.buffers.iter().zip(&grads.buffers).zip(moments) {
            compute.adamw(*params, *grads, Moments { m: *m, v: *v }, self.squares, &step);
        }
        if let Gradients::Adapters(lora) = &self.grads {
            lora.push(compute);
        }
    }

    /// Gives back all but the model.
    pub fn into_model(self, compute: &mut impl Compute) -> Gpt2 {
        for buffer in self.moments.into_iter().flat_map(|arenas| arenas.buffers) {
            compute.free(buffer);
        }
        compute.free(self.squares);
        self.grads.free(compute);
        self.model
    }
}

/// Items in order, as many at a time as `most` texts allow; a pair stays together.
fn passes<'i, 'a>(items: &'i [Item<'a>], most: usize) -> impl Iterator<Item = &'i [Item<'a>]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut texts = 0;
        let fit = rest.iter().take_while(|item| {
            texts += item.texts().count();
            texts <= most
        });
        // At least one: the model itself says where even that is too much.
        let (pass, after) = rest.split_at(fit.count().max(1).min(rest.len()));
        rest = after;
        (!pass.is_empty()).then_some(pass)
    })
}

/// Summed log-probabilities of texts, in their order: π_ref's, once for a data set.
///
/// # Errors
/// Where a text is refused or the device is lost.
pub async fn score(compute: &mut impl Compute, model: &mut Gpt2, texts: &[&Text]) -> Result<Vec<f64>, ModelError> {
    let mut scores = Vec::with_capacity(texts.len());
    for part in texts.chunks(model.capacity().0) {
        model.forward(compute, part)?;
        let tokens = model.log_probs(compute).await?;
        scores.extend(tokens.iter().map(|list| list.iter().sum::<f64>()));
    }
    Ok(scores)
}

#[cfg(test)]
mod tests {
    use super::super::objective::PairItem;
    use super::*;

    #[test]
    fn passes_keep_pairs_together_and_lose_nothing() {
        let text = Text { ids: vec![1, 2], prompt: 1 };
        let pair = PairItem { chosen: &text, rejected: &text, ref_chosen: 0.0, ref_rejected: 0.0 };
        let items = [Item::Pair(pair), Item::Pair(pair), Item::Imitate(&text), Item::Pair(pair)];
        let sizes = |most| passes(&items, most).map(<[Item]>::len).collect::<Vec<_>>();
        assert_eq!(sizes(7), [4]);
        assert_eq!(sizes(5), [3, 1]);
        assert_eq!(sizes(3), [1, 2, 1]);
        assert_eq!(sizes(1), [1, 1, 1, 1]);
    }
}
