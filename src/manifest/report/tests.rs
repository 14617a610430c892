//! What findings look like on a screen and in data.

use serde_json::Value;

use super::*;
use crate::manifest::lint::suppress::Allowed;
use crate::model::Place;

fn fixture() -> (Vec<Source>, Vec<Finding>, Counts) {
    let sources = vec![
        Source::new("./site/a pool.yaml", "storage_pools:\n- name: data\n  sorce: x\n"),
        Source::new("site/b.yaml", "profiles: []\n"),
    ];
    let place = Place {
        file: "./site/a pool.yaml".into(),
        line: 3,
        column: 3,
        start: 31,
        end: 36,
        pointer: "/storage_pools/0/sorce".into(),
    };
    let findings = vec![
        Finding::warning("SB020", "odd, but 100% usable: yes").at(place.clone()),
        Finding::error("SB014", "unknown key `sorce` <here> & \u{1} there")
            .at(place.clone())
            .noting("did you mean `source`?")
            .with(place, "first\nhere")
            .helping("seedbed explain storage-dir.source"),
        Finding::error("SB002", "nothing to read"),
    ];
    let counts = Counts { files: 2, objects: 1, valid: 0, ..Counts::default() };
    (sources, findings, counts)
}

fn written(format: Format) -> String {
    let (sources, findings, counts) = fixture();
    report(
        format,
        &Run {
            sources: &sources,
            findings: &findings,
            allowed: &[],
            counts: &counts,
            checkout: None,
            elapsed_ms: 1250,
        },
    )
}

fn parsed(format: Format) -> Value {
    serde_json::from_str(&written(format)).expect("JSON")
}

#[test]
fn our_report_counts_and_places_every_finding() {
    let value = parsed(Format::Json);
    assert_eq!(value["summary"]["errors"], 2);
    assert_eq!(value["findings"].as_array().map(Vec::len), Some(3));
    assert_eq!(value["findings"][0]["place"]["end_column"], 8);
    let schema = jsonschema::validator_for(&report_schema()).expect("a schema");
    assert!(schema.is_valid(&value), "{value:#}");
}

#[test]
fn sarif_puts_errors_first_and_escapes_paths() {
    let value = parsed(Format::Sarif);
    let run = &value["runs"][0];
    let results = run["results"].as_array().expect("results");
    assert_eq!(results[0]["level"], "error");
    assert_eq!(results[2]["level"], "warning");
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "site/a%20pool.yaml");
    assert_eq!(place["region"]["endColumn"], 8);
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    }
}

#[test]
fn fingerprints_survive_moved_lines_and_tell_equals_apart() {
    let (sources, mut findings, counts) = fixture();
    let twin = findings[0].clone();
    findings.push(twin);
    let prints = |findings: &[Finding]| {
        let run = Run { sources: &sources, findings, allowed: &[], counts: &counts, checkout: None, elapsed_ms: 0 };
        let value: Value = serde_json::from_str(&report(Format::Gitlab, &run)).expect("JSON");
        let list = value.as_array().expect("a list").iter().map(|entry| entry["fingerprint"].clone());
        list.collect::<Vec<_>>()
    };
    let before = prints(&findings);
    for finding in &mut findings {
        if let Some(place) = &mut finding.place {
            place.line += 7;
        }
    }
    assert_eq!(prints(&findings), before);
    let distinct: std::collections::BTreeSet<String> = before.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), 4);
}

#[test]
fn github_commands_stay_on_one_line_each() {
    let text = written(Format::Github);
    assert_eq!(text.lines().count(), 3);
    let warning = text.lines().last().expect("a line");
    assert_eq!(
        warning,
        "::warning file=site/a pool.yaml,line=3,endLine=3,col=3,endColumn=8,title=SB020::odd, but 100%25 usable: yes"
    );
}

#[test]
fn junit_has_a_case_for_each_file_and_one_for_the_set() {
    let text = written(Format::Junit);
    assert!(text.contains(r#"tests="3" failures="2" errors="0" time="1.250""#), "{text}");
    assert!(text.contains(r#"<testcase name="site/b.yaml" classname="seedbed.validate"/>"#), "{text}");
    assert!(text.contains("&lt;here&gt; &amp;   there"), "{text}");
}

#[test]
fn the_summary_is_a_table_for_people() {
    let (sources, findings, counts) = fixture();
    let run =
        Run { sources: &sources, findings: &findings, allowed: &[], counts: &counts, checkout: None, elapsed_ms: 1 };
    let text = markdown(&run);
    assert!(text.starts_with("### seedbed validate: failed\n"), "{text}");
    assert!(text.contains("| warning SB020 | site/a pool.yaml:3:3 | odd, but 100% usable: yes |"), "{text}");
}

#[test]
fn what_comments_allow_is_told_apart_from_what_was_found() {
    let (sources, mut findings, counts) = fixture();
    let finding = findings.remove(0);
    let at = finding.place.clone().expect("a place");
    let allowed = [Allowed { finding, reason: "the template sets it".to_owned(), at }];
    let run = Run {
        sources: &sources,
        findings: &findings,
        allowed: &allowed,
        counts: &counts,
        checkout: None,
        elapsed_ms: 0,
    };
    let parse = |format| serde_json::from_str::<Value>(&report(format, &run)).expect("JSON");
    let ours = parse(Format::Json);
    assert_eq!((&ours["summary"]["warnings"], &ours["summary"]["allowed"]), (&0.into(), &1.into()));
    assert_eq!(ours["allowed"][0]["reason"], "the template sets it");
    assert!(jsonschema::validator_for(&report_schema()).expect("a schema").is_valid(&ours), "{ours:#}");
    let sarif = parse(Format::Sarif);
    let results = sarif["runs"][0]["results"].as_array().expect("results");
    let suppressed: Vec<&Value> = results.iter().filter(|result| !result["suppressions"].is_null()).collect();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["ruleId"], "SB020");
    assert_eq!(suppressed[0]["suppressions"][0]["kind"], "inSource");
    assert_eq!(suppressed[0]["suppressions"][0]["justification"], "the template sets it");
    for format in [Format::Github, Format::Gitlab, Format::Junit] {
        assert!(!report(format, &run).contains("SB020"), "{}", format.name());
    }
    assert!(markdown(&run).contains("1 allowed by comments"));
}
