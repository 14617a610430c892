//! The replicated store: openraft with a durable log in SQLite and a state machine in SQLite.
//!
//! A command goes in through [`Store::submit`] on any member, is put into the log by the leader, is on disk on
//! most voters before it counts, and is applied everywhere by [`transition`], which knows no resource kind.
//! Reads are local. The network is a [`Transport`] that the daemon brings.

mod error;
mod handle;
mod options;
mod transition;
mod transport;
mod view;

pub use error::StoreError;
pub use handle::{Leadership, PeerStatus, Role, Store};
pub use options::{Peer, StoreOptions, Timing};
pub use transition::{Transition, needs_action, transition};
pub use transport::{BoxFuture, Rpc, Transport, TransportError};
pub use view::{Ledger, View};
