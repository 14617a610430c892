//! The one place of this layer that reads files: paths and directories to sources.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use super::encoding::decode;
use super::loaded::Limits;
use super::source::Source;
use crate::model::{Finding, Place};

/// What was read, and what could not be.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The texts, in the order of the paths; those of a directory in the order of their names.
    pub sources: Vec<Source>,
    /// Paths that could not be read, and directories without a manifest.
    pub findings: Vec<Finding>,
    /// Whether something that is there could not be read.
    pub has_unreadable: bool,
    /// Bytes of the texts.
    bytes: usize,
}

/// The file that names what directories hold besides manifests, in the syntax of `.gitignore`.
const IGNORE_FILE: &str = ".seedbedignore";

/// Reads paths: files, directories (recursive, every `.yaml` and `.yml`) and `-` for `stdin`.
///
/// Directories are read depth first in the order of names, byte by byte. Left out are names that start with a dot,
/// because editors and checkouts keep their own files there, and what a `.seedbedignore` names: the one of the working
/// directory, and those of the directory and of the directories below it. A file that is named itself is always read.
pub fn read_paths(paths: &[String], stdin: Option<&[u8]>) -> Sources {
    let mut read = Sources::default();
    for path in paths {
        if read.is_too_large() {
            break;
        }
        if path == Source::STDIN {
            read.take(Source::STDIN, stdin.unwrap_or_default().to_vec());
        } else if Path::new(path).is_dir() {
            read_directory(path, &mut read);
        } else {
            read_file(Path::new(path), &mut read);
        }
    }
    read
}

fn read_directory(path: &str, into: &mut Sources) {
    let mut walk = walk(path);
    walk.add_custom_ignore_filename(IGNORE_FILE);
    if Path::new(IGNORE_FILE).is_file() {
        into.findings.extend(walk.add_ignore(IGNORE_FILE).map(|cause| unusable(&cause)));
    }
    let mut files = Vec::new();
    for entry in walk.build() {
        match entry {
            Ok(entry) => {
                into.findings.extend(entry.error().map(unusable));
                files.extend(Some(entry.into_path()).filter(|path| is_manifest(path)));
            }
            Err(cause) => into.unreadable(path, Finding::error("SB002", format!("cannot list `{path}`: {cause}"))),
        }
    }
    if files.is_empty() {
        let finding = Finding::error("SB003", format!("the directory `{path}` holds no manifest"));
        let help = match walk_all(path).any(|path| is_manifest(&path)) {
            true => "a .seedbedignore names all of its .yaml files",
            false => "a manifest is a file whose name ends in .yaml or .yml",
        };
        into.findings.push(finding.at(Place::of_file(path)).helping(help));
    }
    for file in files {
        if into.is_too_large() {
            break;
        }
        read_file(&file, into);
    }
}

impl Sources {
    fn take(&mut self, path: &str, bytes: Vec<u8>) {
        match decode(path, bytes) {
            Ok(text) => self.push(Source::new(path, text)),
            Err(finding) => self.unreadable(path, *finding),
        }
    }

    fn unreadable(&mut self, path: &str, finding: Finding) {
        let place = finding.place.clone().unwrap_or_else(|| Place::of_file(path));
        self.findings.push(finding.at(place));
        self.has_unreadable = true;
    }

    fn push(&mut self, source: Source) {
        self.bytes += source.text.len();
        self.sources.push(source);
        if self.is_too_large() {
            let message = format!("these files hold more than {} MiB", Limits::default().set_bytes_max >> 20);
            let finding = Finding::error("SB108", message);
            let help = "the rest was not read: split the set, or use --each when its files are sets of their own";
            self.findings.push(finding.helping(help));
        }
    }

    fn is_too_large(&self) -> bool {
        self.bytes > Limits::default().set_bytes_max
    }
}

// A link to a directory may lead back up: it is not followed.
fn walk(path: &str) -> WalkBuilder {
    let mut walk = WalkBuilder::new(path);
    walk.standard_filters(false).hidden(true).follow_links(false).sort_by_file_name(Ord::cmp);
    walk
}

