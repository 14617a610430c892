//! What is to be done with a bridge: the difference between what is asked for and what stands. Pure.

use crate::host::{BridgeAsk, BridgeFacts, BridgeMedium, BridgeSeen, BridgeStep, HostError, ServiceState};
use crate::kinds::registry::actuator::Intent;

/// The steps, in order.
///
/// # Errors
/// An interface of somebody else has the name.
pub fn steps(ask: &BridgeAsk, intent: Intent, have: Option<&BridgeSeen>) -> Result<Vec<BridgeStep>, HostError> {
    let nothing = BridgeSeen { not_forwarded: ask.forward.clone(), ..BridgeSeen::default() };
    let have = have.unwrap_or(&nothing);
    match (intent, &have.medium) {
        (Intent::Absent, _) => Ok(removal(have)),
        (Intent::Present, BridgeMedium::Foreign { what }) => Err(taken(ask, what)),
        (Intent::Present, BridgeMedium::Ours(facts)) => Ok(mending(ask, facts, have)),
        (Intent::Present, BridgeMedium::Absent) => Ok(making(ask, have)),
    }
}

fn taken(ask: &BridgeAsk, what: &str) -> HostError {
    let name = &ask.name;
    HostError::lasting(
        format!("make the bridge `{name}`"),
        "InterfaceTaken",
        format!("`{name}` exists already: {what}"),
    )
    .hinting(format!("name the network otherwise, or remove the interface: ip link delete {name}"))
}

fn making(ask: &BridgeAsk, have: &BridgeSeen) -> Vec<BridgeStep> {
    // What the kernel switches on for a new interface depends on the machine's settings: always say it.
    let made = BridgeFacts { mtu: ask.mtu, hwaddr: ask.hwaddr, ipv6: !ask.ipv6, ..BridgeFacts::default() };
    let mut have = have.clone();
    // A server that outlived its bridge listens on an interface that is no more.
    if have.service == ServiceState::AsAsked {
        have.service = ServiceState::Otherwise;
    }
    let mut steps = vec![BridgeStep::Make];
    steps.extend(mending(ask, &made, &have));
    steps
}

fn mending(ask: &BridgeAsk, facts: &BridgeFacts, have: &BridgeSeen) -> Vec<BridgeStep> {
    let mut steps = interface(ask, facts);
    steps.extend(have.not_forwarded.iter().copied().map(BridgeStep::Forward));
    steps.extend(brought_to(ask.rules.is_some(), have.rules, BridgeStep::LoadRules, BridgeStep::DropRules));
    steps.extend(brought_to(ask.service.is_some(), have.service, BridgeStep::StartService, BridgeStep::StopService));
    steps.extend(ports(ask, facts));
    steps
}

fn interface(ask: &BridgeAsk, facts: &BridgeFacts) -> Vec<BridgeStep> {
    let mut steps = Vec::new();
    // Without IPv6 the kernel takes the addresses of that family away, with it they can be added.
    if facts.ipv6 != ask.ipv6 {
        steps.push(BridgeStep::SetIpv6 { on: ask.ipv6 });
    }
    if facts.mtu != ask.mtu {
        steps.push(BridgeStep::SetMtu(ask.mtu));
    }
    if facts.hwaddr != ask.hwaddr {
        steps.push(BridgeStep::SetHwaddr(ask.hwaddr));
    }
    if !facts.up {
        steps.push(BridgeStep::Up);
    }
    steps.extend(missing(&facts.routes, &ask.routes).map(BridgeStep::DropRoute));
    steps.extend(missing(&facts.addresses, &ask.addresses).map(BridgeStep::DropAddress));
    steps.extend(missing(&ask.addresses, &facts.addresses).map(BridgeStep::AddAddress));
    steps.extend(missing(&ask.routes, &facts.routes).map(BridgeStep::AddRoute));
    steps
}

// Last: an interface that is missing must not keep the rest of the bridge from working.
fn ports(ask: &BridgeAsk, facts: &BridgeFacts) -> Vec<BridgeStep> {
    let attach: Vec<BridgeStep> = missing(&ask.ports, &facts.ports).map(BridgeStep::Attach).collect();
    // A new port with smaller packets makes the kernel shrink those of the bridge.
    let mtu = (!attach.is_empty()).then_some(BridgeStep::SetMtu(ask.mtu));
    missing(&facts.ports, &ask.ports).map(BridgeStep::Detach).chain(attach).chain(mtu).collect()
}

fn brought_to(wanted: bool, have: ServiceState, make: BridgeStep, remove: BridgeStep) -> Option<BridgeStep> {
    match (wanted, have) {
        (true, ServiceState::AsAsked) | (false, ServiceState::Absent) => None,
        (true, ServiceState::Absent | ServiceState::Otherwise) => Some(make),
        (false, ServiceState::AsAsked | ServiceState::Otherwise) => Some(remove),
    }
}

fn removal(have: &BridgeSeen) -> Vec<BridgeStep> {
    let mut steps = Vec::new();
    steps.extend((have.service != ServiceState::Absent).then_some(BridgeStep::StopService));
    steps.extend((have.rules != ServiceState::Absent).then_some(BridgeStep::DropRules));
    steps.extend(matches!(have.medium, BridgeMedium::Ours(_)).then_some(BridgeStep::Remove));
    let does_something = !steps.is_empty();
    steps.extend((have.files || does_something).then_some(BridgeStep::Forget));
    steps
}

/// The items of `of` that `among` lacks.
fn missing<'a, T: Clone + PartialEq>(of: &'a [T], among: &'a [T]) -> impl Iterator<Item = T> + 'a {
    of.iter().filter(|item| !among.contains(item)).cloned()
}
