//! What the page and the language model's worker say to each other.
//!
//! A fine-tuning is described by the same [`Spec`](crate::spec::Spec) as the bandit's: its losses with their λ, its optimiser, its
//! α (AdamW's decay), its seed. The small world's policies come back as the same packed traces, so that the same figures draw them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Body, RunId, opened, texts};

/// Which device computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// A real GPU where there is one, else the CPU.
    Auto,
    /// WebGPU, even where a processor plays it.
    Gpu,
    /// The CPU.
    Cpu,
}

impl Wish {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Gpu, Self::Cpu];

    /// The name in links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Gpu => "gpu",
            Self::Cpu => "cpu",
        }
    }
}

/// What a fine-tuning has beyond a [`Spec`](crate::spec::Spec).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Adapters of this rank instead of all weights; 0 for all weights.
    pub lora_rank: u32,
    /// Steps of supervised fine-tuning on the chosen responses, before.
    pub supervised_steps: u32,
    /// Log-probabilities as means over tokens, not as sums.
    pub mean: bool,
    /// Half a cosine down to zero, not a constant rate.
    pub cosine: bool,
}

impl Default for Method {
    fn default() -> Self {
        Self { lora_rank: 0, supervised_steps: 0, mean: false, cosine: true }
    }
}

/// How a response is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drawing {
    /// 0 takes the likeliest token always.
    pub temperature: f64,
    /// 0 for all.
    pub top_k: u32,
    /// 1 for all.
    pub top_p: f64,
    /// 1 for none.
    pub repetition_penalty: f64,
    /// The longest response, in tokens.
    pub max_tokens: u32,
    /// Of the draws.
    pub seed: u32,
}

/// From the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToLm {
    /// Opens a device and loads a model: the files that come with the message, by their Hugging Face names, or where none
    /// do the small world's, which lies beside the page. What was loaded before is freed.
    Open(Wish),
    /// Takes the file that comes with the message as preferences (JSON lines); without one, the small world's own again.
    Prefer,
    /// Asks what a training would need, without starting it.
    Weigh {
        /// The experiment file.
        spec: String,
        /// Which losses, by position.
        losses: Vec<usize>,
        /// How.
        method: Method,
    },
    /// Trains some of the experiment's losses, one after the other, each from π_ref.
    Train {
        /// The run.
        run: RunId,
        /// The experiment file.
        spec: String,
        /// Which losses, by position.
        losses: Vec<usize>,
        /// How.
        method: Method,
        /// Whether it waits for [`ToLm::Step`] or [`ToLm::Pause`]`(false)` before its first step.
        paused: bool,
    },
    /// Waits before the next step, or goes on.
    Pause(bool),
    /// One step, and then a pause.
    Step,
    /// Ends the training; what it reached stays.
    Stop,
    /// Draws a response from π_ref, and with the same seed from the model as it is now trained.
    Say {
        /// A question of the small world as people read it; for a model of one's own the whole prompt.
        prompt: String,
        /// How.
        drawing: Drawing,
    },
    /// Asks for the trained model's files.
    Save,
}

/// A loaded model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    /// Who computes: the adapter's name, or the CPU.
    pub device: String,
    /// Whether that is a GPU.
    pub gpu: bool,
    /// Why it is not what was wished for, or slower than it might be; in one sentence.
    pub remark: Option<String>,
    /// How many numbers are learnt.
    pub parameters: u64,
    /// Tells its weights from another model's.
    pub mark: u64,
    /// The small world; none for a model of one's own.
    pub world: Option<World>,
}

/// What can be asked in the small world, by prompt of its theory: good, then bad.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct World {
    /// One question of each kind that preferences were drawn for.
    pub seen: Vec<String>,
    /// One of each kind with a name and a place that no text had.
    pub held_out: Vec<String>,
    /// The three answers of each kind.
    pub answers: Vec<[String; 3]>,
}

