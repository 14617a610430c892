//! Interfaces, addresses and routes through netlink: no programs, and no `/sys`, which shows another
//! network namespace in some set-ups.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol, RouteScope};
use rtnetlink::{AddressMessageBuilder, Handle, LinkBridge, LinkMessageBuilder, LinkUnspec, RouteMessageBuilder};
use rustix::io::Errno;
use tokio::sync::OnceCell;

use crate::host::{Cidr, Counters, Family, HostError, Link, LinkAddress, Mac, Reach};

/// The kernel's networks. The socket for questions and changes is opened at its first use and kept; see [`lister`].
#[derive(Default)]
pub struct Kernel {
    handle: OnceCell<Handle>,
}

// Routes of ours are told from those of others by the number of their maker.
const OUR_ROUTES: RouteProtocol = RouteProtocol::Other(183);

impl Kernel {
    async fn handle(&self) -> Result<&Handle, HostError> {
        self.handle.get_or_try_init(|| async { open() }).await
    }

    /// The interface of this name, without its addresses.
    pub async fn find(&self, name: &str) -> Result<Option<Link>, HostError> {
        let mut found = self.handle().await?.link().get().match_name(name).execute();
        match found.try_next().await {
            Ok(message) => Ok(message.map(to_link)),
            Err(error) if is(&error, &[Errno::NODEV]) => Ok(None),
            Err(error) => Err(failed(&format!("look for the interface `{name}`"), &error)),
        }
    }

    /// The interface of this name.
    pub async fn link(&self, name: &str) -> Result<Option<Link>, HostError> {
        let Some(mut link) = self.find(name).await? else { return Ok(None) };
        link.addresses = self.addresses(Some(link.index)).await?.into_iter().map(|(_, address)| address).collect();
        Ok(Some(link))
    }

    /// All interfaces, in the order of their names.
    pub async fn links(&self) -> Result<Vec<Link>, HostError> {
        let lister = lister()?;
        let messages: Result<Vec<LinkMessage>, _> = lister.link().get().execute().try_collect().await;
        let messages = messages.map_err(|error| failed("list the interfaces", &error))?;
        let mut links: Vec<Link> = messages.into_iter().map(to_link).collect();
        for (index, address) in self.addresses(None).await? {
            if let Some(link) = links.iter_mut().find(|link| link.index == index) {
                link.addresses.push(address);
            }
        }
        links.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(links)
    }

    async fn addresses(&self, of: Option<u32>) -> Result<Vec<(u32, LinkAddress)>, HostError> {
        let lister = lister()?;
        let mut request = lister.address().get();
        if let Some(index) = of {
            // The kernel filters by this number, which spares it to list thousands of addresses.
            request.message_mut().header.index = index;
            request = request.set_link_index_filter(index);
        }
        let messages: Result<Vec<AddressMessage>, _> = request.execute().try_collect().await;
        let messages = messages.map_err(|error| failed("list the addresses", &error))?;
        Ok(messages.iter().filter_map(|message| Some((message.header.index, to_address(message)?))).collect())
    }

    /// Makes a bridge that is marked from the first moment on that it has its name.
    pub async fn make_bridge(&self, name: &str, mark: &str, mtu: u32, hwaddr: Mac) -> Result<(), HostError> {
        let doing = format!("make the bridge `{name}`");
        // The kernel takes no mark when it makes an interface: it is made under a passing name first.
        let passing = passing_name(mark, name);
        if let Some(left) = self.find(&passing).await? {
            self.delete(&left).await?;
        }
        let message = LinkMessageBuilder::<LinkBridge>::new(&passing).mtu(mtu).address(hwaddr.0.to_vec()).build();
        self.handle().await?.link().add(message).execute().await.map_err(|error| failed(&doing, &error))?;
        let made = self.find(&passing).await?;
        let made = made.ok_or_else(|| HostError::passing(&doing, "NetlinkFailed", "it was gone at once"))?;
        self.set(&doing, LinkUnspec::new_with_index(made.index).name(name).alias(mark)).await
    }

