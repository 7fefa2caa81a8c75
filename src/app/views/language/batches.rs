//! What the training's batches tell: curves against the step, and their table.

use std::rc::Rc;

use yew::prelude::*;

use crate::app::drawing::Drawing;
use crate::app::exact::Exact;
use crate::app::painter::Figure;
use crate::app::panels::curves::{Content, Folded};
use crate::app::panels::table::{self, Line};
use crate::app::state::State;
use crate::app::views::{ViewProps, pointing, shown};
use crate::app::words;
use crate::figure::progress::{Curve, Progress};
use crate::worker::protocol::lm::ROW;

/// Steps that a plotted number is the mean of: a batch alone tells little.
const MEAN: usize = 10;

/// What is plotted while training: its place in a row, and its name.
const NUMBERS: [(usize, &str); 6] = [
    (1, "loss, a share of its greatest"),
    (4, "margin Δ, nats"),
    (5, "accuracy"),
    (2, "log π(chosen), nats"),
    (3, "log π(rejected), nats"),
    (6, "KL to the reference, on what each loss sees, nats"),
];

fn progress(state: &State, exact: &Exact, at: usize, label: &'static str) -> Progress {
    let curve = |k: usize| {
        let rows = state.lm.rows.get(k).map_or(&[][..], |rows| rows);
        let points = smoothed(rows, at);
        Curve { loss: exact.losses[k].spec.loss, points, dimmed: state.is_dimmed(k) }
    };
    Progress { curves: shown(state, exact).map(curve).collect(), label, last: state.spec().optimiser.steps as f64 }
}

const HEADS: [&str; 8] =
    ["loss", "step", NUMBERS[0].1, NUMBERS[1].1, NUMBERS[2].1, NUMBERS[3].1, NUMBERS[4].1, NUMBERS[5].1];

/// The figures, and their table behind its summary.
pub fn section(props: &ViewProps) -> Html {
    let (state, exact) = (&props.state, &props.exact);
    let figure = |(at, label): &(usize, &'static str)| {
        html! {
            <Figure key={*at} on_point={pointing(&props.dispatch)} drawing={Rc::new(Drawing::Progress(progress(state, exact, *at, label)))}
                label={format!("{label}, against the step, a curve a loss.")} />
        }
    };
    html! {
        <>
            <h2>{ "On the training’s batches" }<small>{ "means of ten steps" }</small></h2>
            <div class="progress-figures">{ for NUMBERS.iter().map(figure) }</div>
            <Folded exact={exact.clone()} content={Content::Batches(state.clone())} />
        </>
    }
}

/// The figures in numbers, whole.
pub fn table(state: &State, exact: &Exact) -> Html {
    table::table("On the training’s batches", &HEADS, lines(state, exact))
}

/// What the figures show of each loss after every tenth of its training, and now.
fn lines(state: &State, exact: &Exact) -> Vec<Line> {
    let mut lines = Vec::new();
    for k in shown(state, exact) {
        let rows = state.lm.rows.get(k).map_or(&[][..], |rows| rows);
        let curves: Vec<_> = NUMBERS.iter().map(|(at, _)| smoothed(rows, *at)).collect();
        let spec = &exact.losses[k].spec;
        let (all, each) = (rows.len() / ROW, spec.steps_under(&state.spec().optimiser).div_ceil(10) as usize);
        for done in (1..=all).filter(|done| done.is_multiple_of(each.max(1)) || *done == all) {
            let mut cells = vec![words::name(spec), curves[0][done - 1].0.to_string()];
            cells.extend(curves.iter().map(|points| match points[done - 1].1 {
                x if x.is_nan() => "—".to_owned(),
                x => words::number(x).replace('-', "−"),
            }));
            lines.push(Line { class: spec.loss.key(), cells, ..Line::default() });
        }
    }
    lines
}

/// A number of each step as the mean over it and those before it. Losses are of different sizes: each is a share of its greatest.
fn smoothed(rows: &[f64], at: usize) -> Vec<(f64, f64)> {
    let values: Vec<f64> = rows.chunks_exact(ROW).map(|row| row[at]).collect();
    let mean = |k: usize| {
        let few = &values[(k + 1).saturating_sub(MEAN)..=k];
        few.iter().sum::<f64>() / few.len() as f64
    };
    let means: Vec<f64> = (0..values.len()).map(mean).collect();
    let greatest = if at == 1 { means.iter().fold(1e-12, |most, v| v.abs().max(most)) } else { 1.0 };
    rows.chunks_exact(ROW).zip(means).map(|(row, mean)| (row[0], mean / greatest)).collect()
}
