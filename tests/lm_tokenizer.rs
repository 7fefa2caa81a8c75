//! Tokenizers: what Hugging Face encodes is encoded alike, what is written comes back, and no file brings a panic.
#![cfg(all(feature = "lm", not(target_arch = "wasm32")))]

#[path = "common/files.rs"]
mod files;

use std::collections::BTreeMap;

use files::{fixture, is_plain, trained};
use proptest::prelude::*;
use serde_json::{Value, json};
use typo_lab::lm::tokenizer::split::{Class, class, words};
use typo_lab::lm::tokenizer::{END_OF_TEXT, Tokenizer};

fn assert_encodes(tokenizer: &Tokenizer, text: &str, ids: &[u32]) {
    assert_eq!(tokenizer.encode(text), ids, "{text:?}");
    assert_eq!(tokenizer.decode(ids), text);
}

#[test]
fn ten_thousand_strings_encode_as_by_hugging_face() {
    let from_one = trained();
    let from_two = Tokenizer::from_vocab_and_merges(&fixture("vocab.json"), &fixture("merges.txt")).expect("two files");
    let strings = String::from_utf8(fixture("strings.jsonl")).expect("UTF-8");
    let mut count = 0;
    for line in strings.split_terminator('\n') {
        let (text, ids): (String, Vec<u32>) = serde_json::from_str(line).expect("a string and its numbers");
        assert_encodes(&from_one, &text, &ids);
        assert_encodes(&from_two, &text, &ids);
        count += 1;
    }
    assert_eq!(count, 10_000);
}

#[test]
fn only_pairs_that_were_learnt_are_joined() {
    let order: Value = serde_json::from_slice(&fixture("order.json")).expect("JSON");
    let tokenizer = Tokenizer::from_json(order["tokenizer"].to_string().as_bytes()).expect("a tokenizer");
    let cases: Vec<(String, Vec<u32>)> = serde_json::from_value(order["strings"].clone()).expect("cases");
    assert!(cases.len() > 1000);
    for (text, ids) in cases {
        assert_encodes(&tokenizer, &text, &ids);
    }
}

