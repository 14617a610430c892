//! Real files, links and editors against the follower. Polling is switched off where notifications must do it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::tree::look;
use super::{Follower, Outcome, Pace, Recipe, Roots, Round, Tree, Verdict, is_temporary, load};

/// Longer than any test waits for something that comes.
const PATIENCE: Duration = Duration::from_secs(90);
/// Many times the quiet time: what was to come has come by then.
const SILENCE: Duration = Duration::from_millis(600);

/// Notifications only: the net is an hour wide.
fn by_hints() -> Pace {
    Pace { quiet: Duration::from_millis(60), poll: Duration::from_secs(3600), ..Pace::default() }
}

fn roots(paths: &[PathBuf]) -> Roots {
    Roots { paths: paths.to_vec(), top: None }
}

struct Room {
    // Kept so that it is removed at the end.
    _dir: tempfile::TempDir,
    top: PathBuf,
}

impl Room {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("a real path");
        Self { _dir: dir, top }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(path, text).expect("a file");
    }

    fn follow(&self, name: &str) -> Follower {
        Follower::new(roots(&[self.path(name)]), by_hints(), None)
    }
}

/// `name=text` of everything in a tree, the names without the room.
fn shown(tree: &Tree) -> String {
    let sources = tree.roots.iter().flatten();
    let pair =
        |path: &str, text: &str| format!("{}={text}", Path::new(path).file_name().expect("a name").to_string_lossy());
    sources.map(|source| pair(&source.path, &String::from_utf8_lossy(&source.bytes))).collect::<Vec<_>>().join(" ")
}

async fn next(follower: &mut Follower) -> Round {
    timeout(PATIENCE, follower.next()).await.expect("something to tell")
}

/// The next set, taken as good.
async fn loaded(follower: &mut Follower) -> String {
    match next(follower).await {
        Round::Load(tree) => {
            follower.took(Verdict::Good);
            shown(&tree)
        }
        other => panic!("no set but {other:?}"),
    }
}

async fn nothing_comes(follower: &mut Follower) {
    if let Ok(round) = timeout(SILENCE, follower.next()).await {
        panic!("nothing was to come, but {round:?} did");
    }
}

#[tokio::test]
async fn the_swap_of_a_mounted_config_map_is_seen_as_one_change() {
    let room = Room::new();
    for (rev, text) in [("..2026_1", "one"), ("..2026_2", "two")] {
        room.write(&format!("site/{rev}/a.yaml"), text);
        room.write(&format!("site/{rev}/b.yaml"), text);
    }
    symlink("..2026_1", room.path("site/..data")).expect("a link");
    symlink("..data/a.yaml", room.path("site/a.yaml")).expect("a link");
    symlink("..data/b.yaml", room.path("site/b.yaml")).expect("a link");
    let mut follower = room.follow("site");
    assert_eq!(loaded(&mut follower).await, "a.yaml=one b.yaml=one");
    symlink("..2026_2", room.path("site/..data_tmp")).expect("a link");
    fs::rename(room.path("site/..data_tmp"), room.path("site/..data")).expect("renamed");
    fs::remove_dir_all(room.path("site/..2026_1")).expect("removed");
    assert_eq!(loaded(&mut follower).await, "a.yaml=two b.yaml=two");
}

#[tokio::test]
async fn the_flip_of_a_link_on_the_way_is_seen_and_so_are_edits_behind_it() {
    let room = Room::new();
    room.write("rev-1/site/a.yaml", "one");
    room.write("rev-2/site/a.yaml", "two");
    symlink("rev-1", room.path("current")).expect("a link");
    let mut follower = room.follow("current/site");
    assert_eq!(loaded(&mut follower).await, "a.yaml=one");
    symlink("rev-2", room.path("next")).expect("a link");
    fs::rename(room.path("next"), room.path("current")).expect("renamed");
    assert_eq!(loaded(&mut follower).await, "a.yaml=two");
    room.write("rev-2/site/a.yaml", "three");
    assert_eq!(loaded(&mut follower).await, "a.yaml=three");
    room.write("rev-1/site/a.yaml", "nobody looks here any more");
    nothing_comes(&mut follower).await;
}

