//! The published schemas: what is committed is what the code gives, and editors and rules agree about every key.
//!
//! `SEEDBED_GOLDEN=write cargo test --test schemas` writes them anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use seedbed::kinds::tables::key_table::{self, KeyInfo};
use seedbed::kinds::tables::meaning;
use seedbed::kinds::{self, Kind};
use seedbed::manifest::{Options, Source, load, schema, schema_draft_07, schemas};
use seedbed::model::{Config, Key, MemberName, Rollout, Severity, Spec};
use serde_json::{Map, Value, json};

/// Findings that a schema can give too: unknown fields and keys, wrong types and words, what is missing.
const OF_SCHEMAS: [&str; 8] = ["SB014", "SB016", "SB017", "SB025", "SB101", "SB102", "SB103", "SB104"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn twins() -> [(&'static str, Validator); 2] {
    [
        ("2020-12", jsonschema::draft202012::new(&schema()).expect("it compiles")),
        ("draft-07", jsonschema::draft7::new(&schema_draft_07()).expect("it compiles")),
    ]
}

#[test]
fn the_committed_schemas_are_those_that_the_code_gives() {
    for (name, schema) in schemas() {
        let path = root().join("schemas").join(name);
        let found = format!("{schema:#}\n");
        if std::env::vars().any(|(name, value)| name == "SEEDBED_GOLDEN" && value == "write") {
            fs::write(&path, &found).expect("write the schema");
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == found, "{name}: run this test with SEEDBED_GOLDEN=write");
    }
}

#[test]
fn each_schema_is_one_of_its_draft() {
    jsonschema::draft202012::meta::validate(&schema()).expect("it fits the meta-schema");
    jsonschema::draft7::meta::validate(&schema_draft_07()).expect("it fits the meta-schema");
    let committed = fs::read_to_string(root().join("schemas/report.schema.json")).expect("the report's schema");
    jsonschema::draft202012::meta::validate(&serde_json::from_str(&committed).expect("JSON")).expect("it fits");
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect(folder).map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let below =
        folders.iter().flat_map(|path| yaml_files(&path.strip_prefix(root()).expect("below").to_string_lossy()));
    let mut all: Vec<PathBuf> =
        files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "yaml")).chain(below).collect();
    all.sort();
    all
}

// What editors and validators see: plain YAML, read by a parser that knows nothing of manifests.
fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_saphyr::from_multiple(text).map_err(|error| error.to_string())
}

#[test]
fn every_valid_manifest_and_example_fits_both_schemas() {
    let twins = twins();
    for path in [yaml_files("tests/manifests/valid"), yaml_files("examples")].concat() {
        let text = fs::read_to_string(&path).expect("a manifest");
        // A schema knows nothing of comments that allow a finding.
        if !load(&[Source::new("m.yaml", text.clone())], &Options::default()).allowed.is_empty() {
            continue;
        }
        for document in documents(&text).expect("YAML").iter().filter(|document| !document.is_null()) {
            for (draft, validator) in &twins {
                let faults: Vec<String> = validator
                    .iter_errors(document)
                    .map(|error| format!("{error} at {}", error.instance_path()))
                    .collect();
                assert!(faults.is_empty(), "{} does not fit {draft}: {faults:#?}", path.display());
            }
        }
    }
}

#[test]
fn every_manifest_that_breaks_the_grammar_fails_both_schemas() {
    let twins = twins();
    let mut failed = 0;
    for path in yaml_files("tests/manifests/invalid") {
        // Some are no text at all.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let loaded = load(&[Source::new("m.yaml", text.clone())], &Options::default());
        let is_of_schemas = |code: &str| OF_SCHEMAS.contains(&code);
        let breaks = loaded.findings.iter().any(|finding| finding.is_error() && is_of_schemas(&finding.code));
        let Ok(documents) = documents(&text) else { continue };
        if !breaks {
            continue;
        }
        failed += 1;
        for (draft, validator) in &twins {
            let fits = documents.iter().all(|document| document.is_null() || validator.is_valid(document));
            assert!(!fits, "{} fits {draft}: {:#?}", path.display(), loaded.findings);
        }
    }
    assert!(failed > 12, "only {failed} files broke the grammar: are these the right ones?");
}

/// One way to write an object of a kind: its driver or type, and the entities of its keys.
struct Variant {
    kind: &'static dyn Kind,
    spec: Spec,
    entities: Vec<&'static str>,
}

fn variants() -> Vec<Variant> {
    let is_listed = |kind: &&&'static dyn Kind| {
        let section = kind.words().section;
        !section.is_empty() && !section.contains('.') && section != "certificates"
    };
    let of = |kind: &'static dyn Kind| {
        let named = kind.variants().into_iter().flat_map(|variants| {
            variants
                .values
                .into_iter()
                .map(move |value| Spec(Map::from_iter([(variants.field.to_owned(), json!(value))])))
        });
        let mut specs: Vec<Spec> = named.collect();
        if specs.is_empty() {
            specs.push(Spec::default());
        }
        specs.into_iter().map(move |spec| Variant { kind, entities: kind.entities(&spec), spec })
    };
    kinds::ALL.iter().filter(is_listed).copied().flat_map(of).collect()
}

