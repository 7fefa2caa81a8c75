//! The reducer, without a browser.

use yew::Reducible;

use super::history::MOST_MOMENTS;
use super::*;
use crate::app::{address, bounds};
use crate::loss::{Loss, Mu, Psi};
use crate::preference::Pairing;
use crate::spec::{KlConvention, LossSpec, Optimiser, Preferences, Preset};
use crate::worker::protocol::lm::{Method, Wish};

fn page() -> Rc<State> {
    Rc::new(State::new(address::parse(""), false))
}

/// What the solver sends of one snapshot at `step`, for every loss.
fn batch(state: &State, run: RunId, nth: u32, step: f64, done: bool) -> Action {
    let third = (1.0f64 / 3.0).ln();
    let numbers = vec![3.0, 1.0, step, 0.0, third, third, third];
    Action::Batch { run, nth, traces: vec![numbers; state.spec().losses.len()], done }
}

fn then(state: &Rc<State>, actions: impl IntoIterator<Item = Action>) -> Rc<State> {
    actions.into_iter().fold(Rc::clone(state), Reducible::reduce)
}

#[test]
fn seeds_are_counted_in_the_link_and_undone_like_any_edit() {
    let first = page();
    let many = then(&first, [Action::Edit(Edit::Runs(8))]);
    assert_eq!((many.runs(), many.run), (8, first.run + 1));
    assert_eq!(address::fragment(&many), "runs=8");
    assert_eq!(then(&many, [Action::Undo]).runs(), 1);
    assert_eq!(then(&many, [Action::Edit(Edit::Runs(1))]).link(), first.link());
}

#[test]
fn figure_8s_gamma_is_kept_in_the_link_trains_nothing_and_is_undone() {
    let first = page();
    let moved = then(&first, [Action::Edit(Edit::Gamma(0.5))]);
    assert_eq!((moved.gamma(), moved.run, address::fragment(&moved).as_str()), (0.5, first.run, "gamma=0.5"));
    assert_eq!(then(&moved, [Action::Undo]).gamma(), keys::GAMMA);
    assert_eq!(then(&moved, [Action::Edit(Edit::Gamma(keys::GAMMA))]).link(), first.link());
    let wrong = then(&first, [Action::Edit(Edit::Gamma(-1.0))]);
    assert!(wrong.notice.as_ref().is_some_and(|n| n.starts_with("gamma: got “-1”")) && wrong.link() == first.link());
}

#[test]
fn an_edit_beyond_what_the_page_computes_leaves_all_as_it_was() {
    let first = page();
    let optimiser = Optimiser { steps: 300_000, ..first.spec().optimiser };
    let long = then(&first, [Action::Edit(Edit::Optimiser(optimiser))]);
    assert_eq!(long.notice, None);
    let refused = then(&long, [Action::Edit(Edit::Runs(16))]);
    assert!(refused.notice.as_ref().is_some_and(|n| n.contains("more than the page computes")));
    assert_eq!((refused.link(), refused.run), (long.link(), long.run));
}

#[test]
fn what_belongs_to_the_view_before_is_refused_in_the_language_models() {
    let there = then(&page(), [Action::View(View::Language)]);
    for late in [Action::Preset(Preset::Figure2), Action::Edit(Edit::Size { prompts: 3, actions: 3 })] {
        let after = then(&there, [late]);
        assert!(after.notice.as_ref().is_some_and(|n| n.contains("in another view")));
        assert_eq!((after.link(), after.run), (there.link(), there.run));
    }
    assert!(address::parse("view=language&preset=figure-2").is_err_and(|e| e.contains("in another view")));
}

#[test]
fn leaving_a_fine_tuning_says_that_it_has_ended() {
    let there = then(&page(), [Action::View(View::Language), Action::LmTrains(vec![0])]);
    assert_eq!(then(&there, [Action::View(View::Language)]).run, there.run);
    let left = then(&there, [Action::View(View::Shapes)]);
    for left in
        [&left, &then(&there, [Action::Open(address::parse("lambda=0.5"))]), &then(&there, [Action::Story(Some(0))])]
    {
        assert!(left.notice.as_ref().is_some_and(|n| n.starts_with("The fine-tuning has ended")));
    }
    assert_eq!(then(&left, [Action::View(View::Constraints)]).notice, None);
    assert_eq!(then(&page(), [Action::View(View::Language), Action::View(View::Shapes)]).notice, None);
}

