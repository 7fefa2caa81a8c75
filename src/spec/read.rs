//! JSON to [`Spec`], with errors that name the field by its path, what came, and what is allowed.

use serde_json::{Map, Value};

use super::{
    DecayOn, KlConvention, LossSpec, NO_COMPARISON, Optimiser, OptimiserKind, Preferences, PromptSpec, Spec, SpecError,
    Sweep, SweepOver, VERSION, WeightDecay, limit, short,
};
use crate::divergence::Divergence;
use crate::loss::{Loss, Mu, Psi, Reward};
use crate::preference::Pairing;

type Read<T> = Result<T, SpecError>;

impl Spec {
    /// Reads an experiment file. What is left out takes the Figure 2 preset's value.
    ///
    /// # Errors
    /// The first thing wrong, by path. Whatever this returns can be resolved unless its preference data turn out empty.
    pub fn from_text(text: &str) -> Read<Self> {
        if text.len() > limit::INPUT_BYTES {
            let (got, most) = (text.len(), limit::INPUT_BYTES);
            let message = format!("is {got} bytes, at most {most} are allowed; give fewer prompts, actions or counts");
            return Err(SpecError::new("input", message));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|e| SpecError::new("", format!("not JSON: {e}; check that spot")))?;
        Self::from_json(&value)
    }

    /// The same from a parsed value.
    ///
    /// # Errors
    /// As [`Self::from_text`].
    pub fn from_json(value: &Value) -> Read<Self> {
        let root = Node::root(value).object(&[
            "version",
            "prompts",
            "normalise",
            "preferences",
            "losses",
            "weight_decay",
            "optimiser",
            "sweep",
            "kl",
        ])?;
        if let Some(node) = root.get("version")
            && node.whole(0, u64::MAX)? != VERSION
        {
            return Err(node.wrong(&format!("{VERSION}, the version this program reads")));
        }
        let default = Self::default();
        let normalise = root.get("normalise").map_or(Ok(false), |n| n.boolean())?;
        let prompts = match root.get("prompts") {
            Some(node) => prompts(&node, normalise)?,
            None => default.prompts,
        };
        let actions = prompts[0].pi_ref.len();
        let spec = Self {
            preferences: match root.get("preferences") {
                Some(node) => preferences(&node, prompts.len(), actions)?,
                None => default.preferences,
            },
            losses: match root.get("losses") {
                Some(node) => node.list(1, limit::LOSSES)?.iter().map(loss).collect::<Read<_>>()?,
                None => default.losses,
            },
            weight_decay: match root.get("weight_decay") {
                Some(node) => weight_decay(&node, default.weight_decay)?,
                None => default.weight_decay,
            },
            optimiser: match root.get("optimiser") {
                Some(node) => optimiser(&node, default.optimiser)?,
                None => default.optimiser,
            },
            sweep: match root.get("sweep") {
                Some(node) => sweep(&node, default.sweep)?,
                None => default.sweep,
            },
            kl: match root.get("kl") {
                Some(node) => node.one_of(&KlConvention::ALL, KlConvention::key)?,
                None => default.kl,
            },
            prompts,
            normalise,
        };
        spec.check_data()?;
        Ok(spec)
    }
}

fn prompts(node: &Node, normalise: bool) -> Read<Vec<PromptSpec>> {
    let list = node.list(1, limit::PROMPTS)?;
    let only = list.len() == 1;
    let mut read = Vec::with_capacity(list.len());
    for (k, item) in list.iter().enumerate() {
        let p = prompt(item, k, only, normalise)?;
        let expected = read.first().map_or(p.pi_ref.len(), |first: &PromptSpec| first.pi_ref.len());
        if p.pi_ref.len() != expected {
            let message =
                format!("has {} actions, prompts[0] has {expected}; all prompts need as many", p.pi_ref.len());
            return Err(SpecError::new(format!("{}.pi_ref", item.path), message));
        }
        read.push(p);
    }
    if read.iter().map(|p| p.weight).sum::<f64>() <= 0.0 {
        return Err(SpecError::new(&node.path, "all weights are 0, at least one must be above 0"));
    }
    Ok(read)
}

