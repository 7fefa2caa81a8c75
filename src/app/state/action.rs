//! Everything that can happen, and what comes of it.

use std::rc::Rc;

use yew::Reducible;

use super::{Edit, Guess, Scheme, Sight, Speed, State, View};
use crate::app::address::Opened;
use crate::app::{bounds, keys};
use crate::loss::Loss;
use crate::spec::change::Change;
use crate::spec::url::Link;
use crate::spec::{Preset, Spec};
use crate::worker::protocol::RunId;
use crate::worker::protocol::lm::FromLm;

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Edit(Edit),
    /// The hand rested: the next edit is another.
    Rest,
    Undo,
    Redo,
    Preset(Preset),
    /// Goes to a step of the tour, or closes it.
    Story(Option<usize>),
    Guess(Guess),
    View(View),
    Open(Result<Opened, String>),
    Play,
    Pause,
    Step,
    Seek(f64),
    Tick(f64),
    Focus(Option<usize>),
    /// The pointer is at a loss's curve.
    Point(Option<Loss>),
    Prompt(usize),
    Only(usize),
    Scheme(Scheme),
    /// The page came into sight, or went out of it.
    Sight(Sight),
    Speed(Speed),
    GoesOn(bool),
    Notice(Option<String>),
    Batch {
        run: RunId,
        /// Which of its seeds.
        nth: u32,
        traces: Vec<Vec<f64>>,
        done: bool,
    },
    Failed {
        run: RunId,
        message: String,
    },
    SolverTrouble(String),
    /// What the language model's worker says, with the numbers beside it.
    Lm(Box<FromLm>, Vec<Vec<f64>>),
    /// A fine-tuning of these losses was asked for.
    LmTrains(Vec<usize>),
}

const LEFT: &str = "The fine-tuning has ended, as its view was left. Train again there, and stay.";

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let trained = self.is_fine_tuning();
        let mut state = Rc::unwrap_or_clone(self).after(action);
        if trained && state.view != View::Language {
            state.notice = Some(LEFT.to_owned());
        }
        // A press may come from what was drawn before, of an experiment with more losses.
        state.only = state.only.filter(|k| *k < state.spec().losses.len());
        Rc::new(state)
    }
}

impl State {
    fn after(self, action: Action) -> Self {
        match action {
            Action::Edit(edit) => self.edited(edit),
            Action::Rest => Self { editing: None, ..self },
            Action::Undo => self.undone(),
            Action::Redo => self.redone(),
            Action::Preset(preset) => self.preset(preset),
            Action::Story(story) => self.told(story),
            Action::Guess(guess) => self.guessed(guess),
            // The view as it is, anew: no fine-tuning is given up for that.
            Action::View(View::Language) if self.is_fine_tuning() => self,
            Action::View(view) => Self { view, editing: None, notice: None, ..self }.replaced().live(),
            Action::Open(Ok(opened)) => self.opened(opened),
            Action::Open(Err(message)) => Self { notice: Some(format!("{message} The page stays as it was.")), ..self },
            Action::Notice(notice) => Self { notice, ..self },
            Action::Play => self.played(),
            Action::Pause => Self { playing: false, ..self },
            Action::Step => self.stepped(),
            Action::Seek(cursor) => self.sought(cursor),
            Action::Tick(secs) => self.ticked(secs),
            Action::Focus(focus) => Self { focus, ..self },
            Action::Point(loss) => {
                let focus = loss.and_then(|l| self.spec().losses.iter().position(|s| s.loss == l));
                Self { focus, ..self }
            }
            Action::Prompt(picked) => Self { picked, ..self },
            Action::Only(loss) => Self { only: (self.only != Some(loss)).then_some(loss), ..self },
            Action::Sight(sight) => Self { sight, ..self },
            Action::Scheme(scheme) => Self { scheme, ..self },
            Action::Speed(speed) => Self { speed, ..self },
            Action::GoesOn(goes_on) => Self { goes_on, ..self },
            Action::Batch { run, nth, traces, done } => self.received(run, nth, &traces, done),
            Action::Failed { run, message } => self.failed(run, message),
            Action::SolverTrouble(message) => self.in_trouble(message),
            Action::Lm(said, numbers) => self.heard(*said, &numbers),
            Action::LmTrains(losses) => self.trains(&losses),
        }
    }

    /// The edit, or a notice and the old experiment where the new one is more than the page computes or has no data.
    fn edited(mut self, edit: Edit) -> Self {
        // Of a prompt's policies a slide may pass through the very numbers that this press sets.
        let kind = (!matches!(edit, Edit::Ideal { .. })).then(|| std::mem::discriminant(&edit));
        let Some(link) = edit.applied(self.link()) else { return self };
        let link = bounds::thinned(self.view, self.link(), link);
        if let Err(message) = bounds::check(self.view, &link).and_then(|()| bounds::check_data(&link.spec)) {
            return Self { notice: Some(message), refused: self.refused + 1, ..self };
        }
        let before = self.link().clone();
        let remark = bounds::remark(&link)
            .filter(|r| link.spec.sweep.points != before.spec.sweep.points || self.notice.as_ref() == Some(r));
        self.notice = remark;
        let from = if self.goes_on { self.standing() } else { Vec::new() };
        if !self.change(self.view, link, kind) {
            return self;
        }
        self.following(&before, from)
    }

    /// The run that follows an edit of `before`; it may go on `from` where the policies stood.
    fn following(self, before: &Link, from: Vec<Vec<f64>>) -> Self {
        let change = Change::between(&before.spec, self.spec());
        let shape = |s: &Spec| (s.losses.len(), s.prompts.len(), s.actions());
        let reseeded = keys::runs(before) != keys::runs(self.link());
        let is_language = self.view == View::Language;
        if shape(&before.spec) != shape(self.spec()) || (is_language && change > Change::Redraw) {
            self.replaced()
        } else if change > Change::Redraw || reseeded {
            let from = Rc::new(if change == Change::Continue { from } else { Vec::new() });
            Self { from, ..self.started() }
        } else {
            self
        }
    }

    fn preset(mut self, preset: Preset) -> Self {
        let link = Link { spec: preset.spec(), preset, page: Vec::new() };
        // Within one frame the view may have changed since its presets were listed.
        if let Err(message) = bounds::check(self.view, &link) {
            return Self { notice: Some(message), ..self };
        }
        self.change(self.view, link, None);
        self.notice = None;
        self.replaced()
    }

    /// What an address or a message opens.
    fn opened(mut self, Opened { view, link, showing }: Opened) -> Self {
        self.change(view, link, None);
        (self.view, self.editing) = (view, None);
        let mut state = self.replaced();
        (state.cursor, state.playing, state.notice) = (1.0, false, None);
        state.show(&showing);
        state.live()
    }

    /// Takes a prediction; the first one at a step stays.
    fn guessed(mut self, guess: Guess) -> Self {
        if let Some(k) = self.story {
            let guesses = Rc::make_mut(&mut self.guesses);
            guesses.resize(guesses.len().max(k + 1), None);
            guesses[k] = guesses[k].or(Some(guess));
        }
        self
    }
}
