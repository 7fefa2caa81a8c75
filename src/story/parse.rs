//! Reads a step's file: front matter, text, `## Predict`, `## Answer` and `## Terms`.

use super::text::{self, Text};
use super::{Fault, Stage, Step, Target};
use crate::spec::url::Link;
use crate::spec::{Problem, Spec, short};

/// Most of what a step may ask of the page, which opens it at once on a classroom's machines.
pub mod limit {
    /// Actions of a prompt.
    pub const ACTIONS: usize = 8;
    /// Prompts.
    pub const PROMPTS: usize = 4;
    /// Training steps over all losses.
    pub const STEPS: u64 = 100_000;
    /// Points of the sweep.
    pub const POINTS: usize = 201;
    /// Draws of a prompt's data.
    pub const DRAWS: u32 = 10_000;
}

/// Fewest and most options of a question.
const OPTIONS: (usize, usize) = (2, 4);
const KEYS: [&str; 5] = ["title", "view", "link", "points", "cites"];
/// What a citation begins with.
const KINDS: [&str; 8] =
    ["Theorem", "Proposition", "Definition", "Equation", "Section", "Appendix", "Figure", "Corollary"];

/// A line with its number.
type Line<'a> = (usize, &'a str);
/// A fault without its file.
type Wrong = (usize, String);

/// A fault with its line. A page's own files were read when it was built, so that it carries no words for their faults.
macro_rules! wrong {
    ($line:expr, $($message:tt)+) => {
        Err(($line, if cfg!(target_arch = "wasm32") { String::new() } else { format!($($message)+) }))
    };
}

/// A step from its file.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(file: &str, source: &str) -> Result<Step, Fault> {
    step(source).map_err(|(line, message)| Fault { file: file.to_owned(), line, message })
}

fn step(source: &str) -> Result<Step, Wrong> {
    let lines: Vec<Line> = source.lines().enumerate().map(|(k, l)| (k + 1, l.trim_end())).collect();
    let (front, body) = split(&lines)?;
    let front = front_matter(front)?;
    let sections = Sections::of(body)?;
    let (stage, link) = setting(front.view, front.link)?;
    let (options, right) = options(&sections.predict)?;
    Ok(Step {
        title: marked(front.title.0, front.title.1)?,
        stage,
        link,
        points: points(front.points, stage)?,
        cites: cites(front.cites)?,
        text: paragraphs(&sections.text, "the text before ## Predict")?,
        question: paragraphs(&sections.predict, "the question below ## Predict")?,
        options,
        right,
        answer: paragraphs(&sections.answer, "the text below ## Answer")?,
        terms: terms(&sections.terms)?,
    })
}

/// What stands between the first two lines of three dashes, and what follows.
fn split<'a>(lines: &'a [Line<'a>]) -> Result<(&'a [Line<'a>], &'a [Line<'a>]), Wrong> {
    if lines.first().is_none_or(|(_, l)| *l != "---") {
        return wrong!(1, "the file must begin with a line of three dashes, then title, view, link, points and cites");
    }
    let Some(end) = lines.iter().skip(1).position(|(_, l)| *l == "---") else {
        return wrong!(1, "the part between three dashes is not closed; put --- on a line of its own below cites");
    };
    Ok((&lines[1..=end], &lines[end + 2..]))
}

struct Front<'a> {
    title: Line<'a>,
    view: Line<'a>,
    link: Line<'a>,
    points: Line<'a>,
    cites: Line<'a>,
}

fn front_matter<'a>(lines: &[Line<'a>]) -> Result<Front<'a>, Wrong> {
    let mut found: [Option<Line>; KEYS.len()] = [None; KEYS.len()];
    for (n, line) in lines.iter().filter(|(_, l)| !l.trim().is_empty()) {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let Some(place) = KEYS.iter().position(|k| *k == key.trim()) else {
            return wrong!(*n, "{} is not one of {}; correct it", short(key.trim(), 30), KEYS.join(", "));
        };
        if found[place].replace((*n, value.trim())).is_some() {
            return wrong!(*n, "{} is there twice; remove one", KEYS[place]);
        }
    }
    let last = lines.last().map_or(1, |(n, _)| *n);
    let of = |k: usize| match found[k] {
        Some((n, "")) => wrong!(n, "{} is empty; write it after the colon", KEYS[k]),
        Some(line) => Ok(line),
        None => wrong!(last, "{} is missing; add a line “{}: …” above the three dashes", KEYS[k], KEYS[k]),
    };
    Ok(Front { title: of(0)?, view: of(1)?, link: of(2)?, points: of(3)?, cites: of(4)? })
}

