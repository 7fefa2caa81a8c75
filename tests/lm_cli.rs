//! `typo-lab lm` on the fixtures' models, as a user runs it.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lm/small")
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lm").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

/// The fixtures' two pairs as token numbers; `cases.json` holds the texts.
fn pairs(dir: &Path) -> PathBuf {
    let cases: Value = serde_json::from_slice(&fs::read(model().join("cases.json")).expect("cases")).expect("JSON");
    let ids = |k: usize, response: bool| {
        let text = &cases["sequences"][k];
        let prompt = text["prompt"].as_u64().expect("a length") as usize;
        let ids = text["ids"].as_array().expect("ids");
        if response { ids[prompt..].to_vec() } else { ids[..prompt].to_vec() }
    };
    let line = |k: usize| {
        json!({ "prompt_ids": ids(k, false), "chosen_ids": ids(k, true), "rejected_ids": ids(k + 1, true) }).to_string()
    };
    let path = dir.join("pairs.jsonl");
    fs::write(&path, format!("{}\n{}\n", line(0), line(2))).expect("written");
    path
}

fn lm(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_typo-lab"));
    command.arg("lm").args(arguments);
    // The numbers below are the CPU's, whatever GPU this machine has.
    if !arguments.contains(&"--device") {
        command.args(["--device", "cpu"]);
    }
    command.output().expect("a run")
}

fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

fn score(model: &Path, pairs: &Path) -> Vec<Value> {
    lines(&lm(&[
        "score",
        "--model",
        &model.to_string_lossy(),
        "--pairs",
        &pairs.to_string_lossy(),
        "--batch-size",
        "2",
    ]))
}

#[test]
fn scores_are_those_of_transformers() {
    let dir = folder("score");
    let scores = score(&model(), &pairs(&dir));
    // logp and counts of cases.json's texts, as fixtures.py computes them.
    let bytes = fs::read(model().join("expected.safetensors")).expect("expectations");
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let start = header["logp"]["data_offsets"][0].as_u64().expect("an offset") as usize;
    let counts = [9.0, 1.0, 4.0, 6.0];
    let names = ["chosen", "rejected"];
    for (k, count) in counts.into_iter().enumerate() {
        let at = 8 + length + start + 4 * k;
        let expected = f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
        let got = |name: String| scores[k / 2][name].as_f64().expect("a number");
        assert!((got(format!("logp_{}", names[k % 2])) / expected - 1.0).abs() < 1e-5);
        assert!((got(format!("mean_logp_{}", names[k % 2])) * count / expected - 1.0).abs() < 1e-5);
    }
}

