//! The CPU as a [`Compute`]: the oracle of the GPU's kernels, and what runs where there is no GPU.
//!
//! Each buffer is a vector of its own. An operation takes its output's vector out, so that it can read the others.

mod attention;
mod product;
mod real;

pub use real::Real;

use std::ops::Range;

use super::{
    AdamW, Attended, Compute, DeviceError, Embedding, Epilogue, Form, Heads, Ids, Moments, Norm, Product, Span,
};
use attention::Kept;
use product::{View, by_rows, by_rows_of_two, threads};
use real::{dot, gelu, gelu_slope, largest, sum_of};

/// The CPU, with its buffers.
#[derive(Debug, Default)]
pub struct Cpu<R: Real = f32> {
    floats: Vec<Vec<R>>,
    numbers: Vec<Vec<u32>>,
}

impl<R: Real> Cpu<R> {
    /// Without buffers.
    pub fn new() -> Self {
        Self { floats: Vec::new(), numbers: Vec::new() }
    }

    /// What all buffers of floats hold, in numbers.
    pub fn held(&self) -> usize {
        self.floats.iter().map(Vec::len).sum()
    }

    /// What a span holds.
    pub fn values(&self, span: Span) -> &[R] {
        &self.floats[span.buffer][range(span)]
    }

    fn ids(&self, ids: Ids) -> &[u32] {
        &self.numbers[ids.0.buffer][range(ids.0)]
    }

    /// Runs `work` on an output while everything else can be read.
    fn with<T>(&mut self, out: Span, work: impl FnOnce(&Self, &mut [R]) -> T) -> T {
        let mut buffer = std::mem::take(&mut self.floats[out.buffer]);
        let result = work(self, &mut buffer[range(out)]);
        self.floats[out.buffer] = buffer;
        result
    }

    /// The same with two outputs of different buffers.
    fn with_two(&mut self, one: Span, two: Span, work: impl FnOnce(&Self, &mut [R], &mut [R])) {
        let mut other = std::mem::take(&mut self.floats[two.buffer]);
        self.with(one, |cpu, one| work(cpu, one, &mut other[range(two)]));
        self.floats[two.buffer] = other;
    }

    /// A layer norm's `dweight +=`.
    fn norm_weight(&mut self, out: Span, dout: Span, x: Span, stats: Span) {
        self.with(out, |cpu, dweight| {
            let c = dweight.len();
            let rows = cpu.values(dout).chunks_exact(c).zip(cpu.values(x).chunks_exact(c));
            for ((dout, x), s) in rows.zip(cpu.values(stats).chunks_exact(2)) {
                for ((dw, dout), x) in dweight.iter_mut().zip(dout).zip(x) {
                    *dw += *dout * (*x - s[0]) * s[1];
                }
            }
        });
    }
}

fn range(span: Span) -> Range<usize> {
    span.start..span.start + span.len
}

/// A vector of zeros, or the reason why not.
fn zeros<T: Clone + Default>(len: usize) -> Result<Vec<T>, DeviceError> {
    let mut buffer = Vec::new();
    let bytes = (len * size_of::<T>()) as u64;
    buffer.try_reserve_exact(len).map_err(|_| DeviceError::OutOfMemory { bytes })?;
    buffer.resize(len, T::default());
    Ok(buffer)
}

/// Puts a buffer into a free place, or behind the others.
fn place<T>(buffers: &mut Vec<Vec<T>>, buffer: Vec<T>) -> Span {
    let len = buffer.len();
    let free = buffers.iter().position(|b| b.capacity() == 0);
    let index = free.unwrap_or(buffers.len());
    match free {
        Some(index) => buffers[index] = buffer,
        None => buffers.push(buffer),
    }
    Span { buffer: index, start: 0, len }
}

