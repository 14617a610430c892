//! The formats that data comes in, as LXD's client names them.

use serde_json::Value;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// How data is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// Everything that the screen shows and more, for programs.
    Json,
    /// The same as JSON, in YAML.
    Yaml,
    /// One line a row.
    Csv,
    /// A table without lines.
    Compact,
}

impl Format {
    /// Whether a program reads it.
    pub fn is_for_programs(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }
}

/// A value as JSON when that is asked for, otherwise as YAML.
pub(super) fn value(format: Format, value: &Value) -> Result<String, Failure> {
    match format {
        Format::Json => Ok(format!("{value:#}\n")),
        Format::Table | Format::Yaml | Format::Csv | Format::Compact => serde_saphyr::to_string(value)
            .map(|text| if text.ends_with('\n') { text } else { format!("{text}\n") })
            .map_err(|cause| Failure::because("write the result as YAML", &cause).exiting(Exit::Bug)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_keeps_strings_that_look_like_numbers() {
        let pool = serde_json::json!({"config": {"size": "010", "auto": "yes", "interval": "15"}, "used_by": []});
        insta::assert_snapshot!(value(Format::Yaml, &pool).expect("yaml"), @r#"
        config:
          auto: "yes"
          interval: "15"
          size: "010"
        used_by: []
        "#);
    }
}
