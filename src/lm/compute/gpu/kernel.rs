//! Kernels as the host describes them: WGSL, what is bound and told, and how many workgroups. What binds and what is told is
//! written once, here; the head of the WGSL that declares it is made from it.

use super::super::{Ids, Span};

/// How a kernel sees a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// `NAME: array<f32>`.
    Floats,
    /// `NAME: array<u32>`.
    Numbers,
    /// Through `NAME_4(at, left)` and, where it is written, `NAME_set(at, left, x)`: vectors where rows allow it.
    Fours { aligned: bool },
}

/// A buffer under the name that a kernel knows it by. `params.NAME` says where the span begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    name: &'static str,
    pub(super) span: Span,
    view: View,
}

impl Bound {
    pub(super) fn floats(name: &'static str, span: Span) -> Self {
        Self { name, span, view: View::Floats }
    }

    pub(super) fn numbers(name: &'static str, ids: Ids) -> Self {
        Self { name, span: ids.0, view: View::Numbers }
    }

    /// By fours, in rows of `row` numbers.
    pub(super) fn fours(name: &'static str, span: Span, row: usize) -> Self {
        let aligned = span.start.is_multiple_of(4) && row.is_multiple_of(4);
        Self { name, span, view: View::Fours { aligned } }
    }

    fn declaration(&self, binding: usize, written: bool) -> String {
        let access = if written { "read_write" } else { "read" };
        let plain =
            |of: &str| format!("@group(0) @binding({binding}) var<storage, {access}> {}: array<{of}>;\n", self.name);
        let (get, set) = match self.view {
            View::Floats => return plain("f32"),
            View::Numbers => return plain("u32"),
            View::Fours { aligned: true } => (include_str!("wgsl/vectors.wgsl"), include_str!("wgsl/vectors_set.wgsl")),
            View::Fours { aligned: false } => {
                (include_str!("wgsl/scalars.wgsl"), include_str!("wgsl/scalars_set.wgsl"))
            }
        };
        let text = if written { [get, set].concat() } else { get.to_owned() };
        text.replace("BINDING", &binding.to_string()).replace("ACCESS", access).replace("NAME", self.name)
    }
}

/// A number that a kernel is told: `params.NAME`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Word {
    U(usize),
    F(f64),
}

impl Word {
    fn bits(self) -> u32 {
        match self {
            Self::U(x) => x as u32,
            Self::F(x) => (x as f32).to_bits(),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::U(_) => "u32",
            Self::F(_) => "f32",
        }
    }
}

/// The most constants a kernel has.
const CONSTANTS: usize = 4;
/// The most buffers: what WebGPU promises.
pub(super) const BINDINGS: usize = 8;
/// Bytes of the most numbers a kernel is told.
pub(super) const PARAMS: usize = 128;

/// A kernel's name and constants, and which of its buffers are seen as vectors: one compiled pipeline.
pub(super) type Key = (&'static str, [usize; CONSTANTS], u8);

/// One run of a kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// Its entry point.
    pub(super) name: &'static str,
    /// Its WGSL.
    pub(super) source: &'a [&'a str],
    /// What WGSL knows when it is compiled: `const NAME = value;`.
    pub(super) constants: &'a [(&'static str, usize)],
    /// What it writes.
    pub(super) outs: &'a [Bound],
    /// What it reads.
    pub(super) ins: &'a [Bound],
    /// What it is told.
    pub(super) words: &'a [(&'static str, Word)],
    /// Workgroups.
    pub(super) grid: [usize; 3],
}

/// The most workgroups along one axis: what WebGPU promises.
pub(super) const MOST_GROUPS: usize = 65_535;

/// Workgroups of 256 for `n` elements. Each goes on with a stride where there are more elements than threads.
pub(super) fn flat(n: usize) -> [usize; 3] {
    [n.div_ceil(256).min(MOST_GROUPS), 1, 1]
}

/// A workgroup a row, with a stride where there are too many.
pub(super) fn each(rows: usize) -> [usize; 3] {
    [rows.min(MOST_GROUPS), 1, 1]
}

impl Call<'_> {
    pub(super) fn bounds(&self) -> impl Iterator<Item = &Bound> {
        self.outs.iter().chain(self.ins)
    }

    pub(super) fn key(&self) -> Key {
        let mut values = [0; CONSTANTS];
        for (to, (_, value)) in values.iter_mut().zip(self.constants) {
            *to = *value;
        }
        let aligned = |(k, b): (usize, &Bound)| u8::from(b.view == View::Fours { aligned: true }) << k;
        (self.name, values, self.bounds().enumerate().map(aligned).sum())
    }

    /// The whole WGSL.
    pub(super) fn wgsl(&self) -> String {
        let mut text = String::from("struct Params {\n");
        let starts = self.bounds().map(|b| (b.name, "u32"));
        for (name, kind) in starts.chain(self.words.iter().map(|(name, word)| (*name, word.kind()))) {
            text += &format!("    {name}: {kind},\n");
        }
        text += "}\n@group(0) @binding(0) var<uniform> params: Params;\n";
        for (name, value) in self.constants {
            text += &format!("const {name} = {value}u;\n");
        }
        for (k, bound) in self.bounds().enumerate() {
            text += &bound.declaration(k + 1, k < self.outs.len());
        }
        text + &self.source.concat()
    }

    /// What `params` holds.
    pub(super) fn params(&self, starts: impl Iterator<Item = usize>) -> Vec<u32> {
        let starts = starts.map(|start| start as u32);
        starts.chain(self.words.iter().map(|(_, word)| word.bits())).collect()
    }
}
