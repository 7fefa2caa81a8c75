//! The GPU's kernels against the CPU in f64.
//!
//! They need an adapter, if only one in software (Debian: mesa-vulkan-drivers), and fail without one.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/gpu.rs"]
mod common;

use common::{adapter, gpu, read};
use typo_lab::lm::compute::cpu::Cpu;
use typo_lab::lm::compute::gpu::Gpu;
use typo_lab::lm::compute::{
    AdamW, Attended, Compute, DeviceError, Embedding, Epilogue, Form, Heads, Ids, Moments, Norm, Product, Span, ready,
};
use typo_lab::preference::Random;

/// The accuracy asked of a kernel, relative: f32 in another order, and exponentials that WGSL allows some units in the last place.
const KERNEL_ACCURACY: f64 = 3e-5;

/// The device as it is divided for a GPU, and as for a processor that plays one, whichever it is.
fn tunings() -> [Gpu; 2] {
    [false, true].map(|software| {
        let mut adapter = adapter();
        adapter.software = software;
        ready(Gpu::open(&adapter)).expect("a device")
    })
}

/// Both devices with the same buffers, by the order in which they were made.
struct Both {
    cpu: Cpu<f64>,
    gpu: Gpu,
    on_cpu: (Vec<Span>, Vec<Ids>),
    on_gpu: (Vec<Span>, Vec<Ids>),
    random: Random,
}

/// Runs the same operations on both devices; `$f` and `$i` are its floats and ids.
macro_rules! on_both {
    ($both:expr, |$device:ident, $f:ident, $i:ident| $work:expr) => {{
        {
            let ($device, ($f, $i)) = (&mut $both.cpu, &$both.on_cpu);
            let _ = $i;
            $work;
        }
        {
            let ($device, ($f, $i)) = (&mut $both.gpu, &$both.on_gpu);
            let _ = $i;
            $work;
        }
    }};
}

impl Both {
    fn new(gpu: Gpu) -> Self {
        let empty = || (Vec::new(), Vec::new());
        Self { cpu: Cpu::new(), gpu, on_cpu: empty(), on_gpu: empty(), random: Random::new(9) }
    }

    /// A span of `len` that begins at `start` of its buffer, with numbers in between; its index.
    fn floats(&mut self, (start, len): (usize, usize), (low, high): (f64, f64)) -> usize {
        let values: Vec<f32> = (0..start + len + 3).map(|_| (low + (high - low) * self.random.unit()) as f32).collect();
        let part = |whole: Span| whole.part(start, len);
        let whole = self.cpu.alloc(values.len()).expect("room");
        self.cpu.write(whole, &values);
        self.on_cpu.0.push(part(whole));
        let whole = self.gpu.alloc(values.len()).expect("room");
        self.gpu.write(whole, &values);
        self.on_gpu.0.push(part(whole));
        self.on_cpu.0.len() - 1
    }

    /// The same from −1 to 1 at a place that is no multiple of four.
    fn odd(&mut self, len: usize) -> usize {
        self.floats((5, len), (-1.0, 1.0))
    }

    /// The same at the buffer's beginning.
    fn even(&mut self, len: usize) -> usize {
        self.floats((0, len), (-1.0, 1.0))
    }

    fn ids(&mut self, values: &[u32]) -> usize {
        let ids = self.cpu.alloc_ids(values.len()).expect("room");
        self.cpu.write_ids(ids, values);
        self.on_cpu.1.push(ids);
        let ids = self.gpu.alloc_ids(values.len()).expect("room");
        self.gpu.write_ids(ids, values);
        self.on_gpu.1.push(ids);
        self.on_cpu.1.len() - 1
    }

    /// Whether all floats agree, those before and behind the spans too, whole buffer by whole buffer.
    fn agree(&mut self, what: &str) {
        for k in 0..self.on_cpu.0.len() {
            let whole = |span: Span| Span { start: 0, len: span.start + span.len + 3, ..span };
            let exact = self.cpu.values(whole(self.on_cpu.0[k]));
            let got = read(&mut self.gpu, whole(self.on_gpu.0[k]));
            let size = exact.iter().fold(0.0f64, |m, x| m.max(x.abs())).max(1e-30);
            for (at, (got, exact)) in got.iter().zip(exact).enumerate() {
                let off = (f64::from(*got) - exact).abs();
                assert!(off <= KERNEL_ACCURACY * size, "{what}: buffer {k} at {at}: {got} instead of {exact}");
            }
        }
    }

