//! Reads a tree of manifests as one whole: what is returned stood there at one moment, or nothing is.
//!
//! The way to each root is followed twice and the tree is listed twice, before and after its files are read. Where the
//! two differ in a name, an inode, a size or a time, somebody was at work and the read does not count.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::survey::{Failed, Mark, Root, Survey};
use crate::manifest::{open_regular, open_regular_below, read_at_most};

/// All files of a set together: what a larger one declares nobody would read.
const BYTES_MAX: u64 = 64 << 20;
/// A line that names a directory.
const GIT_FILE_BYTES_MAX: u64 = 4096;

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

/// The manifests of all roots. Nothing but their length and their digest is known of what they hold.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What tells it from another content.
    pub digest: Digest,
    /// The files of each root, in the order of the roots.
    pub roots: Vec<Vec<RawSource>>,
}

/// A file as it stands on the disk: nobody has looked yet whether it is text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawSource {
    /// Its path as the user would name it.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
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

/// Reads all manifests below these roots (directories or files) as one whole, and nothing outside of `top`; without it
/// nothing outside of each root that is a directory. Blocks.
pub fn look(roots: &[PathBuf], top: Option<&Path>) -> Look {
    match try_look(roots, top) {
        Ok((watch, tree)) => Look { watch, outcome: Outcome::Whole(tree) },
        Err((watch, outcome)) => Look { watch, outcome },
    }
}

fn try_look(roots: &[PathBuf], top: Option<&Path>) -> Result<(BTreeSet<PathBuf>, Tree), Failed> {
    let before = Survey::of(roots, top)?;
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
    match Survey::of(roots, top) {
        Ok(after) if after == before => Ok((watch, tree)),
        Ok(_) | Err(_) => Err(fail(Outcome::Moving("files changed while they were read".to_owned()))),
    }
}

fn read(roots: &[PathBuf], survey: &Survey) -> Result<Tree, Outcome> {
    let bytes: u64 = survey.roots.iter().flat_map(|root| root.files.values()).map(|mark| mark.size).sum();
    let mut left = BYTES_MAX.checked_sub(bytes).map(|_| BYTES_MAX).ok_or_else(too_large)?;
    let mut hash = Sha256::new();
    let mut tree = Tree { digest: Digest(String::new()), roots: Vec::new() };
    for (path, root) in roots.iter().zip(&survey.roots) {
        let mut sources = Vec::with_capacity(root.files.len());
        hash.update([0]);
        for (below, mark) in &root.files {
            let shown = if below.as_os_str().is_empty() { path.clone() } else { path.join(below) };
            let content = content(root, mark, &shown, left)?;
            left -= u64::try_from(content.len()).unwrap_or(left);
            // Lengths keep two sets apart whose names and contents only run together differently.
            for part in [below.as_os_str().as_encoded_bytes(), &content] {
                hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(part);
            }
            sources.push(RawSource { path: shown.to_string_lossy().into_owned(), bytes: content });
        }
        tree.roots.push(sources);
    }
    tree.digest = Digest::finish(hash);
    Ok(tree)
}

// The size that was seen is a promise that nobody has to keep.
fn content(root: &Root, mark: &Mark, shown: &Path, left: u64) -> Result<Vec<u8>, Outcome> {
    let read = open_regular_below(&root.bound, &mark.real).and_then(|file| read_at_most(file, left));
    match read {
        Ok(Some(content)) => Ok(content),
        Ok(None) => Err(too_large()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(Outcome::Moving(format!("`{}` has just gone", shown.display())))
        }
        Err(cause) => Err(Outcome::Nothing(format!("cannot read `{}`: {cause}", shown.display()))),
    }
}

fn too_large() -> Outcome {
    Outcome::Nothing(format!("the manifests are larger than {} MiB together", BYTES_MAX >> 20))
}

/// The lock of a git that is changing files around `real`: a checkout is many writes.
fn git_at_work(real: &Path) -> Option<PathBuf> {
    let top = real.ancestors().map(|dir| dir.join(".git")).find(|git| git.exists())?;
    // In a linked worktree `.git` is a file that names its directory.
    let git = match top.is_dir() {
        true => top,
        false => {
            let bytes = read_at_most(open_regular(&top).ok()?, GIT_FILE_BYTES_MAX).ok()??;
            let text = String::from_utf8(bytes).ok()?;
            top.parent()?.join(text.strip_prefix("gitdir:")?.trim())
        }
    };
    Some(git.join("index.lock")).filter(|lock| lock.exists())
}
