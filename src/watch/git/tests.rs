//! Real repositories, real signatures.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::program::RunAs;
use super::{Checkout, GitError, Remote, fetch};

struct Room {
    // Kept so that it is removed at the end.
    _dir: tempfile::TempDir,
    top: PathBuf,
}

impl Room {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        let room = Self { _dir: dir, top };
        fs::create_dir_all(room.repo()).expect("a directory");
        room.git(&["init", "--quiet", "--initial-branch=main"]);
        room
    }

    fn repo(&self) -> PathBuf {
        self.top.join("repo")
    }

    fn home(&self) -> PathBuf {
        self.top.join("home")
    }

    fn run(&self, program: &str, args: &[&str], dir: &Path) -> String {
        let mut command = Command::new(program);
        for (name, value) in [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")] {
            command.env(name, value);
        }
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "me").env(format!("GIT_{who}_EMAIL"), "me@example.org");
        }
        let out = command.args(args).current_dir(dir).output().expect("it runs");
        assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    fn git(&self, args: &[&str]) -> String {
        self.run("git", args, &self.repo())
    }

    fn commit(&self, text: &str, more: &[&str]) -> String {
        fs::write(self.repo().join("a.yaml"), text).expect("a file");
        self.git(&["add", "--all"]);
        self.git(&[more, &["commit", "--quiet", "-m", "change"]].concat());
        self.git(&["rev-parse", "HEAD"])
    }

    fn key(&self, name: &str) -> String {
        let file = self.top.join(name).to_string_lossy().into_owned();
        self.run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &file], &self.top);
        file
    }

    fn remote(&self) -> Remote {
        let url = format!("file://{}", self.repo().display());
        Remote { url, reference: "main".to_owned(), signers: String::new(), user: None }
    }

    async fn fetch(&self, remote: &Remote) -> Result<Checkout, GitError> {
        fetch(remote, &self.home()).await
    }
}

fn text(checkout: &Checkout) -> String {
    fs::read_to_string(checkout.dir.join("a.yaml")).expect("the file of the commit")
}

#[tokio::test]
async fn the_newest_commit_is_laid_out_and_the_one_before_it_goes() {
    let room = Room::new();
    let first = room.commit("one", &[]);
    let one = room.fetch(&room.remote()).await.expect("fetched");
    assert_eq!((one.commit.as_str(), text(&one).as_str()), (first.as_str(), "one"));
    assert_eq!(room.fetch(&room.remote()).await.expect("fetched"), one, "the same again is the same");
    room.commit("two", &[]);
    let two = room.fetch(&room.remote()).await.expect("fetched");
    assert_eq!(text(&two), "two");
    assert!(!one.dir.exists(), "the tree of the commit before is still there");
    // A history that was rewritten is no difference: what the branch is now counts.
    room.git(&["commit", "--quiet", "--amend", "-m", "other"]);
    assert_ne!(room.fetch(&room.remote()).await.expect("fetched").commit, two.commit);
}

#[tokio::test]
async fn nobody_else_looks_into_what_was_fetched() {
    let room = Room::new();
    room.commit("one", &[]);
    // One of an earlier version was open.
    fs::create_dir_all(room.home()).expect("a directory");
    fs::set_permissions(room.home(), fs::Permissions::from_mode(0o755)).expect("open");
    let checkout = room.fetch(&room.remote()).await.expect("fetched");
    for dir in [room.home(), room.home().join("commits"), checkout.dir] {
        let mode = fs::metadata(&dir).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", dir.display());
    }
}

/// A user that nobody is, and that needs no name.
const SOMEBODY: RunAs = RunAs { uid: 54_321, gid: 54_322 };

