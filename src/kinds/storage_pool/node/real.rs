//! Pools on this very machine, with real mounts. They need root; without it each test says that it was skipped.

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;

use super::*;
use crate::host::linux::{self, Runner, Tools};
use crate::kinds::registry::actuator::{ActOutcome, AnyActuator, Work};
use crate::model::{Key, MemberName, Revision, Spec};

/// A state directory and a place for sources, both gone at the end, whatever is mounted below.
struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    /// `None`, with a printed reason, where the test cannot run.
    fn open(tools: &[&str]) -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        let lacking = tools.iter().find(|tool| {
            !["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|dir| Path::new(dir).join(tool).exists())
        });
        if !is_root || lacking.is_some() {
            crate::host::skip(&lacking.map_or("it needs root".to_owned(), |tool| format!("it needs {tool}")));
            return None;
        }
        Some(Self::new())
    }

    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join("state")).expect("a directory");
        Self { dir }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    fn make_dir(&self, name: &str) -> String {
        std::fs::create_dir_all(self.path(name)).expect("a directory");
        self.text(name)
    }

    fn pool(&self) -> PathBuf {
        self.state().join("storage-pools/data")
    }

    async fn present(&self, driver: &str, config: &[(&str, &str)]) -> ActOutcome {
        self.converge(Arc::new(Tools), driver, config, Intent::Present).await
    }

    async fn absent(&self, driver: &str, config: &[(&str, &str)]) -> ActOutcome {
        self.converge(Arc::new(Tools), driver, config, Intent::Absent).await
    }

    async fn converge(
        &self,
        runner: Arc<dyn Runner>,
        driver: &str,
        config: &[(&str, &str)],
        intent: Intent,
    ) -> ActOutcome {
        let host = linux::host_with(&self.state(), runner);
        // `ip netns exec` of a test beside this one takes a copy of all mounts along: the device is busy until it ends.
        for _ in 0..600 {
            let outcome = AnyActuator::converge(&PoolNode, &host, &work(driver, config, intent)).await;
            if !matches!(&outcome, ActOutcome::Failed(error) if error.to_string().contains("busy")) {
                return outcome;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{driver}: the device is busy for a minute");
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let below = self.dir.path().to_string_lossy().into_owned();
        for at in table.lines().rev().filter_map(|line| line.split(' ').nth(4)).filter(|at| at.starts_with(&below)) {
            let _ = rustix::mount::unmount(at, rustix::mount::UnmountFlags::DETACH);
        }
    }
}

/// A loop device that is a disk for a test.
struct Disk(String);

impl Disk {
    fn new(lab: &Lab, name: &str) -> Self {
        run("truncate", &["-s", "300M", &lab.text(name)]);
        Self(run("losetup", &["--find", "--show", &lab.text(name)]).trim().to_owned())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Process::new("losetup").args(["-d", &self.0]).status();
    }
}

fn run(program: &str, args: &[&str]) -> String {
    let output = Process::new(program).args(args).output().expect("it runs");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn work(driver: &str, config: &[(&str, &str)], intent: Intent) -> Work {
    let is_shared = |key: &str| key.starts_with("btrfs.");
    let (shared, own): (Vec<_>, Vec<_>) = config.iter().copied().partition(|(key, _)| is_shared(key));
    let shared: serde_json::Map<_, _> =
        shared.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
    let serde_json::Value::Object(spec) = serde_json::json!({"driver": driver, "config": shared}) else {
        panic!("an object")
    };
    let local = Local {
        key: Key::new("storage-pool", "data"),
        uid: Revision(7),
        member: MemberName::from("node1"),
        spec: Spec(spec),
        config: own.into_iter().collect(),
        known: false,
    };
    Work { local, intent }
}

#[track_caller]
fn done(outcome: ActOutcome) -> (Config, Vec<String>) {
    match outcome {
        ActOutcome::Converged { learned, steps } => (learned, steps),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(outcome: ActOutcome) -> HostError {
    match outcome {
        ActOutcome::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn gone(outcome: ActOutcome) {
    assert!(matches!(outcome, ActOutcome::Gone), "{outcome:?}");
}

#[tokio::test]
async fn a_dir_pool_in_the_state_directory_needs_no_root_and_heals_itself() {
    let lab = Lab::new();
    let (learned, _) = done(lab.present("dir", &[]).await);
    assert_eq!(learned.value("source"), lab.pool().to_str());
    assert!(lab.pool().join("virtual-machines-snapshots").is_dir());
    assert!(done(lab.present("dir", &[]).await).1.is_empty(), "nothing is left to do");
    std::fs::remove_dir(lab.pool().join("images")).expect("removed");
    assert_eq!(done(lab.present("dir", &[]).await).1, ["make its subdirectories"]);
    std::fs::remove_dir_all(lab.pool()).expect("removed");
    done(lab.present("dir", &[]).await);
    assert!(lab.pool().join("images").is_dir());
    gone(lab.absent("dir", &[]).await);
    assert!(!lab.pool().exists());
    gone(lab.absent("dir", &[]).await);
}

#[tokio::test]
async fn a_dir_pool_on_a_given_directory_is_bound_and_gives_it_back() {
    let Some(lab) = Lab::open(&[]) else { return };
    let source = lab.make_dir("disk");
    let config = [("source", source.as_str())];
    let (learned, _) = done(lab.present("dir", &config).await);
    assert_eq!(learned, Config::from([("volatile.initial_source", source.as_str())]));
    assert!(lab.path("disk/containers").is_dir() && lab.pool().join("containers").is_dir());
    // A restart in a new mount namespace.
    run("umount", &[&lab.pool().to_string_lossy()]);
    assert_eq!(done(lab.present("dir", &config).await).1, ["mount it"]);
    std::fs::create_dir(lab.pool().join("containers/c1")).expect("made");
    assert_eq!(failed(lab.absent("dir", &config).await).reason, "PoolInUse");
    assert!(lab.path("disk/containers/c1").is_dir());
    std::fs::remove_dir(lab.pool().join("containers/c1")).expect("removed");
    gone(lab.absent("dir", &config).await);
    assert_eq!(std::fs::read_dir(lab.path("disk")).expect("it stays").count(), 0);
}

#[tokio::test]
async fn a_directory_that_is_missing_full_or_taken_is_left_alone() {
    let Some(lab) = Lab::open(&[]) else { return };
    let missing = failed(lab.present("dir", &[("source", &lab.text("later"))]).await);
    assert_eq!(missing.reason, "MissingSource");
    let full = lab.make_dir("full");
    std::fs::write(lab.path("full/mine.txt"), "mine").expect("written");
    let error = failed(lab.present("dir", &[("source", &full)]).await);
    assert_eq!(error.reason, "SourceNotEmpty");
    assert!(error.to_string().contains("holds `mine.txt`"), "{error}");
    gone(lab.absent("dir", &[("source", &full)]).await);
    assert_eq!(std::fs::read_to_string(lab.path("full/mine.txt")).expect("it stays"), "mine");
    let taken = lab.make_dir("later");
    done(lab.present("dir", &[("source", &taken)]).await);
    let other = Lab::open(&[]).expect("root");
    let error = failed(other.present("dir", &[("source", &taken)]).await);
    assert!(error.to_string().contains("belongs to storage pool `data`"), "{error}");
    gone(other.absent("dir", &[("source", &taken)]).await);
    assert!(done(lab.present("dir", &[("source", &taken)]).await).1.is_empty());
    assert_eq!(failed(lab.present("dir", &[("source", &full)]).await).reason, "CannotChange");
}

#[tokio::test]
async fn a_source_of_others_is_told_before_anything_is_stored() {
    let Some(lab) = Lab::open(&["mkfs.ext4", "blkid"]) else { return };
    let host = linux::host(&lab.state());
    let judge = async |driver: &str, source: &str, is_known: bool| {
        let wanted = work(driver, &[("source", source)], Intent::Present).local;
        let before = is_known.then(|| Local { known: true, ..wanted.clone() });
        let unfit = PoolNode.judge(&host, &wanted, before.as_ref()).await.expect("a judgement");
        unfit.map(|unfit| unfit.to_string()).unwrap_or_default()
    };
    let full = lab.make_dir("full");
    std::fs::write(lab.path("full/mine.txt"), "mine").expect("written");
    for driver in ["dir", "btrfs"] {
        let told = judge(driver, &full, false).await;
        assert!(told.contains("is not empty: it holds `mine.txt`"), "{driver}: {told}");
        std::fs::remove_file(lab.path("full/mine.txt")).expect("removed");
        assert_eq!(judge(driver, &full, false).await, "", "{driver}");
        std::fs::write(lab.path("full/mine.txt"), "mine").expect("written");
    }
    let disk = Disk::new(&lab, "disk.img");
    assert_eq!(judge("zfs", &disk.0, false).await, "");
    run("mkfs.ext4", &["-q", &disk.0]);
    for driver in ["btrfs", "zfs", "lvm"] {
        let told = judge(driver, &disk.0, false).await;
        assert!(told.contains("holds an ext4 file system"), "{driver}: {told}");
        assert_eq!(judge(driver, &disk.0, true).await, "", "{driver}: what stands is looked at by its member");
    }
    let mounted = lab.make_dir("mounted");
    run("mount", &[&disk.0, &mounted]);
    assert!(judge("btrfs", &disk.0, false).await.contains("is in use"));
    run("umount", &[&mounted]);
    assert_eq!(std::fs::read_dir(lab.state()).expect("a directory").count(), 0, "nothing was made");
}

#[tokio::test]
async fn a_disk_that_is_not_mounted_is_waited_for() {
    let Some(lab) = Lab::open(&[]) else { return };
    let source = lab.make_dir("disk");
    run("mount", &["-t", "tmpfs", "-o", "size=1m", "seedbed-test", &source]);
    let config = [("source", source.as_str())];
    done(lab.present("dir", &config).await);
    run("umount", &[&lab.pool().to_string_lossy()]);
    run("mount", &["--move", &source, &lab.make_dir("away")]);
    assert_eq!(failed(lab.present("dir", &config).await).reason, "SourceLost");
    run("mount", &["--move", &lab.text("away"), &source]);
    done(lab.present("dir", &config).await);
}

#[tokio::test]
async fn a_full_and_a_read_only_disk_are_named_and_nothing_is_left() {
    let Some(lab) = Lab::open(&["mkfs.btrfs"]) else { return };
    let state = lab.state().to_string_lossy().into_owned();
    run("mount", &["-t", "tmpfs", "-o", "size=1m", "seedbed-test", &state]);
    let config = [("size", "64MiB")];
    assert_eq!(failed(lab.present("btrfs", &config).await).reason, "DiskFull");
    run("mount", &["-o", "remount,size=200m", &state]);
    done(lab.present("btrfs", &config).await);
    gone(lab.absent("btrfs", &config).await);
    run("mount", &["-o", "remount,ro", &state]);
    assert_eq!(failed(lab.present("dir", &[]).await).reason, "ReadOnly");
}

#[tokio::test]
async fn a_btrfs_pool_in_a_loop_file_is_made_remounted_grown_and_removed() {
    let Some(lab) = Lab::open(&["mkfs.btrfs"]) else { return };
    let (learned, _) = done(lab.present("btrfs", &[("size", "64MiB")]).await);
    let image = lab.state().join("disks/data.img");
    assert_eq!(learned, Config::from([("source", image.to_str().expect("text"))]));
    run("btrfs", &["subvolume", "create", &lab.pool().join("containers/c1").to_string_lossy()]);
    assert_eq!(failed(lab.present("btrfs", &[("size", "128MiB")]).await).reason, "CannotGrow");
    run("umount", &[&lab.pool().to_string_lossy()]);
    let wanted = [("size", "300MiB"), ("btrfs.mount_options", "noatime")];
    let (_, steps) = done(lab.present("btrfs", &wanted).await);
    assert_eq!(steps, ["mount it", "grow it from 64MiB to 300MiB"]);
    let (_, steps) = done(lab.present("btrfs", &[("size", "300MiB"), ("btrfs.mount_options", "compress=zstd")]).await);
    assert_eq!(steps, ["remount it with compress=zstd"]);
    let size = rustix::fs::statvfs(lab.pool()).map(|stat| stat.f_blocks * stat.f_frsize).expect("mounted");
    assert_eq!(size, 300 << 20);
    assert!(lab.pool().join("containers/c1").is_dir());
    assert_eq!(failed(lab.present("btrfs", &[("size", "64MiB")]).await).reason, "CannotShrink");
    assert_eq!(failed(lab.absent("btrfs", &[]).await).reason, "PoolInUse");
    run("btrfs", &["subvolume", "delete", &lab.pool().join("containers/c1").to_string_lossy()]);
    gone(lab.absent("btrfs", &[]).await);
    assert!(!image.exists() && !lab.pool().exists());
    assert!(run("losetup", &["-j", &image.to_string_lossy()]).is_empty());
}

#[tokio::test]
async fn a_loop_file_that_vanished_is_not_made_anew() {
    let Some(lab) = Lab::open(&["mkfs.btrfs"]) else { return };
    done(lab.present("btrfs", &[("size", "64MiB")]).await);
    run("umount", &[&lab.pool().to_string_lossy()]);
    std::fs::rename(lab.state().join("disks/data.img"), lab.path("kept.img")).expect("moved");
    assert_eq!(failed(lab.present("btrfs", &[]).await).reason, "SourceLost");
    assert!(!lab.state().join("disks/data.img").exists());
    gone(lab.absent("btrfs", &[]).await);
    std::fs::rename(lab.path("kept.img"), lab.state().join("disks/data.img")).expect("moved");
    let error = failed(lab.present("btrfs", &[]).await);
    assert_eq!(error.reason, "SourceNotEmpty", "{error}");
}

#[tokio::test]
async fn a_device_with_a_file_system_is_refused_unless_it_may_be_wiped() {
    let Some(lab) = Lab::open(&["mkfs.btrfs", "mkfs.ext4", "blkid"]) else { return };
    let disk = Disk::new(&lab, "disk.img");
    run("mkfs.ext4", &["-q", &disk.0]);
    let error = failed(lab.present("btrfs", &[("source", &disk.0)]).await);
    assert!(error.to_string().contains("holds an ext4 file system"), "{error}");
    assert!(run("blkid", &["-p", &disk.0]).contains("TYPE=\"ext4\""));
    let mounted = lab.make_dir("mounted");
    run("mount", &[&disk.0, &mounted]);
    let wipe = [("source", disk.0.as_str()), ("source.wipe", "true")];
    assert_eq!(failed(lab.present("btrfs", &wipe).await).reason, "SourceInUse");
    run("umount", &[&mounted]);
    done(lab.present("btrfs", &wipe).await);
    run("umount", &[&lab.pool().to_string_lossy()]);
    assert_eq!(done(lab.present("btrfs", &wipe).await).1, ["mount it"]);
    gone(lab.absent("btrfs", &wipe).await);
    done(lab.present("btrfs", &[("source", &disk.0)]).await);
    gone(lab.absent("btrfs", &[("source", &disk.0)]).await);
}

#[tokio::test]
async fn a_btrfs_pool_takes_a_place_on_a_file_system_that_is_there() {
    let Some(lab) = Lab::open(&["mkfs.btrfs"]) else { return };
    let plain = lab.make_dir("plain");
    assert_eq!(failed(lab.present("btrfs", &[("source", &plain)]).await).reason, "InvalidSource");
    let disk = Disk::new(&lab, "disk.img");
    run("mkfs.btrfs", &["-q", &disk.0]);
    let root = lab.make_dir("root");
    run("mount", &[&disk.0, &root]);
    for (name, stays) in [("new", false), ("subvolume", true), ("directory", true)] {
        let source = format!("{root}/{name}");
        match name {
            "subvolume" => drop(run("btrfs", &["subvolume", "create", &source])),
            "directory" => std::fs::create_dir(&source).expect("made"),
            _ => {}
        }
        let config = [("source", source.as_str())];
        done(lab.present("btrfs", &config).await);
        assert!(Path::new(&source).join("containers").is_dir(), "{name}");
        assert!(done(lab.present("btrfs", &config).await).1.is_empty(), "{name}");
        gone(lab.absent("btrfs", &config).await);
        assert_eq!(Path::new(&source).exists(), stays, "{name}");
    }
    std::fs::write(format!("{root}/directory/mine"), "mine").expect("written");
    let error = failed(lab.present("btrfs", &[("source", &format!("{root}/directory"))]).await);
    assert_eq!(error.reason, "SourceNotEmpty");
}

mod crash;
