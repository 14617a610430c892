//! The one place of this layer that reads files: paths and directories to sources.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::WalkBuilder;

use super::loaded::Limits;
use super::regular::{open_regular, open_regular_below, stray};
use super::source::Source;
use super::yaml::encoding::decode;
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
/// More patterns than anybody writes.
const IGNORE_FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads paths: files, directories (recursive, every `.yaml` and `.yml`) and `-` for `stdin`.
///
/// Directories are read depth first in the order of names, byte by byte. Left out are names that start with a dot,
/// because editors and checkouts keep their own files there, and what a `.seedbedignore` names: the one of the working
/// directory, and those of the directory and of the directories below it. A file that is named itself is always read.
///
/// Links below a directory that lead out of it are findings, and so is a path inside of a checkout of git that leads out
/// of the checkout: whoever may write there would otherwise have any file of this machine printed.
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
    if let Some(finding) = leaves_checkout(Path::new(path)) {
        into.unreadable(path, finding);
        return;
    }
    let root = match fs::canonicalize(path) {
        Ok(root) => root,
        Err(cause) => {
            into.unreadable(path, Finding::error("SB002", format!("cannot read `{path}`: {cause}")));
            return;
        }
    };
    if let Some(finding) = ignore_file_fault(Path::new(path), &root) {
        into.findings.push(finding);
        return;
    }
    let (mut walk, refused) = (walk(path), Arc::default());
    walk.add_custom_ignore_filename(IGNORE_FILE);
    refuse_ignore_files(&mut walk, &root, &refused);
    if Path::new(IGNORE_FILE).is_file() {
        // The one of the working directory.
        let fault = fs::canonicalize(".").ok().and_then(|here| ignore_file_fault(Path::new("."), &here));
        match fault {
            Some(finding) => into.findings.push(finding),
            None => into.findings.extend(walk.add_ignore(IGNORE_FILE).map(|cause| unusable(&cause))),
        }
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
    let refused = std::mem::take(&mut *refused.lock().unwrap_or_else(PoisonError::into_inner));
    if files.is_empty() && refused.is_empty() {
        let finding = Finding::error("SB003", format!("the directory `{path}` holds no manifest"));
        let help = match walk_all(path).any(|path| is_manifest(&path)) {
            true => "a .seedbedignore names all of its .yaml files",
            false => "a manifest is a file whose name ends in .yaml or .yml",
        };
        into.findings.push(finding.at(Place::of_file(path)).helping(help));
    }
    into.findings.extend(refused);
    for file in files {
        if into.is_too_large() {
            break;
        }
        let opened = fs::canonicalize(&file).and_then(|real| match stray(&root, &real).filter(|_| file.is_symlink()) {
            Some(why) => Err(io::Error::other(why)),
            None => open_regular_below(&root, &real),
        });
        read_opened(&file, opened, into);
    }
}

// The walk reads these files by itself, whatever they are.
fn refuse_ignore_files(walk: &mut WalkBuilder, root: &Path, refused: &Arc<Mutex<Vec<Finding>>>) {
    let (root, refused) = (root.to_owned(), Arc::clone(refused));
    walk.filter_entry(move |entry| {
        let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
        let fault = if is_dir { ignore_file_fault(entry.path(), &root) } else { None };
        let is_good = fault.is_none();
        refused.lock().unwrap_or_else(PoisonError::into_inner).extend(fault);
        is_good
    });
}

fn ignore_file_fault(dir: &Path, root: &Path) -> Option<Finding> {
    let file = dir.join(IGNORE_FILE);
    fs::symlink_metadata(&file).ok()?;
    let why = match fs::canonicalize(&file).and_then(|real| open_regular_below(root, &real)?.metadata()) {
        Ok(met) if met.len() <= IGNORE_FILE_BYTES_MAX => return None,
        Ok(_) => format!("it is larger than {} MiB", IGNORE_FILE_BYTES_MAX >> 20),
        Err(cause) => cause.to_string(),
    };
    Some(Finding::error("SB013", format!("the ignore file `{}` cannot be used: {why}", file.display())))
}

