//! Inputs that are made to exhaust the machine: the program refuses them in little memory and time.
//!
//! Each runs in a process of its own under limits of the shell: address space, which is more than memory ever used,
//! and processor time. A process that goes beyond either is killed, and has no exit code then.

use std::fs;
use std::process::{Command, Output};

/// 256 MiB for the work, and what an unoptimised program and its libraries map besides.
const ADDRESS_KIB: u32 = (256 + 96) << 10;

/// Optimised, each input takes a second or two; this is for unoptimised programs on a machine that does other things.
const PROCESSOR_S: u32 = 120;

/// The exit code of a file with findings.
const FINDINGS: i32 = 1;

/// Nobody reads more.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

fn refuses(name: &str, bytes: &[u8], code: &str) {
    refuses_all(name, &[bytes.to_vec()], &["--report=text", "--report=json", "--report=sarif"], code);
}

fn bounded(arguments: &[&str], paths: &[String]) -> Output {
    let script = format!("ulimit -v {ADDRESS_KIB} && ulimit -t {PROCESSOR_S} && exec \"$@\"");
    let program = env!("CARGO_BIN_EXE_seedbed");
    let shell = ["-c", &script, "sh", program];
    Command::new("sh").args(shell).args(arguments).args(paths).output().expect("a shell")
}

fn refuses_all(name: &str, files: &[Vec<u8>], reports: &[&str], code: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    for (number, bytes) in files.iter().enumerate() {
        fs::write(folder.path().join(format!("{number:04}.yaml")), bytes).expect("a file");
    }
    for extra in reports {
        let folder = folder.path().to_string_lossy().into_owned();
        let output = bounded(&["validate", "--color=never", extra], &[folder]);
        let shown = String::from_utf8_lossy(&output.stdout);
        let tail = String::from_utf8_lossy(&output.stderr);
        let tail: String = tail.chars().take(500).collect();
        assert_eq!(output.status.code(), Some(FINDINGS), "{name} {extra}: {tail}");
        assert!(shown.contains(code), "{name} {extra} does not tell {code}: {:.500}", shown);
        assert!(output.stdout.len() < OUTPUT_BYTES_MAX, "{name} {extra} prints {} bytes", output.stdout.len());
    }
}

// One line for each number.
fn lines(count: usize, line: impl Fn(usize) -> String) -> Vec<u8> {
    (0..count).map(|number| line(number) + "\n").collect::<String>().into_bytes()
}

fn below(head: &str, body: Vec<u8>) -> Vec<u8> {
    [head.as_bytes(), &body].concat()
}

#[test]
fn depth_is_bounded() {
    refuses("brackets", "[".repeat(1_000_000).as_bytes(), "SB0");
    refuses("braces", "{a: ".repeat(250_000).as_bytes(), "SB0");
    refuses("dashes", "- ".repeat(500_000).as_bytes(), "SB0");
    refuses("indentation", &lines(2_000, |depth| " ".repeat(depth) + "a:"), "SB0");
    refuses("questions", "? ".repeat(500_000).as_bytes(), "SB0");
}

#[test]
fn aliases_are_bounded() {
    let level = |number: usize| {
        let below = format!("*a{}, ", number.saturating_sub(1)).repeat(10);
        format!("k{number}: &a{number} [{}]", if number == 0 { "x, ".repeat(10) } else { below })
    };
    refuses("bomb", &lines(12, level), "SB010");
    let wide = format!("a: &a {{{}}}\n", (0..20_000).map(|n| format!("k{n}: 1, ")).collect::<String>());
    refuses("merges", &below(&wide, lines(50, |n| format!("b{n}: {{<<: *a, c: 1}}"))), "SB010");
    refuses("anchors", &lines(200_000, |n| format!("k{n}: &a{n} x")), "SB010");
}

#[test]
fn long_texts_are_bounded() {
    let pool = |text: &str| format!("storage_pools:\n- name: {text}\n  driver: dri\n").into_bytes();
    refuses("a file of 100 MB", &pool(&"x".repeat(100 << 20)), "SB004");
    refuses("a name of 15 MB", &pool(&"x".repeat(15 << 20)), "SB0");
    refuses("a name in many lines", &pool(&"x\n   ".repeat(2 << 20)), "SB0");
    refuses("a quoted name", &pool(&format!("\"{}\"", "\\x41".repeat(2 << 20))), "SB0");
    refuses("one line of flow", &pool(&format!("{{{}}}", "a: b, ".repeat(1 << 20))), "SB0");
    refuses("a key of 15 MB", format!("{}: 1\n", "k".repeat(15 << 20)).as_bytes(), "SB0");
}

