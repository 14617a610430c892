//! From the moment that a joiner asks the cluster to commit until it knows the outcome: the same after an answer, after
//! an answer that was lost, and after a restart.
//!
//! Two things decide. What the joiner's own second store has received says that it is a member. A cluster that has
//! taken the place back says that it is none, and never will be. Nothing else counts, so nobody has to guess.

use crate::service;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::failed;
use crate::api::{ApiError, JoinEnd, JoinUndo};
use crate::daemon::context::DaemonContext;
use crate::daemon::join_journal::Prepared;
use crate::model::{Key, LivenessReport, Phase, Revision};
use crate::service::{Channel, Failpoint, HeardReport, LocalMember, Server, id_of, store_failed};

const ASK_EVERY: Duration = Duration::from_millis(500);
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// Heartbeats come several times a second.
const HEAR_LIMIT: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The store that was opened beside the old one has applied the join, and applies it again after its move.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(20);

/// The members may not all know yet that this is one of them.
const CERTIFICATE_LIMIT: Duration = Duration::from_secs(5);
const CERTIFICATE_AGAIN: Duration = Duration::from_millis(50);

/// Answers as the member that this one may be already, so that the cluster can go on with it.
pub async fn stand_by(daemon: &DaemonContext, server: &Arc<Server>, prepared: &Prepared) -> Result<(), ApiError> {
    server.trust.offer(&prepared.contacts.members).map_err(|error| ApiError::failed(error.to_string()))?;
    server.peers.forget();
    let belongs = &prepared.belongs;
    let store = daemon.open_store(&daemon.dir.joining(), belongs).await.map_err(store_failed)?;
    server.joining.send_replace(Some(Arc::new(LocalMember {
        store,
        name: prepared.contacts.name.clone(),
        id: belongs.id,
    })));
    Ok(())
}

/// Waits until it is known how the join ended; asks the cluster from `ask_from` on. `None` when the daemon stops first.
pub async fn end(server: &Server, prepared: &Prepared, ask_from: Instant) -> Option<JoinEnd> {
    let mut joining = server.joining.subscribe();
    loop {
        let node = joining.borrow_and_update().clone()?;
        let mut applied = node.store.applied();
        applied.borrow_and_update();
        if is_member(&node) {
            return Some(JoinEnd::Member);
        }
        let mut asked = None;
        if Instant::now() >= ask_from {
            asked = ask(server, prepared).await;
        }
        if asked == Some(JoinEnd::Undone) {
            return asked;
        }
        tokio::select! {
            _ = applied.changed() => {}
            _ = joining.changed() => {}
            () = sleep(ASK_EVERY) => {}
        }
    }
}

/// Whether the cluster's state, as it has arrived here, has this member in it.
fn is_member(node: &LocalMember) -> bool {
    let record = node.store.get(&Key::member(&node.name)).ok().flatten();
    record.is_some_and(|record| record.phase == Phase::Created && id_of(&record) == node.id)
}

/// Asks the members in turn. Each shows its own certificate: nobody else can answer.
async fn ask(server: &Server, prepared: &Prepared) -> Option<JoinEnd> {
    let undo = JoinUndo { id: prepared.belongs.id, server_name: prepared.contacts.name.clone() };
    for member in &prepared.contacts.members {
        let Ok(client) = server.peers.client(&member.address, Channel::Calls) else { continue };
        match client.with_timeout(ASK_LIMIT).post::<JoinEnd>(service::UNDO, &undo).await {
            Ok(end) => return Some(end),
            Err(error) => tracing::debug!(member = %member.name, %error, "does not say how the join ended"),
        }
    }
    None
}

/// What people are told meanwhile.
pub fn waits_for(prepared: &Prepared) -> String {
    let members: Vec<String> =
        prepared.contacts.members.iter().map(|member| format!("{} ({})", member.name, member.address)).collect();
    format!(
        "this member was joining a cluster when it was interrupted, and does not know yet whether it was taken in: it \
         waits for an answer of {}, and goes on by itself as soon as one of them is reached and has a leader. Only when \
         that cluster is gone for good: stop this daemon, remove `database.joining` from its state directory, start it again",
        members.join(" or ")
    )
}