fn prompt(node: &Node, index: usize, only: bool, normalise: bool) -> Read<PromptSpec> {
    let fields = node.object(&["name", "weight", "pi_ref", "pi_star", "normalise"])?;
    let normalise = fields.get("normalise").map_or(Ok(normalise), |n| n.boolean())?;
    let ref_node = fields.need("pi_ref")?;
    let pi_ref = distribution(&ref_node, normalise)?;
    let total: f64 = pi_ref.iter().sum();
    if let Some(k) = pi_ref.iter().position(|p| p / total <= 0.0) {
        let message = "is 0, must be above 0: a reference policy without an action cannot be compared on it";
        return Err(SpecError::new(format!("{}[{k}]", ref_node.path), message));
    }
    let star_node = fields.need("pi_star")?;
    let pi_star = distribution(&star_node, normalise)?;
    if pi_star.len() != pi_ref.len() {
        let message = format!("has {} actions, pi_ref has {}; both need as many", pi_star.len(), pi_ref.len());
        return Err(SpecError::new(&star_node.path, message));
    }
    let scaled = |p: Vec<f64>| -> Vec<f64> {
        if !fields.has("normalise") || !normalise {
            return p;
        }
        let total: f64 = p.iter().sum();
        p.iter().map(|v| v / total).collect()
    };
    Ok(PromptSpec {
        name: match fields.get("name") {
            Some(n) => n.text(200)?.to_owned(),
            None if only => "x".to_owned(),
            None => format!("x{}", index + 1),
        },
        weight: fields.get("weight").map_or(Ok(1.0), |n| n.number(0.0, 1e12))?,
        pi_ref: scaled(pi_ref),
        pi_star: scaled(pi_star),
    })
}

/// How far from one a written distribution may sum: rounded decimals, not mistakes.
const SUM_TOLERANCE: f64 = 1e-6;

fn distribution(node: &Node, normalise: bool) -> Read<Vec<f64>> {
    let most = if normalise { 1e100 } else { 1.0 };
    // A probability that was computed may round to just above one.
    let entry = |n: &Node| match n.value.as_f64() {
        Some(p) if p > most && p <= most + SUM_TOLERANCE => Ok(p),
        _ => n.number(0.0, most),
    };
    let p: Vec<f64> = node.list(2, limit::ACTIONS)?.iter().map(entry).collect::<Read<_>>()?;
    let sum: f64 = p.iter().sum();
    if sum <= 0.0 {
        return Err(SpecError::new(&node.path, "sums to 0, at least one entry must be above 0"));
    }
    if !normalise && (sum - 1.0).abs() > SUM_TOLERANCE {
        let shown = (sum * 1e9).round() / 1e9;
        let message = format!("sums to {shown}, must sum to 1 (or give \"normalise\": true)");
        return Err(SpecError::new(&node.path, message));
    }
    Ok(p)
}

fn preferences(node: &Node, prompts: usize, actions: usize) -> Read<Preferences> {
    let names = ["source", "pairing", "draws", "seed", "counts"];
    let fields = node.object(&names)?;
    let source = match fields.get("source") {
        Some(n) => n.one_of(&["population", "sampled", "counts"], |s| s)?,
        None => "population",
    };
    let pairing = || match fields.get("pairing") {
        Some(n) => n.one_of(&Pairing::ALL, Pairing::key),
        None => Ok(Pairing::Uniform),
    };
    match source {
        "population" => {
            fields.only(&["source", "pairing"], "population")?;
            Ok(Preferences::Population { pairing: pairing()? })
        }
        "sampled" => {
            fields.only(&["source", "pairing", "draws", "seed"], "sampled")?;
            let draws = fields.need("draws")?;
            Ok(Preferences::Sampled {
                draws: draws.whole(1, u64::from(limit::DRAWS))? as u32,
                seed: fields.get("seed").map_or(Ok(0), |n| n.whole(0, MAX_SEED))?,
                pairing: pairing()?,
            })
        }
        _ => {
            fields.only(&["source", "counts"], "counts")?;
            Ok(Preferences::Counts { counts: counts(&fields.need("counts")?, prompts, actions)? })
        }
    }
}

