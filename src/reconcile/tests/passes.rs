//! What one pass does, says and remembers.

use super::{ME, me, pool};
use crate::host::HostError;
use crate::host::fake::FakeHost;
use crate::kinds::registry::fixed_rng::Lowest;
use crate::model::{Generation, Heal, KindName, Object, Phase, Placement, PlacementPhase, PlacementReport, Timestamp};
use crate::reconcile::{Memory, PassScope, pass};

/// A machine with what its member remembers.
struct Bench {
    machine: FakeHost,
    memory: Memory,
}

impl Bench {
    fn new() -> Self {
        Self { machine: FakeHost::new(), memory: Memory::default() }
    }

    async fn pass(&mut self, object: &Object) -> Vec<PlacementReport> {
        self.look(object, PassScope::AtWork).await
    }

    async fn look(&mut self, object: &Object, look: PassScope) -> Vec<PlacementReport> {
        let objects = [object.clone()];
        pass(&self.machine.host(), &me(), &objects, look, &mut self.memory, &mut Lowest).await
    }
}

/// The object after the store has taken the reports.
fn told(mut object: Object, reports: &[PlacementReport]) -> Object {
    for report in reports {
        let placement: &mut Placement = object.placements.get_mut(ME).expect("the placement");
        placement.phase = report.phase.expect("it is not removed");
        placement.observed = report.generation;
        if placement.phase == PlacementPhase::Created {
            placement.realised = report.generation;
        }
        placement.condition = report.condition.clone();
        placement.config.extend(report.learned.clone());
    }
    object
}

fn said(reports: &[PlacementReport]) -> Vec<String> {
    let words = |report: &PlacementReport| {
        let condition = &report.condition;
        format!("{:?} {} {}: {}", report.phase, condition.state, condition.reason, condition.message)
    };
    reports.iter().map(words).collect()
}

fn refused() -> HostError {
    HostError::passing("make storage pool `data`", "DiskFull", "no space left on device")
}

#[tokio::test]
async fn what_is_made_is_reported_once() {
    let (mut bench, object) = (Bench::new(), pool());
    let reports = bench.pass(&object).await;
    assert_eq!(said(&reports), ["Some(Created) ready Ready: "]);
    let object = told(object, &reports);
    assert_eq!(bench.pass(&object).await, []);
    assert_eq!(bench.look(&object, PassScope::AtAll).await, []);
}

#[tokio::test]
async fn a_report_is_repeated_only_when_it_was_lost() {
    let (mut bench, object) = (Bench::new(), pool());
    let reports = bench.pass(&object).await;
    assert_eq!(bench.pass(&object).await, [], "it is on its way");
    bench.memory.not_sent(&reports);
    assert_eq!(bench.pass(&object).await, reports, "it was refused");
    bench.machine.clock.advance_ms(5_000);
    assert_eq!(said(&bench.pass(&object).await), said(&reports), "it has not shown for too long");
}

#[tokio::test]
async fn a_failure_is_explained_and_tried_again_when_it_is_due() {
    let (mut bench, object) = (Bench::new(), pool());
    bench.machine.fail("storage.make", "data", 2, refused());
    let reports = bench.pass(&object).await;
    let message = "make storage pool `data`: no space left on device; the next attempt follows within 1 s";
    assert_eq!(said(&reports), [format!("Some(Errored) reconciling DiskFull: {message}")]);
    let object = told(object, &reports);
    bench.machine.clock.advance_ms(249);
    assert_eq!(bench.pass(&object).await, [], "not due");
    bench.machine.clock.advance_ms(1);
    assert_eq!(bench.pass(&object).await, [], "failed again, and said so before");
    assert_eq!(bench.memory.next_due(), Some(Timestamp(500)));
    bench.machine.clock.advance_ms(250);
    assert_eq!(said(&bench.pass(&object).await), ["Some(Created) ready Ready: "]);
    assert_eq!(bench.memory.next_due(), None);
}

#[tokio::test]
async fn a_new_generation_is_tried_at_once() {
    let (mut bench, object) = (Bench::new(), pool());
    bench.machine.fail("storage.make", "data", 1, refused());
    let mut object = told(object.clone(), &bench.pass(&object).await);
    object.generation = Generation(2);
    assert_eq!(said(&bench.pass(&object).await), ["Some(Created) ready Ready: "]);
}

#[tokio::test]
async fn what_stays_until_it_is_mended_is_stalled_and_tried_seldom() {
    let (mut bench, object) = (Bench::new(), pool());
    let missing = HostError::lasting("make storage pool `data`", "MissingTool", "`mkfs.btrfs` is not installed");
    bench.machine.fail("storage.make", "data", 1, missing.hinting("install btrfs-progs"));
    let reports = bench.pass(&object).await;
    let message = "make storage pool `data`: `mkfs.btrfs` is not installed; install btrfs-progs; \
                   the next attempt follows within 5 s";
    assert_eq!(said(&reports), [format!("Some(Errored) stalled MissingTool: {message}")]);
    assert_eq!(bench.memory.next_due(), Some(Timestamp(5_000)));
}

