//! Files of weights: what is written comes back, and no file brings a panic.
#![cfg(all(feature = "lm", not(target_arch = "wasm32")))]

#[path = "common/files.rs"]
mod files;

use std::collections::BTreeMap;

use files::is_plain;
use half::{bf16, f16};
use proptest::prelude::*;
use serde_json::{Value, json};
use typo_lab::lm::weights::{self, Precision, Tensor, Weights};

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
