//! The README says nothing that the program does not take: its manifests are valid, and its command lines are parsed by
//! the program itself. Its first page is run as it is typed by `tests/cluster/founding.rs`.

use seedbed::cli;
use seedbed::manifest::{Colour, Options, Source, load, render};
use seedbed::model::Severity;

const README: &str = include_str!("../README.md");

/// Files of other programs, which begin with their own name.
const FOREIGN: [&str; 4] =
    ["# .github/workflows/", "# .gitlab-ci.yml", "# .pre-commit-config.yaml", "# prometheus.yml"];

/// The fenced blocks in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = README.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().expect("a text"));
    let blocks: Vec<&str> = blocks.collect();
    assert!(!blocks.is_empty(), "no blocks of {language}");
    blocks
}

#[test]
fn every_manifest_of_the_readme_is_valid() {
    let is_whole = |block: &&str| !block.starts_with(' ') && !FOREIGN.iter().any(|name| block.starts_with(name));
    let manifests: Vec<&str> = blocks("yaml").into_iter().filter(is_whole).collect();
    assert!(manifests.len() >= 3, "only {} manifests", manifests.len());
    for text in manifests {
        let sources = [Source { path: "README.md".to_owned(), text: text.to_owned() }];
        let loaded = load(&sources, &Options::default());
        let errors = loaded.findings.iter().any(|finding| finding.severity == Severity::Error);
        assert!(!errors, "{text}\n{}", render(&loaded.findings, &sources, Colour::Never));
        assert!(loaded.counts.objects > 0, "nothing is declared:\n{text}");
    }
}

#[test]
fn every_command_line_of_the_readme_is_one() {
    let prompts =
        |block: &'static str| block.lines().filter_map(|line| line.strip_prefix("# ").or(line.strip_prefix("$ ")));
    let typed = ["console", "sh"].iter().filter(|language| README.contains(&format!("```{language}\n")));
    let typed =
        typed.flat_map(|language| blocks(language)).flat_map(prompts).filter(|line| line.starts_with("seedbed "));
    let in_files = blocks("yaml").into_iter().flat_map(str::lines);
    let in_files = in_files.filter_map(|line| Some(&line[line.find(": seedbed ")? + 2..]));
    let lines: Vec<&str> = typed.chain(in_files.filter(|line| !line.starts_with("seedbed: "))).collect();
    assert!(lines.len() > 40, "only {} command lines", lines.len());
    for line in lines {
        let words = words(line);
        assert!(words.len() > 1, "{line}");
        if let Err(refusal) = cli::parses(words) {
            panic!("{line}\n{refusal}");
        }
    }
}

/// The words of a line as a shell hands them on: up to a comment, a redirection or the background.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        if matches!(first, '#' | '>' | '&' | '|') {
            break;
        }
        let end = match first {
            '\'' | '"' => rest[1..].find(first).expect("a closing quote") + 2,
            _ => rest.find(' ').unwrap_or(rest.len()),
        };
        words.push(rest[..end].trim_matches(['\'', '"']).to_owned());
        rest = rest[end..].trim_start();
    }
    words
}
