//! One small manifest for each rule, with the rendered findings beside it; and laws that hold for all manifests.
//!
//! The file's name says the rule. `SEEDBED_GOLDEN=write cargo test --test manifests` writes the findings anew:
//! read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use seedbed::manifest::codes::find;
use seedbed::manifest::report::report_schema;
use seedbed::manifest::{Colour, Loaded, Options, Source, load, render, schema};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifests")
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("the folder of cases");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.is_dir() || path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    assert!(!paths.is_empty(), "no cases in {folder}");
    paths
}

// A case is a file, or a folder whose files are one set.
fn sources(case: &Path) -> Vec<Source> {
    let mut files = vec![case.to_owned()];
    if case.is_dir() {
        files = fs::read_dir(case).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
    }
    let read = |path: &PathBuf| fs::read_to_string(path).expect("a case");
    files.iter().map(|path| Source::new(path.file_name().expect("a name").to_string_lossy(), read(path))).collect()
}

fn report(sources: &[Source], loaded: &Loaded) -> String {
    let counts = loaded.counts;
    let keys: Vec<String> = loaded.desired.objects.keys().map(ToString::to_string).collect();
    let findings = render(&loaded.findings, sources, Colour::Never);
    format!("{findings}{} objects, {} valid: {}\n", counts.objects, counts.valid, keys.join(" "))
}

fn writes_golden() -> bool {
    std::env::vars().any(|(name, value)| name == "SEEDBED_GOLDEN" && value == "write")
}

fn compare(case: &Path, found: &str) {
    let golden = case.with_extension("txt");
    if writes_golden() {
        fs::write(&golden, found).expect("write the golden file");
    }
    let wanted = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(found, wanted, "{} differs from {}", case.display(), golden.display());
}

#[test]
fn valid_manifests_load_without_an_error() {
    for case in cases("valid") {
        let sources = sources(&case);
        let loaded = load(&sources, &Options::default());
        assert!(loaded.is_usable(), "{}:\n{}", case.display(), render(&loaded.findings, &sources, Colour::Never));
        compare(&case, &report(&sources, &loaded));
    }
}

#[test]
fn invalid_manifests_give_the_findings_that_stand_beside_them() {
    for case in cases("invalid") {
        let sources = sources(&case);
        let loaded = load(&sources, &Options::default());
        assert!(!loaded.findings.is_empty(), "{} has no finding", case.display());
        compare(&case, &report(&sources, &loaded));
    }
}

#[test]
fn every_code_that_the_source_uses_is_explained() {
    let mut unexplained = Vec::new();
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).expect("a source file");
        let codes = text.match_indices("\"SB").map(|(at, _)| &text[at + 1..]);
        let codes = codes.filter(|rest| rest.get(2..5).is_some_and(|digits| digits.parse::<u16>().is_ok()));
        let unknown = codes.map(|rest| &rest[..5]).filter(|code| *code != "SB999" && find(code).is_none());
        unexplained.extend(unknown.map(|code| format!("{code} in {}", file.display())));
    }
    assert!(unexplained.is_empty(), "add these to src/manifest/codes.rs: {unexplained:#?}");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| rust_files(folder));
    files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).chain(below).collect()
}

#[test]
fn the_committed_schemas_are_those_that_the_code_gives() {
    for (name, schema) in [("seedbed.schema.json", schema()), ("report.schema.json", report_schema())] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
        let found = format!("{schema:#}\n");
        if writes_golden() {
            fs::write(&path, &found).expect("write the schema");
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == found,
            "{name}: run this test with SEEDBED_GOLDEN=write"
        );
    }
}

#[test]
fn the_schema_is_a_schema_of_draft_2020_12() {
    jsonschema::draft202012::new(&schema()).expect("it compiles");
    jsonschema::draft202012::meta::validate(&schema()).expect("it fits the meta-schema");
}
