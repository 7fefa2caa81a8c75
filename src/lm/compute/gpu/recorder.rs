//! Commands on their way to the device. Dispatches go into one pass for as long as possible: WebGPU orders them and keeps
//! their writes apart. What kernels are told lies in one buffer, a slot a dispatch, written once a submission.

use std::collections::HashMap;
use std::num::NonZero;

use super::buffers::{Buffers, Window};
use super::kernel::{BINDINGS, Call, Key, PARAMS};

/// Dispatches of a submission, at most.
const SLOTS: usize = 256;
/// Multiplications of a submission, about: what a fast GPU does in a millisecond, so that it starts while more is recorded.
const WORK: u64 = 4_000_000_000;

/// Buffers of a dispatch in their order, each with its window's offset and length; how many are written and how many read.
type GroupKey = ([(usize, usize, usize); BINDINGS], usize, usize);
/// Groups kept. Those of whole buffers are few and always come again; parts of a larger buffer may differ from batch to batch.
const GROUPS: usize = 4096;

/// What records, and what it made before.
#[derive(Debug)]
pub(super) struct Recorder {
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// By how many buffers are written and how many read.
    layouts: HashMap<(usize, usize), (wgpu::BindGroupLayout, wgpu::PipelineLayout)>,
    pipelines: HashMap<Key, wgpu::ComputePipeline>,
    groups: HashMap<GroupKey, wgpu::BindGroup>,
    slots: wgpu::Buffer,
    stride: usize,
    encoder: Option<wgpu::CommandEncoder>,
    pass: Option<wgpu::ComputePass<'static>>,
    params: Vec<u8>,
    work: u64,
    /// Counts submissions, from 1.
    pub(super) batch: u64,
}

impl Recorder {
    pub(super) fn new(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let stride = (device.limits().min_uniform_buffer_offset_alignment as usize).max(PARAMS);
        let slots = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: (SLOTS * stride) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Self {
            device,
            queue,
            layouts: HashMap::new(),
            pipelines: HashMap::new(),
            groups: HashMap::new(),
            slots,
            stride,
            encoder: None,
            pass: None,
            params: Vec::new(),
            work: 0,
            batch: 1,
        }
    }

    /// Records a dispatch. `windows` are those of the call's buffers, in its order.
    pub(super) fn dispatch(&mut self, call: &Call, windows: &[Window], buffers: &mut Buffers, work: u64) {
        if call.grid.contains(&0) {
            return;
        }
        let pipeline = self.pipeline(call);
        let group = self.group(call, windows, buffers);
        for bound in call.bounds() {
            buffers.get(bound.span.buffer).used_in = self.batch;
        }
        let slot = self.params.len();
        let params = call.params(windows.iter().map(|w| w.start));
        self.params.extend_from_slice(bytemuck::cast_slice(&params));
        self.params.resize(slot + self.stride, 0);
        let pass = self.pass();
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[slot as u32]);
        let [x, y, z] = call.grid.map(|n| n as u32);
        pass.dispatch_workgroups(x, y, z);
        self.work += work;
        if self.params.len() == SLOTS * self.stride || self.work >= WORK {
            self.submit();
        }
    }

    /// Records a copy of `len` bytes.
    pub(super) fn copy(&mut self, to: (&wgpu::Buffer, usize), from: (&wgpu::Buffer, usize), len: usize) {
        self.pass = None;
        self.encoder().copy_buffer_to_buffer(from.0, from.1 as u64, to.0, to.1 as u64, Some(len as u64));
    }

    /// Sends what is recorded.
    pub(super) fn submit(&mut self) {
        self.pass = None;
        let Some(encoder) = self.encoder.take() else { return };
        if !self.params.is_empty() {
            self.queue.write_buffer(&self.slots, 0, &self.params);
        }
        self.queue.submit([encoder.finish()]);
        self.params.clear();
        self.work = 0;
        self.batch += 1;
    }

    /// Forgets what was bound of a buffer.
    pub(super) fn forget(&mut self, buffer: usize) {
        self.groups.retain(|(bound, outs, ins), _| bound[..outs + ins].iter().all(|(index, ..)| *index != buffer));
    }

    fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        let Self { encoder, device, .. } = self;
        encoder.get_or_insert_with(|| device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()))
    }

    fn pass(&mut self) -> &mut wgpu::ComputePass<'static> {
        let pass = match self.pass.take() {
            Some(pass) => pass,
            None => self.encoder().begin_compute_pass(&wgpu::ComputePassDescriptor::default()).forget_lifetime(),
        };
        self.pass.insert(pass)
    }

    fn layout(&mut self, outs: usize, ins: usize) -> &(wgpu::BindGroupLayout, wgpu::PipelineLayout) {
        let Self { layouts, device, .. } = self;
        layouts.entry((outs, ins)).or_insert_with(|| {
            let storage = |k: usize| wgpu::BufferBindingType::Storage { read_only: k > outs };
            let entry = |k: usize| wgpu::BindGroupLayoutEntry {
                binding: k as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: if k == 0 { wgpu::BufferBindingType::Uniform } else { storage(k) },
                    has_dynamic_offset: k == 0,
                    min_binding_size: None,
                },
                count: None,
            };
            let entries: Vec<_> = (0..=outs + ins).map(entry).collect();
            let group =
                device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
            let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&group)],
                immediate_size: 0,
            });
            (group, pipeline)
        })
    }

    fn pipeline(&mut self, call: &Call) -> wgpu::ComputePipeline {
        let key = call.key();
        if let Some(pipeline) = self.pipelines.get(&key) {
            return pipeline.clone();
        }
        let layout = self.layout(call.outs.len(), call.ins.len()).1.clone();
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(call.name),
            source: wgpu::ShaderSource::Wgsl(call.wgsl().into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(call.name),
            layout: Some(&layout),
            module: &module,
            entry_point: Some(call.name),
            // Shared memory is always written before it is read here.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: None,
        });
        self.pipelines.insert(key, pipeline.clone());
        pipeline
    }

    fn group(&mut self, call: &Call, windows: &[Window], buffers: &mut Buffers) -> wgpu::BindGroup {
        let mut bound = [(0, 0, 0); BINDINGS];
        for (to, (b, window)) in bound.iter_mut().zip(call.bounds().zip(windows)) {
            *to = (b.span.buffer, window.offset, window.len);
        }
        let key = (bound, call.outs.len(), call.ins.len());
        if let Some(group) = self.groups.get(&key) {
            return group.clone();
        }
        let layout = self.layout(call.outs.len(), call.ins.len()).0.clone();
        let bytes = |n: usize| 4 * n as u64;
        let resource = |buffer, offset, len| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: NonZero::new(len) })
        };
        let inner: Vec<wgpu::Buffer> = call.bounds().map(|b| buffers.get(b.span.buffer).inner.clone()).collect();
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: resource(&self.slots, 0, PARAMS as u64) }];
        for ((buffer, window), binding) in inner.iter().zip(windows).zip(1..) {
            let resource = resource(buffer, bytes(window.offset), bytes(window.len));
            entries.push(wgpu::BindGroupEntry { binding, resource });
        }
        let descriptor = wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries };
        let group = self.device.create_bind_group(&descriptor);
        if self.groups.len() == GROUPS {
            self.groups.clear();
        }
        self.groups.insert(key, group.clone());
        group
    }
}
