//! `.seedbedignore` in watched directories: what they hold besides manifests, as `seedbed validate` leaves it out.

use std::io;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The file's name.
const NAME: &str = ".seedbedignore";

/// The patterns of a directory and of those above it, below the root that is watched.
#[derive(Clone, Default)]
pub struct Ignored {
    levels: Vec<Gitignore>,
}

impl Ignored {
    /// The same with the patterns of a directory further down, and their file when there is one.
    ///
    /// # Errors
    /// When the file cannot be read: left alone, a pattern would let a file in that was meant to stay out.
    pub fn within(&self, dir: &Path) -> io::Result<(Self, Option<PathBuf>)> {
        let file = dir.join(NAME);
        if !file.is_file() {
            return Ok((self.clone(), None));
        }
        let mut builder = GitignoreBuilder::new(dir);
        let failed = builder.add(&file);
        let level = match failed {
            None => builder.build().map_err(io::Error::other)?,
            Some(cause) => return Err(io::Error::other(cause)),
        };
        let mut levels = self.levels.clone();
        levels.push(level);
        Ok((Self { levels }, Some(file)))
    }

    /// Whether the nearest pattern that speaks of a path leaves it out.
    pub fn has(&self, path: &Path, is_dir: bool) -> bool {
        let mut said = self.levels.iter().rev().map(|level| level.matched(path, is_dir));
        said.find(|said| !said.is_none()).is_some_and(|said| matches!(said, Match::Ignore(_)))
    }
}
