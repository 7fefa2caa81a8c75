//! The page in a frame of somebody else's: what the address's query asks for, such as
//! `?embed=1&view=preservation&controls=lambda,play&theme=dark&size=1.25`.

use gloo::utils::{document, window};
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

use super::address;
use super::state::{Scheme, State, View};
use crate::spec::number;
use crate::spec::url::unescape;

/// What can stand beside the figures. The style sheet (`www/embed.css`) shows each by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// What the figures say, in a sentence, and what there is to do.
    Headline,
    /// Play, pause, step, and the slider through training time.
    Play,
    /// The verdicts' table.
    Verdicts,
    /// The curves and runs as tables.
    Tables,
    Preset,
    Lambda,
    Alpha,
    Policies,
    Data,
    /// Numbers of prompts and actions.
    Counts,
    Losses,
    Optimiser,
}

impl Control {
    pub const ALL: [Self; 12] = [
        Self::Headline,
        Self::Play,
        Self::Verdicts,
        Self::Tables,
        Self::Preset,
        Self::Lambda,
        Self::Alpha,
        Self::Policies,
        Self::Data,
        Self::Counts,
        Self::Losses,
        Self::Optimiser,
    ];

    pub fn key(self) -> &'static str {
        match self {
            Self::Headline => "headline",
            Self::Play => "play",
            Self::Verdicts => "verdicts",
            Self::Tables => "tables",
            Self::Preset => "preset",
            Self::Lambda => "lambda",
            Self::Alpha => "alpha",
            Self::Policies => "policies",
            Self::Data => "data",
            Self::Counts => "counts",
            Self::Losses => "losses",
            Self::Optimiser => "optimiser",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Headline => "headline",
            Self::Play => "play and step",
            Self::Verdicts => "verdicts",
            Self::Tables => "tables",
            Self::Preset => "presets",
            Self::Lambda => "λ",
            Self::Alpha => "weight decay",
            Self::Policies => "policies",
            Self::Data => "data",
            Self::Counts => "prompts and actions",
            Self::Losses => "losses",
            Self::Optimiser => "optimiser",
        }
    }

    /// Whether it stands in the column of controls.
    fn is_in_column(self) -> bool {
        !matches!(self, Self::Headline | Self::Play | Self::Verdicts | Self::Tables)
    }
}

/// Figures that can be shown alone. The style sheet knows each; where a view has not got it, all are shown.
const FIGURES: [&str; 9] =
    ["triangle", "learning", "curves", "distances", "psi", "arrows", "penalty", "gaussians", "one-label"];

/// Those that a view has.
pub fn figures(view: View) -> &'static [&'static str] {
    match view {
        View::Interpolation => &FIGURES[..3],
        View::Preservation | View::Language => &["triangle", "learning", "distances"],
        View::Constraints => &["triangle", "curves", "distances"],
        View::Shapes => &FIGURES[4..],
    }
}

/// Text sizes that are taken, as a share of the usual one.
const SIZES: (f64, f64) = (0.5, 3.0);

/// What a frame asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Embed {
    /// The view, where the address's fragment names none.
    pub view: Option<View>,
    /// The only figure, where not all are wanted.
    pub figure: Option<&'static str>,
    /// What stands beside the figures.
    pub controls: Vec<Control>,
    pub scheme: Scheme,
    /// Text size, as a share of the usual one.
    pub size: f64,
    /// What could not be understood, a sentence each; the rest holds.
    pub troubles: Vec<String>,
}

impl Embed {
    /// Reads an address's query, with or without `?`. None where it asks for no embedding.
    pub fn read(query: &str) -> Option<Self> {
        let pairs: Vec<(String, String)> =
            query.strip_prefix('?').unwrap_or(query).split('&').filter(|p| !p.is_empty()).map(pair).collect();
        if !pairs.iter().any(|(k, v)| k == "embed" && v == "1") {
            return None;
        }
        let mut embed = Self {
            view: None,
            figure: None,
            controls: Vec::new(),
            scheme: Scheme::System,
            size: 1.0,
            troubles: Vec::new(),
        };
        for (key, value) in &pairs {
            let taken = match key.as_str() {
                "view" => embed.set_view(value),
                "figure" => embed.set_figure(value),
                "controls" => embed.set_controls(value),
                "theme" => embed.set_theme(value),
                "size" => embed.set_size(value),
                // Others may be the host's own, such as a campaign's name.
                _ => Ok(()),
            };
            embed.troubles.extend(taken.err());
        }
        Some(embed)
    }

    /// Whether the column of controls has anything in it.
    pub fn has_controls(&self) -> bool {
        self.controls.iter().any(|c| c.is_in_column())
    }

    fn set_view(&mut self, value: &str) -> Result<(), String> {
        let known = View::ALL.map(View::key);
        self.view = Some(View::from_key(value).ok_or_else(|| unknown("view", value, &known))?);
        Ok(())
    }

    fn set_figure(&mut self, value: &str) -> Result<(), String> {
        let found = FIGURES.into_iter().find(|f| *f == value);
        self.figure = Some(found.ok_or_else(|| unknown("figure", value, &FIGURES))?);
        Ok(())
    }

    fn set_controls(&mut self, value: &str) -> Result<(), String> {
        let known = Control::ALL.map(Control::key);
        let (mut taken, mut wrong) = (Ok(()), false);
        for name in value.split(',').map(str::trim).filter(|n| !n.is_empty()) {
            match Control::ALL.into_iter().find(|c| c.key() == name) {
                Some(control) => self.controls.push(control),
                // One sentence, however many names are wrong.
                None if !wrong => (taken, wrong) = (Err(unknown("controls", name, &known)), true),
                None => {}
            }
        }
        self.controls.dedup();
        taken
    }

