//! Which losses take part, their choices, and the designer of QPO losses: any ψ with any μ.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::slider::{Slider, Track};
use super::{choice, list, wrong};
use crate::app::bounds::MOST_LOSSES;
use crate::app::state::{Action, Edit, State};
use crate::app::words;
use crate::divergence::Divergence;
use crate::loss::{Loss, Mu, Psi, Reward};
use crate::spec::{KlConvention, LossSpec};

pub fn section(state: &State, dispatch: &Callback<Action>) -> Html {
    let (spec, is_bandit) = (state.spec(), state.view.is_bandit());
    html! {
        <section aria-labelledby="c-losses">
            <details>
                <summary><h2 id="c-losses">{ "Losses" }</h2></summary>
                <div class="inside">
                    { for Loss::ALL.into_iter().map(|l| member(state, l, dispatch)) }
                    { for spec.losses.iter().enumerate().filter(|(_, l)| matches!(l.loss, Loss::Qpo(..))).map(|(k, l)| designed(state, k, l, dispatch)) }
                    <button type="button" disabled={spec.losses.len() >= MOST_LOSSES} onclick={add_qpo(state, dispatch)}>{ "Add a ψ and μ of your own" }</button>
                    // A language model's reward is its world's, or fitted to one's own preferences.
                    if let Some(k) = spec.losses.iter().position(|l| is_bandit && matches!(l.loss, Loss::Rlhf(_))) {
                        { choice("RLHF’s reward", &[
                            ("true reward", spec.losses[k].loss == Loss::Rlhf(Reward::True), replaced(state, k, Loss::Rlhf(Reward::True))),
                            ("fitted reward", spec.losses[k].loss == Loss::Rlhf(Reward::Fitted), replaced(state, k, Loss::Rlhf(Reward::Fitted))),
                        ], dispatch) }
                    }
                    if let Some(k) = spec.losses.iter().position(|l| matches!(l.loss, Loss::FDpo(_))) {
                        { divergence_list(state, k, dispatch) }
                    }
                    if is_bandit { { convention(state, dispatch) } }
                </div>
            </details>
        </section>
    }
}

/// Same kind, whatever its choices.
fn same_kind(a: Loss, b: Loss) -> bool {
    a.key() == b.key()
}

fn with(state: &State, edit: impl FnOnce(&mut Vec<LossSpec>)) -> Action {
    let mut losses = state.spec().losses.clone();
    edit(&mut losses);
    Action::Edit(Edit::Losses(losses))
}

fn replaced(state: &State, k: usize, loss: Loss) -> Action {
    with(state, |losses| losses[k].loss = loss)
}

/// One of the paper's five, on or off. The last loss cannot be taken away.
fn member(state: &State, loss: Loss, dispatch: &Callback<Action>) -> Html {
    let place = state.spec().losses.iter().position(|l| same_kind(l.loss, loss));
    let next = with(state, |losses| {
        if let Some(k) = place {
            losses.remove(k);
        } else {
            // As the preset has it, else plain; in the order in which they are always listed.
            let known = state.link().preset.spec().losses.into_iter().find(|l| same_kind(l.loss, loss));
            let plain = LossSpec { loss, lambda: state.lambda(), learning_rate: None, steps: None };
            let new = LossSpec { lambda: state.lambda(), ..known.unwrap_or(plain) };
            let rank = |l: Loss| Loss::ALL.iter().position(|a| same_kind(*a, l)).unwrap_or(Loss::ALL.len());
            let at = losses.iter().position(|l| rank(l.loss) > rank(loss)).unwrap_or(losses.len());
            losses.insert(at, new);
        }
    });
    let dispatch = dispatch.clone();
    let locked = (place.is_some() && state.spec().losses.len() == 1)
        || (place.is_none() && state.spec().losses.len() >= MOST_LOSSES);
    html! {
        <label class={classes!("member", loss.key())}>
            <input type="checkbox" checked={place.is_some()} disabled={locked}
                onchange={Callback::from(move |e: Event| {
                    // The page's state decides what is checked.
                    if let Some(input) = e.target_dyn_into::<HtmlInputElement>() { input.set_checked(place.is_some()); }
                    dispatch.emit(next.clone());
                })} />
            { loss.name() }
        </label>
    }
}

fn add_qpo(state: &State, dispatch: &Callback<Action>) -> Callback<MouseEvent> {
    let dispatch = dispatch.clone();
    let new =
        LossSpec { loss: Loss::Qpo(Psi::Hinge, Mu::Log), lambda: state.lambda(), learning_rate: None, steps: None };
    let next = with(state, |losses| losses.push(new));
    Callback::from(move |_| dispatch.emit(next.clone()))
}

/// μ on offer, by name.
fn mus() -> Vec<(String, Mu)> {
    let divergences = Divergence::ALL.map(|d| (format!("f′ of {}", words::divergence(d)), Mu::FPrime(d)));
    std::iter::once(("logarithm".to_owned(), Mu::Log)).chain(divergences).collect()
}

