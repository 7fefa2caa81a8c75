//! The bar above the page: the views, the tour, back and forth, what can be taken away, light or dark.

use yew::prelude::*;

use super::send;
use super::share::Share;
use crate::app::prefers;
use crate::app::state::{Action, Scheme, View};
use crate::app::views::ViewProps;

pub fn header(ViewProps { state, exact, dispatch, .. }: &ViewProps) -> Html {
    let next = match state.scheme {
        Scheme::System if prefers("(prefers-color-scheme: dark)") => Scheme::Light,
        Scheme::System | Scheme::Light => Scheme::Dark,
        Scheme::Dark | Scheme::Contrast => Scheme::Light,
    };
    html! {
        <header class="bar">
            <a class="brand" href="#main">{ "TYPO Lab" }</a>
            <nav aria-label="Views">
                { for View::ALL.into_iter().map(|v| html! {
                    <button type="button" aria-current={(v == state.view).then_some("page")}
                        onclick={send(dispatch, Action::View(v))}>{ v.title() }</button>
                }) }
            </nav>
            <button type="button" id="tour" aria-pressed={state.story.is_some().to_string()}
                onclick={send(dispatch, Action::Story(state.story.is_none().then_some(0)))}>{ "Tour" }</button>
            <button type="button" class="tool" aria-label="Undo" title="Undo" disabled={state.past.is_empty()}
                onclick={send(dispatch, Action::Undo)}>
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M7 4 3 8l4 4M3.5 8H12a4.5 4.5 0 0 1 0 9H8" /></svg>
            </button>
            <button type="button" class="tool" aria-label="Redo" title="Redo" disabled={state.future.is_empty()}
                onclick={send(dispatch, Action::Redo)}>
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d="m13 4 4 4-4 4M16.5 8H8a4.5 4.5 0 0 0 0 9h4" /></svg>
            </button>
            <Share state={state.clone()} exact={exact.clone()} />
            <button type="button" class="scheme" aria-label="Light or dark" title="Light or dark"
                onclick={send(dispatch, Action::Scheme(next))}>
                <svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7.5" /><path d="M10 2.5a7.5 7.5 0 0 1 0 15z" /></svg>
            </button>
        </header>
    }
}
