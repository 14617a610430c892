//! The text that a scrape gives.

use super::exposition::text;
use super::figures::Snapshot;
use crate::model::{
    ClusterState, Condition, ConditionState, Config, Ending, Generation, Key, KindName, LastSeen, Liveness, MemberName,
    Object, Phase, Placement, PlacementPhase, Revision, Rollout, Tally, Timestamp,
};

fn object(key: Key, phase: Phase, placements: &[(&str, ConditionState, &str)]) -> Object {
    let held = |state, reason: &str| Placement {
        config: Config::default(),
        phase: PlacementPhase::Created,
        observed: Generation(1),
        realised: Generation(1),
        condition: Condition::plain(state, reason, Timestamp(7_000)),
    };
    Object {
        uid: Revision(1),
        generation: Generation(1),
        phase,
        rollout: Rollout::EveryMember,
        placements: placements
            .iter()
            .map(|(member, state, reason)| (MemberName::from(*member), held(*state, reason)))
            .collect(),
        ..Object::blank(key)
    }
}

fn snapshot() -> Snapshot {
    let mut state = ClusterState { revision: Revision(12), ..ClusterState::default() };
    let bridge: Key = "network/br\"0".parse().expect("a key");
    for object in [
        object(Key::member(&MemberName::from("node1")), Phase::Created, &[]),
        object(Key::member(&MemberName::from("node2")), Phase::Created, &[]),
        object(
            bridge,
            Phase::Created,
            &[("node1", ConditionState::Ready, "Ready"), ("node2", ConditionState::Drifted, "LinkGone")],
        ),
    ] {
        state.objects.insert(object.key.clone(), object);
    }
    let mut tally = Tally::default();
    for took_ms in [3, 40_000] {
        tally.record(&KindName::from("network"), Ending::Done, took_ms);
    }
    let seen = LastSeen { heard: Timestamp(8_500), reachable: true };
    Snapshot {
        version: "0.1.0".to_owned(),
        member: MemberName::from("node1"),
        state,
        liveness: Liveness { at: Timestamp(9_000), members: [(MemberName::from("node1"), seen)].into() },
        outdated_ms: None,
        is_leader: false,
        term: 3,
        last_log_index: 13,
        tally,
        now: Timestamp(9_500),
    }
}

#[test]
fn a_scrape_counts_what_is_well_and_names_what_is_not() {
    let text = text(&snapshot()).expect("text");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    # TYPE seedbed_build_info gauge
    seedbed_build_info{version="0.1.0",member="node1"} 1.0
    # TYPE seedbed_leader gauge
    seedbed_leader 0.0
    # TYPE seedbed_has_leader gauge
    seedbed_has_leader 1.0
    # TYPE seedbed_outdated_seconds gauge
    seedbed_outdated_seconds 0.0
    # TYPE seedbed_raft_term gauge
    seedbed_raft_term 3.0
    # TYPE seedbed_raft_last_log_index gauge
    seedbed_raft_last_log_index 13.0
    # TYPE seedbed_revision gauge
    seedbed_revision 12.0
    # TYPE seedbed_member_reachable gauge
    seedbed_member_reachable{member="node1"} 1.0
    seedbed_member_reachable{member="node2"} 0.0
    # TYPE seedbed_member_silent_seconds gauge
    seedbed_member_silent_seconds{member="node1"} 0.5
    # TYPE seedbed_objects gauge
    seedbed_objects{kind="member",phase="Created"} 2.0
    seedbed_objects{kind="network",phase="Created"} 1.0
    # TYPE seedbed_placements gauge
    seedbed_placements{kind="network",member="node1",condition="ready"} 1.0
    seedbed_placements{kind="network",member="node2",condition="drifted"} 1.0
    # TYPE seedbed_drifted_objects gauge
    seedbed_drifted_objects{kind="network"} 1.0
    # TYPE seedbed_object_condition gauge
    seedbed_object_condition{kind="network",project="default",name="br\"0",member="node2",type="drifted",reason="LinkGone"} 1.0
    # TYPE seedbed_object_condition_age_seconds gauge
    seedbed_object_condition_age_seconds{kind="network",project="default",name="br\"0",member="node2",type="drifted",reason="LinkGone"} 2.5
    # TYPE seedbed_reconcile counter
    seedbed_reconcile_total{kind="network",result="done"} 2
    # TYPE seedbed_reconcile_duration_seconds histogram
    seedbed_reconcile_duration_seconds_sum{kind="network"} 40.003
    seedbed_reconcile_duration_seconds_count{kind="network"} 2
    seedbed_reconcile_duration_seconds_bucket{le="0.001",kind="network"} 0
    seedbed_reconcile_duration_seconds_bucket{le="0.005",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="0.01",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="0.025",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="0.05",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="0.1",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="0.25",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="1.0",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="5.0",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="30.0",kind="network"} 1
    seedbed_reconcile_duration_seconds_bucket{le="+Inf",kind="network"} 2
    # EOF
    "#);
}

#[test]
fn the_text_ends_as_openmetrics_wants_it_and_every_family_is_explained() {
    let text = text(&snapshot()).expect("text");
    assert!(text.ends_with("# EOF\n"));
    let explained = text.lines().filter(|line| line.starts_with("# HELP")).count();
    let typed = text.lines().filter(|line| line.starts_with("# TYPE")).count();
    assert_eq!(explained, typed);
    assert!(!text.contains(".."), "a sentence ends once");
}
