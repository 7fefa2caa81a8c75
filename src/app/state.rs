//! All of the page's state, and every way in which it changes.

use std::rc::Rc;

use yew::Reducible;

use crate::spec::change::Change;
use crate::spec::url::{self, Link};
use crate::spec::{DecayOn, Preferences, Preset, Spec};
use crate::trace::Trace;
use crate::worker::protocol::RunId;

/// A tab of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// One prompt, small λ to large.
    Interpolation,
    /// A good and a bad prompt.
    Preservation,
}

impl View {
    pub const ALL: [Self; 2] = [Self::Interpolation, Self::Preservation];

    pub fn key(self) -> &'static str {
        match self {
            Self::Interpolation => "interpolation",
            Self::Preservation => "preservation",
        }
    }

    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.key() == key)
    }

    /// The view that an experiment opens in where none is named.
    pub fn of(spec: &Spec) -> Self {
        if spec.prompts.len() > 1 { Self::Preservation } else { Self::Interpolation }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Interpolation => "Interpolation",
            Self::Preservation => "Preservation",
        }
    }

    /// What the view opens with.
    pub fn preset(self) -> Preset {
        match self {
            Self::Interpolation => Preset::Figure2,
            Self::Preservation => Preset::Figure3Preservation,
        }
    }
}

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
}

/// The page.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub view: View,
    /// The experiment of each view, in the order of [`View::ALL`].
    pub links: [Link; 2],
    /// How much of the training is shown, 0 to 1.
    pub cursor: f64,
    pub playing: bool,
    /// The loss that has the reader's attention, by position.
    pub focus: Option<usize>,
    /// The only loss shown, where one was picked.
    pub only: Option<usize>,
    pub scheme: Scheme,
    /// Something to tell the reader, in one sentence.
    pub notice: Option<String>,
    /// The newest run that was asked for.
    pub run: RunId,
    /// The first run of this experiment: answers of older ones belong to another and are dropped.
    pub since: RunId,
    /// Its recorded runs, one a loss; those of the run before until the first batch has come.
    pub traces: Rc<Vec<Trace>>,
    /// Which run the traces belong to.
    pub traced: RunId,
    /// Whether the newest run is complete.
    pub done: bool,
}

/// An edit of the experiment.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    Lambda(f64),
    Alpha(f64),
    DecayOn(DecayOn),
    Policy { prompt: usize, given: Given, pi: Vec<f64> },
    Preferences(Preferences),
}

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Edit(Edit),
    Preset(Preset),
    View(View),
    Open(Result<(View, Link, f64), String>),
    Play,
    Pause,
    Step,
    Seek(f64),
    Tick(f64),
    Focus(Option<usize>),
    Only(usize),
    Scheme(Scheme),
    Notice(Option<String>),
    Batch { run: RunId, traces: Vec<Vec<f64>>, done: bool },
}

/// Seconds that a whole training takes when it is played.
const PLAY_SECS: f64 = 6.0;

impl State {
    /// The page before anything was touched; `autoplay` lets the losses descend once by themselves.
    pub fn new(opened: Result<(View, Link, Option<f64>), String>, autoplay: bool) -> Self {
        let links = View::ALL.map(|v| Link { spec: v.preset().spec(), preset: v.preset(), page: Vec::new() });
        let mut state = Self {
            view: View::Interpolation,
            links,
            cursor: if autoplay { 0.0 } else { 1.0 },
            playing: autoplay,
            focus: None,
            only: None,
            scheme: Scheme::System,
            notice: None,
            run: 1,
            since: 1,
            traces: Rc::default(),
            traced: 0,
            done: false,
        };
        match opened {
            Ok((view, link, at)) => {
                state.view = view;
                state.links[view as usize] = link;
                if let Some(at) = at {
                    (state.cursor, state.playing) = (at, false);
                }
            }
            Err(message) => state.notice = Some(format!("{message} The default is shown.")),
        }
        state
    }

    pub fn link(&self) -> &Link {
        &self.links[self.view as usize]
    }

    pub fn spec(&self) -> &Spec {
        &self.link().spec
    }

    /// The λ of the losses, the first one's where they differ.
    pub fn lambda(&self) -> f64 {
        self.spec().losses[0].lambda
    }

    /// Whether a loss is shown.
    pub fn is_shown(&self, loss: usize) -> bool {
        self.only.is_none_or(|o| o == loss)
    }

    /// Whether a loss is faded because another has the reader's attention.
    pub fn is_dimmed(&self, loss: usize) -> bool {
        self.focus.is_some_and(|f| f != loss)
    }

