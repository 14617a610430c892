//! The loop of sources: keeps one reader running for each source that this member is to read.
//!
//! A directory is read by the member that it lies on, a repository by the leader. Whoever reads hands the loaded set to
//! the leader like any client, so that every write passes the leader's checks and carries its term.

mod healing;
mod loader;
mod reader;
mod round;
mod unread;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::kinds::source::{SourceSpec, SourceStatus};
use crate::model::{Change, Expect, Generation, Key, Object, Revision};
use crate::service::{LocalMember, Server, submit_as, typed};
use crate::store::StoreError;
use crate::watch::git;
use reader::Reader;

pub use loader::Loader;

/// Writes come in a row; what they mean for sources is looked at once they have settled.
const SETTLE: Duration = Duration::from_millis(100);

/// What all readers use.
pub struct Readers {
    /// The daemon.
    pub server: Arc<Server>,
    /// Who parses manifests.
    pub loader: Arc<Loader>,
    /// The directory that has one for each source.
    pub homes: PathBuf,
}

/// One running reader.
struct Running {
    /// The source as it was when the reader was started.
    version: (Revision, Generation, bool),
    task: JoinHandle<()>,
    /// The newest round that somebody has asked for.
    asked: watch::Sender<u64>,
}

/// Keeps the readers of this place running until `stop`.
pub async fn run(readers: Readers, node: Arc<LocalMember>, mut stop: watch::Receiver<bool>) {
    let mut applied = node.store.applied();
    let mut leadership = node.store.leadership();
    let mut running = BTreeMap::new();
    let mut is_swept = false;
    while !*stop.borrow() {
        applied.borrow_and_update();
        let is_leader = leadership.borrow_and_update().is_me;
        match look(&readers, &node, is_leader, &mut running).await {
            Ok(names) if !is_swept => {
                sweep(readers.homes.clone(), names);
                is_swept = true;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot read the sources"),
        }
        sleep(SETTLE).await;
        tokio::select! {
            changed = applied.changed() => if changed.is_err() { break },
            _ = leadership.changed() => {}
            _ = stop.changed() => {}
        }
    }
    running.values().for_each(|reader| reader.task.abort());
}

/// Starts and ends readers, and gives the names of all sources.
async fn look(
    readers: &Readers,
    node: &Arc<LocalMember>,
    is_leader: bool,
    running: &mut BTreeMap<String, Running>,
) -> Result<Vec<String>, StoreError> {
    let Readers { server, loader, homes } = readers;
    let sources = node.store.list("source")?;
    let statuses = node.store.list(SourceStatus::KIND)?;
    let names: Vec<String> = sources.iter().map(|source| source.key.name.clone()).collect();
    let is_alone = node.store.list(Key::MEMBER)?.len() == 1;
    let me = server.node().name.clone();
    let mut wanted = BTreeMap::new();
    for object in &sources {
        let Ok(spec) = typed::<SourceSpec>(object) else { continue };
        let is_mine = match (spec.git.is_empty(), spec.member.as_str()) {
            (false, _) => is_leader,
            // Nobody can tell whose directory it is: the leader says so.
            (true, "") => is_alone || is_leader,
            (true, member) => member == me.as_str(),
        };
        let is_lost = spec.git.is_empty() && spec.member.is_empty() && !is_alone;
        if is_mine {
            wanted.insert(object.key.name.clone(), (object, spec, is_lost));
        }
    }
    running.retain(|name, reader| {
        let is_same = wanted.get(name).is_some_and(|(object, _, is_lost)| version(object, *is_lost) == reader.version);
        if !is_same {
            reader.task.abort();
        }
        if !names.contains(name) {
            sweep_one(homes.join(name));
        }
        is_same
    });
    for (name, (object, spec, is_lost)) in wanted {
        let requested = requested(&statuses, &name);
        let reader = running.entry(name.clone()).or_insert_with(|| {
            let (asked, news) = watch::channel(requested);
            let home = homes.join(&name);
            let reader = Reader::new(Arc::clone(server), Arc::clone(loader), object, spec, home, news);
            let task = tokio::spawn(async move { if is_lost { reader.lost().await } else { reader.run().await } });
            Running { version: version(object, is_lost), task, asked }
        });
        reader.asked.send_if_modified(|known| std::mem::replace(known, requested) != requested);
    }
    if is_leader {
        forget_orphans(server, &statuses, &names).await;
    }
    Ok(names)
}

fn version(object: &Object, is_lost: bool) -> (Revision, Generation, bool) {
    (object.uid, object.generation, is_lost)
}

fn requested(statuses: &[Object], name: &str) -> u64 {
    let status = statuses.iter().find(|status| status.key.name == name);
    status.and_then(|status| status.spec.0.get("requested")?.as_u64()).unwrap_or(0)
}

/// The status of a source that is gone says nothing to anybody. A source that is added again meanwhile keeps its own.
async fn forget_orphans(server: &Server, statuses: &[Object], names: &[String]) {
    let gone: Vec<&Object> = statuses.iter().filter(|status| !names.contains(&status.key.name)).collect();
    if gone.is_empty() {
        return;
    }
    let changes = gone.iter().map(|status| Change::Forget { key: status.key.clone() }).collect();
    let no_source = gone.iter().map(|status| Expect::absent(Key::new("source", &status.key.name)));
    let same_status = gone.iter().map(|status| Expect::unchanged(status));
    if let Err(error) = submit_as(server, "sources".to_owned(), no_source.chain(same_status).collect(), changes).await {
        tracing::debug!(error = %error.message, "the status of a removed source is dropped at the next look");
    }
}

/// Removes what sources have left on the disk that are gone since.
fn sweep(homes: PathBuf, names: Vec<String>) {
    tokio::task::spawn_blocking(move || {
        let Ok(entries) = std::fs::read_dir(&homes) else { return };
        let left =
            entries.filter_map(Result::ok).filter(|entry| !names.iter().any(|name| entry.file_name() == name.as_str()));
        left.for_each(|entry| clear(&entry.path()));
    });
}

fn sweep_one(home: PathBuf) {
    tokio::task::spawn_blocking(move || clear(&home));
}

fn clear(home: &Path) {
    if let Err(error) = git::remove(home) {
        tracing::warn!(%error, "what a removed source has left stays on the disk");
    }
}
