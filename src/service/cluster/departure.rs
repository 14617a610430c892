//! Departure: what a member takes down before it stands alone.

use std::time::Duration;

use crate::kinds::{self, ActOutcome as Done, Intent, Local, Work};
use crate::model::Object;
use crate::service::server::Server;

/// Less than whoever asks waits: an answer that nobody waits for helps nobody.
pub const CURRENT_LIMIT: Duration = Duration::from_millis(800);

pub async fn take_down(server: &Server, mut held: Vec<Object>) -> Vec<String> {
    let me = server.node().name.clone();
    // What needs another object goes before it.
    held.sort_by_key(|object| std::cmp::Reverse(kinds::rank(object.key.kind.as_str())));
    let mut troubles = Vec::new();
    for object in held {
        let Some(kind) = kinds::find(object.key.kind.as_str()).and_then(|kind| kind.node()) else { continue };
        let Some(local) = Local::of(&object, &me) else { continue };
        if let Done::Failed(error) = kind.converge(&server.host, &Work { local, intent: Intent::Absent }).await {
            tracing::warn!(object = %object.key, %error, "stays on this machine");
            troubles.push(format!("{} stays on {me}: {error}", object.key));
        }
    }
    troubles
}
