//! Applies that somebody has to confirm: what goes into their entries, and what can be asked of the one that waits.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};

use super::answer::{Answer, Outcome};
use super::caller::Caller;
use super::events::rfc3339;
use super::origin;
use super::server::{Server, store_failed};
use super::write;
use crate::api::{ApiError, ConfirmState, LeftApply, LeftObject, PendingApply, paths};
use crate::kinds::records::confirmation::{
    CONFIRM_MS_MAX, CONFIRM_MS_MIN, GIVEN_UP, Left, Pending, UNCONFIRMED, Written,
};
use crate::kinds::records::history::Applied;
use crate::model::{Change, ClusterState, Object, Revision, Timestamp, Write};
use crate::plan::{Confirm, Plan, free};

/// What can be asked of the apply that waits.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(paths::CONFIRM, get(show).post(confirm).delete(dismiss))
        .route(&format!("{}/revert", paths::CONFIRM), post(revert))
}

/// How long somebody has to confirm, when that is asked for.
pub fn limit(confirm_ms: Option<u64>) -> Result<Option<Duration>, ApiError> {
    match confirm_ms {
        Some(ms) if !(CONFIRM_MS_MIN..=CONFIRM_MS_MAX).contains(&ms) => {
            Err(ApiError::bad_request("the time to confirm an apply is between 1s and 1h"))
        }
        ms => Ok(ms.map(Duration::from_millis)),
    }
}

/// Refuses while an apply waits: two of them could not be told apart on the way back.
pub fn check_free(server: &Server) -> Result<(), ApiError> {
    let Some((_, pending)) = pending(server)? else { return Ok(()) };
    // Locked: whoever tries again later gets through.
    Err(ApiError::new(
        423,
        format!(
            "{} waits to be confirmed until {}: nothing else is applied before",
            pending.told(),
            seconds(server.own_time(pending.until))
        ),
    ))
}

/// Nobody reads the milliseconds of a deadline.
fn seconds(at: Timestamp) -> String {
    rfc3339(Timestamp(at.0 - at.0.rem_euclid(1000)))
}

/// Adds to an apply's entry that no other waits, and what it takes to go back when it is to be confirmed itself. Gives
/// until when.
pub fn add(
    plan: &Plan,
    write: &mut Write,
    limit: Option<Duration>,
    (state, records): (&ClusterState, &[Object]),
) -> Result<Option<Timestamp>, ApiError> {
    free(write);
    let Some(limit) = limit else { return Ok(None) };
    let ms = i64::try_from(limit.as_millis()).map_err(|_| ApiError::bad_request("the time to confirm is too long"))?;
    let until = Timestamp(write.at.0.saturating_add(ms));
    let from = origin::now().map(|origin| origin.address).unwrap_or_default();
    plan.add_confirmation(write, &Confirm { until, from }, state, records);
    Ok(Some(until))
}

/// `GET /1.0/seedbed/confirm`.
async fn show(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.trusted()?;
    server.store().barrier().await.map_err(store_failed)?;
    Answer::of(&state(&server)?)
}

/// `POST /1.0/seedbed/confirm`: the apply stays.
async fn confirm(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.trusted()?;
    let (record, pending) = waiting(&server).await?;
    let from = origin::now().map(|origin| origin.address).unwrap_or_default();
    if !from.is_empty() && from == pending.from {
        let text =
            "this is the connection that the apply came over: it lives on whatever was applied; confirm over a new one";
        return Err(ApiError::conflict(text));
    }
    let shown = shown(&server, &pending)?;
    let changes = [Pending::key(), Written::key()].map(|key| Change::Forget { key });
    write::submit_as(&server, caller.audit(), vec![write::unchanged(&record)], changes.to_vec()).await?;
    Answer::of(&shown)
}

/// `POST /1.0/seedbed/confirm/revert`: the apply is taken back now.
async fn revert(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.trusted()?;
    let (record, pending) = waiting(&server).await?;
    let shown = shown(&server, &pending)?;
    let given_up = Pending { given_up_by: caller.audit(), ..pending };
    let change = write::record(Pending::key(), write::spec_of(&given_up)?);
    write::submit_as(&server, caller.audit(), vec![write::unchanged(&record)], vec![change]).await?;
    Answer::of(&shown)
}

/// `DELETE /1.0/seedbed/confirm`: somebody has seen what could not be taken back.
async fn dismiss(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> Outcome {
    caller.trusted()?;
    write::commit(&server, &caller.audit(), || {
        let found = server.store().get(&Left::key()).map_err(store_failed)?;
        let record = found.ok_or_else(|| ApiError::not_found("nothing was left of an apply that was taken back"))?;
        Ok((vec![write::unchanged(&record)], vec![Change::Forget { key: Left::key() }]))
    })
    .await?;
    Answer::done()
}

async fn waiting(server: &Server) -> Result<(Object, Pending), ApiError> {
    server.store().barrier().await.map_err(store_failed)?;
    if let Some(found) = pending(server)? {
        return Ok(found);
    }
    Err(ApiError::not_found(match taken_back(server)? {
        Some(revision) => {
            format!("nothing waits to be confirmed: the last apply was taken back, at revision {revision}")
        }
        None => "nothing waits to be confirmed".to_owned(),
    }))
}

fn pending(server: &Server) -> Result<Option<(Object, Pending)>, ApiError> {
    let found = server.store().get(&Pending::key()).map_err(store_failed)?;
    found.map(|record| write::typed(&record).map(|pending| (record, pending))).transpose()
}

fn state(server: &Server) -> Result<ConfirmState, ApiError> {
    let store = server.store();
    let pending = pending(server)?.map(|(_, pending)| shown(server, &pending)).transpose()?;
    let left = match store.get(&Left::key()).map_err(store_failed)? {
        Some(record) => {
            let left: Left = write::typed(&record)?;
            let rest = left.open(|key| store.get(key).ok().flatten());
            let objects: Vec<LeftObject> = rest.into_iter().map(|it| LeftObject { key: it.key, why: it.why }).collect();
            Some(LeftApply { at: rfc3339(left.at), by: left.by, objects }).filter(|left| !left.objects.is_empty())
        }
        None => None,
    };
    let taken_back = if pending.is_some() { None } else { taken_back(server)? };
    Ok(ConfirmState { pending, left, taken_back })
}

fn shown(server: &Server, pending: &Pending) -> Result<PendingApply, ApiError> {
    let record = server.store().get(&Applied::key(&pending.apply)).map_err(store_failed)?;
    let Pending { at, by, from, until, back_to, summary, named, .. } = pending.clone();
    Ok(PendingApply {
        revision: record.map(|record| record.uid).unwrap_or_default(),
        at: rfc3339(at),
        by,
        from,
        until: rfc3339(until),
        back_to,
        summary,
        objects: named,
    })
}

/// The revision at which the last apply was taken back, when nothing was applied since.
fn taken_back(server: &Server) -> Result<Option<Revision>, ApiError> {
    let records = server.store().list(Applied::KIND).map_err(store_failed)?;
    let Some(newest) = records.iter().max_by_key(|record| record.uid) else { return Ok(None) };
    let why = newest.spec.text("why");
    Ok([UNCONFIRMED, GIVEN_UP].iter().any(|said| why.starts_with(said)).then_some(newest.uid))
}
