//! Numbers as words: headlines and table entries that follow from what was computed.

use super::exact::{Exact, ExactLoss, distance};
use super::state::{State, View};
use crate::divergence::Divergence;
use crate::figure::action_name;
use crate::simplex::{ascending, probs, tv};
use crate::solve::Minimiser;
use crate::solve::verdict::{KEPT, Preservation, REACHED, has_one_mode};
use crate::spec::LossSpec;
use crate::spec::problem::Prompt;

/// A loss's name, with what tells it from another of its kind.
pub fn name(loss: &LossSpec) -> String {
    let choices = loss.loss.choices();
    if choices.is_empty() { loss.loss.name().to_owned() } else { format!("{}, {choices}", loss.loss.name()) }
}

/// A divergence in words.
pub fn divergence(d: Divergence) -> String {
    match d {
        Divergence::ReverseKl => "reverse KL".to_owned(),
        Divergence::ForwardKl => "forward KL".to_owned(),
        Divergence::JensenShannon => "Jensen–Shannon".to_owned(),
        Divergence::Alpha(a) => format!("α = {}", setting(a)),
    }
}

/// Nats or probabilities to three places; tiny and huge ones by their power.
pub fn number(x: f64) -> String {
    if x.is_infinite() {
        "∞".to_owned()
    } else if x == 0.0 {
        "0".to_owned()
    } else if x.abs() < 5e-4 {
        powered(&format!("{x:.0e}"))
    } else if x.abs() >= 1e6 {
        powered(&format!("{x:.1e}"))
    } else if x.abs() >= 1000.0 {
        format!("{x:.0}")
    } else if x.abs() >= 100.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.3}")
    }
}

/// `2.5e-7` as 2.5·10⁻⁷.
fn powered(text: &str) -> String {
    text.split_once('e').map_or_else(|| text.to_owned(), |(digits, power)| format!("{digits}·10{}", raised(power)))
}

/// A distance that may be nothing but the solver's rounding.
pub fn nats(x: f64) -> String {
    if x <= KEPT {
        "0".to_owned()
    } else if x.is_finite() && x >= MANY {
        // By then some action has no mass left; how little is no distance that anybody reads.
        "≫ 1,000".to_owned()
    } else {
        number(x)
    }
}

/// Nats that are told no more exactly.
const MANY: f64 = 1000.0;

/// A whole number in raised digits.
fn raised(number: &str) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.chars().map(|c| c.to_digit(10).map_or('⁻', |d| DIGITS[d as usize])).collect()
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

/// Names in a row, as a sentence has them.
pub fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// What the interpolation view's numbers say.
pub fn interpolation_headline(exact: &Exact) -> String {
    let strong: Vec<String> = exact.losses.iter().filter(|l| reaches_star(l)).map(|l| name(&l.spec)).collect();
    let when =
        if exact.problem.weight_decay.alpha > 0.0 { "Under weight decay, as λ shrinks" } else { "As λ shrinks" };
    match strong.len() {
        0 => format!("{when}, no loss arrives at π*."),
        1 => format!("{when}, only {} arrives at π*.", strong[0]),
        n if n == exact.losses.len() => format!("{when}, every loss arrives at π*."),
        _ => format!("{when}, {} arrive at π*.", list(&strong)),
    }
}

/// Where the losses that miss π* go.
pub fn interpolation_lead(exact: &Exact) -> String {
    let to_mode = exact.losses.iter().filter(|l| !reaches_star(l) && l.curves.limits.outside_mode <= REACHED).count();
    let others = exact.losses.iter().filter(|l| !reaches_star(l)).count();
    let who = if others == exact.losses.len() { "They" } else { "The others" };
    let fate = if others == 0 {
        String::new()
    } else if to_mode == others && has_one_mode(&exact.problem) {
        format!(" {who} lose all diversity, at the mode of π*.")
    } else if to_mode == others {
        format!(" {who} keep only the modes of π*.")
    } else {
        format!(" {who} end elsewhere; the table says where.")
    };
    if exact.problem.actions() == 3 {
        format!(
            "Each point is a policy: the ring, π_ref, before training; the star, π*, what people prefer. Drag either.{fate}"
        )
    } else {
        format!(
            "Bars are π*, dotted lines π_ref, markers training runs, rings exact minimisers; below, all as shades.{fate}"
        )
    }
}