/// Mean and 1/√(variance + ε) of a row.
fn moments<R: Real>(row: &[R], epsilon: R) -> (R, R) {
    let n = R::of(row.len() as f64);
    let mean = sum_of(row, |x| x) / n;
    let variance = sum_of(row, |x| (x - mean) * (x - mean)) / n;
    (mean, R::one() / (variance + epsilon).sqrt())
}

/// Takes a chunk of one row's logits into its state: largest logit, sum of exponentials less that, the target's logit.
fn take_words<R: Real>(state: &mut [R], row: &[R], first: usize, target: usize) {
    let here = largest(row);
    if first == 0 {
        state.copy_from_slice(&[here, R::zero(), R::zero()]);
    }
    let max = if here > state[0] { here } else { state[0] };
    let before = state[1] * (state[0] - max).exp_fast();
    state[1] = before + sum_of(row, |x| (x - max).exp_fast());
    state[0] = max;
    if let Some(x) = target.checked_sub(first).and_then(|k| row.get(k)) {
        state[2] = *x;
    }
}

/// Applies what follows a product to rows of n from `first` on. `pre` is written only by [`Epilogue::BiasGelu`].
fn finish<R: Real>(cpu: &Cpu<R>, epilogue: Epilogue, first: usize, rows: &mut [R], n: usize) {
    match epilogue {
        Epilogue::Store | Epilogue::Add { .. } => {}
        Epilogue::Bias(bias) | Epilogue::BiasGelu { bias, .. } => {
            for row in rows.chunks_exact_mut(n) {
                real::axpy(row, R::one(), cpu.values(bias));
            }
        }
        Epilogue::BiasResidual(bias, residual) => {
            for (row, residual) in rows.chunks_exact_mut(n).zip(cpu.values(residual)[first * n..].chunks_exact(n)) {
                for ((x, b), r) in row.iter_mut().zip(cpu.values(bias)).zip(residual) {
                    *x += *b + *r;
                }
            }
        }
        Epilogue::GeluSlope { pre } => {
            for (x, pre) in rows.iter_mut().zip(&cpu.values(pre)[first * n..]) {
                *x *= gelu_slope(*pre);
            }
        }
    }
}

impl<R: Real> Compute for Cpu<R> {
    fn largest_buffer(&self) -> usize {
        usize::MAX / 16
    }

    fn alloc(&mut self, len: usize) -> Result<Span, DeviceError> {
        // A place without capacity counts as free.
        let buffer = zeros(len.max(1))?;
        Ok(Span { len, ..place(&mut self.floats, buffer) })
    }

    fn alloc_ids(&mut self, len: usize) -> Result<Ids, DeviceError> {
        let buffer = zeros(len.max(1))?;
        Ok(Ids(Span { len, ..place(&mut self.numbers, buffer) }))
    }

    fn free(&mut self, span: Span) {
        self.floats[span.buffer] = Vec::new();
    }

    fn free_ids(&mut self, ids: Ids) {
        self.numbers[ids.0.buffer] = Vec::new();
    }

    fn write(&mut self, to: Span, values: &[f32]) {
        for (to, x) in self.floats[to.buffer][range(to)].iter_mut().zip(values) {
            *to = R::of(f64::from(*x));
        }
    }

    fn write_ids(&mut self, to: Ids, values: &[u32]) {
        self.numbers[to.0.buffer][range(to.0)].copy_from_slice(values);
    }

    async fn read(&mut self, from: Span) -> Result<Vec<f32>, DeviceError> {
        Ok(self.values(from).iter().map(|x| x.wide() as f32).collect())
    }

    fn fill(&mut self, out: Span, value: f32) {
        self.with(out, |_, out| out.fill(R::of(f64::from(value))));
    }

    fn copy(&mut self, out: Span, x: Span) {
        self.with(out, |cpu, out| out.copy_from_slice(cpu.values(x)));
    }

