//! Real preseed files of other people, from a collection that stands beside the project when it is there.
//!
//! The collection's `index.tsv` says which of three parsers takes each file: today's LXD and Incus, which are strict,
//! and the lenient LXD of the years before 5.0.2. The rule that this test holds:
//!
//! 1. what a strict parser takes, we take: no finding says that it is not YAML or not in the grammar;
//! 2. what all parsers refuse, we refuse, with the finding that names the cause;
//! 3. what only the lenient parser takes, we take too, unless it takes the file by ignoring what its author meant to say
//!    (an unknown key, the first of two equal keys, the rest of a document cut in two): then we name that cause.
//!
//! Files that fit the grammar may still ask for something impossible. Those errors are listed one by one, so that no
//! false alarm creeps in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use seedbed::kinds::tables::dialect::Product;
use seedbed::manifest::{Colour, Dialect, Loaded, Options, Source, load, render};

/// Refused by every parser, or taken by the lenient one only because it ignores something: with our finding.
const REFUSED: [(&str, &str); 8] = [
    ("013-lxd-2.14-doc-pools-key.yaml", "SB101"),
    ("014-lxd-3.0-doc-join-full.yaml", "SB008"),
    ("018-lxd-5.0-doc-join-password.yaml", "SB008"),
    ("026-cloud-init-doc-example3.yaml", "SB101"),
    ("091-idx-ovs-duplicate-key.yaml", "SB007"),
    ("102-idx-incus-lvm-join-elided-pem.yaml", "SB008"),
    ("106-idx-join-tab-blank-lines.yaml", "SB006"),
    ("110-idx-join-lost-indentation.yaml", "SB009"),
];

/// Within the grammar, but impossible to carry out: with all our errors.
const IMPOSSIBLE: [(&str, &[&str]); 17] = [
    // A list of fields, not a file to run: all of them empty.
    ("005-lxd-doc-preseed-fields.yaml", &["SB120", "SB014"]),
    // Placeholders for certificates, names and addresses.
    ("011-lxd-test-spawn-join-zfs.yaml", &["SB121"]),
    ("019-lxd-5.0-doc-join-required-fields.yaml", &["SB018", "SB019", "SB019", "SB121"]),
    ("105-idx-webserver-join.yaml", &["SB121"]),
    ("107-idx-fan-join-int-password.yaml", &["SB047", "SB121"]),
    ("109-idx-join-pem-folded-newlines.yaml", &["SB121"]),
    // A project without a name.
    ("039-gha-many-profiles.yaml", &["SB103"]),
    // A dir pool whose source is no path.
    ("051-tuto-fr-join.yaml", &["SB047", "SB026"]),
    // Fan bridges: nobody but Ubuntu builds a kernel for them.
    ("034-microproyecto-fan-bootstrap.yaml", &["SB047"]),
    ("050-tuto-fr-fan-bootstrap.yaml", &["SB047"]),
    ("066-sovereign-lxd-fan.yaml", &["SB047"]),
    ("067-sovereign-cluster-ss.yaml", &["SB047"]),
    ("077-instellar-do-bootstrap.yaml", &["SB047"]),
    ("121-idx-fan-bootstrap-dns-name.yaml", &["SB047"]),
    // An OVN network.
    // Neither product takes `shared` for `storage.images_volume`.
    ("089-operations-center-clusterconf.yaml", &["SB017"]),
    ("098-idx-ovn-physical-uplink.yaml", &["SB050"]),
    // The collection calls it a mistake: no member can be reached under a wildcard.
    ("049-tuto-fr-bootstrap.yaml", &["SB126"]),
];

