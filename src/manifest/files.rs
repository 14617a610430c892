//! The one place of this layer that reads files: paths and directories to sources.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::Source;
use crate::model::Finding;

/// What was read, and what could not be.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The texts, in the order of the paths; those of a directory in the order of their names.
    pub sources: Vec<Source>,
    /// Paths that could not be read, and directories without a manifest.
    pub findings: Vec<Finding>,
}

/// Reads paths: files, directories (recursive, every `.yaml` and `.yml`) and `-` for `stdin`.
///
/// Names that start with a dot are left out of directories: editors and checkouts keep their own files there.
pub fn read_paths(paths: &[String], stdin: Option<&str>) -> Sources {
    let mut read = Sources::default();
    for path in paths {
        if path == Source::STDIN {
            read.sources.push(Source::new(Source::STDIN, stdin.unwrap_or_default()));
        } else if Path::new(path).is_dir() {
            read_directory(path, &mut read);
        } else {
            read_file(path, &mut read);
        }
    }
    read
}

fn read_directory(path: &str, into: &mut Sources) {
    let mut files = Vec::new();
    collect(Path::new(path), &mut files, into);
    if files.is_empty() {
        let finding = Finding::error("SB003", format!("the directory `{path}` holds no manifest"));
        into.findings.push(finding.helping("a manifest is a file whose name ends in .yaml or .yml"));
    }
    for file in files {
        read_file(&file.to_string_lossy(), into);
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>, into: &mut Sources) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(cause) => {
            into.findings.push(Finding::error("SB002", format!("cannot list `{}`: {cause}", directory.display())));
            return;
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths.into_iter().filter(|path| !is_hidden(path)) {
        // A link to a directory may lead back up: it is not followed.
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files, into);
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") && path.is_file() {
            files.push(path);
        }
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

fn read_file(path: &str, into: &mut Sources) {
    match fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => into.sources.push(Source::new(path, text)),
        Ok(Err(cause)) => {
            let at = cause.utf8_error().valid_up_to();
            let finding = Finding::error("SB002", format!("`{path}` is not UTF-8 text: byte {at} is wrong"));
            into.findings.push(finding.helping("save the file as UTF-8"));
        }
        Err(cause) => into.findings.push(Finding::error("SB002", format!("cannot read `{path}`: {cause}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_read_in_the_order_of_names_without_hidden_files() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root.path().join("b/.git")).expect("directories");
        for name in ["c.yml", "a.yaml", "b/z.yaml", "b/.git/x.yaml", ".swap.yaml", "readme.md"] {
            fs::write(root.path().join(name), name).expect("a file");
        }
        let read = read_paths(&[root.path().to_string_lossy().into_owned()], None);
        let texts: Vec<&str> = read.sources.iter().map(|source| source.text.as_str()).collect();
        assert_eq!(texts, ["a.yaml", "b/z.yaml", "c.yml"]);
        assert!(read.findings.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_a_finding_and_the_rest_is_read() {
        let root = tempfile::tempdir().expect("a directory");
        fs::write(root.path().join("latin1"), b"caf\xe9").expect("a file");
        let paths = ["nowhere.yaml", "-", "latin1", ""].map(|name| {
            if name == "-" { name.to_owned() } else { root.path().join(name).to_string_lossy().into_owned() }
        });
        let read = read_paths(&paths, Some("config: {}"));
        assert_eq!(read.sources, [Source::new("-", "config: {}")]);
        let codes: Vec<&str> = read.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["SB002", "SB002", "SB003"]);
    }
}
