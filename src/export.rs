//! Results as JSON and CSV: what the headless program prints and the page saves, from the same numbers.
//!
//! JSON has no infinity: a log-probability of a boundary policy, or a distance from one, is `null` where it is infinite.

use serde_json::{Value, json};

use crate::simplex::{kl, probs, tv};
use crate::solve::sweep::Series;
use crate::solve::verdict::{Finding, Verdict, at_boundary};
use crate::solve::{Minimiser, Status};
use crate::spec::{LossSpec, Problem, Sweep};
use crate::trace::Trace;

/// Exact minimisers of one loss, one a prompt.
pub type Minimised = (LossSpec, Vec<Minimiser>);

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
    let prompt = &problem.prompts[x];
    let factor = problem.kl.factor(m.log_pi.len());
    json!({
        "name": prompt.name,
        "pi": probs(&m.log_pi),
        "log_pi": m.log_pi,
        "kl_star": factor * kl(&prompt.log_star, &m.log_pi),
        "kl_ref": factor * kl(&prompt.log_ref, &m.log_pi),
        "tv_star": tv(&prompt.log_star, &m.log_pi),
        "status": m.status.key(),
        "unique": m.unique,
    })
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
        labelled(loss, json!({ "steps": trace.steps, "loss_value": trace.loss_value, "prompts": prompts }))
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

/// Minimisers as a table, a line an action.
pub fn minimisers_csv(problem: &Problem, found: &[Minimised]) -> String {
    let mut out = String::from("loss,lambda,status,prompt,action,pi,log_pi\n");
    for (loss, prompts) in found {
        for (m, p) in prompts.iter().zip(&problem.prompts) {
            for (action, z) in m.log_pi.iter().enumerate() {
                let head = format!("{},{},{},{}", loss.loss.key(), loss.lambda, m.status.key(), quoted(&p.name));
                out.push_str(&format!("{head},{action},{},{z}\n", z.exp()));
            }
        }
    }
    out
}

/// Runs as a table, a line a snapshot and prompt.
pub fn runs_csv(problem: &Problem, traces: &[(LossSpec, Trace)]) -> String {
    let mut out = header("loss,lambda,step,loss_value,prompt", problem.actions());
    for (loss, trace) in traces {
        for k in 0..trace.len() {
            for (x, p) in problem.prompts.iter().enumerate() {
                let head = format!("{},{},{}", loss.loss.key(), loss.lambda, trace.steps[k]);
                let policy = columns(trace.policy(k, x, problem.actions()));
                out.push_str(&format!("{head},{},{}{policy}\n", trace.loss_value[k], quoted(&p.name)));
            }
        }
    }
    out
}

/// A sweep as a table, a line a value and prompt.
pub fn sweep_csv(problem: &Problem, sweep: &Sweep, series: &[Series]) -> String {
    let mut out = header(&format!("loss,{},prompt,kl_star", sweep.over.key()), problem.actions());
    for s in series {
        for (k, value) in sweep.values().iter().enumerate() {
            for (found, p) in s.prompts.iter().zip(&problem.prompts) {
                let head = format!("{},{value},{}", s.loss.loss.key(), quoted(&p.name));
                let distance = problem.distance(&p.log_star, &found[k].log_pi);
                out.push_str(&format!("{head},{distance}{}\n", columns(&found[k].log_pi)));
            }
        }
    }
    out
}

fn header(names: &str, actions: usize) -> String {
    let policy: String = (0..actions).map(|a| format!(",pi_{a}")).collect();
    format!("{names}{policy}\n")
}

fn columns(log_pi: &[f64]) -> String {
    log_pi.iter().map(|z| format!(",{}", z.exp())).collect()
}

/// A text as one CSV field.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
