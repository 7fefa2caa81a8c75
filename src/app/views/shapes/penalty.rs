//! Figure 8 with its γ, and how concave DPO's penalty is.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::controls::slider::{Slider, Track};
use crate::app::drawing::Drawing;
use crate::app::exact::Exact;
use crate::app::keys::{GAMMA, GAMMAS};
use crate::app::painter::Figure;
use crate::app::panels::story::places;
use crate::app::panels::table::{Line, Unfolding, Unfolds, table, unfold};
use crate::app::state::{Action, Edit};
use crate::app::views::ViewProps;
use crate::app::words;
use crate::figure::shapes::{self, Penalties};
use crate::loss::concavity::{self, Concavity};

/// Points at which (20) is tried against one another.
const POINTS: usize = 60;

pub fn section(props: &ViewProps, x: usize, comparisons: &[Concavity; 4], unfolding: &Unfolding) -> Html {
    let gamma = props.state.gamma();
    let (dispatch, notice) = (props.dispatch.clone(), props.dispatch.clone());
    let on_change = Callback::from(move |gamma: f64| dispatch.emit(Action::Edit(Edit::Gamma(gamma))));
    let on_wrong = Callback::from(move |m| notice.emit(Action::Notice(Some(m))));
    let heading = if comparisons[0].holds() && comparisons[1].holds() {
        "DPO’s penalty lies between ℓ₀ and ℓ₁, and γ says where"
    } else {
        "At this γ, DPO’s penalty does not lie between ℓ₀ and ℓ₁"
    };
    let inside = html! {
        <>
            <div class="beside">
                <div>
                    <div class="curves">
                        <Figure drawing={Rc::new(Drawing::Penalties(Penalties { gamma: Some(gamma) }))}
                            label="The penalty log of γ plus u at the chosen γ, between the ℓ₀ and ℓ₁ norms. The numbers are in the table of its curves." />
                    </div>
                    <div class="gamma">
                        <Slider id="gamma" label="γ" track={Track::log(1e-4, 1e2, GAMMAS)} value={gamma} initial={GAMMA}
                            ends={("toward ℓ₀".to_owned(), "toward ℓ₁".to_owned())} {on_change} {on_wrong} />
                    </div>
                </div>
                <div>
                    { super::measured(sentence(&props.exact, x)) }
                    { table("Relative concavity", &["is concave relative to", "condition (20)", "pairs of u that break it", "largest excess"], lines(comparisons)) }
                </div>
            </div>
            { unfold(Unfolds::Penalty, "The penalties in numbers", unfolding, &HEADS, || curves(gamma)) }
        </>
    };
    super::section(
        "s-penalty",
        heading.to_owned(),
        places(&[("figure 8", "Figure 8"), ("appendix C", "Appendix C")]),
        inside,
    )
}

/// log u against log(γ + u), that against u, and both the other way round.
pub fn comparisons(gamma: f64) -> [Concavity; 4] {
    let measured = |g, f| Concavity::measured(g, f, POINTS);
    [measured(0.0, gamma), measured(gamma, f64::INFINITY), measured(gamma, 0.0), measured(f64::INFINITY, gamma)]
}

const HEADS: [&str; 8] = ["|u|", "chosen γ", "γ → 0, ℓ₀", "γ = 1e-4", "γ = 0.01", "γ = 0.1", "γ = 1", "γ → ∞, ℓ₁"];

/// The curves at twenty places; they are even in u.
fn curves(gamma: f64) -> Vec<Line> {
    let line = |k: u32| {
        let u = f64::from(k) / 20.0;
        let zero = if k == 0 { 0.0 } else { 1.0 };
        let family = shapes::GAMMAS.map(|g| shapes::penalty(u, g));
        let values = [shapes::penalty(u, gamma), zero].into_iter().chain(family).chain([u]);
        std::iter::once(words::setting(u)).chain(values.map(words::number)).collect::<Vec<_>>().into()
    };
    (0..=20).map(line).collect()
}

fn lines(measured: &[Concavity; 4]) -> Vec<Line> {
    let names =
        ["log u (ℓ₀) to log(γ + u)", "log(γ + u) to u (ℓ₁)", "log(γ + u) to log u (ℓ₀)", "u (ℓ₁) to log(γ + u)"];
    let line = |(name, c): (&str, &Concavity)| {
        let broken = format!("{} of {}", c.broken, c.pairs);
        let excess = if c.holds() { "0".to_owned() } else { words::number(c.excess) };
        vec![name.to_owned(), if c.holds() { "holds" } else { "fails" }.to_owned(), broken, excess].into()
    };
    names.into_iter().zip(measured).map(line).collect()
}

/// γ of this experiment's own pairs.
fn sentence(exact: &Exact, x: usize) -> String {
    let log_ref = &exact.problem.prompts[x].log_ref;
    let lambda = super::lambda_of_dpo(exact);
    let most = log_ref.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = log_ref.iter().copied().fold(f64::INFINITY, f64::min);
    let (low, high) = (concavity::gamma(most, least, lambda), concavity::gamma(least, most, lambda));
    format!(
        "γ is the reference’s own odds against the chosen response, to the power λ. In this experiment it runs from {} \
         to {} over the pairs: where the reference favours the rejected response, the penalty is straighter.",
        words::number(low),
        words::number(high)
    )
}
