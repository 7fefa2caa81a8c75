//! The few marks that a step's text may carry: `*emphasis*`, `**strong**`, `` `code` ``, `π_ref`, `x^{1/λ}`.
//!
//! Written here in a page of code and not taken from a Markdown parser: π* is on every line of these texts, and its
//! asterisk must never open an emphasis.

/// A run of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// As it stands.
    Plain(String),
    /// `*…*`
    Emphasis(Text),
    /// `**…**`
    Strong(Text),
    /// Between backticks.
    Code(String),
    /// `_` after a letter: what follows, or what stands in braces.
    Sub(String),
    /// `^`, likewise.
    Super(String),
}

/// A line of text with its marks.
pub type Text = Vec<Span>;

/// Reads the marks.
///
/// # Errors
/// A mark that is opened and not closed.
pub fn read(source: &str) -> Result<Text, String> {
    let mut text = Text::new();
    let mut rest = source;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        let (span, length) = match c {
            '`' => code(rest)?,
            '*' if opens(before, rest) => emphasis(rest)?,
            '_' | '^' => script(before, rest),
            _ => (None, c.len_utf8()),
        };
        match span {
            Some(span) => text.push(span),
            None => push(&mut text, &rest[..length]),
        }
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    Ok(text)
}

/// The text without its marks.
pub fn plain(text: &[Span]) -> String {
    let one = |span: &Span| match span {
        Span::Plain(s) | Span::Code(s) => s.clone(),
        Span::Emphasis(t) | Span::Strong(t) => plain(t),
        Span::Sub(s) => format!("_{s}"),
        Span::Super(s) => format!("^{s}"),
    };
    text.iter().map(one).collect()
}

fn push(text: &mut Text, more: &str) {
    if let Some(Span::Plain(s)) = text.last_mut() {
        s.push_str(more);
    } else {
        text.push(Span::Plain(more.to_owned()));
    }
}

/// A digit, or a letter of a Latin alphabet or of Greek: all of Unicode's would bring its tables into the page.
fn is_letter(c: char) -> bool {
    let is_sign = c == '×' || c == '÷';
    c.is_ascii_alphanumeric() || matches!(c, 'µ' | '\u{c0}'..='\u{3ff}' | '\u{1e00}'..='\u{1eff}') && !is_sign
}

/// Whether an asterisk opens an emphasis: not after a letter or a bracket's end, as in π* and (π*)*, and not before a space.
fn opens(before: char, rest: &str) -> bool {
    let after = rest.trim_start_matches('*').chars().next().unwrap_or(' ');
    !is_letter(before) && before != ')' && !after.is_whitespace()
}

type Marked = (Option<Span>, usize);

fn code(rest: &str) -> Result<Marked, String> {
    let end = rest[1..].find('`').ok_or("a backtick is opened and not closed; close it with another one")?;
    Ok((Some(Span::Code(rest[1..=end].to_owned())), end + 2))
}

/// An emphasis up to its closing mark, which stands neither after π nor after a space.
fn emphasis(rest: &str) -> Result<Marked, String> {
    let mark = if rest.starts_with("**") { "**" } else { "*" };
    let inside = &rest[mark.len()..];
    let closes = |k: usize| {
        let before = inside[..k].chars().next_back().unwrap_or(' ');
        before != 'π' && !before.is_whitespace()
    };
    let end = inside.match_indices(mark).map(|(k, _)| k).find(|k| closes(*k));
    let end = end.ok_or_else(|| format!("{mark} is opened and not closed; close it with another {mark}"))?;
    let text = read(&inside[..end])?;
    let span = if mark == "**" { Span::Strong(text) } else { Span::Emphasis(text) };
    Ok((Some(span), end + 2 * mark.len()))
}

/// A subscript or superscript; the mark itself where nothing fits.
fn script(before: char, rest: &str) -> Marked {
    let inside = &rest[1..];
    let braced = inside.strip_prefix('{').and_then(|braced| braced.find('}').map(|k| &braced[..k]));
    let bare = || &inside[..inside.find(|c: char| !is_letter(c)).unwrap_or(inside.len())];
    let (lowered, length) = braced.map_or_else(|| (bare(), bare().len()), |b| (b, b.len() + 2));
    if lowered.is_empty() || before.is_whitespace() {
        return (None, 1);
    }
    let span = if rest.starts_with('_') { Span::Sub(lowered.to_owned()) } else { Span::Super(lowered.to_owned()) };
    (Some(span), length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(s: &str) -> Span {
        Span::Plain(s.to_owned())
    }

    #[test]
    fn marks_become_spans() {
        let sub = |s: &str| Span::Sub(s.to_owned());
        assert_eq!(
            read("from π_ref to y_a."),
            Ok(vec![bare("from π"), sub("ref"), bare(" to y"), sub("a"), bare(".")])
        );
        assert_eq!(
            read("(π*)^{1/λ}, *so* **far `a_b`**"),
            Ok(vec![
                bare("(π*)"),
                Span::Super("1/λ".to_owned()),
                bare(", "),
                Span::Emphasis(vec![bare("so")]),
                bare(" "),
                Span::Strong(vec![bare("far "), Span::Code("a_b".to_owned())]),
            ])
        );
    }

    #[test]
    fn the_star_of_the_best_policy_is_no_mark() {
        for text in ["π* and π*", "π*, π*.", "r* = log π*", "KL(π* ‖ π) * 2", "2 _ 3"] {
            assert_eq!(read(text), Ok(vec![bare(text)]), "{text}");
        }
        assert_eq!(read("µ* and é*"), Ok(vec![bare("µ* and é*")]));
        assert_eq!(read("2×*so*"), Ok(vec![bare("2×"), Span::Emphasis(vec![bare("so")])]));
        assert_eq!(read("*at π* again*"), Ok(vec![Span::Emphasis(vec![bare("at π* again")])]));
    }

    #[test]
    fn what_is_opened_must_be_closed() {
        for text in ["an *open one", "a **bold* one", "some `code"] {
            assert!(read(text).is_err_and(|e| e.contains("close it with another")), "{text}");
        }
    }

    #[test]
    fn no_text_breaks_the_reader() {
        for text in ["", "*", "**", "***", "_", "^", "`", "``", "a_{", "a_{}", "é*é*", "*é**", "π_π_π", "x^"] {
            let _ = read(text);
        }
        assert_eq!(plain(&read("*π_ref* at `x`").unwrap_or_default()), "π_ref at x");
    }
}
