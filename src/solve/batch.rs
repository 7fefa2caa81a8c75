//! Seeded batches of labelled pairs, tallied: how often each outcome of each comparison was drawn.
//!
//! Sampled data are walked in epochs, shuffled anew each time, the last batch of an epoch filled from the next.
//! Population data and counts are drawn with replacement. A batch of twenty over three actions holds only six different
//! outcomes, so a step looks at tallies, not at draws.

use crate::preference::Random;
use crate::spec::problem::Problem;

/// The draws of a step, by comparison. P prompts, C comparisons of all prompts.
pub struct Batch {
    size: u32,
    random: Random,
    source: Source,
    /// What a prompt's draws are worth, so that their mean is the full objective. (P)
    factor: Vec<f64>,
    /// The two actions of each comparison, prompt after prompt. (C)
    pairs: Vec<(u32, u32)>,
    /// Where each prompt's comparisons begin, and the end. (P + 1)
    begins: Vec<usize>,
    /// Draws of each outcome: `2c + 1` where the lower action of comparison c won, `2c` where it lost. (2C)
    tally: Vec<u32>,
    /// Comparisons with draws, in order; kept only where looking through all of them would cost more than the draws.
    touched: Option<Vec<u32>>,
    /// Draws of each prompt. (P)
    drawn: Vec<u32>,
}

enum Source {
    /// All labelled draws, as outcomes, and how far the epoch has come.
    Epochs { draws: Vec<u32>, next: usize },
    /// Outcomes by their masses.
    Masses(Alias),
}

impl Batch {
    /// Batches of `size` draws.
    pub fn new(problem: &Problem, size: u32) -> Self {
        let mut pairs = Vec::new();
        let mut begins = vec![0];
        for p in &problem.prompts {
            pairs.extend(p.pairs.comparisons.iter().map(|c| (c.i, c.j)));
            begins.push(pairs.len());
        }
        let sampled = problem.prompts.iter().all(|p| !p.pairs.draws.is_empty());
        let all: usize = problem.prompts.iter().map(|p| p.pairs.draws.len()).sum();
        let factor = problem
            .prompts
            .iter()
            .map(|p| if sampled { p.weight * all as f64 / p.pairs.draws.len() as f64 } else { 1.0 });
        Self {
            size,
            random: Random::new(problem.optimiser.seed),
            source: if sampled { epochs(problem, &begins) } else { masses(problem) },
            factor: factor.collect(),
            tally: vec![0; 2 * pairs.len()],
            touched: (pairs.len() > 4 * size as usize).then(|| Vec::with_capacity(size as usize)),
            drawn: vec![0; problem.prompts.len()],
            pairs,
            begins,
        }
    }

    /// Draws the next batch; the last one's draws must have been taken.
    pub fn draw(&mut self) {
        let Self { random, source, tally, touched, .. } = self;
        if let Some(touched) = touched {
            touched.clear();
        }
        let record = |outcome: u32| {
            let outcome = outcome as usize;
            if let Some(touched) = touched
                && tally[outcome] + tally[outcome ^ 1] == 0
            {
                touched.push((outcome / 2) as u32);
            }
            tally[outcome] += 1;
        };
        match source {
            Source::Masses(alias) => alias.draw(self.size, random, record),
            Source::Epochs { draws, next } => {
                (0..self.size).map(|_| next_of_epoch(draws, next, random)).for_each(record);
            }
        }
        self.count();
    }

    /// Counts the draws of each prompt.
    fn count(&mut self) {
        if self.drawn.len() == 1 {
            self.drawn[0] = self.size;
            return;
        }
        self.drawn.fill(0);
        match &mut self.touched {
            Some(touched) => {
                touched.sort_unstable();
                for &c in touched.iter() {
                    let x = self.begins.partition_point(|b| *b <= c as usize) - 1;
                    self.drawn[x] += self.tally[2 * c as usize] + self.tally[2 * c as usize + 1];
                }
            }
            None => {
                for (x, drawn) in self.drawn.iter_mut().enumerate() {
                    *drawn = self.tally[2 * self.begins[x]..2 * self.begins[x + 1]].iter().sum();
                }
            }
        }
    }

    /// Draws that fell on prompt `x`.
    pub fn drawn(&self, x: usize) -> u32 {
        self.drawn[x]
    }

    /// What one draw of prompt `x` weighs in the gradient.
    pub fn weight(&self, x: usize) -> f64 {
        self.factor[x] / f64::from(self.size)
    }

