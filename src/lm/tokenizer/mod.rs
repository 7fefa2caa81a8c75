//! GPT-2's byte-level byte-pair encoding.
//!
//! Text is cut at special tokens, then into words by GPT-2's pattern ([`split`]); the bytes of each word are joined pair by pair, the
//! pair that the vocabulary learnt first before all others and, among equals, the leftmost. Numbers equal those of Hugging Face's
//! `tokenizers` (`tests/lm/tokenizer.py`), and as every byte is a token, decoding gives back every text.

mod alphabet;
mod files;
mod learn;
mod letters;
pub mod split;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

pub use files::limit;

/// A vocabulary and its merges.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    /// A token's bytes by its number; `None` where the numbering has a gap.
    tokens: Vec<Option<Vec<u8>>>,
    /// The token of each single byte.
    bytes: [u32; 256],
    /// What a pair becomes, and how early it was learnt.
    merges: HashMap<(u32, u32), Merge>,
    /// Found in the text before anything else; longest first.
    specials: Vec<Special>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Merge {
    rank: u32,
    token: u32,
}

#[derive(Debug, Clone, PartialEq)]
struct Special {
    text: String,
    token: u32,
}

/// The token that ends a text in GPT-2's own vocabulary.
pub const END_OF_TEXT: &str = "<|endoftext|>";

impl Tokenizer {
    /// One more than the largest token number: what a model's vocabulary must at least be.
    pub fn vocabulary(&self) -> usize {
        self.tokens.len()
    }

    /// The token that ends a text, where there is one.
    pub fn end(&self) -> Option<u32> {
        self.special(END_OF_TEXT)
    }

    /// The number of a special token.
    pub fn special(&self, text: &str) -> Option<u32> {
        self.specials.iter().find(|s| s.text == text).map(|s| s.token)
    }

    /// Whether a token is one that only its own text stands for.
    pub fn is_special(&self, token: u32) -> bool {
        self.specials.iter().any(|s| s.token == token)
    }

    /// A token's bytes, which need not be whole characters; `None` for a number that stands for nothing.
    pub fn bytes(&self, token: u32) -> Option<&[u8]> {
        self.tokens.get(token as usize)?.as_deref()
    }

    /// A text's token numbers. Special tokens are recognised where they stand; nothing is put around the text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        let mut start = 0;
        let mut at = 0;
        while at < text.len() {
            if let Some(special) = self.specials.iter().find(|s| text.as_bytes()[at..].starts_with(s.text.as_bytes())) {
                self.encode_plain(&text[start..at], &mut ids);
                ids.push(special.token);
                at += special.text.len();
                start = at;
            } else {
                at += 1;
            }
        }
        self.encode_plain(&text[start..], &mut ids);
        ids
    }

    fn encode_plain(&self, text: &str, ids: &mut Vec<u32>) {
        for word in split::words(text) {
            self.encode_word(word.as_bytes(), ids);
        }
    }

    /// Joins a word's bytes. The word is a list linked both ways, in which joining two tokens takes the right one out; a queue holds
    /// every pair that may be joined, the earliest learnt first, then the leftmost. O(n log n) in the word's length.
    fn encode_word(&self, word: &[u8], ids: &mut Vec<u32>) {
        let mut symbols = Symbols::new(word.iter().map(|b| self.bytes[usize::from(*b)]));
        let mut queue = BinaryHeap::with_capacity(word.len());
        let offer = |queue: &mut BinaryHeap<_>, symbols: &Symbols, left: usize| {
            if let Some(pair) = symbols.pair(left)
                && let Some(merge) = self.merges.get(&pair)
            {
                queue.push(Reverse((merge.rank, left, pair, merge.token)));
            }
        };
        for left in 0..word.len() {
            offer(&mut queue, &symbols, left);
        }
        while let Some(Reverse((_, left, pair, token))) = queue.pop() {
            // Offers are not withdrawn when a neighbour takes one of their two; they no longer hold then.
            if symbols.pair(left) == Some(pair) {
                symbols.join(left, token);
                if let Some(before) = symbols.before(left) {
                    offer(&mut queue, &symbols, before);
                }
                offer(&mut queue, &symbols, left);
            }
        }
        ids.extend(symbols.remaining());
    }

    /// The text of token numbers. Bytes that are no UTF-8, and numbers that stand for nothing, show as U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let unknown = "\u{fffd}".as_bytes();
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.bytes(*id).unwrap_or(unknown)).copied().collect();
        String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
    }
}

/// A word's tokens while they are being joined.
struct Symbols {
    tokens: Vec<Option<u32>>,
    /// Where the next and the previous token stand that are still there; `len` and `usize::MAX` at the ends.
    next: Vec<usize>,
    before: Vec<usize>,
}

impl Symbols {
    fn new(tokens: impl Iterator<Item = u32>) -> Self {
        let tokens: Vec<_> = tokens.map(Some).collect();
        let next = (1..=tokens.len()).collect();
        let before = (0..tokens.len()).map(|k| k.wrapping_sub(1)).collect();
        Self { tokens, next, before }
    }

    /// The token at a place and the one after it.
    fn pair(&self, left: usize) -> Option<(u32, u32)> {
        let first = self.tokens[left]?;
        let second = (*self.tokens.get(self.next[left])?)?;
        Some((first, second))
    }

    fn before(&self, at: usize) -> Option<usize> {
        Some(self.before[at]).filter(|k| *k < self.tokens.len())
    }

    /// Puts `token` in place of the one at `left` and the one after it.
    fn join(&mut self, left: usize, token: u32) {
        let right = self.next[left];
        self.tokens[left] = Some(token);
        self.tokens[right] = None;
        self.next[left] = self.next[right];
        if let Some(before) = self.before.get_mut(self.next[right]) {
            *before = left;
        }
    }

    fn remaining(self) -> impl Iterator<Item = u32> {
        self.tokens.into_iter().flatten()
    }
}