/// Goes on as what this member is.
pub async fn conclude(
    daemon: &DaemonContext,
    server: &Arc<Server>,
    prepared: &Prepared,
    end: JoinEnd,
) -> Result<(), ApiError> {
    server.crash.at(Failpoint::Ended);
    let concluded = match end {
        JoinEnd::Member => move_in(daemon, server, prepared).await,
        JoinEnd::Undone => move_out(daemon, server).await,
    };
    if concluded.is_ok() {
        server.undecided.send_replace(None);
    }
    concluded
}

/// Puts the joined database in the place of the old one.
async fn move_in(daemon: &DaemonContext, server: &Arc<Server>, prepared: &Prepared) -> Result<(), ApiError> {
    daemon.end_loops().await;
    let goal = close_joining(server).await;
    server.node().store.shutdown().await;
    // The last word of the standalone loops must not count as news against what the leader says.
    server.told.send_replace(HeardReport::now(LivenessReport::default()));
    daemon.dir.commit().map_err(failed)?;
    server.crash.at(Failpoint::Decided);
    daemon.dir.finish().map_err(failed)?;
    server.crash.at(Failpoint::Moved);
    let belongs = &prepared.belongs;
    let store = daemon.open_store(&daemon.dir.database(), belongs).await.map_err(store_failed)?;
    let mut applied = store.applied();
    let caught_up = applied.wait_for(|applied| Some(*applied) >= goal);
    if timeout(CATCH_UP_LIMIT, caught_up).await.is_err() {
        tracing::warn!("the cluster's state has not arrived again yet; it follows");
    }
    server.node.send_replace(Arc::new(LocalMember {
        store: store.clone(),
        name: prepared.contacts.name.clone(),
        id: belongs.id,
    }));
    forget_offer(server)?;
    server.trust.refresh(&store);
    take_certificate(server).await;
    daemon.restart_loops(server).await;
    // Whoever is told that this member has joined finds the present here. The leader is heard once its calls reach
    // this store.
    let present = async {
        while store.freshness().lack.is_some() {
            sleep(LOOK_EVERY).await;
        }
    };
    if timeout(HEAR_LIMIT, present).await.is_err() {
        tracing::warn!("no leader was heard yet since the join");
    }
    Ok(())
}

fn forget_offer(server: &Server) -> Result<(), ApiError> {
    server.trust.offer(&[]).map_err(|error| ApiError::failed(error.to_string()))
}

/// The members give the key of the certificate that they share now, and not before: this is one of them.
async fn take_certificate(server: &Server) {
    let deadline = Instant::now() + CERTIFICATE_LIMIT;
    loop {
        match service::follow_shared_certificate(server).await {
            Ok(true) => return,
            Err(error) => return tracing::error!(error = %error.message, "cannot keep the cluster's certificate"),
            Ok(false) if Instant::now() > deadline => {
                return tracing::warn!("no member gives the cluster's certificate now; it is asked for again");
            }
            Ok(false) => sleep(CERTIFICATE_AGAIN).await,
        }
    }
}

/// Stands alone as before.
pub async fn move_out(daemon: &DaemonContext, server: &Arc<Server>) -> Result<(), ApiError> {
    close_joining(server).await;
    forget_offer(server)?;
    server.credentials.set_cluster(None);
    server.peers.forget();
    daemon.dir.drop_joining().map_err(failed)?;
    server.lifecycle.listen(server, &service::configuration(server, &server.node().name)?).await?;
    daemon.restart_loops(server).await;
    Ok(())
}

/// Closes the second store, and says how far it was.
async fn close_joining(server: &Server) -> Option<Revision> {
    let joining = server.joining.send_replace(None)?;
    let revision = *joining.store.applied().borrow();
    joining.store.shutdown().await;
    Some(revision)
}

/// Brings a join to its end that was left open, however long that takes.
pub async fn resume(daemon: &DaemonContext, server: &Arc<Server>) {
    let _one_at_a_time = daemon.busy.lock().await;
    let prepared = match daemon.dir.prepared() {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return,
        Err(error) => {
            tracing::error!(error = %failed(error).message, "cannot go on with a join that was interrupted");
            return;
        }
    };
    tracing::warn!("{}", waits_for(&prepared));
    let Some(end) = end(server, &prepared, Instant::now()).await else { return };
    match conclude(daemon, server, &prepared, end).await {
        Ok(()) => tracing::info!(?end, member = %server.node().name, "the interrupted join has come to its end"),
        Err(error) => tracing::error!(error = %error.message, "the interrupted join goes on at the next start"),
    }
}
