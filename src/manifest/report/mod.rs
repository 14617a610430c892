//! Findings for programs: what code hosts, CI servers and scripts read.
//!
//! Each format is a file of its own and a pure function of a [`Run`]. Values of secrets are in none of them: findings
//! hold none.

mod checkout;
mod github;
mod gitlab;
mod json;
mod junit;
mod markdown;
mod sarif;
mod subject;

use super::lint::suppress::Allowed;
use super::loaded::Counts;
use super::source::Source;
use crate::model::Finding;

pub use checkout::Checkout;
pub use markdown::markdown;

/// The formats, by their names on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Our own, versioned; see `schemas/report.schema.json`.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Workflow commands that GitHub shows as annotations.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// JUnit's XML: one test case a file.
    Junit,
}

/// One validation, as the reports tell it.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// What was read.
    pub sources: &'a [Source],
    /// What was found, in the order of the screen.
    pub findings: &'a [Finding],
    /// What comments in the sources allow.
    pub allowed: &'a [Allowed],
    /// How much was read.
    pub counts: &'a Counts,
    /// Where it was done; without it paths are as the user named them.
    pub checkout: Option<&'a Checkout>,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 5] = [Self::Json, Self::Sarif, Self::Github, Self::Gitlab, Self::Junit];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Junit => "junit",
        }
    }
}

/// The report as text, with a line feed at its end.
pub fn report(format: Format, run: &Run<'_>) -> String {
    match format {
        Format::Json => pretty(&json::report(run)),
        Format::Sarif => pretty(&sarif::report(run)),
        Format::Github => github::report(run),
        Format::Gitlab => pretty(&gitlab::report(run)),
        Format::Junit => junit::report(run),
    }
}

/// The JSON Schema of [`Format::Json`], as `schemas/report.schema.json` holds it.
pub fn report_schema() -> serde_json::Value {
    schemars::schema_for!(json::Document).to_value()
}

fn pretty(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("reports are plain data");
    text + "\n"
}

pub mod findings;
pub mod locate;
pub mod redact;
pub mod render;
#[cfg(test)]
mod tests;
