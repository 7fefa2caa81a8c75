//! What the page takes on: an address, a message or an edit may ask for more than it computes while a hand waits.

use super::keys;
use super::state::View;
use crate::solve::cost::Cost;
use crate::solve::verdict::TIE_STARTS;
use crate::spec::url::Link;
use crate::spec::{Preferences, Problem, Spec, WeightDecay};

/// Actions that the page's views take on; larger experiments are for the headless program.
pub const MOST_ACTIONS: usize = 64;
/// Prompts likewise.
pub const MOST_PROMPTS: usize = 8;
/// Losses side by side.
pub const MOST_LOSSES: usize = 12;
/// Steps of all runs.
const MOST_STEPS: u64 = 2_000_000;
/// Points of a sweep, which are also drawn.
const MOST_POINTS: usize = 1001;
/// Points that curves are thinned to at most.
const LEAST_POINTS: usize = 9;
/// Microseconds for all exact curves, which the page computes before it draws.
const MOST_MICROS: u64 = 500_000;
/// Draws of sampled data over all prompts, made anew at every edit.
const MOST_DRAWS: u64 = 400_000;
/// Pairs that a training run looks at.
const MOST_PAIRS: u64 = 100_000_000;
/// Numbers that the runs keep: 16 MB.
const MOST_NUMBERS: u64 = 2_000_000;

/// Whether the page can compute what a link asks for in a view, all its seeds included.
///
/// # Errors
/// What is too much, in one sentence with the remedy.
pub fn check(view: View, link: &Link) -> Result<(), String> {
    keys::gamma(link)?;
    let (spec, runs) = (&link.spec, u64::from(keys::runs(link)?));
    if view == View::Language {
        check_world(spec)?;
    }
    let steps = spec.all_steps().saturating_mul(runs);
    let batch = spec.optimiser.batch_size.unwrap_or(0);
    let asked = [
        ("actions", spec.actions() as u64, MOST_ACTIONS as u64),
        ("prompts", spec.prompts.len() as u64, MOST_PROMPTS as u64),
        ("losses", spec.losses.len() as u64, MOST_LOSSES as u64),
        ("sweep points", spec.sweep.points as u64, MOST_POINTS as u64),
        ("training steps", steps, MOST_STEPS),
        ("pairs in its batches", steps.saturating_mul(batch.into()), MOST_PAIRS),
        ("draws", spec.prompts.len() as u64 * u64::from(spec.preferences.draws()), MOST_DRAWS),
        ("recorded numbers", spec.recorded_numbers().saturating_mul(runs), MOST_NUMBERS),
    ];
    if let Some((what, got, most)) = asked.into_iter().find(|(_, got, most)| got > most) {
        return Err(format!(
            "This experiment has {got} {what}, more than the page computes at once ({most}); use fewer, or the typo-lab program."
        ));
    }
    let micros = micros(view, spec);
    if micros > MOST_MICROS {
        return Err(format!(
            "This experiment’s exact curves take about {:.1} s, more than the page computes at once; use fewer actions, \
             prompts, losses or sweep points, or the typo-lab program.",
            micros as f64 / 1e6
        ));
    }
    Ok(())
}

/// The small world of the language model has its own policies and pairs.
fn check_world(spec: &Spec) -> Result<(), String> {
    let world = View::Language.preset().spec();
    if spec.prompts == world.prompts && spec.preferences == world.preferences {
        return Ok(());
    }
    Err("The language model has policies and preferences of its own; leave both out of its link, or open this experiment in another view.".to_owned())
}

/// Whether an experiment's data hold a pair for every prompt.
///
/// # Errors
/// Where they do not, in one sentence with the remedy.
pub fn check_data(spec: &Spec) -> Result<(), String> {
    match spec.preferences {
        // The expectation knows every pair.
        Preferences::Population { .. } => Ok(()),
        _ => Problem::new(spec).map(|_| ()).map_err(|e| format!("{e}.")),
    }
}

