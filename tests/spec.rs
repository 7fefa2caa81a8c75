//! The experiment file and its links: what goes out comes back, and what is wrong is said.

use proptest::prelude::*;
use serde_json::json;
use typo_lab::divergence::Divergence;
use typo_lab::loss::{Loss, Mu, Psi, Reward};
use typo_lab::preference::Pairing;
use typo_lab::spec::url::Link;
use typo_lab::spec::{
    DecayOn, KlConvention, LossSpec, Optimiser, Preferences, Preset, Problem, PromptSpec, Spec, Sweep, SweepOver,
    WeightDecay,
};

fn distribution(actions: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(0.01f64..1.0, actions).prop_map(|raw| {
        let total: f64 = raw.iter().sum();
        raw.iter().map(|p| p / total).collect()
    })
}

fn divergence() -> impl Strategy<Value = Divergence> {
    prop_oneof![
        Just(Divergence::ReverseKl),
        Just(Divergence::ForwardKl),
        Just(Divergence::JensenShannon),
        (0.01f64..0.99).prop_map(Divergence::Alpha),
    ]
}

fn loss() -> impl Strategy<Value = Loss> {
    let mu = prop_oneof![Just(Mu::Log), divergence().prop_map(Mu::FPrime)];
    prop_oneof![
        Just(Loss::Rlhf(Reward::True)),
        Just(Loss::Rlhf(Reward::Fitted)),
        Just(Loss::Dpo),
        Just(Loss::Ipo),
        divergence().prop_map(Loss::FDpo),
        Just(Loss::Typo),
        (prop::sample::select(&Psi::ALL), mu).prop_map(|(psi, mu)| Loss::Qpo(psi, mu)),
    ]
}

fn loss_spec() -> impl Strategy<Value = LossSpec> {
    let lambda = (-5.0f64..5.0).prop_map(|e| 10f64.powf(e));
    let rate = prop::option::of((-6.0f64..0.0).prop_map(|e| 10f64.powf(e)));
    (loss(), lambda, rate, prop::option::of(1u64..50_000)).prop_map(|(loss, lambda, learning_rate, steps)| LossSpec {
        loss,
        lambda,
        learning_rate,
        steps,
    })
}

fn preferences(prompts: usize, actions: usize) -> impl Strategy<Value = Preferences> {
    let pairing = || prop::sample::select(&Pairing::ALL);
    let table = prop::collection::vec(prop::collection::vec(0u32..9, actions), actions).prop_map(|mut t| {
        for (i, row) in t.iter_mut().enumerate() {
            row[i] = 0;
        }
        t[0][1] += 1;
        t.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect::<Vec<Vec<f64>>>()
    });
    prop_oneof![
        pairing().prop_map(|pairing| Preferences::Population { pairing }),
        (1u32..1000, 0u64..1 << 50, pairing()).prop_map(|(draws, seed, pairing)| Preferences::Sampled {
            draws,
            seed,
            pairing
        }),
        prop::collection::vec(table, prompts).prop_map(|counts| Preferences::Counts { counts }),
    ]
}

fn prompt(actions: usize) -> impl Strategy<Value = PromptSpec> {
    ("[ -~àπ&=%#\\.]{0,12}", 0.1f64..3.0, distribution(actions), distribution(actions))
        .prop_map(|(name, weight, pi_ref, pi_star)| PromptSpec { name, weight, pi_ref, pi_star })
}

fn settings() -> impl Strategy<Value = (WeightDecay, Optimiser, Sweep, KlConvention)> {
    let decay = (0.0f64..1.0, prop::sample::select(&DecayOn::ALL)).prop_map(|(alpha, on)| WeightDecay { alpha, on });
    let optimiser = (1e-5f64..1.0, prop::option::of(1u32..100), 1u64..10_000, 1u64..500, 0u64..1 << 53).prop_map(
        |(learning_rate, batch_size, steps, record_every, seed)| Optimiser {
            learning_rate,
            batch_size,
            clip_norm: 10.0,
            steps,
            record_every,
            seed,
        },
    );
    let sweep = (prop::sample::select(&SweepOver::ALL), 1e-3f64..0.1, 1.0f64..9.0, 2usize..200)
        .prop_map(|(over, from, to, points)| Sweep { over, from, to, points });
    (decay, optimiser, sweep, prop::sample::select(&KlConvention::ALL))
}

