//! Standing alone again: the cluster has let this member go.

use std::sync::Arc;

use super::failed;
use crate::api::ApiError;
use crate::daemon::context::DaemonContext;
use crate::model::{Config, LivenessReport, Object, ReadSet, Rollout};
use crate::service::{HeardReport, Leaving, Server, store_failed};

/// Starts anew with an empty store.
pub async fn leave(daemon: &DaemonContext, server: &Arc<Server>, why: Leaving) -> Result<(), ApiError> {
    let _one_at_a_time = daemon.busy.lock().await;
    if !server.is_clustered()? {
        return Ok(());
    }
    if why == Leaving::Asked {
        refuse_if_needed(server)?;
    }
    let name = server.node().name.clone();
    let text = format!("{name} is leaving its cluster, and stands alone in a moment: ask again then");
    server.undecided.send_replace(Some(text));
    let left = stand_alone(daemon, server, why).await;
    server.undecided.send_replace(None);
    left
}

async fn stand_alone(daemon: &DaemonContext, server: &Arc<Server>, why: Leaving) -> Result<(), ApiError> {
    let node = server.node();
    daemon.end_loops().await;
    server.lifecycle.listen(server, &Config::default()).await?;
    node.store.shutdown().await;
    match why {
        Leaving::Asked | Leaving::Told => daemon.dir.drop_database().map_err(failed)?,
        Leaving::Found => {
            let kept = daemon.dir.set_database_aside().map_err(failed)?;
            tracing::error!(member = %node.name, kept, "this member stands alone now; its old database is kept");
        }
    }
    daemon.dir.set_pair("cluster", None).map_err(failed)?;
    server.credentials.set_cluster(None);
    server.peers.forget();
    let place = daemon.open_place(server.credentials.server(), server.host.clock.as_ref()).await.map_err(failed)?;
    server.told.send_replace(HeardReport::now(LivenessReport::default()));
    server.node.send_replace(Arc::new(place));
    server.trust.refresh(&server.store());
    daemon.restart_loops(server).await;
    Ok(())
}

/// A cluster is left by being removed from it; and what the last member has would be lost.
fn refuse_if_needed(server: &Server) -> Result<(), ApiError> {
    let name = server.node().name.clone();
    if server.members()?.len() > 1 {
        return Err(ApiError::bad_request(format!(
            "this member is still part of its cluster: remove it with `seedbed cluster remove {name}`"
        )));
    }
    let state = server.store().part(&|_| ReadSet { placed: true, ..ReadSet::default() }).map_err(store_failed)?;
    let stands = |object: &&Object| object.rollout != Rollout::RecordOnly && object.key.kind.as_str() != "config";
    let kept: Vec<String> = state.objects.values().filter(stands).map(|object| object.key.to_string()).collect();
    if kept.is_empty() {
        return Ok(());
    }
    Err(ApiError::bad_request(format!("leaving would lose what this member has: delete {} first", kept.join(", "))))
}
