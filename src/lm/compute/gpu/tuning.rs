//! What suits a GPU, and what suits a processor that plays one: there a barrier costs as much as hundreds of
//! multiplications, and a few workgroups keep every core busy. Chosen on an H100 and on SwiftShader (`benches/README.md`).

/// How kernels divide their work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuning {
    /// From so many tiles of 64×64 on a product uses them; with fewer, tiles of 32×32 keep more of the device busy.
    pub(super) large_tiles: usize,
    /// Whether a product's innermost loop is written out. A shader compiler that bounds loops does not do it itself.
    pub(super) unrolled: bool,
    /// Threads that share a query or a key of attention: a divisor of the 64 of a workgroup.
    pub(super) lanes: usize,
    /// Threads that share a row as wide as the model: a power of two, as sums are halved.
    pub(super) row: usize,
    /// Threads that share a row of the vocabulary, or a share of a sum of squares: a power of two.
    pub(super) long_row: usize,
}

impl Tuning {
    pub(super) fn of(software: bool) -> Self {
        if software {
            Self { large_tiles: 8, unrolled: false, lanes: 1, row: 4, long_row: 4 }
        } else {
            Self { large_tiles: 256, unrolled: true, lanes: 8, row: 64, long_row: 256 }
        }
    }
}