/// The largest seed that JSON numbers carry exactly everywhere.
const MAX_SEED: u64 = (1 << 53) - 1;

fn counts(node: &Node, prompts: usize, actions: usize) -> Read<Vec<Vec<Vec<f64>>>> {
    node.list(prompts, prompts)?.iter().map(|table| count_table(table, actions)).collect()
}

fn count_table(node: &Node, actions: usize) -> Read<Vec<Vec<f64>>> {
    let mut total = 0.0;
    let rows: Vec<Vec<f64>> = node
        .list(actions, actions)?
        .iter()
        .enumerate()
        .map(|(i, row)| {
            let entries = row.list(actions, actions)?;
            entries
                .iter()
                .enumerate()
                .map(|(j, n)| {
                    let count = n.number(0.0, 1e12)?;
                    if i == j && count != 0.0 {
                        return Err(n.wrong("0: an action is not compared with itself"));
                    }
                    total += count;
                    Ok(count)
                })
                .collect()
        })
        .collect::<Read<_>>()?;
    if total == 0.0 {
        return Err(SpecError::new(&node.path, NO_COMPARISON));
    }
    Ok(rows)
}

fn loss(node: &Node) -> Read<LossSpec> {
    let fields = node.object(&["kind", "lambda", "reward", "divergence", "psi", "mu", "learning_rate", "steps"])?;
    let kinds: Vec<Loss> = Loss::ALL.into_iter().chain([Loss::Qpo(Psi::Logistic, Mu::Log)]).collect();
    let common = ["kind", "lambda", "learning_rate", "steps"];
    let kind = fields.need("kind")?.one_of(&kinds, Loss::key)?;
    let own: &[&str] = match kind {
        Loss::Rlhf(_) => &["reward"],
        Loss::FDpo(_) => &["divergence"],
        Loss::Qpo(..) => &["psi", "mu"],
        Loss::Dpo | Loss::Ipo | Loss::Typo => &[],
    };
    fields.only(&[&common[..], own].concat(), kind.key())?;
    let loss = match kind {
        Loss::Rlhf(_) => match fields.get("reward") {
            Some(n) if n.one_of(&["true", "fitted"], |r| r)? == "fitted" => Loss::Rlhf(Reward::Fitted),
            _ => Loss::Rlhf(Reward::True),
        },
        Loss::FDpo(_) => Loss::FDpo(match fields.get("divergence") {
            Some(n) => divergence(&n)?,
            None => Divergence::JensenShannon,
        }),
        Loss::Dpo | Loss::Ipo | Loss::Typo => kind,
        Loss::Qpo(..) => Loss::Qpo(
            fields.need("psi")?.one_of(&Psi::ALL, Psi::key)?,
            match fields.get("mu") {
                Some(n) => mu(&n)?,
                None => Mu::Log,
            },
        ),
    };
    Ok(LossSpec {
        loss,
        lambda: match fields.get("lambda") {
            Some(n) => n.number(limit::LAMBDA.0, limit::LAMBDA.1)?,
            None => 1e-5,
        },
        learning_rate: fields.get("learning_rate").map(|n| n.number(MIN_RATE, MAX_RATE)).transpose()?,
        steps: fields.get("steps").map(|n| n.whole(1, limit::STEPS)).transpose()?,
    })
}

const MIN_RATE: f64 = 1e-12;
const MAX_RATE: f64 = 1e3;

fn mu(node: &Node) -> Read<Mu> {
    if node.value.is_object() {
        return divergence(node).map(Mu::FPrime);
    }
    let named = [("log", Mu::Log)].into_iter().chain(Divergence::NAMED.map(|(key, d)| (key, Mu::FPrime(d))));
    node.one_of(&named.collect::<Vec<_>>(), |(key, _)| key).map(|(_, mu)| mu)
}

fn divergence(node: &Node) -> Read<Divergence> {
    if !node.value.is_object() {
        return node.one_of(&Divergence::NAMED, |(key, _)| key).map(|(_, d)| d);
    }
    let alpha = node.object(&["alpha"])?.need("alpha")?;
    let a = alpha.number(0.0, 1.0)?;
    if a > 0.0 && a < 1.0 { Ok(Divergence::Alpha(a)) } else { Err(alpha.wrong("a number above 0 and below 1")) }
}