    fn embed(&mut self, out: Span, table: Embedding, ids: Ids, time: usize, past: usize) {
        let channels = table.channels;
        self.with(out, |cpu, out| {
            let (wte, wpe) = (cpu.values(table.wte), cpu.values(table.wpe));
            for (r, (row, id)) in out.chunks_exact_mut(channels).zip(cpu.ids(ids)).enumerate() {
                let position = past + r % time;
                let (word, place) = (&wte[*id as usize * channels..], &wpe[position * channels..]);
                for ((x, word), place) in row.iter_mut().zip(word).zip(place) {
                    *x = *word + *place;
                }
            }
        });
    }

    fn embed_backward(&mut self, gradient: Embedding, dout: Span, ids: Ids, time: usize) {
        let channels = gradient.channels;
        let add = |cpu: &Self, out: &mut [R], row_of: &dyn Fn(usize, u32) -> usize| {
            for (r, (row, id)) in cpu.values(dout).chunks_exact(channels).zip(cpu.ids(ids)).enumerate() {
                real::axpy(&mut out[row_of(r, *id) * channels..][..channels], R::one(), row);
            }
        };
        self.with(gradient.wte, |cpu, out| add(cpu, out, &|_, id| id as usize));
        self.with(gradient.wpe, |cpu, out| add(cpu, out, &|r, _| r % time));
    }

    fn layer_norm(&mut self, out: Span, stats: Span, x: Span, norm: Norm, epsilon: f32) {
        let c = norm.weight.len;
        self.with_two(out, stats, |cpu, out, stats| {
            let (weight, bias) = (cpu.values(norm.weight), cpu.values(norm.bias));
            let rows = cpu.values(x).chunks_exact(c);
            for ((row, out), stats) in rows.zip(out.chunks_exact_mut(c)).zip(stats.chunks_exact_mut(2)) {
                let (mean, rstd) = moments(row, R::of(f64::from(epsilon)));
                for (((out, x), w), b) in out.iter_mut().zip(row).zip(weight).zip(bias) {
                    *out = (*x - mean) * rstd * *w + *b;
                }
                stats.copy_from_slice(&[mean, rstd]);
            }
        });
    }

    fn layer_norm_backward(&mut self, dx: Span, dnorm: Option<Norm>, dout: Span, x: Span, stats: Span, weight: Span) {
        let c = weight.len;
        if let Some(dnorm) = dnorm {
            self.column_sums(dnorm.bias, dout);
            self.norm_weight(dnorm.weight, dout, x, stats);
        }
        // With g = dout ∘ weight and y the normalised row: dx = rstd (g − mean(g) − y mean(g y)).
        self.with(dx, |cpu, dx| {
            let (weight, n) = (cpu.values(weight), R::of(c as f64));
            let mut g = vec![R::zero(); c];
            let mut y = vec![R::zero(); c];
            let rows = cpu.values(dout).chunks_exact(c).zip(cpu.values(x).chunks_exact(c));
            for (((dout, x), s), dx) in rows.zip(cpu.values(stats).chunks_exact(2)).zip(dx.chunks_exact_mut(c)) {
                for k in 0..c {
                    g[k] = dout[k] * weight[k];
                    y[k] = (x[k] - s[0]) * s[1];
                }
                let (mean, slope) = (sum_of(&g, |g| g) / n, dot(&g, &y) / n);
                for k in 0..c {
                    dx[k] += s[1] * (g[k] - mean - y[k] * slope);
                }
            }
        });
    }

    fn matmul(&mut self, out: Span, a: Span, b: Span, Product { form, m, k, n }: Product, epilogue: Epilogue) {
        let (alpha, beta) = match epilogue {
            Epilogue::Add { scale } => (R::of(f64::from(scale)), R::one()),
            _ => (R::one(), R::zero()),
        };
        // gelu keeps its argument: the product goes there first.
        let target = if let Epilogue::BiasGelu { pre, .. } = epilogue { pre } else { out };
        assert!(target.len == m * n && a.len == m * k && b.len == k * n, "a product of {m}×{k}×{n} has other sizes");
        self.with(target, |cpu, out| {
            let (a, b) = (cpu.values(a), cpu.values(b));
            let left = if form == Form::TN { View::transposed(a, m) } else { View::rows(a, k) };
            let right = if form == Form::NT { View::transposed(b, k) } else { View::rows(b, n) };
            by_rows(out, n, threads(2 * m * k * n), |first, rows| {
                let size = (rows.len() / n, k, n);
                product::product((rows, n), left.below(first), right, size, (alpha, beta));
                finish(cpu, epilogue, first, rows, n);
            });
        });
        if let Epilogue::BiasGelu { pre, .. } = epilogue {
            self.gelu(out, pre);
        }
    }

