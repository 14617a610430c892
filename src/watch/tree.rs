//! Reads a tree of manifests as one whole: what is returned stood there at one moment, or nothing is.
//!
//! The way to each root is followed twice and the tree is listed twice, before and after its files are read. Where the
//! two differ in a name, an inode, a size or a time, somebody was at work and the read does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::ignored::Ignored;
use super::resolve::{Resolved, resolve};
use crate::manifest::{Source, decode};
use crate::model::Finding;

/// Trees with more files than this are not meant.
const FILES_MAX: usize = 100_000;
/// All files of a set together.
const BYTES_MAX: u64 = 256 << 20;
/// Deeper than any tree of manifests, and an end where directories are mounted into themselves.
const DEPTH_MAX: usize = 64;

/// What stands in a set of roots: SHA-256 over the names and the bytes of all files.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

/// A look at the roots.
#[derive(Debug)]
pub struct Look {
    /// The directories to watch, free of links.
    pub watch: BTreeSet<PathBuf>,
    /// What was found.
    pub outcome: Outcome,
}

/// What a look has found.
#[derive(Debug)]
pub enum Outcome {
    /// Everything, as it stood at one moment.
    Whole(Tree),
    /// It moves. Why, in words.
    Moving(String),
    /// Nothing that could be loaded. Why, in words.
    Nothing(String),
}

/// The manifests of all roots.
#[derive(Debug)]
pub struct Tree {
    /// What tells it from another content.
    pub digest: Digest,
    /// The texts of each root, in the order of the roots, under the names that the user would give them.
    pub roots: Vec<Vec<Source>>,
    /// Files that are no text.
    pub findings: Vec<Finding>,
}

