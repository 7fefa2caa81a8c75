//! What another window may ask, read from data that anybody can have written.

use serde_json::Value;

use super::answer::Part;
use crate::app::address::{self, Opened};
use crate::app::state::{Showing, View};
use crate::app::{bounds, embed};
use crate::spec::Spec;
use crate::spec::url::Link;

/// The version of this interface. It grows by new fields; what is there keeps its meaning.
pub const VERSION: u64 = 1;

/// Most characters of a name that the sender gives a message.
pub const MAX_ID: usize = 200;

/// What can be asked.
#[derive(Debug, PartialEq)]
pub enum Wish {
    /// Shows an experiment.
    Set(Box<Opened>),
    Play,
    Pause,
    Step,
    /// Goes to a share of the training, 0 to 1.
    Seek(f64),
    /// Goes to a step of the tour, counted from 1.
    Story(u32),
    /// Asks for results.
    Get(Vec<Part>),
}

/// Names of the wishes, as messages have them in `do`.
const WISHES: [&str; 7] = ["set", "play", "pause", "step", "seek", "story", "get"];

/// Reads what a message wants, or why it cannot be done, in one sentence. None where it is meant for somebody else: it
/// carries no `typoLab`, or nothing to do.
pub fn read(data: &Value) -> Option<Result<Wish, String>> {
    let version = data.get("typoLab")?;
    let what = data.get("do")?;
    let is_named = match data.get("id") {
        None | Some(Value::Null | Value::Number(_)) => true,
        Some(Value::String(id)) => id.chars().count() <= MAX_ID,
        Some(_) => false,
    };
    Some(if !is_named {
        Err(format!("id: expected a number, or a text of at most {MAX_ID} characters."))
    } else if version.as_u64() != Some(VERSION) {
        Err(format!("typoLab: this page understands version {VERSION} of the messages; send typoLab: {VERSION}."))
    } else {
        wish(what, data)
    })
}

fn wish(what: &Value, data: &Value) -> Result<Wish, String> {
    match what.as_str().unwrap_or_default() {
        "set" => set(data).map(|opened| Wish::Set(Box::new(opened))),
        "play" => Ok(Wish::Play),
        "pause" => Ok(Wish::Pause),
        "step" => Ok(Wish::Step),
        "seek" => share(data, "at")?
            .map(Wish::Seek)
            .ok_or_else(|| "at: is missing; seek needs a number from 0 to 1.".to_owned()),
        "story" => story(data).map(Wish::Story),
        "get" => parts(data).map(Wish::Get),
        _ => Err(format!("do: expected one of {}.", WISHES.join(", "))),
    }
}

fn story(data: &Value) -> Result<u32, String> {
    let step = data.get("step").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    step.ok_or_else(|| "step: expected a whole number from 1.".to_owned())
}

/// A number from 0 to 1, where it is given.
fn share(data: &Value, name: &str) -> Result<Option<f64>, String> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|x| (0.0..=1.0).contains(x)) {
            Some(x) => Ok(Some(x)),
            None => Err(format!("{name}: expected a number from 0 to 1.")),
        },
    }
}

