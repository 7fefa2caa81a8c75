//! Runs of the solver: what starts one, what comes of it, and the time in which it is shown.

use std::rc::Rc;

use super::State;
use crate::simplex::mean_zero;
use crate::trace::Trace;
use crate::worker::protocol::RunId;

/// Seconds that a whole training takes when it is played.
const PLAY_SECS: f64 = 6.0;

impl State {
    /// Logits of the policies as they are shown. (P·A each)
    pub(super) fn standing(&self) -> Vec<Vec<f64>> {
        let (prompts, actions) = (self.spec().prompts.len(), self.spec().actions());
        let logits = |t: &Trace| {
            let at = t.at(self.cursor);
            (0..prompts).flat_map(|x| mean_zero(t.policy(at, x, actions))).collect()
        };
        // A list a loss, by position: where one has nothing yet, all start at π_ref.
        let all_begun = self.traces.iter().all(|t| !t.is_empty());
        if all_begun { self.traces.iter().map(logits).collect() } else { Vec::new() }
    }

    /// Another experiment altogether: nothing of the old one's runs may be shown.
    pub(super) fn replaced(self) -> Self {
        let mut state = self.started();
        state.since = state.run;
        (state.traces, state.others) = (Rc::default(), Rc::default());
        (state.only, state.focus) = (None, None);
        if state.lm.has_rows() || state.lm.said.is_some() {
            let lm = Rc::make_mut(&mut state.lm);
            (lm.rows, lm.said) = (Vec::new(), None);
        }
        state
    }

    /// A new run is due. What is shown stays until its first batch comes.
    pub(super) fn started(mut self) -> Self {
        self.run += 1;
        (self.done, self.failed) = (false, None);
        self.from = Rc::default();
        if !self.playing {
            self.cursor = 1.0;
        }
        self
    }

    pub(super) fn received(mut self, run: RunId, nth: u32, numbers: &[Vec<f64>], done: bool) -> Self {
        // While a hand drags, the newest run has often not begun; what its predecessor brings is shown meanwhile.
        if run < self.since.max(self.traced) || numbers.len() != self.spec().losses.len() {
            return self;
        }
        if self.traced != run {
            (self.traces, self.others) = (Rc::default(), Rc::default());
            self.traced = run;
        }
        let width = self.spec().prompts.len() * self.spec().actions();
        let slot = match nth.checked_sub(1) {
            None => Rc::make_mut(&mut self.traces),
            Some(k) => {
                let others = Rc::make_mut(&mut self.others);
                others.resize(others.len().max(k as usize + 1), Vec::new());
                &mut others[k as usize]
            }
        };
        slot.resize(numbers.len(), Trace::new(width));
        let taken = slot.iter_mut().zip(numbers).all(|(t, n)| t.append(n));
        self.done = taken && done && run == self.run;
        self
    }

    /// The newest run could not be made. An older one's failure says nothing of what is shown now.
    pub(super) fn failed(mut self, run: RunId, message: String) -> Self {
        if run == self.run {
            (self.notice, self.failed) = (Some(message.clone()), Some(message));
            self.playing &= self.can_play();
        }
        self
    }

    /// There is no solver any more.
    pub(super) fn in_trouble(mut self, message: String) -> Self {
        (self.solver_trouble, self.playing) = (Some(message), false);
        self
    }

    /// Whether there is anything to play, or will be.
    fn can_play(&self) -> bool {
        !self.traces.is_empty() || (self.failed.is_none() && self.solver_trouble.is_none())
    }

    pub(super) fn played(mut self) -> Self {
        if self.can_play() {
            self.cursor = if self.cursor >= 1.0 { 0.0 } else { self.cursor };
            self.playing = true;
        }
        self
    }

    /// At a moment of training, at rest.
    pub(super) fn sought(self, cursor: f64) -> Self {
        Self { cursor: cursor.clamp(0.0, 1.0), playing: false, ..self }
    }

    pub(super) fn ticked(mut self, secs: f64) -> Self {
        if self.playing && !self.traces.is_empty() {
            self.cursor = (self.cursor + secs * self.speed.factor() / PLAY_SECS).min(1.0);
            self.playing = self.cursor < 1.0;
        }
        self
    }

    /// One recorded snapshot further.
    pub(super) fn stepped(self) -> Self {
        let snapshots = self.traces.iter().map(Trace::len).max().unwrap_or(2).max(2);
        let next = (self.cursor * (snapshots - 1) as f64 + 1e-6).floor() + 1.0;
        let cursor = if self.cursor >= 1.0 { 0.0 } else { next / (snapshots - 1) as f64 };
        self.sought(cursor)
    }
}
