//! The headless program as its users meet it: arguments, files, standard streams, exit status.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use plotters::style::RGBColor;
use serde_json::Value;
use typo_lab::figure::Theme;

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
    assert!(table.starts_with("loss,choices,lambda,prompt,kl_star,pi_0,pi_1,pi_2\n"));
}

/// Every number of the JSON that belongs to a prompt stands in the table, too.
#[test]
fn the_table_of_minimisers_holds_what_their_json_holds() {
    let spec = text(&run(&["preset", "one-label"], "").stdout);
    let found = json(&["minimise", "-"], &spec);
    let table = text(&run(&["minimise", "-", "--format", "csv"], &spec).stdout);
    let mut lines = table.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let names = lines.next().expect("a header");
    for minimiser in found["minimisers"].as_array().expect("a list") {
        let prompt = &minimiser["prompts"][0];
        for action in 0..prompt["pi"].as_array().expect("a list").len() {
            let line = lines.next().expect("a line an action");
            assert_eq!(line.len(), names.len());
            for (name, written) in names.iter().zip(line) {
                let value = match *name {
                    "loss" | "lambda" => &minimiser[*name],
                    "choices" | "action" => continue,
                    "prompt" => &prompt["name"],
                    "pi" | "log_pi" => &prompt[*name][action],
                    name => &prompt[name],
                };
                assert!(same_cell(written, value), "{name}: {written} against {value}");
            }
        }
    }
    assert!(lines.next().is_none());
    for name in found["minimisers"][0]["prompts"][0].as_object().expect("an object").keys() {
        assert!(name == "name" || names.contains(&name.as_str()), "no column {name}");
    }
}

