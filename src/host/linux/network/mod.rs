//! Networks of this machine: interfaces through netlink, packet rules through `nft`, DHCP and DNS through `dnsmasq`.

mod arguments;
mod files;
mod kernel;
mod leases;
mod links;
mod process;
mod rules;
mod ruleset;
mod service;
mod sysctl;
mod trial;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use rtnetlink::LinkUnspec;
use sha2::{Digest, Sha256};

use self::files::Files;
use self::kernel::Kernel;
use self::watch::Watch;
use super::Runner;
use crate::host::{
    BridgeAsk, BridgeFacts, BridgeMedium, BridgeSeen, BridgeStep, Cidr, Disturbance, HostError, HostFuture, Lease,
    Link, Network, Reach, ServiceState, Unfit,
};

/// What was attached to a bridge and added to it: nothing else is ever taken away again.
const PORTS: &str = "ports.json";
const ADDRESSES: &str = "addresses.json";

/// The networks of this machine.
pub struct LinuxNetwork {
    state: PathBuf,
    runner: Arc<dyn Runner>,
    kernel: Kernel,
    watch: Arc<Watch>,
    /// The kernel is listened to from the first time on that somebody wants to know.
    listening: Once,
    /// Tells the bridges of this daemon from those of another one on the machine.
    tag: String,
}

impl LinuxNetwork {
    /// Keeps its files below `state_dir` and runs programs through `runner`.
    pub fn new(state_dir: &Path, runner: Arc<dyn Runner>) -> Self {
        // However the directory is spelled, it is the same daemon.
        let spelled = state_dir.canonicalize().or_else(|_| std::path::absolute(state_dir));
        let tag = digest(&[&spelled.as_deref().unwrap_or(state_dir).to_string_lossy()])[..8].to_owned();
        Self {
            state: state_dir.to_owned(),
            runner,
            kernel: Kernel::default(),
            watch: Arc::default(),
            listening: Once::new(),
            tag,
        }
    }

    fn files(&self, bridge: &str) -> Files {
        Files::of(&self.state, bridge)
    }

    fn mark(&self, ask: &BridgeAsk) -> String {
        format!("seedbed:{}@{}", ask.uid, self.tag)
    }

    async fn look_now(&self, ask: &BridgeAsk) -> Result<Option<BridgeSeen>, HostError> {
        let files = self.files(&ask.name);
        let link = self.kernel.link(&ask.name).await?;
        let index = link.as_ref().map(|link| link.index);
        let seen = BridgeSeen {
            medium: match link {
                None => BridgeMedium::Absent,
                Some(link) if link.alias.as_deref() == Some(&self.mark(ask)) => {
                    self.watch.stands(&ask.name);
                    BridgeMedium::Ours(self.facts(ask, &files, link).await?)
                }
                Some(link) => BridgeMedium::Foreign { what: foreign(&link) },
            },
            rules: rules::standing(self.runner.as_ref(), &files, ask).await?,
            service: service::standing(&files, ask, index),
            not_forwarded: ask.forward.iter().copied().filter(|family| !sysctl::forwards(*family)).collect(),
            files: files.exist(),
        };
        if seen.service == ServiceState::AsAsked {
            service::look_after(&self.watch, &files);
        }
        let stands = seen.files || !matches!(seen.medium, BridgeMedium::Absent) || seen.rules != ServiceState::Absent;
        Ok(stands.then_some(seen))
    }

    async fn facts(&self, ask: &BridgeAsk, files: &Files, link: Link) -> Result<BridgeFacts, HostError> {
        let mut ports = Vec::new();
        for port in files.read::<Vec<String>>(PORTS).unwrap_or_default() {
            let is_attached = self.kernel.find(&port).await?.is_some_and(|port| port.controller == Some(link.index));
            ports.extend(is_attached.then_some(port));
        }
        let routes = self.kernel.routes(&link).await?;
        // Others may add addresses too, such as those that move between machines.
        let added = files.read::<Vec<Cidr>>(ADDRESSES).unwrap_or_default();
        let is_ours = |cidr: &Cidr| ask.addresses.contains(cidr) || added.contains(cidr);
        let given = link.addresses.iter().filter(|address| address.scope == Reach::Global).map(|address| address.cidr);
        Ok(BridgeFacts {
            mtu: link.mtu,
            hwaddr: link.hwaddr.unwrap_or_default(),
            up: link.up,
            ipv6: sysctl::speaks_ipv6(&link.name),
            addresses: given.filter(is_ours).collect(),
            routes,
            ports,
        })
    }