/// What is known before a training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Weight {
    /// Bytes on the device: weights, gradients, AdamW's means, activations.
    pub bytes: u64,
    /// Preferences it is trained on.
    pub pairs: u32,
    /// Why it cannot be done, in one sentence.
    pub refusal: Option<String>,
}

impl Weight {
    /// Of a training that cannot be, and why, in one sentence.
    pub fn refused(why: String) -> Self {
        Self { bytes: 0, pairs: 0, refusal: Some(why) }
    }
}

/// A token of a response.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Token {
    /// As it is written.
    pub text: String,
    /// The model's probability for it, before temperature and all that.
    pub p: f64,
    /// The three likeliest tokens at its place, with their probabilities.
    pub likeliest: Vec<(String, f64)>,
}

/// Numbers of a step's row in [`FromLm::Steps`]: step, loss, log π(y_w), log π(y_l), margin Δ, accuracy, KL to π_ref, tokens a second, and
/// of good and of bad prompts the probability of other texts than the three answers, as it was read last, and as before the first step. NaN where
/// there is no such number.
pub const ROW: usize = 12;
/// Where a row tells how many tokens a second.
pub const RATE: usize = 7;
/// Where it tells how likely other texts are: of good prompts, then of bad ones.
pub const OTHER: usize = 8;
/// Where it tells how likely they were before the first step, in the same order.
pub const BEGUN: usize = 10;

/// From the worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum FromLm {
    /// Sent once, first.
    Ready {
        /// [`super::VERSION`] of the worker.
        version: String,
    },
    /// What it is at, before training.
    Busy {
        /// A few words, such as “reading model.safetensors”.
        what: String,
        /// How far, 0 to 1.
        share: f64,
    },
    /// The answer to [`ToLm::Open`].
    Opened(Model),
    /// The answer to [`ToLm::Prefer`].
    Preferred {
        /// How many; 0 for the small world's own, which are drawn anew for each training.
        pairs: u32,
    },
    /// The answer to [`ToLm::Weigh`].
    Weighed(Weight),
    /// The small world's policies, as [`super::FromSolver::Batch`]: a packed trace a loss beside it, the losses not trained (yet) empty.
    Batch {
        /// The run.
        run: RunId,
        /// 0 for seen questions, 1 for those held out.
        nth: u32,
        /// True with the last one.
        done: bool,
    },
    /// Rows of [`ROW`] numbers beside it.
    Steps {
        /// The run.
        run: RunId,
        /// Of which loss, by position.
        loss: usize,
    },
    /// Where a training stands. Sent when that changes.
    At {
        /// The run.
        run: RunId,
        /// The loss under training, by position; none once all are done or it was stopped.
        loss: Option<usize>,
        /// Whether it waits.
        paused: bool,
    },
    /// The answer to [`ToLm::Say`].
    Said {
        /// π_ref's response.
        before: Vec<Token>,
        /// The trained model's, and the loss it was trained with, by position.
        after: Option<(usize, Vec<Token>)>,
    },
    /// The answer to [`ToLm::Save`]: the files' names, and their bytes beside it.
    Saved {
        /// Hugging Face's names.
        names: Vec<String>,
    },
    /// What was asked for could not be done. Nothing that was there before is lost, unless the device is.
    Failed {
        /// One sentence with the remedy.
        message: String,
        /// Whether the device is lost, so that only a new worker can go on.
        lost: bool,
    },
}

fn tokens(list: &Value) -> Option<Vec<Token>> {
    let likely = |pair: &Value| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_f64()?));
    let token = |value: &Value| {
        let likeliest = value.get("likeliest")?.as_array()?.iter().map(likely).collect::<Option<_>>()?;
        Some(Token { text: Body(value).text("text")?, p: value.get("p")?.as_f64()?, likeliest })
    };
    list.as_array()?.iter().map(token).collect()
}

