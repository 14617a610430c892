//! `seedbed schema`: the JSON Schema of manifests, for editors and CI.

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Format, Screen};
use crate::manifest;

/// The files' names wherever they are written.
const FILE: &str = "seedbed.schema.json";
const REPORT_FILE: &str = "report.schema.json";

/// The arguments of `seedbed schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// Write it to DIR/seedbed.schema.json, and the schema of `validate --report json` beside it
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "schemas")]
    write: Option<PathBuf>,
}

/// Prints or writes the schema.
///
/// # Errors
/// When it cannot be written.
pub fn run(args: &SchemaArgs, screen: Screen) -> Result<Exit, Failure> {
    let text = format!("{:#}\n", manifest::schema());
    let Some(directory) = &args.write else {
        match screen.format {
            Format::Yaml => screen.write_value(&manifest::schema())?,
            Format::Table | Format::Json | Format::Csv | Format::Compact => screen.write(&text)?,
        }
        return Ok(Exit::Done);
    };
    let file = directory.join(FILE);
    let report = format!("{:#}\n", manifest::report::report_schema());
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(&file, text))
        .and_then(|()| std::fs::write(directory.join(REPORT_FILE), report))
        .map_err(|cause| Failure::because(format!("write the schema to {}", file.display()), &cause))?;
    screen.say(&format!("Schema written to {}. Editors find it by the first line of a manifest:", file.display()));
    screen.say(&format!("# yaml-language-server: $schema={}", file.display()));
    Ok(Exit::Done)
}