fn reaches_star(l: &ExactLoss) -> bool {
    l.curves.limits.to_star <= REACHED
}

/// Where λ → 0 leads.
pub fn low_limit(exact: &Exact, l: &ExactLoss) -> String {
    if reaches_star(l) {
        "π*".to_owned()
    } else if l.curves.limits.outside_mode <= REACHED {
        if has_one_mode(&exact.problem) { "the mode of π*" } else { "modes of π*" }.to_owned()
    } else {
        format!("{} from π*", number(l.curves.limits.to_star))
    }
}

/// Where λ → ∞ leads.
pub fn high_limit(l: &ExactLoss) -> String {
    if l.curves.limits.to_reference <= REACHED {
        "π_ref".to_owned()
    } else {
        format!("{} from π_ref", number(l.curves.limits.to_reference))
    }
}

/// What the constraints view's numbers say of prompt `x`.
pub fn constraint_headline(exact: &Exact, x: usize) -> String {
    let parted: Vec<&ExactLoss> = exact.losses.iter().filter(|l| is_parted(l, x)).collect();
    let names: Vec<String> = parted.iter().filter(|l| l.spec.loss.is_qpo()).map(|l| name(&l.spec)).collect();
    if exact.problem.weight_decay.alpha == 0.0 {
        "Without weight decay, every loss is RLHF with some reward.".to_owned()
    } else if names.is_empty() {
        "At this weight decay no loss here parts from RLHF.".to_owned()
    } else {
        let verb = if names.len() == 1 { "is" } else { "are" };
        format!("Under weight decay, {} {verb} no longer RLHF.", list(&names))
    }
}

/// What there is to do in it.
pub fn constraint_lead(exact: &Exact) -> String {
    let tied = exact.losses.iter().filter(|l| l.spec.loss.is_qpo()).map(|l| name(&l.spec)).collect::<Vec<_>>();
    let who = if tied.is_empty() { "Losses of the QPO family".to_owned() } else { list(&tied) };
    let verb = if tied.len() == 1 { "comes" } else { "come" };
    format!(
        "Slide α. {who} {verb} from RLHF by solving it without constraints; a penalty on both tells them apart. Rings are the minimisers, markers the runs."
    )
}

fn is_parted(l: &ExactLoss, x: usize) -> bool {
    l.constraint.as_ref().is_some_and(|c| tv(&c.now[x].own.log_pi, &c.now[x].rlhf) > REACHED)
}

/// What the preservation view's numbers say.
pub fn preservation_headline(exact: &Exact) -> String {
    let tested: Vec<&ExactLoss> = exact.losses.iter().filter(|l| l.curves.preservation.is_some()).collect();
    if tested.is_empty() {
        return "Without a good and a bad prompt there is nothing to preserve.".to_owned();
    }
    let keeps = |l: &&&ExactLoss| l.curves.preservation.as_ref().is_some_and(|p| !p.selective().is_empty());
    let keepers: Vec<String> = tested.iter().filter(keeps).map(|l| name(&l.spec)).collect();
    match keepers.len() {
        0 => "No loss here mends the bad prompt without spoiling the good one.".to_owned(),
        n if n == tested.len() => "Every loss here can mend the bad prompt and keep the good one.".to_owned(),
        1 => format!("Only {} mends the bad prompt and keeps the good one.", keepers[0]),
        _ => format!("{} mend the bad prompt and keep the good one.", list(&keepers)),
    }
}

/// The headline of the view and where each loss stands, for those who hear the page.
pub fn summary(state: &State, exact: &Exact) -> String {
    let x = state.prompt();
    let headline = match state.view {
        View::Interpolation => interpolation_headline(exact),
        View::Preservation => preservation_headline(exact),
        View::Constraints => constraint_headline(exact, x),
        View::Shapes => shapes_headline(state, exact, x),
        // What is exact is the bandit's; the model itself is told by what it was measured at.
        View::Language => return super::views::language::headline(state, exact),
    };
    let stands = |l: &ExactLoss| format!("{} {}", name(&l.spec), standing(state.view, exact, l, x));
    let all: Vec<String> = exact.losses.iter().map(stands).collect();
    let at = match state.view {
        View::Constraints => format!("α = {}", setting(exact.problem.weight_decay.alpha)),
        _ => format!("λ = {}", setting(state.lambda())),
    };
    let training = if state.solver_trouble.is_some() {
        "Training is not available."
    } else if state.done {
        "Training is complete."
    } else {
        "Training goes on."
    };
    format!("{headline} At {at}: {}. {training}", all.join(", "))
}

