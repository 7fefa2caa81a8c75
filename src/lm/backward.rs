//! GPT-2's way back, with the letters of [`super::gpt2`].

use super::compute::{Compute, Epilogue, Form, Product, Span};
use super::gpt2::{Gpt2, Loaded};
use super::tensors::{Block, Linear, Tensors};
use super::workspace::{Back, Kept, Workspace};

impl Gpt2 {
    /// Adds to the gradients those of `Σ coefficient · log π(text)`, one coefficient for each text of the last forward.
    pub fn backward(&mut self, compute: &mut impl Compute, coefficients: &[f64]) {
        let (Some(loaded), Some((_, grads))) = (&self.loaded, &self.grads) else { return };
        let Some(back) = loaded.space.back else { return };
        let each = loaded.scored.iter().zip(coefficients);
        let tokens: Vec<f32> = each.flat_map(|(n, c)| std::iter::repeat_n(*c as f32, *n)).collect();
        compute.write(back.coefficients, &tokens);
        self.head_backward(compute, loaded, grads, back);
        for (layer, kept) in loaded.space.kept.iter().enumerate().rev() {
            let (p, g) = (&self.tensors.h[layer], &grads.h[layer]);
            self.mlp_backward(compute, &loaded.space, kept, p, g, back);
            self.attention_backward(compute, loaded, kept, p, g, back);
        }
        let c = self.config.n_embd;
        compute.embed_backward(grads.embedding(c), back.dx, loaded.space.ids, loaded.heads.time);
    }

    /// Sets every gradient to zero.
    pub fn zero_gradients(&self, compute: &mut impl Compute) {
        for buffer in self.grads.iter().flat_map(|(arenas, _)| &arenas.buffers) {
            compute.fill(*buffer, 0.0);
        }
    }

    /// From coefficients to the gradient of the last block's output, in `back.dx`.
    fn head_backward(&self, compute: &mut impl Compute, loaded: &Loaded, grads: &Tensors, back: Back) {
        let w = &loaded.space;
        let (n, c) = (w.logp.len, self.config.n_embd);
        let add = Epilogue::Add { scale: 1.0 };
        compute.fill(back.dscored, 0.0);
        for (first, words) in self.chunks(compute, loaded) {
            self.logits(compute, w, first, words);
            let logits = w.logits.first(n * words);
            compute.vocabulary_backward(logits, w.state, back.coefficients, first, w.targets);
            let part = |wte: Span| wte.part(first * c, words * c);
            let nn = Product { form: Form::NN, m: n, k: words, n: c };
            compute.matmul(back.dscored, logits, part(self.tensors.wte), nn, add);
            let tn = Product { form: Form::TN, m: words, k: n, n: c };
            compute.matmul(part(grads.wte), logits, w.scored, tn, add);
        }
        compute.fill(w.top, 0.0);
        compute.scatter(w.top, back.dscored, w.rows, c);
        compute.fill(back.dx, 0.0);
        compute.layer_norm_backward(back.dx, grads.ln_f, w.top, w.last, w.stats_f, self.tensors.ln_f.weight);
    }

    /// `back.dx` from the block's output to its middle: `out = mid + gelu(norm(mid) W + b) W′ + b′`.
    fn mlp_backward(&self, compute: &mut impl Compute, w: &Workspace, k: &Kept, p: &Block, g: &Block, back: Back) {
        let (c, epsilon) = (self.config.n_embd, self.config.layer_norm_epsilon);
        let r = back.dx.len / c;
        compute.gelu(w.act, k.pre);
        linear_gradient(compute, g.mlp_c_proj, w.act, back.dx, (r, 4 * c, c));
        let slope = Epilogue::GeluSlope { pre: k.pre };
        input_gradient(compute, back.dact, back.dx, p.mlp_c_proj, (r, 4 * c, c), slope);
        compute.layer_norm(w.norm, k.stats_2, k.mid, p.ln_2, epsilon);
        linear_gradient(compute, g.c_fc, w.norm, back.dact, (r, c, 4 * c));
        input_gradient(compute, back.dnorm, back.dact, p.c_fc, (r, c, 4 * c), Epilogue::Store);
        compute.layer_norm_backward(back.dx, g.ln_2, back.dnorm, k.mid, k.stats_2, p.ln_2.weight);
    }

    /// `back.dx` from the block's middle to its input: `mid = x + attention(norm(x) W + b) W′ + b′`.
    fn attention_backward(
        &self,
        compute: &mut impl Compute,
        loaded: &Loaded,
        k: &Kept,
        p: &Block,
        g: &Block,
        back: Back,
    ) {
        let w = &loaded.space;
        let (c, epsilon) = (self.config.n_embd, self.config.layer_norm_epsilon);
        let r = back.dx.len / c;
        linear_gradient(compute, g.c_proj, k.attended.out, back.dx, (r, c, c));
        input_gradient(compute, back.dnorm, back.dx, p.c_proj, (r, c, c), Epilogue::Store);
        compute.attention_backward(back.dqkv, back.dnorm, k.attended, loaded.heads, w.lengths);
        compute.layer_norm(w.norm, k.stats_1, k.x, p.ln_1, epsilon);
        linear_gradient(compute, g.c_attn, w.norm, back.dqkv, (r, c, 3 * c));
        input_gradient(compute, back.dnorm, back.dqkv, p.c_attn, (r, c, 3 * c), Epilogue::Store);
        compute.layer_norm_backward(back.dx, g.ln_1, back.dnorm, k.x, k.stats_1, p.ln_1.weight);
    }
}

/// `dW += xᵀ dout` and `db += Σ dout`.
fn linear_gradient(
    compute: &mut impl Compute,
    gradient: Linear,
    x: Span,
    dout: Span,
    (rows, from, to): (usize, usize, usize),
) {
    let product = Product { form: Form::TN, m: from, k: rows, n: to };
    compute.matmul(gradient.weight, x, dout, product, Epilogue::Add { scale: 1.0 });
    compute.column_sums(gradient.bias, dout);
}

/// `dx = epilogue(dout Wᵀ)`.
fn input_gradient(
    compute: &mut impl Compute,
    dx: Span,
    dout: Span,
    layer: Linear,
    (rows, from, to): (usize, usize, usize),
    epilogue: Epilogue,
) {
    compute.matmul(dx, dout, layer.weight, Product { form: Form::NT, m: rows, k: to, n: from }, epilogue);
}
