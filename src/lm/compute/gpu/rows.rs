//! What works row by row: embeddings, norms, sums of columns, the vocabulary's softmax.

use super::super::{Compute, Embedding, Ids, Norm, Span};
use super::Gpu;
use super::kernel::{Bound, Call, Word, each};

const TOTAL: &str = include_str!("wgsl/total.wgsl");

impl Gpu {
    pub(super) fn embed_rows(&mut self, out: Span, table: Embedding, ids: Ids, (time, past): (usize, usize)) {
        let c = table.channels;
        for (first, count) in self.buffers.pieces(table.wte, c) {
            let ins = [
                Bound::floats("wte", table.wte.part(first * c, count * c)),
                Bound::floats("wpe", table.wpe),
                Bound::numbers("ids", ids),
            ];
            let words = [
                ("channels", Word::U(c)),
                ("time", Word::U(time)),
                ("past", Word::U(past)),
                ("first", Word::U(first)),
                ("last", Word::U(first + count)),
            ];
            let source = [include_str!("wgsl/embed.wgsl")];
            self.elements("embed", &source, &[Bound::floats("out", out)], &ins, out.len, &words);
        }
    }

    /// Rows sorted by their word: each word's rows lie together, in their order.
    pub(super) fn embed_words(&mut self, gradient: Embedding, dout: Span, ids: Ids) {
        let numbers = &self.buffers.get(ids.0.buffer).numbers[ids.0.start..][..ids.0.len];
        let mut rows: Vec<u32> = (0..numbers.len() as u32).collect();
        rows.sort_by_key(|row| numbers[*row as usize]);
        let (mut words, mut starts) = (Vec::new(), Vec::new());
        for (row, at) in rows.iter().zip(0..) {
            let word = numbers[*row as usize];
            if words.last() != Some(&word) {
                words.push(word);
                starts.push(at);
            }
        }
        starts.push(rows.len() as u32);
        let sizes = (words.len(), starts.len());
        let Some(lists) = self.lists(sizes.0 + sizes.1 + rows.len()) else { return };
        self.write_ids(lists, &[words.as_slice(), &starts, &rows].concat());
        let list = |from: usize, len: usize| Ids(lists.0.part(from, len));
        let c = gradient.channels;
        for (first, count) in self.buffers.pieces(gradient.wte, c) {
            let from = words.partition_point(|word| (*word as usize) < first);
            let to = words.partition_point(|word| (*word as usize) < first + count);
            let call = Call {
                name: "embed_words",
                source: &[include_str!("wgsl/embed_words.wgsl")],
                constants: &[],
                outs: &[Bound::floats("dwte", gradient.wte.part(first * c, count * c))],
                ins: &[
                    Bound::floats("dout", dout),
                    Bound::numbers("words", list(from, to - from)),
                    Bound::numbers("starts", list(sizes.0 + from, to - from + 1)),
                    Bound::numbers("rows", list(sizes.0 + sizes.1, rows.len())),
                ],
                words: &[("count", Word::U(to - from)), ("channels", Word::U(c)), ("first", Word::U(first))],
                grid: each(to - from),
            };
            self.run(&call, 0);
        }
    }

    pub(super) fn embed_places(&mut self, gradient: Embedding, dout: Span, time: usize) {
        let len = time * gradient.channels;
        let words = [("texts", Word::U(dout.len / len.max(1)))];
        let (outs, ins) = ([Bound::floats("dwpe", gradient.wpe)], [Bound::floats("dout", dout)]);
        self.elements("embed_places", &[include_str!("wgsl/embed_places.wgsl")], &outs, &ins, len, &words);
    }

    pub(super) fn normalise(&mut self, out: Span, stats: Span, x: Span, norm: Norm, epsilon: f32) {
        let c = norm.weight.len;
        let call = Call {
            name: "layer_norm",
            source: &[TOTAL, include_str!("wgsl/layer_norm.wgsl")],
            constants: &[("THREADS", self.tuning.row)],
            outs: &[Bound::floats("out", out), Bound::floats("stats", stats)],
            ins: &[Bound::floats("x", x), Bound::floats("weight", norm.weight), Bound::floats("bias", norm.bias)],
            words: &[("rows", Word::U(x.len / c)), ("channels", Word::U(c)), ("epsilon", Word::F(epsilon.into()))],
            grid: each(x.len / c),
        };
        self.run(&call, 0);
    }

    pub(super) fn norm_input(&mut self, dx: Span, dout: Span, x: Span, stats: Span, weight: Span) {
        let c = weight.len;
        let call = Call {
            name: "layer_norm_backward",
            source: &[TOTAL, include_str!("wgsl/layer_norm_backward.wgsl")],
            constants: &[("THREADS", self.tuning.row)],
            outs: &[Bound::floats("dx", dx)],
            ins: &[
                Bound::floats("dout", dout),
                Bound::floats("x", x),
                Bound::floats("stats", stats),
                Bound::floats("weight", weight),
            ],
            words: &[("rows", Word::U(x.len / c)), ("channels", Word::U(c))],
            grid: each(x.len / c),
        };
        self.run(&call, 0);
    }

    pub(super) fn norm_weight(&mut self, out: Span, dout: Span, x: Span, stats: Span) {
        let ins = [Bound::floats("dout", dout), Bound::floats("x", x), Bound::floats("stats", stats)];
        self.sum_columns(out, &ins, (1, include_str!("wgsl/term_norm.wgsl")));
    }

    pub(super) fn columns(&mut self, out: Span, x: Span) {
        self.sum_columns(out, &[Bound::floats("x", x)], (0, include_str!("wgsl/term_plain.wgsl")));
    }

    /// The first input has as many columns as the output, and all rows.
    fn sum_columns(&mut self, out: Span, ins: &[Bound], (kind, term): (usize, &str)) {
        let call = Call {
            name: "column_sums",
            source: &[term, include_str!("wgsl/column_sums.wgsl")],
            constants: &[("KIND", kind)],
            outs: &[Bound::floats("out", out)],
            ins,
            words: &[("rows", Word::U(ins[0].span.len / out.len)), ("columns", Word::U(out.len))],
            grid: [out.len.div_ceil(16), 1, 1],
        };
        self.run(&call, 0);
    }

    pub(super) fn take_words(&mut self, state: Span, logits: Span, first: usize, targets: Ids) {
        let tokens = targets.0.len;
        let call = Call {
            name: "vocabulary",
            source: &[TOTAL, include_str!("wgsl/vocabulary.wgsl")],
            constants: &[("THREADS", self.tuning.long_row)],
            outs: &[Bound::floats("state", state)],
            ins: &[Bound::floats("logits", logits), Bound::numbers("targets", targets)],
            words: &[
                ("tokens", Word::U(tokens)),
                ("words", Word::U(logits.len / tokens.max(1))),
                ("first", Word::U(first)),
            ],
            grid: each(tokens),
        };
        self.run(&call, 0);
    }
}