/// JSON writes what is infinite or not there as null.
fn same_cell(written: &str, value: &Value) -> bool {
    match value {
        Value::Null => ["", "inf", "-inf"].contains(&written),
        Value::String(text) => text == written,
        Value::Number(number) => written.parse().ok() == number.as_f64(),
        Value::Bool(truth) => written.parse() == Ok(*truth),
        Value::Array(_) | Value::Object(_) => false,
    }
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

/// Needs fonts, as its users do: without any it fails with the program's own words.
#[test]
fn every_png_has_the_size_of_its_drawing_times_the_scale_and_is_not_blank() {
    // In the drawings' own units.
    for (number, w, h) in [("2", 1100, 460), ("3", 1080, 400), ("5", 1100, 460), ("6", 1100, 240), ("8", 620, 380)] {
        let path = scratch(&format!("figure-{number}.png"));
        let out =
            run(&["figure", number, "--out", path.to_str().expect("a path"), "--theme", "dark", "--scale", "0.5"], "");
        assert!(out.status.success(), "{}", text(&out.stderr));
        let png = resvg::tiny_skia::Pixmap::decode_png(&std::fs::read(path).expect("a drawing")).expect("a PNG");
        assert_eq!((png.width(), png.height()), (w / 2, h / 2), "figure {number}");
        let colours: HashSet<[u8; 3]> = png.pixels().iter().map(|p| [p.red(), p.green(), p.blue()]).collect();
        // A ground, five losses, axes and letters, all with soft edges.
        assert!(colours.len() > 50, "figure {number} has {} colours", colours.len());
    }
}

#[test]
fn a_figure_that_cannot_take_the_experiment_says_so() {
    let target = scratch("no-figure.svg");
    let prompt = serde_json::json!({ "pi_ref": [0.5, 0.5], "pi_star": [0.6, 0.4] });
    let many = serde_json::json!({ "prompts": vec![prompt; 9] }).to_string();
    for (number, spec, part) in [("8", "{}", "figure 8: draws DPO's penalty"), ("3", &many, "at most 8, and got 9")] {
        let out = run(&["figure", number, "--spec", "-", "--out", target.to_str().expect("a path")], spec);
        assert_eq!(out.status.code(), Some(2), "{number}");
        assert!(text(&out.stderr).contains(part), "{}", text(&out.stderr));
        assert!(!target.exists());
    }
}

#[test]
fn the_drawings_of_the_deck_are_what_the_program_draws() {
    let preset = run(&["preset", "figure-2"], "");
    let mut spec: serde_json::Value = serde_json::from_slice(&preset.stdout).expect("a spec");
    for loss in spec["losses"].as_array_mut().expect("losses") {
        loss["lambda"] = 1.0.into();
    }
    let spec = spec.to_string();
    for (file, args, spec) in
        [("figure-3.svg", &["figure", "3"][..], ""), ("lambda-1.svg", &["figure", "2", "--spec", "-"], &spec)]
    {
        let path = scratch(file);
        let all = [args, &["--out", path.to_str().expect("a path")]].concat();
        assert!(run(&all, spec).status.success(), "{file}");
        let shipped = std::fs::read_to_string(format!("static/slides/{file}")).expect("a drawing");
        let drawn = std::fs::read_to_string(path).expect("a drawing");
        assert!(same_drawing(&shipped, &drawn), "static/slides/{file} is stale: see static/slides/index.html");
    }
}

#[test]
fn the_stills_of_the_page_are_what_the_program_draws() {
    let draw = |name: &str, theme: &str| {
        let path = scratch(name);
        assert!(run(&["figure", "2", "--theme", theme, "--out", path.to_str().expect("a path")], "").status.success());
        path
    };
    let shipped = std::fs::read_to_string("static/still-light.svg").expect("a still");
    let drawn = std::fs::read_to_string(draw("still-light.svg", "light")).expect("a drawing");
    assert!(
        same_drawing(&shipped, &drawn),
        "static/still-light.svg is stale: typo-lab figure 2 --out static/still-light.svg"
    );
    for (theme, colours) in [("light", Theme::light()), ("dark", Theme::dark())] {
        let file = format!("still-{theme}.png");
        let shipped = inked(std::path::Path::new(&format!("static/{file}")), &colours);
        let drawn = inked(&draw(&file, theme), &colours);
        // Letters are other fonts' elsewhere; a loss's curves are most of its ink.
        let near = |(a, b): (&usize, &usize)| a.abs_diff(*b) * 3 < *b;
        assert!(
            shipped.iter().zip(&drawn).all(near),
            "static/{file} is stale ({shipped:?} pixels a colour, {drawn:?} drawn): typo-lab figure 2 --theme {theme} --out static/{file}; pngquant --force --ext .png 64 static/{file}"
        );
    }
}

/// Pixels of each loss's colour, and of the ink of both policies.
fn inked(path: &std::path::Path, theme: &Theme) -> Vec<usize> {
    let picture = resvg::tiny_skia::Pixmap::decode_png(&std::fs::read(path).expect("a picture")).expect("a PNG");
    assert_eq!((picture.width(), picture.height()), (2200, 920));
    let near = |p: &resvg::tiny_skia::PremultipliedColorU8, c: RGBColor| {
        let off = p.red().abs_diff(c.0).max(p.green().abs_diff(c.1)).max(p.blue().abs_diff(c.2));
        off < 40
    };
    let count = |c: RGBColor| picture.pixels().iter().filter(|p| near(p, c)).count();
    theme.losses.into_iter().take(5).chain([theme.ink]).map(count).collect()
}

/// Equal but for coordinates, which may differ by half a pixel: exp and ln differ in their last digits between machines.
fn same_drawing(a: &str, b: &str) -> bool {
    const HALF_A_PIXEL: f64 = 8.0;
    const PLACES: [&str; 7] = [" points=", " d=", " x=", " y=", " cx=", " cy=", " transform="];
    let near = |x: &str, y: &str| match (x.parse::<f64>(), y.parse::<f64>()) {
        (Ok(x), Ok(y)) => (x - y).abs() <= HALF_A_PIXEL,
        _ => x == y,
    };
    let all_near = |x: &str, y: &str| {
        let (x, y): (Vec<_>, Vec<_>) = (x.split([',', ' ']).collect(), y.split([',', ' ']).collect());
        x.len() == y.len() && x.iter().zip(y).all(|(x, y)| near(x, y))
    };
    // Between two quotes stands the value of the attribute whose name ends the part before.
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('"').collect(), b.split('"').collect());
    let is_place = |k: usize| k % 2 == 1 && PLACES.iter().any(|name| a[k - 1].ends_with(name));
    a.len() == b.len() && (0..a.len()).all(|k| if is_place(k) { all_near(a[k], b[k]) } else { a[k] == b[k] })
}

