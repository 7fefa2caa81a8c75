//! How the losses are trained: Adam or plain gradient descent, rate, batch, clipping, steps, seed.

use yew::prelude::*;

use super::slider::{Slider, Track};
use super::{choice, wrong};
use crate::app::keys::MOST_RUNS;
use crate::app::state::{Action, Edit, State, View};
use crate::app::words;
use crate::spec::{Optimiser, OptimiserKind, Preferences, Spec};

/// A setting's track with how it is read and set.
struct Row {
    id: &'static str,
    label: &'static str,
    track: Track,
    value: fn(&Optimiser) -> f64,
    set: fn(&mut Optimiser, f64),
}

/// A batch that the page still trains while a hand waits.
const BATCH: u32 = 20;

fn rows(o: &Optimiser) -> Vec<Row> {
    let mut rows = vec![
        Row {
            id: "rate",
            label: "learning rate",
            track: Track::log(1e-5, 1.0, (1e-12, 1e3)),
            value: |o| o.learning_rate,
            set: |o, v| o.learning_rate = v,
        },
        Row {
            id: "steps",
            label: "steps",
            track: Track::whole(10.0, 1e5, (1.0, 2e6)),
            value: |o| o.steps as f64,
            set: |o, v| o.steps = v as u64,
        },
        Row {
            id: "record",
            label: "recorded every",
            track: Track::whole(1.0, 1e3, (1.0, 1e6)),
            value: |o| o.record_every as f64,
            set: |o, v| o.record_every = v as u64,
        },
        Row {
            id: "clip",
            label: "gradient clipped at",
            track: Track::log(1e-3, 1e3, (1e-12, 1e12)),
            value: |o| o.clip_norm,
            set: |o, v| o.clip_norm = v,
        },
    ];
    if o.batch_size.is_some() {
        rows.push(Row {
            id: "batch",
            label: "pairs a step",
            track: Track::whole(1.0, 1e3, (1.0, 1e4)),
            value: |o| f64::from(o.batch_size.unwrap_or(BATCH)),
            set: |o, v| o.batch_size = Some(v as u32),
        });
        rows.push(Row {
            id: "seed",
            label: "seed",
            track: Track::whole(1.0, 1e3, (0.0, 9e15)),
            value: |o| o.seed as f64,
            set: |o, v| o.seed = v as u64,
        });
    }
    rows
}

pub fn section(state: &State, dispatch: &Callback<Action>) -> Html {
    let now = state.spec().optimiser;
    let preset = state.link().preset.spec().optimiser;
    let slider = |row: Row| {
        let (set, send) = (row.set, dispatch.clone());
        html! {
            <Slider id={row.id} label={row.label} track={row.track} value={(row.value)(&now)} initial={(row.value)(&preset)}
                on_wrong={wrong(dispatch)}
                on_change={Callback::from(move |v| {
                    let mut next = now;
                    set(&mut next, v);
                    send.emit(Action::Edit(Edit::Optimiser(next)));
                })} />
        }
    };
    let batch = |batch_size| Action::Edit(Edit::Optimiser(Optimiser { batch_size, ..now }));
    let options = [
        ("batches", now.batch_size.is_some(), batch(now.batch_size.or(preset.batch_size).or(Some(BATCH)))),
        ("full gradient", now.batch_size.is_none(), batch(None)),
    ];
    let kinds = OptimiserKind::ALL.map(|kind| {
        let text = match kind {
            OptimiserKind::Adam => "Adam",
            OptimiserKind::Sgd => "gradient descent",
        };
        (text, now.kind == kind, Action::Edit(Edit::Optimiser(Optimiser { kind, ..now })))
    });
    let sampled = matches!(state.spec().preferences, Preferences::Sampled { .. });
    html! {
        <section aria-labelledby="c-optimiser">
            <details>
                <summary><h2 id="c-optimiser">{ "Optimiser" }</h2></summary>
                <div class="inside">
                    if state.view.is_bandit() {
                        { choice("how a step is taken", &kinds, dispatch) }
                        if now.kind == OptimiserKind::Sgd {
                            <p class="soft">{ "A step is as long as the rate times the gradient, which is small where λ is: raise the learning rate." }</p>
                        }
                        { choice("what a step sees", &options, dispatch) }
                    }
                    { for rows(&now).into_iter().map(slider) }
                    if (now.batch_size.is_some() || sampled) && state.view.is_bandit() && state.view != View::Shapes {
                        <Slider id="runs" label="seeds trained" track={Track::whole(1.0, f64::from(MOST_RUNS), (1.0, f64::from(MOST_RUNS)))}
                            value={f64::from(state.runs())} initial={1.0} on_wrong={wrong(dispatch)}
                            on_change={{
                                let dispatch = dispatch.clone();
                                Callback::from(move |v| dispatch.emit(Action::Edit(Edit::Runs(v as u32))))
                            }} />
                    }
                    if state.view.is_bandit() {
                        { choice("what a new λ or α trains from", &[
                            ("from π_ref", !state.goes_on, Action::GoesOn(false)),
                            ("from where it stands", state.goes_on, Action::GoesOn(true)),
                        ], dispatch) }
                    }
                    { own_settings(state.spec(), dispatch) }
                </div>
            </details>
        </section>
    }
}

/// Losses with a rate or a number of steps of their own, and the way to make them like the others.
fn own_settings(spec: &Spec, dispatch: &Callback<Action>) -> Html {
    let own = spec.losses.iter().filter_map(|l| {
        let rate = l.learning_rate.map(|r| format!("learns at {}", words::setting(r)));
        let steps = l.steps.map(|s| format!("trains {s} steps"));
        let both: Vec<String> = rate.into_iter().chain(steps).collect();
        (!both.is_empty()).then(|| format!("{} {}", words::name(l), both.join(" and ")))
    });
    let own: Vec<String> = own.collect();
    if own.is_empty() {
        return html! {};
    }
    let mut losses = spec.losses.clone();
    for l in &mut losses {
        (l.learning_rate, l.steps) = (None, None);
    }
    let dispatch = dispatch.clone();
    let alike = Callback::from(move |_: MouseEvent| dispatch.emit(Action::Edit(Edit::Losses(losses.clone()))));
    html! {
        <>
            <p class="soft">{ format!("{}.", own.join("; ")) }</p>
            <button type="button" onclick={alike}>{ "All losses alike" }</button>
        </>
    }
}