/// The experiment of a link, which the page opens at once.
fn setting((n, view): Line, (at, link): Line) -> Result<(Stage, Link), Wrong> {
    let keys = Stage::ALL.map(Stage::key).join(", ");
    let Some(stage) = Stage::ALL.into_iter().find(|s| s.key() == view) else {
        return wrong!(n, "view: got “{}”, expected one of {keys}", short(view, 30));
    };
    let read = Link::from_fragment_with(link, |_| stage.preset());
    let link = read.map_err(|e| (at, format!("link: {e}; copy it from the page’s address")))?;
    if let Some((key, _)) = link.page.first() {
        let key = short(key, 30);
        return wrong!(at, "link: {key} is no part of an experiment; leave it out, the view has a line of its own",);
    }
    bounded(&link.spec).map_err(|m| (at, format!("link: {m}")))?;
    Problem::new(&link.spec).map_err(|e| (at, format!("link: {e}")))?;
    Ok((stage, link))
}

fn bounded(spec: &Spec) -> Result<(), String> {
    let counts = [
        ("actions", spec.actions() as u64, limit::ACTIONS as u64),
        ("prompts", spec.prompts.len() as u64, limit::PROMPTS as u64),
        ("training steps over all losses", spec.all_steps(), limit::STEPS),
        ("sweep points", spec.sweep.points as u64, limit::POINTS as u64),
        ("draws", spec.preferences.draws().into(), limit::DRAWS.into()),
    ];
    match counts.into_iter().find(|(_, got, most)| got > most) {
        Some((what, got, most)) => Err(format!("asks for {got} {what}, and a step may have {most}; use fewer")),
        None => Ok(()),
    }
}

fn points((n, name): Line, stage: Stage) -> Result<Target, Wrong> {
    let all = stage.targets();
    all.iter().find(|t| t.key() == name).copied().ok_or_else(|| {
        let keys: Vec<&str> = all.iter().map(|t| t.key()).collect();
        let message = format!("points: got “{}”, the {} view has {}", short(name, 30), stage.key(), keys.join(", "));
        (n, message)
    })
}

fn cites((n, list): Line) -> Result<Vec<String>, Wrong> {
    let one = |cite: &str| {
        let number = KINDS.iter().find_map(|kind| cite.strip_prefix(kind)?.strip_prefix(' '));
        let is_numbered = number.is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase()));
        if is_numbered {
            return Ok(cite.to_owned());
        }
        let (got, kinds) = (short(cite, 40), KINDS.join(", "));
        wrong!(n, "cites: “{got}” must be one of {kinds} and its number, as in “Theorem 3.1; Section 4”")
    };
    list.split(';').map(|c| one(c.trim())).collect()
}

/// A paragraph or an item of a list, its lines joined, with the number of its first line.
#[derive(Debug, PartialEq)]
enum Block {
    Paragraph(usize, String),
    Item(usize, String),
}

#[derive(Default)]
struct Section {
    /// Of its heading.
    line: usize,
    blocks: Vec<Block>,
}

#[derive(Default)]
struct Sections {
    text: Section,
    predict: Section,
    answer: Section,
    terms: Section,
}

