//! `model.safetensors`, read and written: GPT-2's tensors by Hugging Face's names, as f32.
//!
//! The file is a length, a JSON header (name, type, shape and place of each tensor) and the values, little-endian, without gaps.
//! Whatever the file says is checked against its own length before anything is allocated for it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo, View};

use super::file_error::FileError;

/// The most that is read. A browser's memory is smaller: 32-bit addresses, of which a page gets half.
pub mod limit {
    /// Bytes of the whole file.
    pub const BYTES: u64 = if cfg!(target_arch = "wasm32") { 1 << 30 } else { 2 << 30 };
    /// Bytes of the header: GPT-2's largest takes 60 thousand.
    pub const HEADER_BYTES: u64 = 1 << 20;
    /// Tensors: GPT-2's largest has 580.
    pub const TENSORS: usize = 4_096;
    /// Numbers in all tensors together; GPT-2's have 124 million, 355 million and more.
    pub const ELEMENTS: usize = if cfg!(target_arch = "wasm32") { 1 << 28 } else { 1 << 29 };
    /// Dimensions of one tensor.
    pub const DIMENSIONS: usize = 4;
}

/// The file's usual name, which messages carry.
const FILE: &str = "model.safetensors";

/// What `GPT2LMHeadModel` puts before every name of the plain model's.
const PREFIX: &str = "transformer.";

/// The head's own copy of `wte`, which some programs write though GPT-2's head is tied.
const HEAD: &str = "lm_head.weight";
const EMBEDDING: &str = "wte.weight";

/// Causal masks that old checkpoints carry; no parameters.
const MASKS: [&str; 2] = [".attn.bias", ".attn.masked_bias"];

/// Numbers in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Outermost first; no extent is 0.
    pub shape: Vec<usize>,
    /// As many as the product of `shape`, all finite when read from a file.
    pub data: Vec<f32>,
}

/// Tensors by name, without the prefix `transformer.`: `wte.weight`, `h.0.attn.c_attn.weight`, …
pub type Weights = BTreeMap<String, Tensor>;

/// How numbers are stored in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits, exact.
    F32,
    /// 16 bits, IEEE: 11 bits of precision, at most 65,504.
    F16,
    /// 16 bits, f32's range with 8 bits of precision.
    Bf16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    fn of(dtype: Dtype) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.dtype() == dtype)
    }

    fn dtype(self) -> Dtype {
        match self {
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::Bf16 => Dtype::BF16,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// From little-endian bytes, a whole number of values; `None` where memory does not suffice.
    fn decode(self, bytes: &[u8]) -> Option<Vec<f32>> {
        let mut values = Vec::new();
        values.try_reserve_exact(bytes.len() / self.bytes()).ok()?;
        match self {
            Self::F32 => values.extend(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b))),
            Self::F16 => values.extend(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())),
            Self::Bf16 => values.extend(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32())),
        }
        Some(values)
    }

    /// To little-endian bytes, rounded to the nearest, ties to even.
    fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
            Self::Bf16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
        }
    }
}

/// Reads a whole file. Masks and a tied head's copy are left out.
///
/// # Errors
/// The first thing wrong, by tensor where there is one.
pub fn read(file: &[u8]) -> Result<Weights, FileError> {
    let (metadata, values) = header(file)?;
    let tensors = metadata.tensors();
    if tensors.len() > limit::TENSORS {
        return Err(wrong(format!("has {} tensors, at most {} are allowed", tensors.len(), limit::TENSORS)));
    }
    let mut chosen = BTreeMap::new();
    for (name, info) in tensors {
        let plain = name.strip_prefix(PREFIX).unwrap_or(&name).to_owned();
        if MASKS.iter().any(|mask| plain.ends_with(mask)) {
            continue;
        }
        if chosen.insert(plain.clone(), info).is_some() {
            return Err(wrong(format!("holds {plain} both with and without `{PREFIX}`; keep one of the two")));
        }
    }
    bounded(&chosen)?;
    let mut weights = Weights::new();
    for (name, info) in chosen {
        let read = tensor(&name, info, values)?;
        weights.insert(name, read);
    }
    untie(&mut weights)?;
    Ok(weights)
}

/// The header, whose every place lies in the values that come with it.
fn header(file: &[u8]) -> Result<(Metadata, &[u8]), FileError> {
    if file.len() as u64 > limit::BYTES {
        return Err(wrong(format!("is {} bytes, at most {} are allowed", file.len(), limit::BYTES)));
    }
    let Some((length, rest)) = file.split_first_chunk::<8>() else {
        return Err(wrong(format!("is {} bytes long, no safetensors file is so short; fetch it again", file.len())));
    };
    let length = u64::from_le_bytes(*length);
    if length > limit::HEADER_BYTES {
        let most = limit::HEADER_BYTES;
        return Err(wrong(format!(
            "begins with a header of {length} bytes, at most {most} are allowed: is it safetensors?"
        )));
    }
    let Some((header, values)) = rest.split_at_checked(length as usize) else {
        return Err(wrong(format!("ends within its header of {length} bytes; it was cut short, fetch it again")));
    };
    // Only the header goes to the crate: its own sum of header and values can overflow.
    let metadata: Metadata = serde_json::from_slice(header)
        .map_err(|e| wrong(format!("has a header that cannot be used: {e}; write the file anew")))?;
    if metadata.data_len() != values.len() {
        let expected = metadata.data_len();
        let message = format!("has {} bytes of values, its header tells of {expected}; fetch it again", values.len());
        return Err(wrong(message));
    }
    Ok((metadata, values))
}