    fn column_sums(&mut self, out: Span, x: Span) {
        self.with(out, |cpu, out| {
            for row in cpu.values(x).chunks_exact(out.len()) {
                real::axpy(out, R::one(), row);
            }
        });
    }

    fn gelu(&mut self, out: Span, x: Span) {
        self.with(out, |cpu, out| {
            let x = cpu.values(x);
            by_rows(out, 1, threads(16 * x.len()), |first, out| {
                for (out, x) in out.iter_mut().zip(&x[first..]) {
                    *out = gelu(*x);
                }
            });
        });
    }

    fn attention(&mut self, out: Span, lse: Span, qkv: Span, heads: Heads, lengths: Ids) {
        let (c, t) = (heads.channels(), heads.time);
        self.with_two(out, lse, |cpu, out, lse| {
            let (qkv, lengths) = (cpu.values(qkv), cpu.ids(lengths));
            let (out, lse) = ((out, t * c), (lse, heads.heads * t));
            by_rows_of_two(out, lse, threads(4 * heads.batch * t * t * c), |first, outs, lses| {
                let texts = outs.chunks_exact_mut(t * c).zip(lses.chunks_exact_mut(heads.heads * t));
                for ((out, lse), text) in texts.zip(first..) {
                    let qkv = &qkv[text * t * 3 * c..][..t * 3 * c];
                    attention::forward(out, lse, qkv, heads, lengths[text] as usize);
                }
            });
        });
    }

    fn attention_backward(&mut self, dqkv: Span, dout: Span, kept: Attended, heads: Heads, lengths: Ids) {
        let (c, t) = (heads.channels(), heads.time);
        self.with(dqkv, |cpu, dqkv| {
            let lengths = cpu.ids(lengths);
            let operations = 6 * heads.batch * t * t * c;
            by_rows(dqkv, t * 3 * c, threads(operations), |first, texts| {
                for (k, dqkv) in texts.chunks_exact_mut(t * 3 * c).enumerate() {
                    let text = first + k;
                    let part = |span: Span, each: usize| &cpu.values(span)[text * each..][..each];
                    let kept = Kept {
                        dout: part(dout, t * c),
                        qkv: part(kept.qkv, t * 3 * c),
                        out: part(kept.out, t * c),
                        lse: part(kept.lse, heads.heads * t),
                    };
                    attention::backward(dqkv, &kept, heads, lengths[text] as usize);
                }
            });
        });
    }

    fn attention_cached(&mut self, out: Span, cache: Span, qkv: Span, heads: Heads, past: usize) {
        let (c, s) = (heads.channels(), heads.time);
        let capacity = cache.len / heads.batch;
        self.with_two(out, cache, |cpu, out, cache| {
            let texts = cpu.values(qkv).chunks_exact(s * 3 * c);
            for ((out, cache), qkv) in out.chunks_exact_mut(s * c).zip(cache.chunks_exact_mut(capacity)).zip(texts) {
                attention::cached(out, cache, qkv, heads, past);
            }
        });
    }

    fn gather(&mut self, out: Span, x: Span, rows: Ids, channels: usize) {
        self.with(out, |cpu, out| {
            for (out, row) in out.chunks_exact_mut(channels).zip(cpu.ids(rows)) {
                out.copy_from_slice(&cpu.values(x)[*row as usize * channels..][..channels]);
            }
        });
    }

