//! Whether this daemon may become part of a cluster, and which keys a joining member brings along.

use crate::api::{ApiError, ClusterPut, MemberConfigKey};
use crate::kinds;
use crate::model::Rollout;
use crate::service::server::{Server, store_failed};

/// What LXD refuses before it starts, in its words.
pub fn check(server: &Server, request: &ClusterPut) -> Result<(), ApiError> {
    let refused = |message: &str| Err(ApiError::bad_request(message));
    match (request.enabled, request.server_name.as_str()) {
        (true, "") => return refused("ServerName is required when enabling clustering"),
        (true, name) if name.starts_with('@') => return refused("ServerName may not start with \"@\""),
        (false, "") => return Ok(()),
        (false, _) => return refused("ServerName must be empty when disabling clustering"),
        (true, _) => {}
    }
    if !request.cluster_address.is_empty() && request.cluster_certificate.is_empty() {
        return refused("No target cluster member certificate provided");
    }
    if server.is_clustered()? {
        return refused("This server is already clustered");
    }
    Ok(())
}

/// The member-specific keys that somebody who joins may give.
pub fn member_config(server: &Server) -> Result<Vec<MemberConfigKey>, ApiError> {
    let mut keys = Vec::new();
    for kind in kinds::ALL.iter().filter(|kind| kind.rollout() == Rollout::EveryMember) {
        let words = kind.words();
        // The server's own keys are no part of a join.
        if words.collection.is_empty() {
            continue;
        }
        for object in server.store().list(words.kind).map_err(store_failed)? {
            let entities = kind.entities(&object.spec);
            let rows = entities.iter().flat_map(|entity| kinds::tables::key_table::keys_of(entity));
            let own = rows.filter(|row| {
                row.scope == kinds::tables::key_table::KeyScope::Member && !row.key.starts_with("volatile.")
            });
            keys.extend(own.map(|row| MemberConfigKey {
                entity: words.kind.to_owned(),
                name: object.key.name.clone(),
                key: row.key.to_owned(),
                value: String::new(),
                description: format!("{:?} property for {} {:?}", row.key, words.spoken, object.key.name),
            }));
        }
    }
    Ok(keys)
}
