//! What the experiment file and the link refuse: the path, what came and what is allowed, in one line, before any work.
#![cfg(not(target_arch = "wasm32"))]

use serde_json::json;
use typo_lab::preference::Pairing;
use typo_lab::spec::url::Link;
use typo_lab::spec::{Preferences, Problem, PromptSpec, Spec, limit};

fn message(text: &str) -> String {
    Spec::from_text(text).map_or_else(|e| e.to_string(), |_| "accepted".to_owned())
}

/// What was written, and how its error must begin and end up: the path, what came, what is allowed.
const REFUSED: &[(&str, &str, &str)] = &[
    // Whole input.
    ("", "not JSON", "check that spot"),
    ("{", "not JSON", "line 1"),
    ("{\"sweep\":{\"from\":NaN}}", "not JSON", "line 1"),
    ("{\"sweep\":{\"from\":Infinity}}", "not JSON", "line 1"),
    ("{\"sweep\":{\"to\":1e999}}", "not JSON", "number out of range"),
    ("[]", "got a list of 0", "expected an object"),
    ("3", "got 3", "expected an object"),
    ("{\"version\":2}", "version: got 2", "1, the version this program reads"),
    ("{\"version\":\"1\"}", "version: got \"1\"", "a whole number"),
    // Unknown and misplaced fields.
    ("{\"promts\":[]}", "promts: is not a field here", "did you mean prompts?"),
    ("{\"optimizer\":{}}", "optimizer: is not a field here", "did you mean optimiser?"),
    ("{\"zzz\":1}", "zzz: is not a field here", "the fields are version, prompts"),
    (
        "{\"optimiser\":{\"learning_rat\":1}}",
        "optimiser.learning_rat: is not a field here",
        "did you mean learning_rate?",
    ),
    ("{\"losses\":[{\"kind\":\"dpo\",\"lamda\":1}]}", "losses[0].lamda: is not a field here", "did you mean lambda?"),
    (
        "{\"losses\":[{\"kind\":\"dpo\",\"psi\":\"hinge\"}]}",
        "losses[0].psi: does not apply to dpo",
        "which takes kind, lambda",
    ),
    (
        "{\"preferences\":{\"source\":\"population\",\"draws\":3}}",
        "preferences.draws: does not apply to population",
        "pairing",
    ),
    // Prompts.
    ("{\"prompts\":[]}", "prompts: has 0 entries", "1 to 4096"),
    ("{\"prompts\":{}}", "prompts: got an object", "a list in brackets"),
    ("{\"prompts\":[{\"pi_star\":[0.5,0.5]}]}", "prompts[0].pi_ref: is missing", "must be given"),
    ("{\"prompts\":[{\"pi_ref\":[0.5,0.5]}]}", "prompts[0].pi_star: is missing", "must be given"),
    ("{\"prompts\":[{\"pi_ref\":[0.5,0.4],\"pi_star\":[0.5,0.5]}]}", "prompts[0].pi_ref: sums to 0.9", "must sum to 1"),
    (
        "{\"prompts\":[{\"pi_ref\":[0.5,0.5],\"pi_star\":[0.5,0.6]}]}",
        "prompts[0].pi_star: sums to 1.1",
        "must sum to 1",
    ),
    ("{\"prompts\":[{\"pi_ref\":[1,0],\"pi_star\":[0.5,0.5]}]}", "prompts[0].pi_ref[1]: is 0", "must be above 0"),
    (
        "{\"prompts\":[{\"pi_ref\":[1.5,-0.5],\"pi_star\":[0.5,0.5]}]}",
        "prompts[0].pi_ref[0]: got 1.5",
        "from 0.0 to 1.0",
    ),
    ("{\"prompts\":[{\"pi_ref\":[0.5,null],\"pi_star\":[0.5,0.5]}]}", "prompts[0].pi_ref[1]: got null", "a number"),
    ("{\"prompts\":[{\"pi_ref\":[1],\"pi_star\":[1]}]}", "prompts[0].pi_ref: has 1 entries", "2 to 4096"),
    (
        "{\"prompts\":[{\"pi_ref\":[0.5,0.5],\"pi_star\":[0.2,0.3,0.5]}]}",
        "prompts[0].pi_star: has 3 actions",
        "pi_ref has 2",
    ),
    (
        "{\"prompts\":[{\"pi_ref\":[0.5,0.5],\"pi_star\":[0.5,0.5]},{\"pi_ref\":[0.2,0.3,0.5],\"pi_star\":[0.2,0.3,0.5]}]}",
        "prompts[1].pi_ref: has 3 actions",
        "prompts[0] has 2",
    ),
    (
        "{\"prompts\":[{\"weight\":-1,\"pi_ref\":[0.5,0.5],\"pi_star\":[0.5,0.5]}]}",
        "prompts[0].weight: got -1",
        "from 0.0",
    ),
    (
        "{\"prompts\":[{\"weight\":0,\"pi_ref\":[0.5,0.5],\"pi_star\":[0.5,0.5]}]}",
        "prompts: all weights are 0",
        "above 0",
    ),
    (
        "{\"prompts\":[{\"name\":5,\"pi_ref\":[0.5,0.5],\"pi_star\":[0.5,0.5]}]}",
        "prompts[0].name: got 5",
        "at most 200 characters",
    ),
    (
        "{\"normalise\":true,\"prompts\":[{\"pi_ref\":[0,0],\"pi_star\":[1,1]}]}",
        "prompts[0].pi_ref: sums to 0",
        "above 0",
    ),
    ("{\"normalise\":1}", "normalise: got 1", "true or false"),
    // Preferences.
    ("{\"preferences\":{\"draws\":3}}", "preferences.draws", "population"),
    (
        "{\"preferences\":{\"source\":\"poplation\"}}",
        "preferences.source: got \"poplation\"",
        "did you mean population?",
    ),
    (
        "{\"preferences\":{\"source\":\"population\",\"pairing\":\"random\"}}",
        "preferences.pairing: got \"random\"",
        "one of uniform, reference",
    ),
    ("{\"preferences\":{\"source\":\"sampled\"}}", "preferences.draws: is missing", "must be given"),
    ("{\"preferences\":{\"source\":\"sampled\",\"draws\":0}}", "preferences.draws: got 0", "from 1 to 1000000"),
    (
        "{\"preferences\":{\"source\":\"sampled\",\"draws\":1000001}}",
        "preferences.draws: got 1000001",
        "from 1 to 1000000",
    ),
    ("{\"preferences\":{\"source\":\"sampled\",\"draws\":2.5}}", "preferences.draws: got 2.5", "a whole number"),
    (
        "{\"preferences\":{\"source\":\"sampled\",\"draws\":9,\"seed\":-1}}",
        "preferences.seed: got -1",
        "a whole number from 0",
    ),
    ("{\"preferences\":{\"source\":\"counts\"}}", "preferences.counts: is missing", "must be given"),
    ("{\"preferences\":{\"source\":\"counts\",\"counts\":[]}}", "preferences.counts: has 0 entries", "must have 1"),
    (
        "{\"preferences\":{\"source\":\"counts\",\"counts\":[[[0,1],[1,0]]]}}",
        "preferences.counts[0]: has 2 entries",
        "must have 3",
    ),
    (
        "{\"preferences\":{\"source\":\"counts\",\"counts\":[[[0,1,1],[1,0],[1,1,0]]]}}",
        "preferences.counts[0][1]: has 2 entries",
        "must have 3",
    ),
    (
        "{\"preferences\":{\"source\":\"counts\",\"counts\":[[[0,0,0],[0,0,0],[0,0,0]]]}}",
        "preferences.counts[0]: holds no comparison",
        "above 0",
    ),
    (
        "{\"preferences\":{\"source\":\"counts\",\"counts\":[[[0,-1,0],[0,0,0],[0,0,0]]]}}",
        "preferences.counts[0][0][1]: got -1",
        "from 0.0",
    ),
    (
        "{\"preferences\":{\"source\":\"counts\",\"counts\":[[[2,1,0],[0,0,0],[0,0,0]]]}}",
        "preferences.counts[0][0][0]: got 2",
        "not compared with itself",
    ),
    // Losses.
    ("{\"losses\":[]}", "losses: has 0 entries", "1 to 64"),
    ("{\"losses\":[{}]}", "losses[0].kind: is missing", "must be given"),
    (
        "{\"losses\":[{\"kind\":\"dop\"}]}",
        "losses[0].kind: got \"dop\"",
        "one of rlhf, dpo, ipo, f-dpo, typo, qpo; did you mean",
    ),
    ("{\"losses\":[{\"kind\":7}]}", "losses[0].kind: got 7", "one of rlhf"),
    (
        "{\"losses\":[{\"kind\":\"dpo\",\"lambda\":-0.1}]}",
        "losses[0].lambda: got -0.1",
        "from 1e-12 to 1000000000000.0",
    ),
    ("{\"losses\":[{\"kind\":\"dpo\",\"lambda\":0}]}", "losses[0].lambda: got 0", "from 1e-12"),
    ("{\"losses\":[{\"kind\":\"dpo\",\"lambda\":1e13}]}", "losses[0].lambda: got 1", "from 1e-12 to 1000000000000.0"),
    (
        "{\"losses\":[{\"kind\":\"rlhf\",\"reward\":\"learned\"}]}",
        "losses[0].reward: got \"learned\"",
        "one of true, fitted",
    ),
    (
        "{\"losses\":[{\"kind\":\"f-dpo\",\"divergence\":\"hellinger\"}]}",
        "losses[0].divergence: got \"hellinger\"",
        "jensen-shannon",
    ),
    (
        "{\"losses\":[{\"kind\":\"f-dpo\",\"divergence\":{\"alpha\":1}}]}",
        "losses[0].divergence.alpha: got 1",
        "above 0 and below 1",
    ),
    (
        "{\"losses\":[{\"kind\":\"f-dpo\",\"divergence\":{}}]}",
        "losses[0].divergence.alpha: is missing",
        "must be given",
    ),
    ("{\"losses\":[{\"kind\":\"qpo\"}]}", "losses[0].psi: is missing", "must be given"),
    ("{\"losses\":[{\"kind\":\"qpo\",\"psi\":\"hing\"}]}", "losses[0].psi: got \"hing\"", "did you mean hinge?"),
    ("{\"losses\":[{\"kind\":\"qpo\",\"psi\":\"hinge\",\"mu\":\"exp\"}]}", "losses[0].mu: got \"exp\"", "log"),
    ("{\"losses\":[{\"kind\":\"dpo\",\"learning_rate\":0}]}", "losses[0].learning_rate: got 0", "from 1e-12"),
    ("{\"losses\":[{\"kind\":\"dpo\",\"steps\":10000001}]}", "losses[0].steps: got 10000001", "from 1 to 10000000"),
    // Settings.
    ("{\"weight_decay\":{\"alpha\":-1}}", "weight_decay.alpha: got -1", "from 0.0"),
    ("{\"weight_decay\":{\"on\":\"theta\"}}", "weight_decay.on: got \"theta\"", "one of logits, policy"),
    ("{\"optimiser\":{\"steps\":10000001}}", "optimiser.steps: got 10000001", "from 1 to 10000000"),
    ("{\"optimiser\":{\"steps\":0}}", "optimiser.steps: got 0", "from 1"),
    ("{\"optimiser\":{\"steps\":\"many\"}}", "optimiser.steps: got \"many\"", "a whole number"),
    ("{\"optimiser\":{\"batch_size\":0}}", "optimiser.batch_size: got 0", "from 1"),
    ("{\"optimiser\":{\"clip_norm\":0}}", "optimiser.clip_norm: got 0", "from 1e-12"),
    ("{\"optimiser\":{\"learning_rate\":-1}}", "optimiser.learning_rate: got -1", "from 1e-12"),
    (
        "{\"optimiser\":{\"seed\":18446744073709551615}}",
        "optimiser.seed: got 18446744073709551615",
        "from 0 to 9007199254740991",
    ),
    ("{\"sweep\":{\"points\":10002}}", "sweep.points: got 10002", "from 2 to 10001"),
    ("{\"sweep\":{\"points\":1}}", "sweep.points: got 1", "from 2"),
    ("{\"sweep\":{\"from\":2,\"to\":1}}", "sweep.to: is 1", "must be above sweep.from, which is 2"),
    ("{\"sweep\":{\"over\":\"beta\"}}", "sweep.over: got \"beta\"", "one of lambda, alpha"),
    ("{\"sweep\":{\"from\":0}}", "sweep.from: got 0", "from 1e-12"),
    ("{\"kl\":\"half\"}", "kl: got \"half\"", "one of true, authors"),
];

