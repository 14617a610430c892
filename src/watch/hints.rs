//! Notifications of the kernel, as hints that something may have changed. What is lost here the next poll finds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

/// The watches of one tree.
pub struct Hints {
    watcher: Option<RecommendedWatcher>,
    /// The directory that each watch stands on, with what tells it from another one of the same name.
    armed: BTreeMap<PathBuf, Identity>,
    news: Arc<Notify>,
}

impl Hints {
    /// Watches nothing yet. Where the system gives no notifications, there are none: polling goes on.
    pub fn new() -> Self {
        let news = Arc::new(Notify::new());
        let told = Arc::clone(&news);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !is_harmless(&event)) {
                told.notify_one();
            }
        });
        let watcher = watcher.inspect_err(|error| tracing::warn!(%error, "no notifications: directories are polled"));
        Self { watcher: watcher.ok(), armed: BTreeMap::new(), news }
    }

    /// Waits for a hint; one that came before this call counts.
    pub async fn next(&self) {
        self.news.notified().await;
    }

    /// Watches exactly these directories, and says whether one of them was not watched until now. One that was replaced
    /// by another of its name is watched anew.
    pub fn arm(&mut self, dirs: &BTreeSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        let wanted: BTreeMap<PathBuf, Identity> =
            dirs.iter().filter_map(|dir| Some((dir.clone(), identity(dir)?))).collect();
        for (dir, _) in self.armed.iter().filter(|(dir, mark)| wanted.get(*dir) != Some(mark)) {
            // The kernel has often done so already, because the directory is gone.
            let _gone = watcher.unwatch(dir);
        }
        self.armed.retain(|dir, mark| wanted.get(dir) == Some(mark));
        let mut has_new = false;
        for (dir, mark) in wanted {
            if self.armed.contains_key(&dir) {
                continue;
            }
            match watcher.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.armed.insert(dir, mark);
                    has_new = true;
                }
                Err(error) => tracing::warn!(%error, dir = %dir.display(), "cannot watch; it is polled"),
            }
        }
        has_new
    }
}

/// Device, inode and birth of a directory. File systems give the number of a removed one to the next.
type Identity = (u64, u64, Option<SystemTime>);

fn identity(dir: &PathBuf) -> Option<Identity> {
    let met = fs::metadata(dir).ok().filter(fs::Metadata::is_dir)?;
    Some((met.dev(), met.ino(), met.created().ok()))
}

// Reading makes such events: to act on them would go on for ever. An overflow is an event of another kind.
fn is_harmless(event: &notify::Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => false,
        EventKind::Access(_) => true,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, Flag};

    use super::*;

    #[test]
    fn reading_gives_no_hint_and_an_overflow_does() {
        let event = notify::Event::new;
        assert!(is_harmless(&event(EventKind::Access(AccessKind::Open(AccessMode::Any)))));
        assert!(!is_harmless(&event(EventKind::Other).set_flag(Flag::Rescan)), "the queue of the kernel ran over");
        assert!(!is_harmless(&event(EventKind::Access(AccessKind::Close(AccessMode::Write)))));
        assert!(!is_harmless(&event(EventKind::Create(CreateKind::File))));
    }
}
