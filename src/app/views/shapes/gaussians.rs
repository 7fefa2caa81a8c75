//! Appendix D: DPO from two Gaussians.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::drawing::Drawing;
use crate::app::exact::Exact;
use crate::app::painter::Figure;
use crate::app::panels::story::places;
use crate::app::panels::table::{Line, Unfolding, Unfolds, unfold};
use crate::app::words;
use crate::figure::action_name;
use crate::figure::envelope::Envelope;

/// A difference that is rounding: units in the last place of the numbers that are subtracted.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The pair of responses that the derivation is shown on, and its λ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    chosen: usize,
    rejected: usize,
    /// `ln(ref_l/ref_w)`.
    pub reference: f64,
    pub lambda: f64,
}

impl Pair {
    /// The one that prompt `x`'s reference parts most, its likelier response chosen.
    pub fn of(exact: &Exact, x: usize) -> Self {
        let log_ref = &exact.problem.prompts[x].log_ref;
        let order = |a: &usize, b: &usize| log_ref[*a].total_cmp(&log_ref[*b]);
        let rejected = (0..log_ref.len()).min_by(order).unwrap_or(0);
        let chosen = (0..log_ref.len()).filter(|k| *k != rejected).max_by(order).unwrap_or(0);
        Self { chosen, rejected, reference: log_ref[rejected] - log_ref[chosen], lambda: super::lambda_of_dpo(exact) }
    }
}

pub fn section(pair: Pair, envelope: &Envelope, unfolding: &Unfolding) -> Html {
    let off = envelope.largest_difference();
    let size = 4.0 + envelope.dpo.iter().copied().fold(pair.lambda * pair.reference.abs(), f64::max);
    let heading = if off <= ROUNDING * size {
        "Two Gaussians that share a variance are DPO, with no word of RLHF"
    } else {
        "Here the two derivations of DPO do not agree"
    };
    let inside = html! {
        <>
            <div class="beside">
            <div class="curves">
                <Figure drawing={Rc::new(Drawing::Envelope(envelope.clone()))}
                    label="DPO and the negative log-density of two Gaussians with the best variance, one on the other, above them the same at fixed variances. The numbers are in the table below." />
            </div>
            <p class="measured">
                <span class="maths">{ "y" }<sub>{ action_name(pair.chosen) }</sub></span>{ " chosen over " }
                <span class="maths">{ "y" }<sub>{ action_name(pair.rejected) }</sub></span>
                { format!(", λ = {}: the two differ by at most ", words::setting(pair.lambda)) }
                <span id="gauss-off" data-off={off.to_string()}>{ words::number(off) }</span>
                { " nats. The variance is found by search, not by formula; each thin line keeps one variance, and DPO is the lowest that they reach." }
            </p>
            </div>
            { unfold(Unfolds::Gaussians, "Both derivations in numbers", unfolding, &["log-odds", "DPO, nats", "two Gaussians, nats", "difference"], || lines(envelope)) }
        </>
    };
    super::section("s-gauss", heading.to_owned(), places(&[("appendix D", "Appendix D")]), inside)
}

fn lines(e: &Envelope) -> Vec<Line> {
    let line = |k: usize| {
        let off = (e.dpo[k] - e.fitted[k]).abs();
        vec![
            words::setting(e.log_odds[k]).replace('-', "−"),
            words::number(e.dpo[k]),
            words::number(e.fitted[k]),
            words::number(off),
        ]
        .into()
    };
    (0..e.dpo.len()).step_by(4).map(line).collect()
}
