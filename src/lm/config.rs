//! GPT-2's `config.json`, by Hugging Face's names.

use serde_json::{Map, Value, json};

use super::file_error::{FileError, json_fault};

/// The sizes of a GPT-2.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Blocks.
    pub n_layer: usize,
    /// H.
    pub n_head: usize,
    /// C.
    pub n_embd: usize,
    /// The longest text, in tokens.
    pub n_positions: usize,
    /// V.
    pub vocab_size: usize,
    /// What layer norm adds to the variance.
    pub layer_norm_epsilon: f32,
    /// The file as it came, so that what this program does not use is written back.
    rest: Map<String, Value>,
}

fn wrong(message: impl AsRef<str>) -> FileError {
    FileError::new("config.json", message)
}

/// The most that a size may be, by name: far above any GPT-2, far below what would overflow.
const LIMITS: [(&str, u64); 5] =
    [("n_layer", 256), ("n_head", 256), ("n_embd", 16_384), ("n_positions", 65_536), ("vocab_size", 1 << 20)];

/// Settings that change the network, with the only value that it is built for.
const FIXED: [(&str, &[Value]); 6] = [
    ("add_cross_attention", &[Value::Bool(false), Value::Null]),
    ("scale_attn_weights", &[Value::Bool(true), Value::Null]),
    ("scale_attn_by_inverse_layer_idx", &[Value::Bool(false), Value::Null]),
    ("reorder_and_upcast_attn", &[Value::Bool(false), Value::Null]),
    ("tie_word_embeddings", &[Value::Bool(true), Value::Null]),
    ("quantization_config", &[Value::Null]),
];