    /// Gives prompt `x`'s drawn comparisons (both actions, times the lower won, times it lost) and forgets them, so that
    /// the tally is empty for the next draw without being wiped.
    #[inline]
    pub fn take(&mut self, x: usize, mut f: impl FnMut(u32, u32, f64, f64)) {
        let Self { tally, pairs, touched, begins, .. } = self;
        let mut give = |c: usize| {
            let (lost, won) = (tally[2 * c], tally[2 * c + 1]);
            if lost + won > 0 {
                (tally[2 * c], tally[2 * c + 1]) = (0, 0);
                let (i, j) = pairs[c];
                f(i, j, f64::from(won), f64::from(lost));
            }
        };
        let (begin, end) = (begins[x], begins[x + 1]);
        match touched {
            None => (begin..end).for_each(&mut give),
            Some(touched) => {
                let from = touched.partition_point(|c| (*c as usize) < begin);
                touched[from..].iter().take_while(|c| (**c as usize) < end).for_each(|c| give(*c as usize));
            }
        }
    }
}

fn next_of_epoch(draws: &mut [u32], next: &mut usize, random: &mut Random) -> u32 {
    if *next == draws.len() {
        *next = 0;
    }
    if *next == 0 {
        random.shuffle(draws);
    }
    *next += 1;
    draws[*next - 1]
}

fn epochs(problem: &Problem, begins: &[usize]) -> Source {
    let outcome =
        |begin: usize, d: &crate::preference::Draw| 2 * (begin as u32 + d.comparison) + u32::from(d.lower_won);
    let draws = problem.prompts.iter().zip(begins).flat_map(|(p, b)| p.pairs.draws.iter().map(|d| outcome(*b, d)));
    Source::Epochs { draws: draws.collect(), next: 0 }
}

fn masses(problem: &Problem) -> Source {
    let outcomes = problem
        .prompts
        .iter()
        .flat_map(|p| p.pairs.comparisons.iter().flat_map(|c| [p.weight * c.lose, p.weight * c.win]));
    Source::Masses(Alias::new(&outcomes.collect::<Vec<_>>()))
}

/// Walker's alias method in Vose's form: a draw from n weights in constant time.
struct Alias {
    /// A place keeps its own outcome where a 32-bit draw lies below this, else gives its alias.
    keep: Vec<u32>,
    alias: Vec<u32>,
}

impl Alias {
    fn new(weights: &[f64]) -> Self {
        let n = weights.len();
        let total: f64 = weights.iter().sum();
        let mut share: Vec<f64> = weights.iter().map(|w| w / total * n as f64).collect();
        let (mut keep, mut alias) = (vec![u32::MAX; n], (0..n as u32).collect::<Vec<_>>());
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..n).partition(|k| share[*k] < 1.0);
        while let (Some(s), Some(l)) = (small.pop(), large.last().copied()) {
            keep[s] = (share[s] * 2f64.powi(32)) as u32;
            alias[s] = l as u32;
            share[l] -= 1.0 - share[s];
            if share[l] < 1.0 {
                large.pop();
                small.push(l);
            }
        }
        // What rounding left over is a whole share. An outcome without weight must never be it.
        for k in small.into_iter().filter(|k| weights[*k] == 0.0) {
            keep[k] = 0;
            alias[k] = weights.iter().position(|w| *w > 0.0).unwrap_or(0) as u32;
        }
        Self { keep, alias }
    }

    /// Gives `count` draws.
    ///
    /// The high half of `bits · n` is a place, its low half a fraction. With few outcomes 32 bits hold both, and one
    /// number of the stream serves two draws.
    #[inline]
    fn draw(&self, count: u32, random: &mut Random, mut give: impl FnMut(u32)) {
        const FEW: usize = 1 << 16;
        let n = self.keep.len();
        if n > FEW {
            for _ in 0..count {
                let (place, fraction) = random.split(n as u32);
                give(self.pick(place, fraction));
            }
            return;
        }
        let one = |bits: u32| {
            let product = u64::from(bits) * n as u64;
            self.pick((product >> 32) as u32, product as u32)
        };
        for _ in 0..count / 2 {
            let (a, b) = random.two();
            give(one(a));
            give(one(b));
        }
        if count % 2 == 1 {
            give(one(random.two().0));
        }
    }

    /// Without a branch: which of the two it is cannot be predicted.
    #[inline]
    fn pick(&self, place: u32, fraction: u32) -> u32 {
        let own = u32::from(fraction < self.keep[place as usize]).wrapping_neg();
        (place & own) | (self.alias[place as usize] & !own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_table_draws_in_proportion_and_never_what_has_no_weight() {
        let weights = [0.5, 0.0, 0.2, 0.3];
        let alias = Alias::new(&weights);
        let mut random = Random::new(3);
        let mut seen = [0u32; 4];
        alias.draw(100_000, &mut random, |outcome| seen[outcome as usize] += 1);
        assert_eq!(seen[1], 0);
        for (count, weight) in seen.iter().zip(weights) {
            // Six standard deviations of a binomial share.
            let bound = 6.0 * (weight * (1.0 - weight) / 1e5f64).sqrt();
            assert!((f64::from(*count) / 1e5 - weight).abs() <= bound);
        }
    }
}
