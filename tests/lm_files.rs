//! The language model's files: what is written comes back, what Hugging Face encodes is encoded alike, and no file brings a panic.
#![cfg(all(feature = "lm", not(target_arch = "wasm32")))]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use half::{bf16, f16};
use proptest::prelude::*;
use serde_json::{Value, json};
use typo_lab::lm::file_error::FileError;
use typo_lab::lm::pairs::{self, Pair, Parts};
use typo_lab::lm::tokenizer::split::{Class, class, words};
use typo_lab::lm::tokenizer::{END_OF_TEXT, Tokenizer};
use typo_lab::lm::weights::{self, Precision, Tensor, Weights};

fn fixture(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lm/tokenizer").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn trained() -> Tokenizer {
    Tokenizer::from_json(&fixture("tokenizer.json")).expect("the trained tokenizer")
}

/// A message is one short line that begins with a place.
fn is_plain(error: &FileError) -> bool {
    let line = error.to_string();
    !error.place.is_empty() && line.chars().count() < 600 && !line.chars().any(char::is_control)
}

// ---- Weights ----

fn tensor(shape: &[usize], data: &[f32]) -> Tensor {
    Tensor { shape: shape.to_vec(), data: data.to_vec() }
}

fn small() -> Weights {
    Weights::from([
        ("wte.weight".to_owned(), tensor(&[3, 2], &[0.5, -1.0, 2.0, 0.0, 1e-3, 65_504.0])),
        ("h.0.ln_1.bias".to_owned(), tensor(&[2], &[-0.25, 3.0])),
        ("scale".to_owned(), tensor(&[], &[7.0])),
    ])
}

/// A file from any header, with its length told truly.
fn file(header: &str, values: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), values].concat()
}

fn of_json(header: &Value, values: &[u8]) -> Vec<u8> {
    file(&header.to_string(), values)
}

fn refusal(bytes: &[u8]) -> String {
    let error = weights::read(bytes).expect_err("a refusal");
    assert!(is_plain(&error), "{error}");
    error.to_string()
}

#[test]
fn weights_come_back_exactly_in_f32_and_rounded_in_16_bits() {
    let written = |p| weights::read(&weights::write(&small(), p).expect("written")).expect("read");
    assert_eq!(written(Precision::F32), small());
    let rounded = |round: fn(f32) -> f32| {
        let round = |t: Tensor| Tensor { data: t.data.iter().map(|v| round(*v)).collect(), ..t };
        small().into_iter().map(|(name, t)| (name, round(t))).collect::<Weights>()
    };
    assert_eq!(written(Precision::F16), rounded(|v| f16::from_f32(v).to_f32()));
    assert_eq!(written(Precision::Bf16), rounded(|v| bf16::from_f32(v).to_f32()));
}

#[test]
fn a_file_is_laid_out_as_the_format_says() {
    let bytes = weights::write(&small(), Precision::F32).expect("written");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
    assert_eq!(header["__metadata__"]["format"], "pt");
    assert_eq!(header["wte.weight"]["dtype"], "F32");
    assert_eq!(header["wte.weight"]["shape"], json!([3, 2]));
    assert_eq!(bytes.len(), 8 + length + 4 * 9);
}

