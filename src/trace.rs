//! A recorded run: steps, objective and policies, flat, as it travels from the worker to the figures.

use crate::solve::Snapshot;

/// One loss's run so far. P prompts, A actions, T snapshots.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Trace {
    /// A·P: numbers of a snapshot.
    pub width: usize,
    /// Steps taken at each snapshot. (T)
    pub steps: Vec<u64>,
    /// The full objective at each snapshot. (T)
    pub loss_value: Vec<f64>,
    /// `ln π`, snapshot after snapshot, prompt after prompt. (T·P·A)
    pub log_pi: Vec<f64>,
}

impl Trace {
    /// An empty trace of snapshots of `width` numbers.
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Appends a snapshot.
    pub fn push(&mut self, snapshot: &Snapshot) {
        self.steps.push(snapshot.step);
        self.loss_value.push(snapshot.loss_value);
        self.log_pi.extend_from_slice(&snapshot.log_pi);
    }

    /// Forgets the snapshots.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.loss_value.clear();
        self.log_pi.clear();
    }

    /// Snapshots recorded.
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// True before the first snapshot.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// `ln π` of prompt `x` at snapshot `k`. (A)
    pub fn policy(&self, k: usize, x: usize, actions: usize) -> &[f64] {
        let start = k * self.width + x * actions;
        &self.log_pi[start..start + actions]
    }

    /// Packs the trace into numbers, for one transfer between threads.
    pub fn to_numbers(&self) -> Vec<f64> {
        let mut numbers = Vec::with_capacity(2 + self.len() * (2 + self.width));
        numbers.push(self.width as f64);
        numbers.push(self.len() as f64);
        numbers.extend(self.steps.iter().map(|s| *s as f64));
        numbers.extend_from_slice(&self.loss_value);
        numbers.extend_from_slice(&self.log_pi);
        numbers
    }

    /// Appends what [`Self::to_numbers`] packed. False, and nothing changed, where the numbers are not a trace of this width.
    pub fn append(&mut self, numbers: &[f64]) -> bool {
        let [width, length, rest @ ..] = numbers else { return false };
        let (width, length) = (*width as usize, *length as usize);
        if width != self.width || rest.len() != length * (2 + width) {
            return false;
        }
        let (steps, rest) = rest.split_at(length);
        let (values, log_pi) = rest.split_at(length);
        self.steps.extend(steps.iter().map(|s| *s as u64));
        self.loss_value.extend_from_slice(values);
        self.log_pi.extend_from_slice(log_pi);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_survives_its_journey() {
        let mut trace = Trace::new(2);
        for step in 0..3u8 {
            let x = f64::from(step);
            trace.push(&Snapshot { step: u64::from(step), log_pi: vec![x, -x], loss_value: 0.5 * x });
        }
        let mut copy = Trace::new(2);
        assert!(copy.append(&trace.to_numbers()));
        assert_eq!(copy, trace);
        assert!(!Trace::new(3).append(&trace.to_numbers()));
        assert_eq!(trace.policy(2, 0, 2), [2.0, -2.0]);
    }
}
