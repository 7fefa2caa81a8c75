//! A vocabulary learnt from texts, as GPT-2's was: of all pairs of neighbours the commonest becomes a token, again and again.

use std::collections::{BTreeMap, HashMap};

use super::{END_OF_TEXT, Merge, Special, Tokenizer, split};

/// A word of the texts, as far as its bytes are joined.
struct Word {
    tokens: Vec<u32>,
    count: u64,
}

impl Tokenizer {
    /// Learns until the vocabulary has `size` tokens, or no two stand side by side more than once. The bytes come first, in their order,
    /// then what was joined, [`END_OF_TEXT`] last. The same texts give the same vocabulary: of pairs as common, the one that was
    /// learnt from older tokens comes first.
    pub fn learn<'a>(texts: impl IntoIterator<Item = &'a str>, size: usize) -> Self {
        let mut words = words(texts);
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
        let mut merges = HashMap::new();
        while tokens.len() + 1 < size {
            let Some(pair) = commonest(&words) else { break };
            let joined = [tokens[pair.0 as usize].as_slice(), &tokens[pair.1 as usize]].concat();
            // Another pair may have made the same bytes before.
            let token = tokens.iter().position(|bytes| *bytes == joined).unwrap_or(tokens.len());
            if token == tokens.len() {
                tokens.push(joined);
            }
            merges.insert(pair, Merge { rank: merges.len() as u32, token: token as u32 });
            for word in &mut words {
                word.join(pair, token as u32);
            }
        }
        let end = Special { text: END_OF_TEXT.to_owned(), token: tokens.len() as u32 };
        tokens.push(END_OF_TEXT.into());
        let bytes = std::array::from_fn(|byte| byte as u32);
        Self { tokens: tokens.into_iter().map(Some).collect(), bytes, merges, specials: vec![end] }
    }
}

fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<Word> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for word in texts.into_iter().flat_map(split::words) {
        *counts.entry(word).or_default() += 1;
    }
    counts.into_iter().map(|(word, count)| Word { tokens: word.bytes().map(u32::from).collect(), count }).collect()
}

fn commonest(words: &[Word]) -> Option<(u32, u32)> {
    let mut counts: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for word in words {
        for pair in word.tokens.windows(2) {
            *counts.entry((pair[0], pair[1])).or_default() += word.count;
        }
    }
    let first = counts.into_iter().min_by_key(|(pair, count)| (std::cmp::Reverse(*count), *pair));
    first.filter(|(_, count)| *count > 1).map(|(pair, _)| pair)
}

impl Word {
    fn join(&mut self, (left, right): (u32, u32), token: u32) {
        let mut at = 0;
        while at + 1 < self.tokens.len() {
            if self.tokens[at..at + 2] == [left, right] {
                self.tokens.splice(at..at + 2, [token]);
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_pairs_become_tokens_until_none_comes_twice() {
        // "ab" comes five times; then " ab" and "abab" twice each, of which " ab" is older; then nothing more than once.
        let learnt = Tokenizer::learn(["abab abab ab"], 1000);
        assert_eq!(learnt.vocabulary(), 256 + 2 + 1);
        assert_eq!(learnt.encode("abab ab ba"), [256, 256, 257, 32, 98, 97]);
        assert_eq!(learnt.special(END_OF_TEXT), Some(258));
        assert_eq!(Tokenizer::learn(["abab abab ab"], 258).encode(" ab"), [32, 256]);
    }

    #[test]
    fn what_was_learnt_goes_through_both_kinds_of_file() {
        let text = "What is learnt, is learnt: what is read is read.";
        let learnt = Tokenizer::learn([text], 300);
        let json = Tokenizer::from_json(learnt.to_json().as_bytes()).expect("a tokenizer");
        let (vocab, merges) = learnt.to_vocab_and_merges();
        let two = Tokenizer::from_vocab_and_merges(vocab.as_bytes(), merges.as_bytes()).expect("a tokenizer");
        let ids = learnt.encode("What was read is learnt<|endoftext|>");
        assert_eq!(learnt.decode(&ids), "What was read is learnt<|endoftext|>");
        for read in [json, two] {
            assert_eq!(read.encode("What was read is learnt<|endoftext|>"), ids);
        }
    }
}
