//! The language model as the page knows it: what its worker said, and the trainings' numbers.

use std::rc::Rc;

use super::{State, View};
use crate::trace::Trace;
use crate::worker::protocol::lm::{FromLm, Model, ROW, Token, Weight};

/// A response told token by token.
pub type Response = Vec<Token>;

/// All that is known of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lm {
    /// The loaded model.
    pub model: Option<Model>,
    /// What the worker is at, beside training, and how far it is.
    pub busy: Option<(String, f64)>,
    /// What a training would need.
    pub weight: Option<Weight>,
    /// The loss under training, by position, and whether it waits.
    pub at: Option<(usize, bool)>,
    /// Rows of `ROW` numbers, a list a loss.
    pub rows: Vec<Vec<f64>>,
    /// π_ref's response, and the trained model's with its loss.
    pub said: Option<(Response, Option<(usize, Response)>)>,
    /// Preferences of one's own; 0 for the small world's.
    pub pairs: u32,
    /// Models opened so far: what is known of one says nothing of the next.
    pub opened: u32,
    /// Why nothing is trained any more, in one sentence.
    pub trouble: Option<String>,
}

impl Lm {
    /// Loss `k`'s newest row, where it was trained.
    pub fn newest(&self, k: usize) -> Option<&[f64]> {
        self.rows.get(k)?.chunks_exact(ROW).next_back()
    }

    /// Whether any loss was trained.
    pub fn has_rows(&self) -> bool {
        self.rows.iter().any(|rows| !rows.is_empty())
    }
}

impl State {
    /// The losses that a press trains, by position.
    pub fn pressed(&self) -> Vec<usize> {
        (0..self.spec().losses.len()).filter(|k| self.only.is_none_or(|only| only == *k)).collect()
    }

    /// Whether losses are being trained here.
    pub(super) fn is_fine_tuning(&self) -> bool {
        self.view == View::Language && self.lm.at.is_some()
    }

    /// A fine-tuning is shown as far as it is: there is nothing to play.
    pub(super) fn live(mut self) -> Self {
        if self.view == View::Language {
            (self.cursor, self.playing) = (1.0, false);
        }
        self
    }

    pub(super) fn heard(mut self, said: FromLm, numbers: &[Vec<f64>]) -> Self {
        if let FromLm::Batch { run, nth, done } = said {
            return self.received(run, nth, numbers, done);
        }
        let run = self.run;
        let lm = Rc::make_mut(&mut self.lm);
        match said {
            FromLm::Busy { what, share } => lm.busy = Some((what, share)),
            FromLm::Opened(model) => {
                // What was measured on these very weights stays: a worker was lost, or another device is wished for.
                let stays = lm.model.take().is_some_and(|before| before.mark == model.mark);
                let (rows, said) =
                    if stays { (std::mem::take(&mut lm.rows), lm.said.take()) } else { (Vec::new(), None) };
                *lm = Lm { model: Some(model), rows, said, opened: lm.opened + 1, ..Lm::default() };
                if !stays && self.view == View::Language {
                    (self.traces, self.others) = (Rc::default(), Rc::default());
                }
            }
            FromLm::Preferred { pairs } => lm.pairs = pairs,
            FromLm::Weighed(weight) => lm.weight = Some(weight),
            FromLm::Steps { run: of, loss } if of == run => {
                lm.rows.resize(lm.rows.len().max(loss + 1), Vec::new());
                lm.rows[loss].extend(numbers.iter().flatten());
                lm.busy = None;
            }
            FromLm::At { loss, paused, .. } => (lm.at, lm.busy) = (loss.map(|k| (k, paused)), None),
            FromLm::Said { before, after } => lm.said = Some((before, after)),
            FromLm::Failed { message, lost } => {
                lm.busy = None;
                if lost {
                    (lm.trouble, lm.at) = (Some(message), None);
                } else {
                    self.notice = Some(message);
                }
            }
            FromLm::Ready { .. } | FromLm::Saved { .. } | FromLm::Steps { .. } | FromLm::Batch { .. } => {}
        }
        self
    }

    /// Forgets what is trained anew; the other losses stay, so that all can be laid over one another.
    pub(super) fn trains(mut self, losses: &[usize]) -> Self {
        let (count, width) = (self.spec().losses.len(), self.spec().prompts.len() * self.spec().actions());
        self.traced = self.run;
        let others = Rc::make_mut(&mut self.others);
        others.resize(1, Vec::new());
        let lm = Rc::make_mut(&mut self.lm);
        lm.rows.resize(count, Vec::new());
        for traces in [Rc::make_mut(&mut self.traces), &mut others[0]] {
            traces.resize(count, Trace::new(width));
            for k in losses.iter().filter(|k| **k < count) {
                traces[*k] = Trace::new(width);
            }
        }
        for k in losses.iter().filter(|k| **k < count) {
            lm.rows[*k].clear();
        }
        // Until the worker says so itself, for it may be reading.
        lm.at = losses.first().map(|k| (*k, false));
        (self.done, self.notice) = (false, None);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::address;

    #[test]
    fn what_was_measured_stays_with_its_weights() {
        let opened = |device: &str, mark| {
            let (device, remark) = (device.to_owned(), None);
            FromLm::Opened(Model { device, gpu: false, remark, parameters: 1, mark, world: None })
        };
        let state = State::new(address::parse("view=language"), false).heard(opened("the CPU", 1), &[]);
        let run = state.run;
        let state = state.heard(FromLm::Steps { run, loss: 0 }, &[vec![1.0; ROW]]);
        let lost = FromLm::Failed { message: "gone".into(), lost: true };
        let again = state.heard(lost, &[]).heard(opened("a GPU", 1), &[]);
        assert!(again.lm.has_rows() && again.lm.trouble.is_none());
        assert!(!again.heard(opened("a GPU", 2), &[]).lm.has_rows());
    }
}
