//! The page's own keys in a link, beside the experiment: read here, checked here, and written by [`super::address`].

use super::state::{Showing, Speed, View};
use crate::spec::url::{Link, ROOTS};
use crate::spec::{number, short};
use crate::story;
use crate::worker::protocol::lm::{Method, Wish};

/// Keys that the page takes, with those of an experiment that are not paths.
const KNOWN: [&str; 14] = [
    "preset", "lambda", "view", "at", "story", "only", "prompt", "speed", "go-on", "runs", "gamma", "paper", "device",
    "method",
];
/// Keys that an edit sets, and that stay in the link: the others say how it is looked at.
const EDITED: [&str; 5] = ["runs", "gamma", "paper", "device", "method"];

/// Seeds that are trained at most.
pub const MOST_RUNS: u32 = 16;
/// γ of figure 8 where a link names none.
pub const GAMMA: f64 = 0.1;
/// Rank of adapters that the page offers.
pub const MOST_RANK: u32 = 64;
/// Steps of supervised fine-tuning likewise.
pub const MOST_SUPERVISED: u32 = 10_000;
/// γ that figure 8 draws.
pub const GAMMAS: (f64, f64) = (1e-6, 1e6);

/// A key of the page's own in a link.
pub fn page<'a>(link: &'a Link, key: &str) -> Option<&'a str> {
    link.page.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
}

/// Sets or removes such a key.
pub fn set_page(link: &mut Link, key: &str, value: Option<String>) {
    link.page.retain(|(k, _)| k != key);
    link.page.extend(value.map(|v| (key.to_owned(), v)));
}

/// How many seeds a link asks for.
///
/// # Errors
/// What is wrong with the number.
pub fn runs(link: &Link) -> Result<u32, String> {
    let whole = |n: &u32| (1..=MOST_RUNS).contains(n);
    let read = |text: &str| text.parse().ok().filter(whole);
    Ok(value(link, "runs", &format!("a whole number from 1 to {MOST_RUNS}"), read)?.unwrap_or(1))
}

/// γ of figure 8 in a link.
///
/// # Errors
/// What is wrong with the number.
pub fn gamma(link: &Link) -> Result<f64, String> {
    let (least, most) = GAMMAS;
    let drawn = |g: &f64| (least..=most).contains(g);
    let read = |text: &str| number(text).filter(drawn);
    Ok(value(link, "gamma", &format!("a number from {least:e} to {most:e}"), read)?.unwrap_or(GAMMA))
}

/// Which device a link wants the language model on.
pub fn device(link: &Link) -> Wish {
    let named = Wish::ALL.into_iter().find(|wish| page(link, "device") == Some(wish.key()));
    named.unwrap_or(Wish::Auto)
}

/// How a link wants the language model trained: `lora-8,sft-20,mean,constant`, each where it is not as usual.
///
/// # Errors
/// What is wrong with it.
pub fn method(link: &Link) -> Result<Method, String> {
    let read = |text: &str| {
        text.split(',').try_fold(Method::default(), |method, part| {
            let number = |most: u32| part.split_once('-')?.1.parse().ok().filter(|n| *n <= most);
            Some(match part.split('-').next()? {
                "lora" => Method { lora_rank: number(MOST_RANK)?, ..method },
                "sft" => Method { supervised_steps: number(MOST_SUPERVISED)?, ..method },
                "mean" => Method { mean: true, ..method },
                "constant" => Method { cosine: false, ..method },
                _ => return None,
            })
        })
    };
    Ok(value(link, "method", "lora-RANK, sft-STEPS, mean or constant, with commas between", read)?.unwrap_or_default())
}

