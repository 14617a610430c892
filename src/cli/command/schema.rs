//! `seedbed schema`: the JSON Schema of manifests, for editors and CI.

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Format, Screen};
use crate::manifest;

/// The file's name wherever it is written.
const FILE: &str = "seedbed.schema.json";

/// The arguments of `seedbed schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// Write it to DIR/seedbed.schema.json instead of standard output
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
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(&file, text))
        .map_err(|cause| Failure::because(format!("write the schema to {}", file.display()), &cause))?;
    screen.say(&format!("Schema written to {}. Editors find it by the first line of a manifest:", file.display()));
    screen.say(&format!("# yaml-language-server: $schema={}", file.display()));
    Ok(Exit::Done)
}
