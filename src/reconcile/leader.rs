//! The loop of the leader: the right members vote, creates that had to wait for a member go on, joins that nobody ends
//! are undone, applies that nobody confirms are taken back, and holds that ended long ago are dropped.
//! Every member runs it; all but one only wait.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::holds;
use super::places::{self, Places};
use super::roster::Roster;
use super::unconfirmed;
use super::voters::{Limits, voters};
use crate::host::Clock;
use crate::kinds::Dice;
use crate::model::{Command, Config, Key, MemberName, Reply};
use crate::plan::{extent, finish};
use crate::store::{Leadership, Store, StoreError};

/// How often the leader looks whether members answer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Joins and writes come in a row: the leader looks once for all that come within this time.
const SETTLE: Duration = Duration::from_millis(50);

/// Does the leader's work while this member leads, until `shutdown` says true or its sender has gone.
pub async fn run_leader(
    store: Store,
    clock: Arc<dyn Clock>,
    dice: Box<dyn Dice + Send>,
    shutdown: watch::Receiver<bool>,
) {
    run_patient_leader(store, clock, dice, places::PATIENCE, shutdown).await;
}

/// The same with another patience with joiners that are not heard of any more.
pub(super) async fn run_patient_leader(
    store: Store,
    clock: Arc<dyn Clock>,
    dice: Box<dyn Dice + Send>,
    patience: Duration,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut leadership = store.leadership();
    let mut applied = store.applied();
    let mut leader = Leader { store, clock, dice, patience, places: Places::default() };
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
            done = leader.look(&now) => {
                if let Err(error) = done {
                    tracing::warn!(%error, "the leader's work is not done; the next attempt follows");
                }
            }
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
    dice: Box<dyn Dice + Send>,
    patience: Duration,
    places: Places,
}

impl Leader {
    async fn look(&mut self, leadership: &Leadership) -> Result<(), StoreError> {
        let config = self.store.get(&Key::server())?.map(|server| server.spec.config()).unwrap_or_default();
        let Some(roster) = Roster::read(&self.store, leadership, &config)? else { return Ok(()) };
        if let Some(next) = voters(&roster.candidates(), &roster.voters, roster.leader, limits(&config)) {
            tracing::info!(current = ?roster.voters, ?next, "changing the voters");
            self.store.set_voters(next).await?;
        }
        self.places.look(&self.store, self.patience, self.clock.now()).await?;
        let Some(me) = roster.me() else { return Ok(()) };
        let liveness = roster.liveness(self.clock.now());
        unconfirmed::look(&self.store, me, &liveness, leadership.term.0, self.dice.as_mut()).await?;
        self.go_on(me, &roster, leadership).await?;
        holds::sweep(&self.store, self.clock.now()).await
    }

    /// Lets definitions go live that a manifest made while a member was away.
    async fn go_on(&mut self, me: &MemberName, roster: &Roster, leadership: &Leadership) -> Result<(), StoreError> {
        let state = self.store.part(&|_| extent::of_finish())?;
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

fn limits(config: &Config) -> Limits {
    let set = config.value("cluster.max_voters").and_then(|text| text.parse().ok());
    set.map_or_else(Limits::default, |voters_max| Limits { voters_max })
}
