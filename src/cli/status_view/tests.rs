//! The board on every screen that matters: done, silent, stalled, only defined.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;
use crate::cli::screen::Palette;
use crate::kinds::records::confirmation::Pending;
use crate::model;
use crate::model::{Condition, ConditionState, Config, Placement, PlacementPhase, Spec};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn placement(observed: u64, phase: PlacementPhase, condition: Condition) -> Placement {
    Placement {
        config: Config::default(),
        phase,
        observed: Generation(observed),
        realised: Generation(observed),
        condition,
    }
}

fn object(key: Key, phase: Phase, placements: Vec<(&str, Placement)>) -> Object {
    let rollout = if placements.is_empty() { Rollout::RecordOnly } else { Rollout::EveryMember };
    let placements = placements.into_iter().map(|(member, placement)| (member.into(), placement)).collect();
    Object {
        uid: Revision(1),
        generation: Generation(2),
        phase,
        rollout,
        referred: Default::default(),
        created_at: NOW,
        updated_at: NOW,
        placements,
        ..Object::blank(key)
    }
}

fn reply(objects: Vec<Object>, silent: &[&str]) -> ObjectsReply {
    let seen = |name: &str| {
        let reachable = !silent.contains(&name);
        (name.into(), LastSeen { heard: Timestamp(NOW.0 - if reachable { 500 } else { 38_000 }), reachable })
    };
    let liveness: BTreeMap<_, _> = ["node1", "node2", "node3"].map(seen).into();
    ObjectsReply { revision: Revision(12), objects, liveness, ..ObjectsReply::default() }
}

fn screen(objects: Vec<Object>, silent: &[&str]) -> String {
    let board = StatusView::of(&reply(objects, silent), &[]);
    format!("{}{}\n", board.render(Palette::plain(), &Moment::utc(NOW)), board.summary())
}

fn ready() -> Placement {
    placement(2, PlacementPhase::Created, Condition::ready(NOW))
}

fn waiting() -> Placement {
    placement(0, PlacementPhase::Pending, Condition::waiting(NOW))
}

