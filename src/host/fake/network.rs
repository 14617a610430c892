//! Networks in memory, with the same states as real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Faults;
use crate::host::{
    BridgeAsk, BridgeFacts, BridgeMedium, BridgeSeen, BridgeStep, Counters, Disturbance, Family, HostError, HostFuture,
    Lease, Link, LinkAddress, Mac, Network, Reach, Rules, Service, ServiceState, Unfit,
};
use crate::model::Revision;

/// The networks of a fake machine.
pub struct FakeNetwork {
    faults: Faults,
    file: Option<PathBuf>,
    machine: Mutex<Machine>,
    disturbance: Notify,
}

/// What a fake machine has. Its interface `eth1` has no addresses and can be attached to bridges.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Machine {
    bridges: BTreeMap<String, FakeBridge>,
    links: BTreeMap<String, Link>,
    forwarded: BTreeSet<Family>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct FakeBridge {
    interface: Option<(Revision, BridgeFacts)>,
    rules: Option<Rules>,
    service: Option<Service>,
    files: bool,
}

impl Default for Machine {
    fn default() -> Self {
        let links = [("lo", 1, "loopback"), ("eth0", 2, "physical"), ("eth1", 3, "physical")];
        let link = |(name, index, kind): (&str, u32, &str)| {
            (
                name.to_owned(),
                Link { name: name.to_owned(), index, kind: kind.to_owned(), mtu: 1500, up: true, ..Link::default() },
            )
        };
        Self { bridges: BTreeMap::new(), links: links.map(link).into(), forwarded: BTreeSet::new() }
    }
}

impl FakeNetwork {
    /// No networks, or those that are kept in a file below `kept`.
    pub fn new(faults: Faults, kept: Option<&Path>) -> Self {
        let file = kept.map(|dir| dir.join("fake-network.json"));
        let text = file.as_deref().and_then(|file| std::fs::read_to_string(file).ok());
        let machine = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Self { faults, file, machine: Mutex::new(machine), disturbance: Notify::new() }
    }

    /// How the interface of a bridge is set up; `None` when there is none.
    pub fn facts(&self, name: &str) -> Option<BridgeFacts> {
        let machine = self.machine();
        machine.bridges.get(name)?.interface.as_ref().map(|(_, facts)| facts.clone())
    }

    /// Changes the interface of a bridge behind the daemon's back.
    pub fn disturb(&self, name: &str, change: impl FnOnce(&mut BridgeFacts)) {
        if let Some((_, facts)) = self.machine().bridges.get_mut(name).and_then(|bridge| bridge.interface.as_mut()) {
            change(facts);
        }
    }

    /// Puts an interface on the machine that is nobody's.
    pub fn plug(&self, link: Link) {
        self.machine().links.insert(link.name.clone(), link);
    }

    /// Takes an interface off the machine.
    pub fn unplug(&self, name: &str) {
        self.machine().links.remove(name);
    }

    /// Ends the DHCP and DNS server of a bridge, as a crash does.
    pub fn crash_service(&self, name: &str) {
        if let Some(bridge) = self.machine().bridges.get_mut(name) {
            bridge.service = None;
        }
        self.disturbance.notify_one();
    }

