//! The DHCP and DNS server of a bridge: started, found again after a restart of the daemon, replaced, stopped.

use std::fs;
use std::io::ErrorKind;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use super::arguments::{RunAs, arguments, file};
use super::digest;
use super::files::Files;
use super::process::Process;
use super::watch::Watch;
use crate::host::linux::{SEARCH_PATH, debian_package};
use crate::host::{BridgeAsk, HostError, Service, ServiceState};

const RECORD: &str = "dnsmasq.json";
const START_STEP: Duration = Duration::from_millis(2);
const START_STEPS: u32 = 2500;

#[derive(Serialize, Deserialize)]
struct Record {
    process: Process,
    #[serde(flatten)]
    launch: Launch,
}

/// What a server is started with.
#[derive(Clone, Serialize, Deserialize)]
struct Launch {
    /// Tells it from every other.
    asked: String,
    arguments: Vec<String>,
    raw: String,
}

/// How the server of a bridge stands beside the one that is asked for. `index` is the number of the interface.
pub fn standing(files: &Files, ask: &BridgeAsk, index: Option<u32>) -> ServiceState {
    let Some((_, asked)) = running(files) else { return ServiceState::Absent };
    let wanted = ask.service.as_ref().map(|service| fingerprint(files, &ask.name, service, index));
    if wanted.is_some() && wanted == asked { ServiceState::AsAsked } else { ServiceState::Otherwise }
}

/// Has the server of a bridge looked after while it runs.
pub fn look_after(watch: &Arc<Watch>, files: &Files) {
    let Some(process) = recorded(files) else { return };
    let files = files.clone();
    // Stopping it removes the record.
    watch.over(process, move || recorded(&files) == Some(process));
}

fn recorded(files: &Files) -> Option<Process> {
    files.read::<Record>(RECORD).map(|record| record.process)
}

/// Starts the server of a bridge and waits until it listens. One that runs is stopped first, and started again when the new
/// one does not listen.
pub async fn start(files: &Files, bridge: &str, service: &Service, index: Option<u32>) -> Result<(), HostError> {
    let doing = doing(bridge);
    let earlier = files.read::<Record>(RECORD).filter(|record| record.process.runs()).map(|record| record.launch);
    stop(files, bridge).await?;
    files.make_dir(file::HOSTS)?;
    let asked = fingerprint(files, bridge, service, index);
    let launch = Launch { asked, arguments: line(files, bridge, service), raw: service.raw.clone() };
    let Err(error) = launched(files, &launch, &doing).await else { return Ok(()) };
    if let Some(earlier) = earlier {
        match launched(files, &earlier, &doing).await {
            Ok(()) => tracing::warn!(%error, bridge, "the server with the earlier settings serves again"),
            Err(again) => tracing::warn!(error = %again, bridge, "the server with the earlier settings does not start"),
        }
    }
    Err(error)
}

async fn launched(files: &Files, launch: &Launch, doing: &str) -> Result<(), HostError> {
    files.remove(file::PID)?;
    files.write_text(file::RAW, &launch.raw)?;
    let mut child = spawn(files, &launch.arguments, doing)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    if let Some(process) = pid.and_then(Process::find) {
        files.write(RECORD, &Record { process, launch: launch.clone() })?;
    }
    listens(files, &mut child, doing).await
}

/// What is being done when the server of a bridge is started.
pub fn doing(bridge: &str) -> String {
    format!("start the DHCP and DNS server of the bridge `{bridge}`")
}

/// Stops the server of a bridge; that there is none is no error.
pub async fn stop(files: &Files, bridge: &str) -> Result<(), HostError> {
    if let Some((process, _)) = running(files) {
        process.stop(&format!("the DHCP and DNS server of the bridge `{bridge}`")).await?;
    }
    for process in leftovers(files) {
        process.stop(&format!("the DHCP and DNS server that an earlier daemon left for the bridge `{bridge}`")).await?;
    }
    files.remove(RECORD)?;
    files.remove(file::PID)
}

