//! A module imports only from rows above its own in ARCHITECTURE.md's table.

use std::path::{Path, PathBuf};

/// Rows from the bottom up; within a row imports are free.
const ROWS: [&[&str]; 9] = [
    &["simplex", "preference", "divergence"],
    &["loss"],
    &["spec"],
    &["solve"],
    &["trace", "export"],
    &["figure"],
    &["worker"],
    &["app"],
    &["cli"],
];

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|names| names.contains(&module))
}

/// Modules of this crate that a source names as `crate::…` or `typo_lab::…`, outside comments.
fn named(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in source.lines().map(|l| l.split("//").next().unwrap_or_default()) {
        for root in ["crate::", "typo_lab::"] {
            for (at, _) in line.match_indices(root) {
                let rest = &line[at + root.len()..];
                let names = rest.strip_prefix('{').map_or(vec![rest], |list| list.split(',').collect());
                found.extend(
                    names
                        .into_iter()
                        .map(|n| n.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()),
                );
            }
        }
    }
    found
}

/// What a source of a module imports from its own row's betters.
fn violations(module: &str, source: &str) -> Vec<String> {
    let Some(own) = row(module) else { return Vec::new() };
    named(source).into_iter().filter(|name| row(name).is_some_and(|other| other > own)).collect()
}

fn sources(folder: &Path, list: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, list);
        } else if path.extension().is_some_and(|e| e == "rs") {
            list.push(path);
        }
    }
}

#[test]
fn every_module_imports_only_from_rows_above_its_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut list = Vec::new();
    sources(&root, &mut list);
    assert!(list.len() > 30, "the sources were found");
    let mut seen = std::collections::BTreeSet::new();
    for path in list {
        let inside = path.strip_prefix(&root).expect("inside src");
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        let source = std::fs::read_to_string(&path).expect("a source");
        let found = violations(&module, &source);
        assert!(found.is_empty(), "{} imports {found:?} from above", inside.display());
        seen.insert(module);
    }
    for name in ROWS.iter().copied().flatten() {
        assert!(seen.contains(*name), "{name} is in the table but not in src/");
    }
    let others: Vec<_> = seen.iter().filter(|m| row(m).is_none()).collect();
    assert_eq!(others, ["bin", "lib"], "a module is missing from the table");
}

#[test]
fn a_planted_violation_is_found() {
    assert_eq!(violations("loss", "use crate::solve::Run;"), ["solve"]);
    assert_eq!(violations("spec", "use crate::{loss::Loss, figure::Theme};"), ["figure"]);
    assert_eq!(violations("solve", "let x = crate::app::start();"), ["app"]);
    assert!(violations("solve", "use crate::spec::Spec; // not crate::app").is_empty());
}
