//! How a webhook stands, and how far its messages have got. A record of its own beside the webhook, so that every member
//! shows it and a new leader goes on where the last one stopped. It is written when something turns, and otherwise
//! rarely: what was delivered since is delivered once more after a change of leader, under the same ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Key, Revision, Timestamp};

/// How a webhook stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WebhookStatus {
    /// The [`uid`](crate::model::Object::uid) of the webhook: another of the same name begins anew.
    pub of: Revision,
    /// Everything up to this entry of the log has been told, or was not asked for.
    pub told: Revision,
    /// How often the standing of a member or a source has been told to have turned: after an odd number it is bad.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub turns: BTreeMap<String, u64>,
    /// When the other end last took a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_delivery: Option<Timestamp>,
    /// Since when it takes none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Why it takes none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// How many messages were given up, because too many waited.
    pub dropped: u64,
}

impl WebhookStatus {
    /// The kind of the records.
    pub const KIND: &'static str = "webhook-status";

    /// The record of a webhook.
    pub fn key(webhook: &str) -> Key {
        Key::new(Self::KIND, webhook)
    }

    /// Ready, Failing, or nothing yet.
    pub fn word(&self) -> &'static str {
        match (self.failing_since, self.last_delivery) {
            (Some(_), _) => "Failing",
            (None, Some(_)) => "Ready",
            (None, None) => "Waiting",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_a_later_version_is_still_read() {
        let status: WebhookStatus = serde_json::from_str(r#"{"told": 7, "colour": "blue"}"#).expect("a status");
        assert_eq!((status.told, status.word()), (Revision(7), "Waiting"));
    }
}
