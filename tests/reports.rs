//! Every report fits the schema of its format, for every manifest that the tests have; see `formats/README.md`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jsonschema::Validator;
use seedbed::manifest::report::{Format, Run, report};
use seedbed::manifest::{Loaded, Options, Source, load};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn schema(name: &str) -> Validator {
    let text = fs::read_to_string(root().join("tests/formats").join(name)).expect(name);
    // SARIF's schema has a bracket too many, which only loose readers of regular expressions let pass.
    let text = text.replace("-[a-zA-Z]{2}]?$", "(-[a-zA-Z]{2})?$");
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("it compiles")
}

// Each file as a set of its own, and all of them as one.
fn sets() -> Vec<Vec<Source>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["valid", "invalid"] {
        let entries = fs::read_dir(root().join("tests/manifests").join(folder)).expect(folder);
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    let name = |path: &PathBuf| format!("./a b/{}", path.file_name().expect("a name").to_string_lossy());
    let all: Vec<Source> =
        paths.iter().map(|path| Source::new(name(path), fs::read_to_string(path).expect("a manifest"))).collect();
    let each = all.iter().map(|source| vec![source.clone()]);
    each.chain([all.clone(), Vec::new()]).collect()
}

fn written(sources: &[Source], format: Format) -> String {
    let Loaded { findings, allowed, counts, .. } = load(sources, &Options::default());
    report(
        format,
        &Run { sources, findings: &findings, allowed: &allowed, counts: &counts, checkout: None, elapsed_ms: 7 },
    )
}

fn check_json(format: Format, schema: &Validator) {
    let mut findings = 0;
    for sources in sets() {
        let value: Value = serde_json::from_str(&written(&sources, format)).expect("JSON");
        let faults: Vec<String> =
            schema.iter_errors(&value).map(|fault| format!("{fault} at {}", fault.instance_path())).collect();
        assert!(faults.is_empty(), "{}: {faults:#?}", sources.first().map_or("nothing", |source| source.path.as_str()));
        let results = value["runs"][0]["results"].as_array().into_iter().flatten();
        let places = results.map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]);
        assert!(places.into_iter().all(|uri| uri.as_str().is_some_and(|uri| !uri.is_empty())), "a result has no place");
        findings +=
            value.as_array().map_or_else(|| value["runs"][0]["results"].as_array().map_or(0, Vec::len), Vec::len);
    }
    assert!(findings > 200, "only {findings} findings were reported");
}

// A checkout with one faulty manifest in a folder, and one that is not UTF-8 at its top.
fn checkout() -> tempfile::TempDir {
    let top = tempfile::tempdir().expect("a directory");
    fs::create_dir_all(top.path().join("sub")).expect("a folder");
    fs::write(top.path().join("sub/a\\b.yaml"), "profiles:\n- name: web\n  colour: red\n").expect("a manifest");
    fs::write(top.path().join("latin1.yaml"), b"profiles:\n- name: caf\xe9\n").expect("a manifest");
    top
}

fn validate(working_dir: &Path, root: &Path, format: &str, path: &str) -> (Option<i32>, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_seedbed"))
        .args(["validate", "--report", format, path])
        .env("GITHUB_WORKSPACE", root)
        .current_dir(working_dir)
        .output()
        .expect("the program runs");
    (program.status.code(), String::from_utf8(program.stdout).expect("text"))
}

#[test]
fn code_hosts_get_paths_from_the_root_of_the_checkout() {
    let top = checkout();
    let (root, sub) = (top.path(), top.path().join("sub"));
    let absolute = sub.to_string_lossy().into_owned();
    for (working_dir, path) in [(root, "."), (root, "./sub"), (&sub, "."), (&sub, "../sub"), (root, absolute.as_str())]
    {
        let (code, github) = validate(working_dir, root, "github", path);
        assert!(github.contains("::error file=sub/a\\b.yaml,line=3,"), "{github}");
        assert_eq!(code, Some(1));
        let sarif: Value = serde_json::from_str(&validate(working_dir, root, "sarif", path).1).expect("JSON");
        let results = sarif["runs"][0]["results"].as_array().expect("results");
        let uris: Vec<&Value> = (results.iter())
            .map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
            .collect();
        assert!(uris.iter().any(|uri| *uri == "sub/a%5Cb.yaml"), "{uris:?}");
    }
    let (_, gitlab) = validate(&sub, &sub.join("nowhere"), "gitlab", "../latin1.yaml");
    let gitlab: Value = serde_json::from_str(&gitlab).expect("JSON");
    let path = gitlab[0]["location"]["path"].as_str().expect("a path");
    assert!(path.starts_with("file:///") && path.ends_with("/latin1.yaml") && !path.contains(".."), "{path}");
}

#[test]
fn what_is_there_and_cannot_be_read_is_a_finding_with_a_report() {
    let top = checkout();
    for format in ["json", "sarif", "github", "gitlab", "junit", "text"] {
        let (code, report) = validate(top.path(), top.path(), format, "latin1.yaml");
        assert_eq!(code, Some(1), "{format}");
        assert!(report.contains("latin1.yaml") && report.contains("SB002"), "{format}: {report}");
        let (code, report) = validate(top.path(), top.path(), format, "nowhere.yaml");
        assert_eq!((code, report.as_str()), (Some(3), ""), "{format}");
    }
}

#[test]
fn sarif_fits_its_schema() {
    check_json(Format::Sarif, &schema("sarif-2.1.0.schema.json"));
}

#[test]
fn gitlab_s_report_fits_its_schema() {
    check_json(Format::Gitlab, &schema("gitlab-code-quality.schema.json"));
}

#[test]
fn junit_fits_its_schema() {
    let xsd = root().join("tests/formats/junit.xsd");
    for sources in sets() {
        let mut lint = Command::new("xmllint")
            .args(["--noout", "--nonet", "--schema"])
            .arg(&xsd)
            .arg("-")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("xmllint is needed, of the Debian package libxml2-utils: make packages");
        let text = written(&sources, Format::Junit);
        lint.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
        let output = lint.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_schemas_refuse_what_does_not_fit() {
    assert!(!schema("sarif-2.1.0.schema.json").is_valid(&serde_json::json!({"version": "2.1.0", "runs": [{}]})));
    let entry = serde_json::json!([{"description": "d", "check_name": "c", "fingerprint": "f", "severity": "grave",
        "location": {"path": "a", "lines": {"begin": 1}}}]);
    assert!(!schema("gitlab-code-quality.schema.json").is_valid(&entry));
}
