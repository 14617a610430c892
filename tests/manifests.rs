//! One small manifest for each rule, with the rendered findings beside it; and laws that hold for all manifests.
//!
//! The file's name says the rule. `SEEDBED_GOLDEN=write cargo test --test manifests` writes the findings anew:
//! read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use seedbed::kinds::tables::dialect::Product;
use seedbed::manifest::codes::{RULES, find};
use seedbed::manifest::{Colour, Dialect, Loaded, Options, Source, load, read_paths, render};
use seedbed::model::Timestamp;

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

// A case is a file, or a folder that is read as a user names it: what it holds is one set.
fn read(case: &Path) -> (Vec<Source>, Loaded) {
    let path = case.to_string_lossy().into_owned();
    let mut read = read_paths(std::slice::from_ref(&path), None);
    let above = match case.is_dir() {
        true => path + "/",
        false => path.trim_end_matches(|c| c != '/').to_owned(),
    };
    for source in &mut read.sources {
        source.path = source.path.replace(&above, "");
    }
    // In the year 2027: a join token of before has expired.
    let mut options = Options { now: Some(Timestamp(1_800_000_000_000)), ..Options::default() };
    if case.ends_with("a-file-is-too-large.yaml") {
        options.limits.source_bytes_max = 64;
    }
    options.dialect = dialect(case);
    let mut loaded = load(&read.sources, &options);
    for finding in &mut read.findings {
        let short = |text: &str| text.replace(&above, "").replace(above.trim_end_matches('/'), ".");
        finding.message = short(&finding.message);
        finding.help.iter_mut().for_each(|help| *help = short(help));
        finding.place.iter_mut().for_each(|place| place.file = short(&place.file));
    }
    loaded.findings.splice(0..0, read.findings);
    (read.sources, loaded)
}

// The end of a case's name says for whom it is written.
fn dialect(case: &Path) -> Dialect {
    let name = case.file_stem().expect("a name").to_string_lossy().into_owned();
    match () {
        () if name.ends_with("-for-lxd-5.0") => Dialect::Of(Product::Lxd50),
        () if name.ends_with("-for-lxd") => Dialect::Of(Product::Lxd),
        () if name.ends_with("-for-incus") => Dialect::Of(Product::Incus),
        () => Dialect::Auto,
    }
}

fn report(sources: &[Source], loaded: &Loaded) -> String {
    let counts = loaded.counts;
    let keys: Vec<String> = loaded.desired.objects.keys().map(ToString::to_string).collect();
    let findings = render(&loaded.findings, sources, Colour::Never);
    let allowed = loaded.allowed.iter().map(|allowed| format!("allowed {}: {}\n", allowed.finding, allowed.reason));
    let allowed: String = allowed.collect();
    format!("{findings}{allowed}{} objects, {} valid: {}\n", counts.objects, counts.valid, keys.join(" "))
}

#[test]
fn a_set_that_is_read_in_batches_gives_the_same_as_one_that_is_read_at_once() {
    let read = |folders: &[&str], path: &str| -> Vec<Source> {
        let paths: Vec<String> = folders.iter().map(|folder| format!("{path}/{folder}")).collect();
        read_paths(&paths, None).sources
    };
    let cases = root().to_string_lossy().into_owned();
    let examples = env!("CARGO_MANIFEST_DIR");
    let sets = [
        read(&["valid"], &cases),
        read(&["invalid"], &cases),
        read(&["valid", "invalid"], &cases),
        read(&["examples", "examples"], examples),
    ];
    let small =
        sets.iter().flatten().map(|source| vec![source.clone(), Source::new("other.yaml", "networks:\n- name: br0\n")]);
    for (number, sources) in sets.iter().cloned().chain(small).enumerate() {
        for dialect in [Dialect::Auto, Dialect::Of(Product::Incus)] {
            let mut options = Options { dialect, ..Options::default() };
            let whole = load(&sources, &options);
            for bytes_max in [1, 2_000] {
                options.limits.batch_bytes_max = bytes_max;
                let parts = load(&sources, &options);
                let told =
                    |loaded: &Loaded| -> Vec<String> { loaded.findings.iter().map(|it| format!("{it:?}")).collect() };
                assert_eq!(told(&parts), told(&whole), "set {number} in batches of {bytes_max}");
                assert_eq!(parts.counts, whole.counts, "set {number}");
                assert_eq!(parts.desired, whole.desired, "set {number}");
                assert_eq!(
                    (parts.cluster, parts.allowed),
                    (whole.cluster.clone(), whole.allowed.clone()),
                    "set {number}"
                );
            }
        }
    }
}