#[test]
fn undo_keeps_so_many_moments_and_no_more() {
    let many = (0..300).flat_map(|k| [Action::Edit(Edit::Lambda(1.0 + f64::from(k))), Action::Rest]);
    let toured = (0..8).flat_map(|k| [Action::Story(Some(k)), Action::Edit(Edit::Lambda(0.3)), Action::Rest]);
    let state = then(&page(), many.chain(toured));
    assert_eq!(state.past.len(), MOST_MOMENTS);
}

#[test]
fn nothing_goes_on_until_every_loss_has_begun() {
    let first = then(&page(), [Action::GoesOn(true)]);
    let Action::Batch { run, nth, mut traces, done } = batch(&first, 1, 0, 0.0, false) else { return };
    traces[0] = vec![3.0, 0.0];
    let one_behind = then(&first, [Action::Batch { run, nth, traces, done }, Action::Edit(Edit::Lambda(0.5))]);
    assert!(one_behind.from.is_empty());
}

#[test]
fn each_press_is_undone_by_itself_and_a_slide_at_once() {
    let without = |state: &State, k: usize| {
        let mut losses = state.spec().losses.clone();
        losses.remove(k);
        Action::Edit(Edit::Losses(losses))
    };
    let rated = |state: &State, rate: f64| {
        let mut losses = state.spec().losses.clone();
        losses[0].learning_rate = Some(rate);
        Action::Edit(Edit::Losses(losses))
    };
    let start = page();
    let four = then(&start, [without(&start, 0)]);
    let three = then(&four, [without(&four, 0)]);
    let slid = [0.1, 0.2, 0.3].iter().fold(three.clone(), |state, rate| then(&state, [rated(&state, *rate)]));
    let losses = |state: &State| state.spec().losses.clone();
    let mut back = slid.clone();
    for expected in [&three, &four, &start] {
        back = then(&back, [Action::Undo]);
        assert_eq!(losses(&back), losses(expected));
    }
    assert!(back.past.is_empty());
    assert_eq!(losses(&then(&back, [Action::Redo, Action::Redo, Action::Redo])), losses(&slid));
    let two = then(&page(), [Action::Edit(Edit::Size { prompts: 2, actions: 3 })]);
    let pairing = |pairing| Edit::Preferences(Preferences::Population { pairing });
    let presses = [
        [pairing(Pairing::Reference), pairing(Pairing::Uniform)],
        [Edit::Ideal { prompt: 0, ideal: true }, Edit::Ideal { prompt: 1, ideal: true }],
        [Edit::Paper(true), Edit::Paper(false)],
        [Edit::Device(Wish::Cpu), Edit::Device(Wish::Auto)],
        [Method { mean: true, ..Method::default() }, Method { mean: true, cosine: false, ..Method::default() }]
            .map(Edit::Method),
    ];
    for press in presses {
        let pressed = then(&two, press.clone().map(Action::Edit));
        assert_eq!(pressed.past.len(), two.past.len() + 2, "{press:?}");
    }
    let sizes = [3, 4, 5].map(|prompts| Action::Edit(Edit::Size { prompts, actions: 3 }));
    let through = [[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.3, 0.5, 0.2]]
        .map(|pi| Action::Edit(Edit::Policy { prompt: 0, given: Given::Star, pi: pi.into() }));
    for slide in [sizes, through] {
        assert_eq!(then(&start, slide.clone()).past.len(), 1, "{slide:?}");
    }
}

#[test]
fn responses_that_are_equally_likely_stay_so_at_any_number_of_actions() {
    let even = Edit::Policy { prompt: 0, given: Given::Star, pi: vec![0.5, 0.5] };
    let two = then(&page(), [Action::Edit(Edit::Size { prompts: 1, actions: 2 }), Action::Edit(even)]);
    for actions in [3, 7, 12, 64] {
        let grown = then(&two, [Action::Edit(Edit::Size { prompts: 1, actions })]);
        let star = &grown.spec().prompts[0].pi_star;
        assert!(star.iter().all(|p| *p == star[0]) && star.len() == actions, "{star:?}");
    }
}