    /// Loses what a restart of the machine loses: everything but files and foreign interfaces.
    pub fn reboot(&self) {
        let mut machine = self.machine();
        machine.forwarded.clear();
        for bridge in machine.bridges.values_mut() {
            *bridge = FakeBridge { files: bridge.files, ..FakeBridge::default() };
        }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_now(&self, ask: &BridgeAsk) -> Result<Option<BridgeSeen>, HostError> {
        self.faults.check("network.look", &ask.name)?;
        let machine = self.machine();
        let none = FakeBridge::default();
        let bridge = machine.bridges.get(&ask.name).unwrap_or(&none);
        let seen = BridgeSeen {
            medium: medium(ask, bridge, machine.links.get(&ask.name)),
            rules: standing(bridge.rules.as_ref(), ask.rules.as_ref()),
            service: standing(bridge.service.as_ref(), ask.service.as_ref()),
            not_forwarded: ask.forward.iter().copied().filter(|family| !machine.forwarded.contains(family)).collect(),
            files: bridge.files,
        };
        let is_empty =
            matches!(seen.medium, BridgeMedium::Absent) && bridge.rules.is_none() && bridge.service.is_none();
        Ok((!is_empty || seen.files).then_some(seen))
    }

    fn act_now(&self, ask: &BridgeAsk, step: &BridgeStep) -> Result<(), HostError> {
        self.faults.check(&format!("network.{}", operation(step)), &ask.name)?;
        let mut machine = self.machine();
        if let BridgeStep::Attach(port) = step {
            attachable(&machine, ask, port)?;
        }
        if let BridgeStep::Forward(family) = step {
            machine.forwarded.insert(*family);
        }
        let bridge = machine.bridges.entry(ask.name.clone()).or_default();
        change(bridge, ask, step);
        if *step == BridgeStep::Forget {
            machine.bridges.remove(&ask.name);
        }
        self.keep(&machine)
    }

    fn keep(&self, machine: &Machine) -> Result<(), HostError> {
        let Some(file) = &self.file else { return Ok(()) };
        let failed = |cause: String| HostError::passing(format!("write `{}`", file.display()), "Unwritable", cause);
        let text = serde_json::to_string_pretty(machine).map_err(|cause| failed(cause.to_string()))?;
        std::fs::write(file, text).map_err(|cause| failed(cause.to_string()))
    }

    fn links_now(&self) -> Vec<Link> {
        let machine = self.machine();
        let made = machine.bridges.iter().zip(100..).filter_map(|((name, bridge), index)| {
            bridge.interface.as_ref().map(|(uid, facts)| shown(name, index, *uid, facts))
        });
        let mut all: Vec<Link> = machine.links.values().cloned().chain(made).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}

fn medium(ask: &BridgeAsk, bridge: &FakeBridge, foreign: Option<&Link>) -> BridgeMedium {
    match (&bridge.interface, foreign) {
        (_, Some(link)) => BridgeMedium::Foreign { what: format!("an interface of kind {}", link.kind) },
        (Some((uid, facts)), None) if *uid == ask.uid => BridgeMedium::Ours(facts.clone()),
        (Some(_), None) => BridgeMedium::Foreign { what: format!("a bridge of an earlier network `{}`", ask.name) },
        (None, None) => BridgeMedium::Absent,
    }
}

fn standing<T: PartialEq>(have: Option<&T>, want: Option<&T>) -> ServiceState {
    match have {
        None => ServiceState::Absent,
        Some(_) if have == want => ServiceState::AsAsked,
        Some(_) => ServiceState::Otherwise,
    }
}

fn attachable(machine: &Machine, ask: &BridgeAsk, port: &str) -> Result<(), HostError> {
    let doing = format!("attach the interface `{port}` to the bridge `{}`", ask.name);
    match machine.links.get(port) {
        None => Err(HostError::lasting(doing, "InterfaceMissing", format!("there is no interface `{port}`"))),
        Some(link) if link.addresses.iter().any(|address| address.scope == Reach::Global) => {
            Err(HostError::lasting(doing, "InterfaceInUse", format!("`{port}` has addresses of its own")))
        }
        Some(_) => Ok(()),
    }
}

fn change(bridge: &mut FakeBridge, ask: &BridgeAsk, step: &BridgeStep) {
    bridge.files = true;
    if let BridgeStep::Make = step {
        let facts = BridgeFacts { mtu: ask.mtu, hwaddr: ask.hwaddr, ipv6: true, ..BridgeFacts::default() };
        bridge.interface.get_or_insert((ask.uid, facts));
    }
    match step {
        BridgeStep::LoadRules => bridge.rules.clone_from(&ask.rules),
        BridgeStep::DropRules => bridge.rules = None,
        BridgeStep::StartService => bridge.service.clone_from(&ask.service),
        BridgeStep::StopService => bridge.service = None,
        BridgeStep::Remove => bridge.interface = None,
        _ => {
            if let Some((_, facts)) = &mut bridge.interface {
                set_up(facts, step);
            }
        }
    }
}

fn set_up(facts: &mut BridgeFacts, step: &BridgeStep) {
    match step {
        BridgeStep::SetIpv6 { on } => facts.ipv6 = *on,
        BridgeStep::SetMtu(mtu) => facts.mtu = *mtu,
        BridgeStep::SetHwaddr(mac) => facts.hwaddr = *mac,
        BridgeStep::Up => facts.up = true,
        BridgeStep::AddAddress(address) => add(&mut facts.addresses, address),
        BridgeStep::DropAddress(address) => facts.addresses.retain(|have| have != address),
        BridgeStep::AddRoute(route) => add(&mut facts.routes, route),
        BridgeStep::DropRoute(route) => facts.routes.retain(|have| have != route),
        BridgeStep::Attach(port) => add(&mut facts.ports, port),
        BridgeStep::Detach(port) => facts.ports.retain(|have| have != port),
        BridgeStep::Make
        | BridgeStep::Forward(_)
        | BridgeStep::LoadRules
        | BridgeStep::DropRules
        | BridgeStep::StartService
        | BridgeStep::StopService
        | BridgeStep::Remove
        | BridgeStep::Forget => {}
    }
}

fn add<T: Clone + PartialEq>(list: &mut Vec<T>, item: &T) {
    if !list.contains(item) {
        list.push(item.clone());
    }
}

fn shown(name: &str, index: u32, uid: Revision, facts: &BridgeFacts) -> Link {
    let address = |cidr: &_| LinkAddress { cidr: *cidr, scope: Reach::Global };
    Link {
        name: name.to_owned(),
        index,
        kind: "bridge".to_owned(),
        alias: Some(format!("seedbed:{uid}")),
        mtu: facts.mtu,
        hwaddr: Some(facts.hwaddr).filter(|mac| *mac != Mac::default()),
        up: facts.up,
        controller: None,
        addresses: facts.addresses.iter().map(address).collect(),
        counters: Counters::default(),
    }
}

/// The name of a step in [`FakeHost::fail`](super::FakeHost::fail): `network.make`.
fn operation(step: &BridgeStep) -> &'static str {
    match step {
        BridgeStep::Make => "make",
        BridgeStep::SetIpv6 { .. } => "set-ipv6",
        BridgeStep::SetMtu(_) => "set-mtu",
        BridgeStep::SetHwaddr(_) => "set-hwaddr",
        BridgeStep::Up => "up",
        BridgeStep::AddAddress(_) => "add-address",
        BridgeStep::DropAddress(_) => "drop-address",
        BridgeStep::AddRoute(_) => "add-route",
        BridgeStep::DropRoute(_) => "drop-route",
        BridgeStep::Forward(_) => "forward",
        BridgeStep::Attach(_) => "attach",
        BridgeStep::Detach(_) => "detach",
        BridgeStep::LoadRules => "load-rules",
        BridgeStep::DropRules => "drop-rules",
        BridgeStep::StartService => "start-service",
        BridgeStep::StopService => "stop-service",
        BridgeStep::Remove => "remove",
        BridgeStep::Forget => "forget",
    }
}

impl Network for FakeNetwork {
    fn look<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<BridgeSeen>> {
        Box::pin(async move { self.look_now(bridge) })
    }

