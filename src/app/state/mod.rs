//! All of the page's state. How it changes: [`action`] by what happens, [`history`] back and forth, [`run`] with the solver.

mod action;
mod edit;
mod history;
mod lm;
mod run;
#[cfg(test)]
mod tests;
mod view;

use std::rc::Rc;

pub use self::action::Action;
pub use self::edit::Edit;
use self::history::Moment;
pub use self::lm::Lm;
pub use self::view::{Speed, View};
use super::address::Opened;
use super::keys::{self, page};
use crate::spec::Spec;
use crate::spec::url::Link;
use crate::trace::Trace;
use crate::worker::protocol::RunId;

/// Which of a prompt's two given policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    Reference,
    Star,
}

impl Given {
    pub const ALL: [Self; 2] = [Self::Reference, Self::Star];
}

/// Light, dark, or as the system says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    System,
    Light,
    Dark,
    /// As the system says, in the strongest contrast.
    Contrast,
}

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub view: View,
    /// The experiment of each view, in the order of [`View::ALL`].
    pub links: [Link; 5],
    /// How much of the training is shown, 0 to 1.
    pub cursor: f64,
    pub playing: bool,
    /// The loss that has the reader's attention, by position.
    pub focus: Option<usize>,
    /// The only loss shown, where one was picked.
    pub only: Option<usize>,
    /// The prompt that the reader picked, by position.
    pub picked: usize,
    pub scheme: Scheme,
    /// Something to tell the reader, in one sentence.
    pub notice: Option<String>,
    /// Edits that were refused: a control that has moved already comes back.
    pub refused: u32,
    /// Why there is no training any more, in one sentence.
    pub solver_trouble: Option<String>,
    /// The newest run that was asked for.
    pub run: RunId,
    /// The first run of this experiment: answers of older ones belong to another and are dropped.
    pub since: RunId,
    /// Its recorded runs, one a loss; those of the run before until the first batch has come.
    pub traces: Rc<Vec<Trace>>,
    /// The same of further seeds, a list a seed.
    pub others: Rc<Vec<Vec<Trace>>>,
    /// Whether a new λ or α is trained from where the policies stand, not from π_ref.
    pub goes_on: bool,
    /// Logits that the newest run starts from, one list a loss; empty for π_ref's. (P·A each)
    pub from: Rc<Vec<Vec<f64>>>,
    pub speed: Speed,
    /// Which run the traces belong to.
    pub traced: RunId,
    /// Whether the newest run is complete.
    pub done: bool,
    /// Why the newest run could not be made, in one sentence.
    pub failed: Option<String>,
    /// What was left behind, the newest last.
    pub past: Rc<Vec<Moment>>,
    /// What was undone, the newest last.
    pub future: Rc<Vec<Moment>>,
    /// The kind of edit that goes on; none once the hand has rested.
    editing: Option<std::mem::Discriminant<Edit>>,
    pub sight: Sight,
    /// The step of the tour that is open, from 0.
    pub story: Option<usize>,
    /// The language model.
    pub lm: Rc<Lm>,
    /// What the reader predicted at each step, by position.
    pub guesses: Rc<Vec<Option<Guess>>>,
}

/// Whether anybody can see the page: nothing plays and nothing trains where nobody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Seen,
    Hidden,
}

/// A prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// An option, by position.
    Option(usize),
    /// None: the answer was asked for.
    Shown,
}

/// How an experiment is looked at: what a link tells beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Showing {
    /// The moment of training, 0 to 1; none where the page begins as it likes.
    pub at: Option<f64>,
    /// The step of the tour, from 0.
    pub story: Option<usize>,
    /// The only loss shown, by position.
    pub only: Option<usize>,
    /// The prompt that one-prompt figures show, by position.
    pub prompt: usize,
    pub speed: Speed,
    pub goes_on: bool,
}

impl Default for Showing {
    fn default() -> Self {
        Self { at: None, story: None, only: None, prompt: 0, speed: Speed::One, goes_on: false }
    }
}