/// Numbers in all tensors together, before anything is allocated for them.
fn bounded(tensors: &BTreeMap<String, &TensorInfo>) -> Result<(), FileError> {
    let elements = tensors.values().try_fold(0usize, |sum, info| {
        info.shape.iter().try_fold(1usize, |n, extent| n.checked_mul(*extent)).and_then(|n| sum.checked_add(n))
    });
    match elements {
        Some(n) if n <= limit::ELEMENTS => Ok(()),
        _ => Err(wrong(format!("holds more than {} numbers, the most that is allowed", limit::ELEMENTS))),
    }
}

fn tensor(name: &str, info: &TensorInfo, values: &[u8]) -> Result<Tensor, FileError> {
    let Some(precision) = Precision::of(info.dtype) else {
        return Err(at(name, format!("is stored as {}, must be F32, F16 or BF16", info.dtype)));
    };
    check_shape(name, &info.shape)?;
    let (start, end) = info.data_offsets;
    let bytes = values.get(start..end).filter(|b| b.len() == info.shape.iter().product::<usize>() * precision.bytes());
    let Some(bytes) = bytes else {
        return Err(at(name, format!("has shape {:?}, which bytes {start} to {end} do not fill", info.shape)));
    };
    let data = precision.decode(bytes).ok_or_else(|| {
        at(name, format!("needs more memory than there is for {} bytes; take a smaller model", bytes.len()))
    })?;
    check_finite(name, &data, "the file is damaged or its training diverged")?;
    Ok(Tensor { shape: info.shape.clone(), data })
}

fn check_shape(name: &str, shape: &[usize]) -> Result<(), FileError> {
    if shape.len() > limit::DIMENSIONS {
        return Err(at(name, format!("has {} dimensions, at most {} are allowed", shape.len(), limit::DIMENSIONS)));
    }
    if shape.contains(&0) {
        return Err(at(name, format!("has shape {shape:?}, which holds nothing; every extent must be at least 1")));
    }
    Ok(())
}

fn check_finite(name: &str, data: &[f32], reason: &str) -> Result<(), FileError> {
    match data.iter().position(|v| !v.is_finite()) {
        Some(k) => Err(at(name, format!("holds {} at place {k}; {reason}", data[k]))),
        None => Ok(()),
    }
}

/// Takes out a head that only repeats the embedding.
fn untie(weights: &mut Weights) -> Result<(), FileError> {
    if let (Some(head), Some(embedding)) = (weights.get(HEAD), weights.get(EMBEDDING)) {
        if head != embedding {
            return Err(at(
                HEAD,
                format!("differs from {EMBEDDING}; GPT-2's head is tied, other models cannot be used"),
            ));
        }
        weights.remove(HEAD);
    }
    Ok(())
}

/// Checks that a file holds the tensors of a model, in its shapes, and none besides.
///
/// # Errors
/// The first tensor that is missing, has another shape, or is not the model's.
pub fn check_names_and_shapes(weights: &Weights, expected: &BTreeMap<String, Vec<usize>>) -> Result<(), FileError> {
    for (name, shape) in expected {
        match weights.get(name) {
            None => return Err(wrong(format!("lacks {name}, of shape {shape:?}; config.json may be another model's"))),
            Some(tensor) if tensor.shape != *shape => {
                let message =
                    format!("has shape {:?}, config.json asks for {shape:?}; take both from one model", tensor.shape);
                return Err(at(name, message));
            }
            Some(_) => {}
        }
    }
    match weights.keys().find(|name| !expected.contains_key(*name)) {
        Some(name) => Err(at(name, "is no tensor of a GPT-2 of this size; config.json may be another model's")),
        None => Ok(()),
    }
}

/// A whole file as [`read`] takes it, and as Hugging Face's `from_pretrained` does.
///
/// # Errors
/// Where a tensor's numbers do not fill its shape, are not finite, or are not finite any more in this precision.
pub fn write(weights: &Weights, precision: Precision) -> Result<Vec<u8>, FileError> {
    let mut views = Vec::with_capacity(weights.len());
    for (name, tensor) in weights {
        check_shape(name, &tensor.shape)?;
        let elements = tensor.shape.iter().try_fold(1usize, |n, extent| n.checked_mul(*extent));
        if elements != Some(tensor.data.len()) {
            return Err(at(name, format!("has {} numbers, shape {:?} takes others", tensor.data.len(), tensor.shape)));
        }
        check_finite(name, &tensor.data, "training diverged: a smaller learning rate may help")?;
        if precision == Precision::F16
            && let Some(v) = tensor.data.iter().find(|v| f16::from_f32(**v).is_infinite())
        {
            return Err(at(name, format!("holds {v}, more than F16 can store; write F32 or BF16")));
        }
        views.push((name, Stored { tensor, precision }));
    }
    // Hugging Face's loader asks which framework's layout this is.
    let about = [("format".to_owned(), "pt".to_owned())].into_iter().collect();
    safetensors::serialize(views, Some(about)).map_err(|e| wrong(format!("cannot be written: {e}")))
}

/// A tensor as it will stand in a file, made into bytes only when its turn comes.
struct Stored<'a> {
    tensor: &'a Tensor,
    precision: Precision,
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        self.precision.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.tensor.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.precision.encode(&self.tensor.data).into()
    }

    fn data_len(&self) -> usize {
        self.tensor.data.len() * self.precision.bytes()
    }
}

fn wrong(message: impl AsRef<str>) -> FileError {
    FileError::new(FILE, message)
}

fn at(tensor: &str, message: impl AsRef<str>) -> FileError {
    FileError::new(format!("{FILE}: {}", crate::spec::short(tensor, 60)), message)
}