    /// Changes an interface.
    pub async fn set(&self, doing: &str, change: LinkMessageBuilder<LinkUnspec>) -> Result<(), HostError> {
        let request = self.handle().await?.link().set(change.build());
        request.execute().await.map_err(|error| failed(doing, &error))
    }

    /// Removes an interface; one that has gone is no error.
    pub async fn delete(&self, link: &Link) -> Result<(), HostError> {
        let done = self.handle().await?.link().del(link.index).execute().await;
        gracious(&format!("remove the interface `{}`", link.name), done, &[Errno::NODEV])
    }

    /// Adds an address to an interface; one that it has is no error.
    pub async fn add_address(&self, link: &Link, cidr: Cidr) -> Result<(), HostError> {
        let mut request = self.handle().await?.address().add(link.index, cidr.address, cidr.prefix);
        if cidr.family() == Family::V6 {
            // A bridge without ports has no carrier: the check for duplicates would not end, and nobody could listen.
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        gracious(&format!("add {cidr} to `{}`", link.name), request.execute().await, &[Errno::EXIST])
    }

    /// Takes an address from an interface; one that it does not have is no error.
    pub async fn drop_address(&self, link: &Link, cidr: Cidr) -> Result<(), HostError> {
        let message = match cidr.address {
            IpAddr::V4(address) => {
                AddressMessageBuilder::<Ipv4Addr>::new().index(link.index).address(address, cidr.prefix).build()
            }
            IpAddr::V6(address) => {
                AddressMessageBuilder::<Ipv6Addr>::new().index(link.index).address(address, cidr.prefix).build()
            }
        };
        let done = self.handle().await?.address().del(message).execute().await;
        gracious(&format!("take {cidr} from `{}`", link.name), done, &[Errno::ADDRNOTAVAIL])
    }

    /// The routes that were made for an interface.
    pub async fn routes(&self, link: &Link) -> Result<Vec<Cidr>, HostError> {
        let ipv4 = RouteMessageBuilder::<Ipv4Addr>::new().protocol(OUR_ROUTES).output_interface(link.index).build();
        let ipv6 = RouteMessageBuilder::<Ipv6Addr>::new().protocol(OUR_ROUTES).output_interface(link.index).build();
        let (lister, mut routes) = (lister()?, Vec::new());
        for message in [ipv4, ipv6] {
            let found: Result<Vec<RouteMessage>, _> = lister.route().get(message).execute().try_collect().await;
            let found = found.map_err(|error| failed(&format!("list the routes of `{}`", link.name), &error))?;
            routes.extend(found.iter().filter(|route| leads_to(route, link.index)).filter_map(to_route));
        }
        Ok(routes)
    }

    /// Adds a route through an interface; one that exists is no error.
    pub async fn add_route(&self, link: &Link, to: Cidr) -> Result<(), HostError> {
        let done = self.handle().await?.route().add(route(link.index, to)).execute().await;
        gracious(&format!("add a route to {to} through `{}`", link.name), done, &[Errno::EXIST])
    }

    /// Takes a route away; one that does not exist is no error.
    pub async fn drop_route(&self, link: &Link, to: Cidr) -> Result<(), HostError> {
        let done = self.handle().await?.route().del(route(link.index, to)).execute().await;
        gracious(&format!("take away the route to {to} through `{}`", link.name), done, &[Errno::SRCH, Errno::NODEV])
    }
}

fn open() -> Result<Handle, HostError> {
    let failed = |cause| HostError::passing("open a netlink socket", "NetlinkFailed", cause);
    let (connection, handle, _) = rtnetlink::new_connection_with_strict_check().map_err(failed)?;
    tokio::spawn(connection);
    Ok(handle)
}

/// A socket for one list. The kernel refuses a list (`EBUSY`) while another one is under way on the same socket, also
/// one that nobody waits for any more. It must be kept until the list has ended: the socket goes with it.
fn lister() -> Result<Handle, HostError> {
    open()
}

fn passing_name(mark: &str, name: &str) -> String {
    format!("sb-{}", &super::digest(&[mark, name])[..10])
}

fn route(index: u32, to: Cidr) -> RouteMessage {
    match to.address {
        IpAddr::V4(address) => RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(address, to.prefix)
            .output_interface(index)
            .protocol(OUR_ROUTES)
            .scope(RouteScope::Link)
            .build(),
        IpAddr::V6(address) => RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(address, to.prefix)
            .output_interface(index)
            .protocol(OUR_ROUTES)
            .build(),
    }
}

fn leads_to(route: &RouteMessage, index: u32) -> bool {
    route.header.protocol == OUR_ROUTES && route.attributes.contains(&RouteAttribute::Oif(index))
}

fn to_route(route: &RouteMessage) -> Option<Cidr> {
    let address = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })?;
    Some(Cidr { address, prefix: route.header.destination_prefix_length })
}