    /// Gives everything back, for the next shape.
    fn clear(&mut self) {
        for span in self.on_gpu.0.drain(..) {
            self.gpu.free(span);
        }
        for ids in self.on_gpu.1.drain(..) {
            self.gpu.free_ids(ids);
        }
        self.cpu = Cpu::new();
        self.on_cpu = (Vec::new(), Vec::new());
    }
}

/// Around the tiles of 32 and 64, vectors of four and slices of 16 and 32; one of each; a long sum; enough for a GPU's large tiles.
const PRODUCTS: [(usize, usize, usize); 15] = [
    (70, 20, 8_200),
    (1, 1, 1),
    (1, 7, 5),
    (5, 1, 1),
    (4, 4, 4),
    (31, 33, 35),
    (32, 32, 32),
    (33, 16, 65),
    (64, 64, 64),
    (65, 31, 129),
    (1, 768, 40),
    (97, 4, 36),
    (200, 36, 260),
    (193, 21, 257),
    (8, 2_000, 3),
];

#[test]
fn products_of_every_form_and_shape() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        for (m, k, n) in PRODUCTS {
            for form in [Form::NN, Form::NT, Form::TN] {
                for even in [true, false] {
                    let mut floats = |len| if even { both.even(len) } else { both.odd(len) };
                    let [out, a, b] = [m * n, m * k, k * n].map(&mut floats);
                    let product = Product { form, m, k, n };
                    on_both!(both, |d, f, i| d.matmul(f[out], f[a], f[b], product, Epilogue::Store));
                    both.agree(&format!("{form:?} {m}×{k}×{n}"));
                    both.clear();
                }
            }
        }
    }
}

#[test]
fn every_epilogue_of_a_product() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        for (m, k, n) in [(1, 3, 1), (33, 8, 65), (40, 12, 36), (200, 36, 260)] {
            for form in [Form::NN, Form::NT] {
                let [out, a, b] = [m * n, m * k, k * n].map(|len| both.even(len));
                let (bias, residual, pre) = (both.odd(n), both.even(m * n), both.even(m * n));
                let product = Product { form, m, k, n };
                on_both!(both, |d, f, i| for epilogue in [
                    Epilogue::Add { scale: -0.75 },
                    Epilogue::Bias(f[bias]),
                    Epilogue::BiasResidual(f[bias], f[residual]),
                    Epilogue::GeluSlope { pre: f[pre] },
                    Epilogue::BiasGelu { bias: f[bias], pre: f[pre] },
                ] {
                    d.matmul(f[out], f[a], f[b], product, epilogue);
                    // Kept, so that each shows in the end.
                    d.matmul(f[residual], f[a], f[b], product, Epilogue::Add { scale: 0.5 });
                });
                both.agree(&format!("{form:?} {m}×{k}×{n}"));
                let whole = Product { form: Form::TN, m: k, k: m, n };
                on_both!(both, |d, f, i| d.matmul(
                    f[b].first(k * n),
                    f[a],
                    f[out],
                    whole,
                    Epilogue::Add { scale: 2.0 }
                ));
                both.agree(&format!("TN {m}×{k}×{n}"));
                both.clear();
            }
        }
        for n in [1, 4, 7, 1_031] {
            let (out, x) = (both.odd(n), both.floats((5, n), (-30.0, 30.0)));
            on_both!(both, |d, f, i| d.gelu(f[out], f[x]));
            both.agree(&format!("gelu of {n}"));
            both.clear();
        }
    }
}

#[test]
fn embeddings_and_their_gradients() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        for (words, c, batch, time, past) in
            [(1, 1, 1, 1, 0), (50_257, 3, 2, 37, 5), (11, 64, 3, 9, 0), (300, 70, 1, 130, 2)]
        {
            let numbers: Vec<u32> = (0..batch * time).map(|_| both.random.below(words as u32)).collect();
            let ids = both.ids(&numbers);
            let [out, wte, wpe] = [batch * time * c, words * c, (past + time) * c].map(|len| both.odd(len));
            let [dwte, dwpe] = [words * c, (past + time) * c].map(|len| both.odd(len));
            on_both!(both, |d, f, i| {
                d.embed(f[out], Embedding { wte: f[wte], wpe: f[wpe], channels: c }, i[ids], time, past);
                let gradient = Embedding { wte: f[dwte], wpe: f[dwpe], channels: c };
                d.embed_backward(gradient, f[out], i[ids], time);
                d.embed_backward(gradient, f[out], i[ids], time);
            });
            both.agree(&format!("{words} words of {c}, {batch}×{time}"));
            both.clear();
        }
    }
}

