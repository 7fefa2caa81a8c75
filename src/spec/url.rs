//! A [`Spec`] as a link's fragment: a preset's name and only what differs from it.
//!
//! `preset=figure-3-preservation&lambda=0.1&prompts.0.pi_star=0.5,0.3,0.2`: each key is a path into the experiment
//! file, each value its JSON, with shorthands for people: a list of numbers drops its brackets, `.5` is 0.5, and `lambda` stands
//! for the λ of every loss. Keys that are not paths of the file (`view`, `at`) belong to the page and are handed back.

use serde_json::{Value, json};

use super::{Preset, Spec, SpecError, limit, number, short};

/// What a fragment holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The experiment.
    pub spec: Spec,
    /// The preset that it is written against.
    pub preset: Preset,
    /// The page's own keys, in order.
    pub page: Vec<(String, String)>,
}

/// Top-level names of the experiment file that a fragment may begin a path with.
pub const ROOTS: [&str; 8] =
    ["prompts", "normalise", "preferences", "losses", "weight_decay", "optimiser", "sweep", "kl"];

/// Most characters of a fragment that is read.
const MAX_LENGTH: usize = 1 << 20;

impl Link {
    /// The fragment, without `#`. Empty for the default preset with nothing changed.
    pub fn to_fragment(&self) -> String {
        self.to_fragment_with(Preset::Figure2)
    }

    /// The same, for a reader that takes `default` where no preset is named.
    pub fn to_fragment_with(&self, default: Preset) -> String {
        let mut parts: Vec<String> = self.page.iter().map(|(k, v)| format!("{}={}", escape(k), escape(v))).collect();
        if self.preset != default {
            parts.push(format!("preset={}", self.preset.key()));
        }
        let mut base = self.preset.spec();
        if let Some(lambda) = common_lambda(&self.spec)
            && common_lambda(&base) != Some(lambda)
            && base.losses.len() == self.spec.losses.len()
        {
            set_lambda(&mut base, lambda);
            parts.push(format!("lambda={}", json!(lambda)));
        }
        differences("", &base.to_json(), &self.spec.to_json(), &mut parts);
        parts.join("&")
    }

    /// Reads a fragment, with or without `#`.
    ///
    /// # Errors
    /// The first part that cannot be read, or what is wrong with the experiment it makes.
    pub fn from_fragment(fragment: &str) -> Result<Self, SpecError> {
        Self::from_fragment_with(fragment, |_| Preset::Figure2)
    }

    /// The same, where a fragment that names no preset means the one that `default` picks by the fragment's other keys.
    ///
    /// # Errors
    /// As [`Self::from_fragment`].
    pub fn from_fragment_with(
        fragment: &str,
        default: impl Fn(&[(String, String)]) -> Preset,
    ) -> Result<Self, SpecError> {
        let fragment = fragment.strip_prefix('#').unwrap_or(fragment);
        if fragment.len() > MAX_LENGTH.min(limit::INPUT_BYTES) {
            let got = fragment.len();
            let message =
                format!("is {got} characters, at most {MAX_LENGTH} are read; share the experiment as a file instead");
            return Err(SpecError::new("link", message));
        }
        let mut pairs = Vec::new();
        for part in fragment.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            pairs.push((unescape(key)?, unescape(value)?));
        }
        let mut preset = default(&pairs);
        if let Some((_, name)) = pairs.iter().find(|(k, _)| k == "preset") {
            let names = Preset::ALL.map(Preset::key).join(", ");
            preset = Preset::from_key(name)
                .ok_or_else(|| SpecError::new("preset", format!("got {}, expected one of {names}", short(name, 40))))?;
        }
        let mut base = preset.spec();
        if let Some((_, text)) = pairs.iter().find(|(k, _)| k == "lambda") {
            let lambda = number(text)
                .ok_or_else(|| SpecError::new("lambda", format!("got {}, expected a number", short(text, 40))))?;
            set_lambda(&mut base, lambda);
        }
        let mut value = base.to_json();
        let mut page = Vec::new();
        for (key, text) in pairs {
            let root = key.split('.').next().unwrap_or_default();
            if ROOTS.contains(&root) {
                set(&mut value, &key, parse(&text))?;
            } else if key != "preset" && key != "lambda" {
                page.push((key, text));
            }
        }
        Ok(Self { spec: Spec::from_json(&value)?, preset, page })
    }
}

/// The λ that all losses share, if they do.
pub fn common_lambda(spec: &Spec) -> Option<f64> {
    let first = spec.losses.first()?.lambda;
    spec.losses.iter().all(|l| l.lambda == first).then_some(first)
}

/// Sets the λ of every loss.
pub fn set_lambda(spec: &mut Spec, lambda: f64) {
    for l in &mut spec.losses {
        l.lambda = lambda;
    }
}