// What stands in a checkout is chosen by whoever may commit; what a person has linked elsewhere is their own.
fn leaves_checkout(path: &Path) -> Option<Finding> {
    let absolute = std::path::absolute(path).ok()?;
    let checkout = absolute.ancestors().skip(1).find(|dir| dir.join(".git").exists())?;
    let (root, real) = (fs::canonicalize(checkout).ok()?, fs::canonicalize(&absolute).ok()?);
    let why =
        stray(&root, &real).filter(|_| absolute.strip_prefix(checkout).is_ok_and(|below| root.join(below) != real))?;
    let finding = Finding::error("SB002", format!("cannot read `{}`: {why}", path.display()));
    Some(finding.helping("name the file that is meant"))
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

fn read_file(path: &Path, into: &mut Sources) {
    match leaves_checkout(path) {
        Some(finding) => into.unreadable(&path.to_string_lossy(), finding),
        None => read_opened(path, open_named(path), into),
    }
}

// A pipe that somebody names is meant: shells give the output of a program as a file that is one.
fn open_named(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::FileTypeExt as _;
    match fs::metadata(path)?.file_type().is_fifo() {
        true => File::open(path),
        false => open_regular(path),
    }
}

// The name on screens may lack letters that the file's has: it is opened by its own.
fn read_opened(path: &Path, opened: io::Result<File>, into: &mut Sources) {
    let shown = path.to_string_lossy();
    let read = |file: File| {
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        read_sized(file, size)
    };
    match opened.and_then(read) {
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

    #[test]
    fn links_out_of_what_was_named_are_not_followed() {
        use std::os::unix::fs::symlink;
        let room = tempfile::tempdir().expect("a directory");
        let top = room.path().canonicalize().expect("a real path");
        fs::create_dir_all(top.join("repo/.git")).expect("directories");
        fs::create_dir_all(top.join("repo/site/..2026")).expect("directories");
        fs::write(top.join("repo/.git/config"), "token").expect("a file");
        fs::write(top.join("shadow"), "hash").expect("a file");
        fs::write(top.join("repo/site/..2026/a.yaml"), "mounted").expect("a file");
        symlink("..2026", top.join("repo/site/..data")).expect("a link");
        symlink("..data/a.yaml", top.join("repo/site/a.yaml")).expect("a link");
        let path = |name: &str| top.join(name).to_string_lossy().into_owned();
        for (target, named) in [
            ("../../shadow", ["repo/site", "repo/site/x.yaml"]),
            ("/proc/self/environ", ["repo/site", "repo/site/x.yaml"]),
            ("../../shadow", ["repo", "repo/site/x.yaml"]),
            ("../.git/config", ["repo", "repo/site/x.yaml"]),
        ] {
            let link = top.join("repo/site/x.yaml");
            let _absent = fs::remove_file(&link);
            symlink(target, &link).expect("a link");
            for named in named {
                let read = read_paths(&[path(named)], None);
                let texts: Vec<&str> = read.sources.iter().map(|source| source.text.as_str()).collect();
                assert!(texts.iter().all(|text| *text == "mounted"), "{target}: {texts:?}");
                assert_eq!(read.findings.len(), 1, "{target} {named}: {:?}", read.findings);
                assert!(read.findings[0].message.contains("it is a link that leads"), "{:?}", read.findings);
            }
        }
        fs::remove_file(top.join("repo/site/x.yaml")).expect("removed");
        symlink("../../shadow", top.join("repo/site/.seedbedignore")).expect("a link");
        let read = read_paths(&[path("repo/site")], None);
        assert_eq!((read.sources.len(), read.findings[0].code.as_str()), (0, "SB013"), "{:?}", read.findings);
    }

    #[test]
    fn a_pipe_that_is_named_is_read_and_a_device_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let fifo = dir.path().join("fifo");
        let path = fifo.to_string_lossy().into_owned();
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .expect("a FIFO");
        let writer = std::thread::spawn(move || fs::write(&fifo, "config: {}"));
        let read = read_paths(&[path, "/dev/zero".to_owned()], None);
        writer.join().expect("it ended").expect("written");
        assert_eq!(read.sources[0].text, "config: {}");
        assert_eq!(read.findings[0].message, "cannot read `/dev/zero`: it is no regular file");
    }
}