fn walk_all(path: &str) -> impl Iterator<Item = PathBuf> {
    walk(path).build().filter_map(|entry| entry.ok().map(ignore::DirEntry::into_path))
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml") && path.is_file()
}

// Left alone, a pattern that cannot be read would let a file in that was meant to stay out.
fn unusable(cause: &ignore::Error) -> Finding {
    let finding = Finding::error("SB013", format!("an ignore file cannot be used: {cause}"));
    finding.helping("its lines are patterns as in .gitignore")
}

/// Reads all of a file, or of one that is larger than a source may be only so much that it is found to be too large.
///
/// # Errors
/// When it cannot be read.
pub fn read_bounded(from: impl Read) -> io::Result<Vec<u8>> {
    read_sized(from, 0)
}

// With its size known, a text is read into one piece of memory.
fn read_sized(from: impl Read, size: u64) -> io::Result<Vec<u8>> {
    let bytes_max = Limits::default().source_bytes_max;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(bytes_max).min(bytes_max) + 1);
    from.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max {
        // The cut may go through a character. Nobody reads a file that is too large.
        let end = bytes.iter().rposition(u8::is_ascii).map_or(0, |last| last + 1);
        bytes[end..].fill(b' ');
    }
    Ok(bytes)
}

// The name on screens may lack letters that the file's has: it is opened by its own.
fn read_file(path: &Path, into: &mut Sources) {
    let shown = path.to_string_lossy();
    let read = |file: File| {
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        read_sized(file, size)
    };
    match File::open(path).and_then(read) {
        Ok(bytes) => into.take(&shown, bytes),
        Err(cause) => {
            let finding = Finding::error("SB002", format!("cannot read `{shown}`: {cause}"));
            match cause.kind() {
                io::ErrorKind::NotFound => into.findings.push(finding.at(Place::of_file(shown))),
                _ => into.unreadable(&shown, finding),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let read = read_paths(&paths, Some(b"config: {}"));
        assert_eq!(read.sources, [Source::new("-", "config: {}")]);
        let codes: Vec<&str> = read.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, ["SB002", "SB002", "SB003"]);
    }

    #[test]
    fn an_ignore_file_holds_for_its_directory_and_those_below() {
        let root = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(root.path().join("a/b")).expect("directories");
        fs::create_dir_all(root.path().join("drafts")).expect("directories");
        let files =
            ["x.yaml", "k8s.yaml", "a/k8s.yaml", "a/keep.draft.yaml", "a/b/y.draft.yaml", "a/z.yml", "drafts/d.yaml"];
        for name in files {
            fs::write(root.path().join(name), name).expect("a file");
        }
        fs::write(root.path().join(".seedbedignore"), "# others\n/k8s.yaml\n*.draft.yaml\ndrafts/\n").expect("a file");
        fs::write(root.path().join("a/.seedbedignore"), "!keep.draft.yaml\n").expect("a file");
        let texts = |path: &Path| {
            let read = read_paths(&[path.to_string_lossy().into_owned()], None);
            let texts: Vec<String> = read.sources.into_iter().map(|source| source.text).collect();
            (texts.join(" "), read.findings)
        };
        assert_eq!(texts(root.path()), ("a/k8s.yaml a/keep.draft.yaml a/z.yml x.yaml".to_owned(), Vec::new()));
        // What is named itself is meant, and a directory that is named is searched.
        assert_eq!(texts(&root.path().join("k8s.yaml")).0, "k8s.yaml");
        assert_eq!(texts(&root.path().join("drafts")).0, "drafts/d.yaml");
        fs::write(root.path().join(".seedbedignore"), "*\n").expect("a file");
        let (read, findings) = texts(root.path());
        assert_eq!((read.as_str(), findings[0].code.as_str()), ("", "SB003"));
        assert_eq!(findings[0].help, ["a .seedbedignore names all of its .yaml files"]);
        fs::write(root.path().join(".seedbedignore"), "{a\n").expect("a file");
        assert_eq!(texts(root.path()).1[0].code, "SB013");
    }
}
