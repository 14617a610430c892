//! The driver `dir`: a directory of the state directory, or one that was given and is bound to its place there.

use std::path::{Path, PathBuf};

use super::record::{Form, Marker, Record, RecordState};
use super::site::{self, Machine, Site};
use super::{Driver, in_the_way};
use crate::host::linux::Doing;
use crate::host::{DriverState, HostError, PoolMedium, PoolSeen, PoolUsage};

/// The driver itself.
pub struct Dir;

impl Driver for Dir {
    async fn state(&self, _machine: Machine<'_>) -> DriverState {
        DriverState { name: "dir".to_owned(), version: "1".to_owned(), missing: None }
    }

    async fn look(&self, site: Site<'_>) -> Result<Option<PoolSeen>, HostError> {
        match Record::standing(site.record()?, site.ask) {
            RecordState::InTheWay(record) => Ok(Some(in_the_way(&site, &record))),
            RecordState::Made(record) => made(&site, &record, PoolMedium::Ours).map(Some),
            RecordState::Earlier(record) => made(&site, &record, PoolMedium::Leftover).map(Some),
            RecordState::Begun(record) => {
                let medium = foreign(&site, &source(&site), Some(&record))?.unwrap_or_default();
                Ok(Some(PoolSeen { medium, recorded: true, ..PoolSeen::default() }))
            }
            RecordState::New => {
                let medium = foreign(&site, &source(&site), None)?;
                Ok(medium.map(|medium| PoolSeen { medium, ..PoolSeen::default() }))
            }
        }
    }

    async fn make(&self, site: Site<'_>, begun: Option<Record>) -> Result<(), HostError> {
        let path = source(&site);
        let is_own = path == site.mount_point();
        if !is_own {
            must_be_usable(&site, &path)?;
        }
        if let Some(medium) = foreign(&site, &path, begun.as_ref())? {
            return medium.refuse(site.doing("make"));
        }
        let form = if is_own { Form::Own } else { Form::Directory };
        let mut record = Record::begin(site.ask, path.to_string_lossy(), form, is_own);
        if !is_own {
            record.write(site.state, site.name())?;
        }
        site.make_mount_point()?;
        Marker::of(&record, site.name(), site.state).claim(&path, &site.doing("make"))?;
        bind(&path, &site.mount_point())?;
        record.made = true;
        record.write(site.state, site.name())
    }

    async fn mount(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        site.make_mount_point()?;
        bind(Path::new(&record.source), &site.mount_point())
    }

    async fn remount(&self, _site: Site<'_>, _record: Record, _options: &str) -> Result<(), HostError> {
        Ok(())
    }

    async fn grow(&self, _site: Site<'_>, _record: Record, _to: u64) -> Result<(), HostError> {
        Ok(())
    }

    async fn furnish(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        site.furnish(&record)
    }

    async fn must_be_empty(&self, site: Site<'_>, record: &Record, verb: &str) -> Result<(), HostError> {
        if is_ours(Path::new(&record.source), record) {
            let volumes = site::contents(Path::new(&record.source))?;
            if !volumes.is_empty() {
                return Err(site::in_use(&site, verb, &volumes));
            }
        }
        site.must_be_empty(verb)
    }

    async fn remove(&self, site: Site<'_>, record: Record) -> Result<(), HostError> {
        let path = PathBuf::from(&record.source);
        let at = site.mount_point();
        if path != at && site::is_same(&path, &at) {
            rustix::mount::unmount(&at, rustix::mount::UnmountFlags::empty()).doing("unmount", &at)?;
        }
        // Nothing but the daemon lives in its own directory, also where the power failed before the marker was there.
        if is_ours(&path, &record) || (record.form == Form::Own && Marker::read(&path).is_none()) {
            site.clear(&path)?;
        }
        site.remove_mount_point()
    }

    async fn usage(&self, site: Site<'_>) -> Result<PoolUsage, HostError> {
        site::usage(&site.mount_point())
    }
}

/// The directory that holds the pool: the one that was given, or its own.
fn source(site: &Site<'_>) -> PathBuf {
    site.given().map_or_else(|| site.mount_point(), PathBuf::from)
}

fn is_ours(path: &Path, record: &Record) -> bool {
    Marker::is_of(path, record)
}

fn made(site: &Site<'_>, record: &Record, medium: PoolMedium) -> Result<PoolSeen, HostError> {
    let path = Path::new(&record.source);
    let is_own = record.form == Form::Own;
    // Nothing but the daemon lives in its own directory: what is gone from there can be made anew.
    let medium = match (is_ours(path, record), is_own) {
        (true, _) => medium,
        (false, true) => foreign(site, path, Some(record))?.unwrap_or(PoolMedium::Unmade),
        (false, false) => lost(path),
    };
    let mounted = is_own || site::is_same(path, &site.mount_point());
    Ok(PoolSeen {
        medium,
        recorded: true,
        keys: record.keys(),
        mounted,
        missing: if mounted { site.missing() } else { Vec::new() },
        volumes: if mounted { site::contents(&site.mount_point())? } else { Vec::new() },
        ..PoolSeen::default()
    })
}

fn lost(path: &Path) -> PoolMedium {
    PoolMedium::Lost {
        what: format!("`{}` does not hold the pool's data any more", path.display()),
        hint: "is the disk that it was on mounted? It goes on by itself once the data is back".to_owned(),
    }
}

/// Whose data stands in a directory that is to become a pool; `None` when it is free.
fn foreign(site: &Site<'_>, path: &Path, begun: Option<&Record>) -> Result<Option<PoolMedium>, HostError> {
    let found = if path.is_dir() { site::contents(path)? } else { Vec::new() };
    let other = Marker::read(path).filter(|marker| {
        let is_begun = begun.is_some_and(|record| record.token == marker.token);
        let is_remains = marker.pool == site.name() && marker.state == site.state && found.is_empty();
        !is_begun && !is_remains
    });
    if let Some(marker) = other {
        return Ok(Some(marker.foreign(path)));
    }
    Ok((!found.is_empty()).then(|| PoolMedium::not_empty(&path.display().to_string(), &found)))
}

fn must_be_usable(site: &Site<'_>, path: &Path) -> Result<(), HostError> {
    if !path.is_absolute() {
        let cause = format!("the source `{}` is not an absolute path", path.display());
        return Err(site.lasting("make", "InvalidSource", cause));
    }
    if path.starts_with(site.state) {
        let cause = format!("the source `{}` lies in the daemon's own state directory", path.display());
        let hint = "leave `source` out to keep the pool there";
        return Err(site.lasting("make", "InvalidSource", cause).hinting(hint));
    }
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => {
            let cause = format!("the source `{}` is not a directory", path.display());
            Err(site.lasting("make", "InvalidSource", cause))
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            let cause = format!("source path `{}` doesn't exist", path.display());
            let hint = "make the directory, or mount the disk that it is on";
            Err(site.lasting("make", "MissingSource", cause).hinting(hint))
        }
        Err(cause) => Err(cause).doing("look at", path),
    }
}

fn bind(source: &Path, at: &Path) -> Result<(), HostError> {
    if site::is_same(source, at) {
        return Ok(());
    }
    if !site::names_in(at)?.is_empty() {
        return Err(HostError::lasting(
            format!("mount `{}` on `{}`", source.display(), at.display()),
            "MountPointNotEmpty",
            "something else is there",
        )
        .hinting("move it away"));
    }
    rustix::mount::mount_bind(source, at).doing("mount the source on", at)
}
