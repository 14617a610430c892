//! The key table against what real servers say of every key with good and with bad values.

mod questions;
mod server;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use questions::Said;
use seedbed::kinds::tables::dialect::Product;
use seedbed::kinds::tables::key_table;
use server::Server;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle")
}

fn values() -> Vec<String> {
    // JSON strings stand where a plain line could not.
    let value = |line: &str| serde_json::from_str::<String>(line).unwrap_or_else(|_| line.to_owned());
    include_str!("values.txt").lines().map(value).collect()
}

const PRODUCTS: [(Product, &str); 2] = [(Product::Lxd50, "lxd-5.0.2"), (Product::Incus, "incus-6.0.4")];

/// A row of the list of differences that are meant: patterns of entity, key and value, a product, and the reason.
struct Departure<'a> {
    cells: [&'a str; 4],
    is_used: Cell<bool>,
}

fn departures() -> Vec<Departure<'static>> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.split('\t').collect();
        let [entity, key, value, product, reason] = cells[..] else { panic!("five cells: {line}") };
        assert!(!reason.is_empty(), "{line}");
        Departure { cells: [entity, key, value, product], is_used: Cell::new(false) }
    };
    include_str!("departures.tsv").lines().skip(1).map(row).collect()
}

// `*` stands for anything at an end of a pattern, `|` between several.
fn fits(pattern: &str, text: &str) -> bool {
    pattern.split('|').any(|one| match (one.strip_prefix('*'), one.strip_suffix('*')) {
        _ if one == "*" => true,
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        _ => one == text,
    })
}

#[test]
fn every_value_is_judged_as_the_servers_have_judged_it() {
    let departures = departures();
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (product, name) in PRODUCTS {
        let answers = fs::read_to_string(folder().join(format!("{name}.tsv"))).expect("recorded answers: make oracle");
        for line in answers.lines() {
            let cells: Vec<&str> = line.split('\t').collect();
            let [entity, key, signs] = cells[..] else { panic!("{line}") };
            let written = questions::written(key);
            if key_table::lookup(entity, &written).is_none() {
                continue;
            }
            for (index, value) in values().into_iter().chain(questions::words(entity, key)).enumerate() {
                let theirs =
                    if signs == "unknown" { '?' } else { signs.chars().nth(index).expect("an answer for each value") };
                let (ours, why) = match questions::is_taken_here(product, entity, &written, &value) {
                    Said::Taken => ('+', String::new()),
                    Said::Refused(why) => ('-', why),
                    Said::Unknown | Said::Hindered(_) => ('?', String::new()),
                };
                compared += 1;
                // Who does not know a key does not take it either.
                let is_same = theirs == '!' || (ours == '+') == (theirs == '+');
                let is_meant = |row: &&Departure<'_>| {
                    row.cells.iter().zip([entity, key, &value, name]).all(|(pattern, text)| fits(pattern, text))
                };
                match departures.iter().find(is_meant).filter(|_| !is_same) {
                    _ if is_same => {}
                    Some(row) => row.is_used.set(true),
                    None => {
                        wrong.push(format!("{name} {entity} {key} `{value}`: the server {theirs}, we {ours} {why}"))
                    }
                }
                if signs == "unknown" {
                    break;
                }
            }
        }
    }
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle-differences.txt"), wrong.join("\n")).expect("write");
    assert!(wrong.is_empty(), "{} of {compared} differ, such as {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
    let idle = departures.iter().filter(|row| !row.is_used.get()).map(|row| row.cells.join(" "));
    assert_eq!(idle.collect::<Vec<_>>(), [""; 0], "departures that nothing needs");
}

// Enough to see that the recorded answers are still those of the servers that are installed.
const SAMPLE: [(&str, &str); 6] = [
    ("instance", "limits.cpu"),
    ("instance", "limits.memory"),
    ("instance", "snapshots.schedule"),
    ("device-proxy", "listen"),
    ("device-nic-p2p", "hwaddr"),
    ("server", "cluster.max_voters"),
];