#[test]
fn an_edit_that_was_made_for_another_shape_is_dropped() {
    let four = then(&page(), [Action::Edit(Edit::Size { prompts: 1, actions: 4 })]);
    let old = vec![0.2, 0.3, 0.5];
    let stale = [
        Edit::Policy { prompt: 0, given: Given::Star, pi: old.clone() },
        Edit::Policy { prompt: 3, given: Given::Star, pi: old },
        Edit::Preferences(Preferences::Counts { counts: vec![vec![vec![1.0; 3]; 3]] }),
    ];
    for edit in stale {
        assert_eq!(then(&four, [Action::Edit(edit)]).link(), four.link());
    }
}

#[test]
fn another_size_keeps_the_counts_of_the_pairs_that_are_left() {
    let given = vec![vec![vec![0.0, 7.0, 1.0], vec![2.0, 0.0, 3.0], vec![4.0, 5.0, 0.0]]];
    let counted = then(&page(), [Action::Edit(Edit::Preferences(Preferences::Counts { counts: given.clone() }))]);
    let of = |state: &State| match &state.spec().preferences {
        Preferences::Counts { counts } => counts.clone(),
        other => panic!("{other:?}"),
    };
    let larger = then(&counted, [Action::Edit(Edit::Size { prompts: 2, actions: 4 })]);
    let tables = of(&larger);
    assert_eq!(tables.len(), 2);
    for table in &tables {
        assert!(table.iter().zip(&given[0]).all(|(row, kept)| row[..3] == kept[..]), "{table:?}");
        // The new action's pairs are compared as often as the others on average: 22 comparisons of three pairs.
        assert!((0..3).all(|k| table[3][k] + table[k][3] == 7.0 && table[3][k] > 0.0), "{table:?}");
    }
    let few = |counts: Vec<Vec<f64>>| Action::Edit(Edit::Preferences(Preferences::Counts { counts: vec![counts] }));
    // Nothing is left of the third action's pairs: the first two are as likely as they would be.
    let third = then(&page(), [few(vec![vec![0.0, 0.0, 1.0], vec![0.0, 0.0, 1.0], vec![1.0, 1.0, 0.0]])]);
    let two = of(&then(&third, [Action::Edit(Edit::Size { prompts: 1, actions: 2 })]));
    assert_eq!(two[0][0][1] + two[0][1][0], 20.0);
    let many = then(&larger, [Action::Edit(Edit::Size { prompts: 2, actions: 64 })]);
    assert!(matches!(many.spec().preferences, Preferences::Population { .. }));
    assert_eq!(of(&then(&larger, [Action::Edit(Edit::Size { prompts: 1, actions: 3 })])), given);
}

#[test]
fn answers_of_older_runs_are_shown_until_the_newest_begins_and_never_after() {
    let first = page();
    let moved = then(&first, [batch(&first, 1, 0, 0.0, true), Action::Edit(Edit::Lambda(0.5))]);
    assert_eq!((moved.traces[0].len(), moved.done), (1, false));
    let late = then(&moved, [batch(&first, 1, 0, 50.0, true)]);
    assert_eq!((late.traces[0].len(), late.done), (2, false));
    let newest = then(&late, [batch(&first, 2, 0, 0.0, true), batch(&first, 1, 0, 100.0, true)]);
    assert_eq!((newest.traces[0].len(), newest.done, newest.traced), (1, true, 2));
    // Another experiment altogether shows nothing of the old one's.
    let other = then(&newest, [Action::Preset(Preset::Figure5), batch(&first, 2, 0, 50.0, true)]);
    assert!(other.traces.is_empty());
}

#[test]
fn further_seeds_stand_beside_the_first() {
    let first = then(&page(), [Action::Edit(Edit::Runs(3))]);
    let run = first.run;
    let sent = [(0, false), (2, false), (1, true)].map(|(nth, done)| batch(&first, run, nth, 0.0, done));
    let all = then(&first, sent);
    assert_eq!((all.traces.len(), all.others.len(), all.done), (5, 2, true));
    assert!(all.others.iter().all(|o| o.len() == 5 && o[0].len() == 1));
    assert!(then(&all, [Action::View(View::Preservation)]).others.is_empty());
}

