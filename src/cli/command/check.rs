//! `seedbed daemon --check`: what this machine can do, and which package is missing for the rest.

use std::path::Path;

use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::screen::{Screen, Table};
use crate::host::linux::{Command, Runner, Tools, host};

/// One thing that the daemon may need.
struct Need {
    what: String,
    /// Whether nothing at all works without it.
    is_vital: bool,
    /// What is there, or what is missing.
    found: Result<String, String>,
}

/// Shows it. What is vital and missing is an exit code.
///
/// # Errors
/// When standard output cannot be written.
pub async fn run(state_dir: &Path, screen: Screen) -> Result<Exit, Failure> {
    let mut needs = vec![root(), directory(state_dir)];
    needs.extend(pools(state_dir).await);
    needs.push(program("networks: links", true, "ip", "-V").await);
    needs.push(program("networks: DHCP and DNS", false, "dnsmasq", "--version").await);
    needs.push(program("networks: NAT", false, "nft", "--version").await);
    show(&needs, screen)?;
    let is_able = needs.iter().all(|need| need.found.is_ok() || !need.is_vital);
    Ok(if is_able { Exit::Done } else { Exit::Failed })
}

fn show(needs: &[Need], screen: Screen) -> Result<(), Failure> {
    let mut table = Table::new(["WHAT", "STATE", "DETAIL"]);
    for Need { what, is_vital, found } in needs {
        let (state, detail) = match found {
            Ok(detail) => (screen.data.good("ok"), detail),
            Err(detail) if *is_vital => (screen.data.error("missing"), detail),
            Err(detail) => (screen.data.warning("missing"), detail),
        };
        table.push([what, &state, detail]);
    }
    let value = |need: &Need| {
        let (Ok(detail) | Err(detail)) = &need.found;
        json!({ "what": need.what, "vital": need.is_vital, "ok": need.found.is_ok(), "detail": detail })
    };
    if screen.format == crate::cli::screen::Format::Table {
        return screen.write(&table.aligned(screen.data));
    }
    screen.write_table(&table, &json!(needs.iter().map(value).collect::<Vec<_>>()))
}

fn root() -> Need {
    let is_root = rustix::process::geteuid().is_root();
    let found = if is_root { Ok(String::new()) } else { Err("run it as root; --host fake needs none".to_owned()) };
    Need { what: "root".to_owned(), is_vital: true, found }
}

// The nearest directory that exists decides: the daemon makes the rest.
fn directory(state_dir: &Path) -> Need {
    let existing = state_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let access = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK);
    let found = match access {
        Ok(()) => Ok(state_dir.display().to_string()),
        Err(cause) => Err(format!("cannot write to {}: {cause}", existing.display())),
    };
    Need { what: "state directory".to_owned(), is_vital: true, found }
}

async fn pools(state_dir: &Path) -> Vec<Need> {
    let host = host(state_dir);
    let drivers = host.storage.drivers().await.unwrap_or_default();
    let need = |driver: crate::host::DriverState| Need {
        what: format!("storage: {}", driver.name),
        is_vital: driver.name == "dir",
        found: driver.missing.map_or(Ok(driver.version), Err),
    };
    drivers.into_iter().map(need).collect()
}

async fn program(what: &str, is_vital: bool, program: &'static str, version: &str) -> Need {
    let found = match Tools.run(Command::new(program, [version])).await {
        Ok(output) => {
            let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
            Ok(text.lines().next().unwrap_or_default().trim().to_owned())
        }
        Err(error) => Err(match error.hint {
            Some(hint) => format!("{}; {hint}", error.cause),
            None => error.cause,
        }),
    };
    Need { what: what.to_owned(), is_vital, found }
}
