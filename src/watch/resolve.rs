//! Follows a path component by component, and says which directories must be watched to notice that it leads
//! elsewhere.
//!
//! A watch on `current/` in git-sync's layout, where `current` is a link, sees nothing when the link is flipped: the
//! kernel watches the directory behind it. So each link's own directory is watched, too.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// More links than this on one way go round in a circle: what the kernel allows.
const LINKS_MAX: usize = 40;

/// Where a path leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The path without any link in it.
    pub real: PathBuf,
    /// The directories, free of links, that hold the links on the way.
    pub link_dirs: BTreeSet<PathBuf>,
}

/// Where a path does not lead, and how far it went.
#[derive(Debug)]
pub struct Lost {
    /// What is not there, or cannot be followed.
    pub at: PathBuf,
    /// Why.
    pub cause: io::Error,
    /// The directories in which the way may appear.
    pub watch: BTreeSet<PathBuf>,
}

/// Follows an absolute path.
///
/// # Errors
/// When a part of it is not there or cannot be entered.
pub fn resolve(path: &Path) -> Result<Resolved, Lost> {
    let mut resolved = Resolved { real: PathBuf::from("/"), link_dirs: BTreeSet::new() };
    // The next component stands last.
    let mut left = components(path);
    let mut links = 0;
    while let Some(name) = left.pop() {
        if name == Path::new("..") {
            resolved.real.pop();
            continue;
        }
        let at = resolved.real.join(&name);
        let is_link = match fs::symlink_metadata(&at) {
            Ok(met) => met.is_symlink(),
            Err(cause) => return Err(lost(at, cause, resolved)),
        };
        if !is_link {
            resolved.real = at;
            continue;
        }
        links += 1;
        if links > LINKS_MAX {
            let cause = io::Error::other("its links go round in a circle");
            return Err(lost(at, cause, resolved));
        }
        let target = match fs::read_link(&at) {
            Ok(target) => target,
            Err(cause) => return Err(lost(at, cause, resolved)),
        };
        resolved.link_dirs.insert(resolved.real.clone());
        if target.is_absolute() {
            resolved.real = PathBuf::from("/");
        }
        left.extend(components(&target));
    }
    Ok(resolved)
}

fn lost(at: PathBuf, cause: io::Error, resolved: Resolved) -> Lost {
    let mut watch = resolved.link_dirs;
    watch.insert(resolved.real);
    Lost { at, cause, watch }
}

/// The parts of a path, last first; the root and `.` left out.
fn components(path: &Path) -> Vec<PathBuf> {
    let step = |part: Component<'_>| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    let mut parts: Vec<PathBuf> = path.components().filter_map(step).collect();
    parts.reverse();
    parts
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_on_the_way_is_watched_in_its_own_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        fs::create_dir_all(top.join("revs/1/site")).expect("directories");
        symlink("revs/1", top.join("current")).expect("a link");
        symlink(top.join("current/site"), top.join("site")).expect("a link");
        let resolved = resolve(&top.join("site")).expect("a way");
        assert_eq!(resolved.real, top.join("revs/1/site"));
        assert_eq!(resolved.link_dirs, BTreeSet::from([top.clone()]));
        fs::remove_file(top.join("current")).expect("removed");
        symlink("revs/2", top.join("current")).expect("a link");
        let lost = resolve(&top.join("site")).expect_err("no way");
        assert_eq!(lost.at, top.join("revs/2"));
        assert_eq!(lost.watch, BTreeSet::from([top.clone(), top.join("revs")]));
    }

    #[test]
    fn links_in_a_circle_are_an_error() {
        let dir = tempfile::tempdir().expect("a directory");
        symlink("b", dir.path().join("a")).expect("a link");
        symlink("a", dir.path().join("b")).expect("a link");
        let lost = resolve(&dir.path().join("a")).expect_err("no way");
        assert_eq!(lost.cause.to_string(), "its links go round in a circle");
    }

    #[test]
    fn dots_lead_up_from_where_a_link_has_led() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        fs::create_dir_all(top.join("a/b")).expect("directories");
        symlink("a/b", top.join("link")).expect("a link");
        assert_eq!(
            resolve(&top.join("link/../c/../b/.")).map(|it| it.real).map_err(|lost| lost.at),
            Err(top.join("a/c"))
        );
        assert_eq!(resolve(&top.join("link/../b/.")).expect("a way").real, top.join("a/b"));
    }
}