/// A method as a link writes it; none where it is as usual.
pub fn written(method: Method) -> Option<String> {
    let parts = [
        (method.lora_rank > 0).then(|| format!("lora-{}", method.lora_rank)),
        (method.supervised_steps > 0).then(|| format!("sft-{}", method.supervised_steps)),
        method.mean.then(|| "mean".to_owned()),
        (!method.cosine).then(|| "constant".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// A number of the page's own in a link.
fn value<T>(link: &Link, key: &str, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    let Some(text) = page(link, key) else { return Ok(None) };
    match read(text) {
        Some(number) => Ok(Some(number)),
        None => Err(wrong(key, text, expected)),
    }
}

fn wrong(key: &str, got: &str, expected: &str) -> String {
    format!("{key}: got “{}”, expected {expected}.", short(got, 20))
}

/// The view that a link names.
pub fn view(page: &[(String, String)]) -> Option<View> {
    page.iter().find(|(k, _)| k == "view").and_then(|(_, v)| View::from_key(v))
}

/// Takes out of a link how it is looked at, and checks what stays.
///
/// # Errors
/// The first key or value that the page does not know.
pub fn take(link: &mut Link) -> Result<Showing, String> {
    link.page.iter().try_for_each(|(key, value)| known(key, value))?;
    runs(link)?;
    gamma(link)?;
    method(link)?;
    let (prompts, losses) = (link.spec.prompts.len(), link.spec.losses.len());
    let steps = story::FILES.len();
    let place = |key: &str, count: usize| {
        let expected = format!("a position from 0 to {}", count - 1);
        value(link, key, &expected, |text| text.parse().ok().filter(|k: &usize| *k < count))
    };
    let step = |text: &str| text.parse().ok().filter(|n| (1..=steps).contains(n));
    let showing = Showing {
        at: value(link, "at", "a moment from 0 to 1", |text| number(text).filter(|t| (0.0..=1.0).contains(t)))?,
        story: value(link, "story", &format!("a step from 1 to {steps}"), step)?.map(|n| n - 1),
        only: place("only", losses)?,
        prompt: place("prompt", prompts)?.unwrap_or(0),
        speed: page(link, "speed").and_then(Speed::from_key).unwrap_or(Speed::One),
        goes_on: page(link, "go-on") == Some("1"),
    };
    link.page.retain(|(key, _)| EDITED.contains(&key.as_str()));
    Ok(showing)
}

/// Whether a key is the page's, and its value one of those it can have.
fn known(key: &str, value: &str) -> Result<(), String> {
    let one_of = |names: &[&str]| {
        let fits = names.contains(&value);
        if fits { Ok(()) } else { Err(wrong(key, value, &format!("one of {}", names.join(", ")))) }
    };
    match key {
        "view" => one_of(&View::ALL.map(View::key)),
        "speed" => one_of(&Speed::ALL.map(Speed::key)),
        "device" => one_of(&["cpu", "gpu"]),
        "go-on" | "paper" => one_of(&["1"]),
        _ if KNOWN.contains(&key) => Ok(()),
        _ => Err(unknown(key)),
    }
}

/// Letters that a misspelt key may be off by.
const NEAR: usize = 2;

fn unknown(key: &str) -> String {
    let nearest = KNOWN.into_iter().chain(ROOTS).map(|name| (distance(key, name), name)).min();
    let hint = match nearest {
        Some((off, name)) if off <= NEAR => format!("did you mean {name}?"),
        _ => format!("known are {} and paths into the experiment, such as optimiser.steps.", KNOWN.join(", ")),
    };
    format!("{} is not known in a link; {hint}", short(key, 20))
}

/// Letters to change, add or take away from one name to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(40).enumerate() {
        let mut before = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = before + usize::from(x != *y);
            before = row[j + 1];
            row[j + 1] = changed.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// What a link holds of how it is looked at: only what differs from how it opens.
pub fn of(showing: &Showing) -> Vec<(String, String)> {
    let texts = [
        ("story", showing.story.map(|k| (k + 1).to_string())),
        ("only", showing.only.map(|k| k.to_string())),
        ("prompt", (showing.prompt > 0).then(|| showing.prompt.to_string())),
        ("speed", (showing.speed != Speed::One).then(|| showing.speed.key().to_owned())),
        ("go-on", showing.goes_on.then(|| "1".to_owned())),
        ("at", showing.at.map(|t| format!("{t:.4}"))),
    ];
    texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_answered_with_the_nearest_name() {
        for (key, hint) in [("lamda", "mean lambda?"), ("wiew", "mean view?"), ("optimizer", "mean optimiser?")] {
            assert!(unknown(key).ends_with(hint), "{}", unknown(key));
        }
        assert!(unknown("utm_source").contains("known are preset, lambda"));
        assert_eq!((distance("kitten", "sitting"), distance("", "at"), distance("at", "at")), (3, 2, 0));
    }
}
