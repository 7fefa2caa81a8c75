//! A recorded run: steps, objective and policies, as they travel from the worker to the figures.

use std::rc::Rc;

use crate::simplex::{ascending, exp};
use crate::solve::Snapshot;

/// Snapshots of a chunk.
const CHUNK: usize = 512;
/// Snapshots of a run that figures draw at most: more than a screen has pixels for.
const DRAWN: usize = 1000;

/// One loss's run so far. P prompts, A actions, T snapshots.
///
/// It is kept in chunks that its copies share: a page that takes in another batch copies the last chunk alone.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// A·P: numbers of a snapshot.
    pub width: usize,
    /// All but the last hold [`CHUNK`] snapshots.
    chunks: Vec<Rc<Chunk>>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Chunk {
    /// Steps taken at each snapshot.
    steps: Vec<u64>,
    /// The full objective at each snapshot.
    loss_value: Vec<f64>,
    /// `ln π`, snapshot after snapshot, prompt after prompt.
    log_pi: Vec<f64>,
}

impl PartialEq for Trace {
    fn eq(&self, other: &Self) -> bool {
        let one = |(a, b): (&Rc<Chunk>, &Rc<Chunk>)| Rc::ptr_eq(a, b) || a == b;
        self.width == other.width
            && self.chunks.len() == other.chunks.len()
            && self.chunks.iter().zip(&other.chunks).all(one)
    }
}

impl Trace {
    /// An empty trace of snapshots of `width` numbers.
    pub fn new(width: usize) -> Self {
        Self { width, chunks: Vec::new() }
    }

    /// Appends a snapshot.
    pub fn push(&mut self, snapshot: &Snapshot) {
        self.add(snapshot.step, snapshot.loss_value, &snapshot.log_pi);
    }

    fn add(&mut self, step: u64, loss_value: f64, log_pi: &[f64]) {
        if self.len().is_multiple_of(CHUNK) {
            self.chunks.push(Rc::default());
        }
        if let Some(last) = self.chunks.last_mut() {
            let chunk = Rc::make_mut(last);
            chunk.steps.push(step);
            chunk.loss_value.push(loss_value);
            chunk.log_pi.extend_from_slice(log_pi);
        }
    }

    /// Forgets the snapshots.
    pub fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Snapshots recorded.
    pub fn len(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.steps.len())
    }

    /// True before the first snapshot.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Steps taken at each snapshot. (T)
    pub fn steps(&self) -> impl Iterator<Item = u64> + '_ {
        self.chunks.iter().flat_map(|c| c.steps.iter().copied())
    }

    /// The full objective at each snapshot. (T)
    pub fn loss_values(&self) -> impl Iterator<Item = f64> + '_ {
        self.chunks.iter().flat_map(|c| c.loss_value.iter().copied())
    }

    /// Steps taken at snapshot `k`.
    pub fn step(&self, k: usize) -> u64 {
        self.chunks[k / CHUNK].steps[k % CHUNK]
    }

    /// The full objective at snapshot `k`.
    pub fn loss_value(&self, k: usize) -> f64 {
        self.chunks[k / CHUNK].loss_value[k % CHUNK]
    }

    /// The snapshot that stands at a share of the run so far, 0 to 1.
    pub fn at(&self, share: f64) -> usize {
        let last = self.chunks.last().and_then(|c| c.steps.last()).copied().unwrap_or(0) as f64;
        let is_past = |step: u64| step as f64 > share * last + 0.5;
        let chunk = self.chunks.partition_point(|c| !is_past(c.steps[0])).saturating_sub(1);
        let within = self.chunks.get(chunk).map_or(0, |c| c.steps.partition_point(|s| !is_past(*s)));
        (chunk * CHUNK + within).saturating_sub(1)
    }

    /// `ln π` of prompt `x` at snapshot `k`. (A)
    pub fn policy(&self, k: usize, x: usize, actions: usize) -> &[f64] {
        let start = k % CHUNK * self.width + x * actions;
        &self.chunks[k / CHUNK].log_pi[start..start + actions]
    }

    /// `π(y_a | x)` at some snapshots.
    pub fn probabilities(&self, snapshots: &[usize], x: usize, action: usize, actions: usize) -> Vec<f64> {
        snapshots.iter().map(|k| exp(self.policy(*k, x, actions)[action])).collect()
    }

    /// The snapshots up to `end` that a figure draws: all of a short run, of a long one about a thousand, the last among them.
    pub fn drawn(&self, end: usize) -> Vec<usize> {
        let end = end.min(self.len());
        let stride = self.len().div_ceil(DRAWN).max(1);
        let last = end.checked_sub(1).filter(|k| !k.is_multiple_of(stride));
        (0..end).step_by(stride).chain(last).collect()
    }

    /// Packs the trace into numbers, for one transfer between threads.
    pub fn to_numbers(&self) -> Vec<f64> {
        let mut numbers = Vec::with_capacity(2 + self.len() * (2 + self.width));
        numbers.push(self.width as f64);
        numbers.push(self.len() as f64);
        numbers.extend(self.steps().map(|s| s as f64));
        numbers.extend(self.loss_values());
        numbers.extend(self.chunks.iter().flat_map(|c| &c.log_pi));
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
        for (k, (step, value)) in steps.iter().zip(values).enumerate() {
            self.add(*step as u64, *value, &log_pi[k * width..(k + 1) * width]);
        }
        true
    }
}