#[test]
fn what_the_work_needs_is_told_before_it_starts() {
    let dir = folder("memory");
    let (model, pairs) = (model().to_string_lossy().into_owned(), pairs(&dir).to_string_lossy().into_owned());
    let files = ["--model", &model, "--pairs", &pairs];
    for arguments in [
        [&["score"], &files[..]].concat(),
        [&["align", "--loss", "typo", "--steps", "1", "--max-tokens", "2"], &files[..]].concat(),
        vec!["generate", "--model", &model, "--prompt-ids", "1,2", "--max-tokens", "2"],
    ] {
        let output = lm(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let told = said.lines().find_map(|line| line.strip_prefix("needs ")).expect(&said);
        let mib: u64 = told.split(' ').next().and_then(|n| n.parse().ok()).expect(told);
        assert!(mib > 0, "{arguments:?}: {told}");
    }
}

#[test]
fn every_loss_prints_a_line_a_step_and_saves_a_model_that_scores_otherwise() {
    let dir = folder("align");
    let pairs = pairs(&dir);
    let before = score(&model(), &pairs);
    for loss in ["sft", "dpo", "ipo", "f-dpo", "typo", "rlhf"] {
        let (from, data, to) = (model(), pairs.to_string_lossy(), dir.join(loss));
        let run = |steps: &str| {
            let options = ["--lambda", "0.2", "--learning-rate", "1e-3", "--batch-size", "2", "--max-tokens", "3"];
            let files = ["--model", &from.to_string_lossy(), "--pairs", &data, "--save", &to.to_string_lossy()];
            let head = ["align", "--loss", loss, "--steps", steps];
            lines(&lm(&[&head[..], &files[..], &options[..]].concat()))
        };
        let steps = run("3");
        assert_eq!(steps.iter().map(|s| s["step"].as_u64().expect("a number")).collect::<Vec<_>>(), [1, 2, 3]);
        for name in ["loss", "logp_chosen", "logp_rejected", "margin", "accuracy", "kl_ref", "tokens_per_sec"] {
            assert!(steps[2].get(name).is_some(), "{loss}: {name}");
        }
        if loss == "dpo" {
            assert!((steps[0]["loss"].as_f64().expect("a number") - std::f64::consts::LN_2).abs() < 1e-6);
            assert_eq!(steps[2]["accuracy"], json!(1.0));
        }
        assert_ne!(score(&to, &pairs), before, "{loss}");
        // The same seed, the same losses.
        assert_eq!(run("3")[2]["loss"], steps[2]["loss"], "{loss}");
    }
}

#[test]
fn a_gpu_trains_as_the_cpu_does_and_each_run_says_what_computes() {
    let dir = folder("device");
    let (model, pairs) = (model(), pairs(&dir));
    let run = |device: &str| {
        let files = ["align", "--model", &model.to_string_lossy(), "--pairs", &pairs.to_string_lossy()];
        lm(&[&files[..], &["--loss", "typo", "--steps", "5", "--max-tokens", "3", "--device", device]].concat())
    };
    // Drivers speak on standard error, too.
    let device = |output: &Output| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        said.lines().find_map(|line| line.strip_prefix("computes on ").map(str::to_owned)).expect(&said)
    };
    // Without any adapter, one in software included, this fails: .ci/setup.sh vulkan brings one.
    let (cpu, gpu, auto) = (run("cpu"), run("gpu"), run("auto"));
    assert_eq!(device(&cpu), "the CPU");
    assert_ne!(device(&gpu), "the CPU");
    assert!([device(&cpu), device(&gpu)].contains(&device(&auto)), "{}", device(&auto));
    for (one, other) in lines(&cpu).iter().zip(lines(&gpu)) {
        let close = |name: &str| {
            let [a, b] = [one, &other].map(|line| line[name].as_f64().expect("a number"));
            (a - b).abs() < 1e-3 * a.abs().max(1.0)
        };
        assert!(close("loss") && close("logp_chosen") && close("kl_ref"), "{one} {other}");
    }
}

#[test]
fn generation_follows_its_seed() {
    let draw = |seed: &str| {
        let model = model();
        let output = lm(&[
            "generate",
            "--model",
            &model.to_string_lossy(),
            "--prompt-ids",
            "1,2,3",
            "--seed",
            seed,
            "--temperature",
            "1.5",
        ]);
        assert!(output.status.success());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert_eq!(draw("1"), draw("1"));
    assert_ne!(draw("1"), draw("2"));
    assert_eq!(draw("1").trim().split(',').count(), 12 - 3);
}

#[test]
fn wrong_input_is_one_sentence_and_exit_2() {
    let dir = folder("wrong");
    let (pairs, model) = (pairs(&dir), model());
    let (pairs, model) = (pairs.to_string_lossy(), model.to_string_lossy());
    let long = dir.join("long.jsonl");
    fs::write(&long, json!({ "prompt_ids": [1], "chosen_ids": vec![2; 12], "rejected_ids": [2] }).to_string())
        .expect("written");
    let text = dir.join("text.jsonl");
    fs::write(&text, json!({ "prompt": "a", "chosen": "b", "rejected": "c" }).to_string()).expect("written");
    for (arguments, sentence) in [
        (vec!["score", "--model", &model, "--pairs", "missing.jsonl"], "missing.jsonl could not be read"),
        (vec!["score", "--model", "missing", "--pairs", &pairs], "config.json could not be read"),
        (
            vec!["score", "--model", &model, "--pairs", &text.to_string_lossy()],
            "neither tokenizer.json nor vocab.json and merges.txt",
        ),
        (
            vec!["score", "--model", &model, "--pairs", &long.to_string_lossy()],
            "texts of 13 tokens do not fit a model of 12 positions",
        ),
        (
            vec!["align", "--model", &model, "--pairs", &pairs, "--loss", "dpo", "--lambda", "0"],
            "must be a number above 0",
        ),
        (
            vec!["align", "--model", &model, "--pairs", &pairs, "--loss", "dpo", "--lambda", "-1"],
            "invalid value '-1' for '--lambda <LAMBDA>': must be a number above 0",
        ),
        (
            vec!["generate", "--model", &model, "--prompt-ids", "99"],
            "token 99 is not in the vocabulary, whose last is 30",
        ),
    ] {
        let output = lm(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(sentence) && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
}
