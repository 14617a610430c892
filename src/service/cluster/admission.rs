//! Who may become a member, and the one entry that makes one.

use std::sync::Arc;

use super::removal::id_of;
use crate::api::{ApiError, JoinProof, JoinRequest};
use crate::kinds::member::Member;
use crate::model::{Change, Expect, Key, Known, MemberId, Object, Phase, Revision};
use crate::plan::{self, read_set};
use crate::service::access::tokens;
use crate::service::extensions::EXTENSIONS;
use crate::service::objects::records;
use crate::service::server::{Server, store_failed};

/// The version of the log's commands that this program writes and understands.
pub const SCHEMA: u64 = 1;

/// Changes of others get in between; more often than this in a row they do not.
const TRIES: usize = 20;

/// Refuses a join that cannot go well, with everything that is wrong.
pub fn check(server: &Server, request: &JoinRequest) -> Result<(), ApiError> {
    if request.schema != SCHEMA {
        let ours = env!("CARGO_PKG_VERSION");
        return Err(ApiError::bad_request(format!(
            "The joining server version doesn't match (expected {ours} with DB schema {SCHEMA})"
        )));
    }
    if request.api_extensions != EXTENSIONS.names.len() as u64 {
        let (ours, count) = (env!("CARGO_PKG_VERSION"), EXTENSIONS.names.len());
        return Err(ApiError::bad_request(format!(
            "The joining server version doesn't match (expected {ours} with API count {count})"
        )));
    }
    if request.certificate.trim() == server.credentials.presented().certificate.trim() {
        return Err(ApiError::bad_request("the certificate that all members share cannot be that of a new member"));
    }
    for member in server.store().list(Key::MEMBER).map_err(store_failed)? {
        check_name_and_address(request, &member)?;
    }
    super::agreement::check(server, &request.desired, "this member cannot join: its file and the cluster differ")
}

fn check_name_and_address(request: &JoinRequest, member: &Object) -> Result<(), ApiError> {
    let is_same_name = member.key.name == request.server_name.as_str();
    // What is left of an earlier join of the same machine is replaced.
    if is_same_machine(request, member) {
        return Ok(());
    }
    if is_same_name {
        let name = &request.server_name;
        return Err(ApiError::conflict(format!(
            "The cluster already has a member with name: {name}. If that is this machine, and it has lost its state: \
             seedbed cluster remove {name} --force there, then let it join again"
        )));
    }
    if member.spec.text("address") == request.address {
        let address = &request.address;
        return Err(ApiError::conflict(format!("The cluster already has a member with address: {address}")));
    }
    Ok(())
}

/// Whether a record speaks of the machine that asks. One that is a member asks only when it crashed after the cluster
/// had let it in and before it knew: it stands alone, with nothing of its own.
pub fn is_same_machine(request: &JoinRequest, member: &Object) -> bool {
    member.spec.text("certificate") == request.certificate
        && (member.phase == Phase::Pending || member.key.name == request.server_name.as_str())
}

/// What is kept of a new member.
pub fn record(request: &JoinRequest, id: MemberId) -> Member {
    Member {
        id,
        address: request.address.clone(),
        certificate: request.certificate.clone(),
        failure_domain: request.failure_domain.clone(),
        architecture: request.architecture.clone(),
        version: request.version.clone(),
        schema: request.schema,
        api_extensions: request.api_extensions,
        extensions_digest: request.extensions_digest.clone(),
        ..Member::default()
    }
}

/// Makes a follower a member: its record, its placements of all that every member has, and the end of its token.
pub async fn commit(server: &Arc<Server>, request: &JoinRequest, id: MemberId, by: &str) -> Result<Revision, ApiError> {
    let mut last = None;
    for _ in 0..TRIES {
        let (expect, changes) = entry(server, request, id)?;
        match records::submit_as(server, by.to_owned(), expect, changes).await {
            Ok(revision) => {
                server.members_changed.notify_one();
                return Ok(revision);
            }
            Err(error) if error.status == 409 => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| ApiError::conflict("the cluster changes too fast to let a member in; try again")))
}

fn entry(server: &Server, request: &JoinRequest, id: MemberId) -> Result<(Vec<Expect>, Vec<Change>), ApiError> {
    let name = Key::member(&request.server_name);
    let extent = |_: &Known| {
        let mut extent = read_set::of_admission();
        extent.keys.extend([name.clone(), Key::membership()]);
        extent
    };
    let state = server.store().part(&extent).map_err(store_failed)?;
    let gone = || ApiError::new(410, "the place of this join was taken back; try again");
    let member = state.get(&name).ok_or_else(gone)?;
    if member.phase != Phase::Pending || id_of(member) != id {
        return Err(gone());
    }
    let membership = state.get(&Key::membership()).ok_or_else(gone)?;
    let mut expect = vec![records::unchanged(member), records::unchanged(membership)];
    let mut changes = vec![
        records::record(member.key.clone(), records::spec_of(&record(request, id))?),
        records::revised(membership, membership.spec.clone(), Default::default()),
    ];
    let admission = plan::join::admit(&request.server_name, &request.desired, &state).map_err(|findings| {
        ApiError::bad_request("this member cannot join: its own keys are wrong").with_findings(findings)
    })?;
    expect.extend(admission.expect);
    changes.extend(admission.changes);
    if let JoinProof::Token(secret) = &request.proof {
        let token = tokens::find(server, &request.server_name, secret.reveal())?;
        expect.push(records::unchanged(&token));
        changes.push(Change::Forget { key: token.key });
    }
    Ok((expect, changes))
}
