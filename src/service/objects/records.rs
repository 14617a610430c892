//! Small writes on records, as handlers make them. Everything bigger goes through `plan`.

use super::commit;
use crate::api::ApiError;
use crate::kinds;
use crate::model::{
    Change, Command, Config, Expect, Finding, Key, MemberName, Object, Put, Reply, Revision, Rollout, Spec, Stage,
    Write,
};
use crate::service::peers::request_origin;
use crate::service::server::{Server, store_failed};

/// What a handler wants changed, on conditions.
pub type Decision = (Vec<Expect>, Vec<Change>);

/// Commits what `decide` gives, which is asked again whenever an object that it relied on has changed. `None` when
/// there is nothing to change.
///
/// # Errors
/// Those of `decide` on a current copy, and those of the store.
pub async fn commit(
    server: &Server,
    by: &str,
    mut decide: impl FnMut() -> Result<Decision, ApiError>,
) -> Result<Option<Revision>, ApiError> {
    commit::commit(server, || {
        let (expect, changes) = decide()?;
        Ok(entry(server, by.to_owned(), expect, changes))
    })
    .await
}

/// Puts changes into the log, all or none. What has changed since it was read is an error: for loops that look again.
pub async fn submit_as(
    server: &Server,
    by: String,
    expect: Vec<Expect>,
    changes: Vec<Change>,
) -> Result<Revision, ApiError> {
    let entry = entry(server, by, expect, changes);
    match server.store().submit(Command::Write(entry)).await.map_err(store_failed)? {
        Reply::Applied { revision } => Ok(revision),
        Reply::Nothing => Err(ApiError::failed("the log took no command")),
        Reply::Refused { faults } => {
            let moved: Vec<String> = faults.iter().map(|fault| fault.expected.key.to_string()).collect();
            Err(ApiError::conflict(format!("changed by somebody else in between: {}; try again", moved.join(", "))))
        }
    }
}

/// An entry of this moment, under an id of its own.
pub fn entry(server: &Server, by: String, expect: Vec<Expect>, changes: Vec<Change>) -> Write {
    let request = uuid::Uuid::new_v4().to_string();
    Write { request, at: server.now(), by, origin: request_origin::now(), expect, changes }
}

/// That the object is as it was read.
pub fn unchanged(object: &Object) -> Expect {
    Expect::unchanged(object)
}

/// That there is no such object.
pub fn absent(key: &Key) -> Expect {
    Expect::absent(key.clone())
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

/// The stored form of a record, when nothing is wrong with it.
///
/// # Errors
/// 400 with everything that is.
pub fn admitted(key: &Key, spec: Spec) -> Result<Spec, ApiError> {
    admitted_over(key, spec, None)
}

/// The same of a record that is there already: what a newer version has put into it stays.
///
/// # Errors
/// 400 with everything that is wrong.
pub fn readmitted(object: &Object, spec: Spec) -> Result<Spec, ApiError> {
    admitted_over(&object.key, spec, Some(&object.spec))
}

fn admitted_over(key: &Key, spec: Spec, held: Option<&Spec>) -> Result<Spec, ApiError> {
    kinds::admit(key, &spec, held).map_err(|problems| {
        let texts: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
        let text = texts.join("; ");
        let findings = problems.iter().map(|problem| Finding::error(problem.code, problem.message.clone()));
        ApiError::bad_request(text).with_findings(findings.collect())
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