#[test]
fn a_set_with_too_many_objects_is_one_finding() {
    let mut options = Options::default();
    (options.limits.set_objects_max, options.limits.batch_bytes_max) = (2, 1);
    let sources: Vec<Source> =
        (0..9).map(|n| Source::new(format!("{n}.yaml"), format!("profiles:\n- {{name: p{n}, nam: x}}\n"))).collect();
    let loaded = load(&sources, &options);
    let codes: Vec<&str> = loaded.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["SB108"]);
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
        let (sources, loaded) = read(&case);
        assert!(loaded.is_usable(), "{}:\n{}", case.display(), render(&loaded.findings, &sources, Colour::Never));
        compare(&case, &report(&sources, &loaded));
    }
}

#[test]
fn invalid_manifests_give_the_findings_that_stand_beside_them() {
    for case in cases("invalid") {
        let (sources, loaded) = read(&case);
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
    assert!(unexplained.is_empty(), "add these to src/manifest/lint/codes.rs: {unexplained:#?}");
}

/// What no file shows by itself, and the text in the tests that holds it instead.
const NOT_IN_FILES: [(&str, &str); 35] = [
    // The schema tells it first.
    ("SB001", "src/kinds"),
    // Files may give the keys of the member that reads them: only a request to all members shows it.
    ("SB015", "src/kinds"),
    ("SB041", "src/kinds/storage_pool"),
    ("SB049", "src/kinds/network"),
    // Too large for a folder of small cases.
    ("SB108", "src/manifest"),
    ("SB060", "src/plan"),
    ("SB061", "src/kinds/member"),
    ("SB062", "src/plan"),
    ("SB065", "src/plan"),
    ("SB066", "src/plan"),
    ("SB067", "src/plan"),
    ("SB068", "src/cli/command"),
    ("SB069", "src/plan"),
    ("SB070", "src/plan"),
    ("SB071", "src/plan"),
    ("SB072", "src/plan"),
    ("SB073", "src/kinds"),
    ("SB079", "src/plan"),
    ("SB140", "src/service"),
    ("SB142", "src/cli/command"),
    ("SB143", "src/cli/command"),
    // Options of `plan` and `apply`, not files.
    ("SB180", "src/plan"),
    ("SB181", "src/plan"),
    ("SB182", "src/plan"),
    ("SB183", "src/service"),
    ("SB184", "src/plan"),
    ("SB185", "src/plan"),
    // Sets with variables, and secrets that only the machine has.
    ("SB190", "src/manifest"),
    ("SB191", "src/manifest"),
    ("SB192", "src/watch"),
    ("SB193", "src/watch"),
    ("SB194", "src/kinds/source"),
    ("SB195", "src/kinds"),
    ("SB197", "src/daemon/sources"),
    ("SB160", "src/manifest"),
];

#[test]
fn every_rule_has_a_case_or_is_known_to_need_the_stored_state() {
    let mut shown = String::new();
    for folder in ["valid", "invalid"] {
        for case in cases(folder) {
            shown.push_str(&fs::read_to_string(case.with_extension("txt")).expect("a golden file"));
        }
    }
    for rule in RULES {
        let has_case = shown.contains(&format!("[{}]", rule.code));
        let place = NOT_IN_FILES.iter().find(|(code, _)| *code == rule.code);
        assert!(
            has_case != place.is_some(),
            "{} needs a case in tests/manifests, or a reason why there is none",
            rule.code
        );
        if let Some((code, folder)) = place {
            let files = rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
            let names_it = |file: &PathBuf| fs::read_to_string(file).expect("a source file").contains(*code);
            assert!(files.iter().any(names_it), "{code} is not found in {folder}");
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| rust_files(folder));
    files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).chain(below).collect()
}

/// The example files of LXD's documentation of clustering, with a real certificate in place of the elided one.
mod seed {
    use rustls::pki_types::pem::PemObject;

    use super::*;

    const BOOTSTRAP: &str = "config:
  core.trust_password: sekret
  core.https_address: 10.55.60.171:8443
  images.auto_update_interval: 15
storage_pools:
- name: default
  driver: dir
networks:
- name: lxdbr0
  type: bridge
  config:
    ipv4.address: 192.168.100.14/24
    ipv6.address: none
profiles:
- name: default
  devices:
    root:
      path: /
      pool: default
      type: disk
    eth0:
      name: eth0
      nictype: bridged
      parent: lxdbr0
      type: nic
cluster:
  server_name: node1
  enabled: true
";

    fn certificate() -> String {
        let signed = rcgen::generate_simple_self_signed(["node1".to_owned()]).expect("a certificate");
        signed.cert.pem().replace("\r\n", "\n")
    }

    // What `sed ':a;N;$!ba;s/\n/\n\n/g' server.crt` prints, between quotes.
    fn join(certificate: &str) -> String {
        let doubled = certificate.trim_end().replace('\n', "\n\n");
        let local = BOOTSTRAP.replace("  core.trust_password: sekret\n", "").replace("60.171", "60.155");
        let local = local.split("cluster:").next().expect("the local part").to_owned();
        format!(
            "{local}cluster:
  server_name: node2
  enabled: true
  cluster_address: 10.55.60.171:8443
  cluster_certificate: \"{doubled}\n\"
  cluster_password: sekret
"
        )
    }

    #[test]
    fn the_bootstrap_file_loads_without_findings() {
        let sources = [Source::new("node1.yaml", BOOTSTRAP)];
        let loaded = load(&sources, &Options::default());
        assert_eq!(render(&loaded.findings, &sources, Colour::Never), "");
        let keys: Vec<String> = loaded.desired.objects.keys().map(ToString::to_string).collect();
        assert_eq!(keys, ["config/server", "network/lxdbr0", "profile/default", "storage-pool/default"]);
        let cluster = loaded.cluster.expect("a cluster section");
        assert_eq!((cluster.enabled, cluster.cluster_address), (Some(true), None));
        assert_eq!(cluster.server_name.expect("a name").as_str(), "node1");
        let server = &loaded.desired.objects[&seedbed::model::Key::server()];
        assert_eq!(server.here.value("core.https_address"), Some("10.55.60.171:8443"));
        assert_eq!(server.spec.config().value("images.auto_update_interval"), Some("15"));
    }

    #[test]
    fn the_join_file_loads_and_its_certificate_is_one_that_tls_can_read() {
        let certificate = certificate();
        let sources = [Source::new("node2.yaml", join(&certificate))];
        let loaded = load(&sources, &Options::default());
        assert_eq!(render(&loaded.findings, &sources, Colour::Never), "");
        let cluster = loaded.cluster.expect("a cluster section");
        assert_eq!(cluster.cluster_password.expect("a password").reveal(), "sekret");
        let pem = cluster.cluster_certificate.expect("a certificate");
        assert_eq!(pem, certificate);
        let parsed = rustls::pki_types::CertificateDer::pem_slice_iter(pem.as_bytes()).count();
        assert_eq!(parsed, 1);
    }
}

/// What holds for every manifest.
mod laws {
    use proptest::prelude::*;
    use seedbed::model::{Declared, Key, Place};
    use serde_json::{Map, Value, json};

    use super::*;

    // One object a document, so that any order of them is a set.
    fn fragments() -> Vec<Value> {
        vec![
            json!({"config": {"images.auto_update_interval": "15", "core.https_address": "10.0.0.1:8443"}}),
            json!({"storage_pools": [{"name": "data", "driver": "zfs", "config": {"source": "/dev/vdb", "volume.size": "1GiB"}}]}),
            json!({"storage_pools": [{"name": "more", "driver": "dir", "members": {"n1": {"source": "/srv"}, "n2": {"sorce": "/a"}}}]}),
            json!({"projects": [{"name": "web", "config": {"features.profiles": "true", "limits.instances": "3"}}]}),
            json!({"profiles": [{"name": "web", "project": "web", "description": "d", "devices": {
                "root": {"type": "disk", "path": "/", "pool": "data"}, "eth0": {"type": "nic", "nictype": "bridged", "parent": "br0"}}}]}),
            json!({"cluster": {"enabled": true, "server_name": "n1", "members": {"n1": {"address": "10.0.0.1:8443"}, "n2": {"failure_domain": "b"}},
                "member_config": [{"entity": "storage-pool", "name": "data", "key": "size", "value": "4GiB"}]}}),
        ]
    }

    // Everything but the places.
    fn essence(loaded: &Loaded) -> (Vec<(Key, Declared)>, Vec<String>, String) {
        let declared = loaded.desired.objects.iter();
        let objects = declared.map(|(key, object)| (key.clone(), Declared { at: Place::default(), ..object.clone() }));
        let mut messages: Vec<String> =
            loaded.findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect();
        messages.sort();
        let cluster =
            loaded.cluster.clone().map(|cluster| (cluster.server_name, cluster.member_config, cluster.enabled));
        (objects.collect(), messages, format!("{cluster:?}"))
    }

    fn texts(fragments: &[Value]) -> Vec<Source> {
        let numbered = fragments.iter().enumerate();
        numbered.map(|(index, fragment)| Source::new(format!("{index}.yaml"), fragment.to_string())).collect()
    }

    // The same value with the keys of every mapping turned around a given number of times.
    fn turned(value: &Value, by: usize) -> String {
        match value {
            Value::Object(map) => {
                let mut pairs: Vec<String> =
                    map.iter().map(|(key, value)| format!("{key:?}: {}", turned(value, by))).collect();
                let count = pairs.len().max(1);
                pairs.rotate_left(by % count);
                format!("{{{}}}", pairs.join(", "))
            }
            Value::Array(items) => {
                format!("[{}]", items.iter().map(|item| turned(item, by)).collect::<Vec<_>>().join(", "))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_order_of_files_does_not_matter(order in Just(fragments()).prop_shuffle()) {
            let straight = essence(&load(&texts(&fragments()), &Options::default()));
            let shuffled = essence(&load(&texts(&order), &Options::default()));
            prop_assert_eq!(straight, shuffled);
        }

        #[test]
        fn the_order_of_keys_does_not_matter(by in 0_usize..7) {
            let mut whole = Map::new();
            for (name, section) in fragments().iter().filter_map(Value::as_object).flatten() {
                match (whole.get_mut(name), section) {
                    (Some(Value::Array(items)), Value::Array(more)) => items.extend(more.iter().cloned()),
                    _ => drop(whole.insert(name.clone(), section.clone())),
                }
            }
            let whole = Value::Object(whole);
            let straight = essence(&load(&[Source::new("a", turned(&whole, 0))], &Options::default()));
            let other = essence(&load(&[Source::new("a", turned(&whole, by))], &Options::default()));
            prop_assert_eq!(straight, other);
        }
    }

    fn samples() -> Vec<String> {
        let all = ["valid", "invalid"].into_iter().flat_map(cases).flat_map(|case| read(&case).0);
        all.map(|source| source.text).collect()
    }

    #[derive(Clone, Debug)]
    enum Edit {
        Cut(prop::sample::Index, usize),
        Put(prop::sample::Index, &'static str),
        Copy(prop::sample::Index, usize),
    }

    fn edit() -> impl Strategy<Value = Edit> {
        const BITS: [&str; 22] = [
            "\t", "\n", "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "<<: *a", "\"", "'", "|\n", "...\n", "---\n", "#",
            "\u{feff}", "é", "\0", "!!int ", "? ",
        ];
        prop_oneof![
            (any::<prop::sample::Index>(), 1_usize..20).prop_map(|(at, length)| Edit::Cut(at, length)),
            (any::<prop::sample::Index>(), prop::sample::select(&BITS[..])).prop_map(|(at, bit)| Edit::Put(at, bit)),
            (any::<prop::sample::Index>(), 1_usize..60).prop_map(|(at, length)| Edit::Copy(at, length)),
        ]
    }

    fn edited(text: &str, edits: &[Edit]) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for edit in edits {
            let at = |index: &prop::sample::Index| index.index(chars.len() + 1);
            match edit {
                Edit::Cut(index, length) => {
                    let start = at(index);
                    let end = (start + length).min(chars.len());
                    chars.drain(start..end);
                }
                Edit::Put(index, bit) => {
                    let start = at(index);
                    chars.splice(start..start, bit.chars());
                }
                Edit::Copy(index, length) => {
                    let start = at(index);
                    let piece = chars[start..(start + length).min(chars.len())].to_vec();
                    chars.splice(start..start, piece);
                }
            }
        }
        chars.into_iter().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_it_panic(
            text in prop::sample::select(samples()),
            edits in prop::collection::vec(edit(), 0..8),
        ) {
            let sources = [Source::new("a.yaml", edited(&text, &edits))];
            let loaded = load(&sources, &Options::default());
            let shown = render(&loaded.findings, &sources, Colour::Never);
            prop_assert_eq!(shown.is_empty(), loaded.findings.is_empty());
            for finding in &loaded.findings {
                prop_assert!(find(&finding.code).is_some(), "{} is not explained", finding.code);
                prop_assert!(finding.place.is_some(), "{} has no place", finding.message);
            }
        }
    }
}