fn to_link(message: LinkMessage) -> Link {
    let mut link = Link {
        index: message.header.index,
        up: message.header.flags.contains(LinkFlags::Up),
        kind: plain_kind(&message).to_owned(),
        ..Link::default()
    };
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::IfAlias(alias) => link.alias = Some(alias),
            LinkAttribute::Mtu(mtu) => link.mtu = mtu,
            LinkAttribute::Address(bytes) => link.hwaddr = <[u8; 6]>::try_from(bytes).ok().map(Mac),
            LinkAttribute::Controller(index) => link.controller = Some(index).filter(|index| *index != 0),
            LinkAttribute::LinkInfo(infos) => link.kind = made_kind(&infos).unwrap_or(&link.kind).to_owned(),
            LinkAttribute::Stats64(stats) => {
                link.counters = Counters {
                    bytes_received: stats.rx_bytes,
                    bytes_sent: stats.tx_bytes,
                    packets_received: stats.rx_packets,
                    packets_sent: stats.tx_packets,
                }
            }
            _ => {}
        }
    }
    link
}

fn plain_kind(message: &LinkMessage) -> &'static str {
    if message.header.flags.contains(LinkFlags::Loopback) {
        "loopback"
    } else if message.header.link_layer_type == LinkLayerType::Ether {
        "physical"
    } else {
        "unknown"
    }
}

// Interfaces that were made in software name their kind; ports of a bridge only that of the bridge.
fn made_kind(infos: &[LinkInfo]) -> Option<&'static str> {
    infos.iter().find_map(|info| match info {
        LinkInfo::Kind(InfoKind::Bridge) => Some("bridge"),
        LinkInfo::Kind(InfoKind::Vlan) => Some("vlan"),
        LinkInfo::Kind(InfoKind::Bond) => Some("bond"),
        LinkInfo::Kind(_) => Some("unknown"),
        _ => None,
    })
}

fn to_address(message: &AddressMessage) -> Option<LinkAddress> {
    let local = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let any = || {
        message.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    };
    let scope = match message.header.scope {
        AddressScope::Link => Reach::Link,
        AddressScope::Host => Reach::Local,
        _ => Reach::Global,
    };
    Some(LinkAddress { cidr: Cidr { address: local.or_else(any)?, prefix: message.header.prefix_len }, scope })
}

fn is(error: &rtnetlink::Error, codes: &[Errno]) -> bool {
    let rtnetlink::Error::NetlinkError(message) = error else { return false };
    codes.iter().any(|code| code.raw_os_error() == -message.raw_code())
}

fn gracious(doing: &str, done: Result<(), rtnetlink::Error>, harmless: &[Errno]) -> Result<(), HostError> {
    match done {
        Err(error) if !is(&error, harmless) => Err(failed(doing, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(doing: &str, error: &rtnetlink::Error) -> HostError {
    if is(error, &[Errno::PERM]) {
        return HostError::lasting(doing, "NotPermitted", "the kernel does not permit it")
            .hinting("run the daemon as root, with CAP_NET_ADMIN");
    }
    if is(error, &[Errno::LOOP]) {
        return HostError::lasting(doing, "InterfaceUnfit", "the kernel attaches no bridge to another one")
            .hinting("name another interface");
    }
    match error {
        rtnetlink::Error::NetlinkError(message) => HostError::passing(doing, "KernelRefused", message.to_io()),
        other => HostError::passing(doing, "NetlinkFailed", other),
    }
}
