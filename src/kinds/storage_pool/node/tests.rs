//! Every state of a pool with the steps that follow, and whole lives of pools on a fake machine.

use super::*;
use crate::host::fake::FakeHost;
use crate::kinds::registry::actuator::{ActOutcome, AnyActuator, Work};
use crate::model::{Key, MemberName, Revision, Spec};

fn asked(driver: &str, config: Config) -> PoolAsk {
    PoolAsk { name: "data".to_owned(), uid: Revision(7), driver: driver.to_owned(), config }
}

fn standing() -> PoolSeen {
    PoolSeen { medium: PoolMedium::Ours, recorded: true, mounted: true, ..PoolSeen::default() }
}

fn in_loop() -> PoolSeen {
    PoolSeen { size: Some(5 << 30), mount_options: Some(BTRFS_MOUNT_OPTIONS.to_owned()), ..standing() }
}

fn words(steps: Result<Vec<PoolStep>, HostError>) -> Vec<String> {
    steps.expect("steps").iter().map(ToString::to_string).collect()
}

fn reason(steps: Result<Vec<PoolStep>, HostError>) -> &'static str {
    steps.expect_err("a refusal").reason
}

#[test]
fn a_pool_that_is_not_there_is_made() {
    let ask = asked("dir", Config::default());
    assert_eq!(words(present(&ask, None)), ["make it", "make its subdirectories"]);
    let begun = PoolSeen { recorded: true, ..PoolSeen::default() };
    assert_eq!(words(present(&ask, Some(&begun))), ["make it", "make its subdirectories"]);
}

#[test]
fn a_pool_that_stands_needs_nothing() {
    let ask = asked("btrfs", Config::from([("size", "5GiB")]));
    assert!(words(present(&ask, Some(&in_loop()))).is_empty());
}

#[test]
fn a_pool_is_mounted_again_after_a_restart() {
    let have = PoolSeen { mounted: false, ..in_loop() };
    let ask = asked("btrfs", Config::from([("btrfs.mount_options", "noatime")]));
    assert_eq!(words(present(&ask, Some(&have))), ["mount it"]);
}

#[test]
fn changed_mount_options_and_a_larger_size_take_effect_in_place() {
    let ask = asked("btrfs", Config::from([("btrfs.mount_options", "noatime"), ("size", "6GiB")]));
    assert_eq!(words(present(&ask, Some(&in_loop()))), ["remount it with noatime", "grow it from 5GiB to 6GiB"]);
}

#[test]
fn missing_subdirectories_are_made_again() {
    let have = PoolSeen { missing: vec!["custom".to_owned()], ..standing() };
    assert_eq!(words(present(&asked("dir", Config::default()), Some(&have))), ["make its subdirectories"]);
}

#[test]
fn a_smaller_size_and_another_source_are_refused() {
    let smaller = asked("btrfs", Config::from([("size", "4GiB")]));
    assert_eq!(reason(present(&smaller, Some(&in_loop()))), "CannotShrink");
    let have = PoolSeen { keys: Config::from([("source", "/srv/a")]), ..standing() };
    let moved = asked("dir", Config::from([("source", "/srv/b")]));
    assert_eq!(reason(present(&moved, Some(&have))), "CannotChange");
}

#[test]
fn the_data_of_others_is_neither_used_nor_removed() {
    let foreign = PoolMedium::Foreign { what: "it is not empty".to_owned(), hint: "move it".to_owned() };
    let have = PoolSeen { medium: foreign, ..PoolSeen::default() };
    let ask = asked("dir", Config::default());
    assert_eq!(reason(present(&ask, Some(&have))), "SourceNotEmpty");
    assert!(words(absent(&ask, Some(&have))).is_empty());
}

#[test]
fn a_lost_pool_is_not_made_anew_but_can_be_deleted() {
    let lost = PoolMedium::Lost { what: "the disk is gone".to_owned(), hint: "mount it".to_owned() };
    let have = PoolSeen { medium: lost, recorded: true, ..PoolSeen::default() };
    let ask = asked("dir", Config::default());
    assert_eq!(reason(present(&ask, Some(&have))), "SourceLost");
    assert_eq!(words(absent(&ask, Some(&have))), ["remove it"]);
}

#[test]
fn what_an_earlier_pool_left_is_taken_over_only_when_it_is_empty() {
    let empty = PoolSeen { medium: PoolMedium::Leftover, ..standing() };
    let ask = asked("dir", Config::default());
    let step = "take over the empty pool that an earlier one of this name left";
    assert_eq!(words(present(&ask, Some(&empty))), [step]);
    let full = PoolSeen { volumes: vec!["containers/c1".to_owned()], ..empty.clone() };
    assert_eq!(reason(present(&ask, Some(&full))), "SourceNotEmpty");
    assert!(words(absent(&ask, Some(&empty))).is_empty());
}

#[test]
fn a_pool_is_removed_only_when_it_is_empty() {
    let ask = asked("dir", Config::default());
    assert!(words(absent(&ask, None)).is_empty());
    assert_eq!(words(absent(&ask, Some(&standing()))), ["remove it"]);
    let away = PoolSeen { mounted: false, ..standing() };
    assert_eq!(words(absent(&ask, Some(&away))), ["mount it", "remove it"]);
    let full = PoolSeen { volumes: vec!["custom/v1".to_owned()], ..standing() };
    assert_eq!(reason(absent(&ask, Some(&full))), "PoolInUse");
}

fn work(driver: &str, config: Config, intent: Intent) -> Work {
    let serde_json::Value::Object(spec) = serde_json::json!({"driver": driver}) else { panic!("an object") };
    let local = Local {
        key: Key::new("storage-pool", "data"),
        uid: Revision(7),
        member: MemberName::from("node1"),
        spec: Spec(spec),
        config,
        known: false,
    };
    Work { local, intent }
}

async fn converge(fake: &FakeHost, driver: &str, config: Config, intent: Intent) -> ActOutcome {
    AnyActuator::converge(&PoolNode, &fake.host(), &work(driver, config, intent)).await
}

#[tokio::test]
async fn a_pool_lives_and_dies_on_a_fake_machine() {
    let fake = FakeHost::new();
    let made = converge(&fake, "btrfs", Config::default(), Intent::Present).await;
    let ActOutcome::Converged { learned, steps } = made else { panic!("{made:?}") };
    assert_eq!(learned.value("size"), Some("5GiB"));
    assert_eq!(steps.len(), 2);
    let grown = converge(&fake, "btrfs", Config::from([("size", "6GiB")]), Intent::Present).await;
    let ActOutcome::Converged { learned, steps } = grown else { panic!("{grown:?}") };
    assert_eq!(learned.value("size"), None, "what the user wrote is not learned");
    assert_eq!(steps, ["grow it from 5GiB to 6GiB"]);
    assert!(matches!(converge(&fake, "btrfs", Config::default(), Intent::Absent).await, ActOutcome::Gone));
    assert_eq!(fake.storage.seen("data"), None);
}

#[tokio::test]
async fn a_failure_passes_by_itself() {
    let fake = FakeHost::new();
    fake.fail("storage.make", "data", 1, HostError::passing("make it", "DiskFull", "no space"));
    let failed = converge(&fake, "dir", Config::default(), Intent::Present).await;
    assert!(matches!(failed, ActOutcome::Failed(error) if error.reason == "DiskFull"));
    let made = converge(&fake, "dir", Config::default(), Intent::Present).await;
    assert!(matches!(made, ActOutcome::Converged { .. }));
}
