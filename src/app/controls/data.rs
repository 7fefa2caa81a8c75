//! Where the labels come from: the exact expectation, seeded draws, or a table of counts to edit.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::slider::{Slider, Track};
use super::{choice, wrong};
use crate::app::state::{Action, Edit, State};
use crate::figure::action_name;
use crate::preference::{Pairing, win_probability};
use crate::spec::{Preferences, limit, number};

/// Cells of all tables of counts up to which they are edited in the page: sixteen actions of one prompt, six of eight.
const MOST_CELLS: usize = 288;
/// Draws and seed that the first press of "draws" gives: the authors' own.
const DRAWS: u32 = 300;
const SEED: u64 = 100;
/// Comparisons of each pair that the first press of "counts" gives.
pub const COMPARED: f64 = 20.0;

pub fn section(state: &State, dispatch: &Callback<Action>) -> Html {
    let now = &state.spec().preferences;
    let pairing = now.pairing();
    let set = |p: Preferences| Action::Edit(Edit::Preferences(p));
    let sampled = Preferences::Sampled { draws: DRAWS, seed: SEED, pairing };
    let mut options = vec![
        ("expectation", matches!(now, Preferences::Population { .. }), set(Preferences::Population { pairing })),
        ("draws", matches!(now, Preferences::Sampled { .. }), set(sampled)),
    ];
    let is_counted = matches!(now, Preferences::Counts { .. });
    let fits = state.spec().prompts.len() * state.spec().actions().pow(2) <= MOST_CELLS;
    if is_counted {
        options.push(("counts", true, set(now.clone())));
    } else if fits {
        let counts = state.spec().prompts.iter().map(|p| expected_counts(&p.pi_star, COMPARED)).collect();
        options.push(("counts", false, set(Preferences::Counts { counts })));
    }
    html! {
        <section aria-labelledby="c-data">
            <h2 id="c-data">{ "Preference data" }</h2>
            { choice("where the labels come from", &options, dispatch) }
            if !fits { <p class="soft">{ "So many counts are edited in the experiment’s file." }</p> }
            { match now {
                Preferences::Population { .. } => pairs(now, pairing, dispatch),
                Preferences::Sampled { draws, seed, .. } => html! {
                    <>{ draw_sliders(*draws, *seed, pairing, dispatch) }{ pairs(now, pairing, dispatch) }</>
                },
                Preferences::Counts { .. } if !fits => html! {},
                Preferences::Counts { counts } => html! {
                    <>{ for (0..counts.len()).map(|x| table(state, counts, x, dispatch)) }</>
                },
            } }
        </section>
    }
}

/// Which pairs are compared.
fn pairs(now: &Preferences, current: Pairing, dispatch: &Callback<Action>) -> Html {
    let options = Pairing::ALL.map(|pairing| {
        let text = match pairing {
            Pairing::Uniform => "all pairs alike",
            Pairing::Reference => "drawn from π_ref",
        };
        let next = match now {
            Preferences::Sampled { draws, seed, .. } => Preferences::Sampled { draws: *draws, seed: *seed, pairing },
            _ => Preferences::Population { pairing },
        };
        (text, pairing == current, Action::Edit(Edit::Preferences(next)))
    });
    choice("which pairs are compared", &options, dispatch)
}

fn draw_sliders(draws: u32, seed: u64, pairing: Pairing, dispatch: &Callback<Action>) -> Html {
    let edit = |make: fn(u32, u64, Pairing, f64) -> Preferences| {
        let dispatch = dispatch.clone();
        Callback::from(move |v| dispatch.emit(Action::Edit(Edit::Preferences(make(draws, seed, pairing, v)))))
    };
    html! {
        <>
            <Slider id="draws" label="pairs drawn" track={Track::whole(10.0, 1e4, (1.0, f64::from(limit::DRAWS)))}
                value={f64::from(draws)} initial={f64::from(DRAWS)} on_wrong={wrong(dispatch)}
                on_change={edit(|_, seed, pairing, v| Preferences::Sampled { draws: v as u32, seed, pairing })} />
            <Slider id="data-seed" label="data seed" track={Track::whole(1.0, 1e3, (0.0, 9e15))}
                value={seed as f64} initial={SEED as f64} on_wrong={wrong(dispatch)}
                on_change={edit(|draws, _, pairing, v| Preferences::Sampled { draws, seed: v as u64, pairing })} />
        </>
    }
}

