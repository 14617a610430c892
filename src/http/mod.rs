//! The server: LXD's API and Seedbed's own, for clients and for other members.
//!
//! Routes, envelope, authentication and streaming; what they ask for is carried out by [`service`](crate::service).

mod internal;
mod lxd;
mod seedbed;
mod server;

pub use internal::raft::{SNAPSHOT, TO};
pub use server::access::SNAPSHOT as SNAPSHOT_PATH;
pub use server::router::{metrics_router, router};
pub use server::serve::{serve_tls, serve_unix};