/// One probability over several runs of a loss. T of the snapshots that are drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Band {
    /// The least of the runs. (T)
    pub least: Vec<f64>,
    /// Their median. (T)
    pub median: Vec<f64>,
    /// The greatest of them. (T)
    pub greatest: Vec<f64>,
}

impl Band {
    /// `π(y_a | x)` at some snapshots, over runs that record at the same steps. Runs that have nothing yet are left out.
    pub fn of(traces: &[&Trace], snapshots: &[usize], x: usize, action: usize, actions: usize) -> Self {
        let mut band = Self::default();
        for &k in snapshots {
            let values: Vec<f64> =
                traces.iter().filter(|t| k < t.len()).map(|t| exp(t.policy(k, x, actions)[action])).collect();
            let order = ascending(&values);
            let (n, half) = (values.len(), values.len() / 2);
            let nth = |k: usize| values[order[k]];
            band.least.push(nth(0));
            band.median.push(if n % 2 == 1 { nth(half) } else { 0.5 * (nth(half - 1) + nth(half)) });
            band.greatest.push(nth(n - 1));
        }
        band
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(steps: impl Iterator<Item = u64>) -> Trace {
        let mut trace = Trace::new(2);
        for step in steps {
            let x = step as f64;
            trace.push(&Snapshot { step, log_pi: vec![x, -x], loss_value: 0.5 * x });
        }
        trace
    }

    #[test]
    fn a_trace_survives_its_journey_however_it_is_cut() {
        let whole = trace(0..1300);
        let mut copy = Trace::new(2);
        for part in [trace(0..511), trace(511..513), trace(513..1300)] {
            assert!(copy.append(&part.to_numbers()));
        }
        assert_eq!(copy, whole);
        assert_eq!((copy.len(), copy.step(1299), copy.loss_value(600)), (1300, 1299, 300.0));
        assert_eq!(copy.policy(1024, 0, 2), [1024.0, -1024.0]);
        assert!(copy.steps().eq(0..1300));
        assert!(!Trace::new(3).append(&whole.to_numbers()));
    }

    #[test]
    fn a_moment_is_found_in_any_chunk() {
        let run = trace((0..1300).map(|k| 10 * k));
        for (share, k) in [(0.0, 0), (0.25, 324), (512.0 / 1299.0, 512), (1.0, 1299)] {
            assert_eq!(run.at(share), k, "{share}");
        }
        assert_eq!(Trace::new(2).at(1.0), 0);
    }

    #[test]
    fn taking_in_a_batch_copies_no_more_than_a_chunk() {
        let before = trace(0..2000);
        let mut after = before.clone();
        after.append(&trace(2000..2010).to_numbers());
        let shared = before.chunks.iter().zip(&after.chunks).filter(|(a, b)| Rc::ptr_eq(a, b)).count();
        assert_eq!((shared, before.chunks.len(), before.len(), after.len()), (3, 4, 2000, 2010));
    }

    #[test]
    fn a_long_run_is_drawn_by_a_thousand_snapshots_with_its_last() {
        let (short, long) = (trace(0..660), trace(0..100_003));
        assert_eq!(short.drawn(660), (0..660).collect::<Vec<_>>());
        let drawn = long.drawn(usize::MAX);
        assert!(drawn.len() <= DRAWN + 1 && drawn.last() == Some(&100_002), "{}", drawn.len());
        // A curve that grows keeps its points: only its end moves.
        assert_eq!(long.drawn(50_000)[..400], drawn[..400]);
        assert_eq!(long.drawn(50_000).last(), Some(&49_999));
    }

    #[test]
    fn a_band_spans_its_runs_about_their_median() {
        let run = |values: &[f64]| {
            let mut trace = Trace::new(1);
            for (k, v) in values.iter().enumerate() {
                trace.push(&Snapshot { step: k as u64, log_pi: vec![v.ln()], loss_value: *v });
            }
            trace
        };
        // The third run is younger, the fourth has not begun.
        let runs = [run(&[0.5, 0.2]), run(&[0.5, 0.8]), run(&[0.125]), Trace::new(1)];
        let band = Band::of(&runs.iter().collect::<Vec<_>>(), &[0, 1], 0, 0, 1);
        let near = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-15);
        assert!(near(&band.least, &[0.125, 0.2]), "{band:?}");
        assert!(near(&band.median, &[0.5, 0.5]), "{band:?}");
        assert!(near(&band.greatest, &[0.5, 0.8]), "{band:?}");
        let alone = Band::of(&[&runs[0]], &[0, 1], 0, 0, 1);
        assert_eq!(alone.median, alone.least);
    }
}