#[test]
fn every_wrong_input_is_refused_in_one_line_with_its_path_what_came_and_what_is_allowed() {
    for (text, begins, allowed) in REFUSED {
        let message = message(text);
        assert!(message.starts_with(begins), "{text}\n  gave {message}\n  not {begins}");
        assert!(message.contains(allowed), "{text}\n  gave {message}\n  without {allowed}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
}

#[test]
fn what_would_be_kept_is_bounded_where_it_would_be_kept() {
    let read = |text: &str| Spec::from_text(text).expect("a spec whose minimisers can be found");
    let training = read("{\"optimiser\":{\"steps\":10000000,\"record_every\":1}}").check_training();
    let message = training.expect_err("too many snapshots").to_string();
    assert!(message.starts_with("optimiser.record_every: 1 would record") && message.contains("at most 50000000"));
    let mut wide = read("{\"sweep\":{\"points\":10001}}");
    assert_eq!(wide.check_sweep(), Ok(()));
    wide.prompts = vec![wide.prompts[0].clone(); 400];
    let message = wide.check_sweep().expect_err("too many minimisers").to_string();
    assert!(message.starts_with("sweep.points: 10001 would give 60006000 numbers") && message.contains("fewer points"));
    // Five losses of different lengths: each counts with its own steps.
    wide.prompts.truncate(300);
    assert_eq!(wide.check_training(), Ok(()));
}

#[test]
fn draws_are_bounded_over_all_prompts() {
    let mut spec = Spec::default();
    spec.prompts = vec![spec.prompts[0].clone(); 21];
    spec.preferences = Preferences::Sampled { draws: 1_000_000, seed: 0, pairing: Pairing::Uniform };
    assert!(message(&spec.to_json().to_string()).starts_with("preferences.draws: 1000000 for each of 21 prompts"));
}

#[test]
fn errors_quote_what_they_got_on_one_short_line() {
    let long = "x".repeat(100_000);
    for text in [
        json!({ "losses": [{ "kind": long }] }),
        json!({ long.clone(): 1 }),
        json!({ "a\nb\u{7}": 1 }),
        json!({ "losses": [{ "kind": "a\nb" }] }),
        json!({ "prompts": [{ "name": long, "pi_ref": [0.5, 0.5], "pi_star": [0.5, 0.5] }] }),
    ] {
        let message = message(&text.to_string());
        assert!(message.chars().count() < 400 && !message.chars().any(char::is_control), "{message:?}");
    }
    for fragment in ["preset=a%0Ab", "lambda=a%0Ab", "prompts.a%0Ab.c=1", "prompts.0.name.a%0Ab=1", "losses.0.a%0Ab=1"]
    {
        let error = Link::from_fragment(fragment).expect_err("a wrong link").to_string();
        assert!(!error.chars().any(char::is_control), "{error:?}");
        let endless = fragment.replace("a%0Ab", &long);
        let error = Link::from_fragment(&endless).expect_err("a wrong link").to_string();
        assert!(error.chars().count() < 1000, "{} characters for {fragment}", error.chars().count());
    }
}

#[test]
fn data_without_a_usable_pair_are_an_error_on_one_line() {
    // One draw of two actions is dropped where both are the same: half of the seeds.
    let of = |seed: u64| {
        let spec = Spec {
            prompts: vec![PromptSpec {
                name: "a\nb".into(),
                weight: 1.0,
                pi_ref: vec![0.5, 0.5],
                pi_star: vec![0.5, 0.5],
            }],
            preferences: Preferences::Sampled { draws: 1, seed, pairing: Pairing::Uniform },
            ..Spec::default()
        };
        Problem::new(&spec).err().map(|e| e.to_string())
    };
    let errors: Vec<String> = (0..20).filter_map(of).collect();
    assert!(!errors.is_empty() && errors.len() < 20);
    for error in errors {
        assert!(error.starts_with("preferences.draws: ") && error.contains("another seed"), "{error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
    }
}

#[test]
fn counts_without_a_pair_are_refused_as_counts() {
    let counts = vec![vec![vec![0.0; 3]; 3]];
    let expected = "preferences.counts[0]: holds no comparison, at least one count must be above 0";
    assert_eq!(message(&json!({ "preferences": { "source": "counts", "counts": counts } }).to_string()), expected);
    // In a file, and where an edit has made them so.
    let edited = Spec { preferences: Preferences::Counts { counts }, ..Spec::default() };
    assert_eq!(Problem::new(&edited).err().map(|e| e.to_string()).as_deref(), Some(expected));
}

#[test]
fn limits_are_refused_before_any_work_and_their_edges_are_allowed() {
    let uniform = |n: usize| vec![1.0 / n as f64; n];
    let prompts = |count: usize, actions: usize| {
        let prompt = json!({ "pi_ref": uniform(actions), "pi_star": uniform(actions) });
        json!({ "prompts": vec![prompt; count] }).to_string()
    };
    assert_eq!(message(&prompts(limit::PROMPTS, 2)), "accepted");
    assert!(message(&prompts(limit::PROMPTS + 1, 2)).starts_with("prompts: has 4097 entries, must have 1 to 4096"));
    assert_eq!(message(&prompts(1, limit::ACTIONS)), "accepted");
    let message_of_actions = message(&prompts(1, limit::ACTIONS + 1));
    assert!(
        message_of_actions.starts_with("prompts[0].pi_ref: has 4097 entries, must have 2 to 4096"),
        "{message_of_actions}"
    );
    assert_eq!(message(&prompts(2, limit::ACTIONS)), "accepted");
    assert!(message(&prompts(3, limit::ACTIONS)).contains("compared pairs, at most 20000000 are allowed"));
    assert_eq!(message(&prompts(1000, 200)), "accepted");
    assert!(message(&prompts(1000, 201)).contains("compared pairs, at most 20000000 are allowed"));
    let losses = |count: usize| json!({ "losses": vec![json!({ "kind": "dpo" }); count] }).to_string();
    assert_eq!(message(&losses(limit::LOSSES)), "accepted");
    assert!(message(&losses(limit::LOSSES + 1)).starts_with("losses: has 65 entries"));
    for accepted in [
        json!({ "optimiser": { "steps": limit::STEPS, "record_every": 10_000 } }),
        json!({ "sweep": { "points": limit::SWEEP_POINTS } }),
        json!({ "preferences": { "source": "sampled", "draws": limit::DRAWS } }),
    ] {
        assert_eq!(message(&accepted.to_string()), "accepted");
    }
}

#[test]
fn sixteen_mebibytes_are_read_and_one_byte_more_is_not() {
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    assert_eq!(message(&padded(limit::INPUT_BYTES)), "accepted");
    let refused = message(&padded(limit::INPUT_BYTES + 1));
    assert!(refused.starts_with("input: is 16777217 bytes, at most 16777216 are allowed; give fewer"), "{refused}");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_full_stack() {
    for open in ["[", "{\"prompts\":"] {
        let message = message(&open.repeat(200_000));
        assert!(message.starts_with("not JSON: recursion limit exceeded"), "{message}");
    }
}

#[test]
fn unnormalised_distributions_are_taken_only_where_they_are_announced() {
    let with = |normalise: &str| format!("{{{normalise}\"prompts\":[{{\"pi_ref\":[2,2,4],\"pi_star\":[3,1,0]}}]}}");
    assert!(message(&with("")).starts_with("prompts[0].pi_ref[0]: got 2, expected a number from 0.0 to 1.0"));
    let spec = Spec::from_text(&with("\"normalise\":true,")).expect("announced");
    let problem = Problem::new(&spec).expect("a problem");
    let pi_ref = typo_lab::simplex::probs(&problem.prompts[0].log_ref);
    assert!(pi_ref.iter().zip([0.25, 0.25, 0.5]).all(|(p, expected)| (p - expected).abs() < 1e-15), "{pi_ref:?}");
}

/// 1e-300 beside 1e100 is no number once their sum is one, and an experiment without that action is another experiment.
#[test]
fn a_prompt_that_is_scaled_to_sum_one_keeps_every_reference_probability_or_is_refused() {
    let text = r#"{"prompts":[{"normalise":true,"pi_ref":[1e-300,1e100],"pi_star":[1,1]}]}"#;
    assert!(message(text).starts_with("prompts[0].pi_ref[0]: "), "{}", message(text));
}
