//! Preference data: which pairs of actions are compared, and how often each of the two wins.
//!
//! Bradley–Terry (55): `p*(i ≻ j) = π*_i / (π*_i + π*_j)`. Every kind of data ends as a [`Comparison`] list per prompt
//! whose masses sum to one, so that an expectation over it is a weighted sum.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::simplex::ascending;

/// How the two actions of a pair are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Every unordered pair equally likely: the paper's experiments.
    Uniform,
    /// `q ∝ π_ref(i) π_ref(j)`: equation (1).
    Reference,
}

impl Pairing {
    /// Both, in the order of the page.
    pub const ALL: [Self; 2] = [Self::Uniform, Self::Reference];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Reference => "reference",
        }
    }
}

/// An unordered pair i < j of one prompt, with the mass of either outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The lower action.
    pub i: u32,
    /// The higher action.
    pub j: u32,
    /// Mass of `i ≻ j`.
    pub win: f64,
    /// Mass of `j ≻ i`.
    pub lose: f64,
}

/// One labelled draw: the comparison it belongs to, by position, and whether the lower action won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Index into [`PairData::comparisons`].
    pub comparison: u32,
    /// True where i beat j.
    pub lower_won: bool,
}

/// The preference data of one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct PairData {
    /// Masses sum to one.
    pub comparisons: Vec<Comparison>,
    /// The labelled draws behind the masses, where the data were sampled; empty otherwise.
    pub draws: Vec<Draw>,
    /// How pairs are proposed, where the masses are the exact expectation under that and `p*`.
    pub population: Option<Pairing>,
}

/// A seeded stream, the same natively and in wasm.
#[derive(Debug, Clone)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Uniform in 0..1, with 53 bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in 0..n, by the high half of a product: biased by at most n/2³², which no draw here can see.
    #[inline]
    pub fn below(&mut self, n: u32) -> u32 {
        (((self.0.next_u64() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// Uniform in 0..n and, independently, over all of `u32`, from one draw.
    #[inline]
    pub fn split(&mut self, n: u32) -> (u32, u32) {
        let bits = self.0.next_u64();
        ((((bits >> 32) * u64::from(n)) >> 32) as u32, bits as u32)
    }

    /// Two uniform draws over all of `u32`.
    #[inline]
    pub fn two(&mut self) -> (u32, u32) {
        let bits = self.0.next_u64();
        ((bits >> 32) as u32, bits as u32)
    }

    /// A stream of its own, seeded by this one.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        Self::new(self.0.next_u64())
    }

    /// Fisher–Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for k in (1..items.len()).rev() {
            let other = self.below(k as u32 + 1) as usize;
            items.swap(k, other);
        }
    }
}

/// `p*(i ≻ j)` from log-scores; one half where both are `-inf`.
pub fn win_probability(log_i: f64, log_j: f64) -> f64 {
    if log_i == log_j { 0.5 } else { crate::divergence::sigmoid(log_i - log_j) }
}

/// The exact expectation under q and p*. `log_ref` and `log_star` have A entries.
pub fn population(pairing: Pairing, log_ref: &[f64], log_star: &[f64]) -> PairData {
    // Relative to the likeliest pair, so that rare ones do not all underflow.
    let largest: f64 = ascending(log_ref).iter().rev().take(2).map(|k| log_ref[*k]).sum();
    let weight = |i: usize, j: usize| match pairing {
        Pairing::Uniform => 1.0,
        Pairing::Reference => (log_ref[i] + log_ref[j] - largest).exp(),
    };
    let outcome = |i: usize, j: usize| (weight(i, j), win_probability(log_star[i], log_star[j]));
    let comparisons = all_pairs(log_ref.len(), |i, j| {
        let (q, p) = outcome(i, j);
        (q * p, q * (1.0 - p))
    });
    PairData { comparisons: normalised(comparisons), draws: Vec::new(), population: Some(pairing) }
}

/// A table of counts, row = winner, A × A. Pairs never compared are left out.
pub fn counts(table: &[Vec<f64>]) -> PairData {
    let comparisons = all_pairs(table.len(), |i, j| (table[i][j], table[j][i]));
    PairData { comparisons: normalised(comparisons), draws: Vec::new(), population: None }
}

