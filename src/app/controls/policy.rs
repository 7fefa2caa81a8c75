//! A policy's probabilities as linked sliders: moving one scales the others, so that they keep summing to one.

use yew::prelude::*;

use super::list;
use super::slider::{Slider, Track};
use crate::app::state::Given;
use crate::figure::action_name;

/// The least probability that a hand may set.
pub const FLOOR: f64 = 0.001;
/// Actions up to which each has a slider; of more, one that is picked.
const MOST: usize = 8;

/// The policy with entry `k` at `value` and the others scaled to fill the rest.
pub fn with_entry(pi: &[f64], k: usize, value: f64) -> Vec<f64> {
    let others = pi.len() as f64 - 1.0;
    let value = value.clamp(FLOOR, 1.0 - FLOOR * others);
    let rest = 1.0 - value - FLOOR * others;
    let above: f64 = pi.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, p)| (p - FLOOR).max(0.0)).sum();
    let share = |p: f64| if above > 0.0 { (p - FLOOR).max(0.0) / above } else { 1.0 / others };
    let mut next: Vec<f64> =
        pi.iter().enumerate().map(|(j, p)| if j == k { value } else { FLOOR + rest * share(*p) }).collect();
    settle(&mut next, k);
    next
}

/// Rounds to four places, the largest other entry taking up what rounding left, so that a link stays short.
pub fn settle(pi: &mut [f64], keep: usize) {
    for p in pi.iter_mut() {
        *p = (*p * 1e4).round() / 1e4;
    }
    let largest = (0..pi.len()).filter(|j| *j != keep).max_by(|a, b| pi[*a].total_cmp(&pi[*b]));
    if let Some(j) = largest {
        let others: f64 = pi.iter().enumerate().filter(|(i, _)| *i != j).map(|(_, p)| p).sum();
        pi[j] = ((1.0 - others) * 1e4).round() / 1e4;
    }
}

#[derive(Properties, PartialEq)]
pub struct PolicyProps {
    pub prompt: usize,
    /// The prompt's name, where there are several.
    pub prefix: String,
    pub given: Given,
    /// True of a good prompt, whose two policies are one.
    pub both: bool,
    pub pi: Vec<f64>,
    /// A choice above the sliders.
    pub choice: Html,
    /// What a double click goes back to.
    pub initial: Vec<f64>,
    pub on_change: Callback<Vec<f64>>,
    /// What was wrong with a typed value.
    pub on_wrong: Callback<String>,
}

#[component]
pub fn PolicySliders(props: &PolicyProps) -> Html {
    let actions = props.pi.len();
    let picked = use_state_eq(|| 0usize);
    let key = if props.given == Given::Reference { "ref" } else { "star" };
    let symbol = match (props.both, props.given) {
        (true, _) => html! { <>{ "π* = π" }<sub>{ "ref" }</sub></> },
        (false, Given::Reference) => html! { <>{ "π" }<sub>{ "ref" }</sub></> },
        (false, Given::Star) => html! { { "π*" } },
    };
    let kind = if props.given == Given::Reference && !props.both { "Reference " } else { "Preference " };
    let id = format!("policy-{}-{key}", props.prompt);
    let track = Track::linear(FLOOR, 1.0 - FLOOR * (actions as f64 - 1.0));
    let slider = |k: usize| {
        let (pi, change) = (props.pi.clone(), props.on_change.clone());
        html! {
            <Slider id={format!("{id}-{k}")} label="y" sub={action_name(k)} {track} value={props.pi[k]}
                initial={props.initial.get(k).copied().unwrap_or(props.pi[k])} on_wrong={props.on_wrong.clone()}
                on_change={Callback::from(move |v| change.emit(with_entry(&pi, k, v)))} />
        }
    };
    html! {
        <section aria-labelledby={id.clone()}>
            <h2 id={id.clone()}>{ &props.prefix }{ if props.both || !props.prefix.is_empty() { "" } else { kind } }<span class="maths">{ symbol }</span></h2>
            { props.choice.clone() }
            if actions <= MOST {
                { for (0..actions).map(slider) }
            } else {
                { list(format!("{id}-pick"), "action", &(0..actions).map(action_name).collect::<Vec<_>>(), *picked, {
                    let set = picked.setter();
                    Callback::from(move |k| set.set(k))
                }) }
                { slider((*picked).min(actions - 1)) }
            }
        </section>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_one_probability_keeps_the_sum_and_the_others_ratio() {
        let next = with_entry(&[0.6, 0.3, 0.1], 0, 0.2);
        assert!((next.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((next[1] / next[2] - 3.0).abs() < 0.05);
        let edge = with_entry(&[0.6, 0.3, 0.1], 1, 1.0);
        assert!(edge.iter().all(|p| *p >= FLOOR));
    }
}
