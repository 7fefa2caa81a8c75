//! What can be taken away: the link, a frame for somebody else's page, files, and how to cite.

use std::rc::Rc;

use gloo::utils::{document, window};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::app::embed::{Control, figures};
use crate::app::exact::Exact;
use crate::app::sheet::Sheet;
use crate::app::state::{State, View};
use crate::app::{address, painter, points, save};
use crate::export::{self, Frame};
use crate::solve::sweep::Series;
use crate::spec::{LossSpec, Sweep};
use crate::trace::Trace;

#[derive(Properties, PartialEq)]
pub struct ShareProps {
    pub state: Rc<State>,
    pub exact: Rc<Exact>,
}

/// A button that opens the dialog. What the dialog holds is made when it opens.
#[component]
pub fn Share(props: &ShareProps) -> Html {
    let dialog = use_node_ref();
    let open = use_state_eq(|| false);
    {
        let dialog = dialog.clone();
        use_effect_with(*open, move |open| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>()
                && *open
                && !dialog.open()
            {
                // Refused only where it is open already.
                let _ = dialog.show_modal();
            }
        });
    }
    let set = |to: bool| {
        let open = open.setter();
        move || open.set(to)
    };
    let (on_open, on_closed) = (set(true), set(false));
    // A press beside the content falls on the dialog itself.
    let on_press = {
        let dialog = dialog.clone();
        Callback::from(move |e: MouseEvent| {
            if let (Some(pressed), Some(dialog)) = (e.target_dyn_into::<HtmlDialogElement>(), dialog.cast())
                && pressed == dialog
            {
                dialog.close();
            }
        })
    };
    let on_close = {
        let dialog = dialog.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
                dialog.close();
            }
        })
    };
    html! {
        <>
            <button type="button" class="share-open" aria-haspopup="dialog" onclick={move |_: MouseEvent| on_open()}>{ "Share" }</button>
            <dialog ref={dialog} class="share" aria-labelledby="share-title" onclose={move |_: Event| on_closed()} onclick={on_press}>
                if *open {
                    <div class="share-content">
                        <div class="top">
                            <h2 id="share-title">{ "Export and share" }</h2>
                            <button type="button" aria-label="Close" onclick={on_close}>{ "Close" }</button>
                        </div>
                        <Content state={props.state.clone()} exact={props.exact.clone()} />
                    </div>
                }
            </dialog>
        </>
    }
}

#[component]
fn Content(ShareProps { state, exact }: &ShareProps) -> Html {
    let told = use_state_eq(String::new);
    let tell = {
        let told = told.setter();
        Callback::from(move |sentence: String| told.set(sentence))
    };
    let shown = use_state(|| Chosen {
        view: state.view,
        figure: None,
        controls: vec!["lambda"],
        theme: "",
        size: 1.0,
        height: 620,
    });
    let frame = shown.html(state);
    html! {
        <>
            <section>
                <h3>{ "Link" }</h3>
                { copied("share-link", "Link to what is on screen", format!("{}{}", page_address(), hash(&address::fragment(state))), 2, &tell) }
            </section>
            <section>
                <h3>{ "Files" }</h3>
                <div class="files">{ for File::ALL.into_iter().filter(|f| f.is_of(state.view)).map(|f| f.button(state, exact, &tell)) }</div>
                if let Some(remark) = remark(state) { <p class="soft">{ remark }</p> }
            </section>
            <section>
                <h3>{ "In a page or a slide" }</h3>
                { choices(&shown) }
                { copied("share-frame", "HTML of the frame", frame, 4, &tell) }
            </section>
            <section>
                <h3>{ "Cite" }</h3>
                { copied("share-cite", "BibTeX", format!("{}\n{}", export::PAPER, export::SOFTWARE), 8, &tell) }
            </section>
            <p class="told" role="status">{ (*told).clone() }</p>
        </>
    }
}

/// The page's address without query and fragment.
fn page_address() -> String {
    let location = window().location();
    format!("{}{}", location.origin().unwrap_or_default(), location.pathname().unwrap_or_default())
}

fn hash(fragment: &str) -> String {
    if fragment.is_empty() { String::new() } else { format!("#{fragment}") }
}

