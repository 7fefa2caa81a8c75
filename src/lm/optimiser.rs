//! AdamW's settings, and its rate from step to step.

use super::compute::AdamW;

/// The learning rate's course.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Schedule {
    /// Always the same, once warm.
    #[default]
    Constant,
    /// Half a cosine from the full rate to zero.
    Cosine,
}

impl Schedule {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Constant, Self::Cosine];

    /// The name on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Cosine => "cosine",
        }
    }
}

/// AdamW with its schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimiser {
    /// The full rate.
    pub learning_rate: f64,
    /// Decoupled, on every parameter.
    pub weight_decay: f64,
    /// The gradient's largest global norm; infinite for none.
    pub clip_norm: f64,
    /// Steps over which the rate grows linearly to the full one.
    pub warmup_steps: u32,
    /// What follows.
    pub schedule: Schedule,
    /// All steps, for the cosine's end.
    pub steps: u32,
}

impl Default for Optimiser {
    fn default() -> Self {
        let schedule = Schedule::Constant;
        Self { learning_rate: 1e-4, weight_decay: 0.0, clip_norm: 10.0, warmup_steps: 0, schedule, steps: 100 }
    }
}

impl Optimiser {
    /// The rate of a step, 1 for the first.
    pub fn rate(&self, step: u32) -> f64 {
        if step <= self.warmup_steps {
            return self.learning_rate * f64::from(step) / f64::from(self.warmup_steps);
        }
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let done = f64::from(step - self.warmup_steps - 1);
                let all = f64::from(self.steps.saturating_sub(self.warmup_steps).max(1));
                self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * (done / all).min(1.0)).cos())
            }
        }
    }

    pub(super) fn adamw(&self, step: u32) -> AdamW {
        AdamW {
            learning_rate: self.rate(step),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            step,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_warms_up_and_follows_half_a_cosine_to_its_end() {
        let cosine = Optimiser {
            learning_rate: 2.0,
            warmup_steps: 4,
            steps: 14,
            schedule: Schedule::Cosine,
            ..Optimiser::default()
        };
        assert_eq!((1..=5).map(|s| cosine.rate(s)).collect::<Vec<_>>(), [0.5, 1.0, 1.5, 2.0, 2.0]);
        assert!((cosine.rate(10) - 1.0).abs() < 1e-15);
        assert!(cosine.rate(14) > 0.0 && cosine.rate(15) < 1e-15 && cosine.rate(99) < 1e-15);
        let constant = Optimiser { schedule: Schedule::Constant, ..cosine };
        assert_eq!((constant.rate(1), constant.rate(99)), (0.5, 2.0));
    }
}
