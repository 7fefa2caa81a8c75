//! Where GPT-2's parameters, and whatever has their shapes, lie on a device.

use std::collections::BTreeMap;

use super::compute::{Compute, DeviceError, Embedding, Norm, Span};
use super::config::Config;

/// Conv1D: weight [in, out] as stored, bias [out].
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    pub(super) weight: Span,
    pub(super) bias: Span,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) ln_1: Norm,
    pub(super) c_attn: Linear,
    pub(super) c_proj: Linear,
    pub(super) ln_2: Norm,
    pub(super) c_fc: Linear,
    pub(super) mlp_c_proj: Linear,
}

/// Parameters, or their gradients, by their place in the network.
#[derive(Debug, Clone)]
pub(super) struct Tensors {
    pub(super) wte: Span,
    pub(super) wpe: Span,
    pub(super) h: Vec<Block>,
    pub(super) ln_f: Norm,
}

impl Tensors {
    pub(super) fn new(config: &Config, spans: &BTreeMap<String, Span>) -> Self {
        let norm =
            |name: String| Norm { weight: spans[&format!("{name}.weight")], bias: spans[&format!("{name}.bias")] };
        let linear =
            |name: String| Linear { weight: spans[&format!("{name}.weight")], bias: spans[&format!("{name}.bias")] };
        let block = |l: usize| Block {
            ln_1: norm(format!("h.{l}.ln_1")),
            c_attn: linear(format!("h.{l}.attn.c_attn")),
            c_proj: linear(format!("h.{l}.attn.c_proj")),
            ln_2: norm(format!("h.{l}.ln_2")),
            c_fc: linear(format!("h.{l}.mlp.c_fc")),
            mlp_c_proj: linear(format!("h.{l}.mlp.c_proj")),
        };
        Self {
            wte: spans["wte.weight"],
            wpe: spans["wpe.weight"],
            h: (0..config.n_layer).map(block).collect(),
            ln_f: norm("ln_f".to_owned()),
        }
    }

    pub(super) fn embedding(&self, channels: usize) -> Embedding {
        Embedding { wte: self.wte, wpe: self.wpe, channels }
    }
}

/// Tensors laid out in as few buffers as the device allows.
#[derive(Debug, Clone)]
pub struct Arenas {
    /// The buffers, each whole.
    pub buffers: Vec<Span>,
    /// Where each tensor lies, by its name.
    pub spans: BTreeMap<String, Span>,
}

/// Tensors begin at multiples of this: a GPU binds at multiples of 256 bytes.
const ALIGNMENT: usize = 64;

impl Arenas {
    /// Buffers of zeros for these tensors.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn new(compute: &mut impl Compute, tensors: &[(String, Vec<usize>)]) -> Result<Self, DeviceError> {
        let most = compute.largest_buffer();
        let mut places = Vec::new();
        let mut sizes: Vec<usize> = Vec::new();
        for (name, shape) in tensors {
            let len: usize = shape.iter().product();
            let fits = sizes.last().is_some_and(|used| used + len <= most);
            if !fits {
                sizes.push(0);
            }
            let arena = sizes.len() - 1;
            places.push((name.clone(), arena, sizes[arena], len));
            sizes[arena] = (sizes[arena] + len).next_multiple_of(ALIGNMENT);
        }
        let buffers = sizes.iter().map(|len| compute.alloc(*len)).collect::<Result<Vec<_>, _>>()?;
        let spans = places.into_iter().map(|(name, a, start, len)| (name, buffers[a].part(start, len))).collect();
        Ok(Self { buffers, spans })
    }

    /// The same layout again, of zeros.
    ///
    /// # Errors
    /// Where the device has no room.
    pub fn like(&self, compute: &mut impl Compute) -> Result<Self, DeviceError> {
        let buffers = self.buffers.iter().map(|b| compute.alloc(b.len)).collect::<Result<Vec<_>, _>>()?;
        let moved = |span: &Span| {
            let arena = self.buffers.iter().position(|b| b.buffer == span.buffer).unwrap_or_default();
            Span { buffer: buffers[arena].buffer, ..*span }
        };
        let spans = self.spans.iter().map(|(name, span)| (name.clone(), moved(span))).collect();
        Ok(Self { buffers, spans })
    }
}