fn weight_decay(node: &Node, default: WeightDecay) -> Read<WeightDecay> {
    let fields = node.object(&["alpha", "on"])?;
    Ok(WeightDecay {
        alpha: fields.get("alpha").map_or(Ok(default.alpha), |n| n.number(0.0, limit::ALPHA))?,
        on: fields.get("on").map_or(Ok(default.on), |n| n.one_of(&DecayOn::ALL, DecayOn::key))?,
    })
}

fn optimiser(node: &Node, default: Optimiser) -> Read<Optimiser> {
    let fields = node.object(&["kind", "learning_rate", "batch_size", "clip_norm", "steps", "record_every", "seed"])?;
    Ok(Optimiser {
        kind: fields.get("kind").map_or(Ok(default.kind), |n| n.one_of(&OptimiserKind::ALL, OptimiserKind::key))?,
        learning_rate: fields
            .get("learning_rate")
            .map_or(Ok(default.learning_rate), |n| n.number(MIN_RATE, MAX_RATE))?,
        batch_size: match fields.get("batch_size") {
            Some(n) if n.value.is_null() => None,
            Some(n) => Some(n.whole(1, u64::from(limit::DRAWS))? as u32),
            None => default.batch_size,
        },
        clip_norm: fields.get("clip_norm").map_or(Ok(default.clip_norm), |n| n.number(1e-12, 1e12))?,
        steps: fields.get("steps").map_or(Ok(default.steps), |n| n.whole(1, limit::STEPS))?,
        record_every: fields.get("record_every").map_or(Ok(default.record_every), |n| n.whole(1, limit::STEPS))?,
        seed: fields.get("seed").map_or(Ok(default.seed), |n| n.whole(0, MAX_SEED))?,
    })
}

fn sweep(node: &Node, default: Sweep) -> Read<Sweep> {
    let fields = node.object(&["over", "from", "to", "points"])?;
    let over = fields.get("over").map_or(Ok(default.over), |n| n.one_of(&SweepOver::ALL, SweepOver::key))?;
    let (least, most) = match over {
        SweepOver::Lambda => limit::LAMBDA,
        SweepOver::Alpha => (0.0, limit::ALPHA),
    };
    let (from, to) = if over == default.over { (default.from, default.to) } else { (0.0, 1.0) };
    let read = Sweep {
        over,
        from: fields.get("from").map_or(Ok(from), |n| n.number(least, most))?,
        to: fields.get("to").map_or(Ok(to), |n| n.number(least, most))?,
        points: fields.get("points").map_or(Ok(default.points as u64), |n| n.whole(2, limit::SWEEP_POINTS as u64))?
            as usize,
    };
    if read.from >= read.to {
        let message = format!("is {}, must be above sweep.from, which is {}", read.to, read.from);
        return Err(SpecError::new(format!("{}.to", node.path), message));
    }
    Ok(read)
}

/// A value with the path that leads to it.
struct Node<'a> {
    value: &'a Value,
    path: String,
}

