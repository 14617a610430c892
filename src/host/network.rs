//! What one machine can do with networks: bridges with all that belongs to them, and a look at every interface.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use super::HostFuture;
use super::Unfit;
use super::cidr::{Cidr, Family};
use super::link::{Lease, Link, Mac};
use crate::model::Revision;

/// The networks of one machine.
pub trait Network: Send + Sync {
    /// What stands under the name of a bridge, compared with what is asked for; `None` when there is nothing.
    fn look<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<BridgeSeen>>;

    /// Does one step. Doing a step twice is harmless.
    fn act<'a>(&'a self, bridge: &'a BridgeAsk, step: &'a BridgeStep) -> HostFuture<'a, ()>;

    /// A setting that the programs of the machine would not take, asked without changing anything.
    fn judge<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<Unfit>>;

    /// Whether an interface could be attached to a bridge, which need not be there yet. Nothing is changed.
    fn attachable<'a>(&'a self, bridge: &'a BridgeAsk, port: &'a str) -> HostFuture<'a, ()>;

    /// Every interface of the machine, in the order of their names.
    fn links(&self) -> HostFuture<'_, Vec<Link>>;

    /// The interface of this name.
    fn link<'a>(&'a self, name: &'a str) -> HostFuture<'a, Option<Link>>;

    /// The addresses that the DHCP server of a bridge has given out.
    fn leases<'a>(&'a self, bridge: &'a str) -> HostFuture<'a, Vec<Lease>>;

    /// Waits until something that was made here is no more as it was, and it is worth looking at once.
    /// A machine that cannot tell waits for ever.
    fn disturbed(&self) -> Disturbance<'_> {
        Box::pin(std::future::pending())
    }
}

/// What [`Network::disturbed`] returns.
pub type Disturbance<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A bridge as it is to stand, with every choice made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeAsk {
    /// The name of the interface.
    pub name: String,
    /// The object that it belongs to.
    pub uid: Revision,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// The hardware address; fixed, so that it does not follow the ports.
    pub hwaddr: Mac,
    /// Whether the machine itself speaks IPv6 on it.
    pub ipv6: bool,
    /// The addresses of the machine on it.
    pub addresses: Vec<Cidr>,
    /// Further subnets that are reached through it.
    pub routes: Vec<Cidr>,
    /// Interfaces of the machine that are attached to it: `bridge.external_interfaces`.
    pub ports: Vec<String>,
    /// The families that the machine forwards.
    pub forward: Vec<Family>,
    /// Its packet rules; `None` when it needs none.
    pub rules: Option<Rules>,
    /// Its DHCP and DNS server; `None` when it needs none.
    pub service: Option<Service>,
}

/// What stands under the name of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BridgeSeen {
    /// The interface.
    pub medium: BridgeMedium,
    /// Its packet rules.
    pub rules: ServiceState,
    /// Its DHCP and DNS server.
    pub service: ServiceState,
    /// The families of [`BridgeAsk::forward`] that the machine does not forward.
    pub not_forwarded: Vec<Family>,
    /// Whether files are kept for it.
    pub files: bool,
}

/// The interface of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BridgeMedium {
    /// There is no interface of this name.
    #[default]
    Absent,
    /// It was made for this object.
    Ours(BridgeFacts),
    /// Somebody else's: never touched.
    Foreign {
        /// What it is, for people.
        what: String,
    },
}

/// How the interface of a bridge is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeFacts {
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// The hardware address.
    pub hwaddr: Mac,
    /// Whether it is switched on.
    pub up: bool,
    /// Whether the machine speaks IPv6 on it.
    pub ipv6: bool,
    /// The addresses of the machine on it, without those that the kernel makes itself.
    pub addresses: Vec<Cidr>,
    /// Routes that were made for it.
    pub routes: Vec<Cidr>,
    /// The interfaces of the machine that were attached to it; not those of instances.
    pub ports: Vec<String>,
}

/// How something stands beside what is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceState {
    /// It does not exist.
    #[default]
    Absent,
    /// It is as asked.
    AsAsked,
    /// It exists and is not as asked, or is not asked for.
    Otherwise,
}

