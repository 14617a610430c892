//! Three members in one process.

use std::time::Duration;

use super::kit::{Cluster, bytes_of, create, eventually, names, peer, profile, timing, write};
use crate::model::{Expect, Fault, Generation, MemberId, Reply, Revision};
use crate::store::{Role, StoreError, Timing};

#[tokio::test(flavor = "multi_thread")]
async fn a_member_alone_forms_leads_and_reads_its_own_writes() {
    let cluster = Cluster::alone().await;
    let store = cluster.store(1);
    assert!(store.is_formed());
    let revision = create(store, "one").await;
    assert_eq!(names(store), ["one"]);
    assert_eq!(store.state().expect("the state").revision, Revision(revision));
    assert_eq!(*store.applied().borrow(), Revision(revision));
    assert_eq!(store.get(&profile("one")).expect("it reads").expect("it is there").uid, Revision(revision));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_never_formed_refuses_writes_and_answers_reads() {
    let mut cluster = Cluster::alone().await;
    cluster.start(2).await;
    assert!(!cluster.store(2).is_formed());
    let refused = cluster.store(2).submit(write("r", profile("one"), "", None)).await;
    assert!(matches!(refused, Err(StoreError::NotFormed)), "{refused:?}");
    assert_eq!(names(cluster.store(2)), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_through_a_follower_is_read_there_at_once_and_everywhere_after_a_barrier() {
    let cluster = Cluster::of_three().await;
    create(cluster.store(2), "one").await;
    assert_eq!(names(cluster.store(2)), ["one"]);
    for id in [1, 3] {
        cluster.store(id).barrier().await.expect("it catches up");
        assert_eq!(names(cluster.store(id)), ["one"], "member {id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_write_is_refused_and_names_what_moved() {
    let cluster = Cluster::of_three().await;
    create(cluster.store(1), "one").await;
    let stale = cluster.store(3).submit(write("late", profile("one"), "x", None)).await.expect("a reply");
    let expected = Expect::absent(profile("one"));
    assert_eq!(stale, Reply::Refused { faults: vec![Fault { expected, found: Some(Generation(1)) }] });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_submitted_twice_is_carried_out_once() {
    let cluster = Cluster::of_three().await;
    let first = cluster.store(2).submit(write("same", profile("one"), "a", None)).await.expect("a reply");
    create(cluster.store(1), "two").await;
    let again = cluster.store(3).submit(write("same", profile("one"), "a", None)).await.expect("a reply");
    assert_eq!(first, again);
    let object = cluster.store(3).get(&profile("one")).expect("it reads").expect("it is there");
    assert_eq!(object.generation, Generation(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_remembered_like_any_reply() {
    let cluster = Cluster::alone().await;
    let store = cluster.store(1);
    let refused = store.submit(write("early", profile("one"), "a", Some(1))).await.expect("a reply");
    assert!(matches!(refused, Reply::Refused { .. }));
    create(store, "one").await;
    let again = store.submit(write("early", profile("one"), "a", Some(1))).await.expect("a reply");
    assert_eq!(refused, again);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_dies_the_others_go_on_and_it_catches_up_later() {
    let mut cluster = Cluster::of_three().await;
    create(cluster.store(1), "before").await;
    cluster.stop(1).await;
    create(cluster.store(2), "while").await;
    assert_ne!(cluster.leader().await, 1);
    cluster.start(1).await;
    cluster.store(1).barrier().await.expect("it catches up");
    assert_eq!(names(cluster.store(1)), ["before", "while"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_takes_no_writes_and_loses_none() {
    let cluster = Cluster::of_three().await;
    create(cluster.store(1), "before").await;
    cluster.net.cut(1, true);
    create(cluster.store(3), "while").await;
    cluster.net.cut(1, false);
    create(cluster.store(1), "after").await;
    assert_eq!(names(cluster.store(1)), ["after", "before", "while"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_a_write_ends_with_a_clear_error() {
    let timing = Timing { wait_ms_max: 5000, ..timing() };
    let mut cluster = Cluster::alone_with(timing).await;
    for id in [2, 3] {
        cluster.start(id).await;
        cluster.store(1).add_learner(peer(id)).await.expect("it follows");
    }
    cluster.store(1).set_voters([1, 2, 3].map(MemberId).into()).await.expect("all vote");
    cluster.stop(1).await;
    cluster.stop(3).await;
    let refused = cluster.store(2).submit(write("r", profile("one"), "", None)).await;
    assert!(matches!(refused, Err(StoreError::NoLeader { .. } | StoreError::Unknown { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_all_members_were_stopped_every_write_is_there() {
    let mut cluster = Cluster::of_three().await;
    for number in 0..20 {
        create(cluster.store(1 + number % 3), &format!("p{number:02}")).await;
    }
    cluster.stop_all().await;
    for id in 1..=3 {
        cluster.start(id).await;
    }
    cluster.store(2).barrier().await.expect("they elect again");
    assert_eq!(names(cluster.store(2)).len(), 20);
    let again = cluster.store(1).submit(write("create p00", profile("p00"), "new", None)).await.expect("a reply");
    assert!(matches!(again, Reply::Applied { .. }), "receipts outlive a restart: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_joiner_gets_the_state_as_a_snapshot() {
    let timing = Timing { snapshot_after_entries: 20, keep_entries: 2, ..timing() };
    let mut cluster = Cluster::alone_with(timing).await;
    for number in 0..60 {
        create(cluster.store(1), &format!("p{number:02}")).await;
    }
    cluster.store(1).snapshot().await.expect("it is taken");
    cluster.start(2).await;
    cluster.store(1).add_learner(peer(2)).await.expect("it follows");
    create(cluster.store(2), "q").await;
    assert_eq!(names(cluster.store(2)).len(), 61);
    let received = bytes_of(&cluster.dir(2)).into_iter().filter(|(name, ..)| name.starts_with("snapshot-")).count();
    assert_eq!(received, 1, "it came as a snapshot, not as a log");
    cluster.stop(2).await;
    cluster.start(2).await;
    cluster.store(2).barrier().await.expect("it goes on after a restart");
    assert_eq!(cluster.store(1).state().expect("here"), cluster.store(2).state().expect("there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_found_again_after_a_restart() {
    let timing = Timing { snapshot_after_entries: 20, keep_entries: 2, ..timing() };
    let mut cluster = Cluster::alone_with(timing).await;
    for number in 0..30 {
        create(cluster.store(1), &format!("p{number:02}")).await;
    }
    cluster.store(1).snapshot().await.expect("it is taken");
    cluster.stop(1).await;
    cluster.start(1).await;
    cluster.start(2).await;
    cluster.store(1).barrier().await.expect("it leads");
    cluster.store(1).add_learner(peer(2)).await.expect("it follows");
    create(cluster.store(2), "q").await;
    assert_eq!(names(cluster.store(2)).len(), 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn voters_move_and_members_leave() {
    let mut cluster = Cluster::of_three().await;
    cluster.start(4).await;
    cluster.store(1).add_learner(peer(4)).await.expect("it follows");
    cluster.store(1).set_voters([1, 2, 4].map(MemberId).into()).await.expect("they vote");
    let roles: Vec<_> = cluster.store(1).peers().into_iter().map(|status| (status.peer.id.0, status.role)).collect();
    assert_eq!(roles, [(1, Role::Voter), (2, Role::Voter), (3, Role::Learner), (4, Role::Voter)]);
    assert!(cluster.store(1).peers().iter().all(|status| status.silent_ms.is_some()), "the leader hears everybody");
    cluster.store(1).remove(MemberId(3)).await.expect("a learner leaves");
    cluster.store(1).remove(MemberId(4)).await.expect("a voter leaves");
    assert_eq!(cluster.store(1).peers().len(), 2);
    let refused = cluster.store(1).remove(MemberId(1)).await.expect_err("the leader stays").to_string();
    assert!(refused.contains("hand over the lead first"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_group_that_meet_wait_for_each_other() {
    let mut cluster = Cluster::alone().await;
    for id in 2..=5 {
        cluster.start(id).await;
    }
    let leader = cluster.store(1);
    leader.add_learner(peer(2)).await.expect("it follows");
    for round in 0..5 {
        let voters = if round % 2 == 0 { [1, 2].as_slice() } else { &[1] };
        let (voted, third, fourth, fifth) = tokio::join!(
            leader.set_voters(voters.iter().copied().map(MemberId).collect()),
            leader.add_learner(peer(3)),
            leader.add_learner(peer(4)),
            leader.add_learner(peer(5)),
        );
        voted.expect("they vote");
        [third, fourth, fifth].into_iter().for_each(|added| added.expect("it follows"));
        let (third, fourth) = tokio::join!(leader.remove(MemberId(3)), leader.remove(MemberId(4)));
        [third, fourth].into_iter().for_each(|removed| removed.expect("it leaves"));
        let voting = leader.peers().into_iter().filter(|status| status.role == Role::Voter).count();
        assert_eq!((leader.peers().len(), voting), (3, voters.len()), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_that_does_not_answer_leaves_the_group_as_it_was() {
    let timing = Timing { wait_ms_max: 1500, ..timing() };
    let cluster = Cluster::alone_with(timing).await;
    let error = cluster.store(1).add_learner(peer(9)).await.expect_err("nobody is there").to_string();
    assert!(error.contains("10.0.0.9:8443") && error.contains("does not answer"), "{error}");
    assert_eq!(cluster.store(1).peers().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lead_is_handed_over_on_request() {
    let cluster = Cluster::of_three().await;
    cluster.store(1).transfer_leadership(MemberId(3)).await.expect("it is handed over");
    eventually("the third leads", || cluster.store(3).leadership().borrow().is_me).await;
    let refused = cluster.store(1).transfer_leadership(MemberId(2)).await;
    assert!(matches!(refused, Err(StoreError::NotLeader { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_moves_is_found_at_its_new_address() {
    let cluster = Cluster::of_three().await;
    let mut moved = peer(2);
    moved.address = "10.0.0.22:8443".to_owned();
    cluster.store(1).set_address(moved.clone()).await.expect("it is changed");
    eventually("all know it", || cluster.stores.values().all(|store| store.peers().iter().any(|p| p.peer == moved)))
        .await;
    create(cluster.store(2), "one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_cluster_writes_nothing() {
    let cluster = Cluster::of_three().await;
    create(cluster.store(1), "one").await;
    for id in [2, 3] {
        cluster.store(id).barrier().await.expect("it catches up");
    }
    let look = || [1, 2, 3].map(|id| (cluster.store(id).last_log_index(), bytes_of(&cluster.dir(id))));
    // A machine that is too busy for heartbeats has an election, which writes: then it is looked at again.
    let (mut before, mut after) = (look(), look());
    for _ in 0..20 {
        before = look();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        after = look();
        if before == after {
            return;
        }
    }
    assert_eq!(before, after, "something is written all the time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_from_a_newer_version_is_refused_before_it_enters_the_log() {
    let cluster = Cluster::alone().await;
    let store = cluster.store(1);
    let before = store.last_log_index();
    let mut body = vec![1];
    body.extend(1u64.to_le_bytes());
    body.extend(3u32.to_le_bytes());
    body.extend([9, b'{', b'}']);
    let answer = store.answer(crate::store::Rpc::Submit, body.into()).await.expect("an answer");
    assert!(String::from_utf8_lossy(&answer).contains("format 9"), "{answer:?}");
    assert_eq!(store.last_log_index(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_another_member_is_refused() {
    let cluster = Cluster::alone().await;
    let mut body = vec![1];
    body.extend(7u64.to_le_bytes());
    let refused = cluster.store(1).answer(crate::store::Rpc::Barrier, body.into()).await.expect_err("not ours");
    assert!(refused.to_string().contains("for member 7"), "{refused}");
}
