//! A model's folder, read and written.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use super::device::Device;
use crate::lm::compute::{Compute, ready};
use crate::lm::config::Config;
use crate::lm::file_error::FileError;
use crate::lm::gpt2::{Gpt2, Memory};
use crate::lm::pairs::{self, Pair, Parts};
use crate::lm::run::{PairTexts, begun};
use crate::lm::tokenizer::Tokenizer;
use crate::lm::weights::{self, Precision, Weights};

#[derive(Debug, Args)]
pub struct Model {
    /// Folder with config.json, model.safetensors, and tokenizer.json or vocab.json and merges.txt
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// What computes
    #[arg(long, value_enum, default_value_t = Device::Auto)]
    pub device: Device,
}

/// A model's folder, read.
pub struct Folder {
    pub config: Config,
    pub weights: Weights,
    tokenizer: Option<Tokenizer>,
}

impl Folder {
    /// Of what it will hold.
    pub fn of(config: Config, weights: Weights, tokenizer: Tokenizer) -> Self {
        Self { config, weights, tokenizer: Some(tokenizer) }
    }

    pub fn read(model: &Model) -> Result<Self, Failure> {
        let dir = &model.model;
        let text = String::from_utf8(file(&dir.join("config.json"))?);
        let text = text.map_err(|_| Failure::input("config.json: is not UTF-8 text; save it as UTF-8"))?;
        Ok(Self {
            config: Config::from_text(&text)?,
            weights: weights::read(&file(&dir.join("model.safetensors"))?)?,
            tokenizer: tokenizer(dir)?,
        })
    }

    /// What the work will need.
    pub fn memory(&self, size: (usize, usize), trained: bool) -> Memory {
        Memory::of(&self.config, size.0, size.1, trained)
    }

    /// Onto the device, for at most so many texts of so many tokens. The weights as read are let go.
    pub fn load(&mut self, compute: &mut impl Compute, size: (usize, usize), trained: bool) -> Result<Gpt2, Failure> {
        let model = Gpt2::new(compute, self.config.clone(), size, trained)?;
        model.load_weights(compute, &std::mem::take(&mut self.weights))?;
        Ok(model)
    }

    pub fn tokenizer(&self) -> Result<&Tokenizer, Failure> {
        self.tokenizer.as_ref().ok_or_else(|| {
            Failure::input("the model's folder has neither tokenizer.json nor vocab.json and merges.txt; add them, or give token numbers")
        })
    }

    /// The token that ends a text, where there is one.
    pub fn end(&self) -> Option<u32> {
        self.tokenizer.as_ref().and_then(Tokenizer::end)
    }

    pub fn pairs(&self, path: &Path) -> Result<Vec<PairTexts>, Failure> {
        let pairs = pairs::read(&file(path)?)?;
        let texts = pairs.into_iter().enumerate().map(|(k, pair)| {
            let parts = match (pair, &self.tokenizer) {
                (Pair::Ids(parts), None) => parts,
                (pair, _) => {
                    let read = pair.ids(self.tokenizer()?);
                    read.map_err(|e| Failure::input(format!("pair {}: {e}", k + 1)))?
                }
            };
            Ok(PairTexts::from(Parts { prompt: begun(parts.prompt, self.end()), ..parts }))
        });
        texts.collect()
    }
}

fn tokenizer(dir: &Path) -> Result<Option<Tokenizer>, Failure> {
    let (json, vocab, merges) = (dir.join("tokenizer.json"), dir.join("vocab.json"), dir.join("merges.txt"));
    if json.exists() {
        return Ok(Some(Tokenizer::from_json(&file(&json)?)?));
    }
    if vocab.exists() {
        return Ok(Some(Tokenizer::from_vocab_and_merges(&file(&vocab)?, &file(&merges)?)?));
    }
    Ok(None)
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    if size > weights::limit::BYTES {
        let most = weights::limit::BYTES >> 30;
        return Err(Failure::input(format!(
            "{name}: is larger than the {most} GiB that are allowed; give a smaller model"
        )));
    }
    std::fs::read(path).map_err(|e| Failure::input(format!("{name} could not be read: {e}; give a file that exists")))
}

/// A folder that this program and Transformers read: the trained weights, and the rest as it came.
pub fn save(dir: &Path, from: &Path, model: &Gpt2, compute: &mut impl Compute) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::system(format!("{} could not be written: {e}", dir.display()));
    let weights = weights::write(&ready(model.weights(compute))?, Precision::F32)?;
    std::fs::create_dir_all(dir).map_err(failed)?;
    std::fs::write(dir.join("model.safetensors"), weights).map_err(failed)?;
    std::fs::write(dir.join("config.json"), model.config.to_text()).map_err(failed)?;
    for name in ["tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "generation_config.json"] {
        let (old, new) = (from.join(name), dir.join(name));
        // Saving over the folder it came from leaves these as they are.
        if old.exists() && !new.exists() {
            std::fs::copy(old, new).map_err(failed)?;
        }
    }
    Ok(())
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        Self::input(error.to_string())
    }
}
