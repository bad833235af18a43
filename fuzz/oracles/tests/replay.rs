//! Every seed, every input that a fuzzer found worth keeping, and every past
//! finding, on stable and without a fuzzer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that fails may panic"
)]

use std::{
    collections::BTreeSet,
    fs, panic,
    path::{Path, PathBuf},
};

use smtp_oracles::{TARGETS, seeds::seeds};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files in a directory, which need not be there, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn every_target_has_its_file_and_the_other_way_round() {
    let in_table: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).into()).collect();
    assert_eq!(in_table.len(), TARGETS.len());
    let with_file = files(&fuzz().join("fuzz_targets"));
    let with_file = with_file.iter().map(|file| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(&format!("smtp_oracles::{name}(input)")));
        name.to_owned()
    });
    assert_eq!(in_table, with_file.collect());
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let bins = manifest.lines().filter_map(|line| {
        let path = line.strip_prefix("path = \"fuzz_targets/")?;
        Some(path.strip_suffix(".rs\"").unwrap().to_owned())
    });
    assert_eq!(in_table, bins.collect());
    for kind in ["corpus", "findings"] {
        for directory in files(&fuzz().join(kind)) {
            let name = directory.file_name().unwrap().to_str().unwrap();
            assert!(in_table.contains(name), "{kind}/{name} is of no target");
        }
    }
}

#[test]
fn what_was_found_before_still_holds() {
    let mut failed = Vec::new();
    for (name, oracle) in TARGETS {
        let mut inputs = seeds(name);
        for kind in ["findings", "corpus"] {
            for file in files(&fuzz().join(kind).join(name)) {
                inputs.insert(file.display().to_string(), fs::read(&file).unwrap());
            }
        }
        for (file, input) in inputs {
            if panic::catch_unwind(|| oracle(&input)).is_err() {
                failed.push(format!("{name} {file}"));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