fn spec() -> impl Strategy<Value = Spec> {
    (1usize..4, 2usize..6).prop_flat_map(|(prompts, actions)| {
        (
            prop::collection::vec(prompt(actions), prompts),
            preferences(prompts, actions),
            prop::collection::vec(loss_spec(), 1..6),
            settings(),
        )
            .prop_map(|(prompts, preferences, losses, (weight_decay, optimiser, sweep, kl))| Spec {
                prompts,
                normalise: false,
                preferences,
                losses,
                weight_decay,
                optimiser,
                sweep,
                kl,
            })
    })
}

proptest! {
    #[test]
    fn a_spec_comes_back_from_its_file_to_the_last_bit(spec in spec()) {
        let text = spec.to_json().to_string();
        prop_assert_eq!(Spec::from_text(&text).expect("what was written is read"), spec);
    }

    #[test]
    fn a_spec_comes_back_from_its_link(spec in spec(), place in 0..Preset::ALL.len()) {
        let link = Link { spec, preset: Preset::ALL[place], page: vec![("view".into(), "a b&c".into())] };
        let fragment = link.to_fragment();
        prop_assert!(fragment.chars().all(|c| c.is_ascii_graphic()));
        prop_assert_eq!(Link::from_fragment(&fragment).expect("what was written is read"), link);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = Spec::from_text(&text);
        let _ = Link::from_fragment(&text);
    }
}

#[test]
fn every_preset_can_be_read_back_and_run() {
    for preset in Preset::ALL {
        let spec = preset.spec();
        assert_eq!(Spec::from_json(&spec.to_json()).expect("a preset is valid"), spec);
        assert!(Problem::new(&spec).is_ok(), "{preset:?}");
    }
}

#[test]
fn what_is_left_out_takes_the_figure_2_preset() {
    assert_eq!(Spec::from_text("{}").expect("valid"), Preset::Figure2.spec());
    let spec = Spec::from_json(&json!({ "optimiser": { "steps": 7 } })).expect("valid");
    assert_eq!(spec.optimiser, Optimiser { steps: 7, ..Preset::Figure2.spec().optimiser });
}

#[test]
fn unnormalised_policies_are_taken_where_that_is_asked_for() {
    for text in [
        r#"{"prompts":[{"pi_ref":[4,4,2],"pi_star":[6,3,1]}],"normalise":true}"#,
        r#"{"prompts":[{"pi_ref":[4,4,2],"pi_star":[6,3,1],"normalise":true}]}"#,
    ] {
        let problem = Problem::new(&Spec::from_text(text).expect("valid")).expect("usable");
        assert!((problem.prompts[0].log_ref[0].exp() - 0.4).abs() < 1e-15);
    }
}

