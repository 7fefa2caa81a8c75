//! What the page and its solver say to each other. Every answer carries the run it belongs to.

pub mod lm;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Counts the runs of a page, so that an answer is known by the run it belongs to.
pub type RunId = u32;

/// The build that both sides must share, by its sources (`build.rs`): a stale worker from a cache is told apart by it.
pub const VERSION: &str = env!("TYPO_LAB_BUILD");

/// From the page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToSolver {
    /// Trains every loss of an experiment. Of those that wait, only the newest is heard.
    Start {
        /// The run.
        run: RunId,
        /// The first run of its kind: nobody looks at older ones any more.
        since: RunId,
        /// The experiment file.
        spec: String,
        /// How many times: each time with the next seeds.
        runs: u32,
        /// Logits to start from instead of π_ref's, one list a loss; empty for a start at π_ref. (P·A each)
        from: Vec<Vec<f64>>,
    },
    /// Pauses all work while nobody sees the page, or goes on with it.
    Rest(bool),
}

/// From the solver. The numbers of a batch travel beside it: one packed trace a loss.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum FromSolver {
    /// Sent once, first.
    Ready {
        /// [`VERSION`] of the worker.
        version: String,
    },
    /// New snapshots of every loss.
    Batch {
        /// The run.
        run: RunId,
        /// Which of its seeds, from 0.
        nth: u32,
        /// True with the last one of the last seed.
        done: bool,
    },
    /// The experiment could not be run.
    Failed {
        /// The run.
        run: RunId,
        /// One sentence.
        message: String,
    },
}

/// A message's name and body.
fn opened(text: &str) -> Option<(String, Value)> {
    let Value::Object(message) = serde_json::from_str(text).ok()? else { return None };
    message.into_iter().next()
}

/// Fields of a message's body.
struct Body<'a>(&'a Value);

impl Body<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0.get(name)?.as_str().map(str::to_owned)
    }

    fn whole(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    fn run(&self) -> Option<RunId> {
        self.whole("run").map(|n| n as RunId)
    }

    fn is(&self, name: &str) -> Option<bool> {
        self.0.get(name)?.as_bool()
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        texts(self.0.get(name)?)
    }
}

fn texts(list: &Value) -> Option<Vec<String>> {
    list.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

impl FromSolver {
    /// A message from its JSON text; none for anything else. By hand, as [`lm::FromLm::read`] is and for the same reason.
    pub fn read(text: &str) -> Option<Self> {
        let (name, value) = &opened(text)?;
        let body = Body(value);
        Some(match name.as_str() {
            "Ready" => Self::Ready { version: body.text("version")? },
            "Batch" => Self::Batch { run: body.run()?, nth: body.whole("nth")? as u32, done: body.is("done")? },
            "Failed" => Self::Failed { run: body.run()?, message: body.text("message")? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_read_as_it_was_written_and_nothing_else_is_read() {
        let all = [
            FromSolver::Ready { version: "v".into() },
            FromSolver::Batch { run: 7, nth: 2, done: true },
            FromSolver::Failed { run: u32::MAX, message: "“no”".into() },
        ];
        for message in all {
            let text = serde_json::to_string(&message).expect("JSON");
            assert_eq!(FromSolver::read(&text), Some(message), "{text}");
        }
        for text in
            ["", "1", "{}", "\"Ready\"", "{\"Ready\":{}}", "{\"Batch\":{\"run\":1,\"nth\":0}}", "{\"Other\":{}}"]
        {
            assert_eq!(FromSolver::read(text), None, "{text}");
        }
    }
}
