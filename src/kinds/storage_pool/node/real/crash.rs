//! Crashes and what they leave: attempts cut short, records without pools and pools without records.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{ActOutcome, Lab, done, failed, gone};
use crate::host::HostError;
use crate::host::linux::{Command, RunFuture, Runner, Tools};
use crate::kinds::registry::actuator::Intent;

fn edit_record(lab: &Lab, edit: impl FnOnce(&mut serde_json::Value)) {
    let path = lab.state().join("pools/data.json");
    let mut record = serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("a record");
    edit(&mut record);
    std::fs::write(&path, record.to_string()).expect("written");
}

#[tokio::test]
async fn what_was_mounted_and_not_recorded_is_made_again() {
    let Some(lab) = Lab::open(&["mkfs.btrfs"]) else { return };
    done(lab.present("btrfs", &[("size", "64MiB")]).await);
    edit_record(&lab, |record| record["made"] = false.into());
    std::fs::remove_file(lab.pool().join(".seedbed-pool")).expect("removed");
    done(lab.present("btrfs", &[("size", "64MiB")]).await);
    // A mended source: what was begun with the wrong one goes.
    edit_record(&lab, |record| record["made"] = false.into());
    let source = lab.make_dir("disk");
    std::fs::create_dir(lab.path("disk/lost+found")).expect("made");
    assert_eq!(failed(lab.present("btrfs", &[("source", &source)]).await).reason, "InvalidSource");
    assert!(!lab.state().join("disks/data.img").exists());
    done(lab.present("dir", &[("source", &source)]).await);
    gone(lab.absent("dir", &[("source", &source)]).await);
}

#[tokio::test]
async fn what_was_forgotten_without_being_removed_is_taken_over_when_it_is_empty() {
    let Some(lab) = Lab::open(&["mkfs.btrfs"]) else { return };
    let config = [("size", "64MiB")];
    done(lab.present("btrfs", &config).await);
    edit_record(&lab, |record| record["uid"] = 3.into());
    gone(lab.absent("btrfs", &config).await);
    assert_eq!(done(lab.present("btrfs", &config).await).1.len(), 1);
    edit_record(&lab, |record| record["uid"] = 3.into());
    std::fs::write(lab.pool().join("custom/mine"), "mine").expect("written");
    assert_eq!(failed(lab.present("btrfs", &config).await).reason, "SourceNotEmpty");
    assert_eq!(failed(lab.present("dir", &[]).await).reason, "SourceNotEmpty");
    gone(lab.absent("btrfs", &config).await);
    assert!(lab.pool().join("custom/mine").exists());
}

/// Lets everything from the `left`-th program on fail, as a crash would.
struct Crashing {
    left: AtomicUsize,
}

impl Runner for Crashing {
    fn run(&self, command: Command) -> RunFuture<'_> {
        let can = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if can {
            return Tools.run(command);
        }
        Box::pin(std::future::ready(Err(HostError::passing(format!("run `{command}`"), "Crash", "the power is gone"))))
    }
}

#[tokio::test]
async fn making_and_removing_heal_after_a_crash_at_any_program() {
    let Some(lab) = Lab::open(&["mkfs.btrfs"]) else { return };
    let config = [("size", "64MiB")];
    let mut crashes = 0;
    for intent in [Intent::Present, Intent::Absent] {
        for left in 0.. {
            if intent == Intent::Absent {
                done(lab.present("btrfs", &config).await);
            }
            let crashing = Arc::new(Crashing { left: AtomicUsize::new(left) });
            let outcome = lab.converge(crashing, "btrfs", &config, intent).await;
            let has_crashed = matches!(&outcome, ActOutcome::Failed(error) if error.reason == "Crash");
            assert!(has_crashed || !matches!(outcome, ActOutcome::Failed(_)), "{outcome:?}");
            if intent == Intent::Present {
                done(lab.present("btrfs", &config).await);
            }
            gone(lab.absent("btrfs", &config).await);
            assert!(!lab.state().join("disks/data.img").exists());
            crashes += usize::from(has_crashed);
            if !has_crashed {
                break;
            }
        }
    }
    assert!(crashes >= 4, "only {crashes} crashes were tried");
}

#[tokio::test]
async fn a_marker_that_a_power_cut_has_torn_is_mended_and_its_pool_can_be_removed() {
    let Some(lab) = Lab::open(&[]) else { return };
    let source = lab.make_dir("disk");
    for (config, root) in [(vec![], lab.pool()), (vec![("source", source.as_str())], lab.path("disk"))] {
        let marker = root.join(".seedbed-pool");
        done(lab.present("dir", &config).await);
        std::fs::write(&marker, "").expect("torn");
        done(lab.present("dir", &config).await);
        assert_ne!(std::fs::read(&marker).expect("a marker"), b"", "it is mended");
        std::fs::write(&marker, "").expect("torn");
        gone(lab.absent("dir", &config).await);
        assert!(!marker.exists() && !lab.pool().exists());
    }
    // The name of the marker may be lost with it. Nobody else has anything in the daemon's own directory.
    done(lab.present("dir", &[]).await);
    std::fs::remove_file(lab.pool().join(".seedbed-pool")).expect("lost");
    gone(lab.absent("dir", &[]).await);
    assert!(!lab.pool().exists());
}
