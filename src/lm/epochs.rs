//! The order in which data come.

use crate::preference::Random;

/// Numbers `0..n` in a new random order each epoch.
#[derive(Debug, Clone)]
pub struct Epochs {
    order: Vec<usize>,
    at: usize,
    random: Random,
}

impl Epochs {
    /// Of n > 0 numbers.
    pub fn new(n: usize, seed: u64) -> Self {
        Self { order: (0..n).collect(), at: n, random: Random::new(seed) }
    }

    /// The next `size`, over the epoch's end where need be.
    pub fn batch(&mut self, size: usize) -> Vec<usize> {
        (0..size).map(|_| self.next_index()).collect()
    }

    fn next_index(&mut self) -> usize {
        if self.at == self.order.len() {
            self.random.shuffle(&mut self.order);
            self.at = 0;
        }
        self.at += 1;
        self.order[self.at - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_visits_everything_once() {
        let mut epochs = Epochs::new(7, 3);
        for _ in 0..3 {
            let mut seen = epochs.batch(7);
            seen.sort_unstable();
            assert_eq!(seen, (0..7).collect::<Vec<_>>());
        }
    }
}
