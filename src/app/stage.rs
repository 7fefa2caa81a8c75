//! The page is built part by part, each in a task of its own, so that none holds the browser up for long; until its figures are
//! painted, the still stands in its place.

use gloo::timers::callback::Timeout;
use gloo::utils::document;
use yew::prelude::*;

use super::painter;

/// How far the page is built: what a part needs is there once the stage that it names is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// What the view's numbers say.
    Headline,
    /// The view's first figure.
    Space,
    /// Its other figures.
    Figures,
    /// What surrounds the view.
    Frame,
    /// The numbers as tables.
    Tables,
    /// The controls of every day.
    Controls,
    /// Those of the policies.
    Policies,
    /// All other controls: everything, and the solver is at work.
    Whole,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Headline,
        Self::Space,
        Self::Figures,
        Self::Frame,
        Self::Tables,
        Self::Controls,
        Self::Policies,
        Self::Whole,
    ];
}

/// The stage that is reached.
#[hook]
pub fn use_stage() -> Stage {
    let stage = use_state_eq(|| Stage::Headline);
    {
        let set = stage.setter();
        use_effect_with(*stage, move |stage| {
            if *stage == Stage::Whole {
                painter::once_painted(reveal);
            }
            let next = Stage::ALL.get(*stage as usize + 1).copied();
            let timeout = next.map(|next| Timeout::new(0, move || set.set(next)));
            move || drop(timeout)
        });
    }
    *stage
}

/// Puts the page in the still's place.
fn reveal() {
    let element = |id: &str| document().get_element_by_id(id);
    if let Some(still) = element("still") {
        still.remove();
    }
    if let Some(page) = element("app") {
        let _ = page.remove_attribute("class");
    }
}
