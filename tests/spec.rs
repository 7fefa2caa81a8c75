//! The experiment file and the link: what is written comes back to the last bit, and no wrong value anywhere is let through.
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
    DecayOn, KlConvention, LossSpec, Optimiser, OptimiserKind, Preferences, Preset, Problem, PromptSpec, Spec,
    SpecError, Sweep, SweepOver, WeightDecay, limit,
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
    let steps = (1..=1_000_000u64, 100..=1_000_000u64);
    (select(OptimiserKind::ALL.to_vec()), lambda(1e-12, 1e3), sizes, lambda(1e-12, 1e12), steps, 0..1u64 << 53)
        .prop_map(|(kind, learning_rate, batch_size, clip_norm, (steps, record_every), seed)| Optimiser {
            kind,
            learning_rate,
            batch_size,
            clip_norm,
            steps,
            record_every,
            seed,
        })
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
