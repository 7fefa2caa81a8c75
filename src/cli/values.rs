//! What the values of the language model's options may be.

use crate::divergence::Divergence;
use crate::lm::lora::Target;
use crate::lm::optimiser::Schedule;

fn number(text: &str, allowed: impl Fn(f64) -> bool, range: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x| allowed(*x)).ok_or_else(|| format!("must be {range}"))
}

pub fn positive(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0 && x.is_finite(), "a number above 0")
}

pub fn positive_or_infinite(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0, "a number above 0, or inf")
}

pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text, |x| x >= 0.0 && x.is_finite(), "a number of at least 0")
}

pub fn share(text: &str) -> Result<f64, String> {
    number(text, |x| x > 0.0 && x <= 1.0, "a number above 0 and at most 1")
}

pub fn schedule(text: &str) -> Result<Schedule, String> {
    let found = Schedule::ALL.into_iter().find(|s| s.key() == text);
    found.ok_or_else(|| format!("must be one of {}", Schedule::ALL.map(Schedule::key).join(", ")))
}

pub fn target(text: &str) -> Result<Target, String> {
    Target::from_key(text).ok_or_else(|| format!("must be one of {}", Target::ALL.map(Target::key).join(", ")))
}

pub fn divergence(text: &str) -> Result<Divergence, String> {
    let named = Divergence::NAMED.into_iter().find(|(key, _)| *key == text).map(|(_, d)| d);
    let names = Divergence::NAMED.map(|(key, _)| key).join(", ");
    let alpha =
        || number(text, |a| a > 0.0 && a < 1.0, &format!("{names} or a number between 0 and 1")).map(Divergence::Alpha);
    named.map_or_else(alpha, Ok)
}
