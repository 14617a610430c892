//! Standing alone again: the cluster has let this member go.

use std::sync::Arc;

use super::super::hub::Hub;
use super::failed;
use crate::api::ApiError;
use crate::http::{self, Server};
use crate::model::Liveness;

/// Starts anew with an empty store.
pub async fn leave(hub: &Hub, server: &Arc<Server>) -> Result<(), ApiError> {
    let _one_at_a_time = hub.busy.lock().await;
    if !server.is_clustered()? {
        return Ok(());
    }
    let node = server.node();
    if server.members()?.iter().any(|member| http::id_of(member) == node.id) && server.members()?.len() > 1 {
        return Err(ApiError::bad_request(format!(
            "this member is still part of its cluster: remove it with `seedbed cluster remove {}` on another member",
            node.name
        )));
    }
    hub.end_loops().await;
    server.former.listen(server, None).await?;
    node.store.shutdown().await;
    hub.dir.drop_database().map_err(failed)?;
    hub.dir.set_pair("cluster", None).map_err(failed)?;
    server.credentials.set_cluster(None);
    server.peers.forget();
    let place = hub.open_place(server.credentials.server(), server.host.clock.as_ref()).await.map_err(failed)?;
    server.liveness.send_replace(Liveness::default());
    server.node.send_replace(Arc::new(place));
    server.trust.refresh(&server.store());
    hub.restart_loops(server).await;
    Ok(())
}
