//! Numbers as words: headlines and table entries that follow from what was computed.

use super::exact::{Exact, ExactLoss};
use crate::solve::verdict::{KEPT, Preservation};
use crate::spec::LossSpec;

/// A limit counts as reached below this total variation.
pub const REACHED: f64 = 1e-6;

/// A loss's name, with what tells it from another of its kind.
pub fn name(loss: &LossSpec) -> String {
    match loss.loss {
        crate::loss::Loss::Qpo(psi, _) => format!("QPO, {}", psi.key()),
        other => other.name().to_owned(),
    }
}

/// Nats or probabilities to three places; tiny and huge ones by their power.
pub fn number(x: f64) -> String {
    if x.is_infinite() {
        "∞".to_owned()
    } else if x == 0.0 {
        "0".to_owned()
    } else if x.abs() < 5e-4 {
        let exponent = x.abs().log10().floor() as i32;
        format!("{:.0}·10{}", x / 10f64.powi(exponent), raised(exponent))
    } else if x.abs() >= 1e6 {
        let exponent = x.abs().log10().floor() as i32;
        format!("{:.1}·10{}", x / 10f64.powi(exponent), raised(exponent))
    } else if x.abs() >= 1000.0 {
        format!("{x:.0}")
    } else if x.abs() >= 100.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.3}")
    }
}

/// A distance that may be nothing but the solver's rounding.
pub fn nats(x: f64) -> String {
    if x <= KEPT { "0".to_owned() } else { number(x) }
}

/// A whole number in raised digits.
fn raised(k: i32) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    k.to_string().chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize])).collect()
}

/// λ and α as a field shows them: short, and read back to the same number of digits.
pub fn setting(x: f64) -> String {
    if x == 0.0 || (1e-3..1e4).contains(&x.abs()) {
        let text = format!("{x:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        let text = format!("{x:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        format!("{}e{exponent}", mantissa.trim_end_matches('0').trim_end_matches('.'))
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// What the interpolation view's numbers say.
pub fn interpolation_headline(exact: &Exact) -> String {
    let strong: Vec<String> = exact.losses.iter().filter(|l| reaches_star(l)).map(|l| name(&l.spec)).collect();
    match strong.len() {
        0 => "As λ shrinks, no loss arrives at π*.".to_owned(),
        1 => format!("As λ shrinks, only {} arrives at π*.", strong[0]),
        n if n == exact.losses.len() => "As λ shrinks, every loss arrives at π*.".to_owned(),
        _ => format!("As λ shrinks, {} arrive at π*.", list(&strong)),
    }
}

/// Where the losses that miss π* go.
pub fn interpolation_lead(exact: &Exact) -> String {
    let to_mode = exact.losses.iter().filter(|l| !reaches_star(l) && l.limits.outside_mode <= REACHED).count();
    let others = exact.losses.iter().filter(|l| !reaches_star(l)).count();
    let who = if others == exact.losses.len() { "They" } else { "The others" };
    let fate = if others == 0 {
        String::new()
    } else if to_mode == others {
        format!(" {who} slide to the mode of π*, with no diversity left.")
    } else {
        format!(" {who} end elsewhere; the table says where.")
    };
    format!(
        "Drag the star or the ring. Thick lines are training runs, thin ones the exact minimisers over every λ.{fate}"
    )
}

fn reaches_star(l: &ExactLoss) -> bool {
    l.limits.to_star <= REACHED
}

/// Where λ → 0 leads.
pub fn low_limit(l: &ExactLoss) -> String {
    if reaches_star(l) {
        "π*".to_owned()
    } else if l.limits.outside_mode <= REACHED {
        "the mode of π*".to_owned()
    } else {
        format!("{} from π*", number(l.limits.to_star))
    }
}

/// Where λ → ∞ leads.
pub fn high_limit(l: &ExactLoss) -> String {
    if l.limits.to_reference <= REACHED {
        "π_ref".to_owned()
    } else {
        format!("{} from π_ref", number(l.limits.to_reference))
    }
}

pub fn is_strong(l: &ExactLoss) -> bool {
    reaches_star(l) && l.limits.to_reference <= REACHED
}

pub fn is_weak(l: &ExactLoss) -> bool {
    l.limits.outside_mode <= REACHED && l.limits.to_reference <= REACHED
}

/// What the preservation view's numbers say.
pub fn preservation_headline(exact: &Exact) -> String {
    let tested: Vec<&ExactLoss> = exact.losses.iter().filter(|l| l.preservation.is_some()).collect();
    if tested.is_empty() {
        return "Without a good and a bad prompt there is nothing to preserve.".to_owned();
    }
    let keeps = |l: &&&ExactLoss| l.preservation.as_ref().is_some_and(|p| !p.selective().is_empty());
    let keepers: Vec<String> = tested.iter().filter(keeps).map(|l| name(&l.spec)).collect();
    match keepers.len() {
        0 => "No loss here mends the bad prompt without spoiling the good one.".to_owned(),
        n if n == tested.len() => "Every loss here can mend the bad prompt and keep the good one.".to_owned(),
        1 => format!("Only {} mends the bad prompt and keeps the good one.", keepers[0]),
        _ => format!("{} mend the bad prompt and keep the good one.", list(&keepers)),
    }
}

/// A change of a bad prompt's distance to π*.
pub fn gain(nats: f64) -> String {
    if nats.abs() <= KEPT {
        "unchanged".to_owned()
    } else if nats > 0.0 {
        format!("better by {}", number(nats))
    } else {
        format!("worse by {}", number(-nats))
    }
}

/// A good prompt's distance to π*.
pub fn harm(nats: f64) -> String {
    if nats <= KEPT { "kept".to_owned() } else { format!("worse by {}", number(nats)) }
}

/// Whether, and at which λ, a loss improves the bad prompts and keeps the good ones.
pub fn selectivity(p: &Preservation) -> (bool, String) {
    let (improving, selective) = (p.improving().len(), p.selective().len());
    let all = p.lambdas.len();
    let text = if selective == all {
        "yes, at every λ".to_owned()
    } else if selective == 0 && improving == 0 {
        "no: never improves".to_owned()
    } else if selective == 0 {
        "no, at no λ".to_owned()
    } else {
        format!("at {selective} of {all} λ")
    };
    (selective > 0, text)
}

/// A policy as `(0.60, 0.30, 0.10)`, cut short where it has many actions.
pub fn policy(pi: &[f64]) -> String {
    let shown: Vec<String> = pi.iter().take(4).map(|p| format!("{p:.2}")).collect();
    let more = if pi.len() > 4 { ", …" } else { "" };
    format!("({}{more})", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(number(0.51), "0.510");
        assert_eq!(number(2.2e-7), "2·10⁻⁷");
        assert_eq!(number(f64::INFINITY), "∞");
        assert_eq!(setting(1e-5), "1e-5");
        assert_eq!(setting(0.05), "0.05");
        assert_eq!(setting(0.0), "0");
    }
}
