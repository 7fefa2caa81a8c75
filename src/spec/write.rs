//! A [`Spec`] as JSON, every field written out.

use serde_json::{Map, Value, json};

use super::{LossSpec, Preferences, PromptSpec, Spec, VERSION};
use crate::divergence::Divergence;
use crate::loss::{Loss, Mu, Reward};

impl Spec {
    /// The experiment file.
    pub fn to_json(&self) -> Value {
        let mut root = json!({
            "version": VERSION,
            "prompts": self.prompts.iter().map(prompt).collect::<Vec<_>>(),
            "preferences": preferences(&self.preferences),
            "losses": self.losses.iter().map(loss).collect::<Vec<_>>(),
            "weight_decay": { "alpha": self.weight_decay.alpha, "on": self.weight_decay.on.key() },
            "optimiser": {
                "kind": self.optimiser.kind.key(),
                "learning_rate": self.optimiser.learning_rate,
                "batch_size": self.optimiser.batch_size,
                "clip_norm": self.optimiser.clip_norm,
                "steps": self.optimiser.steps,
                "record_every": self.optimiser.record_every,
                "seed": self.optimiser.seed,
            },
            "sweep": {
                "over": self.sweep.over.key(),
                "from": self.sweep.from,
                "to": self.sweep.to,
                "points": self.sweep.points,
            },
            "kl": self.kl.key(),
        });
        if self.normalise {
            root["normalise"] = json!(true);
        }
        root
    }
}

fn prompt(p: &PromptSpec) -> Value {
    json!({ "name": p.name, "weight": p.weight, "pi_ref": p.pi_ref, "pi_star": p.pi_star })
}

fn preferences(p: &Preferences) -> Value {
    match p {
        Preferences::Population { pairing } => json!({ "source": "population", "pairing": pairing.key() }),
        Preferences::Sampled { draws, seed, pairing } => {
            json!({ "source": "sampled", "draws": draws, "seed": seed, "pairing": pairing.key() })
        }
        Preferences::Counts { counts } => json!({ "source": "counts", "counts": counts }),
    }
}

/// A loss with its choices, as an object.
pub fn loss(l: &LossSpec) -> Value {
    let mut map = Map::new();
    map.insert("kind".into(), json!(l.loss.key()));
    match l.loss {
        Loss::Rlhf(Reward::Fitted) => {
            map.insert("reward".into(), json!("fitted"));
        }
        Loss::FDpo(d) => {
            map.insert("divergence".into(), divergence(d));
        }
        Loss::Qpo(psi, mu) => {
            map.insert("psi".into(), json!(psi.key()));
            map.insert("mu".into(), if let Mu::FPrime(d) = mu { divergence(d) } else { json!("log") });
        }
        Loss::Rlhf(Reward::True) | Loss::Dpo | Loss::Ipo | Loss::Typo => {}
    }
    map.insert("lambda".into(), json!(l.lambda));
    if let Some(rate) = l.learning_rate {
        map.insert("learning_rate".into(), json!(rate));
    }
    if let Some(steps) = l.steps {
        map.insert("steps".into(), json!(steps));
    }
    Value::Object(map)
}

fn divergence(d: Divergence) -> Value {
    match d {
        Divergence::Alpha(alpha) => json!({ "alpha": alpha }),
        named => json!(named.key()),
    }
}
