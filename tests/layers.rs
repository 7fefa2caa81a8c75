//! The layers of DESIGN.md, enforced: a module imports only from its own row or from rows above it.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

/// The table, from the bottom of the program upwards. Within a row imports are free.
const ROWS: [&[&str]; 12] = [
    &["simplex", "preference", "divergence"],
    &["loss"],
    &["spec"],
    &["solve"],
    &["story"],
    &["trace", "export"],
    &["figure"],
    &["lm"],
    &["worker"],
    &["app"],
    &["cli"],
    &["bin"],
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|names| names.contains(&module))
}

/// Everything wrong with one file's imports, a line each. `path` is relative to `src`.
fn violations(path: &str, source: &str) -> Vec<String> {
    let module = path.split('/').next().unwrap_or_default().trim_end_matches(".rs");
    if module == "lib" {
        return Vec::new();
    }
    let Some(own) = row(module) else { return vec![format!("{path}: {module} is in no row of the table")] };
    let plain = without_comments_and_texts(source);
    // A binary's `crate` is the binary itself; the library is `typo_lab` to it. Elsewhere enough `super`s lead to the root.
    let depth = path.trim_end_matches("/mod.rs").split('/').count();
    let supers = vec!["super"; depth].join("::");
    let of_this_crate = if module == "bin" { ["typo_lab", "typo_lab"] } else { ["crate", supers.as_str()] };
    let mut wrong = Vec::new();
    for (place, name) in imports(&plain, &of_this_crate) {
        let line = plain[..place].lines().count().max(1);
        match row(&name) {
            // What `lib.rs` itself holds: macros and functions, in no layer.
            None if name.is_empty() => {}
            None => wrong.push(format!("{path}:{line}: {name} is in no row of the table")),
            Some(other) if other > own => {
                wrong.push(format!("{path}:{line}: {module} imports {name}, which is above it"));
            }
            Some(_) => {}
        }
    }
    wrong
}

/// The first name of every path that begins with one of `roots`, with its place: `crate::a::b`, `use crate::{a::b, c}`.
fn imports(source: &str, roots: &[&str; 2]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (place, _) in source.match_indices("::") {
        let before = &source[..place];
        let start = before.rfind(|c: char| !is_of_name(c) && c != ':').map_or(0, |k| k + 1);
        if !roots.contains(&before[start..].trim_start_matches(':')) {
            continue;
        }
        // Below an inline module (`mod tests`) one `super` more stays in the file, so that only names of the table count.
        let certain = before.ends_with(roots[0]);
        let names = match source[place + 2..].trim_start().strip_prefix('{') {
            Some(group) => members(group),
            None => vec![first_name(&source[place + 2..])],
        };
        found.extend(names.into_iter().filter(|n| certain || row(n).is_some()).map(|name| (place, name)));
    }
    found
}

