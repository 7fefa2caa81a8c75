//! A slider with a number field, and a button that brings back the preset's value; so does a double click.

use web_sys::{HtmlElement, HtmlInputElement};
use yew::prelude::*;

use super::typed_number;
use crate::app::{reach, words};
use crate::spec::number;

/// How a track's length stands for values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    from: f64,
    to: f64,
    kind: Kind,
    /// What the number field accepts.
    allowed: (f64, f64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Linear,
    Log,
    /// Evenly in the logarithm, whole numbers only.
    Whole,
    Square,
}

/// Positions of a track.
const STEPS: f64 = 1000.0;

impl Track {
    /// Evenly.
    pub fn linear(from: f64, to: f64) -> Self {
        Self { from, to, kind: Kind::Linear, allowed: (from, to) }
    }

    /// Evenly in the logarithm.
    pub fn log(from: f64, to: f64, allowed: (f64, f64)) -> Self {
        Self { from, to, kind: Kind::Log, allowed }
    }

    /// Whole numbers, evenly in the logarithm.
    pub fn whole(from: f64, to: f64, allowed: (f64, f64)) -> Self {
        Self { from, to, kind: Kind::Whole, allowed }
    }

    /// From zero, fine near it.
    pub fn square(to: f64, allowed: (f64, f64)) -> Self {
        Self { from: 0.0, to, kind: Kind::Square, allowed }
    }

    fn value(self, position: f64) -> f64 {
        let t = position / STEPS;
        let along_logarithm = || significant((self.low().ln() + t * (self.to / self.low()).ln()).exp());
        match self.kind {
            Kind::Linear => rounded(self.from + t * (self.to - self.from), 1e-3),
            Kind::Log => along_logarithm(),
            Kind::Whole if t == 0.0 => self.from,
            Kind::Whole => along_logarithm().round(),
            Kind::Square => significant(self.to * t * t),
        }
    }

    /// Where its logarithm begins: zero has none, and stands at the end of the track where a half would.
    fn low(self) -> f64 {
        if self.kind == Kind::Whole { self.from.max(0.5) } else { self.from }
    }

    /// Where an arrow key leads from a whole number: a place along the track, or to the next number where that is further.
    fn stepped(self, value: f64, way: f64) -> f64 {
        let place = self.value((self.position(value) + way).clamp(0.0, STEPS));
        let next = if way > 0.0 { place.max(value + way) } else { place.min(value + way) };
        next.clamp(self.from.min(value), self.to.max(value))
    }

    /// As the number field shows a value.
    fn written(self, value: f64) -> String {
        if self.kind == Kind::Whole { format!("{value}") } else { words::setting(value) }
    }

    fn position(self, value: f64) -> f64 {
        let t = match self.kind {
            Kind::Linear => (value - self.from) / (self.to - self.from),
            Kind::Log | Kind::Whole => (value / self.low()).ln() / (self.to / self.low()).ln(),
            Kind::Square => (value / self.to).max(0.0).sqrt(),
        };
        (t * STEPS).round().clamp(0.0, STEPS)
    }
}

fn rounded(x: f64, unit: f64) -> f64 {
    // Divided by a whole number, so that 0.3 comes out as the nearest double to 0.3.
    (x / unit).round() / (1.0 / unit).round()
}

/// Three significant digits: what a hand can mean.
fn significant(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { number(&format!("{x:.2e}")).unwrap_or(x) }
}

#[derive(Properties, PartialEq)]
pub struct SliderProps {
    pub id: AttrValue,
    pub label: AttrValue,
    /// Subscript of the label.
    #[prop_or_default]
    pub sub: AttrValue,
    /// What it means, in words.
    #[prop_or_default]
    pub about: AttrValue,
    pub track: Track,
    pub value: f64,
    /// The preset's value.
    pub initial: f64,
    /// What stands below either end.
    #[prop_or_default]
    pub ends: Option<(String, String)>,
    pub on_change: Callback<f64>,
    /// Told in one sentence what was wrong with a typed value.
    #[prop_or_default]
    pub on_wrong: Callback<String>,
}

#[component]
pub fn Slider(props: &SliderProps) -> Html {
    let range = use_node_ref();
    let field = use_node_ref();
    let position = props.track.position(props.value);
    let text = props.track.written(props.value);
    use_shown(&range, &field, position, &text);
    let (track, change) = (props.track, props.on_change.clone());
    let on_input = Callback::from(move |e: InputEvent| {
        let Some(input) = e.target_dyn_into::<HtmlInputElement>() else { return };
        if let Some(position) = number(&input.value()) {
            // At once, as the thumb moves: the rest of the slider follows the figures.
            fill(&input, position);
            change.emit(track.value(position));
        }
    });
    let on_key = {
        let (change, value) = (props.on_change.clone(), props.value);
        Callback::from(move |e: KeyboardEvent| {
            // Where numbers are few, many places along the track are one of them.
            if track.kind == Kind::Whole
                && let Some((right, down)) = reach::plain_way(&e)
            {
                e.prevent_default();
                change.emit(track.stepped(value, right - down));
            }
        })
    };
    let typed = typed(props, text.clone());
    let (reset, initial) = (props.on_change.clone(), props.initial);
    let on_reset = {
        let range = range.clone();
        Callback::from(move |_: MouseEvent| {
            // The button goes away with what it undid, and must not take the focus along.
            if let Some(range) = range.cast::<HtmlElement>() {
                let _ = range.focus();
            }
            reset.emit(initial);
        })
    };
    let before = props.track.written(props.initial);
    let about = (!props.about.is_empty()).then(|| format!("{}-about", props.id));
    let name = if props.sub.is_empty() { props.label.to_string() } else { format!("{} {}", props.label, props.sub) };
    html! {
        <div class="slider">
            <label for={props.id.clone()}>
                { props.label.clone() }{ if props.sub.is_empty() { html!{} } else { html!{ <sub>{ props.sub.clone() }</sub> } } }
            </label>
            if let Some(id) = &about { <small id={id.clone()} class="about">{ props.about.clone() }</small> }
            <button type="button" class="tool reset" hidden={props.value == props.initial} onclick={on_reset.clone()}
                aria-label={format!("Reset {name} to {before}")} title={format!("Back to {before}")}>
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M5 8a6 6 0 1 1-.5 5M5 3.5V8h4.5" /></svg>
            </button>
            <input ref={field} class="field" type="text" inputmode="decimal" autocomplete="off" size="7"
                aria-label={format!("{name}, typed")} onchange={typed} />
            <input ref={range} id={props.id.clone()} type="range" min="0" max={STEPS.to_string()} step="1"
                aria-valuetext={text} aria-describedby={about} oninput={on_input} onkeydown={on_key} ondblclick={on_reset} />
            if let Some((low, high)) = props.ends.clone() {
                <span class="ends" aria-hidden="true"><span>{ low }</span><span>{ high }</span></span>
            }
        </div>
    }
}

