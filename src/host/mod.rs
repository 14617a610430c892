//! What one machine can do, as traits. `linux` does it, `fake` imagines it; kinds decide what is done.

mod cidr;
mod clock;
mod cluster_clock;
mod error;
pub mod fake;
mod link;
#[cfg(target_os = "linux")]
pub mod linux;
mod network;
#[cfg(test)]
mod skip;
mod storage;
mod unfit;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

pub use cidr::{Cidr, CidrError, Family, number};
pub use clock::Clock;
pub use cluster_clock::ClusterClock;
pub use error::{HostError, Lasting};
pub use link::{Counters, Lease, Link, LinkAddress, Mac, MacError, Reach};
pub use network::{
    BridgeAsk, BridgeFacts, BridgeMedium, BridgeSeen, BridgeStep, Dhcp4, Disturbance, Dns, FamilyRules, Filter, Mode6,
    Nat, Network, Rules, Serve4, Serve6, Service, ServiceState,
};
#[cfg(test)]
pub(crate) use skip::skip;
pub use storage::{BTRFS_MOUNT_OPTIONS, DriverState, PoolAsk, PoolMedium, PoolSeen, PoolStep, PoolUsage, Storage};
pub use unfit::Unfit;

/// What a host call returns: traits with these can be kept as `dyn`.
pub type HostFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, HostError>> + Send + 'a>>;

/// One machine. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// Its storage pools.
    pub storage: Arc<dyn Storage>,
    /// Its networks.
    pub network: Arc<dyn Network>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// Where it keeps things.
    pub dirs: Dirs,
}

/// The directories of one daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    /// The state directory: `/var/lib/seedbed`.
    pub state: PathBuf,
}

impl Dirs {
    /// The directories below a state directory.
    pub fn below(state: impl Into<PathBuf>) -> Self {
        Self { state: state.into() }
    }
}