/// Appends `path=value` for every leaf in which `new` differs from `old`.
fn differences(path: &str, old: &Value, new: &Value, parts: &mut Vec<String>) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (old, new) {
        _ if old == new => {}
        (Value::Object(a), Value::Object(b)) if a.keys().all(|k| b.contains_key(k)) => {
            for (name, value) in b {
                differences(&join(name), a.get(name).unwrap_or(&Value::Null), value, parts);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() && b.iter().any(serde_json::Value::is_object) => {
            for (k, (x, y)) in a.iter().zip(b).enumerate() {
                differences(&join(&k.to_string()), x, y, parts);
            }
        }
        _ => parts.push(format!("{}={}", escape(path), escape(&print(new)))),
    }
}

fn print(value: &Value) -> String {
    match value {
        Value::String(s) if parse(s) == Value::String(s.clone()) => s.clone(),
        Value::Array(items) if items.len() > 1 && items.iter().all(Value::is_number) => {
            items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

fn parse(text: &str) -> Value {
    if let Ok(value) = serde_json::from_str(text) {
        return value;
    }
    // As people write them, too: .5 is no number of JSON's.
    let one = |t: &str| serde_json::from_str(t).ok().filter(Value::is_number).or_else(|| number(t).map(Value::from));
    match text.split(',').map(one).collect::<Option<Vec<Value>>>().as_deref() {
        Some([only]) => only.clone(),
        Some(list) => Value::Array(list.to_vec()),
        None => Value::String(text.to_owned()),
    }
}

/// Sets the value at a dotted path, whose lists are as long as they are.
fn set(root: &mut Value, path: &str, new: Value) -> Result<(), SpecError> {
    let mut place = root;
    for name in path.split('.') {
        place = match place {
            Value::Object(map) => map.entry(name.to_owned()).or_insert(Value::Null),
            Value::Array(items) => {
                let length = items.len();
                let k = name.parse::<usize>().ok().filter(|k| *k < length);
                let k = k.ok_or_else(|| {
                    SpecError::new(
                        path,
                        format!("{} is not a position in a list of {length}; positions count from 0", short(name, 40)),
                    )
                })?;
                &mut items[k]
            }
            _ => {
                let message =
                    format!("{} is not inside a list or an object; leave it out of the link", short(name, 40));
                return Err(SpecError::new(path, message));
            }
        };
    }
    *place = new;
    Ok(())
}

/// Percent-encodes all but the characters that a fragment shows as they are.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~,:/+".contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Takes percent signs back.
///
/// # Errors
/// Where one is broken.
pub fn unescape(text: &str) -> Result<String, SpecError> {
    let broken = || SpecError::new("link", "holds a broken % sign; copy the link again");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().ok_or_else(broken)?, rest.next().ok_or_else(broken)?];
            let digits = std::str::from_utf8(&digits).map_err(|_| broken())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_experiment_has_an_empty_link() {
        let link = Link { spec: Spec::default(), preset: Preset::Figure2, page: Vec::new() };
        assert_eq!(link.to_fragment(), "");
        assert_eq!(Link::from_fragment("#"), Ok(link));
    }

    #[test]
    fn a_link_holds_only_what_differs() {
        let mut spec = Preset::Figure3Preservation.spec();
        set_lambda(&mut spec, 0.25);
        spec.prompts[1].pi_star = vec![0.5, 0.3, 0.2];
        let page = vec![("view".to_owned(), "preservation".to_owned())];
        let link = Link { spec, preset: Preset::Figure3Preservation, page };
        let expected = "view=preservation&preset=figure-3-preservation&lambda=0.25&prompts.1.pi_star=0.5,0.3,0.2";
        assert_eq!(link.to_fragment(), expected);
        assert_eq!(Link::from_fragment(expected), Ok(link));
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let [short, long] = [
            "weight_decay.alpha=.01&prompts.0.pi_ref=.25,.25,.5",
            "weight_decay.alpha=0.01&prompts.0.pi_ref=0.25,0.25,0.5",
        ]
        .map(Link::from_fragment);
        assert!(short.is_ok());
        assert_eq!(short, long);
    }

    #[test]
    fn a_broken_link_says_what_is_wrong() {
        let message = |f: &str| Link::from_fragment(f).map_or_else(|e| e.to_string(), |_| String::new());
        assert!(message("#preset=figure-9").starts_with("preset: got figure-9, expected one of figure-2"));
        assert!(message("#lambda=-1").contains("expected a number from"));
        assert!(message("#prompts.0.pi_ref=0.5,0.4").contains("sums to 0.9, must sum to 1"));
        assert!(message("#prompts.7.weight=1").contains("7 is not a position"));
        assert!(message("#losses=[]&losses.0=1").contains("0 is not a position in a list of 0"));
        assert!(message("#view=%zz").contains("broken % sign"));
        assert!(message("#kl.true=1").contains("is not inside a list or an object; leave it out of the link"));
        assert!(
            message(&"a".repeat(MAX_LENGTH + 1)).contains("at most 1048576 are read; share the experiment as a file")
        );
        assert!(message("#lambda=abc").contains("expected a number"));
    }
}
