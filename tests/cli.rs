//! The headless program as its users meet it: arguments, files, standard streams, exit status.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_typo-lab"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that refuses its arguments may have gone before it reads.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the program ends")
}

fn json(arguments: &[&str], input: &str) -> Value {
    let out = run(arguments, input);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON on standard output")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A file of this test's own, removed first.
fn scratch(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&path);
    path
}

#[test]
fn an_empty_experiment_is_the_figure_2_preset() {
    let preset = text(&run(&["preset", "figure-2"], "").stdout);
    assert_eq!(json(&["minimise", "-"], "{}"), json(&["minimise", "-"], &preset));
}

#[test]
fn minimise_gives_a_policy_and_its_distances_for_every_loss() {
    let found = json(&["minimise", "-"], r#"{"losses":[{"kind":"dpo","lambda":0.5},{"kind":"typo","lambda":0.1}]}"#);
    let dpo = &found["minimisers"][0];
    assert_eq!((dpo["loss"].as_str(), dpo["status"].as_str()), (Some("dpo"), Some("interior")));
    let pi: Vec<f64> = dpo["prompts"][0]["pi"].as_array().expect("a list").iter().filter_map(Value::as_f64).collect();
    // Equation (5) at λ = 1/2: π ∝ π_ref π*².
    let weights = [0.4 * 0.36, 0.4 * 0.09, 0.2 * 0.01];
    let total: f64 = weights.iter().sum();
    assert!(pi.iter().zip(weights).all(|(p, w)| (p - w / total).abs() < 1e-15));
    for name in ["log_pi", "kl_star", "kl_ref", "tv_star", "name"] {
        assert!(!dpo["prompts"][0][name].is_null(), "{name}");
    }
}

#[test]
fn a_minimiser_at_the_boundary_is_a_fact_and_not_a_failure() {
    let spec = text(&run(&["preset", "one-label"], "").stdout);
    let found = json(&["minimise", "-"], &spec);
    let dpo = &found["minimisers"][1];
    assert_eq!(dpo["status"], "boundary");
    assert_eq!(dpo["prompts"][0]["pi"], serde_json::json!([1.0, 0.0, 0.0]));
    assert_eq!(found["minimisers"][2]["status"], "interior", "IPO stays inside");
    assert_eq!(found["minimisers"][4]["status"], "interior", "TYPO stays inside");
}

#[test]
fn train_records_the_first_and_the_last_step() {
    let spec =
        r#"{"losses":[{"kind":"ipo","lambda":1}],"optimiser":{"steps":120,"record_every":50,"batch_size":null}}"#;
    let runs = json(&["train", "-"], spec);
    assert_eq!(runs["runs"][0]["steps"], serde_json::json!([0, 50, 100, 120]));
    assert_eq!(runs["runs"][0]["prompts"][0]["pi"].as_array().map(Vec::len), Some(4));
    assert_eq!(runs["runs"][0]["loss_value"].as_array().map(Vec::len), Some(4));
}

#[test]
fn sweep_and_verdict_have_the_contracted_shape() {
    let swept = json(&["sweep", "-"], r#"{"sweep":{"over":"alpha","from":0,"to":0.1,"points":5}}"#);
    assert_eq!(swept["sweep"]["over"], "alpha");
    assert_eq!(swept["sweep"]["values"].as_array().map(Vec::len), Some(5));
    assert_eq!(swept["series"][0]["prompts"][0]["kl_star"].as_array().map(Vec::len), Some(5));
    let verdicts = json(&["verdict", "-"], "{}");
    for name in ["preservation", "strong_interpolation", "weak_interpolation", "constraint_gap"] {
        let finding = &verdicts["verdicts"][4][name];
        assert!(finding["holds"].is_boolean() && finding["value"].is_number() && finding["why"].is_string(), "{name}");
    }
    assert_eq!(verdicts["verdicts"][4]["strong_interpolation"]["holds"], true, "TYPO");
    assert_eq!(verdicts["verdicts"][1]["strong_interpolation"]["holds"], false, "DPO");
    assert_eq!(verdicts["verdicts"][1]["weak_interpolation"]["holds"], true, "DPO");
    assert_eq!(verdicts["verdicts"][1]["preservation"]["holds"], false, "DPO");
    assert_eq!(verdicts["verdicts"][4]["preservation"]["holds"], true, "TYPO");
}

#[test]
fn tables_have_a_line_for_every_row() {
    let out = run(&["sweep", "-", "--format", "csv"], r#"{"losses":[{"kind":"dpo"}],"sweep":{"points":7}}"#);
    let table = text(&out.stdout);
    assert_eq!(table.lines().count(), 8);
    assert!(table.starts_with("loss,lambda,prompt,kl_star,pi_0,pi_1,pi_2\n"));
}

#[test]
fn wrong_input_is_one_line_exit_2_and_nothing_written() {
    let target = scratch("not-written.json");
    let spec = r#"{"prompts":[{"pi_ref":[0.4,0.4,0.1],"pi_star":[0.6,0.3,0.1]}]}"#;
    let out = run(&["minimise", "-", "--out", target.to_str().expect("a path")], spec);
    assert_eq!(out.status.code(), Some(2));
    let message = text(&out.stderr);
    assert!(message.contains("prompts[0].pi_ref: sums to 0.9, must sum to 1"), "{message}");
    assert_eq!(message.lines().count(), 1);
    assert!(out.stdout.is_empty() && !target.exists());
    for (arguments, part) in [
        (vec!["minimise", "no-such-file.json"], "could not be read"),
        (vec!["figure", "2", "--out", "f.pdf"], "must end in .svg or .png"),
        (vec!["preset", "figure-9"], "the presets are figure-2"),
        (vec!["verdict", "-", "--format", "csv"], "no table form"),
    ] {
        let out = run(&arguments, "{}");
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
        assert!(text(&out.stderr).contains(part), "{arguments:?}");
    }
}

#[test]
fn figures_are_drawn_as_svg_and_png() {
    for number in ["2", "3", "5", "6", "8"] {
        let path = scratch(&format!("figure-{number}.svg"));
        assert!(run(&["figure", number, "--out", path.to_str().expect("a path")], "").status.success());
        let svg = std::fs::read_to_string(path).expect("a drawing");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("NaN"));
    }
}

#[test]
fn a_png_is_written_where_fonts_are_installed() {
    let path = scratch("figure-8.png");
    let out = run(&["figure", "8", "--out", path.to_str().expect("a path"), "--theme", "dark"], "");
    if out.status.success() {
        assert!(std::fs::read(path).expect("a drawing").starts_with(b"\x89PNG"));
    } else {
        assert!(text(&out.stderr).contains("no fonts are installed"));
    }
}

#[test]
fn the_stills_of_the_page_are_what_the_program_draws() {
    for theme in ["light", "dark"] {
        let path = scratch(&format!("still-{theme}.svg"));
        assert!(run(&["figure", "2", "--theme", theme, "--out", path.to_str().expect("a path")], "").status.success());
        let shipped = std::fs::read_to_string(format!("static/still-{theme}.svg")).expect("a still");
        let drawn = std::fs::read_to_string(path).expect("a drawing");
        assert!(
            same_drawing(&shipped, &drawn),
            "static/still-{theme}.svg is stale: typo-lab figure 2 --theme {theme} --out static/still-{theme}.svg"
        );
    }
}

/// Equal but for coordinates, which may differ by half a pixel: exp and ln differ in their last digits between machines.
fn same_drawing(a: &str, b: &str) -> bool {
    const HALF_A_PIXEL: f64 = 8.0;
    let parts = |s: &str| s.split([',', ' ', '"', '<', '>']).map(str::to_owned).collect::<Vec<_>>();
    let (a, b) = (parts(a), parts(b));
    let close = |x: &str, y: &str| match (x.parse::<f64>(), y.parse::<f64>()) {
        (Ok(x), Ok(y)) => (x - y).abs() <= HALF_A_PIXEL,
        _ => x == y,
    };
    a.len() == b.len() && a.iter().zip(&b).all(|(x, y)| close(x, y))
}

#[test]
fn help_teaches_and_completions_exist() {
    let help = text(&run(&["--help"], "").stdout);
    for part in ["minimise", "verdict", "typo-lab preset figure-2 > mine.json"] {
        assert!(help.contains(part), "{part}");
    }
    assert!(text(&run(&["completions", "bash"], "").stdout).contains("typo-lab"));
}
