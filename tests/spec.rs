//! The experiment file and the link: what is written comes back to the last bit, and what is wrong is named in one line.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use common::{config, every_loss, lambda};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use typo_lab::divergence::Divergence;
use typo_lab::loss::{Loss, Mu, Psi};
use typo_lab::preference::Pairing;
use typo_lab::spec::url::Link;
use typo_lab::spec::{
    DecayOn, KlConvention, LossSpec, Optimiser, Preferences, Preset, Problem, PromptSpec, Spec, SpecError, Sweep,
    SweepOver, WeightDecay, limit,
};

/// Names that a link could trip over: its own signs, JSON's, numbers, lists of numbers, any other text.
fn names() -> impl Strategy<Value = String> {
    let odd = [
        "",
        "a&b=c",
        "100%",
        "%25",
        "é, 漢字 & 🦀",
        "#preset=x",
        "0.5",
        "1,2,3",
        "null",
        "\"quoted\"",
        "[1]",
        "a\nb\t\\",
        "+ +",
    ];
    prop_oneof![
        select(odd.map(str::to_owned).to_vec()),
        ".{0,40}",
        any::<String>().prop_map(|s| s.chars().take(200).collect())
    ]
}

fn distribution(actions: usize, unnormalised: bool) -> impl Strategy<Value = Vec<f64>> {
    vec(lambda(1e-6, 1.0), actions).prop_map(move |w| {
        let total: f64 = if unnormalised { 1e-3 } else { w.iter().sum() };
        w.iter().map(|v| v / total).collect()
    })
}

fn prompts(actions: usize, unnormalised: bool) -> impl Strategy<Value = Vec<PromptSpec>> {
    let weight = prop_oneof![Just(1.0), lambda(1e-6, 1e6)];
    let prompt =
        (names(), weight, distribution(actions, unnormalised), distribution(actions, unnormalised), any::<bool>())
            .prop_map(move |(name, weight, pi_ref, mut pi_star, certain)| {
                if certain {
                    // π*, unlike π_ref, may give no mass to an action.
                    // Rounding must not lift the other above one, which is refused.
                    pi_star[1] = (pi_star[1] + pi_star[0]).min(if unnormalised { f64::MAX } else { 1.0 });
                    pi_star[0] = 0.0;
                }
                PromptSpec { name, weight, pi_ref, pi_star }
            });
    vec(prompt, 1..4)
}

fn preferences(prompts: usize, actions: usize) -> impl Strategy<Value = Preferences> {
    let pairing = || select(Pairing::ALL.to_vec());
    let sampled = (1..=limit::DRAWS, 0..1u64 << 53, pairing())
        .prop_map(|(draws, seed, pairing)| Preferences::Sampled { draws, seed, pairing });
    let entry = prop_oneof![Just(0.0), (1..20u32).prop_map(f64::from), 0.001..1e6f64];
    let counts = vec(vec(vec(entry, actions), actions), prompts).prop_map(|mut counts| {
        for table in &mut counts {
            for (i, row) in table.iter_mut().enumerate() {
                row[i] = 0.0;
            }
            table[0][1] += 1.0;
        }
        Preferences::Counts { counts }
    });
    prop_oneof![pairing().prop_map(|pairing| Preferences::Population { pairing }), sampled, counts]
}

fn losses() -> impl Strategy<Value = Vec<LossSpec>> {
    let alpha = || (1e-6..0.999_999f64).prop_map(Divergence::Alpha);
    let with_alpha = prop_oneof![
        alpha().prop_map(Loss::FDpo),
        (select(Psi::ALL.to_vec()), alpha()).prop_map(|(psi, d)| Loss::Qpo(psi, Mu::FPrime(d))),
    ];
    let loss = prop_oneof![4 => select(every_loss()), 1 => with_alpha];
    let own = (option::of(lambda(1e-12, 1e3)), option::of(1..=1_000_000u64));
    let with_lambda = (loss, lambda(1.001e-12, 0.999e12), own)
        .prop_map(|(loss, lambda, (learning_rate, steps))| LossSpec { loss, lambda, learning_rate, steps });
    let apart = vec(with_lambda, 1..8);
    // A λ that all share takes a link's short form.
    let shared = (apart, option::of(lambda(1e-6, 1e6)));
    shared.prop_map(|(losses, shared)| {
        losses.into_iter().map(|l| LossSpec { lambda: shared.unwrap_or(l.lambda), ..l }).collect()
    })
}

