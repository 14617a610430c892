//! openraft and its surroundings: the network between members, heartbeats, who leads and who takes part.

pub mod codec;
pub mod heartbeat;
pub mod leadership;
pub mod log_match;
pub mod members;
pub mod network;
pub mod rpc_server;
pub mod transport;
pub mod types;
pub mod wire;
