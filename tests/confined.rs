//! What is left to the process that parses the manifests of a source, asked of the kernel while it runs.

use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use seedbed::watch::handed::Header;
use seedbed::watch::{RawSource, Recipe};

const PATIENCE: Duration = Duration::from_secs(60);
const ENOUGH: &str = "805306368";

fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts it behind a shell, which is a careless parent.
fn start(shell: &str) -> Child {
    let program = env!("CARGO_BIN_EXE_seedbed");
    let mut command = Command::new("sh");
    command.args(["-c", shell, "sh", program]).env("SECRET", "of the daemon");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a shell")
}

fn proc(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default()
}

fn limit<'a>(limits: &'a str, name: &str) -> Vec<&'a str> {
    let line = limits.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.trim_start_matches(name).split_whitespace().take(2).collect()
}

fn is_confined(pid: u32) -> bool {
    limit(&proc(pid, "limits"), "Max cpu time") == ["30", "32"]
}

fn hand_over(mut to: ChildStdin, roots: &[Vec<RawSource>], recipe: &Recipe) {
    let header = Header::of(roots, recipe).bytes().expect("a header");
    // One that is ended takes no more.
    let _ended =
        to.write_all(&header).and_then(|()| roots.iter().flatten().try_for_each(|file| to.write_all(&file.bytes)));
}

fn read(bounds: &str, roots: &[Vec<RawSource>], recipe: &Recipe) -> Output {
    let mut child = start(&format!("exec \"$1\" read-source {bounds}"));
    let stdin = child.stdin.take().expect("piped");
    hand_over(stdin, roots, recipe);
    child.wait_with_output().expect("its end")
}

fn file(path: &str, text: String) -> RawSource {
    RawSource { path: path.to_owned(), bytes: text.into_bytes() }
}

#[test]
fn it_opens_nothing_starts_nothing_and_holds_nothing_that_it_was_not_given() {
    let mut child = start(&format!("exec 7</etc/hostname 9</dev/null; exec \"$1\" read-source {ENOUGH} 30"));
    let pid = child.id();
    wait_for("the limits", || is_confined(pid));
    let limits = proc(pid, "limits");
    for name in ["Max open files", "Max processes", "Max file size", "Max core file size", "Max locked memory"] {
        assert_eq!(limit(&limits, name), ["0", "0"], "{name}\n{limits}");
    }
    assert_eq!(limit(&limits, "Max address space"), [ENOUGH, ENOUGH]);
    let status = proc(pid, "status");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Threads:\t1"), "{status}");
    let mut open: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("its files")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    open.sort();
    assert_eq!(open, ["0", "1", "2"]);
    drop(child.stdin.take());
    let ended = child.wait_with_output().expect("its end");
    assert_eq!(ended.status.code(), Some(1), "nothing was handed over");
}

#[test]
fn it_ends_with_whoever_started_it() {
    let mut parent = start(&format!("exec 3<&0; \"$1\" read-source {ENOUGH} 30 <&3 & wait"));
    let held = parent.stdin.take().expect("piped");
    let children = || {
        let text = proc(parent.id(), &format!("task/{}/children", parent.id()));
        text.split_whitespace().next().and_then(|pid| pid.parse::<u32>().ok())
    };
    wait_for("a child", || children().is_some_and(is_confined));
    let pid = children().expect("a child");
    parent.kill().expect("killed");
    parent.wait().expect("its end");
    wait_for("the end of the child", || !is_confined(pid) || proc(pid, "stat").contains(") Z "));
    drop(held);
}

#[test]
fn what_it_answers_does_not_need_what_was_taken_away() {
    // Several files of more than a thread's worth: here there is no second one.
    let profiles = |from: usize| {
        (0..2_000)
            .map(|n| format!("- {{name: p{}, description: \"{}\"}}\n", from + n, "x".repeat(90)))
            .collect::<String>()
    };
    let roots = [(0..4).map(|n| file(&format!("{n}.yaml"), format!("profiles:\n{}", profiles(n * 2_000)))).collect()];
    let output = read(&format!("{ENOUGH} 60"), &roots, &Recipe::default());
    let (told, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}: {complaint}", output.status);
    let last = told.lines().last().unwrap_or_default();
    assert!(last.starts_with("{\"read\":") && last.contains("p7999"), "{:.300}", last);
}

#[test]
fn a_text_that_takes_too_much_memory_or_time_ends_it_and_nothing_else() {
    // Layers are in memory all together: many small values in many files are more than their text by far.
    let values = |n: usize| file(&format!("base/{n}.yaml"), format!("x{n}: [{}]\n", "1,".repeat(200_000)));
    let roots = [(0..20).map(values).collect(), vec![file("prod/a.yaml", "profiles: []\n".to_owned())]];
    let recipe = Recipe { overlays: 1, variables: None };
    let output = read("268435456 120", &roots, &recipe);
    assert_eq!(output.status.signal(), Some(6), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("memory allocation of"));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.lines().last().is_some_and(|line| line.starts_with("{\"reading\":")), "{:.300}", told);
    let output = read(&format!("{ENOUGH} 1"), &[(0..150).map(values).collect()], &Recipe::default());
    assert_eq!(output.status.signal(), Some(24), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
}

#[test]
fn it_is_no_command_for_people() {
    let run = |arguments: &[&str]| Command::new(env!("CARGO_BIN_EXE_seedbed")).args(arguments).output().expect("run");
    let refused = run(&["read-source", "--help"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the daemon runs this by itself"));
    for shown in [run(&["--help"]), run(&["completions", "bash"])] {
        assert!(!String::from_utf8_lossy(&shown.stdout).contains("read-source"));
    }
}