fn optimisers() -> impl Strategy<Value = Optimiser> {
    let sizes = option::of(1..=limit::DRAWS);
    // A million steps recorded every hundredth keep below the limit on what is recorded.
    (lambda(1e-12, 1e3), sizes, lambda(1e-12, 1e12), 1..=1_000_000u64, 100..=1_000_000u64, 0..1u64 << 53).prop_map(
        |(learning_rate, batch_size, clip_norm, steps, record_every, seed)| Optimiser {
            learning_rate,
            batch_size,
            clip_norm,
            steps,
            record_every,
            seed,
        },
    )
}

fn sweeps() -> impl Strategy<Value = Sweep> {
    (select(SweepOver::ALL.to_vec()), lambda(1e-6, 1e2), lambda(1.5, 1e3), 2..=limit::SWEEP_POINTS)
        .prop_map(|(over, from, ratio, points)| Sweep { over, from, to: from * ratio, points })
}

fn specs() -> impl Strategy<Value = Spec> {
    let data = (2..6usize, any::<bool>()).prop_flat_map(|(actions, normalise)| {
        prompts(actions, normalise)
            .prop_flat_map(move |p| (preferences(p.len(), actions), Just(p)))
            .prop_map(move |(preferences, prompts)| (prompts, preferences, normalise))
    });
    let decay = (prop_oneof![Just(0.0), lambda(1e-9, 1e6)], select(DecayOn::ALL.to_vec()));
    let kl = select(KlConvention::ALL.to_vec());
    (data, losses(), decay, optimisers(), sweeps(), kl).prop_map(
        |((prompts, preferences, normalise), losses, (alpha, on), optimiser, sweep, kl)| Spec {
            prompts,
            normalise,
            preferences,
            losses,
            weight_decay: WeightDecay { alpha, on },
            optimiser,
            sweep,
            kl,
        },
    )
}

/// Keys that belong to the page: nothing that begins a path of the file, nor a link's two short forms.
fn page_keys() -> impl Strategy<Value = Vec<(String, String)>> {
    let key =
        prop_oneof![Just("view".to_owned()), Just("at".to_owned()), "[a-z&=%é.]{1,8}".prop_map(|s| format!("x{s}"))];
    vec((key, names()), 0..3)
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn a_spec_comes_back_from_its_json_to_the_last_bit(spec in specs()) {
        prop_assert_eq!(Spec::from_json(&spec.to_json()), Ok(spec.clone()));
        prop_assert_eq!(Spec::from_text(&spec.to_json().to_string()), Ok(spec.clone()));
        let pretty = serde_json::to_string_pretty(&spec.to_json()).expect("JSON prints");
        prop_assert_eq!(Spec::from_text(&pretty), Ok(spec));
    }

    #[test]
    fn a_spec_comes_back_from_its_link_whatever_preset_it_is_written_against(
        spec in specs(), preset in select(Preset::ALL.to_vec()), page in page_keys(),
    ) {
        let link = Link { spec, preset, page };
        let fragment = link.to_fragment();
        // Only what an address bar shows as it is, so that no browser rewrites it.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~,:/+%&=".contains(&b);
        prop_assert!(fragment.bytes().all(plain), "{fragment}");
        prop_assert_eq!(Link::from_fragment(&fragment), Ok(link.clone()));
        prop_assert_eq!(Link::from_fragment(&format!("#{fragment}")), Ok(link));
    }

    #[test]
    fn a_changed_preset_comes_back_from_its_short_link(
        preset in select(Preset::ALL.to_vec()), shared in lambda(1e-6, 1e6), name in names(), seed in 0..1u64 << 53,
    ) {
        let mut spec = preset.spec();
        typo_lab::spec::url::set_lambda(&mut spec, shared);
        spec.prompts[0].name = name;
        spec.optimiser.seed = seed;
        let link = Link { spec, preset, page: Vec::new() };
        let fragment = link.to_fragment();
        prop_assert_eq!(Link::from_fragment(&fragment), Ok(link));
        prop_assert!(fragment.matches("lambda=").count() == 1 && !fragment.contains("losses"), "{fragment}");
    }

    #[test]
    fn no_text_makes_reading_panic_or_say_more_than_one_line(text in prop_oneof![any::<String>(), ".*", "[\\[\\]{}\",:0-9a-z_%&=#.\\n-]{0,60}"]) {
        for error in [Spec::from_text(&text).err(), Link::from_fragment(&text).err()].into_iter().flatten() {
            assert_one_line(&error)?;
        }
    }

    #[test]
    fn one_wrong_value_anywhere_is_an_error_that_names_its_path(spec in specs(), pick in any::<prop::sample::Index>(), kind in 0..WRONG) {
        let mut value = spec.to_json();
        let mut leaves = Vec::new();
        collect_leaves(&value, String::new(), "", &mut leaves);
        let (path, pointer) = pick.get(&leaves);
        // What takes null, any text or an object has no wrong value of that kind.
        let taken = [&["batch_size"][..], &["name"], &[], &["divergence", "mu"], &[]][kind];
        prop_assume!(!taken.iter().any(|name| path.ends_with(name)));
        *value.pointer_mut(pointer).expect("a leaf") = wrong(kind);
        let error = Spec::from_json(&value).expect_err("a wrong value");
        assert_one_line(&error)?;
        prop_assert!(error.path == *path, "{path}: {error}");
        prop_assert!(error.message.contains("got"), "{error}");
    }
}

