//! Writes that handlers make themselves: small ones on records. Everything bigger goes through `plan`.

use super::caller::Caller;
use super::origin;
use super::server::{Server, store_failed};
use crate::api::ApiError;
use crate::model::{
    Change, Command, Config, Expect, Key, MemberName, Object, Put, Reply, Revision, Rollout, Spec, Stage, Write,
};

/// Puts changes into the log, all or none.
pub async fn submit(
    server: &Server,
    caller: &Caller,
    expect: Vec<Expect>,
    changes: Vec<Change>,
) -> Result<Revision, ApiError> {
    submit_as(server, caller.audit(), expect, changes).await
}

/// The same in the name of somebody whose request is long over.
pub async fn submit_as(
    server: &Server,
    by: String,
    expect: Vec<Expect>,
    changes: Vec<Change>,
) -> Result<Revision, ApiError> {
    let request = uuid::Uuid::new_v4().to_string();
    let write = Write { request, at: server.now(), by, origin: origin::now(), expect, changes };
    match server.store().submit(Command::Write(write)).await.map_err(store_failed)? {
        Reply::Applied { revision } => Ok(revision),
        Reply::Nothing => Err(ApiError::failed("the log took no command")),
        Reply::Refused { faults } => {
            let moved: Vec<String> = faults.iter().map(|fault| fault.expected.key.to_string()).collect();
            Err(ApiError::conflict(format!("changed by somebody else in between: {}; try again", moved.join(", "))))
        }
    }
}

/// That the object is as it was read.
pub fn unchanged(object: &Object) -> Expect {
    Expect { key: object.key.clone(), generation: Some(object.generation) }
}

/// That there is no such object.
pub fn absent(key: &Key) -> Expect {
    Expect { key: key.clone(), generation: None }
}

/// That nobody has asked for the object to stay whatever happens.
pub fn not_protected(object: &Object) -> Result<(), ApiError> {
    if !object.management.protect {
        return Ok(());
    }
    Err(ApiError::new(403, format!("{0} is protected: to lift that: seedbed protect {0} --off", object.key)))
}

/// A record with this content.
pub fn record(key: Key, spec: Spec) -> Change {
    Change::Put(Put {
        key,
        rollout: Rollout::RecordOnly,
        stage: Stage::Live,
        spec,
        applied: None,
        management: None,
        placements: Default::default(),
    })
}

/// An object once more, as it stands in the two phases, with other content.
pub fn revised(object: &Object, spec: Spec, placements: std::collections::BTreeMap<MemberName, Config>) -> Change {
    let stage = match object.phase {
        crate::model::Phase::Pending => Stage::Define,
        crate::model::Phase::Creating
        | crate::model::Phase::Created
        | crate::model::Phase::Errored
        | crate::model::Phase::Deleting => Stage::Live,
    };
    Change::Put(Put {
        key: object.key.clone(),
        rollout: object.rollout,
        stage,
        spec,
        applied: None,
        management: None,
        placements,
    })
}

/// The member-specific keys of all placements.
pub fn placements(object: &Object) -> std::collections::BTreeMap<MemberName, Config> {
    object.placements.iter().map(|(member, placement)| (member.clone(), placement.config.clone())).collect()
}

/// A typed spec in its stored form.
pub fn spec_of(typed: &impl serde::Serialize) -> Result<Spec, ApiError> {
    Spec::of(typed).map_err(|cause| ApiError::failed(format!("a record cannot be written: {cause}")))
}

/// A stored spec as its type.
pub fn typed<T: serde::de::DeserializeOwned>(object: &Object) -> Result<T, ApiError> {
    object.spec.read().map_err(|cause| {
        ApiError::failed(format!("{} cannot be read ({cause}): a newer version may have written it", object.key))
    })
}
