//! The command lines of drivers whose tools or kernel modules are rarely there, against what the tools answer.
//!
//! LVM's answers were taken from version 2.03.16. In the transcripts the state directory is `DIR`, the token `TOKEN`.

use super::*;
use crate::host::linux::Recorded;
use crate::model::{Config, Revision};

/// One program that is to be run, its exit code and what it says.
type Line<'a> = (&'a str, i32, &'a str);

/// A machine whose kernel has everything and whose tools answer from a list.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        for path in ["root/sys/module/zfs", "root/sys/class/misc/device-mapper", "root/proc", "state"] {
            std::fs::create_dir_all(dir.path().join(path)).expect("made");
        }
        std::fs::write(dir.path().join("root/proc/filesystems"), "nodev\tsysfs\n\tbtrfs\n").expect("written");
        Self { dir }
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn token(&self) -> String {
        let record = Record::read(&self.state(), "data").expect("read");
        record.map_or_else(|| "TOKEN".to_owned(), |record| record.token)
    }

    fn storage(&self, script: &[Line<'_>]) -> (LinuxStorage, Arc<Recorded>) {
        let mut runner = Recorded::default();
        for (_, code, says) in script {
            let says = says.replace("TOKEN", &self.token());
            runner = if *code == 0 { runner.answer(0, &says, "") } else { runner.answer(*code, "", &says) };
        }
        let runner = Arc::new(runner);
        let storage = LinuxStorage {
            state: self.state(),
            runner: Arc::clone(&runner) as Arc<dyn Runner>,
            root: self.dir.path().join("root"),
        };
        (storage, runner)
    }

    fn check(&self, runner: &Recorded, script: &[Line<'_>], token: &str) {
        let plain = |line: String| {
            line.replace(&*self.state().to_string_lossy(), "DIR")
                .replace(&self.token(), "TOKEN")
                .replace(token, "TOKEN")
        };
        let lines: Vec<String> = runner.lines().into_iter().map(plain).collect();
        let wanted: Vec<&str> = script.iter().map(|(line, _, _)| *line).collect();
        assert_eq!(lines, wanted);
    }

    async fn act(&self, ask: &PoolAsk, step: PoolStep, script: &[Line<'_>]) -> Result<(), HostError> {
        let token = self.token();
        let (storage, runner) = self.storage(script);
        let result = storage.act(ask, &step).await;
        self.check(&runner, script, &token);
        result
    }

    async fn look(&self, ask: &PoolAsk, script: &[Line<'_>]) -> Option<PoolSeen> {
        let (storage, runner) = self.storage(script);
        let seen = storage.look(ask).await.expect("seen");
        self.check(&runner, script, "TOKEN");
        seen
    }
}

fn pool<const N: usize>(driver: &str, config: [(&str, &str); N]) -> PoolAsk {
    PoolAsk { name: "data".to_owned(), uid: Revision(7), driver: driver.to_owned(), config: Config::from(config) }
}

const ZFS: Line<'_> = ("zfs version", 0, "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n");
const NO_SET: &str = "cannot open 'data': dataset does not exist";
const LVM: Line<'_> = ("lvm version", 0, "  LVM version:     2.03.16(2) (2022-05-18)\n");
const THIN: Line<'_> = ("thin_check --version", 0, "0.9.0\n");
const NO_GROUP: &str = "  Volume group \"data\" not found\n  Cannot process volume group data";

async fn zfs_in_a_loop_file(stage: &Stage, ask: &PoolAsk) {
    let script = [
        ZFS,
        ("zfs get -H -o value seedbed:pool data", 1, NO_SET),
        ("zpool create -m none -O compression=on -O seedbed:pool=TOKEN data DIR/disks/data.img", 0, ""),
    ];
    stage.act(ask, PoolStep::Make, &script).await.expect("made");
}

#[tokio::test]
async fn zfs_makes_a_zpool_in_a_loop_file_and_finds_it_again() {
    let (stage, ask) = (Stage::new(), pool("zfs", [("size", "64MiB")]));
    assert_eq!(stage.look(&ask, &[]).await, None);
    zfs_in_a_loop_file(&stage, &ask).await;
    let sets = "data\ndata/containers\ndata/custom\ndata/containers/c1\n";
    let script = [
        ("zfs get -H -o value seedbed:pool data", 0, "TOKEN\n"),
        ("zfs list -H -r -t filesystem,volume -o name data", 0, sets),
    ];
    let seen = stage.look(&ask, &script).await.expect("it stands");
    assert_eq!((seen.mounted, seen.size, seen.volumes), (true, Some(64 << 20), vec!["containers/c1".to_owned()]));
    assert_eq!(seen.keys.value("zfs.pool_name"), Some("data"));
    assert!(seen.missing.contains(&"data/deleted/images".to_owned()) && seen.missing.contains(&"images".to_owned()));
}

#[tokio::test]
async fn zfs_makes_the_data_sets_that_are_missing() {
    let (stage, ask) = (Stage::new(), pool("zfs", [("size", "64MiB")]));
    zfs_in_a_loop_file(&stage, &ask).await;
    let sets = "data\ndata/containers\ndata/custom\ndata/deleted\ndata/deleted/containers\ndata/deleted/custom\n\
                data/deleted/images\ndata/images\n";
    let script = [
        ("zfs list -H -r -t filesystem,volume -o name data", 0, sets),
        ("zfs create -o mountpoint=legacy -o volmode=none data/deleted/virtual-machines", 0, ""),
        ("zfs create -o mountpoint=legacy -o volmode=none data/virtual-machines", 0, ""),
    ];
    stage.act(&ask, PoolStep::Furnish, &script).await.expect("furnished");
    assert!(stage.state().join("storage-pools/data/custom").is_dir());
}

#[tokio::test]
async fn zfs_imports_grows_and_destroys() {
    let (stage, ask) = (Stage::new(), pool("zfs", [("size", "64MiB")]));
    zfs_in_a_loop_file(&stage, &ask).await;
    let away = [("zfs get -H -o value seedbed:pool data", 1, NO_SET)];
    assert!(!stage.look(&ask, &away).await.expect("it stands").mounted);
    let all: String = zfs::DATASETS.iter().map(|set| format!("data/{set}\n")).collect();
    let import = [
        ZFS,
        ("zpool import -f -d DIR/disks data", 0, ""),
        ("zfs get -H -o value seedbed:pool data", 0, "TOKEN\n"),
        ("zfs list -H -r -t filesystem,volume -o name data", 0, &*all),
    ];
    stage.act(&ask, PoolStep::Mount, &import).await.expect("imported");
    let grow = [
        ("losetup -j DIR/disks/data.img -n -O NAME", 0, ""),
        ("zpool set autoexpand=on data", 0, ""),
        ("zpool online -e data DIR/disks/data.img", 0, ""),
        ("zpool set autoexpand=off data", 0, ""),
    ];
    stage.act(&ask, PoolStep::Grow { from: 64 << 20, to: 128 << 20 }, &grow).await.expect("grown");
    let remove = [
        ("zfs list -H -r -t filesystem,volume -o name data", 0, "data\ndata/containers\n"),
        ("zfs get -H -o value seedbed:pool data", 0, "TOKEN\n"),
        ("zpool destroy data", 0, ""),
    ];
    stage.act(&ask, PoolStep::Remove, &remove).await.expect("removed");
    assert!(!stage.state().join("disks/data.img").exists());
    assert_eq!(stage.look(&ask, &[]).await, None);
}

#[tokio::test]
async fn zfs_takes_an_empty_data_set_and_gives_it_back() {
    let (stage, ask) = (Stage::new(), pool("zfs", [("source", "tank/seed")]));
    let make = [
        ZFS,
        ("zfs get -H -o value seedbed:pool tank/seed", 0, "-\n"),
        ("zfs list -H -r -t filesystem,volume -o name tank/seed", 0, "tank/seed\n"),
        ("zfs set mountpoint=none seedbed:pool=TOKEN tank/seed", 0, ""),
    ];
    stage.act(&ask, PoolStep::Make, &make).await.expect("made");
    let sets = "tank/seed\ntank/seed/containers\ntank/seed/deleted\ntank/seed/deleted/images\n";
    let remove = [
        ("zfs list -H -r -t filesystem,volume -o name tank/seed", 0, sets),
        ("zfs get -H -o value seedbed:pool tank/seed", 0, "TOKEN\n"),
        ("zfs list -H -r -t filesystem,volume -o name tank/seed", 0, sets),
        ("zfs destroy tank/seed/deleted/images", 0, ""),
        ("zfs destroy tank/seed/deleted", 0, ""),
        ("zfs destroy tank/seed/containers", 0, ""),
        ("zfs inherit seedbed:pool tank/seed", 0, ""),
    ];
    stage.act(&ask, PoolStep::Remove, &remove).await.expect("removed");
}

#[tokio::test]
async fn zfs_refuses_what_belongs_to_others() {
    let cases: [(&str, &[Line<'_>], &str); 4] = [
        ("tank/seed", &[("zfs get -H -o value seedbed:pool tank/seed", 0, "other\n")], "SourceNotEmpty"),
        (
            "tank/seed",
            &[
                ("zfs get -H -o value seedbed:pool tank/seed", 0, "-\n"),
                ("zfs list -H -r -t filesystem,volume -o name tank/seed", 0, "tank/seed\ntank/seed/home\n"),
            ],
            "SourceNotEmpty",
        ),
        ("tank", &[("zfs get -H -o value seedbed:pool tank", 1, NO_SET)], "MissingSource"),
        ("/dev/seedbed-none", &[("zfs get -H -o value seedbed:pool data", 0, "-\n")], "SourceNotEmpty"),
    ];
    for (source, answers, reason) in cases {
        let stage = Stage::new();
        let script: Vec<Line<'_>> = std::iter::once(ZFS).chain(answers.iter().copied()).collect();
        let error = stage.act(&pool("zfs", [("source", source)]), PoolStep::Make, &script).await.expect_err("refused");
        assert_eq!(error.reason, reason, "{source}");
        assert_eq!(stage.token(), "TOKEN", "nothing was recorded");
    }
}

async fn lvm_in_a_loop_file(stage: &Stage, ask: &PoolAsk) {
    let script = [
        LVM,
        THIN,
        ("vgs --noheadings -o vg_tags data", 5, NO_GROUP),
        ("losetup --find --show --nooverlap DIR/disks/data.img", 0, "/dev/loop0\n"),
        ("pvcreate --yes /dev/loop0", 0, ""),
        ("vgcreate --addtag seedbed_TOKEN data /dev/loop0", 0, ""),
        ("lvs --noheadings -o lv_name data", 0, ""),
        ("lvcreate --yes --wipesignatures y --thin --extents 100%FREE data/LXDThinPool", 0, ""),
    ];
    stage.act(ask, PoolStep::Make, &script).await.expect("made");
}

#[tokio::test]
async fn lvm_makes_a_volume_group_with_a_thin_pool_in_a_loop_file() {
    let (stage, ask) = (Stage::new(), pool("lvm", [("size", "64MiB")]));
    lvm_in_a_loop_file(&stage, &ask).await;
    let script = [
        ("vgs --noheadings -o vg_tags data", 0, "  seedbed_TOKEN\n"),
        ("lvs --noheadings -o lv_name data", 0, "  LXDThinPool\n  containers_c1\n"),
    ];
    let seen = stage.look(&ask, &script).await.expect("it stands");
    assert_eq!((seen.mounted, seen.volumes), (true, vec!["containers_c1".to_owned()]));
    assert_eq!(seen.keys.value("lvm.thinpool_name"), Some("LXDThinPool"));
    let usage = ["--noheadings --nosuffix --units b --separator | -o lv_size,data_percent data/LXDThinPool"];
    let script = [(&*format!("lvs {}", usage[0]), 0, "  1000000|12.50\n")];
    let (storage, runner) = stage.storage(&script);
    assert_eq!(storage.usage(&ask).await.expect("measured").used, 125_000);
    stage.check(&runner, &script, "TOKEN");
}

#[tokio::test]
async fn lvm_activates_grows_and_removes() {
    let (stage, ask) = (Stage::new(), pool("lvm", [("size", "64MiB")]));
    lvm_in_a_loop_file(&stage, &ask).await;
    let mount = [
        LVM,
        THIN,
        ("losetup --find --show --nooverlap DIR/disks/data.img", 0, "/dev/loop3\n"),
        ("vgchange -ay data", 0, ""),
        ("vgs --noheadings -o vg_tags data", 0, "  seedbed_TOKEN\n"),
    ];
    stage.act(&ask, PoolStep::Mount, &mount).await.expect("activated");
    let grow = [
        ("losetup -j DIR/disks/data.img -n -O NAME", 0, "/dev/loop3\n"),
        ("losetup -c /dev/loop3", 0, ""),
        ("pvresize /dev/loop3", 0, ""),
        ("lvextend -l +100%FREE data/LXDThinPool", 0, ""),
    ];
    stage.act(&ask, PoolStep::Grow { from: 64 << 20, to: 128 << 20 }, &grow).await.expect("grown");
    let remove = [
        ("lvs --noheadings -o lv_name data", 0, "  LXDThinPool\n"),
        ("vgs --noheadings -o vg_tags data", 0, "  seedbed_TOKEN\n"),
        ("lvs --noheadings -o lv_name data", 0, "  LXDThinPool\n"),
        ("lvremove -f data/LXDThinPool", 0, ""),
        ("vgremove data", 0, ""),
        ("losetup -j DIR/disks/data.img -n -O NAME", 0, "/dev/loop3\n"),
        ("pvremove --yes /dev/loop3", 0, ""),
        ("losetup -j DIR/disks/data.img -n -O NAME", 0, "/dev/loop3\n"),
        ("losetup -d /dev/loop3", 0, ""),
    ];
    stage.act(&ask, PoolStep::Remove, &remove).await.expect("removed");
    assert!(!stage.state().join("disks/data.img").exists());
}

#[tokio::test]
async fn lvm_takes_an_empty_volume_group_and_gives_it_back() {
    let (stage, ask) = (Stage::new(), pool("lvm", [("source", "vg0"), ("lvm.use_thinpool", "false")]));
    let make = [
        LVM,
        ("vgs --noheadings -o vg_tags vg0", 0, "  theirs\n"),
        ("lvs --noheadings -o lv_name vg0", 0, ""),
        ("vgchange --addtag seedbed_TOKEN vg0", 0, ""),
    ];
    stage.act(&ask, PoolStep::Make, &make).await.expect("made");
    let remove = [
        ("lvs --noheadings -o lv_name vg0", 0, "  theirs\n"),
        ("vgs --noheadings -o vg_tags vg0", 0, "  theirs,seedbed_TOKEN\n"),
        ("lvs --noheadings -o lv_name vg0", 0, "  theirs\n"),
        ("vgchange --deltag seedbed_TOKEN vg0", 0, ""),
    ];
    stage.act(&ask, PoolStep::Remove, &remove).await.expect("removed");
}

#[tokio::test]
async fn lvm_refuses_what_belongs_to_others() {
    let cases: [(&str, &[Line<'_>], &str); 4] = [
        ("vg0", &[("vgs --noheadings -o vg_tags vg0", 0, "  seedbed_other\n")], "SourceNotEmpty"),
        (
            "vg0",
            &[("vgs --noheadings -o vg_tags vg0", 0, "\n"), ("lvs --noheadings -o lv_name vg0", 0, "  root\n")],
            "SourceNotEmpty",
        ),
        ("vg0", &[("vgs --noheadings -o vg_tags vg0", 5, "  Volume group \"vg0\" not found")], "MissingSource"),
        ("/dev/seedbed-none", &[("vgs --noheadings -o vg_tags data", 5, NO_GROUP)], "MissingSource"),
    ];
    for (source, answers, reason) in cases {
        let stage = Stage::new();
        let script: Vec<Line<'_>> = [LVM, THIN].into_iter().chain(answers.iter().copied()).collect();
        let error = stage.act(&pool("lvm", [("source", source)]), PoolStep::Make, &script).await.expect_err("refused");
        assert_eq!(error.reason, reason, "{source}");
        assert_eq!(stage.token(), "TOKEN", "nothing was recorded");
    }
}

#[tokio::test]
async fn btrfs_formats_a_loop_file_with_its_own_uuid_and_mounts_it() {
    let (stage, ask) = (Stage::new(), pool("btrfs", [("size", "64MiB"), ("btrfs.create_options", "-m single")]));
    let make = [
        ("btrfs --version", 0, "btrfs-progs v6.2 \n"),
        ("mkfs.btrfs -q -L data -U TOKEN --mixed -m single DIR/disks/data.img", 0, ""),
        ("mount -t btrfs -o loop,user_subvol_rm_allowed DIR/disks/data.img DIR/storage-pools/data", 0, ""),
    ];
    stage.act(&ask, PoolStep::Make, &make).await.expect("made");
    let grow = [
        ("losetup -j DIR/disks/data.img -n -O NAME", 0, "/dev/loop3\n"),
        ("losetup -c /dev/loop3", 0, ""),
        ("btrfs filesystem resize max DIR/storage-pools/data", 0, ""),
    ];
    stage.act(&ask, PoolStep::Grow { from: 64 << 20, to: 300 << 20 }, &grow).await.expect("grown");
}

#[tokio::test]
async fn what_is_missing_is_named_with_its_package_or_module() {
    let stage = Stage::new();
    std::fs::remove_dir(stage.dir.path().join("root/sys/module/zfs")).expect("removed");
    std::fs::remove_dir(stage.dir.path().join("root/sys/class/misc/device-mapper")).expect("removed");
    let error = stage.act(&pool("zfs", []), PoolStep::Make, &[ZFS]).await.expect_err("refused");
    assert_eq!((error.reason, error.cause.as_str()), ("MissingKernelModule", "the kernel module `zfs` is not loaded"));
    let error = stage.act(&pool("lvm", []), PoolStep::Make, &[LVM, THIN]).await.expect_err("refused");
    assert_eq!(error.cause, "the kernel has no device mapper");
    let error = stage.act(&pool("ceph", []), PoolStep::Make, &[]).await.expect_err("refused");
    assert_eq!(error.reason, "UnsupportedDriver");

    let (mut storage, _) = stage.storage(&[]);
    let answers = Recorded::default().answer(0, "btrfs-progs v6.2 \n", "").missing().answer(0, LVM.2, "");
    storage.runner = Arc::new(answers);
    let states = storage.drivers().await.expect("listed");
    let shown: Vec<String> = states
        .iter()
        .map(|state| format!("{} {}{}", state.name, state.version, state.missing.clone().unwrap_or_default()))
        .collect();
    assert_eq!(
        shown,
        [
            "dir 1",
            "btrfs 6.2",
            "zfs the program `zfs` (Debian package zfsutils-linux)",
            "lvm the kernel's device mapper (module `dm_mod`)"
        ]
    );
}

#[tokio::test]
async fn names_that_lead_astray_reach_no_tool_and_no_path() {
    let stage = Stage::new();
    let upwards = PoolAsk { name: "../disks".to_owned(), ..pool("dir", []) };
    let error = stage.act(&upwards, PoolStep::Make, &[]).await.expect_err("refused");
    assert_eq!(error.reason, "InvalidName");
    let error = stage.act(&pool("zfs", [("source", "-R")]), PoolStep::Make, &[]).await.expect_err("refused");
    assert_eq!(error.reason, "InvalidSource");
}