#[test]
fn layer_norms_and_their_gradients() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        // The last has more rows than workgroups along an axis.
        for (r, c) in [(1, 1), (3, 2), (5, 63), (4, 64), (2, 65), (19, 130), (70_000, 2)] {
            let [out, x, dout, dx] = [(); 4].map(|()| both.odd(r * c));
            let [weight, bias, dweight, dbias] = [(); 4].map(|()| both.odd(c));
            let stats = both.odd(2 * r);
            on_both!(both, |d, f, i| {
                let norm = Norm { weight: f[weight], bias: f[bias] };
                d.layer_norm(f[out], f[stats], f[x], norm, 1e-3);
                let gradient = Norm { weight: f[dweight], bias: f[dbias] };
                d.layer_norm_backward(f[dx], Some(gradient), f[dout], f[x], f[stats], f[weight]);
            });
            both.agree(&format!("{r}×{c}"));
            both.clear();
        }
    }
}

#[test]
fn attention_there_and_back() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        let shapes: [(&[u32], usize, usize, usize); 5] =
            [(&[1], 1, 1, 1), (&[65, 40], 65, 3, 5), (&[64], 64, 2, 8), (&[3, 0, 1], 3, 2, 6), (&[130], 130, 1, 64)];
        for (lengths, time, heads, width) in shapes {
            let heads = Heads { batch: lengths.len(), time, heads, width };
            let (r, c) = (heads.batch * time, heads.channels());
            let lengths = both.ids(lengths);
            let [qkv, dqkv] = [(); 2].map(|()| both.even(3 * r * c));
            let [out, dout] = [(); 2].map(|()| both.even(r * c));
            let lse = both.odd(r * heads.heads);
            on_both!(both, |d, f, i| {
                d.attention(f[out], f[lse], f[qkv], heads, i[lengths]);
                let kept = Attended { qkv: f[qkv], out: f[out], lse: f[lse] };
                d.attention_backward(f[dqkv], f[dout], kept, heads, i[lengths]);
            });
            both.agree(&format!("{heads:?}"));
            both.clear();
        }
    }
}

#[test]
fn attention_from_the_cache() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        for (batch, h, width, capacity) in [(1, 1, 1, 2), (2, 3, 5, 140), (1, 2, 70, 70), (3, 2, 64, 67)] {
            let c = h * width;
            let cache = both.odd(batch * capacity * 2 * c);
            let mut past = 0;
            for steps in [1, 64, 3, 1, 60] {
                if past + steps > capacity {
                    continue;
                }
                let (qkv, out) = (both.odd(batch * steps * 3 * c), both.odd(batch * steps * c));
                let heads = Heads { batch, time: steps, heads: h, width };
                on_both!(both, |d, f, i| d.attention_cached(f[out], f[cache], f[qkv], heads, past));
                both.agree(&format!("{heads:?} after {past}"));
                past += steps;
            }
            both.clear();
        }
    }
}

#[test]
fn rows_are_gathered_and_scattered() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        for (rows, n, c) in [(1, 1, 1), (40, 7, 5), (300, 300, 64)] {
            let mut numbers: Vec<u32> = (0..rows as u32).collect();
            both.random.shuffle(&mut numbers);
            let chosen = both.ids(&numbers[..n]);
            let [few, all, other] = [n, rows, rows].map(|k| both.odd(k * c));
            on_both!(both, |d, f, i| {
                d.gather(f[few], f[all], i[chosen], c);
                d.scatter(f[other], f[few], i[chosen], c);
                d.copy(f[all].part(0, n * c), f[few]);
            });
            both.agree(&format!("{n} of {rows}"));
            both.clear();
        }
    }
}

#[test]
fn the_vocabulary_s_softmax_in_chunks() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        for (words, each, n) in [(1, 1, 1), (300, 300, 3), (50_257, 20_000, 3), (50_257, 50_257, 1)] {
            let mut targets: Vec<u32> = (0..n).map(|_| both.random.below(words as u32)).collect();
            targets[0] = words as u32 - 1;
            let targets = both.ids(&targets);
            let [state, out, coefficients] = [3 * n, n, n].map(|len| both.odd(len));
            let mut chunks = Vec::new();
            for first in (0..words).step_by(each) {
                chunks.push((first, both.floats((5, n * each.min(words - first)), (-20.0, 20.0))));
            }
            on_both!(both, |d, f, i| {
                for (first, logits) in &chunks {
                    d.vocabulary(f[state], f[*logits], *first, i[targets]);
                }
                d.log_probs(f[out], f[state]);
                for (first, logits) in &chunks {
                    d.vocabulary_backward(f[*logits], f[state], f[coefficients], *first, i[targets]);
                }
            });
            both.agree(&format!("{words} words, {each} at a time"));
            both.clear();
        }
    }
}