impl FromLm {
    /// A message from its JSON text; none for anything else. By hand: what serde derives for these would be a twentieth of the
    /// page's whole program.
    pub fn read(text: &str) -> Option<Self> {
        let (name, value) = &opened(text)?;
        let body = Body(value);
        let loss = || body.whole("loss").map(|n| n as usize);
        Some(match name.as_str() {
            "Ready" => Self::Ready { version: body.text("version")? },
            "Busy" => Self::Busy { what: body.text("what")?, share: value.get("share")?.as_f64()? },
            "Opened" => Self::Opened(Model::of(&body)?),
            "Preferred" => Self::Preferred { pairs: body.whole("pairs")? as u32 },
            "Weighed" => Self::Weighed(Weight {
                bytes: body.whole("bytes")?,
                pairs: body.whole("pairs")? as u32,
                refusal: body.text("refusal"),
            }),
            "Batch" => Self::Batch { run: body.run()?, nth: body.whole("nth")? as u32, done: body.is("done")? },
            "Steps" => Self::Steps { run: body.run()?, loss: loss()? },
            "At" => Self::At { run: body.run()?, loss: loss(), paused: body.is("paused")? },
            "Said" => Self::Said {
                before: tokens(value.get("before")?)?,
                after: value.get("after").and_then(|a| Some((a.get(0)?.as_u64()? as usize, tokens(a.get(1)?)?))),
            },
            "Saved" => Self::Saved { names: body.texts("names")? },
            "Failed" => Self::Failed { message: body.text("message")?, lost: body.is("lost")? },
            _ => return None,
        })
    }
}

impl Model {
    fn of(body: &Body) -> Option<Self> {
        let world = |value: &Value| {
            let answers = value.get("answers")?.as_array()?.iter().map(|list| texts(list)?.try_into().ok());
            let body = Body(value);
            Some(World {
                seen: body.texts("seen")?,
                held_out: body.texts("held_out")?,
                answers: answers.collect::<Option<_>>()?,
            })
        };
        Some(Self {
            device: body.text("device")?,
            gpu: body.is("gpu")?,
            remark: body.text("remark"),
            parameters: body.whole("parameters")?,
            mark: body.whole("mark")?,
            world: body.0.get("world").and_then(world),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_read_as_it_was_written() {
        let token = |text: &str| Token {
            text: text.to_owned(),
            p: 0.25,
            likeliest: vec![("a".to_owned(), 0.5), ("\n".to_owned(), 1e-9)],
        };
        let world = World {
            seen: vec!["q".into(), "r".into()],
            held_out: vec!["s".into()],
            answers: vec![["a", "b", "c"].map(String::from)],
        };
        let model = Model {
            device: "the CPU".into(),
            gpu: false,
            remark: None,
            parameters: 236_928,
            mark: 7,
            world: Some(world),
        };
        let own = Model { remark: Some("slow".into()), world: None, ..model.clone() };
        let all = [
            FromLm::Ready { version: "v".into() },
            FromLm::Busy { what: "reading".into(), share: 0.5 },
            FromLm::Opened(model),
            FromLm::Opened(own),
            FromLm::Preferred { pairs: 6 },
            FromLm::Weighed(Weight { bytes: 1, pairs: 2, refusal: Some("no".into()) }),
            FromLm::Weighed(Weight { bytes: 1, pairs: 2, refusal: None }),
            FromLm::Batch { run: 7, nth: 1, done: true },
            FromLm::Steps { run: 7, loss: 4 },
            FromLm::At { run: 7, loss: None, paused: true },
            FromLm::At { run: 7, loss: Some(2), paused: false },
            FromLm::Said { before: vec![token("x")], after: None },
            FromLm::Said { before: Vec::new(), after: Some((3, vec![token("y"), token("z")])) },
            FromLm::Saved { names: vec!["config.json".into()] },
            FromLm::Failed { message: "m".into(), lost: true },
        ];
        for message in all {
            let text = serde_json::to_string(&message).expect("JSON");
            assert_eq!(FromLm::read(&text), Some(message), "{text}");
        }
        for text in ["", "1", "{}", "[]", "{\"Ready\":{}}", "{\"Opened\":{\"device\":1}}", "{\"Other\":{}}"] {
            assert_eq!(FromLm::read(text), None, "{text}");
        }
    }
}
