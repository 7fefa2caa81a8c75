//! Preferences in JSON lines: all three forms are read, and a wrong line is named.
#![cfg(all(feature = "lm", not(target_arch = "wasm32")))]

#[path = "common/files.rs"]
mod files;

use files::{is_plain, trained};
use proptest::prelude::*;
use serde_json::json;
use typo_lab::lm::pairs::{self, Pair, Parts};

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
