//! The configuration of one member: what all share, with its own keys over it.

use crate::api::ApiError;
use crate::model::{Config, Key, MemberName};
use crate::service::server::{Server, store_failed};

/// All keys of one member: the shared ones and its own.
pub fn configuration(server: &Server, member: &MemberName) -> Result<Config, ApiError> {
    let Some(object) = server.store().get(&Key::server()).map_err(store_failed)? else {
        return Ok(Config::default());
    };
    let own = object.placements.get(member).map(|placement| placement.config.clone()).unwrap_or_default();
    Ok(object.spec.config().overlaid(&own))
}