#[test]
fn installed_servers_answer_as_they_did() {
    for (product, name) in PRODUCTS {
        let Some(server) = Server::start(product) else {
            println!("skipped: {name} is not installed, or nobody may make namespaces here");
            continue;
        };
        questions::prepare_profile(&server);
        let recorded = recorded(name);
        for (entity, key) in SAMPLE {
            let row = row(&server, entity, key, &mut String::new());
            let before = recorded.get(&(entity.to_owned(), key.to_owned()));
            assert_eq!(before, Some(&row), "{name} {entity} {key}: make oracle records the answers anew");
        }
    }
}

fn recorded(name: &str) -> BTreeMap<(String, String), String> {
    let text = fs::read_to_string(folder().join(format!("{name}.tsv"))).unwrap_or_default();
    let row = |line: &str| {
        let mut cells = line.split('\t').map(str::to_owned);
        Some(((cells.next()?, cells.next()?), cells.next()?))
    };
    text.lines().filter_map(row).collect()
}

// SEEDBED_ORACLE names one product, SEEDBED_ORACLE_ENTITIES some entities: the other answers are kept.
#[test]
#[ignore = "records the answers anew: make oracle"]
fn record() {
    let only = |variable: &str| {
        std::env::vars().find(|(name, _)| name == variable).map_or_else(String::new, |(_, value)| value)
    };
    let (product_only, entities_only) = (only("SEEDBED_ORACLE"), only("SEEDBED_ORACLE_ENTITIES"));
    let is_wanted = |entity: &str| entities_only.is_empty() || entities_only.split(',').any(|one| one == entity);
    for (product, name) in PRODUCTS.into_iter().filter(|(_, name)| product_only.is_empty() || product_only == *name) {
        let Some(server) = Server::start(product) else { continue };
        questions::prepare(&server);
        let known: BTreeSet<(String, String)> =
            questions::keys().into_iter().map(|(entity, key)| (entity.to_owned(), key)).collect();
        let mut answers = recorded(name);
        answers.retain(|place, _| known.contains(place));
        let mut log = String::new();
        // Members exist in a cluster alone, and a server in a cluster answers otherwise: they come last.
        let mut wanted: Vec<_> = questions::keys().into_iter().filter(|(entity, _)| is_wanted(entity)).collect();
        wanted.sort_by_key(|(entity, _)| *entity == "cluster");
        for (index, (entity, key)) in wanted.iter().enumerate() {
            if *entity == "cluster" && (index == 0 || wanted[index - 1].0 != *entity) {
                questions::cluster(&server);
            }
            answers.insert(((*entity).to_owned(), key.clone()), row(&server, entity, key, &mut log));
            if wanted.get(index + 1).is_none_or(|(next, _)| next != entity) {
                keep(name, &answers, &log);
            }
        }
    }
}

fn keep(name: &str, answers: &BTreeMap<(String, String), String>, log: &str) {
    let text: String = answers.iter().map(|((entity, key), row)| format!("{entity}\t{key}\t{row}\n")).collect();
    fs::write(folder().join(format!("{name}.tsv")), text).expect("write the answers");
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.log")), log).expect("write the words");
}

// A sign for each value of the list: taken, refused; then one for each word of the key's own. One word for the whole row
// when the key is unknown.
fn row(server: &Server, entity: &str, key: &str, log: &mut String) -> String {
    let written = questions::written(key);
    let mut row = String::new();
    let own: Vec<String> = questions::words(entity, key).collect();
    for value in values().into_iter().chain(own) {
        match questions::ask(server, entity, &written, &value) {
            Said::Unknown => return "unknown".to_owned(),
            Said::Taken => row.push('+'),
            said @ (Said::Hindered(_) | Said::Refused(_)) => {
                let (sign, why) = match said {
                    Said::Hindered(why) => ('!', why),
                    Said::Refused(why) => ('-', why),
                    Said::Taken | Said::Unknown => ('+', String::new()),
                };
                row.push(sign);
                writeln!(log, "{entity}\t{key}\t{value}\t{}", why.replace(['\n', '\t'], " ")).expect("a text");
            }
        }
    }
    row
}