impl Variant {
    fn keys(&self) -> Vec<(String, &'static KeyInfo)> {
        let named = |info: &KeyInfo| {
            info.key
                .replace('*', "some.thing")
                .split('.')
                .map(|step| match step {
                    step if key_table::is_name_step(step) => "some",
                    step => step,
                })
                .collect::<Vec<_>>()
                .join(".")
        };
        let rows = self.entities.iter().flat_map(|entity| key_table::keys_of(entity));
        // Profiles cannot have them.
        rows.filter(|info| !(info.entity == "instance" && info.key.starts_with("volatile.")))
            .map(|info| (named(info), info))
            .collect()
    }

    // A document that holds nothing but this object with one key.
    fn document(&self, key: &str, value: &str, at: At) -> Value {
        let config = json!({ key: value });
        let section = self.kind.words().section;
        if section == "config" {
            return json!({ section: config });
        }
        let mut object = self.spec.0.clone();
        object.insert("name".to_owned(), json!("x"));
        match at {
            At::Config => object.insert("config".to_owned(), config),
            At::Member => object.insert("members".to_owned(), json!({ "node1": config })),
        };
        json!({ section: [object] })
    }

    // What the rules say of the key, as far as a schema can say it too.
    fn faults(&self, key: &str, value: &str, at: At) -> Vec<String> {
        let config = Config::from([(key, value)]);
        let mut spec = self.spec.clone();
        let (mut members, mut here) = (BTreeMap::new(), Config::default());
        match at {
            At::Member => drop(members.insert(MemberName::from("node1"), config)),
            At::Config if kinds::is_member_specific(self.kind.words().kind, &self.entities, key) => here = config,
            At::Config => spec.set_config(&config),
        }
        let found = kinds::check(self.kind, &Key::new(self.kind.words().kind, "x"), &spec, &members, &here);
        // Of a value that fits, kinds may know more than a schema can; what does not fit may have a code of their own.
        let is_bad = key_table::lookup_any(&self.entities, key).is_some_and(|info| bad(info) == Some(value));
        let counts = |problem: &kinds::Problem| match is_bad {
            true => problem.severity == Severity::Error,
            false => OF_SCHEMAS.contains(&problem.code),
        };
        found.into_iter().filter(counts).map(|problem| problem.message).collect()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Config,
    Member,
}

fn good(info: &KeyInfo) -> String {
    info.words().next().map_or_else(|| info.form.example(), str::to_owned)
}

// A pattern tells less of some forms than the rules do.
fn bad(info: &KeyInfo) -> Option<&'static str> {
    let tells = !info.has_other_words() || info.form.pattern().is_some();
    (tells && !info.takes("perhaps")).then_some("perhaps")
}

#[test]
fn editors_and_rules_agree_about_every_key_of_every_driver() {
    let twins = twins();
    let mut keys = 0;
    for variant in variants() {
        let has_members = variant.kind.rollout() != Rollout::RecordOnly && variant.kind.words().section != "config";
        for (key, info) in variant.keys() {
            keys += 1;
            let places = if has_members { &[At::Config, At::Member][..] } else { &[At::Config] };
            for at in places {
                let good = good(info);
                let values = [Some(good.as_str()), bad(info), Some("")];
                for value in values.into_iter().flatten() {
                    let faults = variant.faults(&key, value, *at);
                    for (draft, validator) in &twins {
                        let fits = validator.is_valid(&variant.document(&key, value, *at));
                        assert!(
                            fits == faults.is_empty(),
                            "{} `{key}: {value}` in {at:?} of {:?}: {draft} says {fits}, the rules say {faults:?}",
                            variant.kind.words().kind,
                            variant.spec.0
                        );
                    }
                }
            }
        }
        for (draft, validator) in &twins {
            assert!(!validator.is_valid(&variant.document("no.such.key", "x", At::Config)), "{draft}");
        }
    }
    assert!(keys > 600, "only {keys} keys were looked at");
}

#[test]
fn every_key_has_its_meaning_in_both_schemas() {
    for (definitions, schema) in [("$defs", schema()), ("definitions", schema_draft_07())] {
        for entity in variants().into_iter().flat_map(|variant| variant.entities) {
            let map = schema[definitions]
                .as_object()
                .expect("definitions")
                .iter()
                .find(|(name, _)| name.split('+').any(|one| one == entity));
            let (_, map) = map.unwrap_or_else(|| panic!("{definitions} has no {entity}"));
            for info in
                key_table::keys_of(entity).filter(|info| !(entity == "instance" && info.key.starts_with("volatile.")))
            {
                let families = map["patternProperties"].as_object().expect("families").values();
                let described = |value: &Value| {
                    value["description"].as_str().is_some_and(|text| text.starts_with(meaning::of(info).text))
                };
                let found = match key_table::is_pattern(info.key) {
                    true => families.clone().any(described),
                    false => described(&map["properties"][info.key]),
                };
                assert!(found, "{entity} {} is not described", info.key);
                if info.dialect == "old" && !key_table::is_pattern(info.key) {
                    assert_eq!(map["properties"][info.key]["deprecated"], true, "{entity} {}", info.key);
                }
            }
        }
    }
}