#[tokio::test]
async fn saves_of_editors_are_seen_once_and_their_own_files_never() {
    let room = Room::new();
    room.write("site/a.yaml", "one");
    let mut follower = room.follow("site");
    assert_eq!(loaded(&mut follower).await, "a.yaml=one");

    // vim: a swap file, a probe, a backup by renaming, a new file.
    room.write("site/.a.yaml.swp", "swap");
    nothing_comes(&mut follower).await;
    room.write("site/4913", "");
    fs::remove_file(room.path("site/4913")).expect("removed");
    fs::rename(room.path("site/a.yaml"), room.path("site/a.yaml~")).expect("renamed");
    room.write("site/a.yaml", "vim");
    fs::remove_file(room.path("site/a.yaml~")).expect("removed");
    assert_eq!(loaded(&mut follower).await, "a.yaml=vim");

    // emacs: a lock that is a link to nowhere, an auto-save, a backup that stays.
    symlink("me@here.1:2", room.path("site/.#a.yaml")).expect("a link");
    room.write("site/#a.yaml#", "half");
    room.write("site/a.yaml~", "vim");
    nothing_comes(&mut follower).await;
    room.write("site/.a.yaml.new", "emacs");
    fs::rename(room.path("site/.a.yaml.new"), room.path("site/a.yaml")).expect("renamed");
    assert_eq!(loaded(&mut follower).await, "a.yaml=emacs");

    let sed = std::process::Command::new("sed").args(["-i", "s/emacs/sed/"]).arg(room.path("site/a.yaml")).status();
    assert!(sed.expect("sed runs").success());
    assert_eq!(loaded(&mut follower).await, "a.yaml=sed");
}

#[tokio::test]
async fn a_touch_is_counted_and_not_loaded() {
    let room = Room::new();
    room.write("site/a.yaml", "one");
    let mut follower = room.follow("site");
    loaded(&mut follower).await;
    let before = follower.counters();
    room.write("site/a.yaml", "one");
    nothing_comes(&mut follower).await;
    let after = follower.counters();
    assert_eq!(after.loads, before.loads);
    assert!(after.unchanged > before.unchanged, "{after:?}: the notification has led to no look");
}

#[tokio::test]
async fn a_tree_is_not_loaded_while_files_still_come_in() {
    // A machine that is too busy to write makes pauses that look like an end: then it is tried again.
    for _ in 0..20 {
        let (shown, pause_max) = written_slowly().await;
        if pause_max < Pace::default().quiet / 2 {
            assert_eq!(shown.matches("=new").count(), 40, "{shown}");
            return;
        }
    }
    panic!("this machine is too busy to write 40 files without a pause");
}