#[test]
fn a_still_may_differ_in_its_coordinates_and_in_nothing_else() {
    let still = "<text x=\"160\" font-size=\"12\">0.5</text>";
    assert!(same_drawing(still, &still.replace("160", "166")));
    for other in [still.replace("160", "170"), still.replace("12", "13"), still.replace("0.5", "0.6")] {
        assert!(!same_drawing(still, &other));
    }
}

#[test]
fn a_script_is_printed_for_a_preset_a_file_or_standard_input() {
    let by_name = text(&run(&["script", "--preset", "figure-3-preservation"], "").stdout);
    assert!(by_name.contains("import torch") && by_name.contains("\"name\": \"good\""));
    let preset = text(&run(&["preset", "figure-3-preservation"], "").stdout);
    assert_eq!(text(&run(&["script", "-"], &preset).stdout), by_name);
    let path = scratch("run.py");
    assert!(run(&["script", "-", "--out", path.to_str().expect("a path")], &preset).status.success());
    assert_eq!(std::fs::read_to_string(path).expect("a script"), by_name);
}

#[test]
fn a_script_without_an_experiment_is_refused_with_the_remedy() {
    for (arguments, part) in [
        (vec!["script"], "give a file, -, or --preset NAME"),
        (vec!["script", "--preset", "figure-9"], "the presets are figure-2"),
        (vec!["script", "-", "--preset", "figure-2"], "cannot be used with"),
    ] {
        let out = run(&arguments, "{}");
        assert_eq!(out.status.code(), Some(2), "{arguments:?}");
        assert!(text(&out.stderr).contains(part), "{}", text(&out.stderr));
        assert!(out.stdout.is_empty());
    }
}

#[test]
fn help_teaches_and_completions_exist() {
    let help = text(&run(&["--help"], "").stdout);
    for part in ["minimise", "verdict", "typo-lab preset figure-2 > mine.json", "20 million compared pairs"] {
        assert!(help.contains(part), "{part}");
    }
    assert!(text(&run(&["completions", "bash"], "").stdout).contains("typo-lab"));
}

/// The commands that a help lists: lines of two spaces and a name, up to the next empty line.
fn listed(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).unwrap_or_default().split("\n\n").next().unwrap_or_default();
    let named = list.lines().filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The examples under the help of a command, and of each command under it: its name, and their lines.
fn examples_under(path: &[String]) -> Vec<(String, Vec<String>)> {
    let arguments: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let help = text(&run(&arguments, "").stdout);
    let under = |name: String| examples_under(&[path, &[name]].concat());
    let mut all: Vec<_> = listed(&help).into_iter().flat_map(under).collect();
    if !path.is_empty() {
        let lines = help.split("Examples:\n").nth(1).unwrap_or_default().lines();
        // What an example is for stands after it, three spaces or more away.
        let example = |line: &str| line.trim().split("   ").next().unwrap_or_default().trim().to_owned();
        all.push((path.join(" "), lines.map(example).filter(|line| !line.is_empty()).collect()));
    }
    all
}

#[test]
fn every_commands_help_ends_with_an_example_of_it() {
    let all = examples_under(&[]);
    for name in ["minimise", "train", "sweep", "verdict", "figure", "preset", "script", "lm align", "lm world"] {
        assert!(all.iter().any(|(command, _)| command == name), "no help of {name} was found");
    }
    for (name, examples) in all {
        let begins = format!("typo-lab {name}");
        assert!(examples.iter().any(|e| e.starts_with(&begins)), "no example of {name}: {examples:?}");
    }
}

