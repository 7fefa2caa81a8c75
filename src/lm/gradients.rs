//! Where a way back leaves what it finds: gradients of every parameter, or of adapters alone.

use super::compute::{Compute, DeviceError, Epilogue, Form, Product, Span};
use super::config::Config;
use super::lora::{Adapter, Lora, Target};
use super::tensors::{Arenas, Linear, Tensors};

/// Gradients of what trains. What does not train has no room here, and nothing is computed for it.
#[derive(Debug)]
pub enum Gradients {
    /// Of every parameter.
    Whole(Whole),
    /// Of adapters; the weights around them stay as they are.
    Adapters(Lora),
}

/// Gradients of a whole model, laid out as its parameters are.
#[derive(Debug)]
pub struct Whole {
    arenas: Arenas,
    tensors: Tensors,
}

impl Gradients {
    /// Of every parameter, zero.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn whole(compute: &mut impl Compute, config: &Config, params: &Arenas) -> Result<Self, DeviceError> {
        let arenas = params.like(compute)?;
        let tensors = Tensors::new(config, &arenas.spans);
        Ok(Self::Whole(Whole { arenas, tensors }))
    }

    /// Where they lie, by the names of what trains.
    pub fn arenas(&self) -> &Arenas {
        match self {
            Self::Whole(whole) => &whole.arenas,
            Self::Adapters(lora) => &lora.grads,
        }
    }

    /// Sets every one to zero.
    pub fn zero(&self, compute: &mut impl Compute) {
        for buffer in &self.arenas().buffers {
            compute.fill(*buffer, 0.0);
        }
    }

    /// By their place in the network, where all of it trains.
    pub(super) fn tensors(&self) -> Option<&Tensors> {
        match self {
            Self::Whole(whole) => Some(&whole.tensors),
            Self::Adapters(_) => None,
        }
    }

    /// A matrix's, where anything of it trains.
    pub(super) fn linear(&self, layer: usize, which: Target) -> Option<LinearGradient<'_>> {
        match self {
            Self::Whole(whole) => {
                let block = &whole.tensors.h[layer];
                Some(LinearGradient::Whole(match which {
                    Target::AttentionIn => block.c_attn,
                    Target::AttentionOut => block.c_proj,
                    Target::MlpIn => block.c_fc,
                    Target::MlpOut => block.mlp_c_proj,
                }))
            }
            Self::Adapters(lora) => lora.adapter(layer, which).map(LinearGradient::Adapter),
        }
    }

    /// Gives their buffers back, and the adapters'.
    pub fn free(self, compute: &mut impl Compute) {
        match self {
            Self::Whole(whole) => whole.arenas.buffers.into_iter().for_each(|buffer| compute.free(buffer)),
            Self::Adapters(lora) => lora.free(compute),
        }
    }
}

/// Where the gradient of one matrix goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum LinearGradient<'a> {
    Whole(Linear),
    Adapter(&'a Adapter),
}

impl LinearGradient<'_> {
    /// Adds what one pass finds, whose input is x, of `rows`×`from`, and whose output's gradient is dout, of `rows`×`to`.
    pub(super) fn add(self, compute: &mut impl Compute, x: Span, dout: Span, (rows, from, to): (usize, usize, usize)) {
        match self {
            // dW += xᵀ dout and db += Σ dout.
            Self::Whole(Linear { weight, bias }) => {
                let product = Product { form: Form::TN, m: from, k: rows, n: to };
                compute.matmul(weight, x, dout, product, Epilogue::Add { scale: 1.0 });
                compute.column_sums(bias, dout);
            }
            Self::Adapter(adapter) => adapter.add_gradient(compute, x, dout, rows),
        }
    }
}
