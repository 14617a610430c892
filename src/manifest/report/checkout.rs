//! Paths as code hosts know them: from the root of the checkout, whichever directory the program was run in.

use std::path::{Component, Path, PathBuf};

/// Where a run happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkout {
    /// The working directory: paths that the user named begin here.
    working_dir: PathBuf,
    /// The root of the checkout: paths of reports begin here.
    root: PathBuf,
}

impl Checkout {
    /// A run in `working_dir`, of a checkout at `root`. Both are absolute and without links.
    pub fn new(working_dir: impl Into<PathBuf>, root: impl Into<PathBuf>) -> Self {
        Self { working_dir: working_dir.into(), root: root.into() }
    }

    /// The path from the root with forward slashes; the absolute one for what lies outside of it.
    pub(super) fn path(&self, named: &str) -> String {
        let whole = normal(&self.working_dir.join(named));
        let path = whole.strip_prefix(&self.root).unwrap_or(&whole);
        // The root itself is a directory without a manifest.
        if path.as_os_str().is_empty() { ".".to_owned() } else { path.to_string_lossy().into_owned() }
    }
}

// Without asking the disk: the file need not be there.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_begins_at_the_root_wherever_one_stands() {
        let table = [
            ("/src/sub", "f.yaml", "sub/f.yaml"),
            ("/src/sub", "./f.yaml", "sub/f.yaml"),
            ("/src/sub/deep", "../../top.yaml", "top.yaml"),
            ("/src", "/src/sub/f.yaml", "sub/f.yaml"),
            ("/src", "a\\b.yaml", "a\\b.yaml"),
            ("/src", ".", "."),
            ("/src", "../other/f.yaml", "/other/f.yaml"),
            ("/src2", "f.yaml", "/src2/f.yaml"),
        ];
        for (working_dir, named, wanted) in table {
            assert_eq!(Checkout::new(working_dir, "/src").path(named), wanted, "{named} in {working_dir}");
        }
    }
}
