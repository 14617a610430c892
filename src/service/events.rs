//! Events: operations and lifecycle, to everybody who listens on this member.

use serde_json::json;
use tokio::sync::broadcast;

use crate::api::{Event, Operation};
use crate::model::{Key, MemberName, Timestamp};

/// A listener that lags behind by more than this misses events.
const BACKLOG: usize = 1024;

/// The stream of events of this member.
pub struct Events {
    sender: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }
}

impl Events {
    /// What happens from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// An operation has begun, changed or ended.
    pub fn operation(&self, operation: &Operation) {
        let mut shown = operation.clone();
        // Whoever asked for a token has it in the answer; to everybody else it would open the cluster.
        if let Some(metadata) = shown.metadata.as_mut() {
            metadata.remove("secret");
        }
        // Without a listener nobody misses anything.
        let _ = self.sender.send(Event {
            kind: "operation".to_owned(),
            timestamp: operation.updated_at.clone(),
            metadata: json!(shown),
            location: operation.location.clone(),
            project: "default".to_owned(),
        });
    }

    /// Something was done to an object: `storage-pool-created`.
    pub fn lifecycle(&self, action: &str, key: &Key, source: &str, at: Timestamp, location: &MemberName) {
        let _ = self.sender.send(Event {
            kind: "lifecycle".to_owned(),
            timestamp: rfc3339(at),
            metadata: json!({"action": action, "source": source, "name": key.name, "project": key.project}),
            location: location.0.clone(),
            project: key.project.0.clone(),
        });
    }
}

/// A moment as LXD writes it.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|moment| moment.to_string()).unwrap_or_default()
}