#[tokio::test]
async fn what_somebody_changed_is_put_right_and_told_once() {
    let (mut bench, object) = (Bench::new(), pool());
    let object = told(object.clone(), &bench.pass(&object).await);
    bench.machine.storage.disturb("data", |seen| seen.mounted = false);
    assert_eq!(bench.pass(&object).await, [], "nothing asked to look");
    let reports = bench.look(&object, PassScope::AtAll).await;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].condition.reason, "Restored");
    assert!(reports[0].condition.message.starts_with("was not as it had been made, and was put right: "));
    let object = told(object, &reports);
    assert_eq!(bench.look(&object, PassScope::AtAll).await, []);
}

#[tokio::test]
async fn what_is_put_right_again_and_again_is_told_each_time() {
    let (mut bench, object) = (Bench::new(), pool());
    let mut object = told(object.clone(), &bench.pass(&object).await);
    for round in 1..4 {
        bench.machine.clock.advance_ms(1_000);
        bench.machine.storage.disturb("data", |seen| seen.mounted = false);
        let reports = bench.look(&object, PassScope::AtAll).await;
        assert_eq!(reports[0].condition.since, Timestamp(1_000 * round));
        // The store did not take it; meanwhile all is well.
        bench.memory.not_sent(&reports);
        let again = bench.look(&object, PassScope::AtAll).await;
        assert_eq!(again, reports, "what was put right is told until the store has it");
        object = told(object, &again);
        assert_eq!(bench.look(&object, PassScope::AtAll).await, []);
    }
}

#[tokio::test]
async fn with_healing_off_drift_is_told_and_left_alone_until_something_new_is_asked_for() {
    let (mut bench, mut object) = (Bench::new(), pool());
    object.management.heal = Heal::Off;
    let object = told(object.clone(), &bench.pass(&object).await);
    assert_eq!(bench.look(&object, PassScope::AtAll).await, []);
    bench.machine.storage.disturb("data", |seen| seen.mounted = false);
    let reports = bench.look(&object, PassScope::AtAll).await;
    let words = said(&reports);
    let start =
        "Some(Created) drifted HealOff: is not as it had been made, and healing is off; this would put it right: ";
    assert!(words[0].starts_with(start), "{words:?}");
    let mut object = told(object, &reports);
    assert_eq!(bench.look(&object, PassScope::AtAll).await, [], "told once");
    assert!(bench.machine.storage.seen("data").is_some_and(|seen| !seen.mounted), "it was touched");
    object.generation = Generation(2);
    assert_eq!(said(&bench.pass(&object).await), ["Some(Created) ready Ready: "]);
    assert!(bench.machine.storage.seen("data").is_some_and(|seen| seen.mounted));
}

#[tokio::test]
async fn what_is_held_is_left_as_it_is_found_until_the_hold_ends() {
    let (mut bench, object) = (Bench::new(), pool());
    let object = told(object.clone(), &bench.pass(&object).await);
    bench.memory.hold([object.key.clone()].into());
    bench.machine.storage.disturb("data", |seen| seen.mounted = false);
    let reports = bench.look(&object, PassScope::AtAll).await;
    assert!(said(&reports)[0].starts_with("Some(Created) drifted Held: "), "{:?}", said(&reports));
    let object = told(object, &reports);
    bench.memory.hold([].into());
    let reports = bench.look(&object, PassScope::AtAll).await;
    assert_eq!(reports[0].condition.reason, "Restored");
}

#[tokio::test]
async fn what_cannot_be_put_right_is_drifted() {
    let (mut bench, object) = (Bench::new(), pool());
    let object = told(object.clone(), &bench.pass(&object).await);
    bench.machine.storage.disturb("data", |seen| seen.mounted = false);
    bench.machine.fail("storage.mount", "data", 1, refused());
    let reports = bench.look(&object, PassScope::AtAll).await;
    assert_eq!(reports[0].condition.state.to_string(), "drifted");
    assert_eq!(reports[0].phase, Some(PlacementPhase::Errored));
}

#[tokio::test]
async fn what_is_deleted_is_removed_and_then_reported_gone() {
    let (mut bench, object) = (Bench::new(), pool());
    let mut object = told(object.clone(), &bench.pass(&object).await);
    object.phase = Phase::Deleting;
    object.generation = Generation(2);
    let reports = bench.pass(&object).await;
    assert_eq!(reports.iter().map(|report| report.phase).collect::<Vec<_>>(), [None]);
    assert_eq!(bench.machine.storage.seen("data"), None);
}

#[tokio::test]
async fn definitions_leave_the_host_alone() {
    let (mut bench, mut object) = (Bench::new(), pool());
    object.phase = Phase::Pending;
    assert_eq!(bench.look(&object, PassScope::AtAll).await, []);
    assert_eq!(bench.machine.storage.seen("data"), None);
}

#[tokio::test]
async fn a_kind_of_a_newer_version_is_stalled() {
    let (mut bench, mut object) = (Bench::new(), pool());
    object.key.kind = KindName::from("teapot");
    let reports = bench.pass(&object).await;
    assert_eq!(reports[0].condition.reason, "UnknownKind");
    assert_eq!(reports[0].condition.state.to_string(), "stalled");
}
