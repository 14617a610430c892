//! The loop of one member: wakes when the state moves, brings about what is due, reports in one command.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::attempts::Memory;
use super::pass::{PassScope, pass};
use crate::host::{Clock, Host};
use crate::kinds::{self, Rng};
use crate::model::{Command, Key, MemberName, Object, PlacementReport, Report, Rollout, Tally};
use crate::store::{Store, StoreError};

/// What stands on the host is looked at this often even when nothing happens: somebody may have changed it.
const LOOK_AT_ALL_EVERY: Duration = Duration::from_secs(60);

/// After a pass the loop rests this long, so that a flood of writes costs few passes.
const REST: Duration = Duration::from_millis(2);

/// Without a cluster to ask, the member goes by what it knows after this time: its networks and mounts must come up.
const CATCH_UP_MAX: Duration = Duration::from_secs(10);

/// After a failure of the store itself, which says more about the store than about any object.
const STORE_WAIT_MS: (u64, u64) = (200, 5_000);

/// Keeps this member's host as the state says, until `shutdown` says true or its sender has gone.
///
/// `clock` is the one that all members share: by it holds end. `me` is this member's name, which a join or a rename changes. It first looks at everything that is placed here:
/// bridges and mounts do not outlive a reboot. What it does is counted in `tally`.
pub async fn run_member(
    store: Store,
    host: Host,
    clock: Arc<dyn Clock>,
    mut me: watch::Receiver<MemberName>,
    mut rng: Box<dyn Rng + Send>,
    tally: watch::Sender<Tally>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut applied = store.applied();
    let mut member =
        Member { store, host, clock, me: me.borrow_and_update().clone(), memory: Memory::default(), waited_ms: 0 };
    tokio::select! {
        _ = timeout(CATCH_UP_MAX, catch_up(&member.store)) => {}
        _ = shutdown.changed() => {}
    }
    let mut look_at_all = Instant::now();
    while !*shutdown.borrow_and_update() {
        applied.borrow_and_update();
        let name = me.borrow_and_update().clone();
        if member.me != name {
            member = Member { me: name, memory: Memory::default(), ..member };
            look_at_all = Instant::now();
        }
        let look = if look_at_all <= Instant::now() { PassScope::AtAll } else { PassScope::AtWork };
        let reports = member.pass(look, rng.as_mut()).await;
        let counted = member.memory.take_tally();
        tally.send_if_modified(|sum| {
            let has_more = !counted.is_empty();
            sum.merge(counted);
            has_more
        });
        if look == PassScope::AtAll && reports.is_ok() {
            look_at_all = Instant::now() + LOOK_AT_ALL_EVERY;
        }
        let sent = tokio::select! {
            sent = member.report(reports) => sent,
            _ = shutdown.changed() => continue,
        };
        let rest = member.rest(sent, rng.as_mut());
        tokio::select! {
            () = sleep_until(Instant::now() + rest) => {}
            _ = shutdown.changed() => continue,
        }
        let wake = member.next_attempt().map_or(look_at_all, |attempt| attempt.min(look_at_all));
        tokio::select! {
            _ = applied.changed() => {}
            _ = me.changed() => {}
            _ = shutdown.changed() => {}
            () = member.host.network.disturbed() => look_at_all = Instant::now(),
            () = sleep_until(wake) => {}
        }
    }
}

/// Waits until the state here is as new as it was anywhere when this was called. After a power failure a member may
/// remember less than it has done, and would make again what it has removed.
async fn catch_up(store: &Store) {
    while let Err(error) = store.barrier().await {
        tracing::debug!(%error, "waiting for the cluster before the first look at the host");
        sleep(Duration::from_millis(200)).await;
    }
}

struct Member {
    store: Store,
    host: Host,
    clock: Arc<dyn Clock>,
    me: MemberName,
    memory: Memory,
    /// How long the loop last waited for the store, in milliseconds; 0 when the store worked.
    waited_ms: u64,
}

impl Member {
    async fn pass(&mut self, look: PassScope, rng: &mut (dyn Rng + Send)) -> Result<Vec<PlacementReport>, StoreError> {
        let holds = self.store.list("hold")?;
        self.memory.hold(kinds::hold::held(&holds, self.clock.now()).into_keys().collect());
        let objects = match look {
            PassScope::AtAll => self.placed()?,
            PassScope::AtWork => self.work()?,
        };
        Ok(pass(&self.host, &self.me, &objects, look, &mut self.memory, rng).await)
    }

    /// Everything that this member holds, or is to hold.
    fn placed(&self) -> Result<Vec<Object>, StoreError> {
        let mut objects = self.store.work(&self.me)?;
        let mut seen: BTreeSet<Key> = objects.iter().map(|object| object.key.clone()).collect();
        for kind in kinds::ALL.iter().filter(|kind| kind.rollout() != Rollout::RecordOnly) {
            let all = self.store.list(kind.words().kind)?;
            let here = all.into_iter().filter(|object| object.placements.contains_key(&self.me));
            objects.extend(here.filter(|object| seen.insert(object.key.clone())));
        }
        Ok(objects)
    }

    /// What needs action, and what failed when it was last looked at: the store may not have heard of that yet.
    fn work(&self) -> Result<Vec<Object>, StoreError> {
        let mut objects = self.store.work(&self.me)?;
        let known: BTreeSet<Key> = objects.iter().map(|object| object.key.clone()).collect();
        for key in self.memory.failing().filter(|key| !known.contains(key)) {
            objects.extend(self.store.get(key)?);
        }
        Ok(objects)
    }

    async fn report(&mut self, reports: Result<Vec<PlacementReport>, StoreError>) -> Result<(), StoreError> {
        let entries = reports?;
        if entries.is_empty() {
            return Ok(());
        }
        let report = Report { at: self.host.clock.now(), entries: entries.clone() };
        match self.store.submit(Command::Report(report)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                self.memory.not_sent(&entries);
                Err(error)
            }
        }
    }

    /// How long to do nothing at all: a moment, or longer each time the store fails.
    fn rest(&mut self, sent: Result<(), StoreError>, rng: &mut dyn Rng) -> Duration {
        let Err(error) = sent else {
            self.waited_ms = 0;
            return REST;
        };
        let (shortest, longest) = STORE_WAIT_MS;
        let spread = (self.waited_ms * 3).saturating_sub(shortest).max(1);
        self.waited_ms = (shortest + rng.below(spread)).min(longest);
        tracing::warn!(member = %self.me, %error, again_in_ms = self.waited_ms, "the store did not take what was done");
        Duration::from_millis(self.waited_ms)
    }

    fn next_attempt(&self) -> Option<Instant> {
        let due = self.memory.next_due()?;
        Some(Instant::now() + Duration::from_millis(due.since_ms(self.host.clock.now())))
    }
}