#[test]
fn names_come_with_or_without_the_prefix_and_masks_and_tied_heads_go() {
    let info =
        |from: usize, n: usize| json!({ "dtype": "F32", "shape": [n], "data_offsets": [4 * from, 4 * (from + n)] });
    let mask = json!({ "dtype": "U8", "shape": [1, 1, 2, 2], "data_offsets": [16, 20] });
    let values: Vec<u8> = [1.5f32, 2.5, 1.5, 2.5].iter().flat_map(|v| v.to_le_bytes()).chain([1, 0, 1, 1]).collect();
    let header = json!({ "transformer.wte.weight": info(0, 2), "lm_head.weight": info(2, 2), "transformer.h.0.attn.bias": mask });
    let read = weights::read(&of_json(&header, &values)).expect("read");
    assert_eq!(read, Weights::from([("wte.weight".to_owned(), tensor(&[2], &[1.5, 2.5]))]));

    let twice = json!({ "transformer.wte.weight": info(0, 2), "wte.weight": info(2, 2) });
    assert!(refusal(&of_json(&twice, &values[..16])).contains("both with and without"));
    let untied = json!({ "wte.weight": info(0, 2), "lm_head.weight": info(1, 2) });
    assert!(refusal(&of_json(&untied, &values[..12])).contains("invalid offset"));
    let untied = json!({ "wte.weight": info(0, 2), "lm_head.weight": info(2, 2) });
    let other: Vec<u8> = [1.5f32, 2.5, 1.5, 3.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert!(refusal(&of_json(&untied, &other)).contains("head is tied"));
}

#[test]
fn names_and_shapes_are_checked_against_a_model() {
    let mut expected: BTreeMap<_, _> = small().into_iter().map(|(name, t)| (name, t.shape)).collect();
    assert_eq!(weights::check_names_and_shapes(&small(), &expected), Ok(()));
    let wrong = |expected: &_| weights::check_names_and_shapes(&small(), expected).expect_err("a refusal").to_string();
    expected.insert("wte.weight".to_owned(), vec![2, 3]);
    assert!(wrong(&expected).contains("wte.weight: has shape [3, 2], config.json asks for [2, 3]"));
    expected.remove("wte.weight");
    assert!(wrong(&expected).contains("wte.weight: is no tensor"));
    expected.insert("wpe.weight".to_owned(), vec![4, 2]);
    assert!(wrong(&expected).contains("lacks wpe.weight, of shape [4, 2]"));
}

#[test]
fn hostile_headers_are_refused_in_a_sentence() {
    let one = |dtype: &str, shape: Value, offsets: Value| json!({ "a": { "dtype": dtype, "shape": shape, "data_offsets": offsets } });
    let huge = usize::MAX / 8;
    // The end of the last one, the header and its length come to more than a number holds.
    let extent = 1u64 << 60;
    let vast: serde_json::Map<_, _> = (0..16)
        .map(|k| {
            let (start, n) = (k * extent, if k == 15 { extent - 8 } else { extent });
            (format!("t{k}"), json!({ "dtype": "U8", "shape": [n], "data_offsets": [start, start + n] }))
        })
        .collect();
    let cases = [
        (Vec::new(), "no safetensors file is so short"),
        (vec![0; 7], "no safetensors file is so short"),
        (u64::MAX.to_le_bytes().to_vec(), "at most 1048576 are allowed"),
        ([&(1u64 << 20).to_le_bytes()[..], b"{}"].concat(), "cut short"),
        (file("", b""), "header that cannot be used"),
        (file("[1,2]", b""), "header that cannot be used"),
        (file("{\"a\":", b""), "header that cannot be used"),
        (file(&"[".repeat(100_000), b""), "header that cannot be used"),
        (file("{\"\u{0}\u{1}\n", b""), "header that cannot be used"),
        (of_json(&one("F32", json!([1]), json!([0, 8])), &[0; 8]), "header that cannot be used"),
        (of_json(&one("F32", json!([2]), json!([0, 8])), &[0; 4]), "has 4 bytes of values, its header tells of 8"),
        (of_json(&one("F32", json!([1]), json!([0, 4])), &[0; 9]), "has 9 bytes of values, its header tells of 4"),
        (of_json(&one("F32", json!([1]), json!([4, 0])), &[0; 4]), "header that cannot be used"),
        (of_json(&one("F32", json!([-1]), json!([0, 4])), &[0; 4]), "header that cannot be used"),
        (of_json(&one("F32", json!([1.5]), json!([0, 4])), &[0; 4]), "header that cannot be used"),
        (
            file("{\"a\":{\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,4]}}", &[0; 4]),
            "header that cannot be used",
        ),
        (
            file("{\"a\":{\"dtype\":\"F32\",\"shape\":[1e400],\"data_offsets\":[0,4]}}", &[0; 4]),
            "header that cannot be used",
        ),
        (of_json(&one("F32", json!([huge, 9]), json!([0, 4])), &[0; 4]), "header that cannot be used"),
        (of_json(&one("F32", json!([0, huge]), json!([0, 0])), &[]), "which holds nothing"),
        (of_json(&one("F32", json!([1, 1, 1, 1, 1]), json!([0, 4])), &[0; 4]), "at most 4 are allowed"),
        (of_json(&one("F64", json!([1]), json!([0, 8])), &[0; 8]), "is stored as F64, must be F32, F16 or BF16"),
        (of_json(&one("Q4", json!([1]), json!([0, 8])), &[0; 8]), "header that cannot be used"),
        (of_json(&one("F32", json!([1]), json!([0, 4])), &f32::NAN.to_le_bytes()), "a: holds NaN at place 0"),
        (of_json(&one("F16", json!([2]), json!([0, 4])), &[0, 0, 0, 0x7c]), "a: holds inf at place 1"),
        (of_json(&Value::Object(vast), &[]), "its header tells of 18446744073709551608"),
    ];
    for (bytes, said) in cases {
        let line = refusal(&bytes);
        assert!(line.contains(said), "{said:?} is not in {line:?}");
    }
}

#[test]
fn overlapping_and_gapped_places_are_refused() {
    let two = |a: [usize; 2], b: [usize; 2]| {
        let info = |p: [usize; 2]| json!({ "dtype": "F32", "shape": [(p[1] - p[0]) / 4], "data_offsets": p });
        json!({ "a": info(a), "b": info(b) })
    };
    assert!(weights::read(&of_json(&two([0, 8], [8, 12]), &[0; 12])).is_ok());
    for (a, b) in [([0, 8], [4, 12]), ([0, 4], [8, 12]), ([4, 8], [8, 12]), ([0, 12], [0, 12])] {
        assert!(refusal(&of_json(&two(a, b), &[0; 12])).contains("offset"), "{a:?} {b:?}");
    }
}

#[test]
fn more_tensors_or_numbers_than_allowed_are_refused_before_anything_is_allocated() {
    let many: serde_json::Map<_, _> = (0..=weights::limit::TENSORS)
        .map(|k| (format!("t{k}"), json!({ "dtype": "F32", "shape": [1], "data_offsets": [4 * k, 4 * k + 4] })))
        .collect();
    let values = vec![0; 4 * many.len()];
    assert!(refusal(&of_json(&Value::Object(many), &values)).contains("has 4097 tensors, at most 4096 are allowed"));
    // A type of half a byte a number asks for the most memory a byte of the file.
    let n = weights::limit::ELEMENTS + 2;
    let dense = json!({ "a": { "dtype": "F4", "shape": [n], "data_offsets": [0, n / 2] } });
    assert!(refusal(&of_json(&dense, &vec![0; n / 2])).contains("more than 536870912 numbers"));
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let refused = |t: Tensor, p| {
        let error = weights::write(&Weights::from([("a".to_owned(), t)]), p).expect_err("a refusal");
        assert!(is_plain(&error), "{error}");
        error.to_string()
    };
    assert!(refused(tensor(&[2], &[1.0]), Precision::F32).contains("has 1 numbers"));
    assert!(refused(tensor(&[1], &[f32::NAN]), Precision::Bf16).contains("training diverged"));
    assert!(refused(tensor(&[1], &[1e6]), Precision::F16).contains("more than F16 can store"));
    assert!(refused(tensor(&[0], &[]), Precision::F32).contains("holds nothing"));
    assert!(refused(tensor(&[usize::MAX, 2], &[]), Precision::F32).contains("takes others"));
}

fn any_weights() -> impl Strategy<Value = Weights> {
    let extents = prop::collection::vec(1usize..5, 0..4);
    let one = extents.prop_flat_map(|shape| {
        let n = shape.iter().product::<usize>();
        prop::collection::vec(-60_000.0f32..60_000.0, n).prop_map(move |data| Tensor { shape: shape.clone(), data })
    });
    prop::collection::btree_map("[a-z0-9_. é\"\\\\]{1,12}", one, 0..6)
        .prop_filter("names that are read as something else", |all| {
            !all.keys().any(|n| n == "__metadata__" || n.starts_with("transformer.") || n.ends_with(".attn.bias"))
        })
}

proptest! {
    #[test]
    fn any_weights_come_back(all in any_weights(), p in prop::sample::select(Precision::ALL.to_vec())) {
        let once = weights::read(&weights::write(&all, p).expect("written")).expect("read");
        prop_assert_eq!(once.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
        // The second time everything is representable, so that not a bit may change.
        let twice = weights::read(&weights::write(&once, p).expect("written")).expect("read");
        prop_assert_eq!(&twice, &once);
        if p == Precision::F32 {
            prop_assert_eq!(&once, &all);
        }
    }

    #[test]
    fn damaged_weights_bring_a_sentence_or_weights(
        all in any_weights(), flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 0..6), cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = weights::write(&all, Precision::F32).expect("written");
        for (at, bit) in flips {
            let k = at.index(bytes.len());
            bytes[k] ^= 1 << bit;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
            prop_assert!(weights::read(&bytes).is_err());
        }
        match weights::read(&bytes) {
            Ok(read) => prop_assert!(read.values().all(|t| t.shape.iter().product::<usize>() == t.data.len())),
            Err(error) => prop_assert!(is_plain(&error), "{}", error),
        }
    }

    #[test]
    fn any_header_brings_a_sentence_or_weights(header in ".{0,60}", values in prop::collection::vec(any::<u8>(), 0..16)) {
        if let Err(error) = weights::read(&file(&header, &values)) {
            prop_assert!(is_plain(&error), "{}", error);
        }
    }
}

// ---- Tokenizer ----

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

// ---- Preferences ----

fn texts(prompt: &str, chosen: &str, rejected: &str) -> Pair {
    Pair::Text(Parts { prompt: prompt.to_owned(), chosen: chosen.to_owned(), rejected: rejected.to_owned() })
}

#[test]
fn all_three_forms_of_a_preference_are_read() {
    let ids = Pair::Ids(Parts { prompt: vec![1, 2], chosen: vec![3], rejected: vec![4, 5] });
    let lines = [
        "{\"prompt\":\"Hi\",\"chosen\":\" there\",\"rejected\":\" é\\u0000\",\"score\":0.5}",
        "",
        "{\"prompt_ids\":[1,2],\"chosen_ids\":[3],\"rejected_ids\":[4,5]}\r",
        "  \t",
        "{\"chosen\":\"\\n\\nHuman: A\\n\\nAssistant: B\\n\\nHuman: C\\n\\nAssistant: Yes\",\"rejected\":\"\\n\\nHuman: A\\n\\nAssistant: B\\n\\nHuman: C\\n\\nAssistant: You\"}",
        "{\"chosen\":\"\\n\\nHuman: A\\n\\nAssistant: é\",\"rejected\":\"\\n\\nHuman: A\\n\\nAssistant: è\"}",
    ];
    let expected = [
        texts("Hi", " there", " é\0"),
        ids,
        texts("\n\nHuman: A\n\nAssistant: B\n\nHuman: C\n\nAssistant:", " Yes", " You"),
        texts("\n\nHuman: A\n\nAssistant:", " é", " è"),
    ];
    assert_eq!(pairs::read(lines.join("\n").as_bytes()).expect("pairs"), expected);
    assert_eq!(pairs::read(format!("\u{feff}{}\n", lines[0]).as_bytes()).expect("a byte order mark"), expected[..1]);
}

#[test]
fn a_wrong_line_is_named_with_what_to_do() {
    let cases: [(&str, &str); 16] = [
        ("{\"prompt\":\"a\",\"chosen\":\"b\"}", "has no rejected"),
        ("{\"prompt\":\"a\",\"rejected\":\"b\"}", "has no chosen"),
        ("{\"chosen_ids\":[1],\"rejected_ids\":[2]}", "has no prompt_ids"),
        ("{\"prompt_ids\":[1],\"rejected_ids\":[2]}", "has no chosen_ids"),
        ("{\"prompt_ids\":[1],\"chosen_ids\":[2]}", "has no rejected_ids"),
        ("{\"prompt\":\"a\",\"chosen_ids\":[1],\"rejected_ids\":[2]}", "texts and token numbers"),
        ("{\"prompt\":\"a\",\"chosen\":\"\",\"rejected\":\"b\"}", "an empty chosen"),
        ("{\"prompt_ids\":[],\"chosen_ids\":[1],\"rejected_ids\":[]}", "an empty rejected"),
        ("{\"chosen\":\"Human: a\",\"rejected\":\"Human: b\"}", "has no prompt"),
        ("{\"chosen\":\"\\n\\nAssistant: a\",\"rejected\":\"\\n\\nAssistant:\"}", "an empty rejected"),
        ("{\"prompt\":\"a\",\"chosen\":[{\"role\":\"user\"}],\"rejected\":\"b\"}", "expected a string"),
        ("{\"prompt_ids\":[-1],\"chosen_ids\":[1],\"rejected_ids\":[2]}", "expected u32"),
        ("{\"prompt_ids\":[1.5],\"chosen_ids\":[1],\"rejected_ids\":[2]}", "expected u32"),
        ("{\"text\":\"a\"}", "has no preference"),
        ("[{\"prompt\":\"a\"}]", "begins no JSON object"),
        ("{\"prompt\":\"\\ud800\",\"chosen\":\"a\",\"rejected\":\"b\"}", "is no preference"),
    ];
    for (line, said) in cases {
        let good = "{\"prompt\":\"a\",\"chosen\":\"b\",\"rejected\":\"c\"}";
        let error = pairs::read(format!("{good}\n\n{line}\n{good}").as_bytes()).expect_err(said);
        assert!(is_plain(&error) && error.to_string().contains(said), "{said:?} is not in {error}");
        assert_eq!(error.place, "line 3", "{error}");
        assert!(!error.message.contains("line 1"), "{error}");
    }
    let said = |bytes: &[u8]| pairs::read(bytes).expect_err("a refusal").to_string();
    assert!(said(b"{\"prompt\":\"\xff\"}").contains("line 1: is not UTF-8 text at byte 11"));
    assert!(said(b"\n \n").contains("hold no pair"));
    let long = format!("{{\"prompt\":\"{}\"}}", "a".repeat(pairs::limit::LINE_BYTES));
    assert!(said(long.as_bytes()).contains("at most 1048576 are allowed"));
}

#[test]
fn preferences_become_token_numbers() {
    let tokenizer = trained();
    let encoded = texts("Hello", " world", "!").ids(&tokenizer).expect("text");
    assert_eq!(encoded.chosen, tokenizer.encode(" world"));
    let ids = |token| Pair::Ids(Parts { prompt: vec![], chosen: vec![token], rejected: vec![1] });
    assert_eq!(ids(1999).ids(&tokenizer).expect("known").chosen, [1999]);
    let message = ids(2000).ids(&tokenizer).expect_err("unknown");
    assert_eq!(message, "chosen_ids has token 2000, the vocabulary has 2000");
}

proptest! {
    #[test]
    fn any_preference_comes_back(prompt in ".{0,20}", chosen in ".{1,20}", rejected in ".{1,20}", ids in prop::collection::vec(any::<u32>(), 1..9)) {
        let text = json!({ "prompt": prompt, "chosen": chosen, "rejected": rejected });
        let numbers = json!({ "prompt_ids": [], "chosen_ids": ids, "rejected_ids": ids });
        let read = pairs::read(format!("{text}\n{numbers}").as_bytes()).expect("pairs");
        prop_assert_eq!(&read[0], &texts(&prompt, &chosen, &rejected));
        prop_assert_eq!(&read[1], &Pair::Ids(Parts { prompt: vec![], chosen: ids.clone(), rejected: ids }));
    }

    #[test]
    fn a_transcript_is_cut_at_the_last_turn_that_both_share(turns in prop::collection::vec("[a-zé ]{0,8}", 1..5), a in "[b-z]{1,8}", b in "[b-z]{1,8}") {
        let shared: String = turns.iter().map(|t| format!("\n\nHuman: {t}\n\nAssistant:")).collect();
        let line = json!({ "chosen": format!("{shared} {a}"), "rejected": format!("{shared} {b}") });
        let read = pairs::read(line.to_string().as_bytes()).expect("a pair");
        prop_assert_eq!(&read[0], &texts(&shared, &format!(" {a}"), &format!(" {b}")));
    }

    #[test]
    fn any_bytes_bring_a_sentence_or_pairs(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = pairs::read(&bytes) {
            prop_assert!(is_plain(&error), "{}", error);
        }
    }
}