/// An object whose field names have been checked.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Node<'a> {
    fn root(value: &'a Value) -> Self {
        Self { value, path: String::new() }
    }

    fn wrong(&self, allowed: &str) -> SpecError {
        SpecError::new(&self.path, format!("got {}, expected {allowed}", shown(self.value)))
    }

    fn object(&self, allowed: &[&str]) -> Read<Fields<'a>> {
        let map = self.value.as_object().ok_or_else(|| self.wrong("an object in braces"))?;
        if let Some(name) = map.keys().find(|k| !allowed.contains(&k.as_str())) {
            return Err(SpecError::new(join(&self.path, &short(name, QUOTED)), unknown(name, allowed)));
        }
        Ok(Fields { map, path: self.path.clone() })
    }

    fn list(&self, least: usize, most: usize) -> Read<Vec<Node<'a>>> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("a list in brackets"))?;
        if items.len() < least || items.len() > most {
            let allowed = if least == most { format!("{least}") } else { format!("{least} to {most}") };
            return Err(SpecError::new(&self.path, format!("has {} entries, must have {allowed}", items.len())));
        }
        Ok(items.iter().enumerate().map(|(k, value)| Node { value, path: format!("{}[{k}]", self.path) }).collect())
    }

    fn number(&self, least: f64, most: f64) -> Read<f64> {
        // Written as files write them.
        let allowed = || format!("a number from {} to {}", Value::from(least), Value::from(most));
        let x = self.value.as_f64().ok_or_else(|| self.wrong(&allowed()))?;
        // -0.0 is read as 0.0, so that its sign cannot reach a logarithm.
        if x.is_finite() && (least..=most).contains(&x) { Ok(x + 0.0) } else { Err(self.wrong(&allowed())) }
    }

    fn whole(&self, least: u64, most: u64) -> Read<u64> {
        let allowed = || format!("a whole number from {least} to {most}");
        let from_float =
            || self.value.as_f64().filter(|x| x.fract() == 0.0 && (0.0..1.8e19).contains(x)).map(|x| x as u64);
        let n = self.value.as_u64().or_else(from_float).ok_or_else(|| self.wrong(&allowed()))?;
        if (least..=most).contains(&n) { Ok(n) } else { Err(self.wrong(&allowed())) }
    }

    fn boolean(&self) -> Read<bool> {
        self.value.as_bool().ok_or_else(|| self.wrong("true or false"))
    }

    fn text(&self, most: usize) -> Read<&'a str> {
        self.value
            .as_str()
            .filter(|s| s.chars().count() <= most)
            .ok_or_else(|| self.wrong(&format!("a text of at most {most} characters")))
    }

    fn one_of<T: Copy>(&self, all: &[T], key: impl Fn(T) -> &'static str) -> Read<T> {
        let names: Vec<&str> = all.iter().map(|t| key(*t)).collect();
        let expected = || {
            let list = format!("one of {}", names.join(", "));
            let near = self.value.as_str().and_then(|s| nearest(s, &names));
            near.map_or(list.clone(), |n| format!("{list}; did you mean {n}?"))
        };
        let text = self.value.as_str().ok_or_else(|| self.wrong(&expected()))?;
        let place = names.iter().position(|n| *n == text).ok_or_else(|| self.wrong(&expected()))?;
        Ok(all[place])
    }
}

impl<'a> Fields<'a> {
    fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    fn get(&self, name: &str) -> Option<Node<'a>> {
        self.map.get(name).map(|value| Node { value, path: join(&self.path, name) })
    }

    fn need(&self, name: &str) -> Read<Node<'a>> {
        self.get(name).ok_or_else(|| SpecError::new(join(&self.path, name), "is missing, must be given"))
    }

    /// Refuses fields that exist but have no meaning beside the chosen variant.
    fn only(&self, allowed: &[&str], variant: &str) -> Read<()> {
        match self.map.keys().find(|k| !allowed.contains(&k.as_str())) {
            Some(name) => {
                let message = format!("does not apply to {variant}, which takes {}", allowed.join(", "));
                Err(SpecError::new(join(&self.path, name), message))
            }
            None => Ok(()),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn unknown(name: &str, allowed: &[&str]) -> String {
    nearest(name, allowed).map_or_else(
        || format!("is not a field here, the fields are {}", allowed.join(", ")),
        |near| format!("is not a field here, did you mean {near}? The fields are {}", allowed.join(", ")),
    )
}

/// The name within a few slips (a letter missing, added, wrong or exchanged), if any.
fn nearest<'n>(name: &str, allowed: &[&'n str]) -> Option<&'n str> {
    let name: String = name.chars().take(40).collect();
    let slips = 1 + name.chars().count() / 4;
    allowed
        .iter()
        .map(|candidate| (strsim::osa_distance(&name, candidate), *candidate))
        .filter(|(distance, _)| *distance <= slips)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Characters of an input that a message quotes.
const QUOTED: usize = 40;

/// A value as an error quotes it: on one line, and not the whole file.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        other => short(&other.to_string(), QUOTED),
    }
}
