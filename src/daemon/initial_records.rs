//! The first records: what a fresh daemon has before anybody asks for anything.

use std::collections::BTreeMap;

use serde_json::json;

use super::error::DaemonError;
use super::machine;
use crate::kinds::member::Member;
use crate::kinds::profile::ProfileSpec;
use crate::kinds::project::ProjectSpec;
use crate::model::{
    Change, Command, Config, Expect, Key, MemberId, MemberName, Put, Rollout, Spec, Stage, Timestamp, Write,
};
use crate::service::{CLUSTER_CERTIFICATE, CLUSTER_ID, EXTENSIONS, Pair, SCHEMA};
use crate::store::{Store, StoreError};

/// Writes the first records, unless they are there.
///
/// # Errors
/// When the store takes no write.
pub async fn ensure(store: &Store, name: &MemberName, server: &Pair, at: Timestamp) -> Result<(), DaemonError> {
    if store.get(&Key::membership())?.is_some() {
        return Ok(());
    }
    let member = member(MemberId(1), server);
    let own = [(name.clone(), Config::default())].into_iter().collect();
    let changes = vec![
        put(Key::member(name), Rollout::RecordOnly, spec(&member)?, BTreeMap::new()),
        put(Key::membership(), Rollout::RecordOnly, membership(Clustering::Off)?, BTreeMap::new()),
        put(Key::server(), Rollout::EveryMember, spec(&json!({"config": {}}))?, own),
        put(Key::new("project", "default"), Rollout::RecordOnly, spec(&default_project())?, BTreeMap::new()),
        put(Key::new("profile", "default"), Rollout::RecordOnly, spec(&default_profile())?, BTreeMap::new()),
    ];
    let expect = vec![Expect::absent(Key::membership())];
    // The id makes a second start that crashed in the middle of the first harmless.
    let write =
        Write { request: "first-records".to_owned(), at, by: "daemon".to_owned(), origin: None, expect, changes };
    store.submit(Command::Write(write)).await?;
    Ok(())
}

/// Whether a member is in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clustering<'a> {
    /// It stands alone.
    Off,
    /// It is in a cluster, whose members answer with this certificate.
    On(&'a Pair),
}

/// The content of the record of the member list, with an id of the cluster that nothing changes any more.
pub fn membership(clustering: Clustering<'_>) -> Result<Spec, DaemonError> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    match clustering {
        Clustering::Off => spec(&json!({"name": "members", "enabled": false, CLUSTER_ID: id})),
        Clustering::On(Pair { certificate, .. }) => {
            spec(&json!({"name": "members", "enabled": true, CLUSTER_ID: id, CLUSTER_CERTIFICATE: certificate}))
        }
    }
}

/// This member's record while it stands alone.
pub fn member(id: MemberId, server: &Pair) -> Member {
    Member {
        id,
        certificate: server.certificate.clone(),
        architecture: std::env::consts::ARCH.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        schema: SCHEMA,
        api_extensions: EXTENSIONS.names.len() as u64,
        extensions_digest: EXTENSIONS.digest.clone(),
        ..Member::default()
    }
}

/// The name of a member that nobody has named.
pub fn hostname() -> MemberName {
    MemberName(machine::hostname())
}

fn default_project() -> ProjectSpec {
    let features = ["features.images", "features.profiles", "features.storage.volumes", "features.networks"];
    ProjectSpec {
        description: "Default LXD project".to_owned(),
        config: features.into_iter().map(|feature| (feature, "true")).collect(),
        ..ProjectSpec::default()
    }
}

fn default_profile() -> ProfileSpec {
    ProfileSpec { description: "Default LXD profile".to_owned(), ..ProfileSpec::default() }
}

fn put(key: Key, rollout: Rollout, spec: Spec, placements: BTreeMap<MemberName, Config>) -> Change {
    Change::Put(Put { key, rollout, stage: Stage::Live, spec, applied: None, management: None, placements })
}

fn spec(typed: &impl serde::Serialize) -> Result<Spec, DaemonError> {
    match serde_json::to_value(typed) {
        Ok(serde_json::Value::Object(map)) => Ok(Spec(map)),
        Ok(_) | Err(_) => Err(StoreError::Message { detail: "a record that cannot be written".to_owned() }.into()),
    }
}
