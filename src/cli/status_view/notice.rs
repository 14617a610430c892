//! What a person should know besides the objects: sources that do not follow, objects that are held, webhooks that take
//! no messages, and applies that wait to be confirmed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Moment;
use super::time::rfc3339;
use crate::kinds::hold::{self, HoldSpec};
use crate::kinds::records::confirmation::{Left, Pending, Rest};
use crate::kinds::source::{SourceStatus, Standing};
use crate::kinds::webhook::WebhookStatus;
use crate::model::{Key, LastSeen, MemberName, Object, Phase, Timestamp};

/// One thing to know.
#[derive(Clone, Debug)]
pub enum Notice {
    /// What lies at a source is not in force, and will not be by itself.
    Source {
        /// Its name.
        name: String,
        /// How it stands.
        status: Box<SourceStatus>,
    },
    /// Sources and members leave an object alone.
    Hold {
        /// The object.
        key: Key,
        /// Until when, and why.
        hold: HoldSpec,
    },
    /// The other end of a webhook takes no messages.
    Webhook {
        /// Its name.
        name: String,
        /// Since when.
        since: Timestamp,
        /// Why.
        error: String,
    },
    /// An apply is taken back unless somebody confirms it.
    Pending(Box<Pending>),
    /// What stays of an apply that was taken back.
    Left(Vec<Rest>),
}

impl Notice {
    /// All that these objects give rise to. Some of it may be over: only a reader has a clock.
    pub fn of(objects: &[Object], heard: &BTreeMap<MemberName, LastSeen>) -> Vec<Self> {
        let of_kind = |kind: &'static str| objects.iter().filter(move |object| object.key.kind.as_str() == kind);
        let members = of_kind(Key::MEMBER).filter(|member| member.phase == Phase::Created);
        let members: Vec<MemberName> = members.map(|member| MemberName(member.key.name.clone())).collect();
        let stuck = of_kind("source").filter_map(|object| {
            let record = objects.iter().find(|it| it.key == SourceStatus::key(&object.key.name));
            let status: SourceStatus = record.map(|record| record.spec.read()).transpose().ok()?.unwrap_or_default();
            let status = status.seen(&object.spec.read().ok()?, &members, heard);
            let is_stuck = matches!(status.standing, Standing::Stalled | Standing::Suspended);
            is_stuck.then(|| Self::Source { name: object.key.name.clone(), status: Box::new(status) })
        });
        let held = hold::held(objects, Timestamp(0)).into_iter().map(|(key, hold)| Self::Hold { key, hold });
        let find = |key: &Key| objects.iter().find(|object| object.key == *key);
        let pending =
            find(&Pending::key()).and_then(|it| it.spec.read().ok()).map(|pending| Self::Pending(Box::new(pending)));
        let left =
            find(&Left::key()).and_then(|it| it.spec.read().ok()).map(|left: Left| left.open(|key| find(key).cloned()));
        let left = left.filter(|rest| !rest.is_empty()).map(Self::Left);
        let deaf = objects.iter().filter_map(deaf);
        stuck.chain(held).chain(deaf).chain(pending).chain(left).collect()
    }

    /// Whether there is nothing to know any more.
    pub fn is_over(&self, moment: &Moment) -> bool {
        match self {
            Self::Hold { hold, .. } => moment.is_past(hold.until),
            Self::Source { .. } | Self::Webhook { .. } | Self::Pending(_) | Self::Left(_) => false,
        }
    }

    /// In a line or two.
    pub fn lines(&self, moment: &Moment) -> Vec<String> {
        match self {
            Self::Source { name, status } => vec![
                format!("source {name}: {:?} for {}: {}", status.standing, moment.since(status.since), status.message),
                format!("  More of it: seedbed source show {name}"),
            ],
            Self::Hold { key, hold } => vec![
                format!("{key} is held until {}: {}", moment.when(hold.until), hold.description),
                format!("  To end it: seedbed hold release {key}"),
            ],
            Self::Webhook { name, since, error } => vec![
                format!("webhook {name} takes no messages for {}: {error}", moment.since(*since)),
                format!("  To try it: seedbed webhook test {name}"),
            ],
            Self::Pending(pending) => vec![
                format!("At {} {} is taken back.", moment.when(pending.until), pending.told()),
                "  To keep it: seedbed confirm. To take it back now: seedbed confirm --revert".to_owned(),
            ],
            Self::Left(rest) => {
                let told = rest.iter().map(|Rest { key, why }| format!("{key} could not be taken back: {why}"));
                told.chain(["  To show that no longer: seedbed confirm --dismiss".to_owned()]).collect()
            }
        }
    }

    /// For programs: one value for each object that it is about.
    pub fn json(&self) -> Vec<Value> {
        match self {
            Self::Source { name, status } => vec![json!({
                "about": format!("source/{name}"),
                "state": format!("{:?}", status.standing),
                "message": status.message,
                "since": rfc3339(status.since),
            })],
            Self::Hold { key, hold } => vec![json!({
                "about": key.to_string(),
                "state": "Held",
                "message": hold.description,
                "until": rfc3339(hold.until),
            })],
            Self::Webhook { name, since, error } => vec![json!({
                "about": format!("webhook/{name}"),
                "state": "Failing",
                "message": error,
                "since": rfc3339(*since),
            })],
            Self::Pending(pending) => vec![json!({
                "about": Pending::key().to_string(),
                "state": "Unconfirmed",
                "message": pending.told(),
                "until": rfc3339(pending.until),
            })],
            Self::Left(rest) => {
                let told = |rest: &Rest| json!({"about": rest.key.to_string(), "state": "Left", "message": rest.why});
                rest.iter().map(told).collect()
            }
        }
    }
}

fn deaf(object: &Object) -> Option<Notice> {
    if object.key.kind.as_str() != WebhookStatus::KIND {
        return None;
    }
    let status: WebhookStatus = object.spec.read().ok()?;
    let since = status.failing_since?;
    Some(Notice::Webhook { name: object.key.name.clone(), since, error: status.error })
}