#[test]
fn many_keys_and_objects_are_bounded() {
    refuses("a million keys", &lines(1_000_000, |n| format!("k{n}: 1")), "SB010");
    refuses("one key a million times", &lines(200_000, |_| "k: 1".to_owned()), "SB007");
    refuses(
        "unknown keys",
        &below("profiles:\n- name: a\n  config:\n", lines(100_000, |n| format!("    limit.cp{n}: 1"))),
        "SB160",
    );
    refuses("wrong items", &below("networks:\n", lines(200_000, |_| "- 1".to_owned())), "SB160");
    refuses("nameless pools", &below("storage_pools:\n", lines(100_000, |_| "- driver: dir".to_owned())), "SB160");
    refuses(
        "wrong pools",
        &below("storage_pools:\n", lines(30_000, |n| format!("- {{name: p{n}, driver: dr}}"))),
        "SB160",
    );
    let profile = |n: usize| format!("- {{name: p{n}, devices: {{r: {{type: disk, path: /, pool: q{n}}}}}}}");
    refuses("lost references", &below("colour: red\nprofiles:\n", lines(20_000, profile)), "SB160");
    let member = |n: usize| format!("  - {{entity: storage-pool, name: p{n}, key: volatile.x}}");
    let head = "colour: red\ncluster:\n  enabled: true\n  server_name: a\n  member_config:\n";
    refuses("member keys", &below(head, lines(30_000, member)), "SB160");
}

#[test]
fn many_documents_and_mistakes_are_bounded() {
    refuses("documents", &lines(100_000, |_| "a\n---".to_owned()), "SB160");
    refuses("broken documents", &lines(100_000, |_| "a: b: c\n---".to_owned()), "SB005");
    refuses("allowances", &below("colour: red\n", lines(100_000, |_| "# seedbed: allow SB105 x".to_owned())), "SB");
    let allowing =
        |rule: &str| below("profiles:\n", lines(120_000, |n| format!("- name: a{n} # seedbed: allow {rule} x")));
    refuses_all("directives", &[allowing("SB117")], &["--report=text"], "SB108");
    refuses_all("directives of no rule", &[allowing("SB118")], &["--report=text"], "SB160");
    refuses("comments", &below("colour: red\n", lines(500_000, |_| "# seedbed: hello".to_owned())), "SB101");
}

#[test]
fn one_set_of_many_files_is_bounded() {
    let pool = |at: usize| {
        let members: String = (1..4).map(|n| format!("    node{n}: {{source: /srv/data-{at}}}\n")).collect();
        format!("- name: data-{at}\n  driver: dir\n  description: Pool {at}\n  members:\n{members}")
    };
    let file = |first: usize| below("storage_pools:\n", lines(4_000, |n| pool(first * 4_000 + n)));
    let mut files: Vec<Vec<u8>> = (0..24).map(file).collect();
    files[3].extend(b"colour: red\n");
    refuses_all("a set of 96,000 pools", &files, &["--report=text"], "SB101");
    let profile = |n: usize| format!("- {{name: p{n}}}");
    let file = |first: usize| below("profiles:\n", lines(30_000, |n| profile(first * 30_000 + n)));
    refuses_all("a set of 240,000 profiles", &(0..8).map(file).collect::<Vec<_>>(), &["--report=text"], "SB108");
    let text = |_: usize| format!("# {}\n", "x".repeat(15 << 20)).into_bytes();
    refuses_all("files of 90 MiB", &(0..6).map(text).collect::<Vec<_>>(), &["--report=text"], "SB108");
}

#[test]
fn sets_of_their_own_do_not_add_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut paths = Vec::new();
    for number in 0..30 {
        let path = folder.path().join(format!("{number}.yaml"));
        // A thousand findings each, in a text that nobody can keep thirty times.
        let faulty = lines(1_500, |n| format!("k{n}: 1"));
        fs::write(&path, [faulty, format!("# {}\n", "x".repeat(12 << 20)).into_bytes()].concat()).expect("a file");
        paths.push(path.to_string_lossy().into_owned());
    }
    let report = folder.path().join("report.json").to_string_lossy().into_owned();
    let arguments = ["validate", "--each", "--report=text", &format!("--report=json={report}")];
    let output = bounded(&arguments, &paths);
    assert_eq!(output.status.code(), Some(FINDINGS), "{:.500}", String::from_utf8_lossy(&output.stderr));
    let report = fs::read_to_string(report).expect("the report");
    assert!(report.contains("more than the 10000 findings that reports hold"), "{:.500}", report);
}

#[test]
fn what_no_plan_can_hold_is_not_planned() {
    let folder = tempfile::tempdir().expect("a folder");
    let member = |at: usize, n: usize| format!("node{n}: {{source: /srv/data-{at}}}");
    let pool = |at: usize| format!("- {{name: d{at}, driver: dir, members: {{{}, {}}}}}", member(at, 1), member(at, 2));
    let file = folder.path().join("pools.yaml");
    fs::write(&file, below("storage_pools:\n", lines(24_000, pool))).expect("a file");
    let state = folder.path().join("nowhere").to_string_lossy().into_owned();
    let output = bounded(&["plan", "--state-dir", &state], &[file.to_string_lossy().into_owned()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(FINDINGS), "{told:.500}");
    assert!(told.contains("SB108") && told.contains("no plan can hold"), "{told:.500}");
}

#[test]
fn bytes_that_are_no_text_are_told() {
    refuses("NUL", b"a: \0\nstorage_pools: x\0y\n", "SB0");
    refuses("controls", b"\x01\x02\x1b[31m: \x7f\n", "SB0");
    refuses(
        "huge numbers",
        b"storage_pools: 99999999999999999999999999999999e999999\nnetworks: -0x1.fp99999\n",
        "SB102",
    );
    refuses("blanks", &below("a:", vec![b' '; 8 << 20]), "SB101");
    refuses("newlines", &below("a:", vec![b'\n'; 8 << 20]), "SB101");
}
