//! The GPU as a [`Compute`]: WGSL kernels through wgpu, which is Vulkan, Metal or DirectX 12 natively and WebGPU in a browser.
//!
//! Operations are recorded and sent in batches; nothing waits but a read. Kernels use what every WebGPU has and add in one
//! order only, so that a device gives the same numbers again. A buffer beyond what the device binds at once, as GPT-2's table
//! of words is on many, is seen through windows.

mod attention;
mod buffers;
mod kernel;
mod matmul;
mod open;
mod read;
mod recorder;
mod rows;
mod training;
mod tuning;

pub use open::{Adapter, adapters};

use super::{AdamW, Attended, Compute, DeviceError, Embedding, Epilogue, Heads, Ids, Moments, Norm, Product, Span};
use buffers::Buffers;
use kernel::{Bound, Call, Word, flat};
use open::Fault;
use recorder::Recorder;
use tuning::Tuning;

/// A GPU, with its buffers.
#[derive(Debug)]
pub struct Gpu {
    /// The adapter it was opened on.
    pub adapter: Adapter,
    tuning: Tuning,
    device: wgpu::Device,
    queue: wgpu::Queue,
    fault: Fault,
    buffers: Buffers,
    recorder: Recorder,
    /// Room for what kernels hand on to each other: floats, and whole numbers.
    scratch: Option<Span>,
    lists: Option<Ids>,
    /// What reads pass through.
    staging: Option<wgpu::Buffer>,
}

impl Gpu {
    /// Opens an adapter with all that it offers.
    ///
    /// # Errors
    /// Where it refuses.
    pub async fn open(adapter: &Adapter) -> Result<Self, DeviceError> {
        Self::open_within(adapter, u64::MAX).await
    }