/// What is loaded while 40 files are written, and the longest pause between two of them.
async fn written_slowly() -> (String, Duration) {
    let room = Room::new();
    room.write("site/00.yaml", "old");
    let pace = Pace { quiet: Pace::default().quiet, ..by_hints() };
    let mut follower = Follower::new(roots(&[room.path("site")]), pace, None);
    loaded(&mut follower).await;
    let site = room.path("site");
    let writer = tokio::spawn(async move {
        let (mut last, mut pause_max) = (Instant::now(), Duration::ZERO);
        for number in 0..40 {
            fs::create_dir_all(site.join(format!("d{}", number % 4))).expect("a directory");
            fs::write(site.join(format!("d{}/{number:02}.yaml", number % 4)), "new").expect("a file");
            pause_max = pause_max.max(last.elapsed());
            last = Instant::now();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        pause_max
    });
    let shown = loaded(&mut follower).await;
    (shown, writer.await.expect("written"))
}

#[tokio::test]
async fn a_checkout_is_not_loaded_while_git_holds_its_lock() {
    let room = Room::new();
    room.write("repo/.git/HEAD", "ref: refs/heads/main");
    room.write("repo/site/a.yaml", "one");
    let mut follower = room.follow("repo/site");
    assert_eq!(loaded(&mut follower).await, "a.yaml=one");
    room.write("repo/.git/index.lock", "");
    room.write("repo/site/a.yaml", "half");
    nothing_comes(&mut follower).await;
    room.write("repo/site/a.yaml", "whole");
    fs::remove_file(room.path("repo/.git/index.lock")).expect("removed");
    assert_eq!(loaded(&mut follower).await, "a.yaml=whole");
}

#[tokio::test]
async fn a_directory_that_vanishes_or_empties_is_told_once_and_never_loaded() {
    let room = Room::new();
    room.write("site/a.yaml", "one");
    let mut follower = room.follow("site");
    loaded(&mut follower).await;
    fs::rename(room.path("site"), room.path("elsewhere")).expect("renamed");
    let Round::Nothing(why) = next(&mut follower).await else { panic!("nothing is there to load") };
    assert_eq!(why, format!("`{}` is not there", room.path("site").display()));
    nothing_comes(&mut follower).await;
    fs::rename(room.path("elsewhere"), room.path("site")).expect("renamed");
    assert!(matches!(next(&mut follower).await, Round::Unchanged(_)));
    fs::remove_file(room.path("site/a.yaml")).expect("removed");
    let Round::Nothing(why) = next(&mut follower).await else { panic!("an empty set must not be loaded") };
    assert!(why.contains("holds no manifest"), "{why}");
}

#[tokio::test]
async fn a_directory_that_is_replaced_by_another_of_its_name_is_watched_anew() {
    let room = Room::new();
    room.write("site/conf/a.yaml", "one");
    let mut follower = room.follow("site");
    loaded(&mut follower).await;
    for text in ["two", "three"] {
        fs::remove_dir_all(room.path("site/conf")).expect("removed");
        room.write("site/conf/a.yaml", text);
        assert_eq!(loaded(&mut follower).await, format!("a.yaml={text}"));
    }
    room.write("site/conf/a.yaml", "four");
    assert_eq!(loaded(&mut follower).await, "a.yaml=four");
}

#[tokio::test]
async fn a_single_file_and_its_replacement_are_followed() {
    let room = Room::new();
    room.write("a.yaml", "one");
    let mut follower = room.follow("a.yaml");
    assert_eq!(loaded(&mut follower).await, "a.yaml=one");
    room.write("new", "two");
    fs::rename(room.path("new"), room.path("a.yaml")).expect("renamed");
    assert_eq!(loaded(&mut follower).await, "a.yaml=two");
}

#[tokio::test]
async fn what_no_notification_tells_is_found_by_polling() {
    let room = Room::new();
    room.write("site/a.yaml", "one");
    let pace = Pace { poll: Duration::from_millis(100), ..by_hints() };
    let mut follower = Follower::new(roots(&[room.path("site")]), pace, None);
    loaded(&mut follower).await;
    // No content changes and no event comes: only the looks tell that polling goes on.
    let before = follower.counters().looks;
    nothing_comes(&mut follower).await;
    assert!(follower.counters().looks >= before + 3, "{:?}", follower.counters());
}

#[test]
fn names_and_contents_make_the_digest_and_times_do_not() {
    let room = Room::new();
    let digest = |name: &str| match look(&[room.path(name)], None).outcome {
        Outcome::Whole(tree) => tree.digest,
        other => panic!("{other:?}"),
    };
    room.write("one/ab.yaml", "c");
    room.write("two/ab.yaml", "c");
    room.write("two/notes.txt", "not a manifest");
    room.write("three/a.yaml", "bc");
    room.write("four/x/ab.yaml", "c");
    assert_eq!(digest("one"), digest("two"));
    assert_ne!(digest("one"), digest("three"));
    assert_ne!(digest("one"), digest("four"));
}

#[test]
fn a_file_that_is_no_text_is_a_finding_and_keeps_its_place_in_the_digest() {
    let room = Room::new();
    fs::create_dir_all(room.path("site")).expect("a directory");
    fs::write(room.path("site/a.yaml"), b"caf\xe9").expect("a file");
    let Outcome::Whole(tree) = look(&[room.path("site")], None).outcome else { panic!("no tree") };
    let findings = load(tree, &Recipe::default()).findings;
    let told: Vec<_> = findings.iter().map(|it| (it.code.as_str(), it.is_error())).collect();
    assert_eq!(told.first(), Some(&("SB002", true)), "{told:?}");
}

#[test]
fn temporary_names_are_known() {
    for name in [".a.yaml.swp", "a.yaml~", ".#a.yaml", "4913", ".git", "a.tmp", "..data", "..2026_1", "#a.yaml#"] {
        assert!(is_temporary(name), "{name}");
    }
    for name in ["a.yaml", "site", "49131", "a.git"] {
        assert!(!is_temporary(name), "{name}");
    }
}

#[test]
fn what_a_seedbedignore_names_is_not_read_and_its_change_is_a_change() {
    let room = Room::new();
    for name in ["site/a.yaml", "site/k8s.yaml", "site/drafts/d.yaml", "site/sub/b.yaml", "site/sub/keep.yaml"] {
        room.write(name, "x");
    }
    room.write("site/.seedbedignore", "k8s.yaml\ndrafts/\nsub/*\n");
    room.write("site/sub/.seedbedignore", "!keep.yaml\n");
    let read = || match look(&[room.path("site")], None).outcome {
        Outcome::Whole(tree) => tree
            .roots
            .iter()
            .flatten()
            .map(|source| source.path.replace(&format!("{}/", room.top.display()), ""))
            .collect::<Vec<_>>()
            .join(" "),
        other => format!("{other:?}"),
    };
    assert_eq!(read(), "site/a.yaml site/sub/keep.yaml");
    room.write("site/.seedbedignore", "{a\n");
    assert!(read().starts_with("Nothing"), "a pattern that cannot be read lets nothing in");
}

#[test]
fn links_are_followed_below_the_root_and_nowhere_else() {
    let room = Room::new();
    room.write("site/a.yaml", "inside");
    room.write("site/.git/config", "token");
    room.write("shadow", "root:$6$hash");
    room.write("base/b.yaml", "base");
    let read = |top: Option<&Path>| match look(&[room.path("site")], top).outcome {
        Outcome::Whole(tree) => shown(&tree),
        Outcome::Moving(why) | Outcome::Nothing(why) => why,
    };
    let link = |target: &str| {
        let _absent = fs::remove_file(room.path("site/x.yaml"));
        symlink(target, room.path("site/x.yaml")).expect("a link");
    };
    for (target, why) in [
        ("/dev/zero", "leads out of"),
        ("../shadow", "leads out of"),
        ("/proc/self/environ", "leads out of"),
        (".git/config", "`.git`, which is not read"),
    ] {
        link(target);
        let said = read(None);
        assert!(said.contains(why) && said.contains("x.yaml"), "{target}: {said}");
        assert!(!said.contains("hash") && !said.contains("token"), "{said}");
    }
    link("a.yaml");
    assert_eq!(read(None), "a.yaml=inside x.yaml=inside");
    link("../base/b.yaml");
    assert_eq!(read(Some(&room.top)), "a.yaml=inside x.yaml=base", "the source is what it may read");
    fs::remove_file(room.path("site/x.yaml")).expect("removed");
    symlink("../shadow", room.path("site/.seedbedignore")).expect("a link");
    let said = read(None);
    assert!(said.contains("leads out of") && !said.contains("hash"), "{said}");
}

#[test]
fn a_root_of_a_source_does_not_lead_out_of_it() {
    let room = Room::new();
    room.write("other/a.yaml", "secret");
    room.write("site/base/a.yaml", "x");
    symlink(room.path("other"), room.path("site/prod")).expect("a link");
    symlink(room.path("other/a.yaml"), room.path("site/b.yaml")).expect("a link");
    for name in ["prod", "b.yaml"] {
        let seen = look(&[room.path("site/base"), room.path("site").join(name)], Some(&room.path("site")));
        let Outcome::Nothing(why) = seen.outcome else { panic!("{name} was read") };
        assert!(why.contains("leads out of"), "{why}");
    }
    let own = look(&[room.path("site/b.yaml")], Some(&room.path("site/b.yaml")));
    assert!(matches!(own.outcome, Outcome::Nothing(_)), "whoever writes in the directory chooses where it leads");
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let room = Room::new();
    let path = room.path("site/a.yaml");
    fs::create_dir_all(room.path("site")).expect("a directory");
    fs::File::create(&path).expect("a file").set_len(300 << 20).expect("a sparse file");
    let Outcome::Nothing(why) = look(&[room.path("site")], None).outcome else { panic!("it was read") };
    assert_eq!(why, "the manifests are larger than 64 MiB together");
}
