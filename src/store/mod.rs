//! The replicated store: openraft with a durable log in SQLite and a state machine in SQLite.
//!
//! A command goes in through [`Store::submit`] on any member, is put into the log by the leader, is on disk on
//! most voters before it counts, and is applied everywhere by [`transition`], which knows no resource kind.
//! Reads are local. The network is a [`Transport`] that the daemon brings.
//!
//! `raft` is openraft with its network, `log` its log, `machine` its state machine; `raft/codec` and `raft/wire` are what
//! others read of us.

mod disk;
mod error;
mod failure;
mod freshness;
mod handle;
mod inner;
mod lock;
mod log;
mod machine;
mod options;
mod submit;

#[cfg(test)]
pub(crate) use log::forget_committed;

pub use error::StoreError;
pub use freshness::Freshness;
pub use handle::Store;
pub use lock::DirLock;
pub use machine::apply::{Transition, needs_action, transition};
pub use machine::state_view::{MemoryState, View};
pub use machine::{AuditAsk, Incoming};
pub use options::{Peer, StoreOptions, Timing};
pub use raft::leadership::{Leadership, PeerStatus, Role};
pub use raft::transport::{BoxFuture, Rpc, Transport, TransportError};

mod raft;
mod read_index;
#[cfg(test)]
mod tests;
