//! Members whose disk was put back to an old copy.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use openraft::raft::AppendEntriesRequest;

use super::kit::{Cluster, create, eventually, names, timing};
use crate::model::{LogTrouble, MemberId};
use crate::store::raft::types::Vote;
use crate::store::raft::{codec, wire};
use crate::store::{Rpc, StoreError, Timing};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("the files") {
        let entry = entry.expect("a file");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("it is copied");
    }
}

/// Puts the third member back to where it was before `between` writes of the others, which it had confirmed.
async fn put_back(cluster: &mut Cluster, between: usize) {
    let (dir, image) = (cluster.dir(3), cluster.dir(3).with_extension("image"));
    create(cluster.store(1), "before").await;
    eventually("it arrives", || names(cluster.store(3)) == ["before"]).await;
    cluster.stop(3).await;
    copy(&dir, &image);
    cluster.start(3).await;
    for number in 0..between {
        create(cluster.store(3), &format!("p{number:02}")).await;
    }
    cluster.stop(3).await;
    std::fs::remove_dir_all(&dir).expect("it goes");
    copy(&image, &dir);
    cluster.start(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_was_put_back_is_named_and_gets_everything_again() {
    let short = Timing { snapshot_after_entries: 20, keep_entries: 2, ..timing() };
    // Once from the log, once as a snapshot.
    for timing in [timing(), short] {
        let has_snapshots = timing.snapshot_after_entries == 20;
        let mut cluster = Cluster::alone_with(timing).await;
        for id in [2, 3] {
            cluster.start(id).await;
            cluster.store(1).add_learner(super::kit::peer(id)).await.expect("it follows");
        }
        cluster.store(1).set_voters([1, 2, 3].map(MemberId).into()).await.expect("all vote");
        put_back(&mut cluster, 30).await;
        if has_snapshots {
            cluster.store(1).snapshot().await.expect("it is taken");
        }
        assert!(cluster.store(1).leadership().borrow().is_me, "the first one still leads");
        cluster.store(3).barrier().await.expect("it catches up");
        assert_eq!(names(cluster.store(3)).len(), 31);
        create(cluster.store(3), "after").await;
        let trouble = |id: u64| {
            let peers = cluster.store(1).peers();
            peers.into_iter().find(|status| status.peer.id == MemberId(id)).and_then(|status| status.trouble)
        };
        let named = |told: LogTrouble| matches!(told, LogTrouble::PutBack { is_healed: true, .. });
        eventually("it is named, and has everything again", || trouble(3).is_some_and(named)).await;
        assert_eq!(trouble(2), None);
    }
}

/// The leader that it had confirmed them to is another one by the time it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_was_put_back_is_named_by_a_leader_that_was_told_what_it_had_confirmed() {
    let mut cluster = Cluster::of_three().await;
    let (dir, image) = (cluster.dir(3), cluster.dir(3).with_extension("image"));
    create(cluster.store(1), "before").await;
    eventually("it arrives", || names(cluster.store(3)) == ["before"]).await;
    cluster.stop(3).await;
    copy(&dir, &image);
    cluster.start(3).await;
    for number in 0..30 {
        create(cluster.store(3), &format!("p{number:02}")).await;
    }
    let confirmed = || -> BTreeMap<MemberId, u64> {
        let peers = cluster.store(1).peers().into_iter();
        peers.filter_map(|status| Some((status.peer.id, status.confirmed?))).collect()
    };
    let all = cluster.store(1).last_log_index();
    eventually("all is confirmed", || confirmed().get(&MemberId(3)).is_some_and(|index| *index >= all)).await;
    let confirmed = confirmed();
    cluster.stop(3).await;
    cluster.store(2).remember_confirmed(&confirmed);
    cluster.store(1).transfer_leadership(MemberId(2)).await.expect("the second one leads");
    std::fs::remove_dir_all(&dir).expect("it goes");
    copy(&image, &dir);
    cluster.start(3).await;
    let trouble = |id: u64| {
        let peers = cluster.store(2).peers();
        peers.into_iter().find(|status| status.peer.id == MemberId(id)).and_then(|status| status.trouble)
    };
    let named = |told: LogTrouble| matches!(told, LogTrouble::PutBack { is_healed: true, .. });
    eventually("it is named, and has everything again", || trouble(3).is_some_and(named)).await;
    assert_eq!(trouble(1), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_applied_what_its_leader_does_not_have_stops_and_says_so() {
    let cluster = Cluster::of_three().await;
    create(cluster.store(1), "acknowledged").await;
    let (store, last) = (cluster.store(3), cluster.store(1).last_log_index());
    eventually("it arrives", || names(store) == ["acknowledged"]).await;
    let request = |term: u64, entry_term: u64| AppendEntriesRequest {
        vote: Vote::new_committed(term, 2),
        prev_log_id: Some(codec::log_id(entry_term, 2, last)),
        entries: Vec::new(),
        leader_commit: None,
    };
    // A late word of somebody who led before says nothing.
    let late = wire::append(MemberId(3), &request(0, 0)).expect("it is written");
    store.answer(Rpc::Append, late).await.expect("it is told of the newer leader");
    let body = wire::append(MemberId(3), &request(99, 98)).expect("it is written");
    let refused = store.answer(Rpc::Append, body).await.expect_err("it does not follow");
    assert!(matches!(refused, StoreError::Stopped { .. }), "{refused:?}");
    let why = tokio::time::timeout(Duration::from_secs(5), store.stopped()).await.expect("it stops").to_string();
    assert!(why.contains("another one of term 98") && why.contains("join again"), "{why}");
    store.list("profile").expect_err("its copy is not shown as the present");
}
