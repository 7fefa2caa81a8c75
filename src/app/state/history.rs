//! Back and forth through the experiments.

use std::mem::{Discriminant, discriminant};
use std::rc::Rc;

use super::{Edit, State, View};
use crate::app::keys::{method, page};
use crate::app::tour;
use crate::loss::{Mu, PairPart, Score};
use crate::spec::url::Link;

/// What undoing goes back to.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// The view that was shown.
    seen: View,
    /// The view whose experiment changed.
    view: View,
    /// That experiment, before.
    link: Link,
}

/// Moments that are kept.
pub(super) const MOST_MOMENTS: usize = 200;

/// ψ, and f′ with what it is of, but for their numbers.
fn kinds(part: PairPart) -> impl PartialEq {
    let divergence = match part.score {
        Score::Ratio(Mu::FPrime(d)) => Some(discriminant(&d)),
        Score::Ratio(Mu::Log) | Score::LogPolicy => None,
    };
    (discriminant(&part.psi), divergence)
}

/// What a press changes and a slide does not.
fn form(link: &Link) -> impl PartialEq + use<'_> {
    let spec = &link.spec;
    let losses: Vec<_> = spec.losses.iter().map(|l| (discriminant(&l.loss), l.loss.pair_part().map(kinds))).collect();
    let data = (discriminant(&spec.preferences), spec.preferences.pairing());
    let method = method(link).ok().map(|m| (m.mean, m.cosine));
    let optimiser = (spec.optimiser.kind, spec.optimiser.batch_size.is_some());
    let pressed = ["paper", "device"].map(|key| page(link, key));
    (losses, data, optimiser, method, spec.weight_decay.on, spec.kl, pressed)
}

impl State {
    /// Puts an experiment into a view, and keeps what it replaces to go back to. Edits of one kind that change numbers alone,
    /// as a hand on a slider does, are one without a rest between them. False, and nothing changed, where it is there already.
    pub(super) fn change(&mut self, view: View, link: Link, editing: Option<Discriminant<Edit>>) -> bool {
        if self.links[view as usize] == link {
            return false;
        }
        let before = std::mem::replace(&mut self.links[view as usize], link);
        let editing = editing.filter(|_| form(&before) == form(&self.links[view as usize]));
        if editing.is_none() || self.editing != editing {
            let past = Rc::make_mut(&mut self.past);
            past.push(Moment { seen: self.view, view, link: before });
            let surplus = past.len().saturating_sub(MOST_MOMENTS);
            past.drain(..surplus);
        }
        self.editing = editing;
        self.future = Rc::default();
        true
    }

    pub(super) fn undone(self) -> Self {
        self.travelled(|s| &mut s.past, |s| &mut s.future)
    }

    pub(super) fn redone(self) -> Self {
        self.travelled(|s| &mut s.future, |s| &mut s.past)
    }

    /// Goes to the newest moment of one list, leaving what it replaces in the other.
    fn travelled(
        mut self,
        from: fn(&mut Self) -> &mut Rc<Vec<Moment>>,
        to: fn(&mut Self) -> &mut Rc<Vec<Moment>>,
    ) -> Self {
        let Some(Moment { seen, view, link }) = Rc::make_mut(from(&mut self)).pop() else { return self };
        let now = std::mem::replace(&mut self.links[view as usize], link);
        // The way back shows the view that it changes, whichever the reader has gone to since.
        Rc::make_mut(to(&mut self)).push(Moment { seen: view, view, link: now });
        (self.view, self.editing, self.notice) = (seen, None, None);
        self.replaced()
    }

    /// Opens a step of the tour with its experiment, or closes the tour and leaves all as it is.
    pub(super) fn told(mut self, story: Option<usize>) -> Self {
        self.story = story;
        let Some((view, link)) = story.and_then(tour::setting) else { return self };
        let is_new = self.change(view, link, None);
        if !is_new && self.view == view {
            return self;
        }
        self.view = view;
        let mut state = self.replaced();
        (state.cursor, state.playing) = (1.0, false);
        state
    }
}
