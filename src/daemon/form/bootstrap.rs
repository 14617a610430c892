//! Forming a cluster of this member: one entry names it, enables clustering and holds every declared object.

use crate::service;
use std::sync::Arc;

use super::super::state_dir::Belongs;
use super::apply::limit;
use super::failed;
use super::part::Part;
use crate::api::{ApiError, InitOutcome, InitReply};
use crate::daemon::context::DaemonContext;
use crate::daemon::initial_records::{self, Clustering};
use crate::kinds::member::Member;
use crate::model::{
    Change, Claim, ClusterState, Command, Config, Desired, Expect, Key, MemberName, Reply, Revision, Write,
};
use crate::plan::{Context, Mode, Plan, plan};
use crate::service::objects::records;
use crate::service::{LocalMember, Pair, Server, SystemRng, store_failed};
use crate::store::{MemoryState, Peer};

/// Forms the cluster, or leaves everything as it was.
pub async fn bootstrap(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    part: &Part,
    mut desired: Desired,
    by: &str,
    timeout_ms: Option<u64>,
) -> Result<InitReply, ApiError> {
    service::hide_secrets(server, &mut desired).await?;
    let node = server.node();
    let state = node.store.state().map_err(store_failed)?;
    let shared = server.lifecycle.new_pair()?;
    let naming = naming(server, part, &node, (&state, &shared), by)?;
    let plan = rehearse(server, part, &desired, state, &naming)?;
    let listen = listen_keys(&desired, part);
    server.lifecycle.listen(server, &listen).await?;
    daemon.dir.set_pair("cluster", Some(&shared)).map_err(failed)?;
    let outcome = commit(daemon, server, part, &node, naming, &plan, listen).await;
    match outcome {
        Ok(revision) => {
            server.credentials.set_cluster(Some(shared));
            let keys: Vec<Key> = plan.changes.into_iter().map(|change| change.key).collect();
            service::settle(server, &keys, limit(timeout_ms)).await?;
            Ok(InitReply {
                outcome: InitOutcome::Bootstrapped,
                server_name: part.name.clone(),
                revision: Some(revision),
            })
        }
        Err(error) => {
            daemon.dir.set_pair("cluster", None).map_err(failed)?;
            server.lifecycle.listen(server, &service::configuration(server, &node.name)?).await?;
            Err(error)
        }
    }
}

/// Where the file says that this member listens; without a word about it, where the others will know it.
fn listen_keys(desired: &Desired, part: &Part) -> Config {
    let own = desired.objects.get(&Key::server()).map(|server| server.of(&part.name)).unwrap_or_default();
    Config::from([(service::HTTPS_ADDRESS, part.address.as_str())]).overlaid(&service::listen_keys(&own))
}

/// What makes the standalone member a cluster of one, under its new name.
fn naming(
    server: &Server,
    part: &Part,
    node: &LocalMember,
    (state, shared): (&ClusterState, &Pair),
    by: &str,
) -> Result<Write, ApiError> {
    let missing = || ApiError::failed("the first records of this member are missing: restart the daemon");
    let old = state.get(&Key::member(&node.name)).ok_or_else(missing)?;
    let membership = state.get(&Key::membership()).ok_or_else(missing)?;
    let member = Member {
        address: part.address.clone(),
        failure_domain: part.declared.failure_domain.clone(),
        description: part.declared.description.clone(),
        groups: part.declared.groups.clone(),
        roles: part.declared.roles.clone(),
        config: part.declared.config.clone(),
        ..initial_records::member(node.id, server.credentials.server())
    };
    let mut changes = Vec::new();
    if part.name != node.name {
        changes.push(Change::Forget { key: old.key.clone() });
        changes.push(Change::RenameMember { from: node.name.clone(), to: part.name.clone() });
    }
    changes.push(records::record(Key::member(&part.name), records::spec_of(&member)?));
    changes
        .push(records::record(Key::membership(), initial_records::membership(Clustering::On(shared)).map_err(failed)?));
    Ok(Write {
        request: uuid::Uuid::new_v4().to_string(),
        at: server.now(),
        by: by.to_owned(),
        origin: None,
        expect: vec![records::unchanged(old), records::unchanged(membership)],
        changes,
    })
}

/// The plan as it will be once the member is named: whatever is wrong shows before anything is changed.
fn rehearse(
    server: &Server,
    part: &Part,
    desired: &Desired,
    state: ClusterState,
    naming: &Write,
) -> Result<Plan, ApiError> {
    let revision = Revision(state.revision.0 + 1);
    let mut ledger = MemoryState::default();
    ledger.state = state;
    ledger.apply(revision, &Command::Write(naming.clone()));
    let liveness = server.liveness();
    let context = Context { here: &part.name, liveness: &liveness, mode: Mode::Merge, claim: Some(&Claim::default()) };
    plan(desired, &ledger.state, &context, &mut SystemRng).map_err(|findings| {
        ApiError::bad_request("the manifest cannot be applied: nothing was changed").with_findings(findings)
    })
}

async fn commit(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    part: &Part,
    node: &Arc<LocalMember>,
    naming: Write,
    plan: &Plan,
    listen: Config,
) -> Result<Revision, ApiError> {
    let peer = Peer { id: node.id, address: part.address.clone() };
    node.store.set_address(peer.clone()).await.map_err(store_failed)?;
    let belongs = Belongs { id: node.id, address: peer.address, name: Some(part.name.clone()), listen };
    daemon.dir.set_belongs(&daemon.dir.database(), &belongs).map_err(failed)?;
    let command = in_one_entry(naming, plan);
    match node.store.submit(command).await.map_err(store_failed)? {
        Reply::Applied { revision } => {
            node.store.sync().await.map_err(store_failed)?;
            take_name(daemon, server, node, &part.name).await;
            Ok(revision)
        }
        Reply::Refused { .. } => Err(ApiError::conflict("changed by somebody else in between; try again")),
        Reply::Nothing => Err(ApiError::failed("the log took no command")),
    }
}

/// The naming and the plan as one entry. What the naming itself changes, the plan saw after the change.
fn in_one_entry(naming: Write, plan: &Plan) -> Command {
    let Write { request, at, by, origin, mut expect, mut changes } = naming;
    let named = |key: &Key| key.kind.as_str() == Key::MEMBER || *key == Key::membership();
    if let Command::Write(planned) = plan.write(request.clone(), at, by.clone()) {
        expect.extend(planned.expect.into_iter().filter(|it: &Expect| !named(&it.key)));
        changes.extend(planned.changes);
    }
    Command::Write(Write { request, at, by, origin, expect, changes })
}

async fn take_name(daemon: &DaemonContext, server: &Arc<Server>, node: &Arc<LocalMember>, name: &MemberName) {
    server.node.send_replace(Arc::new(LocalMember { store: node.store.clone(), name: name.clone(), id: node.id }));
    if let Some(loops) = daemon.loops.lock().await.as_ref() {
        loops.rename(name);
    }
    server.trust.refresh(&node.store);
}
