//! Which device computes, and why.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::lm::compute::cpu::Cpu;
use crate::lm::compute::gpu::{Gpu, adapters};
use crate::worker::protocol::lm::Wish;

/// A device, opened, with what the reader is told of it.
pub enum Device {
    Cpu(Cpu, Told),
    Gpu(Box<Gpu>, Told),
}

/// Its name, and why it is not what was wished for or might be faster.
pub struct Told {
    pub name: String,
    pub remark: Option<String>,
}

impl Device {
    /// The best device for a wish. There is always the CPU.
    pub async fn open(wish: Wish) -> Self {
        if wish == Wish::Cpu {
            return Self::cpu(None);
        }
        let Some(mut adapter) = adapters().await.into_iter().next() else {
            return Self::cpu(Some("This browser offers no WebGPU, so the CPU computes.".to_owned()));
        };
        if adapter.name.is_empty() {
            adapter = adapter.called(family().await.unwrap_or_default());
        }
        let slow = "A processor plays the GPU here, slower than the CPU’s own path";
        if wish == Wish::Auto && adapter.software {
            return Self::cpu(Some(format!("{slow}, so the CPU computes.")));
        }
        match Gpu::open(&adapter).await {
            Ok(gpu) => {
                let remark = adapter.software.then(|| format!("{slow}."));
                Self::Gpu(Box::new(gpu), Told { name: adapter.to_string(), remark })
            }
            Err(error) => Self::cpu(Some(format!("WebGPU could not be started ({error}), so the CPU computes."))),
        }
    }

    fn cpu(remark: Option<String>) -> Self {
        Self::Cpu(Cpu::new(), Told { name: "the CPU".to_owned(), remark })
    }
}

/// What a browser tells of its GPU instead of a name: who made it and its family, as "nvidia ampere". wgpu asks for the
/// name alone.
async fn family() -> Result<String, JsValue> {
    let part = |of: &JsValue, name: &str| Reflect::get(of, &name.into());
    let gpu = part(&part(&js_sys::global(), "navigator")?, "gpu")?;
    let request: Function = part(&gpu, "requestAdapter")?.dyn_into()?;
    // Of two GPUs the one that adapters() asks for.
    let options = js_sys::Object::new();
    Reflect::set(&options, &"powerPreference".into(), &"high-performance".into())?;
    let asked: Promise = request.call1(&gpu, &options)?.dyn_into()?;
    let info = part(&JsFuture::from(asked).await?, "info")?;
    let words = ["vendor", "architecture"].map(|name| part(&info, name).ok().and_then(|word| word.as_string()));
    Ok(words.into_iter().flatten().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}