/// A text to be copied, by a button or by hand.
fn copied(id: &'static str, label: &'static str, text: String, rows: u32, tell: &Callback<String>) -> Html {
    let on_copy = {
        let (text, tell) = (text.clone(), tell.clone());
        Callback::from(move |_: MouseEvent| {
            let tell = tell.clone();
            save::copy(&text, move |there| {
                if there {
                    tell.emit(format!("{label}: copied."));
                    return;
                }
                let area = document().get_element_by_id(id).and_then(|e| e.dyn_into::<HtmlTextAreaElement>().ok());
                if let Some(area) = area {
                    let _ = area.focus();
                    area.select();
                }
                tell.emit(
                    "This browser keeps its clipboard to itself here: the text is selected, press Ctrl+C or ⌘C."
                        .to_owned(),
                );
            });
        })
    };
    html! {
        <div class="copied">
            <textarea {id} readonly=true spellcheck="false" rows={rows.to_string()} aria-label={label} value={text} />
            <button type="button" aria-label={format!("Copy: {label}")} onclick={on_copy}>{ "Copy" }</button>
        </div>
    }
}

/// Files that can be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum File {
    Png,
    Svg,
    Runs,
    Curves,
    Spec,
    Script,
    Bibtex,
}

impl File {
    const ALL: [Self; 7] = [Self::Png, Self::Svg, Self::Runs, Self::Curves, Self::Spec, Self::Script, Self::Bibtex];

    fn title(self) -> &'static str {
        match self {
            Self::Png => "Figures, PNG",
            Self::Svg => "Figures, SVG",
            Self::Runs => "Training runs, CSV",
            Self::Curves => "Exact curves, CSV",
            Self::Spec => "Experiment, JSON",
            Self::Script => "PyTorch script",
            Self::Bibtex => "BibTeX",
        }
    }

    /// The file's name, by the view that it comes from.
    fn name(self, view: View) -> String {
        let rest = match self {
            Self::Png => ".png",
            Self::Svg => ".svg",
            Self::Runs => "-runs.csv",
            Self::Curves => "-curves.csv",
            Self::Spec => ".json",
            Self::Script => ".py",
            Self::Bibtex => return "typo-lab.bib".to_owned(),
        };
        format!("typo-lab-{}{rest}", view.key())
    }

    /// The script trains the bandit, and no language model.
    fn is_of(self, view: View) -> bool {
        self != Self::Script || view.is_bandit()
    }

    fn button(self, state: &Rc<State>, exact: &Rc<Exact>, tell: &Callback<String>) -> Html {
        let waits = self == Self::Runs && !(state.done && state.traces.iter().any(|t| !t.is_empty()));
        let (state, exact, tell) = (Rc::clone(state), Rc::clone(exact), tell.clone());
        let on_press = Callback::from(move |_: MouseEvent| self.save(&state, &exact, tell.clone()));
        html! {
            <button type="button" disabled={waits} onclick={on_press}>{ self.title() }</button>
        }
    }

    fn save(self, state: &State, exact: &Exact, tell: Callback<String>) {
        let name = self.name(state.view);
        let tell = {
            let name = name.clone();
            move |saved: bool| {
                tell.emit(if saved {
                    format!("Saved as {name}.")
                } else {
                    format!("{name} could not be made; try again, or a smaller window.")
                });
            }
        };
        let saved = match self {
            Self::Png => {
                let sheet = Sheet::of_page(&exact_losses(exact));
                match sheet.and_then(|s| s.canvas(&painter::theme(), PNG_RATIO)) {
                    Some(canvas) => return save::png(&name, &canvas, tell),
                    None => false,
                }
            }
            Self::Svg => {
                let sheet = Sheet::of_page(&exact_losses(exact));
                let svg = sheet.and_then(|s| s.svg(&painter::theme()));
                svg.is_some_and(|text| save::text(&name, "image/svg+xml", &text))
            }
            Self::Runs => save::text(&name, "text/csv", &export::runs_csv(&exact.problem, &runs(state, exact))),
            // No sweep is on screen there.
            Self::Curves if matches!(state.view, View::Shapes | View::Language) => {
                save::text(&name, "text/csv", &points::csv())
            }
            Self::Curves => {
                let (sweep, series) = curves(state, exact);
                save::text(&name, "text/csv", &export::sweep_csv(&exact.problem, &sweep, &series))
            }
            Self::Spec => save::text(&name, "application/json", &export::spec(state.spec())),
            Self::Script => {
                let (spec, problem) = (state.spec().clone(), exact.problem.clone());
                return save::beside("./script.py", move |template| {
                    let text = template.map(|t| export::script_from(&t, &spec, &problem));
                    tell(text.is_some_and(|t| save::text(&name, "text/x-python", &t)));
                });
            }
            Self::Bibtex => save::text(&name, "text/x-bibtex", &format!("{}\n{}", export::PAPER, export::SOFTWARE)),
        };
        tell(saved);
    }
}