    fn scatter(&mut self, out: Span, x: Span, rows: Ids, channels: usize) {
        self.with(out, |cpu, out| {
            for (x, row) in cpu.values(x).chunks_exact(channels).zip(cpu.ids(rows)) {
                out[*row as usize * channels..][..channels].copy_from_slice(x);
            }
        });
    }

    fn vocabulary(&mut self, state: Span, logits: Span, first: usize, targets: Ids) {
        self.with(state, |cpu, state| {
            let (logits, targets) = (cpu.values(logits), cpu.ids(targets));
            let words = logits.len() / targets.len().max(1);
            by_rows(state, 3, threads(16 * logits.len()), |n, states| {
                let rows = logits[n * words..].chunks_exact(words).zip(&targets[n..]);
                for (state, (row, target)) in states.chunks_exact_mut(3).zip(rows) {
                    take_words(state, row, first, *target as usize);
                }
            });
        });
    }

    fn log_probs(&mut self, out: Span, state: Span) {
        self.with(out, |cpu, out| {
            for (out, s) in out.iter_mut().zip(cpu.values(state).chunks_exact(3)) {
                *out = (s[2] - s[0]) - s[1].ln();
            }
        });
    }

    fn vocabulary_backward(&mut self, logits: Span, state: Span, coefficients: Span, first: usize, targets: Ids) {
        self.with(logits, |cpu, logits| {
            let (targets, coefficients) = (cpu.ids(targets), cpu.values(coefficients));
            let words = logits.len() / targets.len().max(1);
            let operations = 16 * logits.len();
            by_rows(logits, words, threads(operations), |n, rows| {
                let states = cpu.values(state)[3 * n..].chunks_exact(3).zip(&coefficients[n..]);
                for ((row, target), (s, c)) in rows.chunks_exact_mut(words).zip(&targets[n..]).zip(states) {
                    let lse = s[0] + s[1].ln();
                    for x in row.iter_mut() {
                        *x = -*c * (*x - lse).exp_fast();
                    }
                    if let Some(x) = (*target as usize).checked_sub(first).and_then(|k| row.get_mut(k)) {
                        *x += *c;
                    }
                }
            });
        });
    }

    fn sum_squares(&mut self, out: Span, x: Span) {
        self.with(out, |cpu, out| {
            // Pieces, so that millions of small squares are not lost against their sum.
            let total: f64 = cpu.values(x).chunks(4096).map(|part| sum_of(part, |x| x * x).wide()).sum();
            out[0] += R::of(total);
        });
    }

    fn adamw(&mut self, params: Span, grads: Span, moments: Moments, squares: Span, step: &AdamW) {
        let norm = self.values(squares)[0].wide().sqrt();
        // As torch.nn.utils.clip_grad_norm_ does it.
        let clip = R::of((step.clip_norm / (norm + 1e-6)).min(1.0));
        let (beta1, beta2) = (R::of(step.beta1), R::of(step.beta2));
        let (correction1, correction2) = step.corrections();
        let rate = R::of(step.learning_rate / correction1);
        let root = R::of(correction2.sqrt().recip());
        let keep = R::of(1.0 - step.learning_rate * step.weight_decay);
        let epsilon = R::of(step.epsilon);
        let mut m = std::mem::take(&mut self.floats[moments.m.buffer]);
        self.with_two(params, moments.v, |cpu, params, v| {
            let means = m[range(moments.m)].iter_mut().zip(v);
            for ((p, g), (m, v)) in params.iter_mut().zip(cpu.values(grads)).zip(means) {
                let g = *g * clip;
                *m = beta1 * *m + (R::one() - beta1) * g;
                *v = beta2 * *v + (R::one() - beta2) * g * g;
                *p = *p * keep - rate * *m / (v.sqrt() * root + epsilon);
            }
        });
        self.floats[moments.m.buffer] = m;
    }
}
