//! Matrix products of strided views, and the division of rows among threads.

use nalgebra::{DMatrixView, DMatrixViewMut, Dyn};

use super::real::{Real, axpy, dot};

/// A matrix in a slice: element (i, j) stands at `i · rows + j · columns`.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, R> {
    /// The numbers.
    pub data: &'a [R],
    /// The distance between rows.
    pub rows: usize,
    /// The distance between columns.
    pub columns: usize,
}

impl<'a, R> View<'a, R> {
    /// Row-major with the given distance between rows.
    pub fn rows(data: &'a [R], stride: usize) -> Self {
        Self { data, rows: stride, columns: 1 }
    }

    /// The transpose of a row-major matrix.
    pub fn transposed(data: &'a [R], stride: usize) -> Self {
        Self { data, rows: 1, columns: stride }
    }

    /// What begins with row `i`.
    pub fn below(self, i: usize) -> Self {
        Self { data: &self.data[i * self.rows..], ..self }
    }
}

/// Below this in any dimension the blocked product costs more than plain loops.
const SMALL: usize = 6;

/// `out = alpha a b + beta out`, out m×n with `stride` between its rows.
pub fn product<R: Real>(
    out: (&mut [R], usize),
    a: View<R>,
    b: View<R>,
    (m, k, n): (usize, usize, usize),
    (alpha, beta): (R, R),
) {
    let (out, stride) = out;
    if m.min(k).min(n) < SMALL {
        return plain((out, stride), a, b, (m, k, n), (alpha, beta));
    }
    let left = view(a, m, k);
    let right = view(b, k, n);
    let mut result = DMatrixViewMut::<R, Dyn, Dyn>::from_slice_with_strides_mut(out, m, n, stride, 1);
    result.gemm(alpha, &left, &right, beta);
}

fn view<R: Real>(a: View<'_, R>, rows: usize, columns: usize) -> DMatrixView<'_, R, Dyn, Dyn> {
    DMatrixView::<R, Dyn, Dyn>::from_slice_with_strides(a.data, rows, columns, a.rows, a.columns)
}

/// The same for small matrices: rows of b are added up where they lie in one piece, else columns are multiplied out.
fn plain<R: Real>(
    (out, stride): (&mut [R], usize),
    a: View<R>,
    b: View<R>,
    (m, k, n): (usize, usize, usize),
    (alpha, beta): (R, R),
) {
    for i in 0..m {
        let row = &mut out[i * stride..][..n];
        for x in row.iter_mut() {
            // What out held must not count, not even as NaN, where beta is 0.
            *x = if beta.is_zero() { R::zero() } else { beta * *x };
        }
        let left = |p: usize| a.data[i * a.rows + p * a.columns];
        if b.columns == 1 {
            for p in 0..k {
                axpy(row, alpha * left(p), &b.data[p * b.rows..][..n]);
            }
        } else if a.columns == 1 && b.rows == 1 {
            for (j, x) in row.iter_mut().enumerate() {
                *x += alpha * dot(&a.data[i * a.rows..][..k], &b.data[j * b.columns..][..k]);
            }
        } else {
            for (j, x) in row.iter_mut().enumerate() {
                *x += alpha * (0..k).fold(R::zero(), |sum, p| sum + left(p) * b.data[p * b.rows + j * b.columns]);
            }
        }
    }
}

/// Operations that are worth a thread of their own.
const WORTH_A_THREAD: usize = 4_000_000;

/// How many threads to share `operations` among; one in wasm, which has no others here.
pub fn threads(operations: usize) -> usize {
    if cfg!(target_arch = "wasm32") || operations < 2 * WORTH_A_THREAD {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.min(operations / WORTH_A_THREAD)
}

/// Calls `work(first_row, rows)` on pieces of `out`, whole rows of `width`, on several threads.
pub fn by_rows<R: Real>(out: &mut [R], width: usize, threads: usize, work: impl Fn(usize, &mut [R]) + Sync) {
    by_rows_of_two((out, width), (&mut [], 0), threads, |first, rows, _| work(first, rows));
}

/// The same on pieces of two outputs with as many rows, each of its own width.
pub fn by_rows_of_two<R: Real>(
    (out, width): (&mut [R], usize),
    (other, other_width): (&mut [R], usize),
    threads: usize,
    work: impl Fn(usize, &mut [R], &mut [R]) + Sync,
) {
    let rows = out.len() / width.max(1);
    let each = rows.div_ceil(threads.max(1)).max(1);
    if each >= rows {
        return work(0, out, other);
    }
    std::thread::scope(|scope| {
        let mut rest = other;
        for (piece, part) in out.chunks_mut(each * width).enumerate() {
            let (its, after) = rest.split_at_mut((part.len() / width) * other_width);
            rest = after;
            let work = &work;
            scope.spawn(move || work(piece * each, part, its));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_and_layout_gives_the_product() {
        let number = |k: usize| ((k * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
        for (m, k, n) in [(1, 1, 1), (1, 9, 20), (7, 1, 7), (6, 6, 6), (13, 17, 9), (33, 65, 31), (64, 8, 5)] {
            let a: Vec<f64> = (0..m * k).map(number).collect();
            let b: Vec<f64> = (0..k * n).map(|i| number(i + 5)).collect();
            let a_t: Vec<f64> = (0..k * m).map(|i| a[(i % m) * k + i / m]).collect();
            let b_t: Vec<f64> = (0..n * k).map(|i| b[(i % k) * n + i / k]).collect();
            let expected = |i: usize, j: usize| (0..k).map(|p| a[i * k + p] * b[p * n + j]).sum::<f64>();
            for left in [View::rows(&a, k), View::transposed(&a_t, m)] {
                for right in [View::rows(&b, n), View::transposed(&b_t, k)] {
                    let mut out = vec![2.0; m * n];
                    product((&mut out, n), left, right, (m, k, n), (3.0, 0.5));
                    for (at, x) in out.iter().enumerate() {
                        assert!((x - 3.0 * expected(at / n, at % n) - 1.0).abs() < 1e-12, "{m}×{k}×{n}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_are_divided_without_rest_or_overlap() {
        for threads in 1..5 {
            let mut out = vec![0.0f64; 7 * 3];
            by_rows(&mut out, 3, threads, |first, rows| {
                for (k, x) in rows.iter_mut().enumerate() {
                    *x += (first * 3 + k) as f64;
                }
            });
            assert!(out.iter().enumerate().all(|(k, x)| *x == k as f64));
            let mut firsts = vec![0.0f64; 7];
            by_rows_of_two((&mut out, 3), (&mut firsts, 1), threads, |_, rows, firsts| {
                for (row, first) in rows.chunks_exact(3).zip(firsts) {
                    *first += row[0];
                }
            });
            assert_eq!(firsts, [0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 18.0]);
        }
    }
}