/// Pixels of a PNG to a CSS pixel.
const PNG_RATIO: f64 = 2.0;

fn exact_losses(exact: &Exact) -> Vec<LossSpec> {
    exact.losses.iter().map(|l| l.spec).collect()
}

/// The runs on screen, seed after seed.
fn runs(state: &State, exact: &Exact) -> Vec<Vec<(LossSpec, Trace)>> {
    let trained = |traces: &Vec<Trace>| {
        let begun = exact.losses.iter().zip(traces).filter(|(_, t)| !t.is_empty());
        begun.map(|(l, t)| (l.spec, t.clone())).collect()
    };
    state.seeds().map(trained).collect()
}

/// The exact minimisers that the view draws, over λ or α.
fn curves(state: &State, exact: &Exact) -> (Sweep, Vec<Series>) {
    let sweep = state.spec().sweep;
    let over_alpha = exact.losses.iter().map(|l| l.constraint.as_ref().map(|c| c.series.clone())).collect();
    match (state.view, over_alpha) {
        (View::Constraints, Some(series)) => (sweep.over_alpha(), series),
        _ => (sweep.over_lambda(), exact.losses.iter().map(|l| l.curves.series.clone()).collect()),
    }
}

/// What a reader of the files should know.
fn remark(state: &State) -> Option<String> {
    if !state.done {
        Some("The training runs can be saved once they are complete.".to_owned())
    } else if !state.from.is_empty() {
        Some("The runs on screen went on from other policies; the script begins at π_ref.".to_owned())
    } else if state.runs() > 1 {
        Some(
            "The runs of every seed are in one file, a line with its seed at the end; the script is that of the first."
                .to_owned(),
        )
    } else {
        None
    }
}

/// What a frame is to show.
#[derive(Debug, Clone, PartialEq)]
struct Chosen {
    view: View,
    figure: Option<&'static str>,
    controls: Vec<&'static str>,
    theme: &'static str,
    size: f64,
    height: u32,
}

/// Themes by their keys; none for the reader's own.
const THEMES: [(&str, &str); 4] =
    [("", "as the reader’s system"), ("light", "light"), ("dark", "dark"), ("contrast", "high contrast")];
/// The list's first entry, where none is picked.
const ALL_FIGURES: &str = "all of them";
/// Sizes of text, as a share of the usual one.
const SIZES: [f64; 5] = [0.8, 1.0, 1.25, 1.5, 2.0];
/// Heights that a frame may have, in CSS pixels.
const HEIGHTS: (u32, u32) = (200, 4000);

impl Chosen {
    /// The frame of the experiment that the chosen view holds.
    fn html(&self, state: &State) -> String {
        let mut there = state.clone();
        there.story = None;
        if self.view != state.view {
            // Another view may hold another experiment, with other losses.
            (there.view, there.cursor, there.only) = (self.view, 1.0, None);
        }
        let frame = Frame {
            page: &page_address(),
            view: self.view.key(),
            figure: self.figure,
            title: &format!("TYPO Lab: {}", self.view.title()),
            controls: &self.controls,
            theme: Some(self.theme).filter(|t| !t.is_empty()),
            size: self.size,
            height: self.height,
            fragment: &address::fragment(&there),
        };
        frame.html()
    }

    fn with_control(&self, key: &'static str, on: bool) -> Self {
        let wanted = |k: &&'static str| if *k == key { on } else { self.controls.contains(k) };
        Self { controls: Control::ALL.map(Control::key).into_iter().filter(wanted).collect(), ..self.clone() }
    }
}