impl Digest {
    /// The digest of some bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::finish(Sha256::new().chain_update(bytes))
    }

    /// A digest as it was shown.
    pub fn read(text: &str) -> Option<Self> {
        (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| Self(text.to_owned()))
    }

    fn finish(hash: Sha256) -> Self {
        Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The first characters, enough to tell revisions apart on a screen.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

impl Tree {
    /// The same tree with its files named below `dir`, as those know them who do not know where it was laid out.
    #[must_use]
    pub fn shown_below(mut self, dir: &Path) -> Self {
        for source in self.roots.iter_mut().flatten() {
            if let Ok(below) = Path::new(&source.path).strip_prefix(dir) {
                source.path = below.to_string_lossy().into_owned();
            }
        }
        self
    }
}

/// Whether a name is one that editors, checkouts and volume managers use on the way to the file that is meant.
pub fn is_temporary(name: &str) -> bool {
    const ENDINGS: [&str; 6] = ["~", ".swp", ".swx", ".swo", ".tmp", ".part"];
    name.starts_with('.') || name == "4913" || name.starts_with('#') || ENDINGS.iter().any(|end| name.ends_with(end))
}

/// Reads all manifests below these roots (directories or files) as one whole. Blocks.
pub fn look(roots: &[PathBuf]) -> Look {
    match try_look(roots) {
        Ok((watch, tree)) => Look { watch, outcome: Outcome::Whole(tree) },
        Err((watch, outcome)) => Look { watch, outcome },
    }
}

type Failed = (BTreeSet<PathBuf>, Outcome);

fn try_look(roots: &[PathBuf]) -> Result<(BTreeSet<PathBuf>, Tree), Failed> {
    let before = Survey::of(roots)?;
    let watch = before.watch();
    let fail = |outcome| (watch.clone(), outcome);
    if let Some(busy) = before.roots.iter().find_map(|root| git_at_work(&root.way.real)) {
        return Err(fail(Outcome::Moving(format!("git is at work: {} exists", busy.display()))));
    }
    if let Some(empty) = before.roots.iter().position(|root| root.files.is_empty()) {
        let text = format!("`{}` holds no manifest: a file whose name ends in .yaml or .yml", roots[empty].display());
        return Err(fail(Outcome::Nothing(text)));
    }
    let tree = read(roots, &before).map_err(fail)?;
    // What the first list did not see is seen by the second, or by the next notification.
    match Survey::of(roots) {
        Ok(after) if after == before => Ok((watch, tree)),
        Ok(_) | Err(_) => Err(fail(Outcome::Moving("files changed while they were read".to_owned()))),
    }
}

/// The names and marks of all files of all roots.
#[derive(Debug, PartialEq, Eq)]
struct Survey {
    roots: Vec<Root>,
}

#[derive(Debug, PartialEq, Eq)]
struct Root {
    way: Resolved,
    /// By path below the root; empty for a root that is a file.
    files: BTreeMap<PathBuf, Mark>,
    /// The files that say what is left out.
    ignore_files: BTreeMap<PathBuf, Mark>,
    /// The directories below the root, itself included.
    dirs: BTreeSet<PathBuf>,
    /// The directories of links that lead to files.
    link_dirs: BTreeSet<PathBuf>,
}

/// What changes when a file does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    real: PathBuf,
    file: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Survey {
    fn of(roots: &[PathBuf]) -> Result<Self, Failed> {
        let mut survey = Self { roots: Vec::with_capacity(roots.len()) };
        let mut watch = BTreeSet::new();
        let mut failed = None;
        for path in roots {
            match Root::of(path) {
                Ok(root) => survey.roots.push(root),
                Err((dirs, outcome)) => {
                    watch.extend(dirs);
                    failed = failed.or(Some(outcome));
                }
            }
        }
        match failed {
            None => Ok(survey),
            // The other roots are watched all the same.
            Some(outcome) => Err((watch.into_iter().chain(survey.watch()).collect(), outcome)),
        }
    }

    fn watch(&self) -> BTreeSet<PathBuf> {
        let of = |root: &Root| [root.way.link_dirs.clone(), root.dirs.clone(), root.link_dirs.clone()];
        self.roots.iter().flat_map(of).flatten().collect()
    }
}

impl Root {
    fn of(path: &Path) -> Result<Self, Failed> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let way = resolve(&absolute).map_err(|lost| {
            let text = match lost.cause.kind() {
                io::ErrorKind::NotFound => format!("`{}` is not there", path.display()),
                _ => format!("`{}` cannot be followed at {}: {}", path.display(), lost.at.display(), lost.cause),
            };
            (lost.watch, Outcome::Nothing(text))
        })?;
        let mut root = Self {
            way,
            files: BTreeMap::new(),
            ignore_files: BTreeMap::new(),
            dirs: BTreeSet::new(),
            link_dirs: BTreeSet::new(),
        };
        let real = root.way.real.clone();
        let nothing = Ignored::default();
        let listed = if real.is_dir() { root.list(&real, Path::new(""), 0, &nothing) } else { root.only(&real) };
        match listed {
            Ok(()) => Ok(root),
            Err(Trouble { at, cause }) => {
                let outcome = match cause.kind() {
                    // It was there a moment ago.
                    io::ErrorKind::NotFound => Outcome::Moving(format!("`{}` has just gone", at.display())),
                    _ => Outcome::Nothing(format!("`{}` cannot be read: {cause}", at.display())),
                };
                Err((Survey { roots: vec![root] }.watch(), outcome))
            }
        }
    }

    // A file is replaced by renaming another over it: its directory must be watched.
    fn only(&mut self, real: &Path) -> Result<(), Trouble> {
        let mark = Mark::of(real).map_err(|cause| Trouble::new(real, cause))?;
        self.dirs.extend(real.parent().map(Path::to_owned));
        self.files.insert(PathBuf::new(), mark);
        Ok(())
    }

    fn list(&mut self, dir: &Path, below: &Path, depth: usize, above: &Ignored) -> Result<(), Trouble> {
        self.dirs.insert(dir.to_owned());
        let (ignored, file) = above.within(dir).map_err(|cause| Trouble::new(dir, cause))?;
        if let Some(file) = file {
            let mark = Mark::of(&file).map_err(|cause| Trouble::new(&file, cause))?;
            self.ignore_files.insert(file, mark);
        }
        let entries = fs::read_dir(dir).map_err(|cause| Trouble::new(dir, cause))?;
        for entry in entries {
            let entry = entry.map_err(|cause| Trouble::new(dir, cause))?;
            let (name, path) = (entry.file_name(), entry.path());
            let shown = name.to_string_lossy();
            if is_temporary(&shown) {
                continue;
            }
            let kind = entry.file_type().map_err(|cause| Trouble::new(&path, cause))?;
            if ignored.has(&path, kind.is_dir()) {
                continue;
            }
            let is_manifest = shown.ends_with(".yaml") || shown.ends_with(".yml");
            if kind.is_dir() {
                if depth >= DEPTH_MAX {
                    return Err(Trouble::new(&path, io::Error::other("directories are nested too deep")));
                }
                self.list(&path, &below.join(&name), depth + 1, &ignored)?;
            } else if is_manifest && kind.is_symlink() {
                self.link(&path, below.join(&name))?;
            } else if is_manifest && kind.is_file() {
                let mark = Mark::of(&path).map_err(|cause| Trouble::new(&path, cause))?;
                self.files.insert(below.join(&name), mark);
            }
            if self.files.len() > FILES_MAX {
                return Err(Trouble::new(dir, io::Error::other(format!("it holds more than {FILES_MAX} manifests"))));
            }
        }
        Ok(())
    }

    // A link to a directory may lead back up: it is not followed. One to a file is how volumes are mounted.
    fn link(&mut self, path: &Path, below: PathBuf) -> Result<(), Trouble> {
        let way = resolve(path).map_err(|lost| Trouble { at: path.to_owned(), cause: lost.cause })?;
        if way.real.is_dir() {
            return Ok(());
        }
        let mark = Mark::of(&way.real).map_err(|cause| Trouble::new(path, cause))?;
        self.link_dirs.extend(way.link_dirs);
        self.link_dirs.extend(way.real.parent().map(Path::to_owned));
        self.files.insert(below, mark);
        Ok(())
    }
}