/// What every pair would count on average under a π*, compared so many times. (A × A, row = winner)
pub fn expected_counts(star: &[f64], compared: f64) -> Vec<Vec<f64>> {
    let wins = |i: usize, j: usize| (compared * win_probability(star[i].ln(), star[j].ln())).round();
    // The second of a pair gets what the first left, so that rounding loses no comparison.
    let cell = |i: usize, j: usize| match i.cmp(&j) {
        std::cmp::Ordering::Less => wins(i, j),
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => compared - wins(j, i),
    };
    (0..star.len()).map(|i| (0..star.len()).map(|j| cell(i, j)).collect()).collect()
}

/// How often the row's action beat the column's on prompt `x`.
fn table(state: &State, counts: &[Vec<Vec<f64>>], x: usize, dispatch: &Callback<Action>) -> Html {
    let actions = counts[x].len();
    let name = &state.spec().prompts[x].name;
    let caption = if counts.len() > 1 {
        format!("{name}: wins of the row over the column")
    } else {
        "wins of the row over the column".to_owned()
    };
    let cell = |i: usize, j: usize| {
        if i == j {
            return html! { <td aria-hidden="true"></td> };
        }
        let label = format!("{name}: wins of y {} over y {}", action_name(i), action_name(j));
        html! { <td><Count {label} value={counts[x][i][j]} on_wrong={wrong(dispatch)} on_change={{
            let (dispatch, counts) = (dispatch.clone(), counts.to_vec());
            Callback::from(move |v: f64| {
                let mut counts = counts.clone();
                counts[x][i][j] = v;
                dispatch.emit(Action::Edit(Edit::Preferences(Preferences::Counts { counts })));
            })
        }} /></td> }
    };
    let head = |k: usize| html! { <>{ "y" }<sub>{ action_name(k) }</sub></> };
    html! {
        <div class="counts table-frame"><table>
            <caption>{ caption }</caption>
            <thead><tr><td></td>{ for (0..actions).map(|j| html! { <th scope="col" class="maths">{ head(j) }</th> }) }</tr></thead>
            <tbody>{ for (0..actions).map(|i| html! {
                <tr><th scope="row" class="maths">{ head(i) }</th>{ for (0..actions).map(|j| cell(i, j)) }</tr>
            }) }</tbody>
        </table></div>
    }
}

/// Greatest count that may be typed.
const MOST_COUNT: f64 = 1e6;

#[derive(Properties, PartialEq)]
struct CountProps {
    label: String,
    value: f64,
    on_change: Callback<f64>,
    on_wrong: Callback<String>,
}

/// A number field of the table.
#[component]
fn Count(props: &CountProps) -> Html {
    let field = use_node_ref();
    {
        let field = field.clone();
        // By property: an attribute would not change a field that was typed in.
        use_effect_with(props.value, move |value| {
            if let Some(input) = field.cast::<HtmlInputElement>() {
                input.set_value(&value.to_string());
            }
        });
    }
    let (change, wrong, label, old) =
        (props.on_change.clone(), props.on_wrong.clone(), props.label.clone(), props.value);
    let typed = Callback::from(move |e: Event| {
        let Some(input) = e.target_dyn_into::<HtmlInputElement>() else { return };
        let text = input.value();
        // What is taken comes back as the new value; what the page refuses leaves the old one.
        input.set_value(&old.to_string());
        match number(&text.replace(',', ".")) {
            Some(value) if (0.0..=MOST_COUNT).contains(&value) => change.emit(value),
            _ => {
                let got: String = text.chars().take(20).collect();
                wrong.emit(format!("{label}: got “{got}”, expected a number from 0 to {MOST_COUNT}."));
            }
        }
    });
    html! { <input ref={field} class="field" type="text" inputmode="decimal" autocomplete="off" aria-label={props.label.clone()} onchange={typed} /> }
}
