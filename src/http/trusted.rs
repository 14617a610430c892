//! Requests of those whom the store trusts: others are refused before anything of what they send is looked at.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::caller::Caller;
use super::server::Server;
use crate::api::ApiError;

/// Whom a handler works for, and with what. A handler that takes it cannot be reached by a stranger.
pub struct Trusted {
    /// The member that was asked.
    pub server: Arc<Server>,
    /// Who asks.
    pub caller: Caller,
}

impl FromRequestParts<Arc<Server>> for Trusted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().filter(|caller| caller.is_trusted());
        let caller = caller.cloned().ok_or_else(ApiError::forbidden)?;
        Ok(Self { server: Arc::clone(server), caller })
    }
}