impl State {
    /// The page before anything was touched; `autoplay` lets the losses descend once by themselves.
    pub fn new(opened: Result<Opened, String>, autoplay: bool) -> Self {
        let links = View::ALL.map(|v| Link { spec: v.opening(), preset: v.preset(), page: Vec::new() });
        let mut state = Self {
            view: View::Interpolation,
            links,
            cursor: if autoplay { 0.0 } else { 1.0 },
            playing: autoplay,
            focus: None,
            only: None,
            picked: 0,
            scheme: Scheme::System,
            notice: None,
            refused: 0,
            solver_trouble: None,
            run: 1,
            since: 1,
            traces: Rc::default(),
            others: Rc::default(),
            goes_on: false,
            from: Rc::default(),
            speed: Speed::One,
            traced: 0,
            done: false,
            failed: None,
            past: Rc::default(),
            future: Rc::default(),
            editing: None,
            sight: Sight::Seen,
            story: None,
            guesses: Rc::default(),
            lm: Rc::default(),
        };
        match opened {
            Ok(Opened { view, link, showing }) => {
                state.view = view;
                state.links[view as usize] = link;
                state.show(&showing);
            }
            Err(message) => state.notice = Some(format!("{message} The default is shown.")),
        }
        state.live()
    }

    pub fn link(&self) -> &Link {
        &self.links[self.view as usize]
    }

    pub fn spec(&self) -> &Spec {
        &self.link().spec
    }

    /// How the experiment is looked at.
    pub fn showing(&self) -> Showing {
        let Self { story, only, speed, goes_on, .. } = *self;
        let at = (self.cursor < 1.0 && !self.playing).then_some(self.cursor);
        Showing { at, story, only, prompt: self.prompt(), speed, goes_on }
    }

    /// All that a link tells of the page.
    pub fn linked(&self) -> (View, Link, Showing) {
        (self.view, self.link().clone(), self.showing())
    }

    /// Looks at the experiment as a link says.
    fn show(&mut self, showing: &Showing) {
        (self.story, self.only, self.picked) = (showing.story, showing.only, showing.prompt);
        (self.speed, self.goes_on) = (showing.speed, showing.goes_on);
        if let Some(at) = showing.at {
            (self.cursor, self.playing) = (at, false);
        }
    }

    /// Whether a hand is at a slider or a handle.
    pub fn is_sliding(&self) -> bool {
        self.editing.is_some()
    }

    /// How many seeds are trained.
    pub fn runs(&self) -> u32 {
        keys::runs(self.link()).unwrap_or(1)
    }

    /// The recorded runs of every seed, one a loss each. A language model has one: its others are the same run at other questions.
    pub fn seeds(&self) -> impl Iterator<Item = &Vec<Trace>> {
        let others = if self.view == View::Language { &[][..] } else { &self.others };
        std::iter::once(&*self.traces).chain(others)
    }

    /// γ of figure 8.
    pub fn gamma(&self) -> f64 {
        keys::gamma(self.link()).unwrap_or(keys::GAMMA)
    }

    /// Whether the paper's readings are shown.
    pub fn is_beside_paper(&self) -> bool {
        page(self.link(), "paper") == Some("1")
    }

    /// Whether the experiment is the authors' own, to which alone the paper's readings belong.
    pub fn is_authors_own(&self) -> bool {
        self.link().preset.authors().as_ref() == Some(self.spec())
    }

    /// The λ of the losses, the first one's where they differ.
    pub fn lambda(&self) -> f64 {
        self.spec().losses[0].lambda
    }

    /// The prompt that one-prompt figures show.
    pub fn prompt(&self) -> usize {
        self.picked.min(self.spec().prompts.len() - 1)
    }

    /// Whether a loss is shown.
    pub fn is_shown(&self, loss: usize) -> bool {
        self.only.is_none_or(|o| o == loss)
    }

    /// Whether a loss is faded because another has the reader's attention.
    pub fn is_dimmed(&self, loss: usize) -> bool {
        self.focus.is_some_and(|f| f != loss)
    }
}
