//! A model's files: the small world's from beside the page, or those that the reader chose.

use std::hash::{DefaultHasher, Hash, Hasher};

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DedicatedWorkerGlobalScope, File, Response};

use crate::lm::config::Config;
use crate::lm::tokenizer::Tokenizer;
use crate::lm::weights::{self, Weights};
use crate::worker::port::{Part, ScopePort};
use crate::worker::protocol::lm::FromLm;

/// A model, read.
pub struct Folder {
    pub config: Config,
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    /// Whether it is the small world's own.
    pub is_world: bool,
    /// Tells its weights from another model's.
    pub mark: u64,
}

/// Where a file comes from.
enum Source {
    Shipped,
    Chosen(Vec<File>),
}

/// Where the small world's model lies, from the worker's own address.
const SHIPPED: &str = "static/lm/world";

impl Folder {
    /// Reads the files that came with a message, or the small world's where none did.
    ///
    /// # Errors
    /// One sentence, with the file's name.
    pub async fn read(parts: Vec<Part>, port: &ScopePort) -> Result<Self, String> {
        let files: Vec<File> = files(parts);
        let source = if files.is_empty() { Source::Shipped } else { Source::Chosen(files) };
        let text = source.file("config.json", port).await?;
        let text = String::from_utf8(text).map_err(|_| "config.json: is not UTF-8 text; save it as UTF-8.")?;
        let config = Config::from_text(&text).map_err(sentence)?;
        let tokenizer = source.tokenizer(port).await?;
        let bytes = source.file("model.safetensors", port).await?;
        say(port, "checking model.safetensors", 0.9);
        let weights = weights::read(&bytes).map_err(sentence)?;
        let is_world = matches!(source, Source::Shipped);
        Ok(Self { config, weights, tokenizer, is_world, mark: mark(&bytes, is_world) })
    }
}

/// The same in every worker of a build, and short enough for JSON's numbers.
fn mark(weights: &[u8], is_world: bool) -> u64 {
    let mut hasher = DefaultHasher::new();
    (weights, is_world).hash(&mut hasher);
    hasher.finish() >> 16
}

/// The files among what came with a message.
pub fn files(parts: Vec<Part>) -> Vec<File> {
    parts.into_iter().filter_map(|part| if let Part::File(file) = part { Some(file) } else { None }).collect()
}

/// An error as the reader is told it.
pub fn sentence(error: impl std::fmt::Display) -> String {
    format!("{error}.")
}

/// The same with a capital, for what begins with a word and not with a file's name.
pub fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

impl Source {
    async fn tokenizer(&self, port: &ScopePort) -> Result<Tokenizer, String> {
        if self.has("tokenizer.json") {
            return Tokenizer::from_json(&self.file("tokenizer.json", port).await?).map_err(sentence);
        }
        if !self.has("vocab.json") {
            return Err(
                "The files have neither tokenizer.json nor vocab.json and merges.txt; choose them too.".to_owned()
            );
        }
        let (vocab, merges) = (self.file("vocab.json", port).await?, self.file("merges.txt", port).await?);
        Tokenizer::from_vocab_and_merges(&vocab, &merges).map_err(sentence)
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::Shipped => true,
            Self::Chosen(files) => files.iter().any(|f| f.name() == name),
        }
    }

    async fn file(&self, name: &str, port: &ScopePort) -> Result<Vec<u8>, String> {
        say(port, &format!("reading {name}"), if name == "model.safetensors" { 0.3 } else { 0.1 });
        match self {
            Self::Shipped => fetched(name).await,
            Self::Chosen(files) => match files.iter().find(|f| f.name() == name) {
                Some(file) => bytes(file).await,
                None => Err(format!(
                    "{name} is not among the chosen files; choose config.json, model.safetensors and the tokenizer’s files together."
                )),
            },
        }
    }
}

fn say(port: &ScopePort, what: &str, share: f64) {
    port.send(&FromLm::Busy { what: what.to_owned(), share }, &[]);
}

/// A chosen file's bytes.
///
/// # Errors
/// One sentence where it is too large or cannot be read.
pub async fn bytes(file: &File) -> Result<Vec<u8>, String> {
    let name = file.name();
    if file.size() > weights::limit::BYTES as f64 {
        let most = weights::limit::BYTES >> 30;
        return Err(format!("{name}: is larger than the {most} GiB that a page can take in; choose a smaller model."));
    }
    let buffer = JsFuture::from(file.array_buffer()).await;
    let buffer = buffer.ok().and_then(|b| b.dyn_into::<ArrayBuffer>().ok());
    let buffer = buffer.ok_or_else(|| format!("{name} could not be read; choose it again."))?;
    Ok(Uint8Array::new(&buffer).to_vec())
}

async fn fetched(name: &str) -> Result<Vec<u8>, String> {
    let lost = || format!("The small world’s {name} could not be loaded; connect to the network and reload the page.");
    let scope: DedicatedWorkerGlobalScope = js_sys::global().dyn_into().map_err(|_| lost())?;
    let answer = JsFuture::from(scope.fetch_with_str(&format!("{SHIPPED}/{name}"))).await.map_err(|_| lost())?;
    let answer: Response = answer.dyn_into().map_err(|_| lost())?;
    if !answer.ok() {
        return Err(lost());
    }
    let buffer = JsFuture::from(answer.array_buffer().map_err(|_| lost())?).await.map_err(|_| lost())?;
    Ok(Uint8Array::new(&buffer).to_vec())
}