/// The server that runs, and what it was started with when that is known.
fn running(files: &Files) -> Option<(Process, Option<String>)> {
    let recorded = files.read::<Record>(RECORD).filter(|record| record.process.runs());
    match recorded {
        Some(record) => Some((record.process, Some(record.launch.asked))),
        // The daemon may have ended between the start and the record.
        None => unrecorded(files).map(|process| (process, None)),
    }
}

fn unrecorded(files: &Files) -> Option<Process> {
    let process = Process::find(fs::read_to_string(files.path(file::PID)).ok()?.trim().parse().ok()?)?;
    process.was_given(&its_own(files)).then_some(process)
}

/// Servers of this very directory of which it knows nothing: it was emptied while they ran.
fn leftovers(files: &Files) -> Vec<Process> {
    let own = its_own(files);
    let numbers = fs::read_dir("/proc").into_iter().flatten();
    let numbers = numbers.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(Process::find).filter(|process| process.was_given(&own)).collect()
}

/// The argument that no other server has.
fn its_own(files: &Files) -> String {
    format!("--pid-file={}", files.path(file::PID).display())
}

// A server is bound to one interface in one network namespace: another one of the same name needs a new server.
fn fingerprint(files: &Files, bridge: &str, service: &Service, index: Option<u32>) -> String {
    let line = line(files, bridge, service).join("\0");
    let namespace = fs::read_link("/proc/thread-self/ns/net").unwrap_or_default();
    digest(&[&line, &service.raw, &format!("{index:?}"), &namespace.to_string_lossy()])
}

/// The arguments of the server of a bridge.
pub fn line(files: &Files, bridge: &str, service: &Service) -> Vec<String> {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let has_nogroup = groups.lines().any(|line| line.starts_with("nogroup:"));
    let run_as = RunAs { user: "nobody", group: if has_nogroup { "nogroup" } else { "nobody" } };
    arguments(bridge, service, files.dir(), &run_as)
}

fn spawn(files: &Files, arguments: &[String], doing: &str) -> Result<Child, HostError> {
    let log = fs::File::create(files.path(file::LOG));
    let log = log.map_err(|cause| HostError::passing(doing, "Unwritable", cause))?;
    Command::new("dnsmasq")
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // It outlives the daemon, and no signal that is meant for the daemon reaches it.
        .process_group(0)
        .spawn()
        .map_err(|cause| not_started(doing, &cause))
}

/// Why the program could not be started.
pub fn not_started(doing: &str, cause: &std::io::Error) -> HostError {
    if cause.kind() != ErrorKind::NotFound {
        return HostError::passing(doing, "ToolFailed", cause);
    }
    let package = debian_package("dnsmasq").unwrap_or("dnsmasq");
    HostError::lasting(doing, "MissingTool", "the program `dnsmasq` is not installed")
        .hinting(format!("install it: apt install {package}"))
}

// It writes its number once it listens on all its addresses.
async fn listens(files: &Files, child: &mut Child, doing: &str) -> Result<(), HostError> {
    for _ in 0..START_STEPS {
        if fs::read_to_string(files.path(file::PID)).is_ok_and(|pid| !pid.trim().is_empty()) {
            return Ok(());
        }
        let ended = child.try_wait().map_err(|cause| HostError::passing(doing, "ToolFailed", cause))?;
        if let Some(status) = ended {
            let said = fs::read_to_string(files.path(file::LOG)).unwrap_or_default();
            let said = said.trim().replace('\n', "; ");
            let is_taken = said.contains("Address already in use");
            let cause = if said.is_empty() { format!("dnsmasq ended with {status}") } else { said };
            let error = HostError::passing(doing, "ServiceFailed", cause);
            return Err(if is_taken {
                error.hinting(
                    "another DNS or DHCP server listens on all addresses: let it listen on its own interfaces only",
                )
            } else {
                error
            });
        }
        tokio::time::sleep(START_STEP).await;
    }
    Err(HostError::passing(doing, "ServiceFailed", "dnsmasq does not listen after 5 s"))
}
