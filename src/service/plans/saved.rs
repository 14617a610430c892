//! Saved plans: made once, looked at, and carried out once and exactly so, or not at all.

use std::collections::BTreeSet;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::apply::ApplyOptions;
use super::confirm;
use crate::api::{ApiError, ApplyReply, paths};
use crate::kinds::records::history;
use crate::kinds::records::saved_plan::{PLANS_MAX, SavedPlan, SavedWork, Used};
use crate::model::{
    Change, Command, Config, Expect, Fault, Finding, Key, MemberName, Object, ReadSet, Reply, Revision, Timestamp,
};
use crate::plan::Plan;
use crate::plan::lxd::Stamp;
use crate::service::access::password::is_same;
use crate::service::access::signature;
use crate::service::events::rfc3339;
use crate::service::objects::{records, removal_check, trial};
use crate::service::peers::request_origin;
use crate::service::server::{Server, store_failed};
use crate::service::wire::parse;

/// What has to go and what must hold so that a plan of this name can be kept.
pub fn room_for(server: &Server, name: &str, now: Timestamp) -> Result<(Vec<Expect>, Vec<Change>), ApiError> {
    let records = records(server)?;
    let mut good = 0;
    let mut changes = Vec::new();
    for record in &records {
        let saved: SavedPlan = records::typed(record)?;
        // A used one is kept until its time is over: who uses it again is told so.
        if saved.expires_at <= now {
            changes.push(Change::Forget { key: record.key.clone() });
        } else if record.key.name == name {
            let text = format!("there is a saved plan {name} already: name this one otherwise, or delete that one");
            return Err(ApiError::conflict(text));
        } else {
            good += 1;
        }
    }
    if good >= PLANS_MAX {
        let text = format!("{PLANS_MAX} plans are saved already; delete some: DELETE {}/NAME", paths::PLANS);
        return Err(ApiError::conflict(text));
    }
    let expect = records.iter().find(|record| record.key.name == name).map(records::unchanged);
    Ok((vec![expect.unwrap_or_else(|| records::absent(&SavedPlan::key(name)))], changes))
}

pub async fn ready(server: &Server, name: &str, body: &Bytes) -> Result<(Object, SavedPlan, Plan), ApiError> {
    server.store().barrier().await.map_err(store_failed)?;
    let given: Option<Value> = if body.is_empty() { None } else { Some(parse(body)?) };
    if let Some(given) = &given {
        check_mark(server, given.clone())?;
    }
    let record = found(server, name)?;
    let saved: SavedPlan = records::typed(&record)?;
    if let Some(given) = &given {
        check_file(server, &record, &saved, given)?;
    }
    let plan = usable(server, name, &saved)?;
    confirm::check_free(server)?;
    Ok((record, saved, plan))
}

pub async fn carry_out(
    server: &Server,
    plan: &Plan,
    record: &Object,
    saved: SavedPlan,
    order: ApplyOptions<'_>,
) -> Result<ApplyReply, ApiError> {
    let keys: BTreeSet<Key> = plan.changes.iter().map(|change| change.key.clone()).collect();
    let extent = ReadSet { keys, ..ReadSet::default() };
    trial::changes(server, &plan.apart().1).await?;
    let state = server.store().part(&|_| extent.clone()).map_err(store_failed)?;
    removal_check::look_before(server, plan, &state).await?;
    let remembered = server.store().list(history::Applied::KIND).map_err(store_failed)?;
    let stamp = Stamp { request: uuid::Uuid::new_v4().to_string(), at: server.now(), by: order.by.to_owned() };
    let used = Some(Used { at: stamp.at, by: order.by.to_owned() });
    let why = format!("saved plan {}", record.key.name);
    let mut write = plan.write_remembered(stamp, &why, &state, &remembered);
    let confirm_until = confirm::add(plan, &mut write, order.confirm, (&state, &remembered))?;
    let spent = SavedPlan { work: None, used, ..saved };
    write.expect.push(records::unchanged(record));
    write.changes.push(records::record(record.key.clone(), records::spec_of(&spent)?));
    match server.store().submit(request_origin::stamped(Command::Write(write))).await.map_err(store_failed)? {
        Reply::Applied { revision } => Ok(ApplyReply { revision: Some(revision), notes: Vec::new(), confirm_until }),
        Reply::Nothing => Err(ApiError::failed("the log took no command")),
        Reply::Refused { faults } if faults.iter().any(|fault| fault.expected.key == record.key) => {
            Err(ApiError::conflict(format!("the saved plan {} was used or deleted just now", record.key.name)))
        }
        Reply::Refused { faults } => {
            confirm::check_free(server)?;
            Err(stale(faults.iter().map(moved).collect()))
        }
    }
}

