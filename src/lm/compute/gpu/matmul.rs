//! Products with their epilogues.

use std::sync::LazyLock;

use super::super::{Epilogue, Form, Product, Span};
use super::Gpu;
use super::kernel::{Bound, Call, Word};

/// The head of what becomes of four numbers p of a product's row, `left` of them within it.
const FINISH: &str = "fn finish(p: vec4<f32>, at: u32, column: u32, left: u32) -> vec4<f32> { ";

/// Its body, with a number that tells it from the others.
fn finish(epilogue: Epilogue) -> (usize, &'static str) {
    match epilogue {
        Epilogue::Store => (0, "return p;"),
        Epilogue::Add { .. } => (1, "return out_4(params.out + at, left) + params.scale * p;"),
        Epilogue::Bias(_) => (2, "return p + bias_4(params.bias + column, left);"),
        Epilogue::BiasResidual(..) => {
            (3, "return p + bias_4(params.bias + column, left) + residual_4(params.residual + at, left);")
        }
        Epilogue::BiasGelu { .. } => {
            (4, "let x = p + bias_4(params.bias + column, left); pre_set(params.pre + at, left, x); return gelu_of(x);")
        }
        Epilogue::GeluSlope { .. } => (5, "return p * gelu_slope(pre_4(params.pre + at, left));"),
    }
}

/// A step through a slice of both factors.
const STEP: &str = include_str!("wgsl/matmul_step.wgsl");
/// The kernel before its steps, and after them.
static AROUND: LazyLock<(&str, &str)> = LazyLock::new(|| {
    include_str!("wgsl/matmul.wgsl").split_once("STEPS").expect("matmul.wgsl says where its steps are")
});

/// How blocks of the factors are read.
static BLOCKS: LazyLock<String> = LazyLock::new(|| {
    let block = |name| include_str!("wgsl/block.wgsl").replace("NAME", name);
    [block("a"), block("b")].concat()
});

impl Gpu {
    pub(super) fn product(&mut self, out: Span, a: Span, b: Span, product: Product, epilogue: Epilogue) {
        let Product { form, m, k, n } = product;
        assert!(out.len == m * n && a.len == m * k && b.len == k * n, "a product of {m}×{k}×{n} has other sizes");
        if form != Form::NT {
            return self.product_of_columns((out, n), a, b, product, epilogue);
        }
        // The rows of b are the vocabulary's where logits are made: more, perhaps, than can be bound at once.
        for (first, count) in self.buffers.pieces(b, k) {
            let out = Span { start: out.start + first, len: (m - 1) * n + count, ..out };
            let part = Product { n: count, ..product };
            self.product_of_columns((out, n), a, b.part(first * k, count * k), part, epilogue);
        }
    }

    /// The product's columns that lie in `out`, whose rows begin `stride` apart.
    fn product_of_columns(
        &mut self,
        (out, stride): (Span, usize),
        a: Span,
        b: Span,
        product: Product,
        epilogue: Epilogue,
    ) {
        let Product { form, m, k, n } = product;
        // Vectors need both whole rows of fours and a distance between them of whole fours.
        let row = if stride.is_multiple_of(4) { n } else { 1 };
        let fours = |name, span| Bound::fours(name, span, row);
        let a = Bound::fours("a", a, if form == Form::TN { m } else { k });
        let b = Bound::fours("b", b, if form == Form::NT { k } else { n });
        let out = fours("out", out);
        let (mut outs, mut ins) = (vec![out], vec![a, b]);
        let mut scale = 1.0;
        match epilogue {
            Epilogue::Store => {}
            Epilogue::Add { scale: factor } => scale = factor,
            Epilogue::Bias(bias) => ins.push(fours("bias", bias)),
            Epilogue::BiasResidual(bias, residual) => ins.extend([fours("bias", bias), fours("residual", residual)]),
            Epilogue::BiasGelu { bias, pre } => {
                outs.push(fours("pre", pre));
                ins.push(fours("bias", bias));
            }
            Epilogue::GeluSlope { pre } => ins.push(fours("pre", pre)),
        }
        let halves = if m.div_ceil(64) * n.div_ceil(64) >= self.tuning.large_tiles { 2 } else { 1 };
        // A tile's side, and a slice's depth: as much shared memory either way.
        let (side, depth) = (32 * halves, 32 / halves);
        let (variant, finish) = finish(epilogue);
        let (before, after) = *AROUND;
        let mut source = vec![include_str!("wgsl/gelu.wgsl"), FINISH, finish, "}\n", &BLOCKS, before];
        if self.tuning.unrolled {
            source.extend(std::iter::repeat_n(STEP, depth));
        } else {
            source.extend(["for (var d = 0u; d < DEPTH; d += 1u) {\n", STEP, "}\n"]);
        }
        source.push(after);
        let call = Call {
            name: "matmul",
            source: &source,
            constants: &[
                ("EPILOGUE", variant),
                ("A_TRANSPOSED", usize::from(form == Form::TN)),
                ("B_TRANSPOSED", usize::from(form == Form::NT)),
                ("HALVES", halves),
                ("SIDE", side),
                ("DEPTH", depth),
            ],
            outs: &outs,
            ins: &ins,
            words: &[
                ("m", Word::U(m)),
                ("k", Word::U(k)),
                ("n", Word::U(n)),
                ("stride", Word::U(stride)),
                ("scale", Word::F(scale.into())),
            ],
            grid: [n.div_ceil(side), m.div_ceil(side), 1],
        };
        self.run(&call, m * k * n);
    }
}
