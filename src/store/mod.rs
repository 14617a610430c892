//! The replicated store: openraft with a durable log in SQLite and a state machine in SQLite.
//!
//! A command goes in through [`Store::submit`] on any member, is put into the log by the leader, is on disk on
//! most voters before it counts, and is applied everywhere by [`transition`], which knows no resource kind.
//! Reads are local. The network is a [`Transport`] that the daemon brings.
//!
//! `log` is openraft's log, `machine` its state machine; `codec` and `wire` are what others read of us.

mod answer;
mod audit;
mod barrier;
mod codec;
mod disk;
mod error;
mod failure;
mod fitness;
mod freshness;
mod handle;
mod inner;
mod leadership;
mod lock;
mod log;
mod machine;
mod members;
mod network;
mod options;
mod pace;
mod submit;
mod transition;
mod transport;
mod types;
mod view;
mod wire;

#[cfg(test)]
pub(crate) use log::forget_committed;

pub use error::StoreError;
pub use freshness::Freshness;
pub use handle::Store;
pub use leadership::{Leadership, PeerStatus, Role};
pub use lock::DirLock;
pub use machine::{AuditAsk, Incoming};
pub use options::{Peer, StoreOptions, Timing};
pub use transition::{Transition, needs_action, transition};
pub use transport::{BoxFuture, Rpc, Transport, TransportError};
pub use view::{Ledger, View};

#[cfg(test)]
mod tests;
