//! Replays the corpus of the fuzzers: what once broke something stays mended.
//!
//! `make fuzz` looks for more; what it finds belongs into the corpus, as small as `cargo fuzz tmin` makes it.

use std::fs;
use std::path::Path;

#[path = "fuzz/exercise.rs"]
mod exercise;

fn replay(target: &str, exercise: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        println!("{}", path.display());
        exercise(&fs::read(&path).expect("a file of the corpus"));
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

#[test]
fn every_text_of_the_corpus_can_be_read() {
    replay("parse", exercise::parse);
}

#[test]
fn every_text_of_the_corpus_can_be_validated_and_shown() {
    replay("validate", exercise::validate);
}

#[test]
fn every_pair_of_the_corpus_can_be_planned() {
    replay("plan", exercise::plan);
}
