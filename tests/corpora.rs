//! Every input that the fuzz targets start from, and so all that they ever found, through what they ask of it.
#![cfg(all(feature = "lm", not(target_arch = "wasm32")))]

#[path = "../fuzz/fuzz_targets/check/mod.rs"]
mod check;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// Panics where an input brings what its target does not allow.
type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 6] = [
    ("config", check::config::file),
    ("preferences", check::preferences::file),
    ("safetensors", check::safetensors::file),
    ("spec_json", check::experiment::file),
    ("spec_url", check::experiment::fragment),
    ("tokenizer", check::tokenizer::files),
];

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    listed.map(|entry| entry.expect("an entry").path()).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

#[test]
fn whatever_fuzzing_starts_from_holds_what_its_target_asks() {
    let mut broken = Vec::new();
    for (target, check) in TARGETS {
        let folder = root().join("corpus").join(target);
        let files = entries(&folder);
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for path in files {
            let data = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            if catch_unwind(|| check(&data)).is_err() {
                broken.push(path);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:?}");
}

/// A target without its inputs here, or inputs without a target, would go unnoticed.
#[test]
fn every_fuzz_target_has_its_inputs_replayed() {
    let names = |folder: &str, wanted: fn(&Path) -> bool| -> BTreeSet<String> {
        let found = entries(&root().join(folder)).into_iter().filter(|path| wanted(path));
        found.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect()
    };
    let replayed: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("fuzz_targets", Path::is_file), replayed);
    assert_eq!(names("corpus", Path::is_dir), replayed);
}
