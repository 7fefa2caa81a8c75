//! GPT-2's way back, with the letters of [`super::gpt2`].

use super::compute::{Compute, Epilogue, Form, Product, Span};
use super::gpt2::{Gpt2, Loaded};
use super::gradients::Gradients;
use super::lora::Target;
use super::tensors::{Linear, Tensors};
use super::workspace::Back;

impl Gpt2 {
    /// Adds to the gradients those of `Σ coefficient · log π(text)`, one coefficient for each text of the last forward.
    pub fn backward(&mut self, compute: &mut impl Compute, coefficients: &[f64], into: &Gradients) {
        let Some(loaded) = &self.loaded else { return };
        let Some(back) = loaded.space.back else { return };
        let each = loaded.scored.iter().zip(coefficients);
        let tokens: Vec<f32> = each.flat_map(|(n, c)| std::iter::repeat_n(*c as f32, *n)).collect();
        compute.write(back.coefficients, &tokens);
        self.head_backward(compute, loaded, into.tensors(), back);
        for layer in (0..self.config.n_layer).rev() {
            self.mlp_backward(compute, loaded, layer, into, back);
            self.attention_backward(compute, loaded, layer, into, back);
        }
        if let Some(grads) = into.tensors() {
            let gradient = grads.embedding(self.config.n_embd);
            compute.embed_backward(gradient, back.dx, loaded.space.ids, loaded.heads.time);
        }
    }

    /// From coefficients to the gradient of the last block's output, in `back.dx`.
    fn head_backward(&self, compute: &mut impl Compute, loaded: &Loaded, grads: Option<&Tensors>, back: Back) {
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
            if let Some(grads) = grads {
                let tn = Product { form: Form::TN, m: words, k: n, n: c };
                compute.matmul(part(grads.wte), logits, w.scored, tn, add);
            }
        }
        compute.fill(w.top, 0.0);
        compute.scatter(w.top, back.dscored, w.rows, c);
        compute.fill(back.dx, 0.0);
        let gradient = grads.map(|g| g.ln_f);
        compute.layer_norm_backward(back.dx, gradient, w.top, w.last, w.stats_f, self.tensors.ln_f.weight);
    }

    /// `back.dx` from the block's output to its middle: `out = mid + gelu(norm(mid) W + b) W′ + b′`.
    fn mlp_backward(&self, compute: &mut impl Compute, loaded: &Loaded, layer: usize, into: &Gradients, back: Back) {
        let (w, k, p) = (&loaded.space, &loaded.space.kept[layer], &self.tensors.h[layer]);
        let (c, epsilon) = (self.config.n_embd, self.config.layer_norm_epsilon);
        let r = back.dx.len / c;
        if let Some(gradient) = into.linear(layer, Target::MlpOut) {
            compute.gelu(w.act, k.pre);
            gradient.add(compute, w.act, back.dx, (r, 4 * c, c));
        }
        let slope = Epilogue::GeluSlope { pre: k.pre };
        input_gradient(compute, back.dact, back.dx, p.mlp_c_proj, (r, 4 * c, c), slope);
        if let Some(gradient) = into.linear(layer, Target::MlpIn) {
            compute.layer_norm(w.norm, k.stats_2, k.mid, p.ln_2, epsilon);
            gradient.add(compute, w.norm, back.dact, (r, c, 4 * c));
        }
        input_gradient(compute, back.dnorm, back.dact, p.c_fc, (r, c, 4 * c), Epilogue::Store);
        let gradient = into.tensors().map(|g| g.h[layer].ln_2);
        compute.layer_norm_backward(back.dx, gradient, back.dnorm, k.mid, k.stats_2, p.ln_2.weight);
    }

    /// `back.dx` from the block's middle to its input: `mid = x + attention(norm(x) W + b) W′ + b′`.
    fn attention_backward(
        &self,
        compute: &mut impl Compute,
        loaded: &Loaded,
        layer: usize,
        into: &Gradients,
        back: Back,
    ) {
        let (w, k, p) = (&loaded.space, &loaded.space.kept[layer], &self.tensors.h[layer]);
        let (c, epsilon) = (self.config.n_embd, self.config.layer_norm_epsilon);
        let r = back.dx.len / c;
        if let Some(gradient) = into.linear(layer, Target::AttentionOut) {
            gradient.add(compute, k.attended.out, back.dx, (r, c, c));
        }
        input_gradient(compute, back.dnorm, back.dx, p.c_proj, (r, c, c), Epilogue::Store);
        compute.attention_backward(back.dqkv, back.dnorm, k.attended, loaded.heads, w.lengths);
        if let Some(gradient) = into.linear(layer, Target::AttentionIn) {
            compute.layer_norm(w.norm, k.stats_1, k.x, p.ln_1, epsilon);
            gradient.add(compute, w.norm, back.dqkv, (r, c, 3 * c));
        }
        input_gradient(compute, back.dnorm, back.dqkv, p.c_attn, (r, c, 3 * c), Epilogue::Store);
        let gradient = into.tensors().map(|g| g.h[layer].ln_1);
        compute.layer_norm_backward(back.dx, gradient, back.dnorm, k.x, k.stats_1, p.ln_1.weight);
    }
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
