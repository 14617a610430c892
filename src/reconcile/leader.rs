//! The loop of the leader: applies that nobody confirms are taken back, the right members vote, creates that had to wait
//! for a member go on, joins that nobody ends are undone, and holds that ended long ago are dropped. None of these duties
//! waits for another one, or fails because another one does.
//! Every member runs it; all but one only wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::commit_confirm;
use super::holds;
use super::member_status::Roster;
use super::pending_joins::{self, Places};
use super::voters::{Limits, voters};
use crate::host::Clock;
use crate::kinds::Rng;
use crate::model::{Command, Config, Key, Reply};
use crate::plan::{finish, read_set};
use crate::store::{Leadership, Store, StoreError};

/// How often the leader looks whether members answer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Joins and writes come in a row: the leader looks once for all that come within this time.
const SETTLE: Duration = Duration::from_millis(50);

/// Does the leader's work while this member leads, until `shutdown` says true or its sender has gone.
pub async fn run_leader(
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Box<dyn Rng + Send>,
    shutdown: watch::Receiver<bool>,
) {
    run_patient_leader(store, clock, rng, pending_joins::PATIENCE, shutdown).await;
}

/// The same with another patience with joiners that are not heard of any more.
pub(super) async fn run_patient_leader(
    store: Store,
    clock: Arc<dyn Clock>,
    rng: Box<dyn Rng + Send>,
    patience: Duration,
    shutdown: watch::Receiver<bool>,
) {
    let unconfirmed = commit_confirm::run(store.clone(), Arc::clone(&clock), rng, shutdown.clone());
    tokio::join!(unconfirmed, run_duties(store, clock, patience, shutdown));
}

/// What the leader does beside taking back what nobody confirmed, which must not wait for any of it.
async fn run_duties(store: Store, clock: Arc<dyn Clock>, patience: Duration, mut shutdown: watch::Receiver<bool>) {
    let mut leadership = store.leadership();
    let mut applied = store.applied();
    let mut leader = Leader { store, clock, patience, places: Places::default() };
    while !*shutdown.borrow_and_update() {
        let now = leadership.borrow_and_update().clone();
        if !now.is_me {
            leader.places.clear();
            tokio::select! {
                _ = leadership.changed() => {}
                _ = shutdown.changed() => {}
            }
            continue;
        }
        applied.borrow_and_update();
        tokio::select! {
            () = leader.look(&now) => {}
            _ = shutdown.changed() => continue,
        }
        tokio::select! {
            _ = timeout(LOOK_EVERY, applied.changed()) => sleep(SETTLE).await,
            _ = leadership.changed() => {}
            _ = shutdown.changed() => {}
        }
    }
}

struct Leader {
    store: Store,
    clock: Arc<dyn Clock>,
    patience: Duration,
    places: Places,
}

impl Leader {
    async fn look(&mut self, leadership: &Leadership) {
        told("change the voters", self.vote(leadership).await);
        told("take back joins", self.places.look(&self.store, self.patience, self.clock.now()).await);
        told("create what waited for a member", self.go_on(leadership).await);
        told("drop old holds", holds::sweep(&self.store, self.clock.now()).await);
    }

    async fn vote(&self, leadership: &Leadership) -> Result<(), StoreError> {
        let config = server_config(&self.store)?;
        let Some(roster) = Roster::read(&self.store, leadership, &config)? else { return Ok(()) };
        if let Some(next) = voters(&roster.candidates(), &roster.voters, roster.leader, limits(&config)) {
            tracing::info!(current = ?roster.voters, ?next, "changing the voters");
            self.store.set_voters(next).await?;
        }
        Ok(())
    }

    /// Lets definitions go live that a manifest made while a member was away.
    async fn go_on(&self, leadership: &Leadership) -> Result<(), StoreError> {
        let Some(roster) = Roster::read(&self.store, leadership, &server_config(&self.store)?)? else { return Ok(()) };
        let Some(me) = roster.me() else { return Ok(()) };
        let state = self.store.part(&|_| read_set::of_finish())?;
        let now = self.clock.now();
        let Some(ready) = finish(&state, me, &roster.liveness(now)) else { return Ok(()) };
        tracing::info!(objects = ?ready.keys, "all members answer: what waited for them is created");
        // The same state gives the same request: a retry after a lost answer does it once.
        let request = format!("finish-{}-{}", leadership.term, state.revision);
        let write = ready.write(request, now, "reconciler".to_owned());
        match self.store.submit(Command::Write(write)).await? {
            Reply::Applied { .. } | Reply::Nothing => Ok(()),
            Reply::Refused { faults } => {
                tracing::debug!(?faults, "the state moved while the create was planned; it is planned again");
                Ok(())
            }
        }
    }
}

/// The next look tries again.
pub(super) fn told(duty: &str, done: Result<(), StoreError>) {
    if let Err(error) = done {
        tracing::warn!(duty, %error, "the leader could not do this; the next attempt follows");
    }
}

pub(super) fn server_config(store: &Store) -> Result<Config, StoreError> {
    Ok(store.get(&Key::server())?.map(|server| server.spec.config()).unwrap_or_default())
}

fn limits(config: &Config) -> Limits {
    let set = config.value("cluster.max_voters").and_then(|text| text.parse().ok());
    set.map_or_else(Limits::default, |voters_max| Limits { voters_max })
}