/// The controls of a frame's making.
fn choices(shown: &UseStateHandle<Chosen>) -> Html {
    let views: Vec<View> = View::ALL.to_vec();
    let names: Vec<(String, bool)> = views.iter().map(|v| (v.title().to_owned(), *v == shown.view)).collect();
    let themes = THEMES.map(|(key, name)| (name.to_owned(), key == shown.theme));
    let sizes = SIZES.map(|s| (format!("{s} ×"), s == shown.size));
    let figure_names: Vec<(String, bool)> = std::iter::once((ALL_FIGURES, shown.figure.is_none()))
        .chain(figures(shown.view).iter().map(|f| (*f, shown.figure == Some(f))))
        .map(|(name, picked)| (name.to_owned(), picked))
        .collect();
    let on_figure =
        pick(shown, |c, k| Some(Chosen { figure: figures(c.view).get(k.wrapping_sub(1)).copied(), ..c.clone() }));
    let on_view = pick(shown, move |c, k| {
        let view = *views.get(k)?;
        Some(Chosen { view, figure: c.figure.filter(|f| figures(view).contains(f)), ..c.clone() })
    });
    let on_theme = pick(shown, |c, k| Some(Chosen { theme: THEMES.get(k)?.0, ..c.clone() }));
    let on_size = pick(shown, |c, k| Some(Chosen { size: *SIZES.get(k)?, ..c.clone() }));
    let on_height = {
        let shown = shown.clone();
        Callback::from(move |e: Event| {
            let Some(input) = e.target_dyn_into::<HtmlInputElement>() else { return };
            let height = input.value().parse().unwrap_or(shown.height).clamp(HEIGHTS.0, HEIGHTS.1);
            input.set_value(&height.to_string());
            shown.set(Chosen { height, ..(*shown).clone() });
        })
    };
    html! {
        <>
            <div class="choices">
                { picker("share-view", "View", &names, on_view) }
                // A list of its own for each view: an entry that was once picked stays so under another name.
                <key={shown.view.key()}>{ picker("share-figure", "Figures", &figure_names, on_figure) }</>
                { picker("share-theme", "Theme", &themes, on_theme) }
                { picker("share-size", "Text", &sizes, on_size) }
                <div class="choice">
                    <label for="share-height">{ "Height, px" }</label>
                    <input id="share-height" type="number" min={HEIGHTS.0.to_string()} max={HEIGHTS.1.to_string()} step="10"
                        value={shown.height.to_string()} onchange={on_height} />
                </div>
            </div>
            <fieldset>
                <legend>{ "Beside the figures" }</legend>
                { for Control::ALL.into_iter().map(|c| control(shown, c.key(), c.title())) }
            </fieldset>
        </>
    }
}

/// A change by the place of what was picked in a list.
fn pick(
    shown: &UseStateHandle<Chosen>,
    change: impl Fn(&Chosen, usize) -> Option<Chosen> + 'static,
) -> Callback<Event> {
    let shown = shown.clone();
    Callback::from(move |e: Event| {
        let place = e.target_dyn_into::<HtmlSelectElement>().and_then(|s| s.value().parse().ok());
        if let Some(next) = place.and_then(|k| change(&shown, k)) {
            shown.set(next);
        }
    })
}

fn control(shown: &UseStateHandle<Chosen>, key: &'static str, name: &'static str) -> Html {
    let on_change = {
        let shown = shown.clone();
        Callback::from(move |e: Event| {
            if let Some(input) = e.target_dyn_into::<HtmlInputElement>() {
                shown.set(shown.with_control(key, input.checked()));
            }
        })
    };
    html! {
        <label class="member"><input type="checkbox" name={key} checked={shown.controls.contains(&key)} onchange={on_change} />{ name }</label>
    }
}

/// A list to pick from; each option has its name and whether it is picked, its value is its place.
fn picker(id: &'static str, label: &'static str, options: &[(String, bool)], on_change: Callback<Event>) -> Html {
    html! {
        <div class="choice">
            <label for={id}>{ label }</label>
            <select {id} onchange={on_change}>
                { for options.iter().enumerate().map(|(k, (name, picked))| html! {
                    <option value={k.to_string()} selected={*picked}>{ name.clone() }</option>
                }) }
            </select>
        </div>
    }
}
