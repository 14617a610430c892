//! The server: LXD's API and Seedbed's own, for clients and for other members.
//!
//! Reads come from this member's own store. Writes go into the log, whoever leads. Whatever replaces the store itself
//! (forming, joining, leaving a cluster) is done by the daemon above, through [`Former`].

mod admit;
mod answer;
mod asked;
mod assert;
mod audit;
mod caller;
mod carry;
mod certificates;
mod change;
mod cluster;
mod collection;
mod configure;
mod crash;
mod credentials;
mod dice;
mod events;
mod everyone;
mod former;
mod forward;
mod gate;
mod internal;
mod join;
mod leave;
mod machine;
mod members;
mod metrics;
mod operations;
pub mod origin;
pub mod password;
mod peers;
mod raft;
mod root;
mod router;
mod seedbed;
mod serve;
mod server;
mod shown;
mod sources;
mod tokens;
pub mod write;

pub use admit::SCHEMA;
pub use answer::hex;
pub use assert::check as check_agreement;
pub use caller::{Caller, Trust};
pub use carry::{Applied, apply, hide_secrets, planned, settle};
pub use configure::{CLUSTER_ADDRESS, HTTPS_ADDRESS};
pub use crash::{Crash, CrashPoint};
pub use credentials::{Credentials, Pair};
pub use dice::SystemDice;
pub use events::{Events, rfc3339};
pub use former::{Former, Forming, Leaving};
pub use join::{CHALLENGE, COMMIT, OFFER, UNDO};
pub use leave::id_of;
pub use members::offline_after_ms;
pub use operations::Operations;
pub use peers::{Line, Peers, unreachable};
pub use raft::{SNAPSHOT, TO};
pub use root::configuration;
pub use router::router;
pub use serve::{serve_tls, serve_unix};
pub use server::{Node, Server, store_failed, with_causes};
pub use sources::{hand_over, set_source_status, source_status};
pub use write::{submit_as, typed};
