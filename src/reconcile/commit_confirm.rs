//! What the leader does about an apply that nobody confirmed: at its deadline it is taken back, as far as there is a way.
//!
//! That it waits stands in the store, so that whoever leads then acts on it, after any number of elections and restarts.
//! This is a loop of its own: what the leader has to do besides may fail or take its time.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::countdown::Countdown;
use super::leader::{server_config, told};
use super::member_status::Roster;
use crate::host::Clock;
use crate::kinds::Rng;
use crate::kinds::records::confirmation::{CLUSTER, Left, Pending, Rest, Written};
use crate::kinds::records::history::{Applied, Before};
use crate::model::{Change, Command, Expect, Key, Liveness, MemberName, Object, Reply, Timestamp, Write};
use crate::plan::lxd::Stamp;
use crate::plan::{Context, Mode, Past, TakenBack, of_back, read_set, take_back};
use crate::store::{Leadership, Store, StoreError};

/// After a failure, and when nothing waits.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Writes come in a row; they are looked at once they have settled.
const SETTLE: Duration = Duration::from_millis(50);

/// Watches the apply that waits to be confirmed, and takes it back in time while this member leads, until `shutdown` says
/// true or its sender has gone.
pub(super) async fn run(
    store: Store,
    clock: Arc<dyn Clock>,
    mut rng: Box<dyn Rng + Send>,
    mut shutdown: watch::Receiver<bool>,
) {
    let (mut leadership, mut applied) = (store.leadership(), store.applied());
    let mut countdown = Countdown::default();
    while !*shutdown.borrow_and_update() {
        let now = leadership.borrow_and_update().clone();
        applied.borrow_and_update();
        let waits = waiting(&store, &mut countdown, clock.now());
        let mut wait = LOOK_EVERY;
        if now.is_me {
            let look = look(&store, clock.as_ref(), &now, &countdown, rng.as_mut());
            tokio::select! {
                done = look => told("take back what nobody confirmed", waits.and(done)),
                _ = shutdown.changed() => continue,
            }
            wait = countdown
                .left(Instant::now())
                .filter(|left| !left.is_zero())
                .map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
        }
        tokio::select! {
            Ok(()) = applied.changed() => sleep(SETTLE).await,
            () = sleep(wait), if now.is_me => {}
            _ = leadership.changed() => {}
            _ = shutdown.changed() => {}
        }
    }
}

/// Every member counts, so that whoever leads next goes on from where the last one was.
fn waiting(store: &Store, countdown: &mut Countdown, now: Timestamp) -> Result<(), StoreError> {
    let record = store.get(&Pending::key())?;
    let pending = record.as_ref().and_then(|record| Some((record.uid, typed::<Pending>(record)?)));
    countdown.look(pending.as_ref().map(|(uid, pending)| (*uid, pending)), now, Instant::now());
    Ok(())
}

/// Takes back what is overdue, and forgets what there is nothing more to see of.
async fn look(
    store: &Store,
    clock: &dyn Clock,
    leadership: &Leadership,
    countdown: &Countdown,
    rng: &mut (dyn Rng + Send),
) -> Result<(), StoreError> {
    sweep(store, clock.now()).await?;
    let Some(record) = store.get(&Pending::key())? else { return Ok(()) };
    let Some(pending) = typed::<Pending>(&record) else { return Ok(()) };
    let is_over = countdown.left(Instant::now()).is_some_and(|left| left.is_zero());
    if !is_over && pending.given_up_by.is_empty() {
        return Ok(());
    }
    let Some(roster) = Roster::read(store, leadership, &server_config(store)?)? else { return Ok(()) };
    let Some(me) = roster.me() else { return Ok(()) };
    let (term, liveness) = (leadership.term.0, roster.liveness(clock.now()));
    let Some(write) = decide(store, me, &liveness, term, (&record, &pending), rng)? else { return Ok(()) };
    tracing::warn!(by = %pending.by, what = %pending.summary, why = %pending.why(), "an apply is taken back");
    match store.submit(Command::Write(write)).await? {
        Reply::Applied { .. } | Reply::Nothing => {}
        Reply::Refused { faults } => {
            tracing::debug!(?faults, "the state moved, or somebody confirmed; it is looked at again");
        }
    }
    Ok(())
}

fn decide(
    store: &Store,
    me: &MemberName,
    liveness: &Liveness,
    term: u64,
    (record, pending): (&Object, &Pending),
    rng: &mut (dyn Rng + Send),
) -> Result<Option<Write>, StoreError> {
    let before: Before = read(store, &Before::key(&pending.apply))?;
    let written: Written = read(store, &Written::key())?;
    let past = Past::before([before.clone()]);
    let state = store.part(&|known| {
        let desired = past.desired(&known.state);
        let mut extent = read_set::of_plan(&desired, Mode::Declarative, &Default::default(), known);
        extent.keys.extend(before.objects.iter().map(|was| was.key.clone()));
        extent.extend(of_back(known));
        extent
    })?;
    let context = Context { here: me, liveness, mode: Mode::Declarative, claim: None };
    let is_known = !before.objects.is_empty();
    let taken: TakenBack = match take_back(before, &written, &state, &context, rng) {
        Ok(taken) if is_known => taken,
        Ok(taken) => {
            let why = "what it was before is not remembered".to_owned();
            let left = pending.named.iter().map(|key| Rest { key: key.clone(), why: why.clone() });
            TakenBack { left: left.collect(), ..taken }
        }
        Err(findings) => {
            tracing::error!(?findings, "an apply that nobody confirmed cannot be taken back");
            return Ok(None);
        }
    };
    // The same state gives the same request: a retry after a lost answer does it once.
    let request = format!("unconfirmed-{term}-{}", state.revision);
    let stamp = Stamp { request, at: liveness.at, by: CLUSTER.to_owned() };
    let records = store.list(Applied::KIND)?;
    Ok(Some(taken.write((record, pending), stamp, &state, &records)))
}

/// What was only on its way needs nobody's attention once it has gone.
async fn sweep(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let Some(record) = store.get(&Left::key())? else { return Ok(()) };
    let Some(left) = typed::<Left>(&record) else { return Ok(()) };
    let mut found = Vec::new();
    for key in &left.going {
        found.extend(store.get(key)?);
    }
    if !left.open(|key| found.iter().find(|object| object.key == *key).cloned()).is_empty() {
        return Ok(());
    }
    let write = Write {
        request: format!("left-{}-{}", record.uid, record.generation),
        at: now,
        by: CLUSTER.to_owned(),
        origin: None,
        expect: vec![Expect::unchanged(&record)],
        changes: vec![Change::Forget { key: record.key }],
    };
    store.submit(Command::Write(write)).await.map(drop)
}

/// A record of the apply; as good as empty when it is gone, so that the deadline passes all the same.
fn read<T: DeserializeOwned + Default>(store: &Store, key: &Key) -> Result<T, StoreError> {
    Ok(store.get(key)?.as_ref().and_then(typed).unwrap_or_default())
}

fn typed<T: DeserializeOwned>(object: &Object) -> Option<T> {
    object
        .spec
        .read()
        .inspect_err(|cause| tracing::warn!(key = %object.key, %cause, "a newer version may have written this"))
        .ok()
}
