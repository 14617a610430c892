//! What is written is what is read back, over every kind and every key of every driver, whatever the values are; and
//! neither the order of files nor that of keys says anything.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use seedbed::kinds::tables::key_table::{self, KeyInfo, KeyScope};
use seedbed::kinds::{self, Kind, profile};
use seedbed::manifest::{Frame, Options, Source, emit, load};
use seedbed::model::{
    ApplyMode, Config, Declared, Desired, Key, MemberName, Place, Policy, ProjectName, Rollout, Spec,
};
use serde_json::{Value, json};

/// Texts that YAML gets wrong in one way or another.
const ODD: [&str; 48] = [
    "",
    "010",
    "0o7",
    "0x1f",
    "1_000",
    "1.5",
    "1e3",
    "12:30",
    "2026-11-22",
    "yes",
    "No",
    "on",
    "y",
    "null",
    "~",
    "true",
    "False",
    "15",
    "0",
    "-1",
    "10GiB",
    "a: b",
    "- x",
    "#c",
    "a #c",
    "a:",
    " a",
    "a ",
    "[x",
    "{x",
    "*a",
    "&a",
    "!t",
    "%d",
    "@x",
    "`x",
    "'q",
    "\"q",
    "\\n",
    "a\nb",
    "a\nb\n",
    "a\n\n b\n",
    "a\r\nb",
    "a\tb",
    "\u{feff}x",
    "\u{7f}",
    "---",
    "...",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(&ODD[..]).prop_map(str::to_owned), 1 => "\\PC{0,12}", 1 => "[ -~\\n]{0,40}"]
}

fn named(key: &str) -> String {
    let step =
        |step: &str| if step == "*" || key_table::is_name_step(step) { "some".to_owned() } else { step.to_owned() };
    key.split('.').map(step).collect::<Vec<_>>().join(".")
}

fn config(rows: Vec<&'static KeyInfo>) -> impl Strategy<Value = Config> {
    vec((any::<Index>(), text()), 0..5).prop_map(move |pairs| {
        if rows.is_empty() {
            return Config::default();
        }
        pairs.into_iter().map(|(index, text)| (named(rows[index.index(rows.len())].key), text)).collect()
    })
}

fn rows(entities: &[&'static str], wanted: impl Fn(&KeyInfo) -> bool) -> Vec<&'static KeyInfo> {
    entities.iter().flat_map(|entity| key_table::keys_of(entity)).filter(|info| wanted(info)).collect()
}

fn member() -> impl Strategy<Value = MemberName> {
    select(&["node1", "node2", "007", "yes", "a.example.org"][..]).prop_map(MemberName::from)
}

fn name() -> impl Strategy<Value = String> {
    select(&["data", "007", "yes", "null", "a b", "10.5", "x:y", "é"][..]).prop_map(str::to_owned)
}

fn described(spec: &mut Spec, described: Option<String>, config: Option<Config>) {
    spec.0.extend(described.map(|text| ("description".to_owned(), Value::String(text))));
    if let Some(config) = config {
        spec.set_config(&config);
    }
}

// Kinds whose objects stand in a list, with their driver or type.
fn specs() -> Vec<(&'static dyn Kind, Spec)> {
    let mut specs = Vec::new();
    for kind in ["storage-pool", "network", "project", "profile"].into_iter().filter_map(kinds::find) {
        let variants = kind.variants();
        let values = variants.iter().flat_map(|variants| variants.values.iter().map(|value| (variants.field, *value)));
        let named = values.map(|(field, value)| Spec([(field.to_owned(), json!(value))].into_iter().collect()));
        specs.extend(named.map(|spec| (kind, spec)));
        specs.push((kind, Spec::default()));
    }
    specs
}

fn policy() -> impl Strategy<Value = Policy> {
    let modes = ApplyMode::ALL.map(|(_, mode)| mode).to_vec();
    (option::of(select(modes)), option::of(proptest::bool::ANY)).prop_map(|(apply, protect)| Policy { apply, protect })
}

fn object() -> impl Strategy<Value = (Key, Declared)> {
    let specs = specs();
    any::<Index>().prop_flat_map(move |index| {
        let (kind, spec) = specs[index.index(specs.len())].clone();
        let entities = kind.entities(&spec);
        let has_own = kind.rollout() != Rollout::RecordOnly;
        let is_own = move |info: &KeyInfo| has_own && info.scope == KeyScope::Member;
        let shared = option::of(config(rows(&entities, |info| !is_own(info))));
        let own = rows(&entities, is_own);
        let members = btree_map(member(), config(own.clone()), 0..if has_own { 3 } else { 1 });
        let projects: &[&str] =
            if kind.scope() == kinds::Scope::Cluster { &["default"] } else { &["default", "web", "on"] };
        let key = (name(), select(projects.to_vec()), policy());
        (key, option::of(text()), shared, config(own), members).prop_flat_map(
            move |(key, words, shared, here, members)| {
                let mut spec = spec.clone();
                // A map that holds own keys is written, and read back as one that holds the others.
                let shared = if here.is_empty() { shared } else { shared.or_else(|| Some(Config::default())) };
                described(&mut spec, words, shared);
                let policy = key.2;
                let key = Key::in_project(kind.words().kind, &ProjectName::from(key.1), &key.0);
                let members = if has_own { members } else { BTreeMap::new() };
                let declared = Declared { spec, members, here, policy, at: Place::default() };
                devices(kind.words().kind == "profile").prop_map(move |devices| {
                    let mut declared = declared.clone();
                    declared.spec.0.extend(devices.map(|devices| ("devices".to_owned(), devices)));
                    (key.clone(), declared)
                })
            },
        )
    })
}

fn devices(are_there: bool) -> impl Strategy<Value = Option<Value>> {
    let device = select(profile::shapes()).prop_flat_map(|shape| {
        let when = shape.when.clone();
        config(rows(&shape.entities, |_| true)).prop_map(move |mut config| {
            let said = when.iter().filter(|(_, value)| !value.is_empty());
            config.extend(said.map(|(field, value)| ((*field).to_owned(), (*value).to_owned())));
            json!(config)
        })
    });
    option::of(btree_map(name(), device, 0..3))
        .prop_map(move |devices| devices.filter(|_| are_there).map(|map| json!(map)))
}

// The server's configuration and the members, some with server keys of their own.
fn cluster() -> impl Strategy<Value = Vec<(Key, Declared)>> {
    let shared = config(rows(&["server"], |info| info.scope == KeyScope::Global));
    let own = || rows(&["server"], |info| info.scope != KeyScope::Global);
    let record = (
        option::of(select(&["rack1", "010"][..])),
        vec(select(&["left", "no"][..]), 0..3),
        option::of(config(rows(&["cluster"], |_| true))),
        config(own()),
    );
    (shared, config(rows(&["server"], |info| info.scope == KeyScope::Member)), btree_map(member(), record, 0..3))
        .prop_map(|(shared, here, members)| {
            let mut objects = Vec::new();
            let mut server = Declared { here, ..Declared::default() };
            if !shared.is_empty() || !server.here.is_empty() {
                server.spec.set_config(&shared);
            }
            for (name, (domain, groups, config, own)) in members {
                let mut spec = Spec::default();
                spec.0.extend(domain.map(|domain| ("failure_domain".to_owned(), json!(domain))));
                if !groups.is_empty() {
                    spec.0.insert("groups".to_owned(), json!(groups));
                }
                config.filter(|config| !config.is_empty()).iter().for_each(|config| spec.set_config(config));
                if !own.is_empty() {
                    server.members.insert(name.clone(), own);
                }
                objects.push((Key::member(&name), Declared { spec, ..Declared::default() }));
            }
            if server.spec.0.contains_key("config") || !server.members.is_empty() {
                objects.push((Key::server(), server));
            }
            objects
        })
}

fn desired() -> impl Strategy<Value = Desired> {
    (cluster(), vec(object(), 0..6))
        .prop_map(|(cluster, objects)| Desired { objects: objects.into_iter().chain(cluster).collect() })
}

fn read(sources: &[Source]) -> Desired {
    let mut desired = load(sources, &Options::default()).desired;
    desired.objects.values_mut().for_each(|declared| declared.at = Place::default());
    desired
}

fn of_cluster(key: &Key) -> bool {
    *key == Key::server() || key.kind.as_str() == Key::MEMBER
}

// JSON's text as YAML takes it: what cannot stand in a YAML file is escaped.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
            format!("\\u{:04x}", u32::from(c))
        }
        c => c.to_string(),
    };
    json!(text).to_string().chars().map(escape).collect()
}

