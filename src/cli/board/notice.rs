//! What a person should know besides the objects: sources that do not follow, objects that are held, and webhooks
//! that take no messages.

use serde_json::{Value, json};

use super::Moment;
use super::moment::rfc3339;
use crate::kinds::hold::{self, HoldSpec};
use crate::kinds::source::{SourceStatus, Standing};
use crate::kinds::webhook::WebhookStatus;
use crate::model::{Key, Object, Timestamp};

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
}

impl Notice {
    /// All that these objects give rise to. Holds that have ended are among them: only a reader has a clock.
    pub fn of(objects: &[Object]) -> Vec<Self> {
        let sources = objects.iter().filter(|object| object.key.kind.as_str() == SourceStatus::KIND);
        let stuck = sources.filter_map(|object| {
            let status: SourceStatus = serde_json::from_value(Value::Object(object.spec.0.clone())).ok()?;
            let is_stuck = matches!(status.standing, Standing::Stalled | Standing::Suspended);
            is_stuck.then(|| Self::Source { name: object.key.name.clone(), status: Box::new(status) })
        });
        let held = hold::held(objects, Timestamp(0)).into_iter().map(|(key, hold)| Self::Hold { key, hold });
        stuck.chain(held).chain(objects.iter().filter_map(deaf)).collect()
    }

    /// In a line or two; `None` when it is over.
    pub fn lines(&self, moment: &Moment) -> Option<Vec<String>> {
        match self {
            Self::Source { name, status } => Some(vec![
                format!("source {name}: {:?} for {}: {}", status.standing, moment.since(status.since), status.message),
                format!("  More of it: seedbed source show {name}"),
            ]),
            Self::Hold { hold, .. } if moment.is_past(hold.until) => None,
            Self::Hold { key, hold } => Some(vec![
                format!("{key} is held until {}: {}", moment.when(hold.until), hold.description),
                format!("  To end it: seedbed hold release {key}"),
            ]),
            Self::Webhook { name, since, error } => Some(vec![
                format!("webhook {name} takes no messages for {}: {error}", moment.since(*since)),
                format!("  To try it: seedbed webhook test {name}"),
            ]),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        match self {
            Self::Source { name, status } => json!({
                "about": format!("source/{name}"),
                "state": format!("{:?}", status.standing),
                "message": status.message,
                "since": rfc3339(status.since),
            }),
            Self::Hold { key, hold } => json!({
                "about": key.to_string(),
                "state": "Held",
                "message": hold.description,
                "until": rfc3339(hold.until),
            }),
            Self::Webhook { name, since, error } => json!({
                "about": format!("webhook/{name}"),
                "state": "Failing",
                "message": error,
                "since": rfc3339(*since),
            }),
        }
    }
}

fn deaf(object: &Object) -> Option<Notice> {
    if object.key.kind.as_str() != WebhookStatus::KIND {
        return None;
    }
    let status: WebhookStatus = serde_json::from_value(Value::Object(object.spec.0.clone())).ok()?;
    let since = status.failing_since?;
    Some(Notice::Webhook { name: object.key.name.clone(), since, error: status.error })
}