/// Microseconds of a Newton minimisation, and of all else at a point: about what Chromium takes on a small machine, see
/// benches/README.md.
fn newton_micros(actions: u64) -> u64 {
    5 + actions * actions / 4
}

/// Microseconds of a view's exact curves, at most.
fn micros(view: View, spec: &Spec) -> u64 {
    let (prompts, actions) = (spec.prompts.len() as u64, spec.actions() as u64);
    let newton = newton_micros(actions);
    let free = WeightDecay { alpha: 0.0, ..spec.weight_decay };
    let under = WeightDecay { alpha: spec.weight_decay.alpha.max(1.0), ..free };
    let one = |l: &crate::spec::LossSpec| {
        let at = |decay: WeightDecay| Cost::of(l.loss, decay);
        let point = |searches: u64| 1 + actions + searches * newton;
        // The curve, the chosen λ and the two limits, each with a solver of its own.
        let here = at(spec.weight_decay);
        let lambdas = spec.sweep.over_lambda().points as u64 + 3;
        let curve = if view == View::Constraints { 3 } else { lambdas };
        let mut micros = curve.saturating_mul(point(here.each)) + 3 * here.once * newton;
        if view == View::Constraints {
            let alphas = spec.sweep.over_alpha().points as u64 + 2;
            micros += alphas.saturating_mul(point(at(under).each + TIE_STARTS)) + here.once * newton;
        }
        micros = micros.saturating_mul(prompts);
        if view == View::Shapes {
            // One label a pair, under two references.
            micros += 2 * (lambdas.min(64).saturating_mul(point(at(free).each)) + 2 * here.once * newton);
        }
        micros
    };
    spec.losses.iter().map(one).fold(0, u64::saturating_add)
}

/// The link with as many sweep points as the page computes at once: fewer where an edit made each dearer, and as many as its
/// preset has once they are cheaper again.
pub fn thinned(view: View, before: &Link, mut link: Link) -> Link {
    let full = link.preset.spec().sweep.points;
    let one_more = |link: &Link| {
        let mut spec = link.spec.clone();
        spec.sweep.points += 1;
        micros(view, &spec) > MOST_MICROS
    };
    let sweep = &mut link.spec.sweep;
    if *sweep == before.spec.sweep && sweep.points < full && one_more(before) {
        sweep.points = full;
    }
    while micros(view, &link.spec) > MOST_MICROS && link.spec.sweep.points > LEAST_POINTS {
        link.spec.sweep.points -= 1;
    }
    link
}