/// Keeps the track and the field at the value.
#[hook]
fn use_shown(range: &NodeRef, field: &NodeRef, position: f64, text: &str) {
    {
        let (field, text) = (field.clone(), text.to_owned());
        // By property: an attribute would not move a control that was touched, and styles may not be attributes here.
        use_effect_with(text, move |text| {
            if let Some(input) = field.cast::<HtmlInputElement>() {
                input.set_value(text);
            }
        });
    }
    {
        let range = range.clone();
        use_effect_with(position, move |position| {
            if let Some(input) = range.cast::<HtmlElement>() {
                fill(&input, *position);
            }
        });
    }
    let range = range.clone();
    // At every render: where the page refused a value, the thumb has moved and the value has not.
    use_effect(move || {
        if let Some(input) = range.cast::<HtmlInputElement>()
            && (input.value_as_number() - position).abs() > 0.5
        {
            input.set_value(&position.to_string());
            fill(&input, position);
        }
    });
}

/// Fills a track up to a position.
fn fill(range: &HtmlElement, position: f64) {
    let _ = range.style().set_property("--fill", &format!("{}%", position * 100.0 / STEPS));
}

/// Takes a typed value, or says what was wrong and puts the old one back.
fn typed(props: &SliderProps, old: String) -> Callback<Event> {
    let track = props.track;
    let Track { kind, allowed: (least, most), .. } = track;
    let (change, wrong) = (props.on_change.clone(), props.on_wrong.clone());
    let label = if props.sub.is_empty() { props.label.to_string() } else { format!("{}_{}", props.label, props.sub) };
    Callback::from(move |e: Event| {
        let Some(input) = e.target_dyn_into::<HtmlInputElement>() else { return };
        let text = input.value();
        // What is taken comes back as the new value; what the page refuses leaves the old one.
        input.set_value(&old);
        // A comma in a count would group thousands.
        let read = if kind == Kind::Whole { number(&text) } else { typed_number(&text) };
        match read {
            Some(value) if (least..=most).contains(&value) && (kind != Kind::Whole || value.fract() == 0.0) => {
                change.emit(value);
            }
            _ => {
                let got: String = text.chars().take(20).collect();
                wrong.emit(format!(
                    "{label}: got “{got}”, expected a {} from {} to {}.",
                    if kind == Kind::Whole { "whole number" } else { "number" },
                    track.written(least),
                    track.written(most)
                ));
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_gives_back_the_values_it_was_set_to() {
        for (track, values) in [
            (Track::log(1e-5, 1e3, (1e-12, 1e12)), [1e-5, 0.1, 1e3]),
            (Track::square(0.1, (0.0, 1.0)), [0.0, 0.025, 0.1]),
            (Track::whole(1.0, 1e5, (1.0, 1e6)), [1.0, 20.0, 1e5]),
            (Track::whole(0.0, 64.0, (0.0, 64.0)), [0.0, 1.0, 64.0]),
            (Track::linear(0.001, 0.998), [0.001, 0.6, 0.998]),
        ] {
            for v in values {
                let back = track.value(track.position(v));
                assert!((back - v).abs() <= 0.01 * v, "{track:?}: {v} came back as {back}");
            }
        }
    }

    #[test]
    fn an_arrow_key_leads_to_another_whole_number_until_the_track_ends() {
        let actions = Track::whole(2.0, 64.0, (2.0, 64.0));
        assert_eq!([2.0, 3.0, 63.0, 64.0].map(|v| actions.stepped(v, 1.0)), [3.0, 4.0, 64.0, 64.0]);
        assert_eq!([64.0, 3.0, 2.0].map(|v| actions.stepped(v, -1.0)), [63.0, 2.0, 2.0]);
        // Where numbers are many, a place along the track is further.
        let steps = Track::whole(10.0, 1e5, (1.0, 2e6));
        assert_eq!((steps.stepped(11_000.0, 1.0), steps.stepped(11_100.0, -1.0)), (11_100.0, 11_000.0));
        // From what was typed beyond the track a key leads back to it, and never further out.
        assert_eq!((steps.stepped(2e6, 1.0), steps.stepped(5.0, -1.0)), (2e6, 5.0));
        assert!(steps.stepped(2e6, -1.0) < 1e5 && steps.stepped(5.0, 1.0) > 5.0);
        let rank = Track::whole(0.0, 64.0, (0.0, 64.0));
        assert_eq!((rank.stepped(0.0, 1.0), rank.stepped(1.0, 1.0), rank.stepped(1.0, -1.0)), (1.0, 2.0, 0.0));
    }
}
