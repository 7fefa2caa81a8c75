//! Every ψ against the margin, and its slope.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::drawing::Drawing;
use crate::app::exact::Exact;
use crate::app::painter::Figure;
use crate::app::panels::story::places;
use crate::app::panels::table::{Line, Unfolding, Unfolds, unfold};
use crate::app::state::State;
use crate::app::views::{ViewProps, pointing, shown};
use crate::app::words;
use crate::figure::margins::{Curve, Margins, Shows};
use crate::loss::{Psi, typo};

pub fn section(props: &ViewProps, unfolding: &Unfolding) -> Html {
    let (state, exact) = (&props.state, &props.exact);
    let curves = curves(state, exact);
    let figure = |shows: Shows, label: &'static str| {
        let drawing = Rc::new(Drawing::Margins(Margins { curves: curves.clone(), shows }));
        html! { <div class="curves"><Figure {drawing} {label} on_point={pointing(&props.dispatch)} /></div> }
    };
    let inside = html! {
        <>
            <div class="pair">
                { figure(Shows::Value, "Every ψ against the margin; the losses of the experiment in their hues. The numbers are in the table below.") }
                { figure(Shows::Pull, "The size of every ψ’s slope against the margin, on a logarithmic scale. The numbers are in the table below.") }
            </div>
            { super::measured(sentence(&curves, state.lambda())) }
            { unfold(Unfolds::Psi, "The shapes in numbers", unfolding, &HEADS, || lines(&curves)) }
        </>
    };
    super::section("s-psi", heading(), places(&[("equation (11)", "Equation 11")]), inside)
}

/// Every ψ and TYPO's own: those of the experiment's losses in front, in their hues.
fn curves(state: &State, exact: &Exact) -> Vec<Curve> {
    let of_losses: Vec<Curve> = shown(state, exact)
        .filter_map(|k| {
            let spec = exact.losses[k].spec;
            let psi = spec.loss.pair_part()?.psi;
            Some(Curve { psi, lambda: spec.lambda, loss: Some(spec.loss), dimmed: state.is_dimmed(k) })
        })
        .collect();
    let beside = Psi::ALL.into_iter().chain([typo::SUPERVISED.psi]);
    let beside = beside.filter(|psi| of_losses.iter().all(|c| c.psi != *psi));
    beside
        .map(|psi| Curve { psi, lambda: state.lambda(), loss: None, dimmed: false })
        .chain(of_losses.iter().copied())
        .collect()
}

/// What each ψ does once a pair is won by far: told from its slope where λ times the margin is 10.
pub fn heading() -> String {
    const FAR: f64 = 10.0;
    let slope = |psi: &Psi| psi.slope(FAR, 1.0);
    let names = |fits: fn(f64) -> bool| -> Vec<String> {
        Psi::ALL.iter().filter(|p| fits(slope(p))).map(|p| p.key().to_owned()).collect()
    };
    let (back, rest) = (names(|s| s > 0.0), names(|s| s == 0.0));
    let pulls = if back.len() == 1 { "pulls" } else { "pull" };
    let lets = if rest.len() == 1 { "lets" } else { "let" };
    format!(
        "A pair won by far: {} {pulls} it back, {} {lets} go, the others push for ever",
        words::list(&back),
        words::list(&rest)
    )
}

/// How differently a pair that nobody has won yet is pulled at.
fn sentence(curves: &[Curve], lambda: f64) -> String {
    let pulls: Vec<(f64, &str)> = curves.iter().filter_map(|c| c.loss.map(|l| (c.pull(0.0), l.label()))).collect();
    let most = pulls.iter().map(|p| p.0).fold(0.0, f64::max);
    let least = pulls.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
    let at = |pull: f64| {
        let alike = pulls.iter().filter(|p| (p.0 - pull).abs() <= 1e-12 * pull);
        words::list(&alike.map(|p| p.1.to_owned()).collect::<Vec<_>>())
    };
    let text = if pulls.is_empty() {
        "RLHF alone has no ψ: it sees preferences only through its reward.".to_owned()
    } else {
        let weakest = if least < most {
            format!("; the weakest {}’s, {}", at(least), words::number(least))
        } else {
            String::new()
        };
        format!("At margin 0 the hardest pull is {}’s, {} of its own ψ a nat{weakest}.", at(most), words::number(most))
    };
    format!(
        "{text} All but the threshold and TYPO see λ times the margin: here 1/λ is {} nats.",
        words::setting(1.0 / lambda)
    )
}

const HEADS: [&str; 7] = ["ψ", "loss", "λ", "ψ at margin 0", "|ψ′| at −4", "|ψ′| at 0", "|ψ′| at 4"];

fn lines(curves: &[Curve]) -> Vec<Line> {
    let line = |c: &Curve| {
        let pull = |v: f64| words::number(c.psi.slope(v, c.lambda).abs());
        let is_free = c.psi == typo::SUPERVISED.psi;
        let name = if is_free { "logistic of ln π" } else { c.psi.key() };
        let lambda = if is_free { "none".to_owned() } else { words::setting(c.lambda) };
        let loss = c.loss.map_or("", crate::loss::Loss::label);
        let at_zero = words::number(c.psi.value(0.0, c.lambda));
        vec![name.to_owned(), loss.to_owned(), lambda, at_zero, pull(-4.0), pull(0.0), pull(4.0)].into()
    };
    curves.iter().rev().map(line).collect()
}
