//! What the headless program prints and the page saves, from the same numbers: JSON here, the rest in a file each.
//!
//! JSON has no infinity: a log-probability of a boundary policy, or a distance from one, is `null` where it is infinite.

mod bibtex;
mod csv;
mod iframe;
mod python;

pub use bibtex::{PAPER, SOFTWARE};
pub use csv::{minimisers_csv, runs_csv, sweep_csv};
pub use iframe::Frame;
pub use python::{script, script_from};

use serde_json::{Value, json};

use crate::simplex::{probs, tv};
use crate::solve::sweep::Series;
use crate::solve::verdict::{Finding, Verdict, at_boundary};
use crate::solve::{Minimiser, Start, Status};
use crate::spec::{LossSpec, Problem, Spec, Sweep};
use crate::trace::Trace;

/// Exact minimisers of one loss, one a prompt.
pub type Minimised = (LossSpec, Vec<Minimiser>);

/// `typo-lab preset` and the page's experiment file, one field a line.
pub fn spec(spec: &Spec) -> String {
    format!("{:#}\n", spec.to_json())
}

/// `typo-lab minimise`.
pub fn minimisers(problem: &Problem, found: &[Minimised]) -> Value {
    let one = |(loss, prompts): &Minimised| {
        let status = if at_boundary(prompts) { Status::Boundary } else { Status::Interior };
        let prompts: Vec<Value> = prompts.iter().enumerate().map(|(x, m)| minimiser(problem, x, m)).collect();
        labelled(loss, json!({ "status": status.key(), "prompts": prompts }))
    };
    json!({ "minimisers": found.iter().map(one).collect::<Vec<_>>() })
}

fn minimiser(problem: &Problem, x: usize, m: &Minimiser) -> Value {
    let [kl_star, kl_ref, tv_star] = distances(problem, x, m);
    json!({
        "name": problem.prompts[x].name,
        "pi": probs(&m.log_pi),
        "log_pi": m.log_pi,
        "kl_star": kl_star,
        "kl_ref": kl_ref,
        "tv_star": tv_star,
        "status": m.status.key(),
        "unique": m.unique,
        "start": m.start.map(Start::key),
    })
}

/// `kl_star`, `kl_ref` and `tv_star` of prompt `x`'s minimiser.
fn distances(problem: &Problem, x: usize, m: &Minimiser) -> [f64; 3] {
    let prompt = &problem.prompts[x];
    let nats = |from: &[f64]| problem.distance(from, &m.log_pi);
    [nats(&prompt.log_star), nats(&prompt.log_ref), tv(&prompt.log_star, &m.log_pi)]
}

/// Puts a loss's name, choices and λ beside its results.
fn labelled(loss: &LossSpec, results: Value) -> Value {
    let mut out = json!({ "loss": loss.loss.key() });
    let choices = crate::spec::write::loss(loss);
    for part in [choices, results] {
        if let (Value::Object(into), Value::Object(from)) = (&mut out, part) {
            into.extend(from.into_iter().filter(|(name, _)| name != "kind"));
        }
    }
    out
}

/// `typo-lab train`.
pub fn runs(problem: &Problem, traces: &[(LossSpec, Trace)]) -> Value {
    let actions = problem.actions();
    let one = |(loss, trace): &(LossSpec, Trace)| {
        let prompts: Vec<Value> = problem
            .prompts
            .iter()
            .enumerate()
            .map(|(x, p)| {
                let pi: Vec<_> = (0..trace.len()).map(|k| probs(trace.policy(k, x, actions))).collect();
                json!({ "name": p.name, "pi": pi })
            })
            .collect();
        labelled(
            loss,
            json!({
                "steps": trace.steps().collect::<Vec<_>>(),
                "loss_value": trace.loss_values().collect::<Vec<_>>(),
                "prompts": prompts
            }),
        )
    };
    json!({ "runs": traces.iter().map(one).collect::<Vec<_>>() })
}

/// `typo-lab sweep`.
pub fn sweep(problem: &Problem, sweep: &Sweep, series: &[Series]) -> Value {
    let one = |s: &Series| {
        let prompts: Vec<Value> = s
            .prompts
            .iter()
            .zip(&problem.prompts)
            .map(|(found, p)| {
                json!({
                    "name": p.name,
                    "pi": found.iter().map(|m| probs(&m.log_pi)).collect::<Vec<_>>(),
                    "kl_star": found.iter().map(|m| problem.distance(&p.log_star, &m.log_pi)).collect::<Vec<_>>(),
                    "status": found.iter().map(|m| m.status.key()).collect::<Vec<_>>(),
                })
            })
            .collect();
        labelled(&s.loss, json!({ "prompts": prompts }))
    };
    json!({
        "sweep": { "over": sweep.over.key(), "values": sweep.values() },
        "series": series.iter().map(one).collect::<Vec<_>>(),
    })
}

/// `typo-lab verdict`.
pub fn verdicts(list: &[Verdict]) -> Value {
    let finding = |f: &Finding| json!({ "holds": f.holds, "value": f.value, "why": f.why });
    let one = |v: &Verdict| {
        labelled(
            &v.loss,
            json!({
                "preservation": finding(&v.preservation),
                "strong_interpolation": finding(&v.strong_interpolation),
                "weak_interpolation": finding(&v.weak_interpolation),
                "constraint_gap": finding(&v.constraint_gap),
            }),
        )
    };
    json!({ "verdicts": list.iter().map(one).collect::<Vec<_>>() })
}