// The same document with the keys of every mapping turned around.
fn turned(value: &Value, by: usize) -> String {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", escaped(key), turned(value, by))).collect();
            let count = pairs.len().max(1);
            pairs.rotate_left(by % count);
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(|item| turned(item, by)).collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => escaped(text),
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_what_is_read_back(desired in desired()) {
        let text = emit(&desired, &Frame::default());
        prop_assert_eq!(&read(&[Source::new("m.yaml", text.clone())]), &desired, "{}", text);
        prop_assert_eq!(emit(&read(&[Source::new("m.yaml", text.clone())]), &Frame::default()), text);
    }

    #[test]
    fn other_readers_read_the_same_texts(desired in desired()) {
        // A reader that knows nothing of manifests sees texts as texts: only counts and flags stand without quotes.
        let text = emit(&desired, &Frame::default());
        let value: Option<Value> = serde_saphyr::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let again = turned(&value.unwrap_or_default(), 0);
        prop_assert_eq!(&read(&[Source::new("m.yaml", again)]), &desired, "{}", text);
    }

    #[test]
    fn neither_the_order_of_files_nor_that_of_keys_matters(desired in desired(), by in 0_usize..7, order in any::<u64>()) {
        let one = |key: &Key, declared: &Declared| Desired { objects: [(key.clone(), declared.clone())].into() };
        let mut parts: Vec<Desired> = desired.objects.iter().filter(|(key, _)| !of_cluster(key)).map(|(key, declared)| one(key, declared)).collect();
        // A set has one `cluster:` section.
        parts.push(Desired { objects: desired.objects.iter().filter(|(key, _)| of_cluster(key)).map(|(key, declared)| (key.clone(), declared.clone())).collect() });
        let count = parts.len();
        parts.rotate_left(usize::try_from(order).unwrap_or_default() % count);
        if order % 2 == 0 {
            parts.reverse();
        }
        let files = parts.iter().enumerate().map(|(index, part)| {
            let value: Option<Value> = serde_saphyr::from_str(&emit(part, &Frame::default())).expect("YAML");
            Source::new(format!("{index}.yaml"), turned(&value.unwrap_or_default(), by))
        });
        prop_assert_eq!(read(&files.collect::<Vec<_>>()), desired);
    }
}
