//! What exact minimisers cost, counted in Newton minimisations, so that a page can tell beforehand what it can wait for.

use super::{exact, scores};
use crate::loss::{Loss, Mu, PairPart, Psi, Reward, Score};
use crate::spec::WeightDecay;

/// Newton minimisations, at most, on any data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// To prepare a prompt.
    pub once: u64,
    /// For each of its minimisers.
    pub each: u64,
}

impl Cost {
    /// Of a loss's [`super::ExactSolver`].
    pub fn of(loss: Loss, decay: WeightDecay) -> Self {
        let threshold = if matches!(loss, Loss::Qpo(Psi::Threshold, _)) { scores::fit_cost(Psi::Threshold) } else { 0 };
        let searches = if loss == Loss::Typo || decay.alpha > 0.0 { exact::searches(loss, decay) } else { 0 };
        let once = match (loss, loss.pair_part()) {
            (Loss::Rlhf(Reward::Fitted), _) => scores::fit_cost(Psi::Logistic),
            (_, Some(PairPart { psi, score: Score::Ratio(Mu::Log | Mu::FPrime(_)) })) => scores::fit_cost(psi),
            _ => 0,
        };
        Self { once, each: threshold + searches }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::divergence::Divergence;
    use crate::preference::Pairing;
    use crate::solve::{ExactSolver, newton};
    use crate::spec::{DecayOn, Preferences, Preset, Problem};

    #[test]
    fn no_loss_takes_more_searches_than_its_cost_says() {
        let mus = [Mu::Log, Mu::FPrime(Divergence::JensenShannon)];
        let designed = Psi::ALL.into_iter().flat_map(|psi| mus.map(|mu| Loss::Qpo(psi, mu)));
        let losses = Loss::ALL.into_iter().chain([Loss::Rlhf(Reward::Fitted)]).chain(designed);
        let counts = vec![vec![vec![0.0, 3.0, 1.0], vec![1.0, 0.0, 2.0], vec![0.0, 1.0, 0.0]]];
        let data = [Preferences::Population { pairing: Pairing::Uniform }, Preferences::Counts { counts }];
        let decays = [(0.0, DecayOn::Logits), (0.01, DecayOn::Logits), (0.01, DecayOn::Policy)];
        for loss in losses {
            for preferences in &data {
                for (alpha, on) in decays {
                    let mut spec = Preset::Figure6.spec();
                    spec.preferences = preferences.clone();
                    spec.weight_decay = WeightDecay { alpha, on };
                    spec.losses = vec![crate::spec::LossSpec { loss, ..spec.losses[0] }];
                    let problem = Problem::new(&spec).expect("data");
                    let cost = Cost::of(loss, spec.weight_decay);
                    newton::searches();
                    let mut solver = ExactSolver::new(&problem, spec.losses[0]);
                    let once = newton::searches();
                    solver.solve();
                    let each = newton::searches();
                    let name = format!("{loss:?} {on:?} {alpha}");
                    assert!(once <= cost.once && each <= cost.each, "{name}: {once} and {each}, {cost:?}");
                }
            }
        }
    }
}