#[test]
fn what_is_done_is_a_table() {
    let pool = object(Key::new("storage-pool", "data"), Phase::Created, vec![("node1", ready()), ("node2", ready())]);
    let profile = object(Key::new("profile", "default"), Phase::Created, Vec::new());
    insta::assert_snapshot!(screen(vec![pool, profile], &[]), @r"
    OBJECT             STATUS   NODE1  NODE2  NODE3
    storage-pool/data  Created  ready  ready  -
    profile/default    Created
    2 objects: 2 converged · 3 members · revision 12
    ");
}

#[test]
fn a_webhook_that_takes_no_messages_is_told() {
    let mut status = object(Key::new("webhook-status", "ci"), Phase::Created, Vec::new());
    status.spec.0.insert("failing_since".to_owned(), (NOW.0 - 38_000).into());
    status.spec.0.insert("error".to_owned(), "ci.example:443 answered 500 Internal Server Error".into());
    let well = object(Key::new("webhook-status", "chat"), Phase::Created, Vec::new());
    let webhook = object(Key::new("webhook", "ci"), Phase::Created, Vec::new());
    insta::assert_snapshot!(screen(vec![status, well, webhook], &[]), @r"
    OBJECT  STATUS  NODE1  NODE2  NODE3

    webhook ci takes no messages for 38 s (since 22:12:42): ci.example:443 answered 500 Internal Server Error
      To try it: seedbed webhook test ci
    0 objects: 0 converged · 3 members · revision 12
    ");
}

#[test]
fn a_silent_member_is_named_with_since_when_and_what_to_do() {
    let placements = vec![("node1", ready()), ("node2", waiting()), ("node3", waiting())];
    let pool = object(Key::new("storage-pool", "data"), Phase::Creating, placements);
    insta::assert_snapshot!(screen(vec![pool], &["node3"]), @r"
    OBJECT             STATUS   NODE1  NODE2    NODE3
    storage-pool/data  Pending  ready  waiting  offline

    node3 has been silent for 38 s (since 22:12:42). 1 object waits for it and goes on by itself when it is back.
      To go on without it: seedbed cluster remove node3 --force
    1 object: 0 converged, 1 waits · 3 members, 1 offline · revision 12
    ");
}

#[test]
fn what_a_member_says_stands_under_the_table() {
    let mut condition = Condition::plain(ConditionState::Stalled, "MissingTool", NOW);
    condition.message = "the program `zpool` is not installed; install it: apt install zfsutils-linux".to_owned();
    let placements = vec![("node1", ready()), ("node2", placement(2, PlacementPhase::Errored, condition))];
    let pool = object(Key::new("storage-pool", "data"), Phase::Errored, placements);
    insta::assert_snapshot!(screen(vec![pool], &[]), @r"
    OBJECT             STATUS   NODE1  NODE2    NODE3
    storage-pool/data  Errored  ready  stalled  -

    storage-pool/data on node2: the program `zpool` is not installed; install it: apt install zfsutils-linux (MissingTool)
    1 object: 0 converged, 1 waits · 3 members · revision 12
    ");
}

#[test]
fn what_is_only_defined_says_where_it_is_missing() {
    let defined = placement(0, PlacementPhase::Pending, Condition::defined(NOW));
    let pool = object(Key::new("storage-pool", "data"), Phase::Pending, vec![("node1", defined)]);
    insta::assert_snapshot!(screen(vec![pool], &[]), @r"
    OBJECT             STATUS   NODE1    NODE2  NODE3
    storage-pool/data  Pending  defined  -      -

    storage-pool/data is not defined on node2, node3: define it there, then create it
    1 object: 0 converged, 1 waits · 3 members · revision 12
    ");
}

/// A change in the waves node1, node2, node3, of which some have not begun.
fn in_waves(name: &str, placements: Vec<(&str, Placement)>, waiting: &[&str]) -> Object {
    let order = ["node1", "node2", "node3"].map(|member| vec![member.into()]).to_vec();
    let kept = waiting.iter().map(|member| ((*member).into(), model::Kept::default())).collect();
    let waves = model::Waves { id: Revision(9), order, max_failures: 0, kept };
    let mut object = object(Key::new("network", name), Phase::Created, placements);
    object.management.waves = Some(waves);
    object
}

#[test]
fn what_has_stopped_says_on_whom_and_how_to_go_on() {
    let mut condition = Condition::plain(ConditionState::Reconciling, "NoInterface", NOW);
    condition.message = "there is no interface `ext9`".to_owned();
    let old = || placement(1, PlacementPhase::Created, Condition::ready(NOW));
    let broken = vec![("node1", placement(2, PlacementPhase::Errored, condition)), ("node2", old()), ("node3", old())];
    let fine = vec![("node1", ready()), ("node2", old()), ("node3", old())];
    let objects = vec![in_waves("br7", broken, &["node2", "node3"]), in_waves("br8", fine, &["node2", "node3"])];
    assert!(StatusView::of(&reply(objects.clone(), &[]), &[]).is_blocked());
    insta::assert_snapshot!(screen(objects, &[]), @r"
    OBJECT       STATUS    NODE1        NODE2    NODE3
    network/br7  Degraded  reconciling  stopped  stopped
    network/br8  Created   ready        stopped  stopped

    network/br7 on node1: there is no interface `ext9` (NoInterface)
    network/br7, network/br8 stopped after 1 failure on node1; node2, node3 keep what they have.
      It goes on when node1 can do it: apply again with a mended manifest, or mend it.
      To go on in spite of it: seedbed apply --resume PATH · to go back: seedbed history
    2 objects: 0 converged, 2 wait · 3 members · revision 12
    ");
}

#[test]
fn who_has_not_had_its_turn_waits() {
    let old = || placement(1, PlacementPhase::Created, Condition::ready(NOW));
    let network = in_waves("br7", vec![("node1", ready()), ("node2", old()), ("node3", old())], &["node3"]);
    assert!(!StatusView::of(&reply(vec![network.clone()], &[]), &[]).is_blocked());
    let json = StatusView::of(&reply(vec![network.clone()], &[]), &[]).json(&Moment::utc(NOW));
    assert_eq!(json["objects"][0]["waves"]["wave"], 1);
    assert_eq!(json["objects"][0]["waves"]["stopped"], false);
    insta::assert_snapshot!(screen(vec![network], &[]), @r"
    OBJECT       STATUS   NODE1  NODE2    NODE3
    network/br7  Created  ready  waiting  waiting
    1 object: 0 converged, 1 waits · 3 members · revision 12
    ");
}

#[test]
fn only_what_waits_for_somebody_is_blocked() {
    let board = |placements: Vec<(&str, Placement)>, silent: &[&str]| {
        let pool = object(Key::new("storage-pool", "data"), Phase::Creating, placements);
        StatusView::of(&reply(vec![pool], silent), &[])
    };
    assert!(board(vec![("node1", ready()), ("node3", waiting())], &["node3"]).is_blocked());
    assert!(!board(vec![("node1", waiting()), ("node3", waiting())], &["node3"]).is_blocked());
    assert!(!board(vec![("node1", ready()), ("node3", waiting())], &[]).is_blocked());
}

/// What the notices of a board are about.
fn about(json: &serde_json::Value) -> Vec<&str> {
    json["notices"].as_array().into_iter().flatten().filter_map(|notice| notice["about"].as_str()).collect()
}

fn record(key: Key, spec: serde_json::Value) -> Object {
    let serde_json::Value::Object(fields) = spec else { panic!("no object: {spec}") };
    Object { spec: Spec(fields), ..object(key, Phase::Created, Vec::new()) }
}

#[test]
fn stalled_sources_and_held_objects_are_told_below_and_records_are_no_rows() {
    let status = |standing: &str, message: &str| serde_json::json!({"standing": standing, "reason": "Invalid", "message": message, "since": NOW.0 - 38_000});
    let hold = |key: &str, until: i64| {
        let name = key.replace('/', ":");
        let spec = serde_json::json!({"key": key, "description": "a disk is swapped", "until": until});
        record(Key::new("hold", &name), spec)
    };
    let objects = vec![
        object(Key::new("profile", "web"), Phase::Created, Vec::new()),
        record(Key::new("source", "site"), serde_json::json!({"path": "/srv/site"})),
        record(Key::new("source", "base"), serde_json::json!({"git": "file:///srv/base"})),
        record(Key::new("source", "lost"), serde_json::json!({"path": "/srv/lost", "member": "node9"})),
        record(Key::new("source-status", "lost"), status("Ready", "set c1a6ae168183 is in force")),
        record(Key::new("source-status", "site"), status("Stalled", "set 99b4918badd7 has 1 error")),
        record(Key::new("source-status", "base"), status("Ready", "set b1a6ae168183 is in force")),
        hold("profile/web", NOW.0 + 60_000),
        hold("profile/db", NOW.0 - 1),
    ];
    insta::assert_snapshot!(screen(objects.clone(), &[]), @"
    OBJECT       STATUS   NODE1  NODE2  NODE3
    profile/web  Created
    source/site  Created
    source/base  Created
    source/lost  Created

    source site: Stalled for 38 s (since 22:12:42): set 99b4918badd7 has 1 error
      More of it: seedbed source show site
    source lost: Stalled for 38 s (since 22:12:42): node9, which reads it, is no member any more: add the source with another `member` (last: set c1a6ae168183 is in force)
      More of it: seedbed source show lost
    profile/web is held until 22:14:20: a disk is swapped
      To end it: seedbed hold release profile/web
    4 objects: 4 converged · 3 members · revision 12
    ");
    // Programs are told of the same: the hold on profile/db has ended.
    let json = StatusView::of(&reply(objects, &[]), &[]).json(&Moment::utc(NOW));
    assert_eq!(about(&json), ["source/site", "source/lost", "profile/web"]);
}

#[test]
fn what_waits_to_be_confirmed_and_what_could_not_be_taken_back_is_told() {
    let pending = serde_json::json!({
        "until": NOW.0 + 42_000, "by": "unix:0", "summary": "1 changed", "named": [Key::new("profile", "web")],
    });
    let left = serde_json::json!({
        "left": [{"key": Key::new("network", "br0"), "why": "somebody has changed it since"}],
        "going": [Key::new("storage-pool", "data"), Key::new("storage-pool", "gone")],
    });
    let said = placement(
        2,
        PlacementPhase::Errored,
        Condition { message: "it holds data".to_owned(), ..Condition::ready(NOW) },
    );
    let objects = vec![
        record(Pending::key(), pending),
        record(Key::new("confirmation", "left"), left),
        object(Key::new("storage-pool", "data"), Phase::Deleting, vec![("node1", said)]),
    ];
    insta::assert_snapshot!(screen(objects.clone(), &[]), @r"
    OBJECT             STATUS    NODE1  NODE2  NODE3
    storage-pool/data  Deleting  ready  -      -

    storage-pool/data on node1: it holds data (Ready)
    At 22:14:02 the apply by unix:0 (1 changed: profile/web) is taken back.
      To keep it: seedbed confirm. To take it back now: seedbed confirm --revert
    network/br0 could not be taken back: somebody has changed it since
    storage-pool/data could not be taken back: is being removed; node1 says: it holds data
      To show that no longer: seedbed confirm --dismiss
    1 object: 0 converged, 1 waits · 3 members · revision 12
    ");
    let json = StatusView::of(&reply(objects, &[]), &[]).json(&Moment::utc(NOW));
    assert_eq!(about(&json), ["confirmation/pending", "network/br0", "storage-pool/data"]);
    assert_eq!(json["notices"][0]["until"], "2023-11-14T22:14:02Z");
}

#[test]
fn what_was_made_once_and_fails_now_is_degraded() {
    let stalled = Condition {
        message: "it cannot".to_owned(),
        ..Condition::plain(ConditionState::Stalled, "SettingRefused", NOW)
    };
    let failed = placement(2, PlacementPhase::Errored, stalled);
    let network = object(Key::new("network", "br1"), Phase::Created, vec![("node1", failed), ("node2", ready())]);
    let shown = screen(vec![network], &[]);
    assert!(shown.contains("network/br1  Degraded  stalled  ready"), "{shown}");
}

#[test]
fn what_a_member_had_when_it_lost_touch_is_shown_as_that() {
    let pool = object(
        Key::new("storage-pool", "data"),
        Phase::Created,
        vec![("node1", ready()), ("node2", waiting()), ("node3", ready())],
    );
    let outdated = model::Outdated {
        member: "node3".into(),
        lack: model::Lack::Leader,
        age_ms: 67_000,
        as_of: Some(Timestamp(NOW.0 - 67_000)),
        voters: ["node1", "node2", "node3"].map(MemberName::from).to_vec(),
    };
    let reply = ObjectsReply { outdated: Some(outdated), ..reply(vec![pool], &["node1", "node2"]) };
    let board = StatusView::of(&reply, &[]);
    let moment = Moment::utc(NOW);
    let shown = format!("{}{}\n", board.render(Palette::plain(), &moment), board.summary());
    insta::assert_snapshot!(shown, @r"
    OBJECT             STATUS   NODE1  NODE2  NODE3
    storage-pool/data  unknown  ?      ?      ready
    1 object, as node3 last knew it · revision 12
    ");
    assert!(!board.is_converged() && board.is_blocked());
    let json = board.json(&moment);
    assert_eq!((json["converged"].as_bool(), json["outdated"]["lack"].as_str()), (Some(false), Some("leader")));
    assert_eq!((&json["members"][0]["reachable"], &json["members"][2]["reachable"]), (&Value::Null, &true.into()));
    let header = crate::cli::session::header(board.outdated.as_ref().expect("it is old"), &moment);
    insta::assert_snapshot!(header, @r"
    ! node3 has heard no leader, for 67 s: what follows is as of 22:12:13.
      Nothing can be changed now: 2 of the voters must be up and reach each other: node1, node2, node3.
    ");
}