/// The first names of the members of a group whose brace has been taken off.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0usize, 0, Vec::new());
    for (k, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            ',' if depth == 0 => {
                names.push(first_name(&group[start..k]));
                start = k + 1;
            }
            '}' if depth == 0 => {
                names.push(first_name(&group[start..k]));
                break;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    // A trailing comma leaves an empty member; `self` is the root itself.
    names.retain(|n| !n.is_empty() && n != "self");
    names
}

/// The module that a path begins with; empty for an item of the root (`VERSION`, `Thing`, `helper!`) or for `*`.
fn first_name(path: &str) -> String {
    let path = path.trim_start();
    let name: String = path.chars().take_while(|c| is_of_name(*c)).collect();
    let rest = &path[name.len()..];
    let is_module = row(&name).is_some() || rest.trim_start().starts_with("::");
    if is_module { name } else { String::new() }
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The source with comments, texts and character literals blanked out, line breaks kept.
fn without_comments_and_texts(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let taken = skipped(rest);
        if taken > 0 {
            plain.extend(rest[..taken].chars().filter(|c| *c == '\n'));
            // So that what stood on both sides does not grow together.
            plain.push(' ');
            rest = &rest[taken..];
        } else {
            // A whole word at once: the r of `for` begins no raw text.
            let word = rest
                .find(|c| !is_of_name(c))
                .filter(|n| *n > 0)
                .unwrap_or(rest.chars().next().map_or(1, char::len_utf8));
            plain.push_str(&rest[..word]);
            rest = &rest[word..];
        }
    }
    plain
}

/// How many bytes of a comment, a text or a character literal begin here; none where there is other code.
fn skipped(rest: &str) -> usize {
    let up_to = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |n| from + n + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    let hashes = rest.trim_start_matches('b').strip_prefix('r').map(|r| r.len() - r.trim_start_matches('#').len());
    if let Some(hashes) = hashes {
        let open = rest.find('r').unwrap_or(0) + 1 + hashes;
        if rest[open..].starts_with('"') {
            return up_to(&format!("\"{}", "#".repeat(hashes)), open + 1);
        }
    }
    if rest.starts_with('"') || rest.starts_with("b\"") {
        let mut escaped = false;
        let open = rest.find('"').unwrap_or(0) + 1;
        for (k, c) in rest[open..].char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return open + k + 1,
                _ => {}
            }
        }
        return rest.len();
    }
    if let Some(inner) = rest.strip_prefix('\'') {
        // A lifetime has no closing quote after one character.
        let mut chars = inner.chars();
        return match (chars.next(), chars.next()) {
            (Some('\\'), Some(c)) => up_to("'", 2 + c.len_utf8()),
            (Some(c), Some('\'')) => 2 + c.len_utf8(),
            _ => 0,
        };
    }
    0
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut k) = (0usize, 0);
    while k < rest.len() {
        if rest[k..].starts_with("/*") {
            depth += 1;
            k += 2;
        } else if rest[k..].starts_with("*/") {
            depth -= 1;
            k += 2;
            if depth == 0 {
                return k;
            }
        } else {
            k += rest[k..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Every Rust file below `folder`, as its path relative to `root` and its text.
fn sources(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(root, &path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push((name, fs::read_to_string(&path).expect("UTF-8")));
        }
    }
}

#[test]
fn every_module_imports_only_from_its_own_row_or_from_rows_above() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &root, &mut found);
    assert!(found.len() > 20, "only {} files below src", found.len());
    let wrong: Vec<String> = found.iter().flat_map(|(path, text)| violations(path, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_planted_import_is_found_however_it_is_written() {
    for planted in [
        "use crate::solve::Run;",
        "pub(crate) use crate::solve::{Run, Snapshot};",
        "use crate::{simplex::kl, solve::{exact::Status, adam}};",
        "use crate::{\n    simplex,\n    solve,\n};",
        "fn f() -> crate::solve::Status { todo!() }",
        "fn f() { let x = crate::solve::sweep::series; }",
        "const X: &str = \"//\"; use crate::solve::Run;",
        "const C: char = '\"'; use crate::solve::Run; const D: char = '\"';",
        "fn f<'a>(x: &'a str) { crate::solve::run(x) }",
        "use crate::solve as s;",
        "/* /* */ */ use crate::solve::Run;",
        "macro_rules! m { () => { $crate::solve::run() } }",
        "use super::super::solve::Run;",
    ] {
        let wrong = violations("loss/dpo.rs", planted);
        assert_eq!(wrong.len(), 1, "{planted}: {wrong:?}");
        assert!(wrong[0].contains("loss imports solve, which is above it"), "{}", wrong[0]);
    }
}

#[test]
fn what_only_looks_like_an_import_is_not_one() {
    for harmless in [
        "// use crate::solve::Run;",
        "//! [`crate::solve::Run`]",
        "/* use crate::solve::Run; /* crate::app::x */ */",
        "const X: &str = \"crate::solve::Run \\\" crate::app::x\";",
        "const X: &str = r#\"crate::solve::\"Run\"#;",
        "use crate::divergence::Divergence;",
        "use super::solve::Run;",
        "use solve::Run;",
        "use crate::{VERSION, simplex::{self, solve}};",
        "pub use crate::loss::qpo::Psi;",
        "crate::helper!(solve)",
    ] {
        assert_eq!(violations("loss/dpo.rs", harmless), Vec::<String>::new(), "{harmless}");
    }
}

#[test]
fn a_violation_carries_its_place_and_a_new_module_needs_a_row() {
    let wrong = violations("simplex.rs", "//! Doc.\n\nuse crate::divergence::f;\nuse crate::loss::Loss;\n");
    assert_eq!(wrong, ["simplex.rs:4: simplex imports loss, which is above it"]);
    assert_eq!(violations("novel/mod.rs", ""), ["novel/mod.rs: novel is in no row of the table"]);
    assert_eq!(violations("cli/mod.rs", "use crate::novel::x;"), ["cli/mod.rs:1: novel is in no row of the table"]);
    assert_eq!(
        violations("loss/mod.rs", "use super::{app, simplex};"),
        ["loss/mod.rs:1: loss imports app, which is above it"]
    );
    assert_eq!(violations("trace.rs", "use super::cli::x;"), ["trace.rs:1: trace imports cli, which is above it"]);
    assert_eq!(violations("loss/mod.rs", "mod tests { use super::qpo::Psi; }"), Vec::<String>::new());
    assert_eq!(violations("bin/typo_lab.rs", "fn main() { typo_lab::cli::main() }"), Vec::<String>::new());
    assert_eq!(violations("lib.rs", "pub mod app;\npub use crate::app::x;"), Vec::<String>::new());
}