/// `n` draws of two actions, equal draws dropped, the winner drawn by p*. Empty where every draw was dropped.
pub fn sampled(n: u32, random: &mut Random, pairing: Pairing, log_ref: &[f64], log_star: &[f64]) -> PairData {
    let cumulative: Vec<f64> = log_ref
        .iter()
        .scan(0.0, |sum, l| {
            *sum += l.exp();
            Some(*sum)
        })
        .collect();
    let mut labelled = Vec::with_capacity(n as usize);
    for _ in 0..n {
        let (a, b) = (action(random, pairing, &cumulative), action(random, pairing, &cumulative));
        let (i, j) = (a.min(b), a.max(b));
        if i != j {
            let p = win_probability(log_star[i as usize], log_star[j as usize]);
            labelled.push((i, j, random.unit() < p));
        }
    }
    // No table: of many actions only few pairs are drawn. In the numbers that `ascending` sorts: a second kind of sort would cost
    // the page's size a kilobyte.
    let pair = |i: u32, j: u32| (i64::from(i), j as usize);
    let mut pairs: Vec<(i64, usize)> = labelled.iter().map(|&(i, j, _)| pair(i, j)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let none = |&(i, j): &(i64, usize)| Comparison { i: i as u32, j: j as u32, win: 0.0, lose: 0.0 };
    let mut comparisons: Vec<Comparison> = pairs.iter().map(none).collect();
    let draw = |(i, j, lower_won): (u32, u32, bool)| {
        let place = pairs.partition_point(|known| *known < pair(i, j));
        let Comparison { win, lose, .. } = &mut comparisons[place];
        *(if lower_won { win } else { lose }) += 1.0;
        Draw { comparison: place as u32, lower_won }
    };
    let draws = labelled.into_iter().map(draw).collect();
    PairData { comparisons: normalised(comparisons), draws, population: None }
}

fn action(random: &mut Random, pairing: Pairing, cumulative: &[f64]) -> u32 {
    let last = cumulative.len() as u32 - 1;
    match pairing {
        Pairing::Uniform => random.below(last + 1),
        Pairing::Reference => {
            let u = random.unit();
            (cumulative.partition_point(|c| *c <= u) as u32).min(last)
        }
    }
}

fn all_pairs(actions: usize, masses: impl Fn(usize, usize) -> (f64, f64)) -> Vec<Comparison> {
    let mut list = Vec::new();
    for i in 0..actions {
        for j in i + 1..actions {
            let (win, lose) = masses(i, j);
            if win + lose > 0.0 {
                list.push(Comparison { i: i as u32, j: j as u32, win, lose });
            }
        }
    }
    list
}

fn normalised(mut list: Vec<Comparison>) -> Vec<Comparison> {
    let total: f64 = list.iter().map(|c| c.win + c.lose).sum();
    for c in &mut list {
        c.win /= total;
        c.lose /= total;
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simplex::logs;

    #[test]
    fn population_pairs_carry_the_bradley_terry_probabilities() {
        let data = population(Pairing::Uniform, &logs(&[0.4, 0.4, 0.2]), &logs(&[0.6, 0.3, 0.1]));
        let ab = data.comparisons[0];
        assert!((ab.win - 2.0 / 9.0).abs() < 1e-15 && (ab.lose - 1.0 / 9.0).abs() < 1e-15);
        let reference = population(Pairing::Reference, &logs(&[0.4, 0.4, 0.2]), &logs(&[0.6, 0.3, 0.1]));
        let q: Vec<f64> = reference.comparisons.iter().map(|c| c.win + c.lose).collect();
        assert!((q[0] - 0.5).abs() < 1e-15 && (q[1] - 0.25).abs() < 1e-15);
    }

    #[test]
    fn sampled_pairs_repeat_with_their_seed_and_drop_equal_draws() {
        let (reference, star) = (logs(&[0.4, 0.4, 0.2]), logs(&[0.6, 0.3, 0.1]));
        let draw = |seed| sampled(300, &mut Random::new(seed), Pairing::Uniform, &reference, &star);
        assert_eq!(draw(100), draw(100));
        assert_ne!(draw(100), draw(101));
        // 300 draws, a third of them equal: 200 expected, standard deviation 8.2.
        assert!((160..240).contains(&draw(100).draws.len()));
        let data = draw(7);
        let mass: f64 = data.comparisons.iter().map(|c| c.win + c.lose).sum();
        assert!((mass - 1.0).abs() < 1e-12);
        // The masses are those of the draws.
        for (place, c) in data.comparisons.iter().enumerate() {
            let won =
                |lower_won| data.draws.iter().filter(|d| **d == Draw { comparison: place as u32, lower_won }).count();
            let share = |lower_won| won(lower_won) as f64 / data.draws.len() as f64;
            assert!((c.win - share(true)).abs() < 1e-15 && (c.lose - share(false)).abs() < 1e-15);
        }
    }

    #[test]
    fn counts_leave_out_what_was_never_compared() {
        let data = counts(&[vec![0.0, 3.0, 0.0], vec![1.0, 0.0, 0.0], vec![0.0, 0.0, 0.0]]);
        assert_eq!(data.comparisons, vec![Comparison { i: 0, j: 1, win: 0.75, lose: 0.25 }]);
    }
}
