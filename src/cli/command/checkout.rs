//! Finds the checkout that a run belongs to: reports name files from its root.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::manifest::report::Checkout;

/// Where CI servers say that the checkout is: GitHub's and Forgejo's runners, GitLab's.
const ROOT_VARIABLES: [&str; 2] = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"];

/// The checkout of the working directory; `None` when there is no working directory.
pub fn find() -> Option<Checkout> {
    let working_dir = std::env::current_dir().and_then(|dir| dir.canonicalize()).ok()?;
    let said = ROOT_VARIABLES.iter().find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    Some(Checkout::new(working_dir.clone(), root(&working_dir, said)))
}

// Outside of any checkout, the working directory is as good as a root.
fn root(working_dir: &Path, said: Option<OsString>) -> PathBuf {
    let said = said.and_then(|dir| PathBuf::from(dir).canonicalize().ok());
    let found = || working_dir.ancestors().find(|dir| dir.join(".git").exists()).map(Path::to_owned);
    said.or_else(found).unwrap_or_else(|| working_dir.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_what_ci_says_or_where_git_has_it() {
        let top = tempfile::tempdir().expect("a directory");
        let top = top.path().canonicalize().expect("a path");
        let (repository, sub) = (top.join("repo"), top.join("repo/sub"));
        std::fs::create_dir_all(&sub).expect("directories");
        assert_eq!(root(&sub, None), sub);
        assert_eq!(root(&sub, Some(repository.clone().into())), repository);
        assert_eq!(root(&sub, Some(top.join("elsewhere").into())), sub);
        // A worktree's is a file.
        std::fs::write(repository.join(".git"), "gitdir: /x").expect("a file");
        assert_eq!(root(&sub, None), repository);
    }
}
