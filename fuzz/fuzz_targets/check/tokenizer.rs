//! Tokenizers: what is accepted gives a text back, and its own file makes the same one again.

use typo_lab::lm::file_error::FileError;
use typo_lab::lm::tokenizer::Tokenizer;

/// A text with every class of character and a special token.
const TEXT: &str = "a'll b1½ \u{3000}\n\né<|endoftext|>👍🏽 aa bb";

/// Any bytes as a tokenizer: its one file, or its two with a zero byte between. The search seldom writes all 256 bytes' tokens by
/// itself, so that they are put before a vocabulary that has none.
pub fn files(data: &[u8]) {
    holds(Tokenizer::from_json(data));
    if let Some(cut) = data.iter().position(|b| *b == 0) {
        let (vocab, merges) = (&data[..cut], &data[cut + 1..]);
        holds(Tokenizer::from_vocab_and_merges(vocab, merges));
        holds(Tokenizer::from_vocab_and_merges(&with_bytes(vocab), merges));
    }
}

fn holds(read: Result<Tokenizer, FileError>) {
    match read {
        Ok(tokenizer) => {
            assert_eq!(tokenizer.decode(&tokenizer.encode(TEXT)), TEXT);
            let again = Tokenizer::from_json(tokenizer.to_json().as_bytes()).expect("what was written can be read");
            assert_eq!(again.encode(TEXT), tokenizer.encode(TEXT));
        }
        Err(error) => assert!(!error.to_string().chars().any(char::is_control), "{error:?}"),
    }
}

/// The 256 bytes' tokens, numbered from 1,000, then a vocabulary's own.
fn with_bytes(vocab: &[u8]) -> Vec<u8> {
    let bytes: Vec<u32> = (33..127).chain(161..173).chain(174..256).chain(256..324).collect();
    let tokens = bytes.iter().enumerate().map(|(k, c)| format!("\"\\u{c:04x}\":{},", 1000 + k));
    let own = vocab.strip_prefix(b"{").unwrap_or(vocab);
    [b"{", tokens.collect::<String>().as_bytes(), own].concat()
}
