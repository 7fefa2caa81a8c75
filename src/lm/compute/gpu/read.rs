//! Reading back: a copy into a buffer that the host may map, and a future that is ready once it is mapped.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use super::super::{DeviceError, Span};
use super::Gpu;

/// What the device's callback leaves for the future that waits for it.
#[derive(Default)]
struct Answer {
    value: Option<Result<(), wgpu::BufferAsyncError>>,
    waker: Option<Waker>,
}

/// Bytes of the staging buffer that is kept between reads: a step's numbers or a batch's logits, not a whole model.
const KEPT: u64 = 4 << 20;

impl Gpu {
    pub(super) async fn values(&mut self, from: Span) -> Result<Vec<f32>, DeviceError> {
        self.fault.check()?;
        if from.len == 0 {
            return Ok(Vec::new());
        }
        let bytes = 4 * from.len;
        // Taken, so that a read that is dropped half way leaves no mapped buffer behind.
        let kept = self.staging.take().filter(|staging| staging.size() >= bytes as u64);
        let staging = kept.unwrap_or_else(|| self.staging(bytes as u64));
        let source = self.buffers.get(from.buffer).inner.clone();
        self.recorder.copy((&staging, 0), (&source, 4 * from.start), bytes);
        self.recorder.submit();
        let mapped = self.map(&staging.slice(..bytes as u64)).await;
        self.fault.check()?;
        let lost = |why: String| DeviceError::Lost(why);
        mapped.map_err(|error| lost(error.to_string()))?;
        let view = staging.slice(..bytes as u64).get_mapped_range().map_err(|error| lost(error.to_string()))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        staging.unmap();
        if staging.size() <= KEPT {
            self.staging = Some(staging);
        }
        Ok(values)
    }

    fn staging(&self, bytes: u64) -> wgpu::Buffer {
        self.fault.ask(bytes);
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            size: bytes.next_power_of_two(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Natively the device is waited for here; a browser's event loop calls back.
    async fn map(&self, slice: &wgpu::BufferSlice<'_>) -> Result<(), wgpu::BufferAsyncError> {
        let answer = Arc::new(Mutex::new(Answer::default()));
        let theirs = answer.clone();
        slice.map_async(wgpu::MapMode::Read, move |value| {
            let mut answer = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            answer.value = Some(value);
            if let Some(waker) = answer.waker.take() {
                waker.wake();
            }
        });
        if let Err(error) = self.device.poll(wgpu::PollType::wait_indefinitely()) {
            self.fault.set(DeviceError::Lost(error.to_string()));
            return Err(wgpu::BufferAsyncError);
        }
        poll_fn(|context| {
            let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = answer.value.take() {
                return Poll::Ready(value);
            }
            answer.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
