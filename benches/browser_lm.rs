//! The language model's work for a page that has a clock. `benches/run.mjs` builds and runs it; it is not shipped.

#[cfg(target_arch = "wasm32")]
#[path = "work/lm.rs"]
mod work;

#[cfg(target_arch = "wasm32")]
mod page {
    use typo_lab::lm::compute::Form;
    use typo_lab::lm::compute::cpu::Cpu;
    use typo_lab::lm::compute::gpu::{Gpu, adapters};
    use wasm_bindgen::prelude::*;

    use crate::work::{Matrices, QUEUED, SIZES, Training};

    enum Device {
        Cpu(Cpu),
        Gpu(Box<Gpu>),
    }

    /// Does the same on either device.
    macro_rules! on {
        ($device:expr, $compute:ident => $work:expr) => {
            match $device {
                Device::Cpu($compute) => $work,
                Device::Gpu($compute) => {
                    let $compute = &mut **$compute;
                    $work
                }
            }
        };
    }

    /// A device and what is computed on it.
    #[wasm_bindgen]
    pub struct Bench {
        device: Device,
        name: String,
        matrices: Option<Matrices>,
        training: Option<Training>,
    }

    #[wasm_bindgen]
    impl Bench {
        /// The CPU's own path.
        pub fn cpu() -> Self {
            Self { device: Device::Cpu(Cpu::new()), name: "the CPU".to_owned(), matrices: None, training: None }
        }

        /// The browser's WebGPU; nothing where there is none.
        pub async fn gpu() -> Option<Self> {
            let adapter = adapters().await.into_iter().next()?;
            let gpu = Gpu::open(&adapter).await.ok()?;
            Some(Self { device: Device::Gpu(Box::new(gpu)), name: adapter.to_string(), matrices: None, training: None })
        }

        /// The device's own name.
        pub fn name(&self) -> String {
            self.name.clone()
        }

        /// Products that one [`Bench::multiply`] queues.
        pub fn queued() -> usize {
            QUEUED
        }

        /// Makes the matrices of a product, and gives those before back.
        pub fn matrices(&mut self, m: usize, k: usize, n: usize) {
            let old = self.matrices.take();
            self.matrices = Some(on!(&mut self.device, compute => {
                if let Some(old) = old {
                    old.free(compute);
                }
                Matrices::new(compute, (m, k, n))
            }));
        }

        /// Multiplies them.
        pub async fn multiply(&mut self) {
            let matrices = self.matrices.as_ref().expect("matrices");
            on!(&mut self.device, compute => matrices.multiply(compute, Form::NN).await);
        }

        /// Begins a training of the model of that name, and gives the one before back.
        pub fn train(&mut self, name: &str) {
            let size = SIZES.into_iter().find(|s| s.0 == name).expect("a size");
            let old = self.training.take();
            self.training = Some(on!(&mut self.device, compute => {
                if let Some(old) = old {
                    old.free(compute);
                }
                Training::new(compute, size)
            }));
        }

        /// One step of it.
        pub async fn step(&mut self) {
            let training = self.training.as_mut().expect("a training");
            on!(&mut self.device, compute => training.step(compute).await);
        }

        /// The one read of a step, with nothing left to wait for.
        pub async fn read(&mut self) {
            let training = self.training.as_ref().expect("a training");
            on!(&mut self.device, compute => training.read(compute).await);
        }
    }
}

fn main() {}
