//! `.seedbedignore` in watched directories: what they hold besides manifests, as `seedbed validate` leaves it out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::resolve::resolve;
use crate::manifest::{open_regular_below, read_at_most, stray};

/// The file's name.
const NAME: &str = ".seedbedignore";
/// More patterns than anybody writes.
const BYTES_MAX: u64 = 1 << 20;

/// The patterns of a directory and of those above it, below the root that is watched.
#[derive(Clone, Default)]
pub struct Ignored {
    levels: Vec<Gitignore>,
}

impl Ignored {
    /// The same with the patterns of a directory further down, and their file when there is one, which lies below
    /// `bound`.
    ///
    /// # Errors
    /// When the file cannot be read: left alone, a pattern would let a file in that was meant to stay out.
    pub fn within(&self, dir: &Path, bound: &Path) -> io::Result<(Self, Option<PathBuf>)> {
        let file = dir.join(NAME);
        if fs::symlink_metadata(&file).is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound) {
            return Ok((self.clone(), None));
        }
        let way = resolve(&file).map_err(|lost| lost.cause)?;
        let text = read(&way.real, bound).map_err(|cause| io::Error::new(cause.kind(), format!("{NAME}: {cause}")))?;
        let mut builder = GitignoreBuilder::new(dir);
        for (at, line) in text.lines().enumerate() {
            // What stands in it may be no pattern at all, and nothing to show.
            let failed = |_| io::Error::other(format!("{NAME}: line {} is no pattern", at + 1));
            builder.add_line(None, line).map_err(failed)?;
        }
        let level = builder.build().map_err(|_| io::Error::other(format!("{NAME}: its patterns cannot be used")))?;
        let mut levels = self.levels.clone();
        levels.push(level);
        Ok((Self { levels }, Some(way.real)))
    }

    /// Whether the nearest pattern that speaks of a path leaves it out.
    pub fn has(&self, path: &Path, is_dir: bool) -> bool {
        let mut said = self.levels.iter().rev().map(|level| level.matched(path, is_dir));
        said.find(|said| !said.is_none()).is_some_and(|said| matches!(said, Match::Ignore(_)))
    }
}

fn read(real: &Path, bound: &Path) -> io::Result<String> {
    if let Some(why) = stray(bound, real).filter(|_| real.file_name().is_none_or(|name| name != NAME)) {
        return Err(io::Error::other(why));
    }
    let bytes = read_at_most(open_regular_below(bound, real)?, BYTES_MAX)?;
    let bytes = bytes.ok_or_else(|| io::Error::other(format!("it is larger than {} MiB", BYTES_MAX >> 20)))?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}
