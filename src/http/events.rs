//! `GET /1.0/events`: what happens, as it happens.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::broadcast;

use super::asked::Asked;
use super::caller::Caller;
use super::server::Server;
use crate::api::{ApiError, Event, Operation};
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

/// `GET /1.0/events`: a websocket.
pub async fn stream(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: Asked,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let Ok(upgrade) = upgrade else {
        return Err(ApiError::bad_request("events are a websocket: ask for an upgrade of the connection"));
    };
    let kinds: Vec<String> =
        asked.value("type").map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let receiver = server.events.sender.subscribe();
    Ok(upgrade
        .on_upgrade(async move |socket| {
            tokio::select! {
                () = pass_on(socket, receiver, &kinds, || server.trust.still(&caller, &server)) => {}
                () = server.trust.ended(&caller, &server) => {}
            }
        })
        .into_response())
}

/// Until the listener goes; nothing is said to one who is trusted no more.
async fn pass_on(
    mut socket: WebSocket,
    mut events: broadcast::Receiver<Event>,
    kinds: &[String],
    is_trusted: impl Fn() -> bool,
) {
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(_) if !is_trusted() => return,
                Ok(event) if kinds.is_empty() || kinds.contains(&event.kind) => {
                    let text = serde_json::to_string(&event).unwrap_or_default();
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        return;
                    }
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return,
            },
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
            },
        }
    }
}
