//! The screens of a sandbox.

use std::path::Path;
use std::time::{Duration, Instant};

use super::form::Running;
use super::plot::Ground;
use super::record::Record;
use crate::api::ClusterMember;
use crate::cli::command::{apply, status};
use crate::cli::duration;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::plural;
use crate::cli::screen::{Screen, Table};
use crate::cli::session::{Session, failure};
use crate::model::Key;

/// How long to wait until every member has been heard and has its part in Raft.
const SETTLED: Duration = Duration::from_secs(5);

/// As many members vote, when there are as many.
const VOTERS: usize = 3;

/// What is about to happen.
pub fn opening(screen: Screen, ground: Ground, members: usize) {
    let members = plural(members, "member");
    match ground {
        Ground::Namespaces => {
            screen.say(&format!("Starting {members} on this machine, each in a network namespace of its own"));
        }
        Ground::Loopback => {
            screen.say(&format!("Starting {members} on this machine's loopback, with imagined hosts (--host fake):"));
            screen.say("pools and bridges exist in memory only. As root they are real, in network namespaces.");
        }
    }
}

/// The members with their parts.
pub async fn members(screen: Screen, running: &[Running], ready: &[Duration], begun: Instant) -> Result<(), Failure> {
    let Some(first) = running.first() else { return Ok(()) };
    let listed = settled(&first.session).await?;
    let formed = begun.elapsed();
    let mut table = Table::new([""; 5]);
    for (number, (daemon, ready)) in running.iter().zip(ready).enumerate() {
        let name = daemon.plot.name.as_str();
        let roles = listed.iter().find(|member| member.server_name == name).map(|member| member.roles.as_slice());
        let how = if number == 0 { "bootstrapped" } else { "joined" };
        table.push([
            format!("  {name}"),
            daemon.plot.address.to_string(),
            format!("ready in {}", duration::show(*ready)),
            how.to_owned(),
            part(roles.unwrap_or_default()).to_owned(),
        ]);
    }
    screen.say(table.aligned(screen.talk).trim_matches('\n'));
    screen.say(&format!("From nothing to {} online in {}", plural(running.len(), "member"), duration::show(formed)));
    Ok(())
}

// A member that has joined is heard, and becomes a voter, a moment later.
async fn settled(session: &Session) -> Result<Vec<ClusterMember>, Failure> {
    let start = Instant::now();
    loop {
        let members = session.client.members().await.map_err(failure)?;
        let voters = members.iter().filter(|member| matches!(part(&member.roles), "leader" | "voter")).count();
        let is_heard = members.iter().all(|member| member.status == "Online");
        if is_heard && voters >= members.len().min(VOTERS) || start.elapsed() > SETTLED {
            return Ok(members);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn part(roles: &[String]) -> &'static str {
    let has = |role: &str| roles.iter().any(|candidate| candidate == role);
    match (has("database-leader"), has("database"), has("database-standby")) {
        (true, _, _) => "leader",
        (_, true, _) => "voter",
        (_, _, true) => "standby",
        _ => "",
    }
}

/// The converged cluster, and the proof that a second apply changes nothing.
///
/// # Errors
/// What the daemon says.
pub async fn ending(exit: Exit, invocation: &apply::Invocation, session: &Session) -> Result<(), Failure> {
    if exit == Exit::Done {
        let again = apply::plan(invocation, session).await?;
        session.screen.say(if again.is_empty() {
            "Applying it again would change nothing."
        } else {
            "Applying it again would change something, which is a bug: please report it with the manifest."
        });
    }
    session.screen.say("");
    let own = invocation.desired.objects.keys().filter(|key| key.kind.as_str() != Key::MEMBER);
    status::once(&own.cloned().collect::<Vec<_>>(), session).await.map(|_| ())
}

/// How to talk to what goes on, and how to end it.
pub fn kept(screen: Screen, room: &Path, record: &Record) {
    let Some(state_dir) = record.state_dirs().next() else { return };
    let dir = state_dir.display();
    screen.say("");
    screen.say("It goes on running. To talk to it:");
    screen.say(&format!("  export SEEDBED_DIR={dir} LXD_DIR={dir}"));
    screen.say("  seedbed status --watch · seedbed plan FILE · seedbed cluster list · lxc cluster list");
    screen.say(&format!("To end it: seedbed sandbox --stop {}", room.display()));
}

/// That nothing is left.
pub fn gone(screen: Screen, file: &str) {
    screen.say("");
    screen.say(&format!("The sandbox is gone again. To keep it running: seedbed sandbox --keep {file}"));
}
