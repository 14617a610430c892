//! State directories on ext4 images, so that a power cut loses what was not synced and a disk can be full.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip::skip;

/// An image that is mounted where a member keeps its state. Unmounted with its value.
pub struct Disk {
    image: PathBuf,
    at: PathBuf,
    cuts: usize,
}

const BYTES: u64 = 96 << 20;

impl Disk {
    pub fn mounted(image: PathBuf, at: &Path) -> Self {
        let file = File::create(&image).expect("an image");
        file.set_len(BYTES).expect("room for it");
        run("mkfs.ext4", &["-q", "-F", &image.to_string_lossy()]);
        fs::create_dir_all(at).expect("a directory");
        let disk = Self { image, at: at.to_owned(), cuts: 0 };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", &self.image.to_string_lossy(), &self.at.to_string_lossy()]);
    }

    /// From now on nothing reaches the disk any more: what was not synced is lost, the journal included.
    pub fn cut_power(&self) {
        run("xfs_io", &["-x", "-c", "shutdown", &self.at.to_string_lossy()]);
    }

    /// The machine starts with what had reached the disk. A copy is mounted: namespaces of other tests may keep the dead
    /// file system alive for a while, and the kernel would mount that one again.
    pub fn power_on(&mut self) {
        run("umount", &["-l", &self.at.to_string_lossy()]);
        self.cuts += 1;
        let copy = self.image.with_extension(self.cuts.to_string());
        run("cp", &["--sparse=always", &self.image.to_string_lossy(), &copy.to_string_lossy()]);
        fs::remove_file(&self.image).expect("the old image goes");
        self.image = copy;
        self.mount();
    }

    /// Fills the disk to the last byte.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file");
        for size in [1 << 20, 4096, 1] {
            let block = vec![7; size];
            while file.write_all(&block).and_then(|()| file.sync_data()).is_ok() {}
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("it goes");
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let out = Command::new(program).args(arguments).output().expect("the package is installed");
    assert!(out.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Whether this machine lets us cut the power of a file system; says so when it does not.
pub fn can_run() -> bool {
    let has = |program: &str| {
        let places = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        places.iter().any(|place| Path::new(place).join(program).exists())
    };
    let lacking = ["xfs_io", "mkfs.ext4", "mount"].into_iter().find(|program| !has(program));
    let lacking = lacking.or_else(|| (!Path::new("/dev/loop-control").exists()).then_some("/dev/loop-control"));
    if let Some(lacking) = lacking {
        skip(&format!("disks that fail need {lacking}"));
    }
    lacking.is_none()
}
