//! GPT-2's pattern, which cuts a text into words before any bytes are joined:
//! `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
//!
//! An ending such as `'s`; a run of letters, of numbers or of anything else with at most one space before it; white space, whose last
//! character is left to the word that follows.

use super::letters::{LETTERS, NUMBERS};

/// What the pattern tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Unicode's L.
    Letter,
    /// Unicode's N.
    Number,
    /// Unicode's White_Space.
    Space,
    /// Everything else.
    Other,
}

/// A character's class.
pub fn class(c: char) -> Class {
    let within = |runs: &[(u32, u32)]| {
        let after = runs.partition_point(|(first, _)| *first <= u32::from(c));
        after > 0 && u32::from(c) <= runs[after - 1].1
    };
    match c {
        _ if c.is_ascii_alphabetic() => Class::Letter,
        _ if c.is_ascii_digit() => Class::Number,
        _ if c.is_whitespace() => Class::Space,
        _ if c.is_ascii() => Class::Other,
        _ if within(&LETTERS) => Class::Letter,
        _ if within(&NUMBERS) => Class::Number,
        _ => Class::Other,
    }
}

const ENDINGS: [&str; 7] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];

/// A text's words, one after another; together they are the text.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, after) = rest.split_at(first_word(rest));
        rest = after;
        (!word.is_empty()).then_some(word)
    })
}

/// How many bytes the first word takes; 0 only for an empty text.
fn first_word(text: &str) -> usize {
    if let Some(ending) = ENDINGS.iter().find(|e| text.starts_with(**e)) {
        return ending.len();
    }
    let indent = usize::from(text.starts_with(' '));
    match text[indent..].chars().next().map(class) {
        None => indent,
        Some(Class::Space) => spaces(text),
        Some(kind) => indent + run(&text[indent..], kind),
    }
}

/// White space up to the end of the text, or all but its last character; that one alone where there is no other.
fn spaces(text: &str) -> usize {
    let all = run(text, Class::Space);
    let last = text[..all].chars().next_back().map_or(0, char::len_utf8);
    if all == text.len() || all == last { all } else { all - last }
}

/// How many bytes from the start are of one class.
fn run(text: &str, kind: Class) -> usize {
    text.find(|c| class(c) != kind).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_the_pattern_says() {
        let cut = |text| words(text).collect::<Vec<_>>();
        assert_eq!(cut("Hello world's  end"), ["Hello", " world", "'s", " ", " end"]);
        assert_eq!(cut("I'll 'll we'LL"), ["I", "'ll", " '", "ll", " we", "'", "LL"]);
        assert_eq!(cut("a1½ !?x"), ["a", "1½", " !?", "x"]);
        assert_eq!(cut("\n\nb\u{a0}c \u{3000}d  "), ["\n", "\n", "b", "\u{a0}", "c", " ", "\u{3000}", "d", "  "]);
        assert_eq!(cut(""), [""; 0]);
    }
}
