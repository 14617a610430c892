//! `--overlay`, `--var` and `--vars`: what is laid over manifests, and what `${NAME}` stands for in them.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use crate::manifest::Variables;

/// What changes manifests for one place.
#[derive(Args, Clone, Debug, Default)]
pub struct LayerArgs {
    /// Files or a directory laid over the others, object by object: null takes a key away; may be given several times
    #[arg(long = "overlay", value_name = "PATH")]
    pub overlays: Vec<String>,
    /// What ${NAME} stands for in values; without any variable, ${ is text
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
    /// A file with a variable on each line, as NAME=VALUE; --var goes before it
    #[arg(long, value_name = "FILE")]
    pub vars: Vec<PathBuf>,
}

/// `NAME=VALUE`.
///
/// # Errors
/// When it is something else.
pub fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is no NAME=VALUE")),
    }
}

impl LayerArgs {
    /// The variables; `None` when there are none, so that `${` is text.
    ///
    /// # Errors
    /// When a file cannot be read, or a line of it is no variable.
    pub fn variables(&self) -> Result<Option<Variables>, Failure> {
        let mut all = Variables::new();
        for file in &self.vars {
            let text = std::fs::read_to_string(file).map_err(|cause| {
                Failure::because(format!("read the variables in {}", file.display()), &cause).exiting(Exit::NoInput)
            })?;
            for line in text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
                // A line may hold a secret by mistake: it is not shown.
                let (name, value) = variable(line)
                    .map_err(|_| Failure::usage(format!("a line of {} is no NAME=VALUE", file.display())))?;
                all.insert(name, value);
            }
        }
        all.extend(self.variables.iter().cloned());
        Ok(Some(all).filter(|_| !self.variables.is_empty() || !self.vars.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_come_from_files_and_the_command_line_goes_before_them() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "# ours\nPOOL=data\n\nURL=a=b\n").expect("a file");
        let args = LayerArgs {
            overlays: Vec::new(),
            variables: vec![("POOL".to_owned(), "fast".to_owned())],
            vars: vec![file.path().to_owned()],
        };
        let wanted = [("POOL", "fast"), ("URL", "a=b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(args.variables().expect("variables"), Some(wanted.into()));
        assert_eq!(LayerArgs::default().variables().expect("none"), None);
        std::fs::write(file.path(), "sekret\n").expect("a file");
        let failure = args.variables().expect_err("a line without a name");
        assert!(!failure.message.contains("sekret"), "{}", failure.message);
    }
}
