//! Minimisers and trajectories against those of an independent program, natively and (as wasm) in a browser.

use std::sync::Arc;

use serde_json::{Value, json};
use typo_lab::solve::{ExactSolver, Run};
use typo_lab::spec::{Problem, Spec};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

const MINIMISERS: &str = include_str!("goldens/minimisers.json");
const TRAJECTORIES: &str = include_str!("goldens/adam_trajectories.json");

fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("golden data are JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn problem(case: &Value, optimiser: &Value, alpha: f64) -> Problem {
    let spec = json!({
        "prompts": [{ "pi_ref": case["pi_ref"], "pi_star": case["pi_star"] }],
        "preferences": { "source": "population", "pairing": case["pairing"] },
        "losses": [{ "kind": case["loss"], "lambda": case["lambda"] }],
        "weight_decay": { "alpha": alpha, "on": "logits" },
        "optimiser": optimiser,
    });
    Problem::new(&Spec::from_json(&spec).expect("a valid spec")).expect("a valid problem")
}

fn close(ours: f64, golden: f64) -> bool {
    (ours.exp() - golden.exp()).abs() <= 1e-9 && (golden.exp() >= 1e-9 || (ours - golden).abs() <= 1e-6 * golden.abs())
}

#[test]
fn exact_minimisers_agree_with_fifty_digit_arithmetic() {
    let all = cases(MINIMISERS);
    assert_eq!(all.len(), 140);
    for case in all {
        let problem = problem(&case, &json!({}), 0.0);
        let found = ExactSolver::new(&problem, problem.losses[0]).solve();
        for (ours, golden) in found[0].log_pi.iter().zip(numbers(&case["log_pi"])) {
            assert!(close(*ours, golden), "{case}: got {:?}", found[0].log_pi);
        }
    }
}

#[test]
fn adam_trajectories_agree_with_an_independent_program() {
    let all = cases(TRAJECTORIES);
    assert_eq!(all.len(), 20);
    for case in all {
        let optimiser = json!({
            "learning_rate": case["learning_rate"], "batch_size": null, "clip_norm": case["clip_norm"],
            "steps": 400, "record_every": case["record_every"],
        });
        let alpha = case["weight_decay_alpha"].as_f64().expect("a number");
        let run = Run::new(Arc::new(problem(&case, &optimiser, alpha)), 0);
        let snapshots: Vec<_> = run.collect();
        let golden = case["pi"].as_array().expect("a list");
        assert_eq!(snapshots.len(), golden.len());
        for (ours, golden) in snapshots.iter().zip(golden) {
            for (log_pi, pi) in ours.log_pi.iter().zip(numbers(golden)) {
                assert!(close(*log_pi, pi.ln()), "step {} of {case}", ours.step);
            }
        }
    }
}