/// What paper tells, where no slider stands; the policies are in its figures.
pub fn experiment(state: &State) -> String {
    format!("λ = {}, α = {}", setting(state.lambda()), setting(state.spec().weight_decay.alpha))
}

/// Where a loss stands, by what its view is about.
fn standing(view: View, exact: &Exact, l: &ExactLoss, x: usize) -> String {
    let problem = &exact.problem;
    let unit = problem.kl.unit();
    let to_star = |(p, m): (&Prompt, &Minimiser)| {
        format!("{} {unit} from π* on the {} prompt", nats(problem.distance(&p.log_star, &m.log_pi)), p.name)
    };
    match (view, &l.constraint) {
        (View::Preservation, _) => {
            problem.prompts.iter().zip(&l.minimisers).map(to_star).collect::<Vec<_>>().join(" and ")
        }
        (View::Constraints, Some(c)) => format!("{} {unit} from RLHF", nats(distance(problem, &c.now[x]))),
        _ => format!("at {}", policy(&probs(&l.minimisers[x].log_pi))),
    }
}

/// What the shapes say: the view's own sections, in their headings' words.
fn shapes_headline(state: &State, exact: &Exact, x: usize) -> String {
    super::views::shapes::statements(state, exact, x).join(" ")
}

/// What lines and bands of several seeds are.
pub fn seeds(state: &State) -> String {
    match state.runs() {
        1 => String::new(),
        n => format!("; median, range of {n} seeds"),
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
pub fn selectivity(p: &Preservation) -> String {
    let (improving, selective) = (p.improving().len(), p.selective().len());
    let all = p.lambdas.len();
    if selective == all {
        "yes, at every λ".to_owned()
    } else if selective == 0 && improving == 0 {
        "no: never improves".to_owned()
    } else if selective == 0 {
        "no, at no λ".to_owned()
    } else {
        format!("at {selective} of {all} λ")
    }
}

/// A policy as `(0.60, 0.30, 0.10)`; of more than three actions the two likeliest, as `(y_d 0.61, y_g 0.24, …)`.
pub fn policy(pi: &[f64]) -> String {
    if pi.len() <= 3 {
        return whole_policy(pi);
    }
    let likeliest = ascending(&pi.iter().map(|p| -p).collect::<Vec<_>>()).into_iter().take(2);
    let named: String = likeliest.map(|a| format!("y_{} {:.2}, ", action_name(a), pi[a])).collect();
    format!("({named}…)")
}

/// The same with every action, for tables; of more than three with a third digit, as each has little.
pub fn whole_policy(pi: &[f64]) -> String {
    let digits = if pi.len() > 3 { 3 } else { 2 };
    let all: Vec<String> = pi.iter().map(|p| format!("{p:.digits$}")).collect();
    format!("({})", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_of_many_actions_is_told_by_the_likeliest() {
        assert_eq!(policy(&[0.6, 0.3, 0.1]), "(0.60, 0.30, 0.10)");
        assert_eq!(policy(&[0.05, 0.6, 0.1, 0.25]), "(y_b 0.60, y_d 0.25, …)");
        assert_eq!(policy(&[0.2, 0.4, 0.4, 0.0]), "(y_b 0.40, y_c 0.40, …)");
        assert_eq!(whole_policy(&[0.05, 0.6, 0.1, 0.25]), "(0.050, 0.600, 0.100, 0.250)");
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(number(0.51), "0.510");
        assert_eq!(number(2.2e-7), "2·10⁻⁷");
        assert_eq!(number(f64::INFINITY), "∞");
        assert_eq!(
            (nats(38711.0), nats(999.0), nats(f64::INFINITY)),
            ("≫ 1,000".to_owned(), "999.0".to_owned(), "∞".to_owned())
        );
        assert_eq!(setting(1e-5), "1e-5");
        assert_eq!(setting(0.05), "0.05");
        assert_eq!(setting(0.0), "0");
    }

    fn exact(view: View, edit: impl Fn(&mut crate::spec::Spec)) -> Exact {
        let mut spec = view.preset().spec();
        edit(&mut spec);
        Exact::new(&spec, view, None).expect("data")
    }

    #[test]
    fn under_weight_decay_the_headline_says_what_the_curves_show() {
        let with = |alpha| exact(View::Interpolation, |s| s.weight_decay.alpha = alpha);
        assert_eq!(interpolation_headline(&with(0.0)), "As λ shrinks, only TYPO arrives at π*.");
        let decayed = with(0.1);
        assert_eq!(interpolation_headline(&decayed), "Under weight decay, as λ shrinks, no loss arrives at π*.");
        for l in &decayed.losses {
            // The curve's own ends, not those of another experiment. IPO's second is not π_ref: its slopes stay of one size.
            let (curve, name) = (&l.curves.series.prompts[0], name(&l.spec));
            let off = |at: usize, limit: &Minimiser| tv(&curve[at].log_pi, &limit.log_pi);
            let ends = (off(0, &l.curves.limits.low[0]), off(curve.len() - 1, &l.curves.limits.high[0]));
            assert!(ends.0 < 5e-3 && ends.1 < 5e-3, "{name}: {ends:?}");
            assert!(!l.curves.limits.strong().holds, "{name}");
        }
    }

    #[test]
    fn where_pi_star_has_several_modes_no_loss_is_said_to_end_at_one() {
        let lead = |pi_star: [f64; 3]| {
            interpolation_lead(&exact(View::Interpolation, |s| s.prompts[0].pi_star = pi_star.to_vec()))
        };
        assert!(lead([0.6, 0.3, 0.1]).ends_with("The others lose all diversity, at the mode of π*."));
        let tied = lead([0.4, 0.4, 0.2]);
        assert!(tied.ends_with("keep only the modes of π*."), "{tied}");
    }

    #[test]
    fn the_constraints_headline_speaks_of_the_prompt_that_is_shown() {
        let two = exact(View::Constraints, |s| {
            s.weight_decay.alpha = 0.01;
            // With equal policies on two equal actions the penalty has nothing to part.
            s.prompts = vec![s.prompts[0].clone(), s.prompts[0].clone()];
            (s.prompts[0].pi_ref, s.prompts[0].pi_star) = (vec![1.0 / 3.0; 3], vec![1.0 / 3.0; 3]);
        });
        assert_eq!(constraint_headline(&two, 0), "At this weight decay no loss here parts from RLHF.");
        assert_eq!(constraint_headline(&two, 1), "Under weight decay, DPO is no longer RLHF.");
    }

    #[test]
    fn the_authors_kl_reaches_the_distance_from_rlhf() {
        let gap = |kl| {
            let found = exact(View::Constraints, |s| (s.weight_decay.alpha, s.kl) = (0.01, kl));
            found.losses[1].constraint.as_ref().map_or(0.0, |c| distance(&found.problem, &c.now[0]))
        };
        let (own, authors) = (gap(crate::spec::KlConvention::True), gap(crate::spec::KlConvention::Authors));
        assert!(own > 0.1 && (own / authors - 3.0).abs() < 1e-9, "{own} {authors}");
    }

    #[test]
    fn those_who_hear_the_page_are_told_what_each_view_is_about() {
        let said = |view: View| {
            let found = exact(view, |s| s.weight_decay.alpha = if view == View::Constraints { 0.01 } else { 0.0 });
            let link = crate::spec::url::Link { spec: view.preset().spec(), preset: view.preset(), page: Vec::new() };
            let opened = crate::app::address::Opened { view, link, showing: crate::app::state::Showing::default() };
            summary(&State::new(Ok(opened), false), &found)
        };
        let gap = said(View::Constraints);
        assert!(gap.contains("At α = 0.01: RLHF 0 nats from RLHF, DPO 0."), "{gap}");
        let kept = said(View::Preservation);
        assert!(kept.contains("TYPO 0 nats from π* on the good prompt and 0."), "{kept}");
        let shapes = said(View::Shapes);
        assert!(
            shapes.contains("let go") && shapes.contains("TYPO pulls twice") && shapes.contains("unsupervised"),
            "{shapes}"
        );
    }
}
