//! Forming clusters: what one preseed asks of this member, as a transaction.

mod apply;
mod bootstrap;
mod found;
mod in_doubt;
mod join;
mod join_client;
mod leave;
mod part;

use crate::service;
use std::sync::Arc;

use super::context::{DaemonContext, told};
use crate::api::{ApiError, ClusterPut, ClusterSection, InitOutcome, InitReply, InitRequest};
use crate::model::{Config, Declared, Desired, Key};
use crate::service::Server;

pub use in_doubt::{resume, stand_by, waits_for};
pub use leave::leave;

use part::{Ask, Part};

/// Brings about what a preseed asks for, all of it or nothing.
pub async fn init(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    request: InitRequest,
    by: &str,
) -> Result<InitReply, ApiError> {
    let _one_at_a_time = daemon.busy.lock().await;
    let InitRequest { mut desired, cluster, timeout_ms, new_cluster } = request;
    let wanted = cluster.filter(is_meant).map(|section| part::read(&section, &desired)).transpose()?;
    let Some(part) = wanted else {
        let revision = apply::apply(server, desired, by, timeout_ms).await?;
        let outcome = if revision.is_some() { InitOutcome::Applied } else { InitOutcome::Unchanged };
        return Ok(InitReply { outcome, server_name: server.node().name.clone(), revision });
    };
    part.write_into(&mut desired);
    for entry in &part.member_config {
        let key = Key::new(&entry.entity, &entry.name);
        desired.objects.entry(key).or_insert_with(nothing).here.insert(entry.key.clone(), entry.value.clone());
    }
    if server.is_clustered()? {
        return again(server, &part, desired, by, timeout_ms).await;
    }
    let ask = match part.ask.clone() {
        Ask::Found(list) => {
            let password = list.password.clone();
            let ask = found::decide(list, new_cluster, &server.credentials.identity()?).await?;
            if matches!(ask, Ask::Bootstrap) {
                part::set_password(&mut desired, &password);
            }
            ask
        }
        ask @ (Ask::Bootstrap | Ask::Join(_)) => ask,
    };
    match ask {
        Ask::Bootstrap | Ask::Found(_) => bootstrap::bootstrap(daemon, server, &part, desired, by, timeout_ms).await,
        Ask::Join(doors) => join::join(daemon, server, &part, &doors, desired, timeout_ms).await,
    }
}

/// LXD's own form of the same.
pub async fn put(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    request: ClusterPut,
    by: &str,
) -> Result<InitReply, ApiError> {
    let mut desired = Desired::default();
    let config = service::configuration(server, &server.node().name)?;
    let own = config.value(service::CLUSTER_ADDRESS).or(config.value(service::HTTPS_ADDRESS));
    if let Some(address) = own {
        let here = Config::from([(service::HTTPS_ADDRESS, address)]);
        desired.objects.entry(Key::server()).or_insert_with(nothing).here.extend(here.0);
    }
    let section = ClusterSection {
        enabled: request.enabled,
        server_name: request.server_name,
        server_address: request.server_address,
        cluster_address: request.cluster_address,
        cluster_certificate: request.cluster_certificate,
        cluster_password: request.cluster_password,
        member_config: request.member_config,
        ..ClusterSection::default()
    };
    init(daemon, server, InitRequest { desired, cluster: Some(section), ..InitRequest::default() }, by).await
}

fn nothing() -> Declared {
    Declared::default()
}

fn is_meant(section: &ClusterSection) -> bool {
    section.enabled || !section.cluster_address.is_empty() || !section.cluster_token.is_empty()
}

/// The same file once more: nothing is to do, or the differences are told.
async fn again(
    server: &Arc<Server>,
    part: &Part,
    desired: Desired,
    by: &str,
    timeout_ms: Option<u64>,
) -> Result<InitReply, ApiError> {
    let node = server.node();
    let record = server.member(&node.name)?;
    let mut differences = Vec::new();
    if part.name != node.name {
        differences.push(format!("the file calls this member {}, the cluster calls it {}", part.name, node.name));
    }
    let address = record.spec.text("address");
    if part.address != address {
        differences.push(format!("the file puts this member at {}, the cluster knows it at {address}", part.address));
    }
    if !differences.is_empty() {
        let text = differences.join("; ");
        return Err(ApiError::conflict(format!("This server is already clustered, and its file differs: {text}")));
    }
    if matches!(part.ask, Ask::Join(_)) && !part.is_whole_cluster {
        service::check_agreement(server, &desired, "this member has joined, and now its file and the cluster differ")?;
        join::settle(server, "is as the file says", apply::limit(timeout_ms)).await?;
        return Ok(InitReply { outcome: InitOutcome::Unchanged, server_name: node.name.clone(), revision: None });
    }
    let revision = apply::apply(server, desired, by, timeout_ms).await?;
    join::settle(server, "is stored as the file says", apply::limit(timeout_ms)).await?;
    let outcome = if revision.is_some() { InitOutcome::Applied } else { InitOutcome::Unchanged };
    Ok(InitReply { outcome, server_name: node.name.clone(), revision })
}

/// A failure of the daemon below, as the API says it.
fn failed(error: impl Into<super::error::DaemonError>) -> ApiError {
    told(&error.into())
}
