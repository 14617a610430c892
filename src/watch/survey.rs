//! The names and marks of the files below some roots: what tells whether somebody was at work while they were read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::ignored::Ignored;
use super::resolve::{Resolved, resolve};
use super::tree::{Outcome, is_temporary};
use crate::manifest::stray;

/// Trees with more files than this are not meant.
const FILES_MAX: usize = 100_000;
/// Deeper than any tree of manifests, and an end where directories are mounted into themselves.
const DEPTH_MAX: usize = 64;

/// What is in the way of a survey, and the directories to watch until it is not.
pub type Failed = (BTreeSet<PathBuf>, Outcome);

/// The names and marks of all files of all roots.
#[derive(Debug, PartialEq, Eq)]
pub struct Survey {
    /// In the order in which they were given.
    pub roots: Vec<Root>,
}

/// One root.
#[derive(Debug, PartialEq, Eq)]
pub struct Root {
    /// Where it leads.
    pub way: Resolved,
    /// The directory, free of links, that nothing of it may lie outside of.
    pub bound: PathBuf,
    /// By path below the root; empty for a root that is a file.
    pub files: BTreeMap<PathBuf, Mark>,
    /// The files that say what is left out.
    ignore_files: BTreeMap<PathBuf, Mark>,
    /// The directories below the root, itself included.
    dirs: BTreeSet<PathBuf>,
    /// The directories of links that lead to files.
    link_dirs: BTreeSet<PathBuf>,
}

/// What changes when a file does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where it lies, free of links.
    pub real: PathBuf,
    file: (u64, u64),
    /// Its bytes, as far as the file system says.
    pub size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Survey {
    /// Lists these roots. Nothing outside of `top` is listed, wherever links lead; without it nothing outside of each
    /// root that is a directory.
    pub fn of(roots: &[PathBuf], top: Option<&Path>) -> Result<Self, Failed> {
        let mut survey = Self { roots: Vec::with_capacity(roots.len()) };
        let mut watch = BTreeSet::new();
        let mut failed = None;
        for path in roots {
            match Root::of(path, top) {
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

    /// The directories to watch, free of links.
    pub fn watch(&self) -> BTreeSet<PathBuf> {
        let of = |root: &Root| [root.way.link_dirs.clone(), root.dirs.clone(), root.link_dirs.clone()];
        self.roots.iter().flat_map(of).flatten().collect()
    }
}

impl Root {
    fn of(path: &Path, top: Option<&Path>) -> Result<Self, Failed> {
        let way = follow(path)?;
        let bound = match top {
            Some(top) => bound(top)?,
            None if way.real.is_dir() => way.real.clone(),
            None => way.real.parent().unwrap_or(&way.real).to_owned(),
        };
        let leads_out = !way.real.starts_with(&bound);
        let mut root = Self {
            way,
            bound,
            files: BTreeMap::new(),
            ignore_files: BTreeMap::new(),
            dirs: BTreeSet::new(),
            link_dirs: BTreeSet::new(),
        };
        if leads_out {
            let why =
                format!("`{}` cannot be read: it is a link that leads out of {}", path.display(), root.bound.display());
            return Err((Survey { roots: vec![root] }.watch(), Outcome::Nothing(why)));
        }
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
        let (ignored, file) = above.within(dir, &self.bound).map_err(|cause| Trouble::new(dir, cause))?;
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
        if let Some(why) = stray(&self.bound, &way.real) {
            return Err(Trouble::new(path, io::Error::other(why)));
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
        let met = fs::symlink_metadata(path)?;
        if !met.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        Ok(Self {
            real: path.to_owned(),
            file: (met.dev(), met.ino()),
            size: met.size(),
            written: (met.mtime(), met.mtime_nsec()),
            changed: (met.ctime(), met.ctime_nsec()),
        })
    }
}

fn follow(path: &Path) -> Result<Resolved, Failed> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    resolve(&absolute).map_err(|lost| {
        let text = match lost.cause.kind() {
            io::ErrorKind::NotFound => format!("`{}` is not there", path.display()),
            _ => format!("`{}` cannot be followed at {}: {}", path.display(), lost.at.display(), lost.cause),
        };
        (lost.watch, Outcome::Nothing(text))
    })
}

/// The directory that a source may read: its own, or that of its file, whose links may be changed by whoever writes
/// there.
fn bound(top: &Path) -> Result<PathBuf, Failed> {
    let dir = if top.is_dir() { top } else { top.parent().unwrap_or(top) };
    Ok(follow(dir)?.real)
}