    /// The same as if it let a kernel see at most `bytes` of a buffer.
    ///
    /// # Errors
    /// Where it refuses.
    pub async fn open_within(adapter: &Adapter, bytes: u64) -> Result<Self, DeviceError> {
        let mut limits = adapter.inner.limits();
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes);
        // Indices are of 32 bits.
        let bound = (limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 4).min(1 << 30) as usize;
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..wgpu::DeviceDescriptor::default() };
        let opened = adapter.inner.request_device(&descriptor).await;
        let (device, queue) = opened.map_err(|error| DeviceError::Lost(error.to_string()))?;
        let fault = Fault::default();
        fault.watch(&device);
        let recorder = Recorder::new(device.clone(), queue.clone());
        let buffers = Buffers::new(bound);
        let (adapter, tuning) = (adapter.clone(), Tuning::of(adapter.software));
        Ok(Self { adapter, tuning, device, queue, fault, buffers, recorder, scratch: None, lists: None, staging: None })
    }

    /// Gives the device up, as if it had been unplugged: every read from now on fails.
    pub fn lose(&self) {
        self.device.destroy();
        self.fault.set(DeviceError::Lost("it was given up".to_owned()));
    }

    /// What all its buffers hold, in numbers of 32 bits.
    pub fn held(&self) -> usize {
        self.buffers.held()
    }

    fn buffer(&mut self, len: usize, numbers: Vec<u32>) -> Result<Span, DeviceError> {
        self.fault.check()?;
        let bytes = 4 * Buffers::padded(len) as u64;
        if bytes > self.device.limits().max_buffer_size {
            return Err(DeviceError::OutOfMemory { bytes });
        }
        self.fault.ask(bytes);
        let inner = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        // Natively a refusal is known now; a browser tells later, and then the next read fails.
        match self.fault.take_out_of_memory() {
            Some(error) => Err(error),
            None => Ok(self.buffers.add(inner, len, numbers)),
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(buffer) = self.buffers.remove(index) {
            if buffer.used_in == self.recorder.batch {
                self.recorder.submit();
            }
            self.recorder.forget(index);
            buffer.inner.destroy();
        }
    }

    fn put(&mut self, to: Span, bytes: &[u8]) {
        if to.len == 0 {
            return;
        }
        // A write takes effect before everything that is not yet sent.
        if self.buffers.get(to.buffer).used_in == self.recorder.batch {
            self.recorder.submit();
        }
        self.queue.write_buffer(&self.buffers.get(to.buffer).inner, 4 * to.start as u64, bytes);
    }

    /// Records a kernel. `work` counts multiplications, where they are many.
    fn run(&mut self, call: &Call, work: usize) {
        let mut windows = Vec::with_capacity(kernel::BINDINGS);
        for bound in call.bounds() {
            match self.buffers.window(bound.span) {
                Some(window) => windows.push(window),
                None => return self.fault.set(DeviceError::OutOfMemory { bytes: 4 * bound.span.len as u64 }),
            }
        }
        self.recorder.dispatch(call, &windows, &mut self.buffers, work as u64);
    }

    /// Records a kernel of one element a thread.
    fn elements(
        &mut self,
        name: &'static str,
        source: &[&str],
        outs: &[Bound],
        ins: &[Bound],
        len: usize,
        words: &[(&'static str, Word)],
    ) {
        let words = [&[("len", Word::U(len))], words].concat();
        self.run(&Call { name, source, constants: &[], outs, ins, words: &words, grid: flat(len) }, 0);
    }

    /// Room for `len` numbers that outlive no operation.
    fn scratch(&mut self, len: usize) -> Option<Span> {
        if self.scratch.is_none_or(|span| span.len < len) {
            if let Some(old) = self.scratch.take() {
                self.free(old);
            }
            self.scratch = self.alloc(len).map_err(|error| self.fault.set(error)).ok();
        }
        self.scratch.map(|span| span.first(len))
    }

    fn lists(&mut self, len: usize) -> Option<Ids> {
        if self.lists.is_none_or(|ids| ids.0.len < len) {
            if let Some(old) = self.lists.take() {
                self.free_ids(old);
            }
            self.lists = self.alloc_ids(len).map_err(|error| self.fault.set(error)).ok();
        }
        self.lists.map(|ids| ids.first(len))
    }
}

impl Compute for Gpu {
    fn largest_buffer(&self) -> usize {
        self.buffers.largest()
    }

    fn alloc(&mut self, len: usize) -> Result<Span, DeviceError> {
        self.buffer(len, Vec::new())
    }

    fn alloc_ids(&mut self, len: usize) -> Result<Ids, DeviceError> {
        self.buffer(len, vec![0; len]).map(Ids)
    }

    fn free(&mut self, span: Span) {
        self.remove(span.buffer);
    }

    fn free_ids(&mut self, ids: Ids) {
        self.remove(ids.0.buffer);
    }

    fn write(&mut self, to: Span, values: &[f32]) {
        self.put(to, bytemuck::cast_slice(values));
    }

    fn write_ids(&mut self, to: Ids, values: &[u32]) {
        self.buffers.get(to.0.buffer).numbers[to.0.start..][..values.len()].copy_from_slice(values);
        self.put(to.0, bytemuck::cast_slice(values));
    }

    async fn read(&mut self, from: Span) -> Result<Vec<f32>, DeviceError> {
        self.values(from).await
    }

    fn fill(&mut self, out: Span, value: f32) {
        for (first, len) in self.buffers.pieces(out, 1) {
            let outs = [Bound::floats("out", out.part(first, len))];
            let words = [("value", Word::F(value.into()))];
            self.elements("fill", &[include_str!("wgsl/fill.wgsl")], &outs, &[], len, &words);
        }
    }

    fn copy(&mut self, out: Span, x: Span) {
        let [to, from] = [out, x].map(|span| {
            let buffer = self.buffers.get(span.buffer);
            buffer.used_in = self.recorder.batch;
            buffer.inner.clone()
        });
        self.recorder.copy((&to, 4 * out.start), (&from, 4 * x.start), 4 * x.len);
    }

    fn embed(&mut self, out: Span, table: Embedding, ids: Ids, time: usize, past: usize) {
        self.embed_rows(out, table, ids, (time, past));
    }

    fn embed_backward(&mut self, gradient: Embedding, dout: Span, ids: Ids, time: usize) {
        self.embed_words(gradient, dout, ids);
        self.embed_places(gradient, dout, time);
    }

    fn layer_norm(&mut self, out: Span, stats: Span, x: Span, norm: Norm, epsilon: f32) {
        self.normalise(out, stats, x, norm, epsilon);
    }

    fn layer_norm_backward(&mut self, dx: Span, dnorm: Option<Norm>, dout: Span, x: Span, stats: Span, weight: Span) {
        if let Some(dnorm) = dnorm {
            self.column_sums(dnorm.bias, dout);
            self.norm_weight(dnorm.weight, dout, x, stats);
        }
        self.norm_input(dx, dout, x, stats, weight);
    }

    fn matmul(&mut self, out: Span, a: Span, b: Span, product: Product, epilogue: Epilogue) {
        self.product(out, a, b, product, epilogue);
    }

    fn column_sums(&mut self, out: Span, x: Span) {
        self.columns(out, x);
    }

    fn gelu(&mut self, out: Span, x: Span) {
        let source = [include_str!("wgsl/gelu.wgsl"), include_str!("wgsl/gelu_all.wgsl")];
        let (outs, ins) = ([Bound::fours("out", out, x.len)], [Bound::fours("x", x, x.len)]);
        self.elements("gelu_all", &source, &outs, &ins, x.len, &[]);
    }

    fn attention(&mut self, out: Span, lse: Span, qkv: Span, heads: Heads, lengths: Ids) {
        self.attend(out, lse, qkv, heads, lengths);
    }

    fn attention_backward(&mut self, dqkv: Span, dout: Span, kept: Attended, heads: Heads, lengths: Ids) {
        self.attend_backward(dqkv, dout, kept, heads, lengths);
    }

    fn attention_cached(&mut self, out: Span, cache: Span, qkv: Span, heads: Heads, past: usize) {
        self.attend_cached(out, cache, qkv, heads, past);
    }

    fn gather(&mut self, out: Span, x: Span, rows: Ids, channels: usize) {
        let ins = [Bound::floats("x", x), Bound::numbers("rows", rows)];
        let words = [("channels", Word::U(channels))];
        let source = [include_str!("wgsl/gather.wgsl")];
        self.elements("gather", &source, &[Bound::floats("out", out)], &ins, out.len, &words);
    }

    fn scatter(&mut self, out: Span, x: Span, rows: Ids, channels: usize) {
        let ins = [Bound::floats("x", x), Bound::numbers("rows", rows)];
        let words = [("channels", Word::U(channels))];
        let source = [include_str!("wgsl/scatter.wgsl")];
        self.elements("scatter", &source, &[Bound::floats("out", out)], &ins, x.len, &words);
    }

    fn vocabulary(&mut self, state: Span, logits: Span, first: usize, targets: Ids) {
        self.take_words(state, logits, first, targets);
    }

    fn log_probs(&mut self, out: Span, state: Span) {
        let (outs, ins) = ([Bound::floats("out", out)], [Bound::floats("state", state)]);
        self.elements("log_probs", &[include_str!("wgsl/log_probs.wgsl")], &outs, &ins, out.len, &[]);
    }

    fn vocabulary_backward(&mut self, logits: Span, state: Span, coefficients: Span, first: usize, targets: Ids) {
        let ins = [
            Bound::floats("state", state),
            Bound::floats("coefficients", coefficients),
            Bound::numbers("targets", targets),
        ];
        let width = logits.len / targets.0.len.max(1);
        let words = [("words", Word::U(width)), ("first", Word::U(first))];
        let source = [include_str!("wgsl/vocabulary_backward.wgsl")];
        self.elements("vocabulary_backward", &source, &[Bound::floats("logits", logits)], &ins, logits.len, &words);
    }

    fn sum_squares(&mut self, out: Span, x: Span) {
        self.squares(out, x);
    }

    fn adamw(&mut self, params: Span, grads: Span, moments: Moments, squares: Span, step: &AdamW) {
        self.step(params, grads, moments, squares, step);
    }
}