impl Sections {
    fn of(lines: &[Line]) -> Result<Self, Wrong> {
        let mut all = Self::default();
        let first = lines.first().map_or(1, |(n, _)| *n);
        for section in [&mut all.text, &mut all.predict, &mut all.answer] {
            section.line = first;
        }
        let mut current = &mut all.text;
        let mut open = false;
        for (n, line) in lines {
            if let Some(heading) = line.strip_prefix('#') {
                let heading = heading.trim_start_matches('#').trim();
                current = match heading {
                    "Predict" => &mut all.predict,
                    "Answer" => &mut all.answer,
                    "Terms" => &mut all.terms,
                    other => {
                        let got = short(other, 30);
                        return wrong!(*n, "“{got}” is no heading of a step; use ## Predict, ## Answer or ## Terms",);
                    }
                };
                if !current.blocks.is_empty() {
                    return wrong!(*n, "## {heading} is there twice; join the two");
                }
                (current.line, open) = (*n, false);
            } else if line.trim().is_empty() {
                open = false;
            } else {
                current.add(*n, line, open);
                open = true;
            }
        }
        Ok(all)
    }
}

impl Section {
    /// Adds a line; where the block before it is still `open` it goes on.
    fn add(&mut self, n: usize, line: &str, open: bool) {
        match (line.strip_prefix("- "), self.blocks.last_mut()) {
            (Some(item), _) => self.blocks.push(Block::Item(n, item.trim().to_owned())),
            (None, Some(Block::Paragraph(_, text) | Block::Item(_, text))) if open => {
                text.push(' ');
                text.push_str(line.trim());
            }
            (None, _) => self.blocks.push(Block::Paragraph(n, line.trim().to_owned())),
        }
    }
}

fn marked(n: usize, source: &str) -> Result<Text, Wrong> {
    text::read(source).map_err(|e| (n, e))
}

fn paragraphs(section: &Section, name: &str) -> Result<Vec<Text>, Wrong> {
    let of = |b: &Block| match b {
        Block::Paragraph(n, source) => Some(marked(*n, source)),
        Block::Item(..) => None,
    };
    let found = section.blocks.iter().filter_map(of).collect::<Result<Vec<Text>, Wrong>>()?;
    if found.is_empty() {
        return wrong!(section.line, "{name} is missing; write a paragraph");
    }
    Ok(found)
}

/// Every item below `## Predict`, and the position of the one with a cross.
fn options(section: &Section) -> Result<(Vec<Text>, usize), Wrong> {
    let (mut found, mut right) = (Vec::new(), Vec::new());
    for block in &section.blocks {
        let Block::Item(n, source) = block else { continue };
        let boxed = source.strip_prefix("[x] ").map(|t| (t, true));
        let Some((text, is_right)) = boxed.or_else(|| source.strip_prefix("[ ] ").map(|t| (t, false))) else {
            return wrong!(*n, "an option must begin with “- [ ] ”, and the right one with “- [x] ”");
        };
        if is_right {
            right.push(found.len());
        }
        found.push(marked(*n, text)?);
    }
    let (least, most) = OPTIONS;
    if !(least..=most).contains(&found.len()) {
        let got = found.len();
        return wrong!(section.line, "## Predict has {got} options, expected {least} to {most} lines “- [ ] …”",);
    }
    match right[..] {
        [one] => Ok((found, one)),
        _ => wrong!(section.line, "{} options are marked right, expected one “- [x] …”", right.len()),
    }
}

