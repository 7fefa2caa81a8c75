//! Results as CSV, every number in full.

use super::{Minimised, distances};
use crate::solve::Start;
use crate::solve::sweep::Series;
use crate::spec::{LossSpec, Problem, Sweep, SweepOver};
use crate::trace::Trace;

/// Minimisers as a table, a line an action; what belongs to a whole policy stands in each of its lines.
pub fn minimisers_csv(problem: &Problem, found: &[Minimised]) -> String {
    let names = "loss,choices,lambda,status,prompt,action,pi,log_pi,kl_star,kl_ref,tv_star,unique,start";
    let mut out = format!("{names}\n");
    for (loss, prompts) in found {
        for (x, (m, p)) in prompts.iter().zip(&problem.prompts).enumerate() {
            let [kl_star, kl_ref, tv_star] = distances(problem, x, m);
            let head = format!("{},{},{}", which(loss), m.status.key(), quoted(&p.name));
            let tail = format!("{kl_star},{kl_ref},{tv_star},{},{}", m.unique, m.start.map_or("", Start::key));
            for (action, z) in m.log_pi.iter().enumerate() {
                out.push_str(&format!("{head},{action},{},{z},{tail}\n", z.exp()));
            }
        }
    }
    out
}

/// Runs as a table, a line a snapshot and prompt. Of several seeds, each after the one before, a line ends with its optimiser's seed;
/// the seed of sampled data has moved as far ([`Spec::seeded`](crate::spec::Spec::seeded)).
pub fn runs_csv(problem: &Problem, seeds: &[Vec<(LossSpec, Trace)>]) -> String {
    let last = |text: String| if seeds.len() > 1 { format!(",{text}") } else { String::new() };
    let names = header("loss,choices,lambda,step,loss_value,prompt", problem.actions());
    let mut out = format!("{names}{}\n", last("seed".to_owned()));
    for (nth, runs) in seeds.iter().enumerate() {
        let seed = last(problem.optimiser.seed.wrapping_add(nth as u64).to_string());
        for (loss, trace) in runs {
            for k in 0..trace.len() {
                for (x, p) in problem.prompts.iter().enumerate() {
                    let head = format!("{},{}", which(loss), trace.step(k));
                    let policy = columns(trace.policy(k, x, problem.actions()));
                    out.push_str(&format!("{head},{},{}{policy}{seed}\n", trace.loss_value(k), quoted(&p.name)));
                }
            }
        }
    }
    out
}

/// A sweep as a table, a line a value and prompt.
pub fn sweep_csv(problem: &Problem, sweep: &Sweep, series: &[Series]) -> String {
    // A sweep over λ has its λ in the value's column.
    let names = match sweep.over {
        SweepOver::Lambda => "loss,choices,lambda,prompt,kl_star",
        SweepOver::Alpha => "loss,choices,lambda,alpha,prompt,kl_star",
    };
    let mut out = header(names, problem.actions()) + "\n";
    for s in series {
        for (k, value) in sweep.values().iter().enumerate() {
            for (found, p) in s.prompts.iter().zip(&problem.prompts) {
                let head = match sweep.over {
                    SweepOver::Lambda => which(&LossSpec { lambda: *value, ..s.loss }),
                    SweepOver::Alpha => format!("{},{value}", which(&s.loss)),
                };
                let name = quoted(&p.name);
                let distance = problem.distance(&p.log_star, &found[k].log_pi);
                out.push_str(&format!("{head},{name},{distance}{}\n", columns(&found[k].log_pi)));
            }
        }
    }
    out
}

/// A loss, its choices and its λ, as the first three columns of every table.
fn which(loss: &LossSpec) -> String {
    format!("{},{},{}", loss.loss.key(), loss.loss.choices(), loss.lambda)
}

fn header(names: &str, actions: usize) -> String {
    let policy: String = (0..actions).map(|a| format!(",pi_{a}")).collect();
    format!("{names}{policy}")
}

fn columns(log_pi: &[f64]) -> String {
    log_pi.iter().map(|z| format!(",{}", z.exp())).collect()
}

/// A text as one CSV field.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