    fn edited(mut self, edit: Edit) -> Self {
        let before = self.spec().clone();
        self.notice = None;
        let spec = &mut self.links[self.view as usize].spec;
        match edit {
            Edit::Lambda(lambda) => url::set_lambda(spec, lambda),
            Edit::Alpha(alpha) => spec.weight_decay.alpha = alpha,
            Edit::DecayOn(on) => spec.weight_decay.on = on,
            Edit::Policy { prompt, given, pi } => set_policy(spec, prompt, given, pi),
            Edit::Preferences(preferences) => spec.preferences = preferences,
        }
        if Change::between(&before, self.spec()) > Change::Redraw { self.started() } else { self }
    }

    /// Another experiment altogether: nothing of the old one's runs may be shown.
    fn replaced(self) -> Self {
        let mut state = self.started();
        state.since = state.run;
        state.traces = Rc::default();
        (state.only, state.focus) = (None, None);
        state
    }

    /// A new run is due. What is shown stays until its first batch comes.
    fn started(mut self) -> Self {
        self.run += 1;
        self.done = false;
        if !self.playing {
            self.cursor = 1.0;
        }
        self
    }

    fn received(mut self, run: RunId, numbers: &[Vec<f64>], done: bool) -> Self {
        // While a hand drags, the newest run has often not begun; what its predecessor brings is shown meanwhile.
        if run < self.since.max(self.traced) || numbers.len() != self.spec().losses.len() {
            return self;
        }
        let width = self.spec().prompts.len() * self.spec().prompts[0].pi_ref.len();
        let mut traces =
            if self.traced == run { (*self.traces).clone() } else { vec![Trace::new(width); numbers.len()] };
        if traces.iter_mut().zip(numbers).all(|(t, n)| t.append(n)) {
            self.traces = Rc::new(traces);
            self.traced = run;
            self.done = done && run == self.run;
        }
        self
    }

    fn ticked(mut self, secs: f64) -> Self {
        if self.playing && !self.traces.is_empty() {
            self.cursor = (self.cursor + secs / PLAY_SECS).min(1.0);
            self.playing = self.cursor < 1.0;
        }
        self
    }

    /// One recorded snapshot further.
    fn stepped(mut self) -> Self {
        let snapshots = self.traces.iter().map(Trace::len).max().unwrap_or(2).max(2);
        let next = (self.cursor * (snapshots - 1) as f64 + 1e-6).floor() + 1.0;
        self.cursor = if self.cursor >= 1.0 { 0.0 } else { (next / (snapshots - 1) as f64).min(1.0) };
        self.playing = false;
        self
    }
}

/// Sets a policy. A good prompt's two policies are one: moving either moves both, so that it stays good.
fn set_policy(spec: &mut Spec, prompt: usize, given: Given, pi: Vec<f64>) {
    let two_prompts = spec.prompts.len() > 1;
    let Some(p) = spec.prompts.get_mut(prompt) else { return };
    if two_prompts && p.pi_ref == p.pi_star {
        p.pi_ref.clone_from(&pi);
        p.pi_star = pi;
        return;
    }
    match given {
        Given::Reference => p.pi_ref = pi,
        Given::Star => p.pi_star = pi,
    }
}

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut state = (*self).clone();
        let next = match action {
            Action::Edit(edit) => state.edited(edit),
            Action::Preset(preset) => {
                state.links[state.view as usize] = Link { spec: preset.spec(), preset, page: Vec::new() };
                state.replaced()
            }
            Action::View(view) => {
                state.view = view;
                state.replaced()
            }
            Action::Open(Ok((view, link, at))) => {
                state.view = view;
                state.links[view as usize] = link;
                let mut state = state.replaced();
                (state.cursor, state.playing, state.notice) = (at, false, None);
                state
            }
            Action::Open(Err(message)) => {
                state.notice = Some(format!("{message} The page stays as it was."));
                state
            }
            Action::Notice(notice) => {
                state.notice = notice;
                state
            }
            Action::Play => {
                state.cursor = if state.cursor >= 1.0 { 0.0 } else { state.cursor };
                state.playing = true;
                state
            }
            Action::Pause => {
                state.playing = false;
                state
            }
            Action::Step => state.stepped(),
            Action::Seek(cursor) => {
                (state.cursor, state.playing) = (cursor.clamp(0.0, 1.0), false);
                state
            }
            Action::Tick(secs) => state.ticked(secs),
            Action::Focus(focus) => {
                state.focus = focus;
                state
            }
            Action::Only(loss) => {
                state.only = if state.only == Some(loss) { None } else { Some(loss) };
                state
            }
            Action::Scheme(scheme) => {
                state.scheme = scheme;
                state
            }
            Action::Batch { run, traces, done } => state.received(run, &traces, done),
        };
        Rc::new(next)
    }
}