#[test]
fn a_new_lambda_goes_on_from_the_shown_policies_where_that_is_chosen() {
    let first = page();
    let trained = then(&first, [batch(&first, 1, 0, 0.0, true)]);
    assert!(then(&trained, [Action::Edit(Edit::Lambda(0.5))]).from.is_empty());
    let on = then(&trained, [Action::GoesOn(true), Action::Edit(Edit::Lambda(0.5))]);
    assert_eq!(*on.from, vec![vec![0.0; 3]; 5]);
    // Other data start anew whatever was chosen.
    let seed = Optimiser { seed: 9, ..on.spec().optimiser };
    assert!(then(&on, [Action::Edit(Edit::Optimiser(seed))]).from.is_empty());
}

#[test]
fn the_authors_settings_come_and_go_with_the_papers_readings() {
    let first = page();
    let beside = then(&first, [Action::Edit(Edit::Paper(true))]);
    assert!(beside.is_beside_paper() && beside.spec().kl == KlConvention::Authors);
    assert!(!beside.link().preset.readings().is_empty());
    let back = then(&beside, [Action::Edit(Edit::Paper(false))]);
    assert_eq!(back.link(), first.link());
    for preset in Preset::ALL {
        if let Some(spec) = preset.authors() {
            assert_eq!(Spec::from_json(&spec.to_json()).as_ref(), Ok(&spec));
            let link = Link { spec, preset, page: Vec::new() };
            assert_eq!(bounds::check(View::of(&link.spec), &link), Ok(()), "{preset:?}");
        }
    }
}

#[test]
fn an_edit_that_leaves_no_data_is_refused_in_one_sentence() {
    let first = page();
    let mut refused = 0;
    for seed in 1..40 {
        let one = Preferences::Sampled { draws: 1, seed, pairing: Pairing::Uniform };
        let edits = [Edit::Preferences(one), Edit::Size { prompts: 8, actions: 3 }];
        let mut state = Rc::clone(&first);
        for edit in edits {
            let next = then(&state, [Action::Edit(edit), Action::Rest]);
            // Whatever was taken has data for every prompt.
            assert!(crate::spec::Problem::new(next.spec()).is_ok());
            if next.refused > state.refused {
                let notice = next.notice.as_deref().unwrap_or_default();
                assert!(
                    notice.starts_with("preferences.draws: gave no usable pair") && notice.ends_with('.'),
                    "{notice}"
                );
                assert_eq!(next.link(), state.link());
                refused += 1;
            }
            state = next;
        }
    }
    assert!(refused > 30, "{refused}");
}

#[test]
fn undo_from_another_view_leaves_the_edit_to_be_redone() {
    let mine = then(&page(), [Action::Edit(Edit::Lambda(0.25)), Action::View(View::Preservation)]);
    let undone = then(&mine, [Action::Undo]);
    assert_eq!((undone.view, undone.lambda()), (View::Interpolation, 1e-5));
    let elsewhere = then(&undone, [Action::View(View::Shapes)]);
    let redone = then(&elsewhere, [Action::Redo]);
    assert_eq!((redone.view, redone.lambda()), (View::Interpolation, 0.25));
}

#[test]
fn edits_that_change_nothing_cost_neither_an_undo_step_nor_the_way_forward() {
    let undone = then(&page(), [Action::Edit(Edit::Lambda(0.25)), Action::Undo]);
    let optimiser = Optimiser { steps: 9_000_000, ..undone.spec().optimiser };
    let stale = Edit::Policy { prompt: 0, given: Given::Star, pi: vec![0.5, 0.5] };
    let nothing = [Edit::Lambda(1e-5), Edit::Optimiser(optimiser), stale].map(Action::Edit);
    let after = then(&undone, nothing);
    assert_eq!((after.past.len(), after.future.len(), after.run), (0, 1, undone.run));
    assert_eq!(then(&after, [Action::Redo]).lambda(), 0.25);
}

#[test]
fn edits_of_one_kind_in_two_views_are_two() {
    let edit = || Action::Edit(Edit::Lambda(0.25));
    let both = then(&page(), [edit(), Action::View(View::Preservation), edit()]);
    let undone = then(&both, [Action::Undo]);
    assert_eq!((undone.view, undone.lambda()), (View::Preservation, 1.0));
}

