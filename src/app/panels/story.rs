//! The guided tour in the page's margin: a step's text, its question, and after the prediction its answer.

use std::rc::Rc;

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::send;
use crate::app::prefers;
use crate::app::state::{Action, Guess, State};
use crate::app::tour;
use crate::story::{self, FILES, Span, Step, plain};

/// Where the focus goes when the tour is closed, the first that can be seen.
const LAUNCHERS: [&str; 2] = ["tour", "invitation"];

/// The way into the tour, above the headline.
pub fn invitation(is_open: bool, dispatch: &Callback<Action>) -> Html {
    let start = send(dispatch, Action::Story(Some(0)));
    html! {
        if !is_open {
            <button type="button" id="invitation" onclick={start}>
                <strong>{ "Take the tour" }</strong>
                <span>{ format!("{} steps, each with a prediction", FILES.len()) }</span>
            </button>
        }
    }
}

#[derive(Properties, PartialEq)]
pub struct StoryProps {
    pub state: Rc<State>,
    pub dispatch: Callback<Action>,
}

/// The column of the tour; nothing while it is closed.
#[component]
pub fn Story(props: &StoryProps) -> Html {
    let title = use_node_ref();
    use_focus((props.state.story, tour::is_asking(&props.state)), &title);
    let Some(nth) = props.state.story else { return html! {} };
    let step = story::step(nth);
    let head = match step {
        Some(Ok(step)) => marked(&step.title),
        _ => html! { { "This step could not be read" } },
    };
    html! {
        <section class="story" aria-labelledby="story-title">
            <p class="place">{ format!("Tour, step {} of {}", nth + 1, FILES.len()) }</p>
            <button type="button" class="tool close" aria-label="Close the tour" title="Close the tour"
                onclick={send(&props.dispatch, Action::Story(None))}>
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d="m5 5 10 10M15 5 5 15" /></svg>
            </button>
            { dots(nth, &props.dispatch) }
            // It heads the page where the view's own headline is not shown.
            <h1 id="story-title" tabindex="-1" ref={title}>{ head }</h1>
            { match step {
                Some(Ok(step)) => body(step, props),
                Some(Err(fault)) => html! { <p>{ fault.to_string() }</p> },
                None => html! {},
            } }
            { onwards(nth, &props.dispatch) }
        </section>
    }
}

/// The title has the focus after each step but the one that the page opened with, and what opened the tour after its end. An answer
/// comes into sight once its step is no longer asking.
#[hook]
fn use_focus(at: (Option<usize>, bool), title: &NodeRef) {
    let before = use_mut_ref(|| at);
    let title = title.clone();
    use_effect_with(at, move |now| {
        let before = before.replace(*now);
        if before.0 == now.0 {
            if before.1 && !now.1 {
                bring_answer_into_sight();
            }
            return;
        }
        let launcher = |id: &&str| {
            let element = document().get_element_by_id(id)?.dyn_into::<HtmlElement>().ok()?;
            (element.offset_width() > 0).then_some(element)
        };
        let target = if now.0.is_some() { title.cast::<HtmlElement>() } else { LAUNCHERS.iter().find_map(launcher) };
        if let Some(element) = target {
            // Refused only for what cannot have the focus.
            let _ = element.focus();
        }
    });
}

/// Brings an answer that was just asked for into sight, where it stands beside the figures. Narrower screens have one
/// column, which stays where it is.
fn bring_answer_into_sight() {
    let part = |selector| document().query_selector(selector).ok().flatten();
    if let (true, Some(answer), Some(onwards)) = (prefers("(min-width: 75rem)"), part(".answer"), part(".onwards")) {
        // To its last line, above the way on, which lies over the lower edge; what is in sight already stays where it is.
        let (answer_at, edge) = (answer.get_bounding_client_rect(), onwards.get_bounding_client_rect().top());
        if answer_at.bottom() > edge {
            answer.scroll_into_view_with_bool(answer_at.height() > edge);
        }
    }
}

fn dots(nth: usize, dispatch: &Callback<Action>) -> Html {
    let dot = |k: usize| {
        let title = story::step(k).and_then(|s| s.as_ref().ok()).map_or_else(String::new, |s| plain(&s.title));
        html! {
            <li key={k}><button type="button" aria-label={format!("Step {}: {title}", k + 1)} title={title.clone()}
                aria-current={(k == nth).then_some("step")} onclick={send(dispatch, Action::Story(Some(k)))} /></li>
        }
    };
    html! { <nav aria-label="Steps of the tour"><ol class="dots">{ for (0..FILES.len()).map(dot) }</ol></nav> }
}