#[tokio::test]
async fn git_runs_as_somebody_who_cannot_get_at_a_commit_once_it_is_laid_out() {
    if !rustix::process::geteuid().is_root() {
        return crate::host::skip("only root can be somebody else");
    }
    let room = Room::new();
    fs::set_permissions(&room.top, fs::Permissions::from_mode(0o711)).expect("open");
    assert!(super::is_open_to_all(&room.top));
    let first = room.commit("one", &[]);
    // As an address on another machine would do: git takes a local one only from its owner.
    room.run("chown", &["-R", "54321:54322", "repo"], &room.top);
    let remote = Remote { user: Some(SOMEBODY), ..room.remote() };
    let checkout = room.fetch(&remote).await.expect("fetched");
    assert_eq!((checkout.commit.as_str(), text(&checkout).as_str()), (first.as_str(), "one"));
    let seen = |path: PathBuf| {
        let met = fs::symlink_metadata(&path).expect("there");
        (met.uid(), met.gid(), met.permissions().mode() & 0o777)
    };
    let home = room.home();
    assert_eq!(seen(home.clone()), (0, 0, 0o711));
    assert_eq!(seen(home.join("commits")), (0, 0, 0o700), "the way to what was laid out is closed");
    assert_eq!(seen(home.join("repository")), (54_321, 54_322, 0o700));
    let (uid, gid, _) = seen(home.join("repository/FETCH_HEAD"));
    assert_eq!((uid, gid), (54_321, 54_322));
    assert_eq!(seen(checkout.dir.join("a.yaml")).0, 54_321);

    // Whoever is asked next makes a repository of its own.
    room.run("chown", &["-R", "0:0", "repo"], &room.top);
    let checkout = room.fetch(&room.remote()).await.expect("fetched");
    assert_eq!(text(&checkout), "one");
    assert_eq!(seen(home.join("repository")), (0, 0, 0o700));
    assert_eq!(seen(home), (0, 0, 0o700));
}

#[test]
fn only_what_is_reached_without_files_of_root_is_fetched_by_somebody_else() {
    assert!(super::needs_no_files("https://git.example.org/ops/base.git"));
    for url in ["ssh://git@example.org/ops.git", "git@example.org:ops.git", "file:///srv/ops.git", "/srv/ops.git"] {
        assert!(!super::needs_no_files(url), "{url}");
    }
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("below")).expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).expect("closed");
    assert!(!super::is_open_to_all(&dir.path().join("below")));
}

/// Bytes that no compression makes smaller.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(state >> 56).expect("a byte")
    };
    (0..24 << 20).map(|_| next()).collect()
}

fn bytes_below(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(met) if met.is_dir() => bytes_below(&entry.path()),
        Ok(met) => met.len(),
        Err(_) => 0,
    };
    entries.map(of).sum()
}

#[tokio::test]
async fn what_a_rewritten_history_has_left_does_not_pile_up() {
    let room = Room::new();
    room.commit("one", &[]);
    for seed in 1..=4 {
        fs::write(room.repo().join("blob"), noise(seed)).expect("a file");
        room.git(&["add", "--all"]);
        room.git(&["-c", "core.compression=0", "commit", "--quiet", "--amend", "-m", "blob"]);
        room.fetch(&room.remote()).await.expect("fetched");
    }
    // Twice the commit and what is spared, not four of them.
    let bytes = bytes_below(&room.home().join("repository"));
    assert!(bytes <= (2 * 24 + 16) << 20, "{} MiB", bytes >> 20);
    fs::remove_file(room.repo().join("blob")).expect("removed");
    room.git(&["add", "--all"]);
    room.git(&["commit", "--quiet", "--amend", "-m", "small"]);
    room.fetch(&room.remote()).await.expect("fetched");
    let bytes = bytes_below(&room.home().join("repository"));
    assert!(bytes <= 17 << 20, "{} MiB stay of commits that are gone", bytes >> 20);
    room.fetch(&room.remote()).await.expect("and it is fetched again");
}