/// One thing to do with a bridge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BridgeStep {
    /// Makes the interface, marked as ours.
    Make,
    /// Sets whether the machine speaks IPv6 on it.
    SetIpv6 {
        /// Whether it does.
        on: bool,
    },
    /// Sets the largest packet.
    SetMtu(u32),
    /// Sets the hardware address.
    SetHwaddr(Mac),
    /// Switches it on.
    Up,
    /// Adds an address.
    AddAddress(Cidr),
    /// Takes an address away.
    DropAddress(Cidr),
    /// Adds a route.
    AddRoute(Cidr),
    /// Takes a route away.
    DropRoute(Cidr),
    /// Lets the machine forward packets.
    Forward(Family),
    /// Attaches an interface of the machine, unless it has addresses or belongs to another bridge.
    Attach(String),
    /// Detaches an interface of the machine.
    Detach(String),
    /// Loads the packet rules, in one transaction.
    LoadRules,
    /// Takes the packet rules away.
    DropRules,
    /// Starts the DHCP and DNS server; one that runs otherwise is stopped first.
    StartService,
    /// Stops the DHCP and DNS server.
    StopService,
    /// Removes the interface.
    Remove,
    /// Removes the files that were kept for it.
    Forget,
}

/// Packet rules of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// For IPv4.
    pub ipv4: FamilyRules,
    /// For IPv6.
    pub ipv6: FamilyRules,
}

/// Packet rules for one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyRules {
    /// Address translation for what leaves the subnet.
    pub nat: Option<Nat>,
    /// What may pass; `None` leaves that to the machine's own firewall.
    pub filter: Option<Filter>,
}

/// Address translation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nat {
    /// The subnet that is hidden.
    pub subnet: Cidr,
    /// The address that it is hidden behind; `None` for that of the outgoing interface.
    pub behind: Option<IpAddr>,
}

/// What may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Whether packets are routed between the bridge and other networks.
    pub routed: bool,
    /// Whether the machine is asked for addresses.
    pub dhcp: bool,
    /// Whether the machine is asked for names.
    pub dns: bool,
}

/// The DHCP and DNS server of a bridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// For IPv4.
    pub ipv4: Option<Serve4>,
    /// For IPv6.
    pub ipv6: Option<Serve6>,
    /// Names; `None` when the server answers no questions about them.
    pub dns: Option<Dns>,
    /// What clients are told to use as their largest packet; `None` when it is the usual one.
    pub mtu: Option<u32>,
    /// Further settings of the server, as the operator wrote them.
    pub raw: String,
}

/// What is served in IPv4.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serve4 {
    /// The address that the server listens on.
    pub listen: Cidr,
    /// Addresses; `None` when none are given out.
    pub dhcp: Option<Dhcp4>,
}

/// How IPv4 addresses are given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dhcp4 {
    /// First and last address of each range.
    pub ranges: Vec<(IpAddr, IpAddr)>,
    /// How long a lease holds: `1h`.
    pub expiry: String,
    /// The gateway to tell clients of, when it is not the server.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers to tell clients of, when it is not the server.
    pub nameservers: Vec<IpAddr>,
    /// Routes to tell clients of: subnet and gateway in turn.
    pub routes: Vec<String>,
}

/// What is served in IPv6.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serve6 {
    /// The address that the server listens on.
    pub listen: Cidr,
    /// How clients come by addresses.
    pub mode: Mode6,
}

/// How clients come by IPv6 addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode6 {
    /// The router announces itself; clients make their own addresses.
    Announced,
    /// The same, and other settings come by DHCP.
    Stateless,
    /// Addresses come by DHCP.
    Stateful {
        /// First and last address of each range.
        ranges: Vec<(IpAddr, IpAddr)>,
        /// How long a lease holds.
        expiry: String,
    },
}

/// What the server knows of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// The domain of the network.
    pub domain: String,
    /// The domains that clients search; empty for the network's own.
    pub search: Vec<String>,
}

impl fmt::Display for BridgeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Make => f.write_str("make the bridge"),
            Self::SetIpv6 { on: true } => f.write_str("switch IPv6 on"),
            Self::SetIpv6 { on: false } => f.write_str("switch IPv6 off"),
            Self::SetMtu(mtu) => write!(f, "set the mtu to {mtu}"),
            Self::SetHwaddr(mac) => write!(f, "set the hardware address to {mac}"),
            Self::Up => f.write_str("switch it on"),
            Self::AddAddress(address) => write!(f, "add the address {address}"),
            Self::DropAddress(address) => write!(f, "take away the address {address}"),
            Self::AddRoute(route) => write!(f, "add a route to {route}"),
            Self::DropRoute(route) => write!(f, "take away the route to {route}"),
            Self::Forward(family) => write!(f, "let the machine forward {family}"),
            Self::Attach(port) => write!(f, "attach the interface {port}"),
            Self::Detach(port) => write!(f, "detach the interface {port}"),
            Self::LoadRules => f.write_str("load the packet rules"),
            Self::DropRules => f.write_str("take away the packet rules"),
            Self::StartService => f.write_str("start the DHCP and DNS server"),
            Self::StopService => f.write_str("stop the DHCP and DNS server"),
            Self::Remove => f.write_str("remove the bridge"),
            Self::Forget => f.write_str("remove its files"),
        }
    }
}
