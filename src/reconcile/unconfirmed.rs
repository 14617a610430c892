//! What the leader does about an apply that nobody confirmed: at its deadline it is taken back, as far as there is a way.
//!
//! The deadline stands in the store, so that whoever leads then acts on it, after any number of elections and restarts.

use serde::de::DeserializeOwned;

use crate::kinds::Dice;
use crate::kinds::confirmation::{CLUSTER, Left, Pending, Rest, Written};
use crate::kinds::history::{Applied, Before};
use crate::model::{Change, Command, Expect, Key, Liveness, MemberName, Object, Reply, Timestamp, Write};
use crate::plan::two_phase::Stamp;
use crate::plan::{Context, Mode, Past, TakenBack, extent, of_back, take_back};
use crate::store::{Store, StoreError};

/// Takes back what is overdue, and forgets what there is nothing more to see of.
pub(super) async fn look(
    store: &Store,
    me: &MemberName,
    liveness: &Liveness,
    term: u64,
    dice: &mut (dyn Dice + Send),
) -> Result<(), StoreError> {
    sweep(store, liveness.at).await?;
    let Some(record) = store.get(&Pending::key())? else { return Ok(()) };
    let Some(pending) = typed::<Pending>(&record) else { return Ok(()) };
    if pending.until > liveness.at {
        return Ok(());
    }
    let Some(write) = decide(store, me, liveness, term, (&record, &pending), dice)? else { return Ok(()) };
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
    dice: &mut (dyn Dice + Send),
) -> Result<Option<Write>, StoreError> {
    let before: Before = read(store, &Before::key(&pending.apply))?;
    let written: Written = read(store, &Written::key())?;
    let past = Past::before([before.clone()]);
    let state = store.part(&|known| {
        let desired = past.desired(&known.state);
        let mut extent = extent::of_plan(&desired, Mode::Declarative, &Default::default(), known);
        extent.keys.extend(before.objects.iter().map(|was| was.key.clone()));
        extent.extend(of_back(known));
        extent
    })?;
    let context = Context { here: me, liveness, mode: Mode::Declarative, claim: None };
    let is_known = !before.objects.is_empty();
    let taken: TakenBack = match take_back(before, &written, &state, &context, dice) {
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
        expect: vec![Expect { key: record.key.clone(), generation: Some(record.generation) }],
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
