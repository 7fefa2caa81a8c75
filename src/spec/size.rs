//! What an experiment may cost in memory, checked before any work: its data always, what a run or a sweep keeps where one is
//! asked for.

use super::{LossSpec, Preferences, Spec, SpecError, SweepOver, limit};

impl Spec {
    /// Whether its data fit.
    pub(super) fn check_data(&self) -> Result<(), SpecError> {
        let (prompts, actions) = (self.prompts.len(), self.actions());
        // Of draws and counts only pairs that occur are kept: as many as there are draws, or as the input holds.
        let is_population = matches!(self.preferences, Preferences::Population { .. });
        let pairs = if is_population { prompts * actions * (actions - 1) / 2 } else { 0 };
        if pairs > limit::COMPARISONS {
            let most = limit::COMPARISONS;
            let message = format!(
                "{prompts} prompts of {actions} actions make {pairs} compared pairs, at most {most} are allowed; use fewer of either, or sampled preferences"
            );
            return Err(SpecError::new("prompts", message));
        }
        let draws = self.preferences.draws() as usize * prompts;
        if draws > limit::ALL_DRAWS {
            let most = limit::ALL_DRAWS;
            let message = format!(
                "{} for each of {prompts} prompts make {draws}, at most {most} are allowed; draw less",
                draws / prompts
            );
            return Err(SpecError::new("preferences.draws", message));
        }
        Ok(())
    }

    /// Training steps over all losses.
    pub fn all_steps(&self) -> u64 {
        self.losses.iter().map(|l| l.steps_under(&self.optimiser)).fold(0, u64::saturating_add)
    }

    /// Probabilities that training records, over all losses.
    pub fn recorded_numbers(&self) -> u64 {
        let snapshots = |l: &LossSpec| l.steps_under(&self.optimiser) / self.optimiser.record_every + 2;
        let all = self.losses.iter().map(snapshots).fold(0, u64::saturating_add);
        all.saturating_mul((self.prompts.len() * self.actions()) as u64)
    }

    /// Whether what training records fits.
    ///
    /// # Errors
    /// Where it records more numbers than are allowed.
    pub fn check_training(&self) -> Result<(), SpecError> {
        let (every, numbers) = (self.optimiser.record_every, self.recorded_numbers());
        within(
            numbers,
            "optimiser.record_every",
            &format!("{every} would record {numbers} numbers"),
            "record less often",
        )
    }

    /// Whether the minimisers of a sweep fit.
    ///
    /// # Errors
    /// Where it keeps more numbers than are allowed.
    pub fn check_sweep(&self) -> Result<(), SpecError> {
        let points = self.sweep.points;
        // Verdicts sweep λ whatever the experiment sweeps.
        let points_of_all =
            if self.sweep.over == SweepOver::Alpha { points.max(self.sweep.over_lambda().points) } else { points };
        let numbers = (points_of_all * self.losses.len() * self.prompts.len() * self.actions()) as u64;
        within(numbers, "sweep.points", &format!("{points} would give {numbers} numbers"), "use fewer points")
    }

    /// Actions of every prompt.
    pub fn actions(&self) -> usize {
        self.prompts[0].pi_ref.len()
    }
}

fn within(numbers: u64, path: &str, what: &str, remedy: &str) -> Result<(), SpecError> {
    let most = limit::KEPT_NUMBERS;
    if numbers <= most {
        return Ok(());
    }
    Err(SpecError::new(path, format!("{what}, at most {most} are allowed; {remedy}")))
}
