//! Seeded batches of labelled pairs, tallied: how often each outcome of each comparison was drawn.
//!
//! Sampled data are walked in epochs, shuffled anew each time, the last batch of an epoch filled from the next.
//! Population data and counts are drawn with replacement. A batch of twenty over three actions holds only six different
//! outcomes, so a step looks at tallies, not at draws; and it draws several outcomes at once, as one tally of them.

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
    /// The same, where outcomes are few.
    Groups(Groups),
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
        let source = if sampled { epochs(problem, &begins) } else { masses(problem, size) };
        // Groups of draws come as tallies of all comparisons, which are then few.
        let sparse = pairs.len() > 4 * size as usize && !matches!(source, Source::Groups(_));
        Self {
            size,
            random: Random::new(problem.optimiser.seed),
            source,
            factor: factor.collect(),
            tally: vec![0; 2 * pairs.len()],
            touched: sparse.then(|| Vec::with_capacity(size as usize)),
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
            Source::Groups(groups) => groups.draw(self.size, random, tally),
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

fn masses(problem: &Problem, size: u32) -> Source {
    let outcomes = problem
        .prompts
        .iter()
        .flat_map(|p| p.pairs.comparisons.iter().flat_map(|c| [p.weight * c.lose, p.weight * c.win]));
    let outcomes: Vec<f64> = outcomes.collect();
    Groups::new(&outcomes, size).map_or_else(|| Source::Masses(Alias::new(&outcomes)), Source::Groups)
}

/// Draws of few outcomes, several at a time: one pick among all ways to spread a group of draws over the outcomes.
struct Groups {
    /// Draws in a group.
    group: u32,
    /// Among tallies of a group.
    alias: Alias,
    /// Tallies of a group, as wide a field of bits for each outcome as a whole batch may need.
    tallies: Vec<u64>,
    /// Bits of a field.
    bits: u32,
    /// Among outcomes, for what a batch holds beyond whole groups.
    single: Alias,
}

impl Groups {
    /// Larger tables cost more to make than a short run saves.
    const MOST_TALLIES: usize = 800;

    /// None where the tallies would be too many or a batch's tally does not fit 64 bits.
    fn new(weights: &[f64], size: u32) -> Option<Self> {
        let bits = 64 / weights.len() as u32;
        if bits < 32 && size >> bits > 0 {
            return None;
        }
        let group = (2..=5.min(size)).rev().find(|g| ways(weights.len(), *g) <= Self::MOST_TALLIES)?;
        let total: f64 = weights.iter().sum();
        // Draws so far, their probability but for group!, their tally.
        let mut spread = vec![(0, 1.0, 0u64)];
        for (k, weight) in weights.iter().enumerate() {
            let with_this = |&(drawn, probability, tally): &(u32, f64, u64)| {
                let mut probability: f64 = probability;
                (0..=group - drawn)
                    .map(|count| {
                        probability *= if count == 0 { 1.0 } else { weight / total / f64::from(count) };
                        (drawn + count, probability, tally | u64::from(count) << (bits * k as u32))
                    })
                    .collect::<Vec<_>>()
            };
            spread = spread.iter().flat_map(with_this).collect();
        }
        spread.retain(|(drawn, ..)| *drawn == group);
        let probabilities: Vec<f64> = spread.iter().map(|(_, p, _)| *p).collect();
        Some(Self {
            group,
            alias: Alias::new(&probabilities),
            tallies: spread.iter().map(|(.., tally)| *tally).collect(),
            bits,
            single: Alias::new(weights),
        })
    }

    /// Adds `size` draws to an empty tally.
    #[inline]
    fn draw(&self, size: u32, random: &mut Random, tally: &mut [u32]) {
        let mut sum = 0;
        self.alias.draw(size / self.group, random, |t| sum += self.tallies[t as usize]);
        for t in tally.iter_mut() {
            *t = (sum & ((1 << self.bits) - 1)) as u32;
            sum >>= self.bits;
        }
        self.single.draw(size % self.group, random, |outcome| tally[outcome as usize] += 1);
    }
}

/// Ways to spread `draws` over `outcomes`: (outcomes + draws − 1 choose draws).
fn ways(outcomes: usize, draws: u32) -> usize {
    (0..draws as usize).fold(1, |w, k| w * (outcomes + k) / (k + 1))
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

    /// Uniform pairs, so that each of a batch's draws is any comparison with the same chance.
    fn problem(actions: usize, prompts: usize) -> Problem {
        let p: Vec<f64> = (1..=actions).map(|k| k as f64).collect();
        let total: f64 = p.iter().sum();
        let policy: Vec<f64> = p.iter().map(|v| v / total).collect();
        let one = crate::spec::PromptSpec { name: "x".into(), weight: 1.0, pi_ref: policy.clone(), pi_star: policy };
        let spec = crate::spec::Spec { prompts: vec![one; prompts], ..Default::default() };
        Problem::new(&spec).expect("population data")
    }

    #[test]
    fn every_batch_gives_as_many_draws_as_its_size_and_every_comparison_its_share() {
        for (size, actions, prompts) in
            (1..=24).flat_map(|s| (2..=8).flat_map(move |a| (1..=5).map(move |p| (s, a, p))))
        {
            let problem = problem(actions, prompts);
            let mut batch = Batch::new(&problem, size);
            let comparisons = actions * (actions - 1) / 2;
            let (batches, mut seen) = (60, vec![0.0; prompts * comparisons]);
            for _ in 0..batches {
                batch.draw();
                let mut drawn = 0.0;
                for x in 0..prompts {
                    let mut of_prompt = 0.0;
                    batch.take(x, |i, j, win, lose| {
                        let place = problem.prompts[x].pairs.comparisons.iter().position(|c| (c.i, c.j) == (i, j));
                        seen[x * comparisons + place.expect("a comparison of the prompt")] += win + lose;
                        of_prompt += win + lose;
                    });
                    assert_eq!(of_prompt, f64::from(batch.drawn(x)));
                    drawn += of_prompt;
                }
                assert_eq!(drawn, f64::from(size), "{size} {actions} {prompts}");
            }
            let (n, share) = (f64::from(batches * size), 1.0 / seen.len() as f64);
            // Seven standard deviations of a binomial, over sixty thousand counts.
            let bound = 7.0 * (n * share * (1.0 - share)).sqrt() + 1.0;
            assert!(seen.iter().all(|s| (s - n * share).abs() <= bound), "{size} {actions} {prompts}");
        }
    }

    #[test]
    fn draws_by_the_group_are_as_likely_as_draws_one_by_one() {
        let weights = [0.4, 0.0, 0.2, 0.1, 0.2, 0.1];
        let groups = Groups::new(&weights, 20).expect("six outcomes are few");
        assert_eq!((groups.group, groups.tallies.len()), (5, 252));
        let (mut random, mut tally) = (Random::new(3), [0u32; 6]);
        let (mut seen, mut squares) = ([0.0; 6], 0.0);
        let batches = 20_000;
        for _ in 0..batches {
            groups.draw(22, &mut random, &mut tally);
            assert_eq!(tally.iter().sum::<u32>(), 22);
            tally.iter().zip(&mut seen).for_each(|(t, s)| *s += f64::from(*t));
            squares += (f64::from(tally[0]) - 22.0 * weights[0]).powi(2);
        }
        let draws = 22.0 * f64::from(batches);
        assert_eq!(seen[1], 0.0);
        for (count, weight) in seen.iter().zip(weights) {
            // Six standard deviations of a binomial share.
            assert!((count / draws - weight).abs() <= 6.0 * (weight * (1.0 - weight) / draws).sqrt());
        }
        // A binomial's variance, whose own estimate is off by √(2/batches) of it.
        let variance = 22.0 * weights[0] * (1.0 - weights[0]);
        assert!((squares / f64::from(batches) / variance - 1.0).abs() <= 6.0 * (2.0 / f64::from(batches)).sqrt());
    }

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
