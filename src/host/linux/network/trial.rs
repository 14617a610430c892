//! Asks the DHCP and DNS server whether it takes its settings, before one that runs is stopped for it.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::files::Files;
use super::service::{doing, line, not_started};
use crate::host::linux::SEARCH_PATH;
use crate::host::{HostError, Service, Unfit};

const LIMIT: Duration = Duration::from_secs(5);

/// What the server does not take; `None` when it takes everything. Nothing is written: the operator's settings are read
/// from its standard input.
pub async fn judge(files: &Files, bridge: &str, service: &Service) -> Result<Option<Unfit>, HostError> {
    let doing = doing(bridge);
    let mut arguments = line(files, bridge, service);
    arguments.retain(|argument| !argument.starts_with("--conf-file="));
    arguments.extend(["--conf-file=-", "--test"].map(str::to_owned));
    let output = timeout(LIMIT, asked(&arguments, &service.raw)).await;
    let output = output.map_err(|_| HostError::passing(&doing, "ToolFailed", "dnsmasq --test does not end"))?;
    let Output { status, stderr, .. } = output.map_err(|cause| not_started(&doing, &cause))?;
    if status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&stderr);
    let setting = if service.raw.is_empty() { "the configuration of the network" } else { "raw.dnsmasq" };
    let (setting, program) = (setting.to_owned(), Some("dnsmasq".to_owned()));
    Ok(Some(Unfit { doing, setting, program, why: why(&said, &service.raw), hint: None }))
}

async fn asked(arguments: &[String], raw: &str) -> std::io::Result<Output> {
    let mut child = Command::new("dnsmasq")
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may have found a fault before it has read everything.
        drop(stdin.write_all(raw.as_bytes()).await);
    }
    child.wait_with_output().await
}

/// What the server says, with the line that it means.
fn why(said: &str, raw: &str) -> String {
    let said = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it does not say why");
    let said = said.strip_prefix("dnsmasq: ").unwrap_or(said);
    let place = said.rsplit_once(" at line ").and_then(|(what, at)| {
        let number: usize = at.split_whitespace().next()?.parse().ok()?;
        Some((what, number, raw.lines().nth(number.checked_sub(1)?)?.trim()))
    });
    match place {
        Some((what, number, line)) => format!("{what} `{line}` (line {number})"),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_the_server_means_is_shown() {
        let said = "\ndnsmasq: bad option at line 2 of stdin\n";
        assert_eq!(why(said, "domain=x\n nonsense\n"), "bad option `nonsense` (line 2)");
        assert_eq!(why("dnsmasq: bad dhcp-range", ""), "bad dhcp-range");
        assert_eq!(why("dnsmasq: bad option at line 7 of stdin", "one"), "bad option at line 7 of stdin");
        assert_eq!(why("", ""), "it does not say why");
    }
}