    fn act<'a>(&'a self, bridge: &'a BridgeAsk, step: &'a BridgeStep) -> HostFuture<'a, ()> {
        Box::pin(async move { self.act_now(bridge, step) })
    }

    fn judge<'a>(&'a self, bridge: &'a BridgeAsk) -> HostFuture<'a, Option<Unfit>> {
        let why = self.faults.check("network.judge", &bridge.name).err().map(|error| error.cause);
        let unfit = why.map(|why| Unfit {
            doing: format!("start the DHCP and DNS server of the bridge `{}`", bridge.name),
            setting: "raw.dnsmasq".to_owned(),
            program: Some("dnsmasq".to_owned()),
            why,
            hint: None,
        });
        Box::pin(std::future::ready(Ok(unfit)))
    }

    fn attachable<'a>(&'a self, bridge: &'a BridgeAsk, port: &'a str) -> HostFuture<'a, ()> {
        Box::pin(async move { attachable(&self.machine(), bridge, port) })
    }

    fn links(&self) -> HostFuture<'_, Vec<Link>> {
        Box::pin(async move { self.faults.check("network.links", Faults::ANY).map(|()| self.links_now()) })
    }

    fn link<'a>(&'a self, name: &'a str) -> HostFuture<'a, Option<Link>> {
        Box::pin(async move {
            self.faults.check("network.link", name)?;
            Ok(self.links_now().into_iter().find(|link| link.name == name))
        })
    }

    fn leases<'a>(&'a self, bridge: &'a str) -> HostFuture<'a, Vec<Lease>> {
        Box::pin(async move { self.faults.check("network.leases", bridge).map(|()| Vec::new()) })
    }

    fn disturbed(&self) -> Disturbance<'_> {
        Box::pin(self.disturbance.notified())
    }
}