/// The plan with what it commits, when it may be carried out now.
fn usable(server: &Server, name: &str, saved: &SavedPlan) -> Result<Plan, ApiError> {
    if let Some(Used { at, by }) = &saved.used {
        let text =
            format!("the saved plan {name} was used already, at {} by {by}: a plan is carried out once", rfc3339(*at));
        return Err(ApiError::conflict(text));
    }
    if saved.expires_at <= server.now() {
        let text = format!("the saved plan {name} has expired at {}: make a new one", rfc3339(saved.expires_at));
        return Err(ApiError::conflict(text));
    }
    let unreadable =
        || ApiError::failed(format!("the saved plan {name} cannot be read: a newer version may have made it"));
    let shown: Plan = serde_json::from_value(saved.plan.clone()).map_err(|_| unreadable())?;
    let SavedWork { expect, changes } = saved.work.clone().ok_or_else(unreadable)?;
    let plan = shown.together(expect, changes);
    let known: BTreeSet<&MemberName> = plan.offline.iter().map(|silent| &silent.member).collect();
    let liveness = server.liveness();
    let touched: BTreeSet<&MemberName> =
        plan.changes.iter().flat_map(|change| change.members.iter().map(|row| &row.member)).collect();
    let me = server.node().name.clone();
    let lost = touched
        .into_iter()
        .filter(|member| **member != me && !known.contains(member) && !liveness.is_reachable(member));
    let lost: Vec<Finding> = lost.map(went_silent).collect();
    if lost.is_empty() { Ok(plan) } else { Err(stale(lost)) }
}

fn went_silent(member: &MemberName) -> Finding {
    Finding::error("SB183", format!("{member} answered when the plan was made and does not now"))
}

fn moved(fault: &Fault) -> Finding {
    let Fault { expected: Expect { key, generation, .. }, found } = fault;
    let text = match (generation, found) {
        (None, _) => format!("{key} did not exist when the plan was made and does now"),
        (Some(_), None) => format!("{key} existed when the plan was made and is gone"),
        (Some(then), Some(now)) if then == now => format!("others have begun to use {key} since the plan was made"),
        (Some(then), Some(now)) => format!("{key} was at generation {then} when the plan was made and is at {now}"),
    };
    Finding::error("SB183", text)
}

fn stale(findings: Vec<Finding>) -> ApiError {
    ApiError::new(412, "the cluster has moved since the plan was made: nothing was changed").with_findings(findings)
}

/// The address that the plan gives this member, so that its port is opened before it is stored.
pub fn own_address(plan: &Plan, me: &MemberName) -> Option<Config> {
    plan.apart().1.into_iter().find_map(|change| match change {
        Change::Put(mut put) if put.key == Key::server() => put.placements.remove(me),
        _ => None,
    })
}

/// A plan as it is given out: what is shown, which record it is, and the cluster's mark on both.
pub fn file(server: &Server, (name, uid): (&str, Revision), saved: &SavedPlan) -> Result<Value, ApiError> {
    let mut file = saved.plan.clone();
    file["saved"] = json!({
        "name": name,
        "uid": uid,
        "title": saved.title,
        "created_at": rfc3339(saved.created_at),
        "expires_at": rfc3339(saved.expires_at),
        "cluster": server.credentials.fingerprint()?,
    });
    file["signature"] = json!(signature::sign(server, &file.to_string()));
    Ok(file)
}

/// Refuses a file that is not to the letter what is handed out of this record: that the cluster has signed it says only
/// that it was handed out once.
fn check_file(server: &Server, record: &Object, saved: &SavedPlan, given: &Value) -> Result<(), ApiError> {
    let name = record.key.name.as_str();
    let own = file(server, (name, record.uid), saved)?;
    if is_same(own.to_string().as_bytes(), given.to_string().as_bytes()) {
        return Ok(());
    }
    match given["saved"]["name"].as_str() {
        Some(other) if other != name => {
            Err(ApiError::conflict(format!("this is the file of the saved plan {other}, not of {name}")))
        }
        _ => Err(stale(vec![Finding::error("SB183", format!("another plan was saved as {name} since"))])),
    }
}

fn check_mark(server: &Server, mut file: Value) -> Result<(), ApiError> {
    let cluster = file["saved"]["cluster"].as_str().unwrap_or_default().to_owned();
    let signature = file.as_object_mut().and_then(|file| file.remove("signature"));
    let signature = signature.as_ref().and_then(Value::as_str).unwrap_or_default();
    if signature::is_signed(server, &file.to_string(), signature) {
        return Ok(());
    }
    Err(ApiError::conflict(if cluster == server.credentials.fingerprint()? {
        "the plan file was changed after the cluster had signed it: make a new one"
    } else {
        "the plan file was made by another cluster, or under another certificate than this one has now: make a new one"
    }))
}

pub fn records(server: &Server) -> Result<Vec<Object>, ApiError> {
    server.store().list(SavedPlan::KIND).map_err(store_failed)
}

pub fn found(server: &Server, name: &str) -> Result<Object, ApiError> {
    let found = server.store().get(&SavedPlan::key(name)).map_err(store_failed)?;
    found.ok_or_else(|| {
        ApiError::conflict(format!("there is no saved plan {name}: it was deleted, or it expired and was dropped"))
    })
}