    async fn act_now(&self, ask: &BridgeAsk, step: &BridgeStep) -> Result<(), HostError> {
        let (files, runner, name) = (self.files(&ask.name), self.runner.as_ref(), ask.name.as_str());
        match step {
            BridgeStep::Make => self.make(ask).await,
            BridgeStep::SetIpv6 { on } => sysctl::set_ipv6(name, *on),
            BridgeStep::SetMtu(mtu) => {
                let index = self.ours(ask).await?.index;
                self.kernel.set(&doing(step, name), LinkUnspec::new_with_index(index).mtu(*mtu)).await
            }
            BridgeStep::SetHwaddr(mac) => {
                let index = self.ours(ask).await?.index;
                self.kernel.set(&doing(step, name), LinkUnspec::new_with_index(index).address(mac.0.to_vec())).await
            }
            BridgeStep::Up => {
                let index = self.ours(ask).await?.index;
                self.kernel.set(&doing(step, name), LinkUnspec::new_with_index(index).up()).await
            }
            BridgeStep::AddAddress(cidr) => {
                files.add_to(ADDRESSES, cidr)?;
                self.kernel.add_address(&self.ours(ask).await?, *cidr).await
            }
            BridgeStep::DropAddress(cidr) => {
                self.kernel.drop_address(&self.ours(ask).await?, *cidr).await?;
                files.take_from(ADDRESSES, cidr)
            }
            BridgeStep::AddRoute(cidr) => self.kernel.add_route(&self.ours(ask).await?, *cidr).await,
            BridgeStep::DropRoute(cidr) => self.kernel.drop_route(&self.ours(ask).await?, *cidr).await,
            BridgeStep::Forward(family) => sysctl::forward(*family),
            BridgeStep::Attach(port) => self.attach(ask, port).await,
            BridgeStep::Detach(port) => self.detach(ask, port).await,
            BridgeStep::LoadRules => match &ask.rules {
                Some(wanted) => rules::load(runner, &files, name, wanted).await,
                None => Ok(()),
            },
            BridgeStep::DropRules => rules::remove(runner, &files, name).await,
            BridgeStep::StartService => match &ask.service {
                Some(wanted) => service::start(&files, name, wanted, Some(self.ours(ask).await?.index)).await,
                None => Ok(()),
            },
            BridgeStep::StopService => service::stop(&files, name).await,
            BridgeStep::Remove => match self.kernel.find(name).await? {
                Some(_) => {
                    let ours = self.ours(ask).await?;
                    self.watch.falls(name);
                    self.kernel.delete(&ours).await
                }
                None => Ok(()),
            },
            BridgeStep::Forget => files.forget(),
        }
    }

    async fn make(&self, ask: &BridgeAsk) -> Result<(), HostError> {
        match self.kernel.find(&ask.name).await? {
            None => self.kernel.make_bridge(&ask.name, &self.mark(ask), ask.mtu, ask.hwaddr).await,
            Some(_) => self.ours(ask).await.map(|_| ()),
        }
    }

    // Looked for anew before each change: whatever has the name now must still be ours.
    async fn ours(&self, ask: &BridgeAsk) -> Result<Link, HostError> {
        let doing = format!("change the bridge `{}`", ask.name);
        match self.kernel.find(&ask.name).await? {
            None => Err(HostError::passing(doing, "InterfaceGone", "somebody removed it in the meantime")),
            Some(link) if link.alias.as_deref() == Some(&self.mark(ask)) => Ok(link),
            Some(link) => Err(HostError::lasting(doing, "InterfaceTaken", foreign(&link))),
        }
    }