impl Config {
    /// A configuration of given sizes.
    ///
    /// # Errors
    /// Where a size is zero, too large, or C is no multiple of H.
    pub fn new(
        n_layer: usize,
        n_head: usize,
        n_embd: usize,
        n_positions: usize,
        vocab_size: usize,
    ) -> Result<Self, FileError> {
        let text = json!({
            "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new",
            "n_layer": n_layer, "n_head": n_head, "n_embd": n_embd, "n_positions": n_positions, "n_ctx": n_positions,
            "vocab_size": vocab_size, "layer_norm_epsilon": 1e-5, "tie_word_embeddings": true,
        });
        Self::from_text(&text.to_string())
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// Where it is no JSON, of another model than GPT-2, lacks a size, or a size is not possible.
    pub fn from_text(text: &str) -> Result<Self, FileError> {
        let value: Value = serde_json::from_str(text).map_err(|e| wrong(format!("is not JSON: {}", json_fault(&e))))?;
        let Value::Object(rest) = value else {
            return Err(wrong("must be a JSON object such as {\"n_layer\": 12, …}"));
        };
        is_gpt2(&rest)?;
        let config = Self {
            n_layer: size(&rest, "n_layer")?,
            n_head: size(&rest, "n_head")?,
            n_embd: size(&rest, "n_embd")?,
            n_positions: size(&rest, if rest.contains_key("n_positions") { "n_positions" } else { "n_ctx" })?,
            vocab_size: size(&rest, "vocab_size")?,
            layer_norm_epsilon: epsilon(&rest)?,
            rest,
        };
        config.check_shapes()?;
        Ok(config)
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        format!("{:#}\n", Value::Object(self.rest.clone()))
    }

    /// D, the channels of a head.
    pub fn head_width(&self) -> usize {
        self.n_embd / self.n_head
    }

    /// Every parameter's name without prefix, and its shape, in the order in which they are laid out.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let c = self.n_embd;
        let mut list = vec![
            ("wte.weight".to_owned(), vec![self.vocab_size, c]),
            ("wpe.weight".to_owned(), vec![self.n_positions, c]),
        ];
        for layer in 0..self.n_layer {
            let parts: [(&str, Vec<usize>); 12] = [
                ("ln_1.weight", vec![c]),
                ("ln_1.bias", vec![c]),
                ("attn.c_attn.weight", vec![c, 3 * c]),
                ("attn.c_attn.bias", vec![3 * c]),
                ("attn.c_proj.weight", vec![c, c]),
                ("attn.c_proj.bias", vec![c]),
                ("ln_2.weight", vec![c]),
                ("ln_2.bias", vec![c]),
                ("mlp.c_fc.weight", vec![c, 4 * c]),
                ("mlp.c_fc.bias", vec![4 * c]),
                ("mlp.c_proj.weight", vec![4 * c, c]),
                ("mlp.c_proj.bias", vec![c]),
            ];
            list.extend(parts.into_iter().map(|(name, shape)| (format!("h.{layer}.{name}"), shape)));
        }
        list.push(("ln_f.weight".to_owned(), vec![c]));
        list.push(("ln_f.bias".to_owned(), vec![c]));
        list
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    fn check_shapes(&self) -> Result<(), FileError> {
        let Self { n_embd, n_head, .. } = self;
        if n_embd % n_head != 0 {
            return Err(wrong(format!("n_embd {n_embd} must be a multiple of n_head {n_head}")));
        }
        let inner = self.rest.get("n_inner").unwrap_or(&Value::Null);
        if !inner.is_null() && inner.as_u64() != Some(4 * *n_embd as u64) {
            return Err(wrong(format!("n_inner is {inner}, must be null or four times n_embd")));
        }
        Ok(())
    }
}

fn is_gpt2(config: &Map<String, Value>) -> Result<(), FileError> {
    if let Some(kind) = config.get("model_type").filter(|kind| *kind != "gpt2") {
        return Err(wrong(format!("model_type is {kind}, must be \"gpt2\"; give a GPT-2 model")));
    }
    if let Some(gelu) = config.get("activation_function").filter(|f| *f != "gelu_new" && *f != "gelu_pytorch_tanh") {
        return Err(wrong(format!("activation_function is {gelu}, must be \"gelu_new\", as in GPT-2")));
    }
    for (name, allowed) in FIXED {
        if let Some(value) = config.get(name).filter(|value| !allowed.contains(value)) {
            return Err(wrong(format!("{name} is {value}, must be {}, as in GPT-2", allowed[0])));
        }
    }
    Ok(())
}

fn size(config: &Map<String, Value>, name: &str) -> Result<usize, FileError> {
    let limit_of = if name == "n_ctx" { "n_positions" } else { name };
    let most = LIMITS.iter().find(|(n, _)| *n == limit_of).map_or(u64::MAX, |(_, most)| *most);
    let Some(value) = config.get(name) else {
        return Err(wrong(format!("{name} is missing, must be a whole number from 1 to {most}")));
    };
    match value.as_u64().filter(|n| (1..=most).contains(n)) {
        Some(n) => Ok(n as usize),
        None => Err(wrong(format!("{name} is {value}, must be a whole number from 1 to {most}"))),
    }
}

fn epsilon(config: &Map<String, Value>) -> Result<f32, FileError> {
    let Some(value) = config.get("layer_norm_epsilon") else { return Ok(1e-5) };
    match value.as_f64().filter(|e| *e > 0.0 && *e < 1.0) {
        Some(e) => Ok(e as f32),
        None => Err(wrong(format!("layer_norm_epsilon is {value}, must be a number between 0 and 1"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPT2: &str = r#"{"n_layer":12,"n_head":12,"n_embd":768,"n_ctx":1024,"vocab_size":50257,"task":"x"}"#;

    #[test]
    fn gpt2_has_its_124_million_parameters_and_keeps_unknown_fields() {
        let config = Config::from_text(GPT2).expect("a configuration");
        assert_eq!(config.parameters(), 124_439_808);
        assert_eq!(config.n_positions, 1024);
        assert!(config.to_text().contains("\"task\": \"x\""));
        assert_eq!(Config::from_text(&config.to_text()), Ok(config));
    }

    #[test]
    fn what_is_wrong_is_named_with_the_remedy() {
        for (from, to, sentence) in [
            ("12,\"n_head\"", "0,\"n_head\"", "n_layer is 0, must be a whole number from 1 to 256"),
            ("768", "770", "n_embd 770 must be a multiple of n_head 12"),
            ("50257", "1.5", "vocab_size is 1.5, must be a whole number from 1 to 1048576"),
            ("\"n_head\":12,", "", "n_head is missing, must be a whole number from 1 to 256"),
            (
                "\"task\":\"x\"",
                "\"model_type\":\"llama\"",
                "model_type is \"llama\", must be \"gpt2\"; give a GPT-2 model",
            ),
            ("\"task\":\"x\"", "\"layer_norm_epsilon\":0", "layer_norm_epsilon is 0, must be a number between 0 and 1"),
            ("\"task\":\"x\"", "\"n_inner\":7", "n_inner is 7, must be null or four times n_embd"),
            (
                "\"task\":\"x\"",
                "\"activation_function\":\"relu\"",
                "activation_function is \"relu\", must be \"gelu_new\", as in GPT-2",
            ),
            (
                "\"task\":\"x\"",
                "\"tie_word_embeddings\":false",
                "tie_word_embeddings is false, must be true, as in GPT-2",
            ),
        ] {
            let error = Config::from_text(&GPT2.replacen(from, to, 1)).expect_err(sentence);
            assert_eq!(error.to_string(), format!("config.json: {sentence}"));
        }
        assert!(Config::from_text("[]").is_err() && Config::from_text("{").is_err());
    }
}
