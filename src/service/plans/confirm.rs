//! Applies that have to be confirmed: what goes into their entries, and the one that waits.

use std::time::Duration;

use crate::api::{ApiError, ConfirmState, LeftApply, LeftObject, PendingApply};
use crate::kinds::records::confirmation::{CONFIRM_MS_MAX, CONFIRM_MS_MIN, GIVEN_UP, Left, Pending, UNCONFIRMED};
use crate::kinds::records::history::Applied;
use crate::model::{ClusterState, Object, Revision, Timestamp, Write};
use crate::plan::{Confirm, Plan, free};
use crate::service::events::rfc3339;
use crate::service::objects::records;
use crate::service::peers::request_origin;
use crate::service::server::{Server, store_failed};

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
    let from = request_origin::now().map(|origin| origin.address).unwrap_or_default();
    plan.add_confirmation(write, &Confirm { until, from }, state, records);
    Ok(Some(until))
}

pub async fn waiting(server: &Server) -> Result<(Object, Pending), ApiError> {
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

pub fn pending(server: &Server) -> Result<Option<(Object, Pending)>, ApiError> {
    let found = server.store().get(&Pending::key()).map_err(store_failed)?;
    found.map(|record| records::typed(&record).map(|pending| (record, pending))).transpose()
}

pub fn state(server: &Server) -> Result<ConfirmState, ApiError> {
    let store = server.store();
    let pending = pending(server)?.map(|(_, pending)| shown(server, &pending)).transpose()?;
    let left = match store.get(&Left::key()).map_err(store_failed)? {
        Some(record) => {
            let left: Left = records::typed(&record)?;
            let rest = left.open(|key| store.get(key).ok().flatten());
            let objects: Vec<LeftObject> = rest.into_iter().map(|it| LeftObject { key: it.key, why: it.why }).collect();
            Some(LeftApply { at: rfc3339(left.at), by: left.by, objects }).filter(|left| !left.objects.is_empty())
        }
        None => None,
    };
    let taken_back = if pending.is_some() { None } else { taken_back(server)? };
    Ok(ConfirmState { pending, left, taken_back })
}

pub fn shown(server: &Server, pending: &Pending) -> Result<PendingApply, ApiError> {
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
