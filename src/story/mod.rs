//! The guided tour: its steps, from the files in `www/story`, a file a step.
//!
//! A step sets an experiment, points at a figure, asks for a prediction, and answers. `www/story/README.md` tells how to
//! write one; [`parse`] reads it and says what is wrong with it by file and line.

pub mod parse;
pub mod text;

use std::sync::OnceLock;

pub use self::parse::parse;
pub use self::text::{Span, Text, plain};
use crate::spec::Preset;
use crate::spec::url::Link;

/// The files, in the order of the tour.
macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$((concat!("www/story/", $name), include_str!(concat!("../../www/story/", $name)))),+]
    };
}

/// A file's name and what it holds, in the order of the tour.
pub const FILES: [(&str, &str); 12] = files![
    "01-three-policies.md",
    "02-bradley-terry.md",
    "03-rlhf-and-dpo.md",
    "04-mode.md",
    "05-ipo.md",
    "06-typo.md",
    "07-good-and-bad.md",
    "08-no-qpo-loss.md",
    "09-typo-preserves.md",
    "10-constraints.md",
    "11-one-label.md",
    "12-take-away.md",
];

/// Where a citation stands in the paper: sections by their anchors, all else by its words, which browsers scroll to.
pub fn place(cite: &str) -> String {
    const PAPER: &str = "https://arxiv.org/html/2407.09072#";
    const WORDS: &str = ":~:text=";
    let (kind, number) = cite.split_once(' ').unwrap_or((cite, ""));
    // A for 1, as the anchors have it.
    let (letter, rest) = number.split_at_checked(1).unwrap_or_default();
    let appendix = match letter {
        "A" => "1",
        "B" => "2",
        "C" => "3",
        "D" => "4",
        "E" => "5",
        _ => "6",
    };
    match kind {
        "Section" => [PAPER, "S", &number.replace('.', ".SS")].concat(),
        "Appendix" => [PAPER, "A", appendix, &rest.replace('.', ".SS")].concat(),
        "Equation" => [PAPER, WORDS, "(", number, ")"].concat(),
        // Captions have a colon, mentions do not.
        "Figure" => [PAPER, WORDS, kind, "%20", number, ":"].concat(),
        _ => [PAPER, WORDS, kind, "%20", number].concat(),
    }
}

/// The view that a step opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// One prompt over λ.
    Interpolation,
    /// A good and a bad prompt.
    Preservation,
    /// Weight decay.
    Constraints,
}

impl Stage {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 3] = [Self::Interpolation, Self::Preservation, Self::Constraints];

    /// The name in files and links.
    pub fn key(self) -> &'static str {
        match self {
            Self::Interpolation => "interpolation",
            Self::Preservation => "preservation",
            Self::Constraints => "constraints",
        }
    }

    /// What a link means that names no preset.
    fn preset(self) -> Preset {
        match self {
            Self::Interpolation => Preset::Figure2,
            Self::Preservation => Preset::Figure3Preservation,
            Self::Constraints => Preset::Figure3Constraint,
        }
    }

    /// What the view shows that a step can point at.
    pub fn targets(self) -> &'static [Target] {
        match self {
            Self::Interpolation => &[Target::Triangle, Target::Learning, Target::Curves, Target::Verdicts],
            Self::Preservation => &[Target::Triangle, Target::Distances, Target::Learning, Target::Verdicts],
            Self::Constraints => &[Target::Triangle, Target::Distances, Target::Curves, Target::Verdicts],
        }
    }
}

/// What a step points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The space of policies.
    Triangle,
    /// Probabilities against training steps.
    Learning,
    /// Minimisers against λ or α.
    Curves,
    /// Distances against λ or α.
    Distances,
    /// The table below the figures.
    Verdicts,
}

impl Target {
    /// The name in files and on the page.
    pub fn key(self) -> &'static str {
        match self {
            Self::Triangle => "triangle",
            Self::Learning => "learning",
            Self::Curves => "curves",
            Self::Distances => "distances",
            Self::Verdicts => "verdicts",
        }
    }
}

/// A step of the tour.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it is about.
    pub title: Text,
    /// The view that it opens.
    pub stage: Stage,
    /// The experiment that it sets.
    pub link: Link,
    /// What it points at.
    pub points: Target,
    /// What it rests on: theorems, propositions, sections of the paper.
    pub cites: Vec<String>,
    /// What is told before the question, by paragraph.
    pub text: Vec<Text>,
    /// What the reader predicts, by paragraph.
    pub question: Vec<Text>,
    /// Two to four.
    pub options: Vec<Text>,
    /// The position of the right one.
    pub right: usize,
    /// What is revealed after the prediction, by paragraph.
    pub answer: Vec<Text>,
    /// Words with their short definitions.
    pub terms: Vec<(Text, Text)>,
}

/// What is wrong with a file, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What was wrong, and the remedy.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.message)
    }
}

/// The steps of the tour, each read once, when it is first asked for.
pub fn step(nth: usize) -> Option<&'static Result<Step, Fault>> {
    static STEPS: [OnceLock<Result<Step, Fault>>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];
    let (file, source) = FILES.get(nth)?;
    Some(STEPS[nth].get_or_init(|| parse(file, source)))
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_tour_is_in_order() {
        let faults: Vec<String> =
            FILES.iter().filter_map(|(file, source)| parse(file, source).err()).map(|f| f.to_string()).collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn citations_lead_to_their_place() {
        for (cite, place) in [
            ("Section 4", "S4"),
            ("Section 3.2", "S3.SS2"),
            ("Appendix F.2", "A6.SS2"),
            ("Appendix C", "A3"),
            ("Theorem 3.6", ":~:text=Theorem%203.6"),
            ("Equation 16", ":~:text=(16)"),
            ("Figure 2", ":~:text=Figure%202:"),
        ] {
            assert_eq!(super::place(cite), format!("https://arxiv.org/html/2407.09072#{place}"));
        }
    }

    #[test]
    fn the_list_names_every_file_of_the_folder_in_order() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("www/story");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .expect("www/story")
            .map(|e| format!("www/story/{}", e.expect("an entry").file_name().to_string_lossy()))
            .filter(|n| n != "www/story/README.md")
            .collect();
        names.sort();
        assert_eq!(names, FILES.map(|(file, _)| file), "name every file of www/story in FILES, src/story/mod.rs");
    }
}
