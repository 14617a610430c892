//! The formats that data comes in, as LXD's client names them.

use serde_json::Value;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::model::{is_printable, printable_json};

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

fn json(value: &Value) -> String {
    format!("{}\n", printable_json(&format!("{value:#}")))
}

/// A value as JSON when that is asked for, otherwise as YAML.
pub(super) fn value(format: Format, value: &Value) -> Result<String, Failure> {
    match format {
        Format::Json => Ok(json(value)),
        Format::Table | Format::Yaml | Format::Csv | Format::Compact => serde_saphyr::to_string(value)
            .map(|text| match text.chars().all(|c| c == '\n' || is_printable(c)) {
                true if text.ends_with('\n') => text,
                true => format!("{text}\n"),
                // JSON is YAML too, and it has an escape for everything.
                false => json(value),
            })
            .map_err(|cause| Failure::because("write the result as YAML", &cause).exiting(Exit::Bug)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_means_the_same() {
        let pool = serde_json::json!({"description": "\u{1b}[2K\u{9b}31m\u{202e}x", "name": "日本"});
        for format in [Format::Json, Format::Yaml, Format::Table] {
            let text = super::value(format, &pool).expect("text");
            assert!(text.chars().all(|c| c == '\n' || is_printable(c)), "{text:?}");
            let back: Value = serde_saphyr::from_str(&text).expect("YAML");
            assert_eq!(back, pool, "{format:?}");
        }
    }

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
