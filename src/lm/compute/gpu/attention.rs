//! Attention, in both directions and from a cache.

use super::super::{Attended, Heads, Ids, Span};
use super::Gpu;
use super::kernel::{Bound, Call, Word, flat};

/// Threads of a workgroup, of which some share a query or a key.
const THREADS: usize = 64;

const LANES: &str = include_str!("wgsl/lanes.wgsl");

fn scale(heads: Heads) -> Word {
    Word::F(1.0 / (heads.width as f64).sqrt())
}

impl Gpu {
    pub(super) fn attend(&mut self, out: Span, lse: Span, qkv: Span, heads: Heads, lengths: Ids) {
        let lanes = self.tuning.lanes;
        let call = Call {
            name: "attention",
            source: &[LANES, include_str!("wgsl/attention.wgsl")],
            constants: &[("WIDTH", heads.width), ("LANES", lanes)],
            outs: &[Bound::fours("out", out, heads.width), Bound::floats("lse", lse)],
            ins: &[Bound::fours("qkv", qkv, heads.width), Bound::numbers("lengths", lengths)],
            words: &[("time", Word::U(heads.time)), ("heads", Word::U(heads.heads)), ("scale", scale(heads))],
            grid: [(heads.time * lanes).div_ceil(THREADS), heads.heads, heads.batch],
        };
        self.run(&call, heads.time * out.len);
    }

    pub(super) fn attend_backward(&mut self, dqkv: Span, dout: Span, kept: Attended, heads: Heads, lengths: Ids) {
        let Some(mean) = self.scratch(kept.lse.len) else { return };
        let lanes = self.tuning.lanes;
        let rows = |name, span| Bound::fours(name, span, heads.width);
        // The queries' pass leaves `Σ dO ∘ O` for the keys'.
        for (name, part) in [("d_query", 0), ("d_key_or_value", 2), ("d_key_or_value", 1)] {
            let call = Call {
                name,
                source: &[LANES, include_str!("wgsl/attention_backward.wgsl")],
                constants: &[("WIDTH", heads.width), ("LANES", lanes), ("PART", part)],
                outs: &[rows("dqkv", dqkv), Bound::floats("mean", mean)],
                ins: &[
                    rows("dout", dout),
                    rows("qkv", kept.qkv),
                    rows("out", kept.out),
                    Bound::floats("lse", kept.lse),
                    Bound::numbers("lengths", lengths),
                ],
                words: &[("time", Word::U(heads.time)), ("heads", Word::U(heads.heads)), ("scale", scale(heads))],
                grid: [(heads.time * lanes).div_ceil(THREADS), heads.heads, heads.batch],
            };
            self.run(&call, heads.time * dout.len);
        }
    }

    pub(super) fn attend_cached(&mut self, out: Span, cache: Span, qkv: Span, heads: Heads, past: usize) {
        let (c, s) = (heads.channels(), heads.time);
        let capacity = cache.len / (heads.batch * 2 * c);
        let added = heads.batch * s * 2 * c;
        let append = Call {
            name: "cache_append",
            source: &[include_str!("wgsl/cache_append.wgsl")],
            constants: &[],
            outs: &[Bound::floats("cache", cache)],
            ins: &[Bound::floats("qkv", qkv)],
            words: &[
                ("len", Word::U(added)),
                ("channels", Word::U(c)),
                ("steps", Word::U(s)),
                ("capacity", Word::U(capacity)),
                ("past", Word::U(past)),
            ],
            grid: flat(added),
        };
        self.run(&append, 0);
        let attend = Call {
            name: "attention_cached",
            source: &[include_str!("wgsl/attention_cached.wgsl")],
            constants: &[("WIDTH", heads.width)],
            outs: &[Bound::floats("out", out)],
            ins: &[Bound::floats("qkv", qkv), Bound::floats("cache", cache)],
            words: &[
                ("steps", Word::U(s)),
                ("heads", Word::U(heads.heads)),
                ("capacity", Word::U(capacity)),
                ("past", Word::U(past)),
                ("scale", scale(heads)),
            ],
            grid: [s, heads.heads, heads.batch],
        };
        self.run(&attend, 2 * (past + s) * out.len);
    }
}
