//! A policy's probabilities as linked sliders: moving one scales the others, so that they keep summing to one.

use yew::prelude::*;

use super::list;
use super::slider::{Slider, Track};
use crate::app::panels::symbol;
use crate::app::state::Given;
use crate::figure::action_name;

/// The least probability that a hand may set.
pub const FLOOR: f64 = 0.001;
/// Actions up to which each has a slider; of more, one that is picked.
const MOST: usize = 8;

/// The policy with entry `k` at `value` and the others scaled to fill the rest.
pub fn with_entry(pi: &[f64], k: usize, value: f64) -> Vec<f64> {
    let value = value.clamp(FLOOR, 1.0 - FLOOR * (pi.len() as f64 - 1.0));
    let mut next = pi.to_vec();
    next[k] = value;
    // Those that scaling would bring below the floor stay on it, and the others share what is left.
    let mut free = vec![true; pi.len()];
    free[k] = false;
    loop {
        let (mut mass, mut count, mut rest) = (0.0, 0.0, 1.0);
        for j in 0..pi.len() {
            if free[j] {
                (mass, count) = (mass + pi[j], count + 1.0);
            } else {
                rest -= next[j];
            }
        }
        let mut is_done = true;
        for j in 0..pi.len() {
            if free[j] {
                let scaled = if mass > 0.0 { pi[j] * rest / mass } else { rest / count };
                free[j] = scaled >= FLOOR;
                is_done &= free[j];
                next[j] = scaled.max(FLOOR);
            }
        }
        if is_done {
            break;
        }
    }
    settle(&mut next, k);
    next
}

/// Rounds to four places, so that a link stays short, none to zero: entry `keep` to the nearest, the others down. Those that lost
/// most by it take up what is left, a ten-thousandth each; what is too much is the likeliest's.
pub fn settle(pi: &mut [f64], keep: usize) {
    const PLACES: f64 = 1e4;
    let exact: Vec<f64> = pi.iter().map(|p| p * PLACES).collect();
    for (j, (p, x)) in pi.iter_mut().zip(&exact).enumerate() {
        *p = if j == keep { x.round() } else { (x + 1e-6).floor().max(1.0) };
    }
    let left = (PLACES - pi.iter().sum::<f64>()).round();
    for _ in 0..left.abs() as usize {
        let due = |j: &usize| if left > 0.0 { exact[*j] - pi[*j] } else { pi[*j] };
        let most = (0..pi.len()).filter(|j| *j != keep).max_by(|a, b| due(a).total_cmp(&due(b)));
        if let Some(j) = most {
            pi[j] += left.signum();
        }
    }
    for p in pi {
        *p /= PLACES;
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
    let name = match (props.both, props.given) {
        (true, _) => "π* = π_ref",
        (false, Given::Reference) => "π_ref",
        (false, Given::Star) => "π*",
    };
    let on_wrong = {
        let of = format!("{}{name}", props.prefix);
        props.on_wrong.reform(move |message: String| format!("{of}, {message}"))
    };
    let kind = if props.given == Given::Reference && !props.both { "Reference " } else { "Preference " };
    let id = format!("policy-{}-{key}", props.prompt);
    let track = Track::linear(FLOOR, 1.0 - FLOOR * (actions as f64 - 1.0));
    let slider = |k: usize| {
        let (pi, change) = (props.pi.clone(), props.on_change.clone());
        html! {
            <Slider id={format!("{id}-{k}")} label="y" sub={action_name(k)} {track} value={props.pi[k]}
                initial={props.initial.get(k).copied().unwrap_or(props.pi[k])} on_wrong={on_wrong.clone()}
                on_change={Callback::from(move |v| change.emit(with_entry(&pi, k, v)))} />
        }
    };
    html! {
        <section aria-labelledby={id.clone()}>
            <h2 id={id.clone()}>{ &props.prefix }{ if props.both || !props.prefix.is_empty() { "" } else { kind } }<span class="maths">{ symbol(name) }</span></h2>
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
        assert_eq!(next, [0.2, 0.6, 0.2]);
        assert_eq!(with_entry(&[0.4, 0.4, 0.2], 0, 0.7), [0.7, 0.2, 0.1]);
        assert_eq!(with_entry(&[0.4, 0.4, 0.2], 0, 0.1), [0.1, 0.6, 0.3]);
        assert_eq!(with_entry(&[0.4, 0.598, 0.002], 0, 0.9), [0.9, 0.099, 0.001], "the floor holds");
        assert_eq!(with_entry(&[1.0, 0.0, 0.0], 0, 0.5), [0.5, 0.25, 0.25]);
        let edge = with_entry(&[0.6, 0.3, 0.1], 1, 1.0);
        assert!(edge.iter().all(|p| *p >= FLOOR));
    }

    #[test]
    fn rounding_keeps_the_sum_and_sets_no_equals_apart_by_more_than_a_last_place() {
        let total = 2.8;
        let mut pi: Vec<f64> = (0..64).map(|k| if k < 3 { [0.4, 0.4, 0.2][k] } else { 0.03 } / total).collect();
        let sum: f64 = pi.iter().sum();
        pi.iter_mut().for_each(|p| *p /= sum);
        let exact = pi.clone();
        settle(&mut pi, 64);
        assert!((pi.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(pi.iter().zip(&exact).all(|(p, x)| (p - x).abs() < 1.01e-4), "{pi:?}");
        let (low, high) = pi[3..].iter().fold((1.0f64, 0.0f64), |(low, high), p| (low.min(*p), high.max(*p)));
        assert!(high - low < 1.01e-4, "{pi:?}");
    }

    #[test]
    fn rounding_leaves_no_action_without_probability() {
        for actions in 2..=64 {
            let mut pi = vec![1.0; actions];
            pi[0] = 998.0;
            let total: f64 = pi.iter().sum::<f64>() * 1.9;
            pi.iter_mut().for_each(|p| *p /= total);
            pi[actions - 1] += 1.0 - pi.iter().sum::<f64>();
            settle(&mut pi, actions);
            assert!((pi.iter().sum::<f64>() - 1.0).abs() < 1e-12 && pi.iter().all(|p| *p >= 1e-4), "{pi:?}");
        }
    }
}
