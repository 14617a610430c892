//! `seedbed schema`: the JSON Schema of manifests, for editors and CI.

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Format, Screen};
use crate::manifest;

/// The arguments of `seedbed schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// Write seedbed.schema.json, its draft-07 twin and the schema of `validate --report json` into DIR
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = "schemas")]
    write: Option<PathBuf>,
    /// Print the twin in draft-07, for programs that read nothing newer
    #[arg(long, conflicts_with = "write")]
    draft_07: bool,
}

/// Prints or writes the schema.
///
/// # Errors
/// When it cannot be written.
pub fn run(args: &SchemaArgs, screen: Screen) -> Result<Exit, Failure> {
    let Some(directory) = &args.write else {
        let schema = if args.draft_07 { manifest::schema_draft_07() } else { manifest::schema() };
        match screen.format {
            Format::Yaml => screen.write_value(&schema)?,
            Format::Table | Format::Json | Format::Csv | Format::Compact => {
                screen.write_exactly(&format!("{schema:#}\n"))?
            }
        }
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(directory)
        .map_err(|cause| Failure::because(format!("make the directory {}", directory.display()), &cause))?;
    for (name, schema) in manifest::schemas() {
        let file = directory.join(name);
        std::fs::write(&file, format!("{schema:#}\n"))
            .map_err(|cause| Failure::because(format!("write the schema to {}", file.display()), &cause))?;
    }
    let [(name, _), ..] = manifest::schemas();
    let file = directory.join(name);
    screen.say(&format!("Schema written to {}. Editors find it by the first line of a manifest:", file.display()));
    screen.say(&format!("# yaml-language-server: $schema={}", file.display()));
    Ok(Exit::Done)
}
