//! Users of this machine, as its own table knows them.

use std::fs;
use std::io;
use std::path::Path;

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// The number of its own group.
    pub gid: u32,
}

/// The user that many programs are when they are to be nobody: what one of them owns the others may change.
pub const NOBODY_UID: u32 = 65_534;

impl User {
    /// The user of this name, when there is one.
    ///
    /// # Errors
    /// When `/etc/passwd` cannot be read.
    pub fn find(name: &str) -> io::Result<Option<Self>> {
        Self::find_in(Path::new("/etc/passwd"), name)
    }

    /// The same in a table of the form of passwd(5).
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn find_in(table: &Path, name: &str) -> io::Result<Option<Self>> {
        let text = fs::read_to_string(table)?;
        let entries = text.lines().filter(|line| !line.starts_with('#'));
        Ok(entries.filter_map(Self::of_line).find(|user| user.name == name))
    }

    fn of_line(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, ..] = fields.as_slice() else { return None };
        Some(Self { name: (*name).to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? })
    }

    /// Whether other programs are this user, too.
    pub fn is_shared(&self) -> bool {
        self.uid == NOBODY_UID
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_name_and_what_is_no_entry_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let table = dir.path().join("passwd");
        let text = "root:x:0:0:root:/root:/bin/sh\n# nobody:x:1:1\nseedbed:x:998:997::/nonexistent:/usr/sbin/nologin\nnobody:*:65534:65534:::\nbad:x:many:1\n";
        fs::write(&table, text).expect("a file");
        let find = |name: &str| User::find_in(&table, name).expect("readable").map(|user| (user.uid, user.gid));
        assert_eq!(
            [find("seedbed"), find("nobody"), find("root")],
            [Some((998, 997)), Some((65_534, 65_534)), Some((0, 0))]
        );
        assert_eq!([find("bad"), find("absent"), find("# nobody"), find("")], [None; 4]);
        assert!(User::find_in(&table, "nobody").expect("readable").expect("there").is_shared());
        assert!(User::find_in(&dir.path().join("absent"), "nobody").is_err());
    }
}
