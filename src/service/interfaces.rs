//! The interfaces of this machine that no network of the cluster is: LXD lists them beside those that it manages.

use serde_json::{Value, json};

use super::server::Server;
use crate::api::ApiError;
use crate::host::Link;
use crate::model::Object;

/// Those that are none of these networks.
///
/// # Errors
/// When the kernel does not list them.
pub async fn unmanaged(server: &Server, networks: &[Object]) -> Result<Vec<Link>, ApiError> {
    let mut links = server.host.network.links().await.map_err(|error| ApiError::failed(error.to_string()))?;
    links.retain(|link| !networks.iter().any(|network| network.key.name == link.name));
    Ok(links)
}

/// The interface of this name.
///
/// # Errors
/// When the kernel cannot be asked.
pub async fn unmanaged_named(server: &Server, name: &str) -> Result<Option<Link>, ApiError> {
    let links = unmanaged(server, &[]).await?;
    Ok(links.into_iter().find(|link| link.name == name))
}

/// As LXD shows it.
pub fn shown(link: &Link) -> Value {
    json!({
        "config": {},
        "description": "",
        "name": link.name,
        "type": link.kind,
        "used_by": [],
        "managed": false,
        "status": "",
        "locations": null,
    })
}