fn assert_one_line(error: &SpecError) -> Result<(), TestCaseError> {
    let line = error.to_string();
    prop_assert!(!line.is_empty() && line.chars().count() < 1000 && !line.chars().any(char::is_control), "{line:?}");
    Ok(())
}

const WRONG: usize = 5;

/// Values that no leaf takes, but for those named in the test.
fn wrong(kind: usize) -> Value {
    [Value::Null, json!("nonsense"), json!(-1), json!({}), json!([])][kind].clone()
}

/// Every number, text and truth value, by the path that errors print and by JSON pointer.
fn collect_leaves(value: &Value, path: String, pointer: &str, leaves: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect_leaves(inner, path, &format!("{pointer}/{name}"), leaves);
            }
        }
        Value::Array(items) => {
            for (k, inner) in items.iter().enumerate() {
                collect_leaves(inner, format!("{path}[{k}]"), &format!("{pointer}/{k}"), leaves);
            }
        }
        _ => leaves.push((path, pointer.to_owned())),
    }
}

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
    assert_eq!(message(&padded(limit::INPUT_BYTES + 1)), "input: is 16777217 bytes, at most 16777216 are allowed");
}

#[test]
fn deep_nesting_is_an_error_and_not_a_full_stack() {
    for open in ["[", "{\"prompts\":"] {
        let message = message(&open.repeat(200_000));
        assert!(message.starts_with("not JSON: recursion limit exceeded"), "{message}");
    }
}

#[test]
fn what_is_left_out_takes_the_figure_2_preset() {
    assert_eq!(Spec::from_text("{}"), Ok(Preset::Figure2.spec()));
    for preset in Preset::ALL {
        assert_eq!(Spec::from_json(&preset.spec().to_json()), Ok(preset.spec()), "{}", preset.key());
        let link = Link { spec: preset.spec(), preset, page: Vec::new() };
        let expected = if preset == Preset::Figure2 { String::new() } else { format!("preset={}", preset.key()) };
        assert_eq!(link.to_fragment(), expected);
    }
}

#[test]
fn the_example_of_the_contract_is_read_as_written() {
    let spec = Spec::from_text(
        r#"{
          "version": 1,
          "prompts": [ { "name": "x", "weight": 1.0, "pi_ref": [0.4, 0.4, 0.2], "pi_star": [0.6, 0.3, 0.1] } ],
          "preferences": { "source": "population", "pairing": "uniform" },
          "losses": [ { "kind": "dpo", "lambda": 0.1 }, { "kind": "f-dpo", "divergence": "jensen-shannon", "lambda": 0.1 } ],
          "weight_decay": { "alpha": 0.0, "on": "logits" },
          "optimiser": { "learning_rate": 0.001, "batch_size": null, "clip_norm": 10.0, "steps": 1000, "record_every": 50, "seed": 0 },
          "sweep": { "over": "lambda", "from": 1e-5, "to": 1e3, "points": 61 }
        }"#,
    )
    .expect("the example");
    assert_eq!(
        spec.losses.iter().map(|l| l.loss).collect::<Vec<_>>(),
        [Loss::Dpo, Loss::FDpo(Divergence::JensenShannon)]
    );
    assert_eq!((spec.optimiser.batch_size, spec.optimiser.steps, spec.sweep.points), (None, 1000, 61));
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

/// Pairs drawn from π_ref carry the product of two of its entries, which may be too small for a number; their shares are not.
#[test]
fn pairs_of_a_tiny_reference_probability_keep_their_shares() {
    for pi_ref in ["[5e-324,1]", "[1e-200,1]", "[1e-308,1]"] {
        let preferences = r#""preferences":{"source":"population","pairing":"reference"}"#;
        let text = format!(r#"{{"prompts":[{{"pi_ref":{pi_ref},"pi_star":[0.6,0.4]}}],{preferences}}}"#);
        let problem = Problem::new(&Spec::from_text(&text).expect("a spec")).expect("a problem");
        let pair = problem.prompts[0].pairs.comparisons[0];
        assert!((pair.win - 0.6).abs() < 1e-12 && (pair.lose - 0.4).abs() < 1e-12, "{pi_ref}: {pair:?}");
    }
}
