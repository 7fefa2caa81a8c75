//! A question to the model: its answer before and after training, token by token.

use std::rc::Rc;

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::app::controls::typed_number;
use crate::app::lm::Lm;
use crate::app::state::State;
use crate::app::words;
use crate::spec::{number, short};
use crate::worker::protocol::lm::{Drawing, ToLm, Token};

#[derive(Properties, Clone)]
pub struct AskingProps {
    pub state: Rc<State>,
    pub lm: Rc<Lm>,
}

impl PartialEq for AskingProps {
    fn eq(&self, other: &Self) -> bool {
        self.state.lm == other.state.lm && Rc::ptr_eq(&self.lm, &other.lm)
    }
}

/// What ends a text.
const END: &str = "<|endoftext|>";
/// The longest answer, in tokens.
const LONGEST: u32 = 48;

/// How an answer is drawn: what is typed beside the question.
struct Field {
    id: &'static str,
    label: &'static str,
    initial: &'static str,
    least: f64,
    most: f64,
    /// Whether it counts something.
    whole: bool,
}

/// The policy itself, until the reader wants it otherwise.
const FIELDS: [Field; 4] = [
    Field { id: "lm-heat", label: "temperature", initial: "1", least: 0.0, most: 10.0, whole: false },
    Field { id: "lm-top-k", label: "top k, 0 for all", initial: "0", least: 0.0, most: 1e5, whole: true },
    Field { id: "lm-top-p", label: "top p", initial: "1", least: 0.01, most: 1.0, whole: false },
    Field { id: "lm-penalty", label: "repetition penalty", initial: "1", least: 0.1, most: 10.0, whole: false },
];

impl Field {
    /// What is typed there, or what is wrong with it, in one sentence.
    fn read(&self, typed: &str) -> Result<f64, String> {
        let Self { label, least, most, .. } = self;
        // A comma in a count would group thousands.
        let (read, noun) = if self.whole {
            (number(typed).filter(|v| v.fract() == 0.0), "whole number")
        } else {
            (typed_number(typed), "number")
        };
        read.filter(|v| (*least..=*most).contains(v))
            .ok_or_else(|| format!("{label}: got “{}”, expected a {noun} from {least} to {most}.", short(typed, 20)))
    }
}

/// What a node's field holds.
fn text(node: &NodeRef) -> String {
    node.cast::<HtmlInputElement>().map_or_else(String::new, |i| i.value())
}

#[component]
pub fn Asking(props: &AskingProps) -> Html {
    let prompt = use_node_ref();
    let fields = [use_node_ref(), use_node_ref(), use_node_ref(), use_node_ref()];
    let seed = use_state(|| 0u32);
    let model = props.state.lm.model.as_ref();
    let questions: Vec<String> = model
        .and_then(|m| m.world.as_ref())
        .map_or_else(Vec::new, |w| w.seen.iter().chain(&w.held_out).cloned().collect());
    let ask = {
        let (prompt, fields, lm, seed) = (prompt.clone(), fields.clone(), Rc::clone(&props.lm), seed.clone());
        Callback::from(move |e: SubmitEvent| {
            e.prevent_default();
            let mut drawn = [0.0; 4];
            for ((field, node), value) in FIELDS.iter().zip(&fields).zip(&mut drawn) {
                match field.read(&text(node)) {
                    Ok(read) => *value = read,
                    Err(wrong) => return lm.notice(wrong),
                }
            }
            let [temperature, top_k, top_p, repetition_penalty] = drawn;
            let top_k = top_k as u32;
            let drawing = Drawing { temperature, top_k, top_p, repetition_penalty, max_tokens: LONGEST, seed: *seed };
            seed.set(*seed + 1);
            lm.send(ToLm::Say { prompt: text(&prompt), drawing }, Vec::new());
        })
    };
    let first = questions.get(1).cloned().unwrap_or_default();
    let said = props.state.lm.said.as_ref().map(|(before, after)| {
        // Of a loss that has curves here: an edit since has made the others another experiment's.
        let after = after
            .as_ref()
            .filter(|(k, _)| props.state.lm.newest(*k).is_some())
            .map(|(k, tokens)| (props.state.spec().losses.get(*k).map_or_else(String::new, words::name), tokens));
        html! {
            <div class="answers-told" aria-live="polite">
                { told("Before", before) }
                { after.map(|(name, tokens)| told(&format!("After {name}"), tokens)) }
            </div>
        }
    });
    html! {
        <section class="asking" aria-labelledby="lm-ask">
            <h2 id="lm-ask">{ "Ask it" }<small>{ "the same draws before and after training; a darker token was likelier" }</small></h2>
            <form onsubmit={ask}>
                <label class="visually-hidden" for="lm-prompt">{ "Your question" }</label>
                <input ref={prompt} key={first.clone()} id="lm-prompt" type="text" list="lm-questions" autocomplete="off" value={first.clone()} />
                <datalist id="lm-questions">{ for questions.iter().map(|q| html! { <option value={q.clone()} /> }) }</datalist>
                <button type="submit" disabled={model.is_none()}>{ "Answer" }</button>
                { for FIELDS.iter().zip(fields).map(|(f, node)| html! {
                    <label>{ f.label }<input ref={node} id={f.id} class="field" type="text" inputmode="decimal" autocomplete="off" value={f.initial} /></label>
                }) }
            </form>
            { said }
        </section>
    }
}

/// Five shades of likelihood.
fn shade(p: f64) -> &'static str {
    match p {
        p if p > 0.9 => "q4",
        p if p > 0.5 => "q3",
        p if p > 0.2 => "q2",
        p if p > 0.05 => "q1",
        _ => "q0",
    }
}

fn told(title: &str, tokens: &[Token]) -> Html {
    let likely =
        |t: &Token| t.likeliest.iter().map(|(text, p)| format!("“{text}” {p:.3}")).collect::<Vec<_>>().join(", ");
    html! {
        <section aria-label={title.to_owned()}>
            <h3>{ title.to_owned() }</h3>
            <p class="tokens">{ for tokens.iter().map(|t| html! {
                <span class={shade(t.p)} title={format!("{:.3}; likeliest here: {}", t.p, likely(t))}>{ t.text.replace(END, " ∎") }</span>
            }) }</p>
            <details>
                <summary>{ "Token by token" }</summary>
                <table>
                    <thead><tr><th scope="col">{ "token" }</th><th scope="col">{ "probability" }</th><th scope="col">{ "likeliest here" }</th></tr></thead>
                    <tbody>{ for tokens.iter().map(|t| html! {
                        <tr><td>{ format!("“{}”", t.text) }</td><td class="number">{ format!("{:.4}", t.p) }</td><td>{ likely(t) }</td></tr>
                    }) }</tbody>
                </table>
            </details>
        </section>
    }
}
