//! The server: LXD's API and Seedbed's own, for clients and for other members.
//!
//! Reads come from this member's own store. Writes go into the log, whoever leads. Whatever replaces the store itself
//! (forming, joining, leaving a cluster) is done by the daemon above, through [`Former`].

mod internal;
mod lxd;
mod seedbed;
mod server;

pub use server::access::SNAPSHOT as SNAPSHOT_PATH;

pub use internal::raft::{SNAPSHOT, TO};

pub use server::router::{metrics_router, router};
pub use server::serve::{serve_tls, serve_unix};
