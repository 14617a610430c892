//! Packet rules of this machine, through `nft`. What was loaded is remembered beside what `nft` made of it, so that
//! a rule that somebody changed or removed is noticed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::files::Files;
use super::{digest, ruleset};
use crate::host::linux::{Command, Output, Runner};
use crate::host::{BridgeAsk, HostError, Rules, ServiceState};

const RECORD: &str = "rules.json";

#[derive(Serialize, Deserialize)]
struct Record {
    /// The digest of the text that was loaded; empty while it is being loaded.
    asked: String,
    /// The digest of what `nft` listed at the first look after that.
    standing: Option<String>,
}

/// How the rules of a bridge stand beside those that are asked for.
pub async fn standing(runner: &dyn Runner, files: &Files, ask: &BridgeAsk) -> Result<ServiceState, HostError> {
    // The record is written before the rules are loaded: without one there are none.
    let Some(record) = files.read::<Record>(RECORD) else { return Ok(ServiceState::Absent) };
    let listed = match list(runner, &ask.name).await {
        Ok(Some(listed)) => listed,
        Ok(None) => return Ok(ServiceState::Absent),
        // The rest of the bridge works without the tool; loading the rules says that it is missing.
        Err(error) if error.reason == "MissingTool" => return Ok(ServiceState::Absent),
        Err(error) => return Err(error),
    };
    let text = ask.rules.as_ref().map(|rules| ruleset::load(&ask.name, rules));
    if text.is_none_or(|text| digest(&[&text]) != record.asked) {
        return Ok(ServiceState::Otherwise);
    }
    match record.standing {
        Some(standing) if standing == listed => Ok(ServiceState::AsAsked),
        Some(_) => Ok(ServiceState::Otherwise),
        None => {
            files.write(RECORD, &Record { standing: Some(listed), ..record })?;
            Ok(ServiceState::AsAsked)
        }
    }
}

/// Loads the rules of a bridge in one transaction.
pub async fn load(runner: &dyn Runner, files: &Files, bridge: &str, rules: &Rules) -> Result<(), HostError> {
    let text = ruleset::load(bridge, rules);
    files.write(RECORD, &Record { asked: String::new(), standing: None })?;
    let doing = format!("load the packet rules of the bridge `{bridge}`");
    nft(runner, ["-f", "-"], &text).await?.checked(&doing)?;
    files.write(RECORD, &Record { asked: digest(&[&text]), standing: None })
}

/// Takes the rules of a bridge away; that there are none is no error.
pub async fn remove(runner: &dyn Runner, files: &Files, bridge: &str) -> Result<(), HostError> {
    let doing = format!("take away the packet rules of the bridge `{bridge}`");
    nft(runner, ["-f", "-"], &ruleset::removal(bridge)).await?.checked(&doing)?;
    files.remove(RECORD)
}

/// The digest of the rules of a bridge as they stand; `None` when there are none.
async fn list(runner: &dyn Runner, bridge: &str) -> Result<Option<String>, HostError> {
    let output = nft(runner, ["-j", "list", "table", "inet", &ruleset::table(bridge)], "").await?;
    if !output.is_good() && output.stderr.contains("No such file or directory") {
        return Ok(None);
    }
    let doing = format!("list the packet rules of the bridge `{bridge}`");
    let text = output.checked(&doing)?;
    let mut listed: Value = serde_json::from_str(&text)
        .map_err(|cause| HostError::passing(doing, "UnreadableAnswer", format!("nft wrote no JSON: {cause}")))?;
    drop_handles(&mut listed);
    Ok(Some(digest(&[&listed.to_string()])))
}

// Handles are numbers that the kernel gives anew each time; the first entry names the version of the tool.
fn drop_handles(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("handle");
            map.remove("metainfo");
            map.values_mut().for_each(drop_handles);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_handles),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

async fn nft<const N: usize>(runner: &dyn Runner, args: [&str; N], input: &str) -> Result<Output, HostError> {
    runner.run(Command::new("nft", args).reading(input)).await
}
