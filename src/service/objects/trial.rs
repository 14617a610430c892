//! Trials: what only hosts can judge is judged by all of them before it is stored.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::api::ApiError;
use crate::host::Unfit;
use crate::kinds::{self, Local};
use crate::model::{Change, Config, Key, MemberName, Phase, Put, Revision, Rollout, Spec, Stage};
use crate::service::peers::fanout;
use crate::service::server::Server;

pub const PATH: &str = "/internal/judge";

/// A program is run for each object. A member that is slower is not waited for: it says so when it acts.
const LIMIT: Duration = Duration::from_secs(10);

/// An object as it is to be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    key: Key,
    uid: Revision,
    spec: Spec,
    placements: BTreeMap<MemberName, Config>,
}

/// A member's judgement of one object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    key: Key,
    unfit: Unfit,
}

/// Has all members that answer look at what these changes ask of them.
///
/// # Errors
/// What a host would not take, with its member.
pub async fn changes(server: &Server, changes: &[Change]) -> Result<(), ApiError> {
    let cases: Vec<Case> = changes.iter().filter_map(|change| case(server, change)).collect();
    if cases.is_empty() {
        return Ok(());
    }
    let here = async { Ok(look(server, &cases).await) };
    let answers = fanout::tell(server, PATH, json!(cases), LIMIT, here).await?;
    let mut refused: BTreeMap<(Key, String), (Unfit, Vec<MemberName>)> = BTreeMap::new();
    for (member, verdicts) in answers {
        for Verdict { key, unfit } in verdicts.unwrap_or_default() {
            let entry = refused.entry((key, unfit.to_string())).or_insert_with(|| (unfit, Vec::new()));
            entry.1.push(member.clone());
        }
    }
    let texts: Vec<String> =
        refused.iter().map(|((key, _), (unfit, members))| said(server, key, unfit, members)).collect();
    if texts.is_empty() { Ok(()) } else { Err(ApiError::bad_request(texts.join("; "))) }
}

fn case(server: &Server, change: &Change) -> Option<Case> {
    let Change::Put(Put { key, rollout, stage, spec, placements, .. }) = change else { return None };
    let kind = kinds::find(key.kind.as_str())?;
    let stored = server.store().get(key).ok().flatten();
    let is_new = stored.as_ref().is_none_or(|stored| stored.phase == Phase::Pending);
    if *stage != Stage::Live || *rollout == Rollout::RecordOnly || !kind.is_judged(spec, placements, is_new) {
        return None;
    }
    // An object that is new has no identity yet: nothing on any host is its own.
    let uid = stored.map(|stored| stored.uid).unwrap_or_default();
    Some(Case { key: key.clone(), uid, spec: spec.clone(), placements: placements.clone() })
}

/// `raw.dnsmasq was not taken: dnsmasq on node1: bad option …. Nothing was changed; br1 serves as before on all members.`
fn said(server: &Server, key: &Key, unfit: &Unfit, members: &[MemberName]) -> String {
    let names: Vec<&str> = members.iter().map(MemberName::as_str).collect();
    let Unfit { setting, program, why, hint, .. } = unfit;
    let is_there = server.store().get(key).ok().flatten().is_some_and(|stored| stored.phase != Phase::Pending);
    let rest = if is_there { format!("; {} serves as before on all members", key.name) } else { String::new() };
    let (names, advice) = (names.join(", "), hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default());
    match program {
        Some(program) => {
            format!("{setting} was not taken: {program} on {names}: {why}{advice}. Nothing was changed{rest}")
        }
        None => format!("{key} on {names}: {why} ({setting}){advice}. Nothing was changed{rest}"),
    }
}

pub async fn look(server: &Server, cases: &[Case]) -> Vec<Verdict> {
    let me = server.node().name.clone();
    let mut verdicts = Vec::new();
    for Case { key, uid, spec, placements } in cases {
        let Some(node) = kinds::find(key.kind.as_str()).and_then(kinds::Kind::node) else { continue };
        let Some(config) = placements.get(&me).cloned() else { continue };
        let (key, spec) = (key.clone(), spec.clone());
        let wanted = Local { key: key.clone(), uid: *uid, member: me.clone(), spec, config, known: false };
        let stored = server.store().get(&key).ok().flatten().filter(|stored| stored.uid == *uid);
        let before = stored.filter(|stored| stored.phase != Phase::Pending).and_then(|stored| Local::of(&stored, &me));
        match node.judge(&server.host, &wanted, before.as_ref()).await {
            Ok(Some(unfit)) => verdicts.push(Verdict { key, unfit }),
            Ok(None) => {}
            // Not the fault of what was asked: the member says it again when it acts.
            Err(error) => tracing::debug!(%key, %error, "a change cannot be judged here"),
        }
    }
    verdicts
}