#[tokio::test]
async fn a_tag_and_the_default_branch_lead_to_their_commits() {
    let room = Room::new();
    let first = room.commit("one", &[]);
    room.git(&["tag", "-a", "v1", "-m", "release"]);
    let second = room.commit("two", &[]);
    let by = |reference: &str| Remote { reference: reference.to_owned(), ..room.remote() };
    assert_eq!(room.fetch(&by("v1")).await.expect("fetched").commit, first);
    assert_eq!(room.fetch(&by("")).await.expect("fetched").commit, second);
}

#[tokio::test]
async fn what_cannot_be_fetched_leaves_the_last_commit_in_place() {
    let room = Room::new();
    room.commit("one", &[]);
    let one = room.fetch(&room.remote()).await.expect("fetched");
    let branch = Remote { reference: "nowhere".to_owned(), ..room.remote() };
    let error = room.fetch(&branch).await.expect_err("no such branch");
    assert!(error.to_string().contains("couldn't find remote ref nowhere"), "{error}");
    fs::rename(room.repo(), room.top.join("gone")).expect("renamed");
    let error = room.fetch(&room.remote()).await.expect_err("no such repository");
    assert!(matches!(error, GitError::Fetch { .. }), "{error}");
    assert_eq!(text(&one), "one");
}

#[tokio::test]
async fn other_protocols_are_refused_by_git_itself() {
    let room = Room::new();
    let mark = room.top.join("ran");
    let remote = Remote { url: format!("ext::touch {}", mark.display()), ..room.remote() };
    let error = room.fetch(&remote).await.expect_err("refused");
    assert!(error.to_string().contains("transport 'ext' not allowed"), "{error}");
    assert!(!mark.exists());
}

#[tokio::test]
async fn only_commits_of_allowed_signers_are_taken() {
    let room = Room::new();
    let (good, bad) = (room.key("good"), room.key("bad"));
    let public = fs::read_to_string(format!("{good}.pub")).expect("a public key");
    let signers = format!("me@example.org {public}");
    let remote = Remote { signers, ..room.remote() };
    let signed = |key: &str, text: &str| {
        let key = format!("user.signingkey={key}");
        room.commit(text, &["-c", "gpg.format=ssh", "-c", &key, "-c", "commit.gpgsign=true"])
    };
    room.commit("unsigned", &[]);
    assert!(matches!(room.fetch(&remote).await, Err(GitError::Unsigned { .. })));
    signed(&good, "good");
    assert_eq!(text(&room.fetch(&remote).await.expect("signed")), "good");
    signed(&bad, "bad");
    assert!(matches!(room.fetch(&remote).await, Err(GitError::Unsigned { .. })));
    assert!(
        !room.home().join("commits").read_dir().expect("a list").any(|it| {
            fs::read_to_string(it.expect("an entry").path().join("a.yaml")).is_ok_and(|text| text == "bad")
        })
    );
}

#[tokio::test]
async fn links_of_a_commit_lead_nowhere_and_its_hooks_and_filters_do_not_run() {
    let room = Room::new();
    symlink("/etc/passwd", room.repo().join("secret.yaml")).expect("a link");
    fs::write(room.repo().join(".gitattributes"), "*.yaml filter=evil\n").expect("a file");
    room.commit("one", &[]);
    let mark = room.top.join("ran");
    fs::create_dir_all(room.home().join("repository/hooks")).expect("a directory");
    room.fetch(&room.remote()).await.expect("fetched");
    let hook = room.home().join("repository/hooks/post-checkout");
    fs::create_dir_all(hook.parent().expect("a parent")).expect("a directory");
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\n", mark.display())).expect("a hook");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("executable");
    room.commit("two", &[]);
    let checkout = room.fetch(&room.remote()).await.expect("fetched");
    let link = checkout.dir.join("secret.yaml");
    assert!(!link.is_symlink(), "the link leads out of the commit");
    assert_eq!(fs::read_to_string(link).expect("text"), "/etc/passwd");
    assert!(!mark.exists(), "a hook has run");
}
