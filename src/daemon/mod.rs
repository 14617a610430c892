//! The composition root: picks the real machine or the imagined one, wires everything, starts and stops it.

mod certificate;
mod durable;
mod error;
mod form;
mod listen;
mod liveness;
mod loops;
mod machine;
mod notify;
mod options;
mod peer_runtime;
mod ports;
mod renew;
mod run;
mod shared_certificate;
mod sources;
mod state_dir;
mod tls;
mod transport;
mod webhooks;

pub use crate::service::{Failpoint, Failpoints};
pub use error::DaemonError;
pub use options::{DaemonOptions, HostChoice, SourceReading};
pub use run::{Daemon, run};

mod context;
mod initial_records;
mod join_journal;
mod removal_check;
#[cfg(test)]
mod tests;
