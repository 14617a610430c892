//! Golden transcripts: every file `tests/cli/NAME.txt` is a terminal session with the built program.
//!
//! A session starts with the files it needs (`=== NAME`, up to the next `===`) and with `% daemon` when it needs one (on an
//! imagined machine; ADDRESS is an address of its own), then come commands (`$ seedbed …`) with what they print: standard
//! output as it is, standard error after `2> `, an exit code other than 0 after `exit `.
//! `SEEDBED_BLESS=1 cargo test --test cli` writes what the program prints now: read the difference before you commit it.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// One terminal session.
struct Session {
    files: Vec<(String, String)>,
    commands: Vec<String>,
    needs_daemon: bool,
}

/// Where a session takes place.
struct Room {
    dir: tempfile::TempDir,
    address: String,
    daemon: Option<Child>,
}

/// Free now, and not one of the ports that the system hands out to connections that go out. Whoever takes it before the
/// daemon does makes the session fail with the address in its message. Always as long: tables align.
fn free_address() -> String {
    static ROOMS: AtomicU32 = AtomicU32::new(0);
    loop {
        let room = ROOMS.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (std::process::id() * 16 + room) % 20_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

/// An object that became ready: which one does first depends on the machine.
fn is_progress(line: &str) -> bool {
    line.split_once("  ").is_some_and(|(key, rest)| key.contains('/') && rest.starts_with("Created"))
}

impl Room {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self { dir, address: free_address(), daemon: None }
    }

    fn start_daemon(&mut self) {
        let log = fs::File::create(self.dir.path().join("daemon.log")).expect("a log");
        let state = self.dir.path().join("state");
        let mut daemon = Command::new(env!("CARGO_BIN_EXE_seedbed"));
        daemon.args(["daemon", "--host", "fake", "--state-dir"]).arg(&state);
        self.daemon = Some(daemon.stdin(Stdio::null()).stderr(log).spawn().expect("a daemon"));
        let ready = self.run("seedbed waitready --timeout 60");
        assert_eq!(ready, "", "{}", fs::read_to_string(self.dir.path().join("daemon.log")).expect("a log"));
    }

    // The shell runs it, so that sessions may use pipes.
    fn run(&self, command: &str) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_seedbed"));
        let programs = binary.parent().expect("the program stands in a directory").display();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let output = Command::new("/bin/bash")
            .args(["-o", "pipefail", "-c", command])
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", format!("{programs}:{}", path.display()))
            .env("COLUMNS", "100")
            .env("TZ", "UTC")
            .env("SEEDBED_DIR", self.dir.path().join("state"))
            .stdin(Stdio::null())
            .output()
            .expect("bash runs");
        let mut text = self.steady(&String::from_utf8_lossy(&output.stdout));
        let errors = self.steady(&String::from_utf8_lossy(&output.stderr));
        for run in errors.lines().collect::<Vec<_>>().chunk_by(|one, next| is_progress(one) && is_progress(next)) {
            let mut run = run.to_vec();
            run.sort_unstable();
            for line in run {
                let _ = writeln!(text, "2> {line}");
            }
        }
        match output.status.code() {
            Some(0) => {}
            Some(code) => text.push_str(&format!("exit {code}\n")),
            None => text.push_str("ended by a signal\n"),
        }
        text
    }

    // Times, directories and ports differ from run to run.
    fn steady(&self, text: &str) -> String {
        let text = text.replace(&*self.dir.path().to_string_lossy(), "ROOM").replace(&self.address, "ADDRESS");
        let mut words: Vec<&str> = text.split_inclusive(char::is_whitespace).collect();
        for at in 1..words.len() {
            let is_unit = matches!(words[at].trim(), "ms" | "ms." | "s" | "s.");
            if is_unit && words[at - 1].trim_end().parse::<f64>().is_ok() {
                words[at - 1] = "N ";
                words[at] = if words[at].ends_with('\n') { "ms\n" } else { "ms " };
            } else if words[at - 1] == "revision " {
                words[at] = if words[at].ends_with('\n') { "R\n" } else { "R " };
            }
        }
        words.concat()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

impl Session {
    fn parse(text: &str) -> Self {
        let mut session = Self { files: Vec::new(), commands: Vec::new(), needs_daemon: false };
        let mut is_in_file = false;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("===") {
                is_in_file = !name.trim().is_empty();
                if is_in_file {
                    session.files.push((name.trim().to_owned(), String::new()));
                }
            } else if is_in_file && let Some((_, content)) = session.files.last_mut() {
                let _ = writeln!(content, "{line}");
            } else if line == "% daemon" {
                session.needs_daemon = true;
            } else if let Some(command) = line.strip_prefix("$ ") {
                session.commands.push(command.to_owned());
            }
        }
        session
    }

    /// Runs every command, and writes the session as it went.
    fn play(&self) -> String {
        let mut room = Room::new();
        let mut transcript = String::new();
        for (name, content) in &self.files {
            let path = room.dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a file stands in a directory")).expect("a directory");
            fs::write(path, content.replace("ADDRESS", &room.address)).expect("a file");
            let _ = write!(transcript, "=== {name}\n{content}");
        }
        if !self.files.is_empty() {
            transcript.push_str("===\n");
        }
        if self.needs_daemon {
            transcript.push_str("% daemon\n");
            room.start_daemon();
        }
        for command in &self.commands {
            let _ = write!(transcript, "$ {command}\n{}", room.run(&command.replace("ADDRESS", &room.address)));
        }
        transcript
    }
}

#[test]
fn sessions_go_as_written() {
    let is_blessing = std::env::var_os("SEEDBED_BLESS").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut paths: Vec<_> =
        fs::read_dir(&folder).expect("sessions").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are no sessions in {}", folder.display());
    let mut differences = String::new();
    for path in paths {
        let wanted = fs::read_to_string(&path).expect("a session");
        let session = Session::parse(&wanted);
        assert!(!session.commands.is_empty(), "{} runs nothing", path.display());
        let got = session.play();
        if is_blessing {
            fs::write(&path, got).expect("a session is written");
        } else if got != wanted {
            let _ = writeln!(differences, "--- {}\n{}", path.display(), difference(&wanted, &got));
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

// Enough for a person to see where the sessions part.
fn difference(wanted: &str, got: &str) -> String {
    let same = wanted.lines().zip(got.lines()).take_while(|(wanted, got)| wanted == got).count();
    let part = |text: &str| text.lines().skip(same.saturating_sub(2)).take(12).collect::<Vec<_>>().join("\n");
    format!("from line {} on, wanted:\n{}\n\ngot:\n{}\n", same + 1, part(wanted), part(got))
}