fn onwards(nth: usize, dispatch: &Callback<Action>) -> Html {
    let (word, to) = if nth + 1 < FILES.len() { ("Next", Some(nth + 1)) } else { ("Finish", None) };
    html! {
        <div class="onwards">
            <button type="button" disabled={nth == 0} onclick={send(dispatch, Action::Story(Some(nth.saturating_sub(1))))}>{ "Previous" }</button>
            <button type="button" class="primary" onclick={send(dispatch, Action::Story(to))}>{ word }</button>
        </div>
    }
}

fn body(step: &'static Step, props: &StoryProps) -> Html {
    let (state, dispatch) = (&props.state, &props.dispatch);
    let guess = state.story.and_then(|k| *state.guesses.get(k)?);
    let back = Action::Story(state.story);
    html! {
        <>
            { for step.text.iter().map(|t| paragraph(t)) }
            { question(step, guess, dispatch) }
            <div class="answer" aria-live="polite">
                if let Some(guess) = guess {
                    <p class="outcome">{ outcome(step, guess) }</p>
                    { for step.answer.iter().map(|t| paragraph(t)) }
                }
            </div>
            if !step.terms.is_empty() {
                <details class="terms">
                    <summary>{ "Terms" }</summary>
                    <dl>{ for step.terms.iter().map(|(term, meaning)| html! {
                        <><dt><dfn>{ marked(term) }</dfn></dt><dd>{ marked(meaning) }</dd></>
                    }) }</dl>
                </details>
            }
            <p class="cites">{ "In the paper: " }{ for step.cites.iter().enumerate().map(|(k, cite)| cited(k, cite, cite)) }</p>
            <button type="button" class="back" aria-disabled={tour::is_as_set(state).to_string()}
                onclick={send(dispatch, back)}>{ "Back to this step’s setting" }</button>
        </>
    }
}

/// Where a claim is made in the paper: links, each as short as it is written there.
pub fn places(cites: &[(&str, &str)]) -> Html {
    html! { <small>{ for cites.iter().enumerate().map(|(k, (short, cite))| cited(k, short, cite)) }</small> }
}

/// A link to a place in the paper, behind a comma where others stand before it.
fn cited(nth: usize, text: &str, cite: &str) -> Html {
    html! { <>{ if nth > 0 { ", " } else { "" } }<a href={story::place(cite)} target="_blank" rel="noopener noreferrer">{ text.to_owned() }</a></> }
}

fn question(step: &'static Step, guess: Option<Guess>, dispatch: &Callback<Action>) -> Html {
    // Kept enabled, as a button that is disabled under the finger loses the focus; the first prediction stays.
    let choice = |this: Guess, class: Option<&'static str>, text: Html| {
        html! {
            <button type="button" class={classes!("option", class)} aria-pressed={(guess == Some(this)).to_string()}
                aria-disabled={guess.is_some().to_string()} onclick={send(dispatch, Action::Guess(this))}>{ text }</button>
        }
    };
    let option = |(k, text): (usize, &story::Text)| {
        let class = if k == step.right { "right" } else { "wrong" };
        choice(Guess::Option(k), guess.map(|_| class), marked(text))
    };
    html! {
        <div class="question" role="group" aria-labelledby="story-question">
            <div id="story-question">
                <p class="place">{ "What do you predict?" }</p>
                { for step.question.iter().map(|t| paragraph(t)) }
            </div>
            { for step.options.iter().enumerate().map(option) }
            { choice(Guess::Shown, Some("show"), html! { { "Show me" } }) }
        </div>
    }
}

/// How the prediction fared.
fn outcome(step: &'static Step, guess: Guess) -> Html {
    let right = &step.options[step.right];
    match guess {
        Guess::Option(k) if k == step.right => html! { { "Right." } },
        Guess::Option(_) => html! { <>{ "Not so. The answer: " }{ marked(right) }{ "." }</> },
        Guess::Shown => html! { <>{ "The answer: " }{ marked(right) }{ "." }</> },
    }
}

fn paragraph(text: &[Span]) -> Html {
    html! { <p>{ marked(text) }</p> }
}

/// A text with its marks as elements.
fn marked(text: &[Span]) -> Html {
    let one = |span: &Span| match span {
        Span::Plain(s) => html! { { s.clone() } },
        Span::Emphasis(t) => html! { <em>{ marked(t) }</em> },
        Span::Strong(t) => html! { <strong>{ marked(t) }</strong> },
        Span::Code(s) => html! { <code>{ s.clone() }</code> },
        Span::Sub(s) => html! { <sub>{ s.clone() }</sub> },
        Span::Super(s) => html! { <sup>{ s.clone() }</sup> },
    };
    html! { { for text.iter().map(one) } }
}
