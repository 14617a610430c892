//! Members in one process that call each other through memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use crate::model::{
    Change, Command, Config, Expect, Generation, Key, MemberId, MemberName, Put, Reply, Rollout, Spec, Stage,
    Timestamp, Write,
};
use crate::store::{BoxFuture, Peer, Rpc, Store, StoreOptions, Timing, Transport, TransportError};

/// The members that can be reached, and the cuts between them.
#[derive(Clone, Default)]
pub(super) struct Net(Arc<Mutex<NetState>>);

#[derive(Default)]
struct NetState {
    stores: BTreeMap<u64, Store>,
    cut: BTreeSet<u64>,
}

impl Net {
    fn find(&self, from: u64, to: u64) -> Result<Store, TransportError> {
        let state = self.0.lock().expect("the net");
        if state.cut.contains(&from) || state.cut.contains(&to) {
            return Err(TransportError::Unreachable("the line is cut".to_owned()));
        }
        state.stores.get(&to).cloned().ok_or_else(|| TransportError::Unreachable("nobody is there".to_owned()))
    }

    fn set(&self, id: u64, store: Option<Store>) {
        let mut state = self.0.lock().expect("the net");
        match store {
            Some(store) => state.stores.insert(id, store),
            None => state.stores.remove(&id),
        };
    }

    /// Cuts a member off from all others, or joins it to them again.
    pub(super) fn cut(&self, id: u64, is_cut: bool) {
        let mut state = self.0.lock().expect("the net");
        if is_cut {
            state.cut.insert(id)
        } else {
            state.cut.remove(&id)
        };
    }
}

struct Line {
    net: Net,
    from: u64,
}

impl Transport for Line {
    fn call(&self, to: &Peer, rpc: Rpc, body: Bytes, limit: Duration) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        let to = to.id.0;
        Box::pin(async move {
            let store = self.net.find(self.from, to)?;
            let answer = tokio::time::timeout(limit, store.answer(rpc, body)).await;
            // An answer does not come back over a line that was cut meanwhile.
            self.net.find(self.from, to)?;
            answer.map_err(|_| TransportError::Timeout)?.map_err(|error| TransportError::Failed(error.to_string()))
        })
    }

    fn send_snapshot(
        &self,
        to: &Peer,
        header: Bytes,
        file: PathBuf,
        _limit: Duration,
    ) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        let to = to.id.0;
        Box::pin(async move {
            let store = self.net.find(self.from, to)?;
            let received = store.incoming();
            std::fs::copy(&file, received.path()).map_err(|error| TransportError::Failed(error.to_string()))?;
            let answer = store.receive_snapshot(header, received).await;
            answer.map_err(|error| TransportError::Failed(error.to_string()))
        })
    }
}

/// Members with directories of their own.
pub(super) struct Cluster {
    pub(super) net: Net,
    root: TempDir,
    pub(super) timing: Timing,
    pub(super) stores: BTreeMap<u64, Store>,
}

pub(super) fn peer(id: u64) -> Peer {
    Peer { id: MemberId(id), address: format!("10.0.0.{id}:8443") }
}

/// Short enough for a test, long enough for a loaded machine.
pub(super) fn timing() -> Timing {
    Timing { heartbeat_ms: 60, election_ms_min: 400, election_ms_max: 800, ..Timing::default() }
}

impl Cluster {
    pub(super) async fn alone() -> Self {
        Self::alone_with(timing()).await
    }

    pub(super) async fn alone_with(timing: Timing) -> Self {
        let root = TempDir::new().expect("a directory");
        let mut cluster = Self { net: Net::default(), root, timing, stores: BTreeMap::new() };
        cluster.start(1).await;
        cluster.store(1).bootstrap().await.expect("it leads");
        cluster
    }

    /// Three voters; the first leads.
    pub(super) async fn of_three() -> Self {
        let mut cluster = Self::alone().await;
        for id in [2, 3] {
            cluster.start(id).await;
            cluster.store(1).add_learner(peer(id)).await.expect("it follows");
        }
        cluster.store(1).set_voters([1, 2, 3].map(MemberId).into()).await.expect("all vote");
        cluster
    }

    pub(super) fn dir(&self, id: u64) -> PathBuf {
        self.root.path().join(id.to_string())
    }

    pub(super) fn store(&self, id: u64) -> &Store {
        &self.stores[&id]
    }

    pub(super) async fn start(&mut self, id: u64) {
        let line = Arc::new(Line { net: self.net.clone(), from: id });
        let options = StoreOptions { dir: self.dir(id), me: peer(id), timing: self.timing.clone() };
        let store = Store::open(options, line).await.expect("it opens");
        self.net.set(id, Some(store.clone()));
        self.stores.insert(id, store);
    }

    pub(super) async fn stop(&mut self, id: u64) {
        self.net.set(id, None);
        if let Some(store) = self.stores.remove(&id) {
            store.shutdown().await;
        }
    }

    pub(super) async fn stop_all(&mut self) {
        for id in self.stores.keys().copied().collect::<Vec<_>>() {
            self.stop(id).await;
        }
    }

    /// Waits until one of the members leads all of them.
    pub(super) async fn leader(&self) -> u64 {
        for _ in 0..4500 {
            let says = |store: &Store| store.leadership().borrow().is_me;
            if let Some((id, _)) = self.stores.iter().find(|(_, store)| says(store)) {
                return *id;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nobody leads");
    }
}

/// Waits for something that must come true soon.
pub(super) async fn eventually(what: &str, check: impl Fn() -> bool) {
    for _ in 0..9000 {
        if check() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within 90 s");
}

pub(super) fn profile(name: &str) -> Key {
    Key::new("profile", name)
}

pub(super) fn spec(text: &str) -> Spec {
    Spec([("description".to_owned(), text.into())].into_iter().collect())
}

/// A write of one record under a precondition.
pub(super) fn write(request: &str, key: Key, text: &str, expect: Option<u64>) -> Command {
    Command::Write(Write {
        request: request.to_owned(),
        at: Timestamp(1),
        by: "test".to_owned(),
        origin: None,
        expect: vec![Expect::at(key.clone(), expect.map(Generation))],
        changes: vec![Change::Put(put(key, Rollout::RecordOnly, Stage::Live, text, &[]))],
    })
}

pub(super) fn put(key: Key, rollout: Rollout, stage: Stage, text: &str, members: &[&str]) -> Put {
    let placements = members.iter().map(|member| (MemberName::from(*member), Config::default())).collect();
    Put { key, rollout, stage, spec: spec(text), applied: None, management: None, placements }
}

pub(super) async fn create(store: &Store, name: &str) -> u64 {
    match store.submit(write(&format!("create {name}"), profile(name), "new", None)).await.expect("it is stored") {
        Reply::Applied { revision } => revision.0,
        other => panic!("{name}: {other:?}"),
    }
}

pub(super) fn names(store: &Store) -> Vec<String> {
    store.list("profile").expect("they can be read").into_iter().map(|object| object.key.name).collect()
}

pub(super) fn bytes_of(dir: &Path) -> Vec<(String, u64, std::time::SystemTime)> {
    let entries = std::fs::read_dir(dir).expect("the directory");
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let meta = entry.metadata().expect("its size");
        (entry.file_name().to_string_lossy().into_owned(), meta.len(), meta.modified().expect("its time"))
    };
    let mut files: Vec<_> = entries.map(entry).collect();
    files.sort();
    files
}
