//! `/1.0/seedbed/confirm`: the apply that waits to be confirmed, and the answers to it.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::api::{ApiError, paths};
use crate::http::server::response::{Answer, ApiResult};
use crate::kinds::records::confirmation::{Left, Pending, Written};
use crate::model::Change;
use crate::service::access::caller::Caller;
use crate::service::objects::records;
use crate::service::peers::request_origin;
use crate::service::plans::confirm::{shown, state, waiting};
use crate::service::server::{Server, store_failed};

/// What can be asked of the apply that waits.
pub fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route(paths::CONFIRM, get(show).post(confirm).delete(dismiss))
        .route(&format!("{}/revert", paths::CONFIRM), post(revert))
}

/// `GET /1.0/seedbed/confirm`.
async fn show(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    server.store().barrier().await.map_err(store_failed)?;
    Answer::of(&state(&server)?)
}

/// `POST /1.0/seedbed/confirm`: the apply stays.
async fn confirm(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    let (record, pending) = waiting(&server).await?;
    let from = request_origin::now().map(|origin| origin.address).unwrap_or_default();
    if !from.is_empty() && from == pending.from {
        let text =
            "this is the connection that the apply came over: it lives on whatever was applied; confirm over a new one";
        return Err(ApiError::conflict(text));
    }
    let shown = shown(&server, &pending)?;
    let changes = [Pending::key(), Written::key()].map(|key| Change::Forget { key });
    records::submit_as(&server, caller.audit(), vec![records::unchanged(&record)], changes.to_vec()).await?;
    Answer::of(&shown)
}

/// `POST /1.0/seedbed/confirm/revert`: the apply is taken back now.
async fn revert(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    let (record, pending) = waiting(&server).await?;
    let shown = shown(&server, &pending)?;
    let given_up = Pending { given_up_by: caller.audit(), ..pending };
    let change = records::record(Pending::key(), records::spec_of(&given_up)?);
    records::submit_as(&server, caller.audit(), vec![records::unchanged(&record)], vec![change]).await?;
    Answer::of(&shown)
}

/// `DELETE /1.0/seedbed/confirm`: somebody has seen what could not be taken back.
async fn dismiss(State(server): State<Arc<Server>>, Extension(caller): Extension<Caller>) -> ApiResult {
    caller.trusted()?;
    records::commit(&server, &caller.audit(), || {
        let found = server.store().get(&Left::key()).map_err(store_failed)?;
        let record = found.ok_or_else(|| ApiError::not_found("nothing was left of an apply that was taken back"))?;
        Ok((vec![records::unchanged(&record)], vec![Change::Forget { key: Left::key() }]))
    })
    .await?;
    Answer::done()
}