#[test]
fn every_scalar_value_has_the_class_that_hugging_face_gives_it() {
    let runs: BTreeMap<String, Vec<u32>> = serde_json::from_slice(&fixture("classes.json")).expect("JSON");
    let mut count = 0;
    for (name, kind) in
        [("letter", Class::Letter), ("number", Class::Number), ("space", Class::Space), ("other", Class::Other)]
    {
        for run in runs[name].as_chunks::<2>().0 {
            // A run may pass over the surrogates, which are no scalar values.
            for c in (run[0]..run[0] + run[1]).filter_map(char::from_u32) {
                assert_eq!(class(c), kind, "{c:?}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 0x11_0000 - 0x800);
}

#[test]
fn a_tokenizer_comes_back_from_both_of_its_forms() {
    let tokenizer = trained();
    let json = tokenizer.to_json();
    let (vocab, merges) = tokenizer.to_vocab_and_merges();
    // Both are Hugging Face's own, to the last value.
    let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
    assert_eq!(value(json.as_bytes())["model"], value(&fixture("tokenizer.json"))["model"]);
    assert_eq!(value(json.as_bytes())["added_tokens"], value(&fixture("tokenizer.json"))["added_tokens"]);
    assert_eq!(value(vocab.as_bytes()), value(&fixture("vocab.json")));
    assert_eq!(merges.as_bytes(), fixture("merges.txt"));
    for again in
        [Tokenizer::from_json(json.as_bytes()), Tokenizer::from_vocab_and_merges(vocab.as_bytes(), merges.as_bytes())]
    {
        assert_eq!(again.expect("its own files").to_json(), json);
    }
}

#[test]
fn special_tokens_are_known_by_their_text() {
    let tokenizer = trained();
    let end = tokenizer.special(END_OF_TEXT).expect("an end of text");
    assert!(tokenizer.is_special(end) && !tokenizer.is_special(tokenizer.encode("a")[0]));
    assert_eq!(tokenizer.special("<|none|>"), None);
    assert_eq!(tokenizer.encode("a<|endoftext|>").last(), Some(&end));
    assert_eq!(tokenizer.bytes(end), Some(END_OF_TEXT.as_bytes()));
    assert_eq!(tokenizer.vocabulary(), 2000);
    assert_eq!(tokenizer.bytes(2000), None);
}

#[test]
fn bytes_that_are_no_text_and_unknown_numbers_show_as_replacement() {
    let tokenizer = trained();
    let e_acute = tokenizer.encode("\u{10ffff}");
    assert_eq!(tokenizer.decode(&e_acute[..1]), "\u{fffd}");
    assert_eq!(tokenizer.decode(&[u32::MAX, tokenizer.encode("a")[0]]), "\u{fffd}a");
}

#[test]
fn a_million_letters_in_one_word_are_encoded_at_once() {
    let text = "ab".repeat(500_000);
    let tokenizer = trained();
    let begun = std::time::Instant::now();
    assert_eq!(tokenizer.decode(&tokenizer.encode(&text)), text);
    // Quadratic time would take hours.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

/// The trained tokenizer's file with one value changed, by JSON pointer.
fn changed(pointer: &str, value: Value) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(&fixture("tokenizer.json")).expect("JSON");
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    json.pointer_mut(parent).expect("a parent").as_object_mut().expect("an object").insert(name.to_owned(), value);
    json.to_string().into_bytes()
}

#[test]
fn tokenizer_files_that_mean_something_else_are_refused() {
    let added = |content: &str, id: u32| json!([{ "id": id, "content": content, "special": true }]);
    let many: Vec<Value> = (0..300).map(|k| json!({ "id": 3000 + k, "content": format!("<{k}>") })).collect();
    let cases = [
        (changed("/normalizer", json!({ "type": "NFC" })), "has a normalizer"),
        (changed("/pre_tokenizer", Value::Null), "has no pre_tokenizer"),
        (changed("/pre_tokenizer/type", json!("Metaspace")), "has a pre_tokenizer \"Metaspace\""),
        (changed("/pre_tokenizer/add_prefix_space", json!(true)), "add_prefix_space"),
        (changed("/pre_tokenizer/use_regex", json!(false)), "use_regex"),
        (changed("/decoder/type", json!("WordPiece")), "has a decoder \"WordPiece\""),
        (changed("/model/type", json!("Unigram")), "of type \"Unigram\""),
        (changed("/model/dropout", json!(0.1)), "dropout"),
        (changed("/model/end_of_word_suffix", json!("</w>")), "prefix or suffix"),
        (changed("/model/ignore_merges", json!(true)), "ignore_merges"),
        (changed("/model/merges", json!([["a"]])), "cannot be read"),
        (changed("/model/merges", json!([["a", "n", "i"]])), "cannot be read"),
        (changed("/model/merges", json!([7])), "expected a merge of two tokens"),
        (changed("/model/merges", json!(["ab"])), "merge 0 is"),
        (changed("/model/merges", json!([["zz", "zz"]])), "merge 0: needs the token \"zz\""),
        (changed("/model/merges", json!([["a", "n"], ["a", "n"]])), "repeats \"a n\""),
        (changed("/model/vocab/one two", json!(5000)), "stands for no bytes"),
        (changed("/model/vocab/aaaaaa", json!(7)), "twice"),
        (changed("/model/vocab/aaaaaa", json!(1u32 << 18)), "numbers must be below 262144"),
        (changed("/model/vocab/aaaaaa", json!(-1)), "cannot be read"),
        (changed("/model/vocab", json!([1, 2])), "cannot be read"),
        (changed("/added_tokens", added("", 5000)), "special token of 0 bytes"),
        (changed("/added_tokens", added(&"<".repeat(129), 5000)), "special token of 129 bytes"),
        (changed("/added_tokens", added("<|pad|>", 5000)), "it needs one"),
        (changed("/added_tokens", added("Ġ", 222)), "as special and for other bytes"),
        (changed("/added_tokens", json!(many)), "more than 256 special tokens"),
        (changed("/added_tokens", json!([{ "id": 0, "content": "<|endoftext|>", "lstrip": true }])), "lstrip"),
        (b"{".to_vec(), "cannot be read"),
        (b"\xff".to_vec(), "is not UTF-8 text at byte 0"),
        ("[".repeat(1_000_000).into_bytes(), "cannot be read"),
        (vec![b' '; 17 << 20], "at most 16777216 are allowed"),
    ];
    for (bytes, said) in cases {
        let error = Tokenizer::from_json(&bytes).expect_err(said);
        assert!(is_plain(&error) && error.to_string().contains(said), "{said:?} is not in {error}");
    }
}

#[test]
fn older_files_write_a_merge_as_one_text() {
    let json: Value = serde_json::from_slice(&fixture("tokenizer.json")).expect("JSON");
    let pairs: Vec<(String, String)> = serde_json::from_value(json["model"]["merges"].clone()).expect("pairs");
    let lines: Vec<String> = pairs.iter().map(|(left, right)| format!("{left} {right}")).collect();
    let older = Tokenizer::from_json(&changed("/model/merges", json!(lines))).expect("the older form");
    assert_eq!(older.to_json(), trained().to_json());
}

#[test]
fn vocabularies_and_merges_are_refused_by_line() {
    let refused = |vocab: &[u8], merges: &[u8]| {
        let error = Tokenizer::from_vocab_and_merges(vocab, merges).expect_err("a refusal");
        assert!(is_plain(&error), "{error}");
        error.to_string()
    };
    let vocab = fixture("vocab.json");
    assert!(refused(&vocab, b"#version: 0.2\na n\nab\n").contains("merges.txt line 3: is \"ab\""));
    assert!(refused(&vocab, b"a n i\n").contains("merges.txt line 1: is \"a n i\""));
    assert!(refused(&vocab, b"a n\r\n\r\nqz q\r\n").contains("merges.txt line 3: needs the token \"qz\""));
    assert!(refused(b"{\"a\":0}", b"").contains("vocab.json: lacks a token for the byte 0x00"));
    assert!(refused(&vocab, b"\xff").contains("merges.txt: is not UTF-8"));
    assert!(refused(b"{\"a\":0,\"a\":1}", b"").contains("vocab.json: has the token \"a\" or the number 1 twice"));
    assert!(refused(&vocab, &b"a n\n".repeat((1 << 18) + 1)).contains("more than 262144 merges"));
}

proptest! {
    #[test]
    fn every_text_comes_back_from_its_tokens(text in "\\PC*|[ '\\n<|>a-f\\u{1f000}-\\u{1ffff}]*|(?s).*") {
        let tokenizer = trained();
        let ids = tokenizer.encode(&text);
        prop_assert_eq!(tokenizer.decode(&ids), text.clone());
        prop_assert_eq!(words(&text).collect::<String>(), text);
    }

    #[test]
    fn damaged_tokenizer_files_bring_a_sentence_or_a_tokenizer(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4), which in 0..3usize, cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(), text in "\\PC{0,20}",
    ) {
        let mut files = [fixture("tokenizer.json"), fixture("vocab.json"), fixture("merges.txt")];
        for (at, bit) in flips {
            let k = at.index(files[which].len());
            files[which][k] ^= 1 << bit;
        }
        if is_cut {
            let k = cut.index(files[which].len());
            files[which].truncate(k);
        }
        let read = if which == 0 { Tokenizer::from_json(&files[0]) } else { Tokenizer::from_vocab_and_merges(&files[1], &files[2]) };
        match read {
            Ok(tokenizer) => prop_assert_eq!(tokenizer.decode(&tokenizer.encode(&text)), text),
            Err(error) => prop_assert!(is_plain(&error), "{}", error),
        }
    }
}
