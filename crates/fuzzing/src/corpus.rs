//! The inputs a run begins with: files in `fuzz/corpus/TARGET`, committed, small, most of them right.

use std::fs;
use std::path::PathBuf;

/// The folder of a target's inputs.
#[must_use]
pub fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target)
}

/// The inputs of a target, in the order of their names.
///
/// # Panics
/// When there are none: a run that begins with nothing finds nothing.
#[must_use]
pub fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = folder(target);
    let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = listed.map(|entry| entry.expect("a committed file, listed a moment ago").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} is empty", folder.display());
    paths.iter().map(|path| fs::read(path).expect("a committed file, listed a moment ago")).collect()
}
