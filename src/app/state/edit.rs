//! Edits of the experiment: what each does to a link.

use super::Given;
use crate::app::controls::data::{COMPARED, expected_counts};
use crate::app::controls::policy::{FLOOR, settle, with_entry};
use crate::app::keys::{GAMMA, set_page, written};
use crate::preference::Pairing;
use crate::simplex::ascending;
use crate::spec::url::{self, Link};
use crate::spec::{DecayOn, KlConvention, LossSpec, Optimiser, Preferences, Spec};
use crate::worker::protocol::lm::{Method, Wish};

/// An edit of the experiment.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    Lambda(f64),
    Alpha(f64),
    DecayOn(DecayOn),
    Policy {
        prompt: usize,
        given: Given,
        pi: Vec<f64>,
    },
    /// Whether a prompt's reference is its π*, or off.
    Ideal {
        prompt: usize,
        ideal: bool,
    },
    Preferences(Preferences),
    Losses(Vec<LossSpec>),
    Optimiser(Optimiser),
    Kl(KlConvention),
    Size {
        prompts: usize,
        actions: usize,
    },
    /// How many seeds are trained.
    Runs(u32),
    /// The authors' settings with the paper's readings, or the preset's own.
    Paper(bool),
    /// γ of figure 8.
    Gamma(f64),
    /// Which device the language model is on.
    Device(Wish),
    /// How it is trained.
    Method(Method),
}

impl Edit {
    /// The link after the edit; none where the edit was made for an experiment that is gone: two within one frame.
    pub fn applied(self, link: &Link) -> Option<Link> {
        let mut link = link.clone();
        let spec = &mut link.spec;
        match self {
            Self::Lambda(lambda) => url::set_lambda(spec, lambda),
            Self::Alpha(alpha) => spec.weight_decay.alpha = alpha,
            Self::DecayOn(on) => spec.weight_decay.on = on,
            Self::Policy { prompt, given, pi } => set_policy(spec, prompt, given, pi),
            Self::Ideal { prompt, ideal } => set_ideal(spec, prompt, ideal),
            Self::Preferences(preferences) => spec.preferences = preferences,
            Self::Losses(losses) => spec.losses = losses,
            Self::Optimiser(optimiser) => spec.optimiser = optimiser,
            Self::Kl(kl) => spec.kl = kl,
            Self::Size { prompts, actions } => resize(spec, prompts, actions),
            Self::Runs(runs) => set_page(&mut link, "runs", (runs > 1).then(|| runs.to_string())),
            Self::Gamma(gamma) => {
                set_page(&mut link, "gamma", (gamma != GAMMA).then(|| gamma.to_string()));
            }
            Self::Device(wish) => {
                set_page(&mut link, "device", (wish != Wish::Auto).then(|| wish.key().to_owned()));
            }
            Self::Method(method) => set_page(&mut link, "method", written(method)),
            Self::Paper(on) => {
                link.spec = link.preset.authors().filter(|_| on).unwrap_or_else(|| link.preset.spec());
                set_page(&mut link, "paper", on.then(|| "1".to_owned()));
            }
        }
        is_of_one_shape(&link.spec).then_some(link)
    }
}

/// Sets a policy. A good prompt's two policies are one: moving either moves both, so that it stays good.
fn set_policy(spec: &mut Spec, prompt: usize, given: Given, pi: Vec<f64>) {
    let two_prompts = spec.prompts.len() > 1;
    let Some(p) = spec.prompts.get_mut(prompt) else { return };
    if two_prompts && p.is_ideal() {
        p.pi_ref.clone_from(&pi);
        p.pi_star = pi;
        return;
    }
    match given {
        Given::Reference => p.pi_ref = pi,
        Given::Star => p.pi_star = pi,
    }
}

/// Makes a prompt's reference its π*, or one that gives the likeliest action half as much. A reference gives every action some.
fn set_ideal(spec: &mut Spec, prompt: usize, ideal: bool) {
    let Some(p) = spec.prompts.get_mut(prompt).filter(|p| p.is_ideal() != ideal) else { return };
    let likeliest = ascending(&p.pi_star).pop().unwrap_or(0);
    let share = p.pi_star[likeliest];
    if !ideal {
        p.pi_ref = with_entry(&p.pi_star, likeliest, 0.5 * share);
        return;
    }
    if p.pi_star.contains(&0.0) {
        p.pi_star = with_entry(&p.pi_star, likeliest, share);
    }
    p.pi_ref.clone_from(&p.pi_star);
}

/// Whether every policy and every table of counts is over the same actions.
fn is_of_one_shape(spec: &Spec) -> bool {
    let actions = spec.actions();
    let policies = spec.prompts.iter().all(|p| p.pi_ref.len() == actions && p.pi_star.len() == actions);
    let square = |t: &Vec<Vec<f64>>| t.len() == actions && t.iter().all(|row| row.len() == actions);
    policies
        && match &spec.preferences {
            Preferences::Counts { counts } => counts.len() == spec.prompts.len() && counts.iter().all(square),
            _ => true,
        }
}

/// Takes prompts or actions away from the end, or adds them: a new prompt like the last, a new action as likely as an average one.
fn resize(spec: &mut Spec, prompts: usize, actions: usize) {
    let names = spec.prompts.len();
    let last = spec.prompts[names - 1].clone();
    spec.prompts.resize(prompts, last);
    for (k, p) in spec.prompts.iter_mut().enumerate() {
        if k >= names {
            p.name = format!("x{}", k + 1);
        }
        for pi in [&mut p.pi_ref, &mut p.pi_star] {
            pi.resize(actions, 1.0 / pi.len() as f64);
            // What is kept may have next to no mass, and a reference must give every action some.
            for v in pi.iter_mut() {
                *v = v.max(FLOOR);
            }
            let total: f64 = pi.iter().sum();
            for v in pi.iter_mut() {
                *v /= total;
            }
            // Equals stay equal, though their link is longer: a last place more would make some of them the mode.
            if pi.iter().any(|v| *v != pi[0]) {
                settle(pi, actions);
            }
        }
    }
    if prompts * actions * actions > MOST_COUNTS && matches!(spec.preferences, Preferences::Counts { .. }) {
        spec.preferences = Preferences::Population { pairing: Pairing::Uniform };
    }
    if let Preferences::Counts { counts } = &mut spec.preferences {
        let last = counts[names - 1].clone();
        counts.resize(prompts, last);
        for (table, p) in counts.iter_mut().zip(&spec.prompts) {
            *table = counts_resized(table, &p.pi_star);
        }
    }
}

/// Counts that are kept when there are more actions or prompts; an address that holds them has room for no more.
const MOST_COUNTS: usize = 4096;

/// The counts of pairs that are kept, and for new pairs what they would count on average if compared as often. Expected counts
/// alone where nothing is left that was compared.
fn counts_resized(kept: &[Vec<f64>], star: &[f64]) -> Vec<Vec<f64>> {
    let left = kept.len().min(star.len());
    let compared: f64 = kept.iter().take(left).flat_map(|row| row.iter().take(left)).sum();
    if compared == 0.0 {
        return expected_counts(star, COMPARED);
    }
    let pairs = 0.5 * (left * (left - 1)) as f64;
    let mut table = expected_counts(star, (compared / pairs).round().max(1.0));
    for (row, kept) in table.iter_mut().zip(kept) {
        for (count, kept) in row.iter_mut().zip(kept) {
            *count = *kept;
        }
    }
    table
}