fn terms(section: &Section) -> Result<Vec<(Text, Text)>, Wrong> {
    let one = |block: &Block| {
        let (Block::Item(n, source) | Block::Paragraph(n, source)) = block;
        let split = matches!(block, Block::Item(..)).then(|| source.split_once(": ")).flatten();
        let Some((term, meaning)) = split else {
            return wrong!(*n, "a term must be written “- term: what it means”");
        };
        Ok((marked(*n, term)?, marked(*n, meaning)?))
    };
    section.blocks.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::plain;

    const GOOD: &str = "---\ntitle: A step\nview: preservation\nlink: preset=figure-3-swapped&lambda=0.5\npoints: distances\n\
        cites: Theorem 3.1; Appendix E.1\n---\n\nFirst line\nand second.\n\nAnother.\n\n## Predict\n\nWhich?\n\n- [ ] This\n- [x] That\n  one\n\n\
        ## Answer\n\nThat one.\n\n## Terms\n\n- mode: the likeliest response\n";

    fn fault(source: &str) -> String {
        parse("a.md", source).map_or_else(|f| f.to_string(), |_| "in order".to_owned())
    }

    #[test]
    fn a_file_becomes_a_step() {
        let step = parse("a.md", GOOD).expect("a good file");
        assert_eq!(
            (plain(&step.title).as_str(), step.stage, step.points),
            ("A step", Stage::Preservation, Target::Distances)
        );
        assert_eq!(step.link.spec.losses[0].lambda, 0.5);
        assert_eq!(step.cites, ["Theorem 3.1", "Appendix E.1"]);
        let texts: Vec<String> = step.text.iter().map(|t| plain(t)).collect();
        assert_eq!(texts, ["First line and second.", "Another."]);
        assert_eq!((plain(&step.options[1]).as_str(), step.right, step.options.len()), ("That one", 1, 2));
        assert_eq!(plain(&step.terms[0].1), "the likeliest response");
    }

    #[test]
    fn a_link_without_a_preset_means_the_views_own() {
        let step = parse("a.md", &GOOD.replace("preset=figure-3-swapped&", "")).expect("a good file");
        assert_eq!(step.link.preset, crate::spec::Preset::Figure3Preservation);
    }

    #[test]
    fn a_fault_names_file_line_and_remedy() {
        let cases = [
            ("---\ntitle", "title", "a.md, line 1: the file must begin with a line of three dashes"),
            ("view: preservation", "view: shape", "a.md, line 3: view: got “shape”, expected one of interpolation,"),
            ("view: preservation\n", "", "a.md, line 5: view is missing; add a line “view: …”"),
            ("title: A step", "title:", "a.md, line 2: title is empty; write it after the colon"),
            ("title: A step", "titel: A step", "a.md, line 2: titel is not one of title, view,"),
            ("view: preservation", "title: B", "a.md, line 3: title is there twice"),
            ("lambda=0.5", "lambda=-1", "a.md, line 4: link: "),
            ("lambda=0.5", "at=0.5", "a.md, line 4: link: at is no part of an experiment"),
            (
                "lambda=0.5",
                "optimiser.steps=900000",
                "a.md, line 4: link: asks for 4500000 training steps over all losses",
            ),
            (
                "points: distances",
                "points: curves",
                "a.md, line 5: points: got “curves”, the preservation view has triangle,",
            ),
            ("cites: Theorem 3.1", "cites: Lemma 3", "a.md, line 6: cites: “Lemma 3” must be one of Theorem,"),
            ("cites: Theorem 3.1", "cites: Theorem", "a.md, line 6: cites: “Theorem” must be one of"),
            ("## Predict", "## Guess", "a.md, line 14: “Guess” is no heading of a step; use ## Predict"),
            ("- [x] That", "- [ ] That", "a.md, line 14: 0 options are marked right, expected one"),
            ("- [ ] This", "- [x] This", "a.md, line 14: 2 options are marked right"),
            ("- [ ] This\n", "", "a.md, line 14: ## Predict has 1 options, expected 2 to 4"),
            ("- [ ] This", "- This", "a.md, line 18: an option must begin with “- [ ] ”"),
            ("Which?", "", "a.md, line 14: the question below ## Predict is missing"),
            ("That one.", "", "a.md, line 22: the text below ## Answer is missing; write a paragraph"),
            ("## Answer\n\nThat one.\n", "", "the text below ## Answer is missing"),
            ("Another.", "An *other.", "a.md, line 12: * is opened and not closed"),
            ("- mode: ", "- mode ", "a.md, line 28: a term must be written “- term: what it means”"),
        ];
        for (old, new, expected) in cases {
            assert!(GOOD.contains(old), "{old}");
            let got = fault(&GOOD.replacen(old, new, 1));
            assert!(got.contains(expected), "{old} → {new}: {got}");
        }
        assert!(fault("").contains("must begin") && fault("---\n").contains("is not closed"));
    }
}