/// What people met with the faulty files, and where it shows.
enum Cause {
    /// This finding names it.
    Found(&'static str),
    /// This finding names it to those who say for whom the file is.
    FoundFor(Product, &'static str),
    /// It is no fault any more: Seedbed does what the file asks for.
    Works(&'static str),
    /// It cannot be seen from the file.
    Hidden(&'static str),
}

const FAULTY: [(&str, Cause); 15] = [
    ("01-managed-false", Cause::Found("SB105")),
    ("02-bootstrap-pool-size", Cause::Works("keys of the member that reads the file may stand in config")),
    ("03-images-volume-missing", Cause::Found("SB113")),
    ("04-token-join-no-server-name", Cause::Found("SB120")),
    ("05-duplicate-trust-password", Cause::Found("SB007")),
    // The profile stored on the server holds `network`: only whoever merges meets the clash.
    ("06-nictype-network-conflict", Cause::FoundFor(Product::Lxd50, "SB176")),
    // What the volume group holds is only known on the machine, but its name is that of an installer.
    ("07-lvm-vg-not-empty", Cause::Found("SB028")),
    ("08-unknown-key-ignored", Cause::Found("SB101")),
    // Here it works: trust passwords are supported.
    ("09-trust-password-removed", Cause::FoundFor(Product::Lxd, "SB173")),
    ("10-pools-key", Cause::Found("SB101")),
    // What the name leads to is only known on the machine; that it is a name is seen.
    ("11-ipv6-only-dns-name", Cause::Found("SB131")),
    ("12-lvm-join-internal-keys", Cause::Found("SB127")),
    ("13-auto-update-panic", Cause::Works("the file is right: the daemon of that time was not")),
    ("14-linstor-join-source", Cause::Hidden("the pool and its driver are only known to the cluster")),
    ("15-restricted-cluster-groups-join", Cause::Hidden("the projects of the cluster are not in the file")),
];

fn corpus() -> Option<PathBuf> {
    // A worktree of the project may stand deeper than the project itself.
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().skip(1);
    let found = above.map(|folder| folder.join("shared/corpus/preseeds")).find(|path| path.is_dir());
    if found.is_none() {
        eprintln!("skipped: there is no collection of preseeds in shared/corpus/preseeds beside the project");
    }
    found
}

fn read(path: &Path) -> (Vec<Source>, Loaded) {
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    let sources = vec![Source::new(name, fs::read_to_string(path).expect("a file of the collection"))];
    let loaded = load(&sources, &Options::default());
    (sources, loaded)
}

// The grammar ends where the rules of single kinds and of clustering begin.
fn is_grammar(code: &str) -> bool {
    code < "SB013" || ["SB101", "SB102", "SB104"].contains(&code)
}

fn errors(loaded: &Loaded) -> Vec<&str> {
    loaded.findings.iter().filter(|finding| finding.is_error()).map(|finding| finding.code.as_str()).collect()
}

#[test]
fn real_preseeds_are_taken_as_their_parsers_take_them() {
    let Some(corpus) = corpus() else { return };
    let index = fs::read_to_string(corpus.join("index.tsv")).expect("the index");
    let mut wrong = Vec::new();
    for row in index.lines().skip(1).filter(|row| !row.starts_with("faulty/")) {
        let cells: Vec<&str> = row.split('\t').collect();
        let (name, parsers) = (cells[0], &cells[4..7]);
        let (sources, loaded) = read(&corpus.join(name));
        let refusals: Vec<&str> = errors(&loaded).into_iter().filter(|code| is_grammar(code)).collect();
        let expected = REFUSED.iter().find(|(file, _)| *file == name).map(|(_, code)| *code);
        let is_taken = parsers.contains(&"ok");
        let fits = match expected {
            Some(code) => refusals.contains(&code),
            None => is_taken && refusals.is_empty(),
        };
        if !fits {
            wrong.push(format!("{name}\n{}", render(&loaded.findings, &sources, Colour::Never)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_beyond_the_grammar_are_the_ones_that_we_know_of() {
    let Some(corpus) = corpus() else { return };
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(corpus).expect("the collection") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let (_, loaded) = read(&path);
        let codes: Vec<String> =
            errors(&loaded).into_iter().filter(|code| !is_grammar(code)).map(str::to_owned).collect();
        if !codes.is_empty() {
            found.insert(path.file_name().expect("a name").to_string_lossy().into_owned(), codes);
        }
    }
    let known = |(file, codes): &(&str, &[&str])| {
        ((*file).to_owned(), codes.iter().map(|code| (*code).to_owned()).collect::<Vec<String>>())
    };
    assert_eq!(found, IMPOSSIBLE.iter().map(known).collect());
}

#[test]
fn what_people_met_with_faulty_preseeds_is_found_or_known_to_be_hidden() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    for (name, cause) in FAULTY {
        let (sources, loaded) = read(&corpus.join("faulty").join(name).with_extension("yaml"));
        let fits = match cause {
            Cause::Found(code) => loaded.findings.iter().any(|finding| finding.code == code),
            Cause::FoundFor(product, code) => {
                let options = Options { dialect: Dialect::Of(product), ..Options::default() };
                load(&sources, &options).findings.iter().any(|finding| finding.code == code)
            }
            Cause::Works(reason) | Cause::Hidden(reason) => !reason.is_empty() && loaded.is_usable(),
        };
        if !fits {
            wrong.push(format!("{name}\n{}", render(&loaded.findings, &sources, Colour::Never)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed = fs::read_dir(corpus.join("faulty")).expect("the faulty ones").count();
    assert_eq!(listed, 2 * FAULTY.len(), "every faulty file is listed");
}

#[test]
fn no_secret_of_the_collection_is_shown() {
    let Some(corpus) = corpus() else { return };
    for folder in [corpus.clone(), corpus.join("faulty")] {
        for entry in fs::read_dir(folder).expect("the collection") {
            let path = entry.expect("an entry").path();
            if path.extension().is_none_or(|end| end != "yaml") {
                continue;
            }
            let (sources, loaded) = read(&path);
            let shown = render(&loaded.findings, &sources, Colour::Never);
            for line in sources[0].text.lines() {
                let secret = line.split_once("password: ").or_else(|| line.split_once("cluster_token: "));
                let Some(secret) = secret.map(|(_, secret)| secret.trim_matches(['"', ' ', '\''])) else { continue };
                // A password that is the word `password` stands in the names of keys too.
                let is_word = secret.len() < 6 || secret == "password";
                assert!(is_word || !shown.contains(secret), "{} shows a secret:\n{shown}", path.display());
            }
        }
    }
}