    async fn attach(&self, ask: &BridgeAsk, port: &str) -> Result<(), HostError> {
        let doing = doing(&BridgeStep::Attach(port.to_owned()), &ask.name);
        let bridge = self.ours(ask).await?;
        let link = self.free(ask, port).await?;
        self.files(&ask.name).add_to(PORTS, &link.name)?;
        self.kernel.set(&doing, LinkUnspec::new_with_index(link.index).controller(bridge.index).up()).await
    }

    // An interface that can be attached: it is there, and nothing else uses it.
    async fn free(&self, ask: &BridgeAsk, port: &str) -> Result<Link, HostError> {
        let doing = doing(&BridgeStep::Attach(port.to_owned()), &ask.name);
        let Some(link) = self.kernel.link(port).await? else {
            return Err(HostError::lasting(doing, "InterfaceMissing", format!("there is no interface `{port}`"))
                .hinting("plug it in, or take it out of bridge.external_interfaces of this member"));
        };
        let bridge = self.kernel.find(&ask.name).await?.filter(|link| link.alias.as_deref() == Some(&self.mark(ask)));
        match unused(&link, bridge.map(|bridge| bridge.index)) {
            Ok(()) => Ok(link),
            Err(cause) => Err(HostError::lasting(&doing, "InterfaceInUse", cause)
                .hinting("only interfaces that nothing else uses can be attached to a bridge")),
        }
    }

    async fn detach(&self, ask: &BridgeAsk, port: &str) -> Result<(), HostError> {
        let doing = doing(&BridgeStep::Detach(port.to_owned()), &ask.name);
        let bridge = self.ours(ask).await?;
        if let Some(link) = self.kernel.find(port).await?.filter(|link| link.controller == Some(bridge.index)) {
            self.kernel.set(&doing, LinkUnspec::new_with_index(link.index).nocontroller()).await?;
        }
        self.files(&ask.name).take_from(PORTS, &port.to_owned())
    }
}

fn doing(step: &BridgeStep, bridge: &str) -> String {
    format!("{step} (bridge `{bridge}`)")
}

fn unused(port: &Link, bridge: Option<u32>) -> Result<(), String> {
    if port.controller.is_some() && port.controller != bridge {
        return Err(format!("`{}` belongs to another bridge or bond", port.name));
    }
    match port.addresses.iter().find(|address| address.scope == Reach::Global) {
        Some(address) => Err(format!("`{}` has the address {}", port.name, address.cidr)),
        None => Ok(()),
    }
}

fn foreign(link: &Link) -> String {
    match &link.alias {
        Some(alias) if alias.starts_with("seedbed:") => {
            format!("an interface that was made for another network, or by another daemon (`{alias}`)")
        }
        Some(_) | None => format!("an interface of kind {} that this network did not make", link.kind),
    }
}

/// The digest of some texts in order, in hexadecimal digits.
fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Network for LinuxNetwork {
    fn look<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<BridgeSeen>> {
        Box::pin(self.look_now(bridge))
    }

    fn act<'a>(&'a self, bridge: &'a BridgeAsk, step: &'a BridgeStep) -> HostFuture<'a, ()> {
        Box::pin(self.act_now(bridge, step))
    }

    fn judge<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<Unfit>> {
        Box::pin(async move {
            match &bridge.service {
                Some(service) => trial::judge(&self.files(&bridge.name), &bridge.name, service).await,
                None => Ok(None),
            }
        })
    }

    fn attachable<'a>(&'a self, bridge: &'a BridgeAsk, port: &'a str) -> HostFuture<'a, ()> {
        Box::pin(async move { self.free(bridge, port).await.map(|_| ()) })
    }

    fn links(&self) -> HostFuture<'_, Vec<Link>> {
        Box::pin(self.kernel.links())
    }

    fn link<'a>(&'a self, name: &'a str) -> HostFuture<'a, Option<Link>> {
        Box::pin(self.kernel.link(name))
    }

    fn leases<'a>(&'a self, bridge: &'a str) -> HostFuture<'a, Vec<Lease>> {
        let path = self.files(bridge).path(arguments::file::LEASES);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Box::pin(std::future::ready(Ok(leases::read(&text))))
    }

    fn disturbed(&self) -> Disturbance<'_> {
        Box::pin(async {
            self.listening.call_once(|| links::listen(&self.watch));
            self.watch.disturbed().await;
        })
    }
}