#[test]
fn nothing_plays_where_nothing_will_come() {
    let first = page();
    let playing = then(&first, [Action::Play]);
    assert!(playing.playing);
    let failed = then(&playing, [Action::Failed { run: playing.run, message: "No.".into() }]);
    let alone = then(&playing, [Action::SolverTrouble("No.".into())]);
    for state in [failed, alone] {
        assert!(!state.playing && !then(&state, [Action::Play]).playing);
    }
    // What has come can be played, solver or none.
    let begun = then(&first, [batch(&first, 1, 0, 0.0, true), Action::SolverTrouble("No.".into()), Action::Play]);
    assert!(begun.playing);
}

#[test]
fn growing_to_64_actions_under_weight_decay_thins_the_curves_and_says_so() {
    let grown = then(&page(), [Edit::Size { prompts: 1, actions: 64 }, Edit::Alpha(0.01)].map(Action::Edit));
    let points = grown.spec().sweep.points;
    assert!(points < 61 && grown.spec().actions() == 64, "{points}");
    assert!(grown.notice.as_ref().is_some_and(|n| n.contains("instead of 61")), "{:?}", grown.notice);
    let small = then(&grown, [Action::Edit(Edit::Size { prompts: 1, actions: 3 })]);
    assert_eq!((small.spec().sweep.points, &small.notice), (61, &None));
}

#[test]
fn no_more_losses_are_taken_than_the_page_shows() {
    let own = LossSpec { loss: Loss::Qpo(Psi::Hinge, Mu::Log), ..page().spec().losses[1] };
    assert!(then(&page(), [Action::Edit(Edit::Losses(vec![own; 12]))]).notice.is_none());
    assert!(then(&page(), [Action::Edit(Edit::Losses(vec![own; 13]))]).notice.is_some());
}

#[test]
fn a_loss_that_the_experiment_does_not_have_is_never_the_only_one() {
    let first = page();
    assert_eq!(then(&first, [Action::Only(4)]).only, Some(4));
    assert_eq!(then(&first, [Action::Only(5)]).only, None);
    let fewer = first.spec().losses[..3].to_vec();
    assert_eq!(then(&first, [Action::Only(4), Action::Edit(Edit::Losses(fewer))]).only, None);
}

#[test]
fn a_reference_is_made_ideal_or_off_by_a_press_and_stays_a_policy_of_every_action() {
    let press = |pi_star: Vec<f64>, ideal: bool, times: usize| {
        let mut spec = Preset::Figure3Preservation.spec();
        let n = pi_star.len();
        for p in &mut spec.prompts {
            (p.pi_ref, p.pi_star) = (vec![1.0 / n as f64; n], vec![1.0 / n as f64; n]);
        }
        spec.prompts[1].pi_star.clone_from(&pi_star);
        spec.prompts[1].pi_ref = if ideal { spec.prompts[0].pi_ref.clone() } else { pi_star };
        let mut link = Link { spec, preset: Preset::Figure3Preservation, page: Vec::new() };
        for _ in 0..times {
            link = Edit::Ideal { prompt: 1, ideal }.applied(&link).expect("a prompt");
        }
        assert!(crate::spec::Spec::from_json(&link.spec.to_json()).is_ok(), "{:?}", link.spec.prompts);
        link.spec.prompts.remove(1)
    };
    let third = 1.0 / 3.0;
    for pi in [vec![0.6, 0.3, 0.1], vec![third, third, 1.0 - 2.0 * third], vec![0.9, 0.1], vec![0.9996, 0.0002, 0.0002]]
    {
        let ideal = press(pi.clone(), true, 2);
        assert_eq!((&ideal.pi_ref, &ideal.pi_star), (&pi, &pi), "what was π* stays to the last digit");
    }
    let floored = press(vec![1.0, 0.0, 0.0], true, 1);
    assert_eq!(floored.pi_ref, floored.pi_star);
    for pi in [vec![0.6, 0.3, 0.1], vec![0.25; 4], vec![0.5, 0.5], vec![1.0, 0.0, 0.0]] {
        let (once, twice) = (press(pi.clone(), false, 1), press(pi.clone(), false, 2));
        assert_eq!(once.pi_star, pi);
        assert!(once.pi_ref != pi && once == twice, "{once:?}: pressed again it leaves the reference alone");
    }
}