/// The parts that are asked for; all where none is named.
fn parts(data: &Value) -> Result<Vec<Part>, String> {
    let wrong = || format!("what: expected a list of {}.", Part::ALL.map(Part::key).join(", "));
    match data.get("what") {
        None | Some(Value::Null) => Ok(Part::ALL.to_vec()),
        Some(Value::Array(names)) if names.len() <= Part::ALL.len() => {
            let part = |name: &Value| Part::ALL.into_iter().find(|p| Some(p.key()) == name.as_str()).ok_or_else(wrong);
            names.iter().map(part).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// An experiment as a file (`spec`) or as a link (`link`), read and bounded as the page's own address is.
fn set(data: &Value) -> Result<Opened, String> {
    let view = match data.get("view") {
        None | Some(Value::Null) => None,
        Some(name) => Some(name.as_str().and_then(View::from_key).ok_or("view: is not a view of this page.")?),
    };
    let at = share(data, "at")?;
    let opened = match (data.get("spec"), data.get("link")) {
        (Some(spec), None) => {
            let spec = experiment(spec)?;
            let view = view.unwrap_or_else(|| View::of(&spec));
            Opened { view, link: Link { spec, preset: view.preset(), page: Vec::new() }, showing: Showing::default() }
        }
        (None, Some(Value::String(text))) => address::parse(&embed::with_view(text, view))?,
        (None, Some(_)) => return Err("link: expected a text, the part of an address behind #.".to_owned()),
        (Some(_), Some(_)) => return Err("set: got both spec and link; send one of them.".to_owned()),
        (None, None) => {
            return Err("set: expected spec, an experiment file, or link, the part of an address behind #.".to_owned());
        }
    };
    let view = view.unwrap_or(opened.view);
    bounds::check(view, &opened.link)?;
    bounds::check_data(&opened.link.spec)?;
    Ok(Opened { view, showing: Showing { at: at.or(opened.showing.at), ..opened.showing }, ..opened })
}

fn experiment(value: &Value) -> Result<Spec, String> {
    let spec = match value {
        Value::String(text) => Spec::from_text(text),
        value => Spec::from_json(value),
    };
    spec.map_err(|e| format!("spec: {e}."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spec::Preset;

    fn error(data: &Value) -> String {
        read(data).and_then(Result::err).unwrap_or_default()
    }

    #[test]
    fn messages_of_others_are_not_ours() {
        for data in [
            json!(null),
            json!(5),
            json!("typoLab"),
            json!([1, 2]),
            json!({}),
            json!({"do": "play"}),
            json!({"typoLab": 1}),
            json!({"typoLab": 1, "event": "ready"}),
            json!({"typoLab": 1, "id": 3, "ok": true}),
            json!({"type": "webpackOk"}),
        ] {
            assert_eq!(read(&data), None, "{data}");
        }
    }

    #[test]
    fn every_wish_is_read() {
        let of = |data: Value| read(&data);
        assert_eq!(of(json!({"typoLab": 1, "do": "play"})), Some(Ok(Wish::Play)));
        assert_eq!(of(json!({"typoLab": 1, "do": "pause", "id": "a"})), Some(Ok(Wish::Pause)));
        assert_eq!(of(json!({"typoLab": 1, "do": "step"})), Some(Ok(Wish::Step)));
        assert_eq!(of(json!({"typoLab": 1, "do": "seek", "at": 0.25})), Some(Ok(Wish::Seek(0.25))));
        assert_eq!(of(json!({"typoLab": 1, "do": "story", "step": 3})), Some(Ok(Wish::Story(3))));
        assert_eq!(
            of(json!({"typoLab": 1, "do": "get", "what": ["spec", "train"]})),
            Some(Ok(Wish::Get(vec![Part::Spec, Part::Train])))
        );
        assert_eq!(of(json!({"typoLab": 1, "do": "get"})), Some(Ok(Wish::Get(Part::ALL.to_vec()))));
        for name in WISHES {
            assert!(!error(&json!({"typoLab": 1, "do": name})).starts_with("do:"), "{name}");
        }
    }

    #[test]
    fn an_experiment_comes_as_a_file_or_as_a_link() {
        let spec = Preset::Figure3Preservation.spec();
        let as_value = json!({"typoLab": 1, "do": "set", "spec": spec.to_json(), "at": 0.5});
        let as_text = json!({"typoLab": 1, "do": "set", "spec": spec.to_json().to_string(), "at": 0.5});
        for data in [as_value, as_text] {
            let Some(Ok(Wish::Set(opened))) = read(&data) else { panic!("{data}") };
            assert_eq!((opened.view, &opened.link.spec, opened.showing.at), (View::Preservation, &spec, Some(0.5)));
        }
        let Some(Ok(Wish::Set(opened))) = read(&json!({"typoLab": 1, "do": "set", "link": "#lambda=0.25&at=0.1"}))
        else {
            panic!("a link")
        };
        assert_eq!(
            (opened.view, opened.link.spec.losses[0].lambda, opened.showing.at),
            (View::Interpolation, 0.25, Some(0.1))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let set = |more: Value| {
            let mut data = json!({"typoLab": 1, "do": "set"});
            if let (Value::Object(into), Value::Object(from)) = (&mut data, more) {
                into.extend(from);
            }
            error(&data)
        };
        assert!(set(json!({})).starts_with("set: expected spec"));
        assert!(set(json!({"spec": {}, "link": ""})).starts_with("set: got both"));
        assert!(set(json!({"link": 3})).starts_with("link: expected a text"));
        assert!(set(json!({"link": "lambda=-1"})).contains("lambda"));
        assert!(set(json!({"link": "", "view": "__proto__"})).starts_with("view:"));
        assert!(set(json!({"link": "", "at": "0.5"})).starts_with("at:"));
        assert!(set(json!({"spec": {"__proto__": {"version": 1}}})).contains("__proto__"));
        assert!(
            set(json!({"spec": {"version": 1, "optimiser": {"steps": 9_000_000}}}))
                .contains("more than the page computes")
        );
        assert!(error(&json!({"typoLab": 2, "do": "play"})).contains("version 1"));
        assert!(error(&json!({"typoLab": 1, "do": "play", "id": {}})).starts_with("id:"));
        assert!(error(&json!({"typoLab": 1, "do": "play", "id": "x".repeat(201)})).starts_with("id:"));
        for what in [json!("toString"), json!(null), json!(["play"]), json!(1)] {
            assert!(error(&json!({"typoLab": 1, "do": what})).starts_with("do: expected one of set"));
        }
        for at in [json!(2), json!(-0.1), json!("1"), json!([]), json!(null)] {
            assert!(error(&json!({"typoLab": 1, "do": "seek", "at": at})).starts_with("at:"));
        }
        for step in [json!(0), json!(-1), json!(1.5), json!("2"), json!(1e30), json!(null)] {
            assert!(error(&json!({"typoLab": 1, "do": "story", "step": step})).starts_with("step:"));
        }
        for what in [json!("spec"), json!(["all"]), json!([1]), json!({}), json!(vec!["spec"; 9])] {
            assert!(error(&json!({"typoLab": 1, "do": "get", "what": what})).starts_with("what:"));
        }
    }
}
