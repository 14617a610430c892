//! `raw.dnsmasq`: settings that are handed to dnsmasq, which starts as root. None of them may have it run a program, write
//! a file, read one as root or stay root; the rest is the operator's business.

/// Options that begin or end so name files, directories, programs or who dnsmasq runs as.
const PARTS: [&str; 5] = ["file", "script", "dbus", "ubus", "dump"];
const OTHERS: [&str; 9] =
    ["addn-hosts", "dnssec-timestamp", "group", "help", "log-facility", "no-daemon", "read-ethers", "test", "user"];
/// dnsmasq reads longer lines as two.
const LINE_BYTES_MAX: usize = 1000;

/// What is wrong with these settings, in a sentence; `None` when nothing is.
pub fn fault(raw: &str) -> Option<String> {
    raw.split('\n').enumerate().find_map(|(at, line)| {
        let why = line_fault(line)?;
        Some(format!("line {}: {why}", at + 1))
    })
}

fn line_fault(line: &str) -> Option<String> {
    if line.len() > LINE_BYTES_MAX {
        return Some(format!(
            "it has more than {LINE_BYTES_MAX} bytes, and dnsmasq would read the rest as another line"
        ));
    }
    if line.chars().any(|c| c.is_control() && c != '\t' && c != '\r') {
        return Some("it has a control character".to_owned());
    }
    if line.trim_start().starts_with('#') {
        return None;
    }
    // What quotes hide from one version of dnsmasq another may see.
    let bare = line.replace('"', "");
    let name = bare.split('=').next().unwrap_or_default().trim();
    if !is_refused(name) {
        return None;
    }
    let shown: String = name.chars().take(40).collect();
    Some(format!("`{shown}` could run programs, touch files, or keep dnsmasq root: it is not taken"))
}

/// Whether an option is refused, by its name as it stands in a file.
fn is_refused(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
        || name.ends_with("dir")
        || name.starts_with("conf-")
        || OTHERS.contains(&name.as_str())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_runs_programs_or_touches_files_is_refused_however_it_is_written() {
        for bad in [
            "dhcp-script=/tmp/evil.sh",
            "leasefile-ro\ndhcp-script=/x",
            "  dhcp-script = /x",
            "dhcp-\"script\"=/x",
            "\"dhcp-script=/x\"",
            "\tlog-facility=/etc/cron.d/x",
            "conf-dir=/tmp",
            "conf-file=/tmp/x",
            "conf-script=/tmp/x",
            "user=root",
            "no-daemon",
            "dhcp-luascript=/x",
            "addn-hosts=/etc/shadow",
            "dumpfile=/etc/x",
            "log-dhcp\r\nuser=root",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
        }
        for good in [
            "",
            "# dhcp-script=/x",
            "log-queries\nlog-dhcp",
            "host-record=here.lxd,10.0.0.9\ncname=a,b",
            "dhcp-option=option:tftp-server,10.0.0.1",
            "txt-record=a,\"user=root\"",
            "zz",
        ] {
            assert_eq!(fault(good), None, "{good}");
        }
        let hidden = format!("#{}\nlog-dhcp", "x".repeat(1024) + "user=root");
        assert!(fault(&hidden).is_some(), "dnsmasq reads its end as a line");
    }

    /// What the installed dnsmasq says of itself: every option that takes a path or a program must be refused.
    #[test]
    fn every_option_of_the_installed_dnsmasq_that_names_a_path_is_refused() {
        let Ok(help) = Command::new("dnsmasq").arg("--help").output() else {
            crate::host::skip("dnsmasq is not installed");
            return;
        };
        let help = String::from_utf8_lossy(&help.stdout);
        let options = help.lines().filter_map(|line| line.split_once("--")).map(|(_, rest)| rest);
        let named = |rest: &str| rest.split([' ', '=', '[']).next().unwrap_or_default().to_owned();
        // TFTP shows files to clients, and only those that `nobody` may read.
        let is_path = |rest: &str| {
            let takes =
                ["=<path>", "=path", "|<file>", "=<username>", "=<groupname>"].iter().any(|form| rest.contains(form));
            takes || rest.contains("dhcp-script") || rest.contains("Do NOT fork into the background: run in debug")
        };
        let missed: Vec<String> =
            options.filter(|rest| is_path(rest)).map(named).filter(|name| !is_refused(name)).collect();
        assert_eq!(missed, [""; 0]);
        assert!(help.contains("--dhcp-script="), "this is the help");
    }

    /// How the installed dnsmasq reads lines: what the check above rests on.
    #[test]
    fn the_installed_dnsmasq_reads_lines_as_the_check_takes_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let test = |text: &str| {
            let file = dir.path().join("raw");
            std::fs::write(&file, text).expect("a file");
            let out = Command::new("dnsmasq").arg("--test").arg(format!("--conf-file={}", file.display())).output();
            out.map(|out| String::from_utf8_lossy(&out.stderr).into_owned())
        };
        let Ok(said) = test("log-dhcp\n") else {
            crate::host::skip("dnsmasq is not installed");
            return;
        };
        assert!(said.contains("OK"), "{said}");
        // An option that is known takes its value; one that is not is named as bad.
        assert!(test(" cache-size = 10").expect("it runs").contains("OK"), "blanks do not count");
        // Quotes hide a name from this version, and the check does not rest on that.
        let hidden = format!("#{}no-such-option\n", "x".repeat(1023));
        assert!(test(&hidden).expect("it runs").contains("bad option"), "a long comment goes on as an option");
        assert!(test("cache-siz=10\n").expect("it runs").contains("bad option"), "names are not shortened");
        assert!(test("CACHE-SIZE=10\n").expect("it runs").contains("bad option"), "case counts");
    }
}
