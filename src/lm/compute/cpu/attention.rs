//! Causal attention on the CPU. Scores live only for a tile of queries of one head at a time; the way back computes them anew.
//!
//! A head's q, k and v are strided views into `qkv`: row t of q begins at `t · 3C + h · D`, k C further, v 2C further.

use super::product::{View, product};
use super::real::{Real, dot, largest, sum_of};
use crate::lm::compute::Heads;

/// Queries of a tile: their scores stay in the cache.
const TILE: usize = 64;

/// `1/√D`.
fn scale<R: Real>(heads: Heads) -> R {
    R::of(1.0 / (heads.width as f64).sqrt())
}

/// Scores of queries `from..to` against keys `..to`, as rows of `to`; what lies above the diagonal is not to be used.
fn scores<R: Real>(into: &mut [R], qkv: &[R], h: usize, heads: Heads, (from, to): (usize, usize)) {
    let (c, d) = (heads.channels(), heads.width);
    let q = View::rows(&qkv[from * 3 * c + h * d..], 3 * c);
    let k = View::transposed(&qkv[c + h * d..], 3 * c);
    product((into, to), q, k, (to - from, d, to), (scale::<R>(heads), R::zero()));
}

/// One text, whose valid rows are `length`: `out` (T×C) and `lse` (H×T).
pub fn forward<R: Real>(out: &mut [R], lse: &mut [R], qkv: &[R], heads: Heads, length: usize) {
    let (c, d, t) = (heads.channels(), heads.width, heads.time);
    out[length * c..].fill(R::zero());
    let mut tile = vec![R::zero(); TILE.min(t) * t];
    for h in 0..heads.heads {
        for from in (0..length).step_by(TILE) {
            let to = (from + TILE).min(length);
            let p = &mut tile[..(to - from) * to];
            scores(p, qkv, h, heads, (from, to));
            for (row, i) in p.chunks_exact_mut(to).zip(from..to) {
                let (seen, unseen) = row.split_at_mut(i + 1);
                lse[h * t + i] = softmax(seen);
                unseen.fill(R::zero());
            }
            let v = View::rows(&qkv[2 * c + h * d..], 3 * c);
            product((&mut out[from * c + h * d..], c), View::rows(p, to), v, (to - from, to, d), (R::one(), R::zero()));
        }
    }
}

/// In place; gives the log-sum of exponentials.
fn softmax<R: Real>(row: &mut [R]) -> R {
    let max = largest(row);
    for x in row.iter_mut() {
        *x = (*x - max).exp_fast();
    }
    let total = sum_of(row, |x| x);
    let inverse = R::one() / total;
    for x in row.iter_mut() {
        *x *= inverse;
    }
    max + total.ln()
}

/// What one text's way back reads: its rows of each.
pub struct Kept<'a, R> {
    /// T×C.
    pub dout: &'a [R],
    /// T×3C.
    pub qkv: &'a [R],
    /// T×C.
    pub out: &'a [R],
    /// H×T.
    pub lse: &'a [R],
}

/// One text's `dqkv` (T×3C), from probabilities computed anew out of `lse`.
///
/// With P the probabilities: `dV = Pᵀ dO`, `dS = P ∘ (dO Vᵀ − Σ dO ∘ O)`, `dQ = dS K / √D`, `dK = dSᵀ Q / √D`.
pub fn backward<R: Real>(dqkv: &mut [R], kept: &Kept<R>, heads: Heads, length: usize) {
    let (c, d, t) = (heads.channels(), heads.width, heads.time);
    dqkv.fill(R::zero());
    let mut tiles = vec![R::zero(); 2 * TILE.min(t) * t];
    let (tile, d_tile) = tiles.split_at_mut(TILE.min(t) * t);
    let (one, zero) = (R::one(), R::zero());
    for h in 0..heads.heads {
        for from in (0..length).step_by(TILE) {
            let to = (from + TILE).min(length);
            let n = to - from;
            let (p, ds) = (&mut tile[..n * to], &mut d_tile[..n * to]);
            scores(p, kept.qkv, h, heads, (from, to));
            for (row, i) in p.chunks_exact_mut(to).zip(from..to) {
                let (seen, unseen) = row.split_at_mut(i + 1);
                let lse = kept.lse[h * t + i];
                for x in seen {
                    *x = (*x - lse).exp_fast();
                }
                unseen.fill(zero);
            }
            let dout = &kept.dout[from * c + h * d..];
            let at = |part: usize, row: usize| row * 3 * c + part * c + h * d;
            product(
                (&mut dqkv[at(2, 0)..], 3 * c),
                View::transposed(p, to),
                View::rows(dout, c),
                (to, n, d),
                (one, one),
            );
            let v = View::transposed(&kept.qkv[at(2, 0)..], 3 * c);
            product((ds, to), View::rows(dout, c), v, (n, d, to), (one, zero));
            for ((ds, p), i) in ds.chunks_exact_mut(to).zip(p.chunks_exact(to)).zip(from..to) {
                let head = |x: &'_ [R]| -> Vec<R> { x[i * c + h * d..][..d].to_vec() };
                let mean = dot(&head(kept.dout), &head(kept.out));
                for (ds, p) in ds.iter_mut().zip(p) {
                    *ds = *p * (*ds - mean);
                }
            }
            let k = View::rows(&kept.qkv[at(1, 0)..], 3 * c);
            let q = View::rows(&kept.qkv[at(0, from)..], 3 * c);
            let s = scale::<R>(heads);
            product((&mut dqkv[at(0, from)..], 3 * c), View::rows(ds, to), k, (n, to, d), (s, zero));
            product((&mut dqkv[at(1, 0)..], 3 * c), View::transposed(ds, to), q, (to, n, d), (s, one));
        }
    }
}

/// One text's new positions after `past` cached ones: `cache` (capacity × 2C) takes their keys and values, `out` is S×C.
pub fn cached<R: Real>(out: &mut [R], cache: &mut [R], qkv: &[R], heads: Heads, past: usize) {
    let (c, d) = (heads.channels(), heads.width);
    for (s, row) in qkv.chunks_exact(3 * c).enumerate() {
        cache[(past + s) * 2 * c..][..2 * c].copy_from_slice(&row[c..]);
    }
    let mut p = vec![R::zero(); past + heads.time];
    for (s, (row, out)) in qkv.chunks_exact(3 * c).zip(out.chunks_exact_mut(c)).enumerate() {
        for h in 0..heads.heads {
            let seen = &mut p[..=past + s];
            let q = &row[h * d..][..d];
            for (x, kv) in seen.iter_mut().zip(cache.chunks_exact(2 * c)) {
                *x = scale::<R>(heads) * dot(q, &kv[h * d..][..d]);
            }
            softmax(seen);
            let out = &mut out[h * d..][..d];
            out.fill(R::zero());
            for (x, kv) in seen.iter().zip(cache.chunks_exact(2 * c)) {
                super::real::axpy(out, *x, &kv[c + h * d..][..d]);
            }
        }
    }
}
