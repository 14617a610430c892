//! `GET /1.0/events`: a websocket of what happens.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast;

use crate::api::{ApiError, Event};
use crate::http::server::query::RequestQuery;
use crate::service::access::caller::Caller;
use crate::service::server::Server;

/// `GET /1.0/events`: a websocket.
pub async fn stream(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    asked: RequestQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    caller.trusted()?;
    let Ok(upgrade) = upgrade else {
        return Err(ApiError::bad_request("events are a websocket: ask for an upgrade of the connection"));
    };
    let kinds: Vec<String> =
        asked.value("type").map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default();
    let receiver = server.events.subscribe();
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
