//! What clients, sources and other members ask for, carried out.
//!
//! Above the store and below the server: nothing here answers a route; it names those of other members that it asks. Reads
//! come from this member's own store; writes go into the log, whoever leads. What replaces the store itself (forming,
//! joining, leaving a cluster) is done by the daemon above, through [`ClusterLifecycle`].

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod blocking;
pub(crate) mod cluster;
pub(crate) mod events;
pub(crate) mod extensions;
pub(crate) mod failpoints;
pub(crate) mod interfaces;
pub(crate) mod machine;
pub(crate) mod message;
pub(crate) mod objects;
pub(crate) mod operations;
pub(crate) mod ownership;
pub(crate) mod peers;
pub(crate) mod plans;
pub(crate) mod rng;
pub(crate) mod server;
pub(crate) mod sources;
pub(crate) mod webhooks;
pub(crate) mod wire;

pub use access::bodies::Bodies;
pub use access::caller::Caller;
pub use access::connection_limits::ConnectionLimits;
pub use access::credentials::{Credentials, Pair};
pub use access::strangers::{STANDING, Strangers};
pub use access::trust::{CLUSTER_CERTIFICATE, Trust};
pub use cluster::admission::SCHEMA;
pub use cluster::agreement::check as check_agreement;
pub use cluster::configuration::configuration;
pub use cluster::configure::{CLUSTER_ADDRESS, HTTPS_ADDRESS, METRICS_ADDRESS, covers, listen_keys};
pub use cluster::freshness::HeardReport;
pub use cluster::join::{CHALLENGE, COMMIT, HELLO, OFFER, UNDO};
pub use cluster::lifecycle::{ClusterLifecycle, Leaving, LifecycleFuture};
pub use cluster::members::offline_after_ms;
pub use cluster::removal::{id_of, step_down};
pub use cluster::shared_certificate::{follow as follow_shared_certificate, renew as renew_shared_certificate};
pub use events::{Events, rfc3339};
pub use extensions::EXTENSIONS;
pub use failpoints::{Failpoint, Failpoints};
pub use message::WebhookMessage;
pub use objects::records::{submit_as, typed};
pub use operations::Operations;
pub use peers::connections::{Channel, Peers, unreachable};
pub use plans::apply::{Applied, ApplyOptions, PlanOptions, apply, barred, hide_secrets, planned, settle};
pub use plans::drift::{SinceSource, since_source};
pub use rng::SystemRng;
pub use server::{CLUSTER_ID, LocalMember, Server, store_failed, with_causes};
pub use sources::{hand_over, set_source_status, source_status};
pub use webhooks::set_webhook_status;
pub use wire::hex;