/// A loss of the reader's own.
fn designed(state: &State, k: usize, spec: &LossSpec, dispatch: &Callback<Action>) -> Html {
    let Loss::Qpo(psi, mu) = spec.loss else { return html! {} };
    let losses = state.spec().losses.clone();
    let set = move |dispatch: &Callback<Action>, make: Box<dyn Fn(usize) -> Option<Loss>>| {
        let (dispatch, losses) = (dispatch.clone(), losses.clone());
        Callback::from(move |chosen| {
            if let Some(loss) = make(chosen) {
                let mut losses = losses.clone();
                losses[k].loss = loss;
                dispatch.emit(Action::Edit(Edit::Losses(losses)));
            }
        })
    };
    let psis: Vec<String> = Psi::ALL.iter().map(|p| p.key().to_owned()).collect();
    let mus = mus();
    let names: Vec<String> = mus.iter().map(|(name, _)| name.clone()).collect();
    let remove = with(state, |losses| {
        losses.remove(k);
    });
    let (taken, send) = (state.spec().losses.len() == 1, dispatch.clone());
    // The first keeps the plain ids.
    let nth = state.spec().losses[..k].iter().filter(|l| matches!(l.loss, Loss::Qpo(..))).count();
    let id = |of: &str| if nth == 0 { of.to_owned() } else { format!("{of}-{}", nth + 1) };
    html! {
        <fieldset class="designed qpo">
            <legend>{ words::name(spec) }</legend>
            { list(id("psi"), "ψ", &psis, Psi::ALL.iter().position(|p| *p == psi).unwrap_or(0),
                set(dispatch, Box::new(move |c| Psi::ALL.get(c).map(|p| Loss::Qpo(*p, mu))))) }
            { list(id("mu"), "μ", &names, mus.iter().position(|(_, m)| same_mu(*m, mu)).unwrap_or(0), {
                let mus = mus.clone();
                set(dispatch, Box::new(move |c| mus.get(c).map(|(_, m)| Loss::Qpo(psi, *m))))
            }) }
            if let Mu::FPrime(Divergence::Alpha(a)) = mu {
                { order(id("mu-alpha"), a, dispatch, state, move |a| (k, Loss::Qpo(psi, Mu::FPrime(Divergence::Alpha(a))))) }
            }
            <button type="button" disabled={taken} onclick={Callback::from(move |_| send.emit(remove.clone()))}>{ "Remove" }</button>
        </fieldset>
    }
}

fn divergence_list(state: &State, k: usize, dispatch: &Callback<Action>) -> Html {
    let Loss::FDpo(now) = state.spec().losses[k].loss else { return html! {} };
    let names: Vec<String> = Divergence::ALL.iter().map(|d| words::divergence(*d)).collect();
    let choices: Vec<Action> = Divergence::ALL.iter().map(|d| replaced(state, k, Loss::FDpo(*d))).collect();
    let send = dispatch.clone();
    let dispatch = dispatch.clone();
    let on_choice = Callback::from(move |c: usize| choices.get(c).into_iter().for_each(|a| dispatch.emit(a.clone())));
    let chosen = Divergence::ALL.iter().position(|d| same_divergence(*d, now)).unwrap_or(2);
    html! {
        <>
            { list("divergence", "f-DPO’s divergence", &names, chosen, on_choice) }
            if let Divergence::Alpha(a) = now {
                { order("divergence-alpha".to_owned(), a, &send, state, move |a| (k, Loss::FDpo(Divergence::Alpha(a)))) }
            }
        </>
    }
}

/// Same kind, whatever its order.
fn same_divergence(a: Divergence, b: Divergence) -> bool {
    std::mem::discriminant(&a) == std::mem::discriminant(&b)
}

fn same_mu(a: Mu, b: Mu) -> bool {
    match (a, b) {
        (Mu::Log, Mu::Log) => true,
        (Mu::FPrime(a), Mu::FPrime(b)) => same_divergence(a, b),
        _ => false,
    }
}

/// The order of an α-divergence, as a slider.
fn order(
    id: String,
    now: f64,
    dispatch: &Callback<Action>,
    state: &State,
    made: impl Fn(f64) -> (usize, Loss) + 'static,
) -> Html {
    let (send, losses) = (dispatch.clone(), state.spec().losses.clone());
    let on_change = Callback::from(move |a| {
        let (k, loss) = made(a);
        let mut losses = losses.clone();
        losses[k].loss = loss;
        send.emit(Action::Edit(Edit::Losses(losses)));
    });
    html! {
        <Slider {id} label="order α" about="0 is reverse KL, 1 forward KL" track={Track::linear(0.01, 0.99)} value={now}
            initial={0.5} {on_change} on_wrong={wrong(dispatch)} />
    }
}

fn convention(state: &State, dispatch: &Callback<Action>) -> Html {
    let options = KlConvention::ALL.map(|kl| {
        let text = match kl {
            KlConvention::True => "true KL",
            KlConvention::Authors => "authors’ KL ÷ A",
        };
        (text, state.spec().kl == kl, Action::Edit(Edit::Kl(kl)))
    });
    choice("how KL is counted", &options, dispatch)
}
