//! Both loops on a real store of one member, with a fake machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{me, pool_spec};
use crate::host::HostError;
use crate::host::fake::FakeHost;
use crate::kinds::records::confirmation::Pending;
use crate::kinds::registry::fixed_rng::Lowest;
use crate::model::{
    Change, Command, Config, Key, MemberId, Object, Phase, Put, Rollout, Stage, Tally, Timestamp, Write,
};
use crate::reconcile::leader::run_patient_leader;
use crate::reconcile::run_member;
use crate::store::{BoxFuture, Peer, Rpc, Store, StoreOptions, Timing, Transport, TransportError};

/// A member that stands alone has nobody to call.
struct Nobody;

impl Transport for Nobody {
    fn call(&self, _: &Peer, _: Rpc, _: Bytes, _: Duration) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        Box::pin(async { Err(TransportError::Unreachable("there is nobody".to_owned())) })
    }

    fn send_snapshot(
        &self,
        _: &Peer,
        _: Bytes,
        _: PathBuf,
        _: Duration,
    ) -> BoxFuture<'_, Result<Bytes, TransportError>> {
        Box::pin(async { Err(TransportError::Unreachable("there is nobody".to_owned())) })
    }
}

struct Alone {
    machine: FakeHost,
    store: Store,
    stop: watch::Sender<bool>,
    loops: Vec<JoinHandle<()>>,
    tally: watch::Sender<Tally>,
    _name: watch::Sender<crate::model::MemberName>,
    _dir: TempDir,
}

impl Alone {
    async fn new() -> Self {
        Self::with_patience(Duration::from_secs(3600)).await
    }

    async fn with_patience(patience: Duration) -> Self {
        let dir = TempDir::new().expect("a directory");
        let address = "127.0.0.1:1".to_owned();
        let me_peer = Peer { id: MemberId(1), address };
        let options = StoreOptions { dir: dir.path().join("database"), me: me_peer, timing: Timing::default() };
        let store = Store::open(options, Arc::new(Nobody)).await.expect("a store");
        store.bootstrap().await.expect("it leads");
        let machine = FakeHost::new();
        let (stop, stopped) = watch::channel(false);
        let (name, named) = watch::channel(me());
        let host = machine.host();
        let clock = Arc::clone(&host.clock);
        let tally = watch::Sender::new(Tally::default());
        let loops = vec![
            tokio::spawn(run_member(
                store.clone(),
                host,
                Arc::clone(&clock),
                named,
                Box::new(Lowest),
                tally.clone(),
                stopped.clone(),
            )),
            tokio::spawn(run_patient_leader(store.clone(), clock, Box::new(Lowest), patience, stopped)),
        ];
        Self { machine, store, stop, loops, tally, _name: name, _dir: dir }
    }

    async fn write(&self, change: Change) {
        let request = format!("{change:?}");
        let write = Write {
            request,
            at: Timestamp(0),
            by: "test".to_owned(),
            origin: None,
            expect: Vec::new(),
            changes: vec![change],
        };
        self.store.submit(Command::Write(write)).await.expect("it is stored");
    }

    async fn put_pool(&self) {
        let placements = BTreeMap::from([(me(), Config::default())]);
        let (key, rollout, stage, spec) = (data(), Rollout::EveryMember, Stage::Live, pool_spec());
        self.write(Change::Put(Put { key, rollout, stage, spec, applied: None, management: None, placements })).await;
    }

    /// Waits until the pool is as asked.
    async fn until(&self, is_so: impl Fn(Option<&Object>) -> bool) {
        let mut applied = self.store.applied();
        while !is_so(self.store.get(&data()).expect("it can be read").as_ref()) {
            applied.changed().await.expect("the store lives");
        }
    }

    async fn end(self) {
        self.stop.send_replace(true);
        for running in self.loops {
            running.await.expect("a loop ends when it is told to");
        }
        self.store.shutdown().await;
    }
}

fn data() -> Key {
    Key::new("storage-pool", "data")
}

#[tokio::test]
async fn a_pool_is_made_kept_and_removed() {
    let alone = Alone::new().await;
    alone.put_pool().await;
    alone.until(|pool| pool.is_some_and(Object::is_converged)).await;
    assert!(alone.machine.storage.seen("data").is_some());
    alone.write(Change::Delete { key: data() }).await;
    alone.until(|pool| pool.is_none()).await;
    assert_eq!(alone.machine.storage.seen("data"), None);
    alone.end().await;
}

#[tokio::test]
async fn a_failure_heals_by_itself() {
    let alone = Alone::new().await;
    let full = HostError::passing("make storage pool `data`", "DiskFull", "no space left on device");
    alone.machine.fail("storage.make", "data", 1, full);
    alone.put_pool().await;
    alone.until(|pool| pool.is_some_and(|pool| pool.phase == Phase::Errored)).await;
    alone.machine.clock.advance_ms(250);
    alone.until(|pool| pool.is_some_and(Object::is_converged)).await;
    let tally = alone.tally.borrow().clone();
    let counted: Vec<_> = tally.attempts().map(|(_, ending, timing)| (ending.word(), timing.count)).collect();
    assert_eq!(counted, [("done", 1), ("failed", 1)]);
    alone.end().await;
}

