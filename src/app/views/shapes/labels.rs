//! One label a pair: what is left of π_ref.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::drawing::Drawing;
use crate::app::painter::Figure;
use crate::app::panels::story::places;
use crate::app::panels::table::{Line, Unfolding, Unfolds, table, unfold};
use crate::app::state::State;
use crate::app::views::{ViewProps, pointing};
use crate::app::words;
use crate::figure::distance::{Along, Curve, Distances};
use crate::loss::{Loss, Reward};
use crate::simplex::probs;
use crate::solve::Status;
use crate::solve::one_label::{Memory, ONE, OneLabel};

pub fn section(props: &ViewProps, found: &OneLabel, unfolding: &Unfolding) -> Html {
    let heading = heading(found);
    let [own, other] = &found.references;
    // Its reward is π*'s, whatever the labels say.
    let given = found.memories.iter().any(|m| m.spec.loss == Loss::Rlhf(Reward::True));
    let rlhf = if given { " RLHF has its true reward, not these labels." } else { "" };
    let text = format!(
        "Every pair is asked once, and the response likelier under π* wins. The same labels, two references: {} and {}. \
         A loss whose two minimisers are one has forgotten which it was.{rlhf}",
        words::policy(own),
        words::policy(other)
    );
    let heads: Vec<&str> = std::iter::once("λ").chain(found.memories.iter().map(|m| m.spec.loss.label())).collect();
    let inside = html! {
        <>
            <div class="beside">
            <div class="curves">
                <Figure on_point={pointing(&props.dispatch)} drawing={Rc::new(Drawing::Distances(distances(&props.state, found)))}
                    label={format!("Total variation between the minimisers under two references against log λ, a curve a loss. {heading}.")} />
            </div>
            <div>
                { super::measured(text) }
                { table("Minimisers under two references", &HEADS, found.memories.iter().map(line).collect()) }
            </div>
            </div>
            { unfold(Unfolds::Labels, "The total variations in numbers", unfolding, &heads, || curves(found)) }
        </>
    };
    super::section(
        "s-labels",
        heading,
        places(&[("section 3.2", "Section 3.2"), ("appendix F.2", "Appendix F.2")]),
        inside,
    )
}

const HEADS: [&str; 5] = [
    "loss",
    "from the first\nexactly, at this λ",
    "from the second\nexactly, at this λ",
    "between them\ntotal variation",
    "forgets it\nat every λ",
];

/// Which losses keep nothing of the reference.
fn heading(found: &OneLabel) -> String {
    let names: Vec<String> = found.memories.iter().filter(|m| m.forgets()).map(|m| words::name(&m.spec)).collect();
    match names.len() {
        0 => "With one label a pair, every loss here still remembers the reference".to_owned(),
        1 => format!("With one label a pair, {} forgets the reference at every λ", names[0]),
        _ => format!("With one label a pair, {} forget the reference at every λ", words::list(&names)),
    }
}

fn distances(state: &State, found: &OneLabel) -> Distances {
    let curve = |(k, m): (usize, &Memory)| Curve {
        loss: m.spec.loss,
        nats: m.apart.clone(),
        at_cursor: Some(m.apart_now()),
        dimmed: state.is_dimmed(k),
    };
    let most = found.memories.iter().flat_map(|m| &m.apart).copied().fold(0.1, f64::max);
    Distances {
        curves: found.memories.iter().enumerate().filter(|(k, _)| state.is_shown(*k)).map(curve).collect(),
        x: found.lambdas.clone(),
        along: Along::LogLambda,
        cursor: Some(state.lambda()),
        reference: None,
        label: "total variation between the two minimisers",
        unit: "",
        most: 1.1 * most,
    }
}

fn line(m: &Memory) -> Line {
    let policies = m.now.each_ref().map(|found| probs(&found.log_pi));
    let cell = |k: usize| {
        let note = if m.now[k].status == Status::Boundary { "at the boundary" } else { "\u{a0}" };
        format!("{}\n{note}", words::policy(&policies[k]))
    };
    let forgets = if m.forgets() { "yes" } else { "no" };
    Line {
        class: m.spec.loss.key(),
        data: serde_json::to_string(&(&policies, m.apart_now(), m.forgets())).ok(),
        cells: vec![words::name(&m.spec), cell(0), cell(1), apart(m.apart_now()), forgets.to_owned()],
    }
}

/// A total variation that may be nothing but rounding.
fn apart(tv: f64) -> String {
    if tv <= ONE { "0".to_owned() } else { words::number(tv) }
}

fn curves(found: &OneLabel) -> Vec<Line> {
    let line = |(k, lambda): (usize, &f64)| {
        let of = |m: &Memory| apart(m.apart[k]);
        Line::from(std::iter::once(words::setting(*lambda)).chain(found.memories.iter().map(of)).collect::<Vec<_>>())
    };
    found.lambdas.iter().enumerate().map(line).collect()
}
