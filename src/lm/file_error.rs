//! What is wrong with a file that was handed to the language model.

use crate::spec::short;

/// One plain sentence: the file, or the place in it, then what came and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// `model.safetensors`, `tokenizer.json`, `line 7`.
    pub place: String,
    /// What came, what is allowed, what to do.
    pub message: String,
}

impl FileError {
    /// An error at a place. Whatever was quoted from the file is shortened and cleared of control characters.
    pub fn new(place: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        Self { place: short(place.as_ref(), 120), message: short(message.as_ref(), 400) }
    }
}

impl std::fmt::Display for FileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for FileError {}

/// What a JSON parser found, without its own count of lines where the file has another.
pub(crate) fn json_fault(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let fault = text.split(" at line ").next().unwrap_or_default();
    format!("{} (column {})", short(fault, 160), error.column())
}