fn member(name: &str, stage: Stage, id: u64) -> Change {
    let spec = serde_json::json!({"id": id, "address": "", "certificate": ""});
    let spec = crate::model::Spec(spec.as_object().expect("an object").clone());
    let (key, rollout) = (Key::member(&name.into()), Rollout::RecordOnly);
    Change::Put(Put { key, rollout, stage, spec, applied: None, management: None, placements: BTreeMap::new() })
}

#[tokio::test]
async fn a_join_that_nobody_ends_is_forgotten_and_members_are_not() {
    let alone = Alone::with_patience(Duration::ZERO).await;
    alone.write(member("node1", Stage::Live, 1)).await;
    alone.write(member("node2", Stage::Define, 0)).await;
    let mut applied = alone.store.applied();
    while alone.store.get(&Key::member(&"node2".into())).expect("it can be read").is_some() {
        applied.changed().await.expect("the store lives");
    }
    assert!(alone.store.get(&Key::member(&"node1".into())).expect("it can be read").is_some());
    alone.end().await;
}

#[tokio::test]
async fn a_hold_that_ended_long_ago_is_dropped_and_others_are_not() {
    let alone = Alone::new().await;
    let hold = |name: &str, until: i64| {
        let spec = serde_json::json!({"key": format!("profile/{name}"), "until": until});
        let spec = crate::model::Spec(spec.as_object().expect("an object").clone());
        let (key, rollout, stage) = (Key::new("hold", name), Rollout::RecordOnly, Stage::Live);
        Change::Put(Put { key, rollout, stage, spec, applied: None, management: None, placements: BTreeMap::new() })
    };
    alone.machine.clock.advance_ms(200_000_000);
    alone.write(hold("kept", 150_000_000)).await;
    alone.write(hold("old", 1)).await;
    alone.write(member("node1", Stage::Live, 1)).await;
    let mut applied = alone.store.applied();
    while alone.store.get(&Key::new("hold", "old")).expect("it can be read").is_some() {
        applied.changed().await.expect("the store lives");
    }
    assert!(alone.store.get(&Key::new("hold", "kept")).expect("it can be read").is_some());
    alone.end().await;
}

/// An apply that waits to be confirmed, stamped by a clock that shows `at`.
fn pending(at: i64, given_ms: i64) -> Change {
    let pending = Pending { at: Timestamp(at), until: Timestamp(at + given_ms), ..Pending::default() };
    let (key, rollout, stage) = (Pending::key(), Rollout::RecordOnly, Stage::Live);
    let spec = crate::model::Spec::of(&pending).expect("a spec");
    Change::Put(Put { key, rollout, stage, spec, applied: None, management: None, placements: BTreeMap::new() })
}

/// Only what takes back runs here: it needs nothing else that the leader does.
async fn taken_back(alone: &Alone, given_ms: i64) -> Duration {
    let begun = tokio::time::Instant::now();
    let mut applied = alone.store.applied();
    while alone.store.get(&Pending::key()).expect("it can be read").is_some() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is not taken back, given {given_ms} ms");
        let _ = tokio::time::timeout(Duration::from_millis(100), applied.changed()).await;
    }
    begun.elapsed()
}

#[tokio::test]
async fn what_nobody_confirms_goes_at_its_time_whichever_clock_has_stamped_it() {
    let alone = Alone::new().await;
    alone.write(member("node1", Stage::Live, 1)).await;
    alone.machine.clock.advance_ms(100_000_000);
    for skew in [-7_200_000, 7_200_000] {
        alone.write(pending(100_000_000 + skew, 700)).await;
        let took = taken_back(&alone, 700).await;
        assert!(took >= Duration::from_millis(650), "{took:?} with a clock that differs by {skew} ms");
    }
    alone.end().await;
}

#[tokio::test]
async fn taking_back_needs_none_of_the_leaders_other_duties() {
    let mut alone = Alone::new().await;
    alone.stop.send_replace(true);
    for running in alone.loops.drain(..) {
        running.await.expect("a loop ends when it is told to");
    }
    alone.write(member("node1", Stage::Live, 1)).await;
    alone.write(pending(0, 300)).await;
    let (stop, stopped) = watch::channel(false);
    let clock = Arc::clone(&alone.machine.host().clock);
    let only =
        tokio::spawn(crate::reconcile::commit_confirm::run(alone.store.clone(), clock, Box::new(Lowest), stopped));
    taken_back(&alone, 300).await;
    stop.send_replace(true);
    only.await.expect("it ends when it is told to");
    alone.store.shutdown().await;
}
