//! `POST /1.0/cluster/members`: a join token.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;

use crate::api::ApiError;
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds::token::TokenSpec;
use crate::model::{MemberName, Timestamp};
use crate::service::access::caller::Caller;
use crate::service::access::tokens::{SECRET_BYTES, addresses, check, entry, expiry_ms, hash, operation};
use crate::service::objects::records;
use crate::service::server::Server;
use crate::service::wire::{hex, parse};

#[derive(Deserialize)]
struct TokenAsked {
    server_name: MemberName,
}

/// `POST /1.0/cluster/members`: a token for a new member. An older one for the same name is taken back, and those that
/// have expired go.
pub async fn add(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>, body: Bytes) -> ApiResult {
    caller.trusted()?;
    let TokenAsked { server_name } = parse(&body)?;
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|cause| ApiError::failed(format!("the system gives no random numbers: {cause}")))?;
    let secret = hex(&bytes);
    let spec = TokenSpec {
        operation: uuid::Uuid::new_v4().to_string(),
        member: server_name.clone(),
        secret_hash: hash(&secret),
        created_at: server.now(),
        expires_at: Timestamp(server.now().0 + expiry_ms(&server)?),
        addresses: addresses(&server)?,
        unknown: Default::default(),
    };
    records::commit(&server, &caller.audit(), || {
        check(&server, &server_name)?;
        entry(&server, &spec)
    })
    .await?;
    // What listens to events need not learn the secret.
    server.events.operation(&operation(&server, &spec, "")?);
    Answer::operation(&operation(&server, &spec, &secret)?)
}
