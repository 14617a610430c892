//! `seedbed validate PATH…`: no daemon, no network, the same result on any machine.

use std::time::Instant;

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::{Input, count, plural};
use crate::cli::screen::Screen;
use crate::model::Severity;

/// The arguments of `seedbed validate`.
#[derive(Args, Debug)]
pub struct ValidateArgs {
    /// Files, directories (every .yaml and .yml below), or `-` for standard input; together they are one desired state
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Count warnings as errors
    #[arg(long)]
    strict: bool,
}

/// Validates, and prints every finding.
///
/// # Errors
/// When there is nothing to read.
pub fn run(args: &ValidateArgs, screen: Screen) -> Result<Exit, Failure> {
    let start = Instant::now();
    let input = Input::read(&args.paths)?;
    let elapsed_ms = start.elapsed().as_millis();
    let summary = Summary::of(&input);
    if screen.format.is_for_programs() {
        screen.write_value(&summary.json(&input, elapsed_ms))?;
    } else {
        screen.write(&input.render(screen.data))?;
    }
    screen.say(&summary.line(elapsed_ms));
    Ok(if summary.is_good(args.strict) { Exit::Done } else { Exit::Failed })
}

/// The figures of the last line.
struct Summary {
    objects: usize,
    files: usize,
    valid: usize,
    errors: usize,
    warnings: usize,
}

impl Summary {
    fn of(input: &Input) -> Self {
        let findings = &input.loaded.findings;
        Self {
            objects: input.loaded.counts.objects,
            files: input.sources.len(),
            valid: input.loaded.counts.valid,
            errors: count(findings, Severity::Error),
            warnings: count(findings, Severity::Warning),
        }
    }

    fn is_good(&self, is_strict: bool) -> bool {
        self.errors == 0 && (self.warnings == 0 || !is_strict)
    }

    fn line(&self, elapsed_ms: u128) -> String {
        let Self { objects, files, valid, errors, warnings } = self;
        let mut parts = vec![format!("{valid} valid")];
        if *errors > 0 {
            parts.push(plural(*errors, "error"));
        }
        if *warnings > 0 {
            parts.push(plural(*warnings, "warning"));
        }
        let (objects, files) = (plural(*objects, "object"), plural(*files, "file"));
        format!("{objects} in {files}: {}, in {elapsed_ms} ms", parts.join(", "))
    }

    fn json(&self, input: &Input, elapsed_ms: u128) -> serde_json::Value {
        let Self { objects, files, valid, errors, warnings } = self;
        json!({
            "format_version": 1,
            "summary": {
                "objects": objects, "files": files, "valid": valid, "errors": errors, "warnings": warnings,
                "elapsed_ms": u64::try_from(elapsed_ms).unwrap_or(u64::MAX),
            },
            "findings": input.loaded.findings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_names_only_what_there_is() {
        let good = Summary { objects: 1, files: 1, valid: 1, errors: 0, warnings: 0 };
        assert_eq!(good.line(4), "1 object in 1 file: 1 valid, in 4 ms");
        let bad = Summary { objects: 14, files: 2, valid: 13, errors: 1, warnings: 1 };
        assert_eq!(bad.line(4), "14 objects in 2 files: 13 valid, 1 error, 1 warning, in 4 ms");
        assert!(good.is_good(true) && !bad.is_good(false));
    }
}
