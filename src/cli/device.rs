//! `--device`: which computes, and saying so.

use std::io::Write as _;

use clap::ValueEnum;

use super::Failure;
use crate::lm::compute::cpu::Cpu;
use crate::lm::compute::gpu::{Gpu, adapters};
use crate::lm::compute::ready;
use crate::lm::gpt2::ModelError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// A GPU where there is one, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// A GPU, or the program that stands in for one
    Gpu,
}

/// A device, opened.
pub enum Opened {
    Cpu(Cpu),
    Gpu(Box<Gpu>),
}

impl Device {
    /// Opens it and tells its name on standard error.
    pub fn open(self) -> Result<Opened, Failure> {
        let mut found = if self == Self::Cpu { Vec::new() } else { ready(adapters()) };
        // A real GPU first. One that a processor plays is slower than the CPU's own path: only whoever asks for it gets it.
        found.sort_by_key(|adapter| adapter.software);
        let wanted = found.first().filter(|adapter| self == Self::Gpu || !adapter.software);
        let Some(adapter) = wanted else {
            if self == Self::Gpu {
                return Err(Failure::input("--device gpu: no GPU was found; install its driver, or use --device cpu"));
            }
            say("the CPU");
            return Ok(Opened::Cpu(Cpu::new()));
        };
        let gpu = ready(Gpu::open(adapter)).map_err(ModelError::from)?;
        say(&adapter.to_string());
        Ok(Opened::Gpu(Box::new(gpu)))
    }
}

fn say(name: &str) {
    let _ = writeln!(std::io::stderr(), "computes on {name}");
}

/// Runs the same work, generic over the device, on the one that was asked for.
macro_rules! on_device {
    ($device:expr, |$compute:ident| $work:expr) => {
        match $device.open()? {
            $crate::cli::device::Opened::Cpu(mut cpu) => {
                let $compute = &mut cpu;
                $work
            }
            $crate::cli::device::Opened::Gpu(mut gpu) => {
                let $compute = gpu.as_mut();
                $work
            }
        }
    };
}
pub(super) use on_device;