#[test]
fn sums_of_squares_and_adamw() {
    for gpu in tunings() {
        let mut both = Both::new(gpu);
        let step = AdamW {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.1,
            clip_norm: f64::INFINITY,
            step: 1,
        };
        for (n, clip_norm, count) in [(1, 0.1, 1), (255, f64::INFINITY, 1), (256, 1.0, 3), (70_001, 1e6, 100)] {
            let [params, grads, m] = [(); 3].map(|()| both.odd(n));
            let v = both.floats((5, n), (0.1, 1.0));
            let squares = both.floats((0, 1), (0.0, 1.0));
            let step = AdamW { clip_norm, step: count, ..step };
            on_both!(both, |d, f, i| {
                d.sum_squares(f[squares], f[grads]);
                d.adamw(f[params], f[grads], Moments { m: f[m], v: f[v] }, f[squares], &step);
            });
            both.agree(&format!("{n} weights"));
            both.clear();
        }
    }
}

#[test]
fn more_elements_than_threads_are_all_filled() {
    let mut gpu = gpu();
    let len = 65_535 * 256 + 700;
    let span = gpu.alloc(len).expect("room");
    gpu.fill(span.part(1, len - 2), 0.5);
    let values = read(&mut gpu, span);
    assert!(values[0] == 0.0 && values[len - 1] == 0.0 && values[1..len - 1].iter().all(|x| *x == 0.5));
}

#[test]
fn a_table_of_words_larger_than_can_be_bound_is_seen_through_windows() {
    // 50,257 words of 8 numbers are 1.5 MiB.
    let narrow = ready(Gpu::open_within(&adapter(), 256 << 10)).expect("a device");
    let most = narrow.largest_buffer();
    let (words, c) = (50_257, 8);
    assert!(most < words * c);
    let mut both = Both::new(narrow);
    let ids = both.ids(&[0, 50_256, 8_190, 8_191, 8_192, 0, 25_000, 50_256]);
    let [wte, dwte, m] = [(); 3].map(|()| both.even(words * c));
    let v = both.floats((0, words * c), (0.1, 1.0));
    let [out, wpe, dwpe] = [8 * c, 4 * c, 4 * c].map(|len| both.even(len));
    let (logits, squares) = (both.even(words), both.even(1));
    let product = Product { form: Form::NT, m: 1, k: c, n: words };
    on_both!(both, |d, f, i| {
        d.embed(f[out], Embedding { wte: f[wte], wpe: f[wpe], channels: c }, i[ids], 4, 0);
        d.matmul(f[logits], f[out].first(c), f[wte], product, Epilogue::Store);
        d.embed_backward(Embedding { wte: f[dwte], wpe: f[dwpe], channels: c }, f[out], i[ids], 4);
        d.fill(f[squares], 0.0);
        d.sum_squares(f[squares], f[dwte]);
        let step = AdamW {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip_norm: 1.0,
            step: 1,
        };
        d.adamw(f[wte], f[dwte], Moments { m: f[m], v: f[v] }, f[squares], &step);
    });
    both.agree("windows");
}

#[test]
fn a_device_without_room_says_so_and_goes_on() {
    let mut gpu = gpu();
    let error = gpu.alloc(1 << 40).expect_err("four TiB");
    assert!(matches!(error, DeviceError::OutOfMemory { .. }), "{error}");
    let span = gpu.alloc(3).expect("room");
    gpu.write(span, &[1.0, 2.0, 3.0]);
    assert_eq!(read(&mut gpu, span), [1.0, 2.0, 3.0]);
}

#[test]
fn a_lost_device_is_told_at_the_next_read() {
    let mut gpu = gpu();
    let span = gpu.alloc(3).expect("room");
    gpu.lose();
    gpu.fill(span, 1.0);
    let error = ready(gpu.read(span)).expect_err("it is gone");
    assert!(matches!(error, DeviceError::Lost(_)), "{error}");
    assert!(matches!(gpu.alloc(3), Err(DeviceError::Lost(_))));
}
