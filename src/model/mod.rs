//! The nouns of Seedbed. No input or output, no clock, no randomness: every other layer may use these.

mod audit;
mod command;
mod condition;
mod config;
mod desired;
mod extent;
mod finding;
mod key;
mod liveness;
mod management;
mod name;
mod number;
mod object;
mod selection;
mod size;
mod state;
mod tally;
mod waves;

pub use audit::{AuditCheck, AuditEntry, Audited, Broken, Deed, Did, Origin};
pub use command::{Change, Command, Expect, Fault, PlacementReport, Put, Reply, Report, Stage, Write};
pub use condition::{Condition, ConditionState};
pub use config::Config;
pub use desired::{Declared, Desired, own_of};
pub use extent::{Extent, Known};
pub use finding::{Finding, Label, Place, Severity, pointer, steps_of};
pub use key::Key;
pub use liveness::{LastSeen, Liveness};
pub use management::{ApplyMode, Claim, Heal, Management, Policy};
pub use name::{KindName, MemberName, ProjectName};
pub use number::{Generation, MemberId, Revision, Term, Timestamp};
pub use object::{Object, Phase, Placement, PlacementPhase, Rollout, Spec};
pub use selection::Selection;
pub use size::{ByteSize, ByteSizeError};
pub use state::ClusterState;
pub use tally::{BUCKETS_MS, Ending, Tally, Timing};
pub use waves::{Canary, Kept, Progress, Waves, may_act};
