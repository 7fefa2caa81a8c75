//! Adapters, and what may go wrong with a device while nobody waits for it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::DeviceError;

/// A GPU, or a program that stands in for one.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub(super) inner: wgpu::Adapter,
    /// The maker's name for it; empty where a browser keeps it to itself.
    pub name: String,
    /// What reaches it: Vulkan, Metal, DirectX 12 or the browser.
    pub through: &'static str,
    /// Whether a processor plays the GPU: correct, but slower than the CPU's own path.
    pub software: bool,
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "a GPU without a name" } else { &self.name };
        write!(f, "{name} ({})", self.through)
    }
}

impl Adapter {
    /// Under this name. One that is known for a program's makes it a program: a browser tells no type, only names.
    #[must_use]
    pub fn called(mut self, name: String) -> Self {
        let lower = name.to_lowercase();
        self.software |= ["swiftshader", "llvmpipe", "basic render"].iter().any(|known| lower.contains(known));
        self.name = name;
        self
    }
}

impl From<wgpu::Adapter> for Adapter {
    fn from(inner: wgpu::Adapter) -> Self {
        let info = inner.get_info();
        let through = match info.backend {
            wgpu::Backend::Vulkan => "Vulkan",
            wgpu::Backend::Metal => "Metal",
            wgpu::Backend::Dx12 => "DirectX 12",
            _ => "WebGPU",
        };
        let software = info.device_type == wgpu::DeviceType::Cpu;
        Self { inner, name: String::new(), through, software }.called(info.name)
    }
}

/// Every adapter: natively all of the machine's, in a browser the one that it offers.
pub async fn adapters() -> Vec<Adapter> {
    let instance = wgpu::Instance::default();
    #[cfg(not(target_arch = "wasm32"))]
    let found = instance.enumerate_adapters(wgpu::Backends::PRIMARY).await;
    #[cfg(target_arch = "wasm32")]
    let found = {
        let power_preference = wgpu::PowerPreference::HighPerformance;
        let options = wgpu::RequestAdapterOptions { power_preference, ..Default::default() };
        instance.request_adapter(&options).await
    };
    found.into_iter().map(Adapter::from).collect()
}

/// The first thing that went wrong. A device reports when it likes; whoever waits for it next is told.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    error: Option<DeviceError>,
    /// The bytes of the last buffer asked for: what an error about memory is about.
    asked: u64,
}

impl Fault {
    fn with<T>(&self, work: impl FnOnce(&mut Told) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What went wrong, once something did.
    pub(super) fn check(&self) -> Result<(), DeviceError> {
        self.with(|told| told.error.clone().map_or(Ok(()), Err))
    }

    pub(super) fn set(&self, error: DeviceError) {
        self.with(|told| told.error.get_or_insert(error).clone());
    }

    /// Takes an error back that its caller handles: a buffer that found no room leaves the device as it was.
    pub(super) fn take_out_of_memory(&self) -> Option<DeviceError> {
        self.with(|told| told.error.take_if(|error| matches!(error, DeviceError::OutOfMemory { .. })))
    }

    pub(super) fn ask(&self, bytes: u64) {
        self.with(|told| told.asked = bytes);
    }

    /// Listens to a device.
    pub(super) fn watch(&self, device: &wgpu::Device) {
        let fault = self.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            let bytes = fault.with(|told| told.asked);
            fault.set(match error {
                wgpu::Error::OutOfMemory { .. } => DeviceError::OutOfMemory { bytes },
                other => DeviceError::Lost(other.to_string()),
            });
        }));
        let fault = self.clone();
        device.set_device_lost_callback(move |_, message| fault.set(DeviceError::Lost(message)));
    }
}
