//! Preference data as JSON lines: a prompt with a response that was chosen and one that was rejected.
//!
//! A line is an object in one of three forms; other fields are not read:
//! - `prompt`, `chosen`, `rejected` as text;
//! - `prompt_ids`, `chosen_ids`, `rejected_ids` as token numbers;
//! - `chosen`, `rejected` as whole transcripts (Anthropic's HH data): what both share, up to its last `Assistant:`, is the prompt.

use serde::Deserialize;

use super::file_error::{FileError, json_fault};
use super::tokenizer::Tokenizer;

/// The most that is read.
pub mod limit {
    /// Bytes of the whole file.
    pub const BYTES: usize = 512 << 20;
    /// Bytes of one line.
    pub const LINE_BYTES: usize = 1 << 20;
    /// Pairs.
    pub const PAIRS: usize = 1_000_000;
}

/// One preference: of two responses to a prompt, the first was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pair {
    /// As text, not encoded yet.
    Text(Parts<String>),
    /// As token numbers.
    Ids(Parts<Vec<u32>>),
}

/// The three parts of a preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<T> {
    /// What was asked; may be empty.
    pub prompt: T,
    /// The better response; never empty.
    pub chosen: T,
    /// The worse one; never empty.
    pub rejected: T,
}

impl Pair {
    /// Token numbers, each part encoded for itself, as training does.
    ///
    /// # Errors
    /// A token number that the vocabulary has not.
    pub fn ids(&self, tokenizer: &Tokenizer) -> Result<Parts<Vec<u32>>, String> {
        match self {
            Self::Text(text) => Ok(Parts {
                prompt: tokenizer.encode(&text.prompt),
                chosen: tokenizer.encode(&text.chosen),
                rejected: tokenizer.encode(&text.rejected),
            }),
            Self::Ids(ids) => {
                let parts = [("prompt_ids", &ids.prompt), ("chosen_ids", &ids.chosen), ("rejected_ids", &ids.rejected)];
                for (name, part) in parts {
                    if let Some(id) = part.iter().find(|id| tokenizer.bytes(**id).is_none()) {
                        return Err(format!("{name} has token {id}, the vocabulary has {}", tokenizer.vocabulary()));
                    }
                }
                Ok(ids.clone())
            }
        }
    }
}

/// Reads a whole file. Blank lines are skipped.
///
/// # Errors
/// The first line that is no preference, what is wrong with it, and the remedy; or that there is none.
pub fn read(file: &[u8]) -> Result<Vec<Pair>, FileError> {
    if file.len() > limit::BYTES {
        let message = format!("is {} bytes, at most {} are allowed; split it", file.len(), limit::BYTES);
        return Err(FileError::new("the preferences", message));
    }
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let mut pairs = Vec::new();
    for (k, line) in file.split(|b| *b == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let at = |message: String| FileError::new(format!("line {}", k + 1), message);
        if pairs.len() == limit::PAIRS {
            return Err(at(format!("is one too many: at most {} pairs are allowed; split the file", limit::PAIRS)));
        }
        pairs.push(pair(line).map_err(at)?);
    }
    if pairs.is_empty() {
        let message = "hold no pair; write one JSON object a line with prompt, chosen and rejected";
        return Err(FileError::new("the preferences", message));
    }
    Ok(pairs)
}

/// A line's fields, all of which may be missing.
#[derive(Deserialize)]
struct Line {
    prompt: Option<String>,
    chosen: Option<String>,
    rejected: Option<String>,
    prompt_ids: Option<Vec<u32>>,
    chosen_ids: Option<Vec<u32>>,
    rejected_ids: Option<Vec<u32>>,
}

fn pair(line: &[u8]) -> Result<Pair, String> {
    if line.len() > limit::LINE_BYTES {
        return Err(format!("is {} bytes, at most {} are allowed; shorten or drop it", line.len(), limit::LINE_BYTES));
    }
    let text = std::str::from_utf8(line)
        .map_err(|e| format!("is not UTF-8 text at byte {}; save the file as UTF-8", e.valid_up_to()))?;
    if !text.trim_start().starts_with('{') {
        return Err("begins no JSON object; write one object a line with prompt, chosen and rejected".to_owned());
    }
    let line: Line = serde_json::from_str(text).map_err(|e| {
        format!(
            "is no preference: {}; give prompt, chosen and rejected as texts, or their _ids as lists",
            json_fault(&e)
        )
    })?;
    let texts = [&line.prompt, &line.chosen, &line.rejected].into_iter().any(Option::is_some);
    let ids = [&line.prompt_ids, &line.chosen_ids, &line.rejected_ids].into_iter().any(Option::is_some);
    match (texts, ids) {
        (true, true) => Err("gives texts and token numbers; keep prompt, chosen and rejected or their _ids".to_owned()),
        (false, false) => Err("has no preference; give prompt, chosen and rejected, or their _ids".to_owned()),
        (true, false) => texts_of(line),
        (false, true) => ids_of(line),
    }
}

fn texts_of(line: Line) -> Result<Pair, String> {
    let chosen = line.chosen.ok_or("has no chosen; give the better response")?;
    let rejected = line.rejected.ok_or("has no rejected; give the worse response")?;
    let parts = match line.prompt {
        Some(prompt) => Parts { prompt, chosen, rejected },
        None => transcripts(&chosen, &rejected)?,
    };
    check_filled(parts.chosen.is_empty(), parts.rejected.is_empty())?;
    Ok(Pair::Text(parts))
}

fn ids_of(line: Line) -> Result<Pair, String> {
    let prompt = line.prompt_ids.ok_or("has no prompt_ids; give the prompt's token numbers, [] for none")?;
    let chosen = line.chosen_ids.ok_or("has no chosen_ids; give the better response's token numbers")?;
    let rejected = line.rejected_ids.ok_or("has no rejected_ids; give the worse response's token numbers")?;
    check_filled(chosen.is_empty(), rejected.is_empty())?;
    Ok(Pair::Ids(Parts { prompt, chosen, rejected }))
}

fn check_filled(no_chosen: bool, no_rejected: bool) -> Result<(), String> {
    let empty = match (no_chosen, no_rejected) {
        (true, _) => "chosen",
        (_, true) => "rejected",
        _ => return Ok(()),
    };
    Err(format!("has an empty {empty} response, which no model can learn from; fill it or drop the line"))
}

/// Where a transcript's answers begin.
const TURN: &str = "Assistant:";

/// Cuts two transcripts after the last turn mark of what they share.
fn transcripts(chosen: &str, rejected: &str) -> Result<Parts<String>, String> {
    let shared: usize =
        chosen.chars().zip(rejected.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum();
    let mark = chosen[..shared].rfind(TURN).ok_or_else(|| {
        format!(
            "has no prompt, and chosen and rejected share no turn that ends in \"{TURN}\"; give the prompt as a field"
        )
    })?;
    let (prompt, chosen) = chosen.split_at(mark + TURN.len());
    Ok(Parts { prompt: prompt.to_owned(), chosen: chosen.to_owned(), rejected: rejected[prompt.len()..].to_owned() })
}
