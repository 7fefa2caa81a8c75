//! Names a build by the sources of what computes, so that a page knows a worker of another one (`worker::protocol`).

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What only the page or the headless program has: a change there leaves workers as they are.
const NOT_IN_WORKERS: [&str; 6] = ["app", "bin", "cli", "export", "figure", "story"];

fn files(place: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    if place.is_dir() {
        for entry in fs::read_dir(place)? {
            files(&entry?.path(), found)?;
        }
    } else {
        found.push(place.to_owned());
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir("src")? {
        let entry = entry?;
        if !NOT_IN_WORKERS.iter().any(|name| entry.file_name() == *name) {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            files(&entry.path(), &mut found)?;
        }
    }
    found.sort();
    let mut build = DefaultHasher::new();
    for path in &found {
        (path, fs::read(path)?).hash(&mut build);
    }
    println!("cargo::rustc-env=TYPO_LAB_BUILD={:016x}", build.finish());
    Ok(())
}
