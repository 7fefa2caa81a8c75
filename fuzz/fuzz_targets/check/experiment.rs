//! Experiment files and links: what is accepted comes back from its file and from its link, and resolves without a panic.

use typo_lab::spec::url::Link;
use typo_lab::spec::{Preferences, Preset, Problem, Spec, SpecError};

/// Any bytes as an experiment file.
pub fn file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Spec::from_text(text) {
        Ok(read) => spec(&read),
        Err(e) => error(&e),
    }
}

/// Any bytes as a link's fragment.
pub fn fragment(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Link::from_fragment(text) {
        Ok(read) => {
            link(&read);
            spec(&read.spec);
        }
        Err(e) => error(&e),
    }
}

/// Compared pairs and draws up to which an experiment is resolved: more would only slow the search down.
const SMALL: usize = 10_000;

/// An accepted experiment comes back from its file and from its link, and resolves without a panic.
fn spec(spec: &Spec) {
    assert_eq!(Spec::from_json(&spec.to_json()).as_ref(), Ok(spec));
    assert_eq!(Spec::from_text(&spec.to_json().to_string()).as_ref(), Ok(spec));
    let preset = Preset::ALL[spec.losses.len() % Preset::ALL.len()];
    link(&Link { spec: spec.clone(), preset, page: Vec::new() });
    if is_small(spec) {
        match Problem::new(spec) {
            Ok(resolved) => problem(&resolved),
            Err(e) => error(&e),
        }
    }
}

/// What every solver takes for granted.
fn problem(problem: &Problem) {
    for p in &problem.prompts {
        assert!(p.weight.is_finite() && p.log_ref.iter().all(|z| z.is_finite()), "{p:?}");
        assert!(p.log_star.iter().all(|z| !z.is_nan() && *z < f64::INFINITY), "{p:?}");
        let mass: f64 = p.pairs.comparisons.iter().map(|c| c.win + c.lose).sum();
        assert!((mass - 1.0).abs() < 1e-9, "{mass}");
    }
}

/// A link comes back from its fragment.
fn link(link: &Link) {
    assert_eq!(Link::from_fragment(&link.to_fragment()).as_ref(), Ok(link));
}

/// A message is one line, and not as long as what it is about.
fn error(error: &SpecError) {
    let line = error.to_string();
    assert!(!line.is_empty() && !line.chars().any(char::is_control) && line.chars().count() < 1000, "{line:?}");
}

fn is_small(spec: &Spec) -> bool {
    let actions = spec.prompts[0].pi_ref.len();
    let draws = match spec.preferences {
        Preferences::Sampled { draws, .. } => draws as usize * spec.prompts.len(),
        _ => 0,
    };
    spec.prompts.len() * actions * actions <= SMALL && draws <= SMALL
}