    fn set_theme(&mut self, value: &str) -> Result<(), String> {
        self.scheme = match value {
            "light" => Scheme::Light,
            "dark" => Scheme::Dark,
            "contrast" => Scheme::Contrast,
            _ => return Err(unknown("theme", value, &["light", "dark", "contrast"])),
        };
        Ok(())
    }

    fn set_size(&mut self, value: &str) -> Result<(), String> {
        let (least, most) = SIZES;
        self.size = number(value).filter(|s| (least..=most).contains(s)).ok_or_else(|| {
            format!("size: got “{}”, expected a number from {least} to {most}; the usual size is shown.", short(value))
        })?;
        Ok(())
    }
}

/// A part of a query. A broken percent sign is left as it stands.
fn pair(part: &str) -> (String, String) {
    let (key, value) = part.split_once('=').unwrap_or((part, ""));
    let text = |t: &str| unescape(t).unwrap_or_else(|_| t.to_owned());
    (text(key), text(value))
}

fn short(text: &str) -> String {
    text.chars().take(20).collect()
}

fn unknown(key: &str, got: &str, known: &[&str]) -> String {
    format!("{key}: “{}” is not known and left out; known are {}.", short(got), known.join(", "))
}

/// What this page's own address asks for.
pub fn of_page() -> Option<Embed> {
    Embed::read(&window().location().search().unwrap_or_default())
}

/// Whether this page stands in somebody else's.
pub fn is_on() -> bool {
    of_page().is_some()
}

/// The view that the query names.
pub fn view() -> Option<View> {
    of_page()?.view
}

/// A fragment, with a view in front where it names none.
pub fn with_view(fragment: &str, view: Option<View>) -> String {
    let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
    let view = view.filter(|_| !fragment.split('&').any(|p| p.starts_with("view=")));
    view.map_or_else(|| fragment.to_owned(), |v| format!("view={}&{fragment}", v.key()))
}

/// Sets the document and the page's state up as the frame asks.
pub fn prepare(state: &mut State) {
    let Some(embed) = of_page() else { return };
    state.scheme = embed.scheme;
    let sentences: Vec<String> = state.notice.take().into_iter().chain(embed.troubles).collect();
    state.notice = (!sentences.is_empty()).then(|| sentences.join(" "));
    let Some(root) = document().document_element().and_then(|e| e.dyn_into::<HtmlElement>().ok()) else { return };
    let keys: Vec<&str> = embed.controls.iter().map(|c| c.key()).collect();
    let _ = root.set_attribute("data-embed", "");
    let _ = root.set_attribute("data-shows", &keys.join(" "));
    if let Some(figure) = embed.figure {
        let _ = root.set_attribute("data-only", figure);
    }
    let _ = root.style().set_property("font-size", &format!("{}%", embed.size * 100.0));
}

/// The same experiment on the whole page.
pub fn way_out(state: &State) -> Html {
    html! {
        <nav class="way-out" aria-label="The whole page">
            <a href={format!("./#{}", address::fragment(state))} target="_blank" rel="noopener">{ "Open in TYPO Lab" }</a>
        </nav>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_gets_what_it_asks_for() {
        let e =
            Embed::read("?embed=1&view=preservation&controls=lambda%2Cplay&theme=contrast&size=1.5").expect("asked");
        assert_eq!(e.view, Some(View::Preservation));
        assert_eq!(e.controls, [Control::Lambda, Control::Play]);
        assert_eq!((e.scheme, e.size), (Scheme::Contrast, 1.5));
        assert!(e.has_controls() && e.troubles.is_empty());
        assert!(!Embed::read("embed=1&controls=play,tables").expect("asked").has_controls());
    }

    #[test]
    fn a_page_of_its_own_is_none() {
        for query in ["", "?", "?embed=0", "?embed", "?view=preservation", "?embed=11"] {
            assert_eq!(Embed::read(query), None, "{query}");
        }
    }

    #[test]
    fn what_is_unknown_is_named_and_the_rest_holds() {
        let e = Embed::read("?embed=1&controls=lamda,alpha,%3Cb%3E&theme=pink&size=9&view=x&figure=pie&utm=1&q=%zz")
            .expect("asked");
        assert_eq!((e.controls, e.scheme, e.size, e.view), (vec![Control::Alpha], Scheme::System, 1.0, None));
        let starts = [
            "controls: “lamda” is not known",
            "theme: “pink” is not known",
            "size: got “9”",
            "view: “x”",
            "figure: “pie”",
        ];
        assert_eq!(e.troubles.len(), starts.len(), "{:?}", e.troubles);
        for (sentence, start) in e.troubles.iter().zip(starts) {
            assert!(sentence.starts_with(start) && sentence.ends_with('.'), "{sentence}");
        }
        let long = format!("?embed=1&theme={}", "x".repeat(10_000));
        assert!(Embed::read(&long).expect("asked").troubles[0].len() < 120);
    }

    #[test]
    fn the_style_sheet_knows_every_control_and_figure() {
        let sheet = include_str!("../../www/embed.css");
        for control in Control::ALL {
            assert!(sheet.contains(&format!("[data-shows~=\"{}\"]", control.key())), "{}", control.key());
        }
        for figure in FIGURES {
            assert!(sheet.contains(&format!("[data-only=\"{figure}\"]")), "{figure}");
        }
    }

    #[test]
    fn the_manual_knows_every_control_and_figure() {
        let manual = include_str!("../../www/EMBED.md");
        for control in Control::ALL {
            assert!(manual.contains(&format!("| `{}` |", control.key())), "{}", control.key());
        }
        for figure in FIGURES {
            assert!(manual.contains(&format!("`{figure}`")), "{figure}");
        }
    }
}
