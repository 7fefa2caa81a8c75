//! Tables of text, those of a figure's every point built only when they are opened.

use std::cell::RefCell;
use std::rc::Rc;

use web_sys::HtmlDetailsElement;
use yew::functional::UseForceUpdateHandle;
use yew::prelude::*;

/// Tables that open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfolds {
    Psi,
    Arrows,
    Gaussians,
    Labels,
    Penalty,
}

/// Which of them are open. Shared, not a state's handle, which would be stale where two are opened before the next render.
pub struct Unfolding {
    open: Rc<RefCell<[bool; 5]>>,
    changed: UseForceUpdateHandle,
}

#[hook]
pub fn use_unfolding() -> Unfolding {
    Unfolding { open: use_mut_ref(|| [false; 5]), changed: use_force_update() }
}

/// A table's line. A line break in a cell sets what follows it small.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Line {
    /// The loss whose hue its head has.
    pub class: &'static str,
    /// Its numbers in full, as JSON, for programs that read the page.
    pub data: Option<String>,
    /// The first is the line's head.
    pub cells: Vec<String>,
}

impl From<Vec<String>> for Line {
    fn from(cells: Vec<String>) -> Self {
        Self { cells, ..Self::default() }
    }
}

/// A table behind its summary.
pub fn unfold(
    which: Unfolds,
    title: &'static str,
    unfolding: &Unfolding,
    heads: &[&'static str],
    lines: impl FnOnce() -> Vec<Line>,
) -> Html {
    let (all, changed) = (Rc::clone(&unfolding.open), unfolding.changed.clone());
    let on_toggle = Callback::from(move |e: Event| {
        if let Some(details) = e.target_dyn_into::<HtmlDetailsElement>() {
            all.borrow_mut()[which as usize] = details.open();
            changed.force_update();
        }
    });
    let is_open = unfolding.open.borrow()[which as usize];
    html! {
        <details class="numbers" ontoggle={on_toggle}>
            <summary>{ title }</summary>
            { if is_open { table(title, heads, lines()) } else { Html::default() } }
        </details>
    }
}

/// A table.
pub fn table(title: &'static str, heads: &[&'static str], lines: Vec<Line>) -> Html {
    let head = |text: &&'static str| html! { <th scope="col">{ parts(text) }</th> };
    let line = |line: Line| {
        html! {
            <tr data-numbers={line.data}>
                { for line.cells.iter().enumerate().map(|(k, cell)| match k {
                    0 => html! { <th scope="row" class={line.class}>{ parts(cell) }</th> },
                    _ => html! { <td class="number">{ parts(cell) }</td> },
                }) }
            </tr>
        }
    };
    html! {
        <div class="table-frame" tabindex="0" role="region" aria-label={title}>
        <table>
            <thead><tr>{ for heads.iter().map(head) }</tr></thead>
            <tbody>{ for lines.into_iter().map(line) }</tbody>
        </table>
        </div>
    }
}

/// A text, small from its line break on.
pub fn parts(text: &str) -> Html {
    match text.split_once('\n') {
        Some((large, small)) => html! { <>{ large.to_owned() }<small>{ small.to_owned() }</small></> },
        None => Html::from(text.to_owned()),
    }
}
