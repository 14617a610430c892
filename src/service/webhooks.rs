//! Webhooks: found, and how they stand.

use super::objects::records;
use super::server::{Server, store_failed};
use crate::api::ApiError;
use crate::kinds::webhook::WebhookStatus;
use crate::model::{Expect, Generation, Key, Object};

pub fn found(server: &Server, name: &str) -> Result<Object, ApiError> {
    let found = server.store().get(&Key::new("webhook", name)).map_err(store_failed)?;
    found.ok_or_else(|| ApiError::not_found("Webhook not found"))
}

/// How a webhook stands; nothing yet when nothing was sent.
pub fn webhook_status(server: &Server, name: &str) -> Result<WebhookStatus, ApiError> {
    match server.store().get(&WebhookStatus::key(name)).map_err(store_failed)? {
        Some(object) => records::typed(&object),
        None => Ok(WebhookStatus::default()),
    }
}

/// Writes down how a webhook stands, over what was written as generation `before`: what another leader has written since
/// then stays.
///
/// # Errors
/// When the cluster takes no writes, or when the webhook or its status has changed meanwhile.
pub async fn set_webhook_status(
    server: &Server,
    webhook: &Object,
    before: Option<Generation>,
    status: &WebhookStatus,
) -> Result<(), ApiError> {
    let key = WebhookStatus::key(&webhook.key.name);
    let expect = vec![records::unchanged(webhook), Expect::at(key.clone(), before)];
    let record = records::record(key, records::spec_of(status)?);
    records::submit_as(server, "webhooks".to_owned(), expect, vec![record]).await.map(drop)
}
