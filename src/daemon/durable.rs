//! Files that are either the old or the new ones, and names that stay, also when the power fails.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::error::DaemonError;

/// A file's text; `None` when there is no such file.
pub fn read(path: &Path) -> Result<Option<String>, DaemonError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DaemonError::disk("read", path, source)),
    }
}

/// Writes a file so that it is either the old or the new one, whatever happens.
pub fn write(path: &Path, text: &str, mode: u32) -> Result<(), DaemonError> {
    let failed = |source| DaemonError::disk("write", path, source);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&new).map_err(failed)?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    rename(&new, path)
}

/// Makes a directory for this user alone.
pub fn make_dir(path: &Path) -> Result<(), DaemonError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| DaemonError::disk("create", path, source))?;
    sync_names(path)
}

/// Gives a file or directory another name, in the place of whatever file has that name.
pub fn rename(from: &Path, to: &Path) -> Result<(), DaemonError> {
    fs::rename(from, to).map_err(|source| DaemonError::disk("rename", from, source))?;
    if from.parent() != to.parent() {
        sync_names(from)?;
    }
    sync_names(to)
}

/// The same for something that may have its new name already.
pub fn rename_if_there(from: &Path, to: &Path) -> Result<(), DaemonError> {
    if from.exists() { rename(from, to) } else { Ok(()) }
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> Result<(), DaemonError> {
    match fs::remove_file(path) {
        Ok(()) => sync_names(path),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DaemonError::disk("remove", path, source)),
    }
}

/// Removes a directory with all that is in it, if it is there.
pub fn remove_tree(path: &Path) -> Result<(), DaemonError> {
    match fs::remove_dir_all(path) {
        Ok(()) => sync_names(path),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DaemonError::disk("remove", path, source)),
    }
}

/// Makes the names beside this one durable: a file's own sync does not do that.
fn sync_names(path: &Path) -> Result<(), DaemonError> {
    let Some(parent) = path.parent() else { return Ok(()) };
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(|source| DaemonError::disk("sync", parent, source))
}