struct Trouble {
    at: PathBuf,
    cause: io::Error,
}

impl Trouble {
    fn new(at: &Path, cause: io::Error) -> Self {
        Self { at: at.to_owned(), cause }
    }
}

impl Mark {
    fn of(path: &Path) -> io::Result<Self> {
        let met = fs::metadata(path)?;
        Ok(Self {
            real: path.to_owned(),
            file: (met.dev(), met.ino()),
            size: met.size(),
            written: (met.mtime(), met.mtime_nsec()),
            changed: (met.ctime(), met.ctime_nsec()),
        })
    }
}

fn read(roots: &[PathBuf], survey: &Survey) -> Result<Tree, Outcome> {
    let bytes: u64 = survey.roots.iter().flat_map(|root| root.files.values()).map(|mark| mark.size).sum();
    if bytes > BYTES_MAX {
        return Err(Outcome::Nothing(format!("the manifests are larger than {} MiB together", BYTES_MAX >> 20)));
    }
    let mut hash = Sha256::new();
    let mut tree = Tree { digest: Digest(String::new()), roots: Vec::new(), findings: Vec::new() };
    for (path, root) in roots.iter().zip(&survey.roots) {
        let mut sources = Vec::with_capacity(root.files.len());
        hash.update([0]);
        for (below, mark) in &root.files {
            let shown = if below.as_os_str().is_empty() { path.clone() } else { path.join(below) };
            let content = match fs::read(&mark.real) {
                Ok(content) => content,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                    return Err(Outcome::Moving(format!("`{}` has just gone", shown.display())));
                }
                Err(cause) => return Err(Outcome::Nothing(format!("cannot read `{}`: {cause}", shown.display()))),
            };
            // Lengths keep two sets apart whose names and contents only run together differently.
            for part in [below.as_os_str().as_encoded_bytes(), &content] {
                hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(part);
            }
            let name = shown.to_string_lossy();
            match decode(&name, content) {
                Ok(text) => sources.push(Source::new(name, text)),
                Err(finding) => tree.findings.push(*finding),
            }
        }
        tree.roots.push(sources);
    }
    tree.digest = Digest::finish(hash);
    Ok(tree)
}

/// The lock of a git that is changing files around `real`: a checkout is many writes.
fn git_at_work(real: &Path) -> Option<PathBuf> {
    let top = real.ancestors().map(|dir| dir.join(".git")).find(|git| git.exists())?;
    // In a linked worktree `.git` is a file that names its directory.
    let git = match fs::read_to_string(&top) {
        Ok(text) => top.parent()?.join(text.strip_prefix("gitdir:")?.trim()),
        Err(_) => top,
    };
    Some(git.join("index.lock")).filter(|lock| lock.exists())
}