/// In a folder with the files that they speak of. Those of the language model, which take long or a model, are only parsed.
#[cfg(unix)]
#[test]
fn the_examples_under_every_help_run() {
    let folder = scratch("examples");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("www/story")).expect("a folder");
    let step = concat!(env!("CARGO_MANIFEST_DIR"), "/www/story/04-mode.md");
    std::fs::copy(step, folder.join("www/story/04-mode.md")).expect("a step of the tour");
    std::fs::write(folder.join("mine.json"), run(&["preset", "figure-2"], "").stdout).expect("an experiment");
    let program = PathBuf::from(env!("CARGO_BIN_EXE_typo-lab"));
    let path =
        format!("{}:{}", program.parent().expect("a folder").display(), std::env::var("PATH").unwrap_or_default());
    for (name, examples) in examples_under(&[]) {
        for example in examples {
            let line = if name.starts_with("lm") { format!("{example} --help") } else { example };
            let mut shell = Command::new("sh");
            let out = shell.args(["-c", &line]).current_dir(&folder).env("PATH", &path).stdin(Stdio::null()).output();
            let out = out.expect("a shell");
            assert!(out.status.success(), "{line}: {}", text(&out.stderr));
        }
    }
}

#[test]
fn the_tours_files_are_checked_and_a_fault_is_told_by_file_and_line() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/www/story");
    let good = run(&["story", folder], "");
    assert!(good.status.success(), "{}", text(&good.stderr));
    assert_eq!(text(&good.stdout).lines().count(), 12);

    let broken = scratch("tour");
    let _ = std::fs::remove_dir_all(&broken);
    std::fs::create_dir_all(&broken).expect("a folder");
    let step = std::fs::read_to_string(format!("{folder}/04-mode.md")).expect("a step");
    std::fs::write(broken.join("1.md"), step.replace("points: learning", "points: distances")).expect("a file");
    std::fs::write(broken.join("2.md"), step.replace("- [x]", "- [ ]")).expect("a file");
    let bad = run(&["story", &broken.to_string_lossy()], "");
    let told = text(&bad.stderr);
    assert_eq!((bad.status.code(), bad.stdout.len()), (Some(2), 0), "{told}");
    assert!(
        told.contains("1.md, line 5: points: got “distances”, the interpolation view has triangle, learning"),
        "{told}"
    );
    assert!(told.contains("2.md, line 12: 0 options are marked right, expected one “- [x] …”"), "{told}");
    assert_eq!(run(&["story", "/nowhere"], "").status.code(), Some(2));
}

/// A terminal for standard error is lent by util-linux's `script`, which prints what is written to it.
#[cfg(target_os = "linux")]
#[test]
fn long_work_shows_its_progress_on_a_terminal_and_nowhere_else() {
    let (experiment, written) = (scratch("progress.json"), scratch("progress.out"));
    let long = r#"{"optimiser":{"steps":2000000,"record_every":20000},"losses":[{"kind":"dpo","lambda":0.1}]}"#;
    std::fs::write(&experiment, long).expect("a file");
    let (experiment, written) = (experiment.to_string_lossy(), written.to_string_lossy());
    let command = format!("'{}' train '{experiment}' > '{written}'", env!("CARGO_BIN_EXE_typo-lab"));
    let seen = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(Stdio::null())
        .output()
        .expect("script, of util-linux");
    assert!(seen.status.success());
    let told = text(&seen.stdout);
    let shares: Vec<u32> =
        told.split('%').filter_map(|before| before.rsplit(' ').next().and_then(|n| n.parse().ok())).collect();
    assert!(shares.is_sorted() && shares.iter().any(|share| (1..100).contains(share)), "{shares:?}");

    let quiet = run(&["train", &experiment], "");
    assert_eq!((text(&quiet.stderr).as_str(), quiet.stdout), ("", std::fs::read(&*written).expect("the result")));
}
