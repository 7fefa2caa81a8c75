//! What ends a step: the gradient's norm and AdamW.

use super::super::{AdamW, Moments, Span};
use super::Gpu;
use super::kernel::{Bound, Call, Word, flat};

/// Workgroups that sum squares, at most.
const SHARES: usize = 256;

const TOTAL: &str = include_str!("wgsl/total.wgsl");

impl Gpu {
    pub(super) fn squares(&mut self, out: Span, x: Span) {
        let threads = self.tuning.long_row;
        for (first, len) in self.buffers.pieces(x, 1) {
            let groups = len.div_ceil(threads).min(SHARES);
            let Some(shares) = self.scratch(groups) else { return };
            let constants = [("THREADS", threads)];
            let squares = Call {
                name: "squares",
                source: &[TOTAL, include_str!("wgsl/squares.wgsl")],
                constants: &constants,
                outs: &[Bound::floats("shares", shares)],
                ins: &[Bound::floats("x", x.part(first, len))],
                words: &[("len", Word::U(len))],
                grid: [groups, 1, 1],
            };
            self.run(&squares, 0);
            let add = Call {
                name: "add_shares",
                source: &[TOTAL, include_str!("wgsl/add_shares.wgsl")],
                constants: &constants,
                outs: &[Bound::floats("out", out)],
                ins: &[Bound::floats("shares", shares)],
                words: &[("len", Word::U(groups))],
                grid: [1, 1, 1],
            };
            self.run(&add, 0);
        }
    }

    pub(super) fn step(&mut self, params: Span, grads: Span, moments: Moments, squares: Span, step: &AdamW) {
        let (correction1, correction2) = step.corrections();
        for (first, len) in self.buffers.pieces(params, 1) {
            let part = |name, span: Span| Bound::floats(name, span.part(first, len));
            let call = Call {
                name: "adamw",
                source: &[include_str!("wgsl/adamw.wgsl")],
                constants: &[],
                outs: &[part("weights", params), part("m", moments.m), part("v", moments.v)],
                ins: &[part("grads", grads), Bound::floats("squares", squares)],
                words: &[
                    ("len", Word::U(len)),
                    ("rate", Word::F(step.learning_rate / correction1)),
                    ("beta1", Word::F(step.beta1)),
                    ("rest1", Word::F(1.0 - step.beta1)),
                    ("beta2", Word::F(step.beta2)),
                    ("rest2", Word::F(1.0 - step.beta2)),
                    ("root", Word::F(correction2.sqrt().recip())),
                    ("keep", Word::F(1.0 - step.learning_rate * step.weight_decay)),
                    ("epsilon", Word::F(step.epsilon)),
                    // WGSL promises nothing about infinities.
                    ("clip_norm", Word::F(step.clip_norm.min(f64::from(f32::MAX)))),
                ],
                grid: flat(len),
            };
            self.run(&call, 0);
        }
    }
}
