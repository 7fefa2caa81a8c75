//! A small world in which π* is known: travellers ask their way or where to eat, and each question has three answers.
//!
//! What is asked has a family, a phrasing, a name and a place; the answers depend on the family alone. So a bandit with two prompts
//! ([`theory`]) is this world's theory, and a model's policy over the answers can be read off exactly ([`Panel`]). Some names
//! and places are held out of every text that a model learns from.

mod pairs;
mod panel;
mod pretrain;
mod text;

pub use pairs::{Preference, preferences, rewards, sampling, start};
pub use panel::{Panel, Policy};
pub use pretrain::{Pretraining, Recipe, corpus, vocabulary};

use super::tokenizer::END_OF_TEXT;
use crate::spec::{Preset, PromptSpec, Spec};

/// Questions of one kind, with the policies over their answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// The way from the station: π_ref = π*.
    Good,
    /// Where to eat: π_ref is not π*.
    Bad,
}

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Good, Self::Bad];

    /// The name in results, and of the theory's prompt.
    pub fn key(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }

    /// What the shipped model was trained to say.
    pub fn pi_ref(self) -> [f64; 3] {
        match self {
            Self::Good => [0.6, 0.3, 0.1],
            Self::Bad => [0.6, 0.2, 0.2],
        }
    }

    /// What travellers prefer.
    pub fn pi_star(self) -> [f64; 3] {
        match self {
            Self::Good => [0.6, 0.3, 0.1],
            Self::Bad => [0.4, 0.2, 0.4],
        }
    }
}

/// Which names and places a question has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fillers {
    /// Those of the corpus and of the preferences.
    Seen,
    /// Both name and place from outside of them.
    HeldOut,
}

impl Fillers {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Seen, Self::HeldOut];

    /// The name in results.
    pub fn key(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::HeldOut => "held_out",
        }
    }
}

/// How often each name comes in a family's questions.
const ROUNDS: usize = 4;

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// Its kind, which its answers depend on.
    pub family: Family,
    phrasing: &'static str,
    name: &'static str,
    place: &'static str,
}

impl Prompt {
    /// A family's questions. Every round of them has each name once, with another place and another phrasing than the round before.
    pub fn all(family: Family, fillers: Fillers) -> Vec<Self> {
        let (phrasings, (names, places)) = (family.phrasings(), fillers.lists());
        let prompt = |round: usize, k: usize| {
            let turn = round + k;
            let (phrasing, place) = (phrasings[turn % phrasings.len()], places[turn % places.len()]);
            Self { family, phrasing, name: names[k], place }
        };
        (0..ROUNDS).flat_map(|round| (0..names.len()).map(move |k| prompt(round, k))).collect()
    }

    /// As people read it.
    pub fn question(&self) -> String {
        self.phrasing.replace("{name}", self.name).replace("{place}", self.place)
    }

    /// As the model reads it.
    pub fn text(&self) -> String {
        asked(&self.question())
    }

    /// The three complete responses, as the model writes them.
    pub fn responses(&self) -> [String; 3] {
        self.family.answers().map(|answer| format!(" {answer}{END_OF_TEXT}"))
    }
}

/// Any question as the model reads it: a dialogue as in Anthropic's HH data.
pub fn asked(question: &str) -> String {
    format!("\n\nHuman: {question}\n\nAssistant:")
}

/// The bandit that predicts this world: figure 3's two prompts.
pub fn theory() -> Spec {
    let prompt = |family: Family| PromptSpec {
        name: family.key().into(),
        weight: 0.5,
        pi_ref: family.pi_ref().into(),
        pi_star: family.pi_star().into(),
    };
    Spec { prompts: Family::ALL.map(prompt).into(), ..Preset::Figure3Preservation.spec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theory_is_figure_3() {
        assert_eq!(theory(), Preset::Figure3Preservation.spec());
    }

    #[test]
    fn held_out_questions_share_no_name_and_no_place_with_the_others() {
        for family in Family::ALL {
            let (seen, held_out) = (Prompt::all(family, Fillers::Seen), Prompt::all(family, Fillers::HeldOut));
            assert_eq!((seen.len(), held_out.len()), (256, 64));
            for p in &held_out {
                assert!(seen.iter().all(|q| q.name != p.name && q.place != p.place), "{p:?}");
            }
            let mut questions: Vec<String> = seen.iter().chain(&held_out).map(Prompt::question).collect();
            questions.sort();
            questions.dedup();
            assert_eq!(questions.len(), 320);
        }
    }

    #[test]
    fn a_round_has_every_name_every_place_and_every_phrasing() {
        for round in Prompt::all(Family::Good, Fillers::Seen).chunks(64) {
            let count = |part: fn(&Prompt) -> &'static str| {
                round.iter().map(part).collect::<std::collections::HashSet<_>>().len()
            };
            assert_eq!([count(|p| p.name), count(|p| p.place), count(|p| p.phrasing)], [64, 64, 3]);
        }
    }

    #[test]
    fn a_question_and_its_answer_read_as_a_dialogue() {
        let prompt = Prompt::all(Family::Bad, Fillers::Seen)[0];
        let [answer, ..] = prompt.responses();
        assert_eq!(
            prompt.text() + &answer,
            "\n\nHuman: I am Ada, and tonight I am in Aachen. Where should I eat?\n\nAssistant: Eat at the station; \
             the kitchen is open all night.<|endoftext|>"
        );
    }
}
