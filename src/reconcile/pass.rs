//! One pass of one member over its placements. Decides nothing about a host: see `kinds::Node::steps`.

use futures_util::StreamExt;
use futures_util::stream;

use super::attempts::{Memory, Next};
use super::backoff::wait_ms;
use super::status_update::StatusUpdate;
use super::work_queue::{Actor, Task, agenda};
use crate::host::{Host, HostError};
use crate::kinds::{ActOutcome, Intent, Rng};
use crate::model::{Config, Ending, MemberName, Object, PlacementReport, Timestamp};

/// So many placements are brought about at the same time: programs are run for each.
const PARALLEL_MAX: usize = 8;

/// How much of what stands on the host a pass looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PassScope {
    /// At what is new, changed, or failed and due again.
    AtWork,
    /// Also at everything that was as it should be when it was last looked at.
    AtAll,
}

/// Brings about what is due among `objects`, and returns what the state does not say yet.
///
/// With [`PassScope::AtAll`], `objects` are all that `me` has a placement of; otherwise those that need action
/// ([`Store::work`](crate::store::Store::work)) and those that [`Memory::failing`] names. The caller tells
/// `memory` when a report could not be sent. Dropping the future is a crash between two steps: it heals itself.
pub async fn pass(
    host: &Host,
    me: &MemberName,
    objects: &[Object],
    look: PassScope,
    memory: &mut Memory,
    rng: &mut (dyn Rng + Send),
) -> Vec<PlacementReport> {
    memory.keep(me, objects, look);
    for group in agenda(me, objects, memory, look, host.clock.now()) {
        // Not a closure: the compiler cannot tell that what it borrows may go to another thread.
        let mut attempts = Vec::new();
        for task in group {
            attempts.push(attempted(host, task));
        }
        let done: Vec<Attempted<'_>> = stream::iter(attempts).buffered(PARALLEL_MAX).collect().await;
        for Attempted { task, outcome, took_ms } in done {
            let ending = if matches!(outcome, ActOutcome::Failed(_)) { Ending::Failed } else { Ending::Done };
            memory.tally().record(&task.object.key.kind, ending, took_ms);
            match outcome {
                ActOutcome::Failed(error) if task.is_kept => {
                    tracing::warn!(object = %task.object.key, %error, "what it has until its turn is not kept up");
                }
                _ if task.is_kept => {}
                outcome => remember(memory, &task, outcome, host.clock.now(), rng),
            }
        }
    }
    memory.unsaid(me, objects, host.clock.now())
}

struct Attempted<'a> {
    task: Task<'a>,
    outcome: ActOutcome,
    took_ms: u64,
}

async fn attempted<'a>(host: &Host, task: Task<'a>) -> Attempted<'a> {
    let begun = host.clock.now();
    let outcome = attempt(host, &task).await;
    Attempted { task, outcome, took_ms: host.clock.now().since_ms(begun) }
}

async fn attempt(host: &Host, task: &Task<'_>) -> ActOutcome {
    match task.actor {
        Actor::Node(node) if task.left.is_some() => match node.survey(host, &task.work).await {
            Ok(steps) if steps.is_empty() => ActOutcome::Converged { learned: Config::default(), steps },
            Ok(steps) => ActOutcome::Drifted { steps },
            Err(error) => ActOutcome::Failed(error),
        },
        Actor::Node(node) => node.converge(host, &task.work).await,
        Actor::Nothing => match task.work.intent {
            Intent::Present => ActOutcome::Converged { learned: Config::default(), steps: Vec::new() },
            Intent::Absent => ActOutcome::Gone,
        },
        Actor::Unknown => ActOutcome::Failed(unknown_kind(task)),
    }
}

fn unknown_kind(task: &Task<'_>) -> HostError {
    let cause = format!("this version does not know the kind `{}`", task.object.key.kind);
    HostError::lasting(format!("bring about {}", task.object.key), "UnknownKind", cause)
        .hinting("a newer version has written it: upgrade this member")
}

fn remember(memory: &mut Memory, task: &Task<'_>, outcome: ActOutcome, now: Timestamp, rng: &mut dyn Rng) {
    let (said, next) = match StatusUpdate::of(task, outcome, now) {
        Ok(said) => (said, Next::WithAll),
        Err(error) => {
            tracing::warn!(object = %task.object.key, %error, "not done");
            let wait_ms = wait_ms(memory.waited_ms(task.object), error.lasting, rng);
            let due = Timestamp(now.0.saturating_add_unsigned(wait_ms));
            (StatusUpdate::failed(task, &error, wait_ms), Next::At { due, wait_ms })
        }
    };
    memory.record(task.object, said, next);
}