#[test]
fn every_mistake_is_named_by_its_path_with_what_came_and_what_is_allowed() {
    let one = |pi_ref: serde_json::Value| json!({ "prompts": [{ "pi_ref": pi_ref, "pi_star": [0.6, 0.3, 0.1] }] });
    let cases = [
        (one(json!([0.4, 0.4, 0.1])), "prompts[0].pi_ref: sums to 0.9, must sum to 1"),
        (one(json!([0.5, 0.5, 0.0])), "prompts[0].pi_ref[2]: is 0, must be above 0"),
        (one(json!([0.5, "x", 0.5])), "prompts[0].pi_ref[1]: got \"x\", expected a number"),
        (one(json!([0.5, -0.5, 1.0])), "prompts[0].pi_ref[1]: got -0.5, expected a number from 0.0 to 1.0"),
        (one(json!([0.5, 0.5])), "prompts[0].pi_star: has 3 actions, pi_ref has 2"),
        (one(json!([1.0])), "prompts[0].pi_ref: has 1 entries, must have 2 to 4096"),
        (json!({ "prompts": [] }), "prompts: has 0 entries, must have 1 to 4096"),
        (json!({ "prompts": [{ "pi_star": [0.5, 0.5] }] }), "prompts[0].pi_ref: is missing"),
        (json!({ "prompt": [] }), "prompt: is not a field here, did you mean prompts?"),
        (json!({ "optimiser": { "lerning_rate": 1 } }), "did you mean learning_rate?"),
        (json!({ "version": 2 }), "version: got 2, expected 1"),
        (json!({ "losses": [{ "kind": "dop" }] }), "losses[0].kind: got \"dop\", expected one of rlhf, dpo"),
        (json!({ "losses": [{ "kind": "dop" }] }), "did you mean dpo?"),
        (json!({ "losses": [{ "kind": "dpo", "lambda": -1 }] }), "losses[0].lambda: got -1, expected a number"),
        (json!({ "losses": [{ "kind": "dpo", "lambda": 0 }] }), "losses[0].lambda: got 0"),
        (json!({ "losses": [{ "kind": "dpo", "psi": "hinge" }] }), "losses[0].psi: does not apply to dpo"),
        (json!({ "losses": [{ "kind": "qpo" }] }), "losses[0].psi: is missing"),
        (json!({ "losses": [{ "kind": "f-dpo", "divergence": { "alpha": 1 } }] }), "divergence.alpha: got 1"),
        (json!({ "weight_decay": { "alpha": -0.1 } }), "weight_decay.alpha: got -0.1"),
        (json!({ "weight_decay": { "on": "theta" } }), "expected one of logits, policy"),
        (json!({ "optimiser": { "steps": 10_000_001 } }), "a whole number from 1 to 10000000"),
        (json!({ "optimiser": { "batch_size": 0 } }), "optimiser.batch_size: got 0"),
        (json!({ "sweep": { "points": 10_002 } }), "a whole number from 2 to 10001"),
        (json!({ "sweep": { "from": 2, "to": 1 } }), "sweep.to: is 1, must be above sweep.from"),
        (json!({ "preferences": { "source": "sampled", "draws": 1_000_001 } }), "a whole number from 1 to 1000000"),
        (json!({ "preferences": { "source": "sampled" } }), "preferences.draws: is missing"),
        (
            json!({ "preferences": { "source": "counts", "counts": [[[0, 0, 0], [0, 0, 0], [0, 0, 0]]] } }),
            "preferences.counts[0]: holds no comparison",
        ),
        (
            json!({ "preferences": { "source": "counts", "counts": [[[1, 0, 0], [0, 0, 0], [0, 0, 0]]] } }),
            "preferences.counts[0][0][0]: got 1, expected 0",
        ),
    ];
    for (value, expected) in cases {
        let message = Spec::from_json(&value).expect_err("a mistake").to_string();
        assert!(message.contains(expected), "{message}\nexpected: {expected}");
        assert_eq!(message.lines().count(), 1);
    }
}

#[test]
fn text_that_is_not_json_is_told_with_its_place() {
    for text in ["", "{", "[1,", "{\"a\":NaN}", "{\"weight_decay\":{\"alpha\":1e999}}"] {
        let message = Spec::from_text(text).expect_err("a mistake").to_string();
        assert!(message.starts_with("not JSON: ") && message.contains("line 1"), "{message}");
    }
}

#[test]
fn limits_are_checked_before_any_work() {
    let huge = " ".repeat((16 << 20) + 1);
    assert!(Spec::from_text(&huge).expect_err("too large").to_string().contains("at most 16777216 are allowed"));
    let many = json!({
        "prompts": vec![json!({ "pi_ref": vec![1; 200], "pi_star": vec![1; 200], "normalise": true }); 1100],
    });
    let message = Spec::from_json(&many).expect_err("too many pairs").to_string();
    assert!(message.contains("at most 20000000 are allowed"), "{message}");
    let long = json!({ "optimiser": { "steps": 10_000_000, "record_every": 1 } });
    assert!(Spec::from_json(&long).expect_err("too long").to_string().contains("record less often"));
}