/// What there is to say of a link whose curves have fewer points than its preset's.
pub fn remark(link: &Link) -> Option<String> {
    let (now, full) = (link.spec.sweep.points, link.preset.spec().sweep.points);
    (now < full).then(|| format!("Curves have {now} points instead of {full}, so that they still follow the hand."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::{Loss, Mu, Psi};
    use crate::preference::Pairing;
    use crate::spec::{LossSpec, Preset};

    fn link(prompts: usize, actions: usize, points: usize, losses: &[Loss]) -> Link {
        let mut spec = Spec::default();
        spec.prompts[0].pi_ref = vec![1.0 / actions as f64; actions];
        spec.prompts[0].pi_star = spec.prompts[0].pi_ref.clone();
        spec.prompts = vec![spec.prompts[0].clone(); prompts];
        spec.sweep.points = points;
        let first = spec.losses[0];
        spec.losses = losses.iter().map(|l| LossSpec { loss: *l, steps: None, ..first }).collect();
        Link { spec, preset: Preset::Figure2, page: Vec::new() }
    }

    const VIEW: View = View::Interpolation;

    #[test]
    fn every_count_is_bounded_up_to_its_edge() {
        assert_eq!(check(VIEW, &link(1, 64, 61, &Loss::ALL)), Ok(()));
        let refused = |link: &Link, what: &str| {
            let said = check(VIEW, link).expect_err(what);
            assert!(said.contains(what) && said.contains("more than the page computes"), "{said}");
        };
        refused(&link(1, 65, 2, &[Loss::Dpo]), "65 actions");
        refused(&link(9, 2, 2, &[Loss::Dpo]), "9 prompts");
        refused(&link(1, 2, 2, &[Loss::Dpo; 13]), "13 losses");
        refused(&link(1, 2, 1002, &[Loss::Dpo]), "1002 sweep points");
        let mut many = link(8, 3, 61, &Loss::ALL);
        let pairing = Pairing::Uniform;
        many.spec.preferences = Preferences::Sampled { draws: 50_001, seed: 1, pairing };
        refused(&many, "draws");
        let mut large = link(1, 3, 61, &Loss::ALL);
        large.spec.optimiser.batch_size = Some(1_000_000);
        refused(&large, "pairs in its batches");
    }

    #[test]
    fn the_language_model_keeps_to_its_world() {
        let mut own = Link { spec: Preset::Figure4.spec(), preset: Preset::Figure4, page: Vec::new() };
        own.spec.losses.truncate(2);
        own.spec.weight_decay.alpha = 0.1;
        assert_eq!(check(View::Language, &own), Ok(()));
        for other in [link(1, 3, 61, &[Loss::Dpo]), link(3, 3, 61, &[Loss::Dpo]), link(2, 4, 61, &[Loss::Dpo])] {
            assert!(check(View::Language, &other).is_err_and(|e| e.contains("in another view")));
        }
    }

    #[test]
    fn a_run_records_no_more_than_the_page_can_keep_all_seeds_included() {
        let mut long = link(1, 3, 61, &[Loss::Dpo; 4]);
        (long.spec.optimiser.record_every, long.spec.optimiser.steps) = (1, 90_000);
        assert_eq!(check(VIEW, &long), Ok(()));
        long.page.push(("runs".into(), "2".into()));
        assert!(check(VIEW, &long).is_err_and(|e| e.contains("recorded numbers")));
        long.page.clear();
        long.spec.optimiser.steps = 490_000;
        assert!(check(VIEW, &long).is_err_and(|e| e.contains("recorded numbers")));
    }

    #[test]
    fn losses_that_search_from_many_starts_are_weighed_by_them() {
        let threshold = [Loss::Qpo(Psi::Threshold, Mu::Log); MOST_LOSSES];
        let said = check(VIEW, &link(8, 3, 1001, &threshold)).expect_err("fourteen searches a point");
        assert!(said.starts_with("This experiment’s exact curves"), "{said}");
        assert_eq!(check(VIEW, &link(8, 3, 1001, &[Loss::Dpo; MOST_LOSSES])), Ok(()));
        // Weight decay makes RLHF search too, and the constraint searches at every α of its own.
        let mut decayed = link(4, 64, 61, &Loss::ALL);
        assert_eq!(check(VIEW, &decayed), Ok(()));
        decayed.spec.weight_decay.alpha = 0.01;
        assert!(check(VIEW, &decayed).is_err());
        let few = link(1, 64, 61, &Loss::ALL);
        assert_eq!((check(VIEW, &few), check(View::Constraints, &few).is_err()), (Ok(()), true));
    }

    #[test]
    fn curves_are_thinned_while_they_are_dear_and_no_longer() {
        let small = link(1, 3, 61, &Loss::ALL);
        let mut large = link(1, 64, 61, &Loss::ALL);
        large.spec.weight_decay.alpha = 0.01;
        let thin = thinned(VIEW, &small, large.clone());
        assert!((LEAST_POINTS..61).contains(&thin.spec.sweep.points), "{}", thin.spec.sweep.points);
        assert_eq!(check(VIEW, &thin), Ok(()));
        assert!(remark(&thin).is_some_and(|r| r.contains("instead of 61")));
        let mut free = thin.clone();
        free.spec.weight_decay.alpha = 0.0;
        assert_eq!(thinned(VIEW, &thin, free).spec.sweep.points, 61);
        // Points that a link asks for stay.
        let few = link(1, 3, 11, &Loss::ALL);
        assert_eq!(thinned(VIEW, &few, few.clone()).spec.sweep.points, 11);
    }
}
