//! From a network as one member is to realise it to what the machine is asked for. Pure.

use sha2::{Digest, Sha256};

use super::NetworkSpec;
use super::check;
use super::settings::{Settings, Wrong, of};
use crate::host::{
    BridgeAsk, Cidr, Dhcp4, Dns, Family, FamilyRules, Filter, HostError, Mac, Mode6, Nat, Rules, Serve4, Serve6,
    Service,
};
use crate::kinds::registry::actuator::Local;
use crate::model::{Config, Revision};

const USUAL_MTU: u32 = 1500;
const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// What the machine is asked for.
///
/// # Errors
/// A setting that cannot be used, which an older version or another program must have stored.
pub fn ask(local: &Local<NetworkSpec>) -> Result<BridgeAsk, HostError> {
    let config = local.spec.config.overlaid(&local.config);
    let doing = || format!("make the bridge `{}`", local.key.name);
    if let Some(problem) = check::unsupported(&config).into_iter().next() {
        return Err(HostError::lasting(doing(), "Unsupported", problem.message)
            .hinting(format!("change `{}`", problem.path.last().map_or("config", String::as_str))));
    }
    read(local, &config).map_err(|wrong| {
        HostError::lasting(doing(), "InvalidConfig", wrong.message).hinting(format!("change `{}`", wrong.key))
    })
}

/// Enough to find a bridge and to remove it, whatever its settings are.
pub fn bare(name: &str, uid: Revision) -> BridgeAsk {
    BridgeAsk {
        name: name.to_owned(),
        uid,
        mtu: USUAL_MTU,
        hwaddr: Mac::default(),
        ipv6: false,
        addresses: Vec::new(),
        routes: Vec::new(),
        ports: Vec::new(),
        forward: Vec::new(),
        rules: None,
        service: None,
    }
}

fn read(local: &Local<NetworkSpec>, config: &Config) -> Result<BridgeAsk, Wrong> {
    let settings = Settings(config);
    let addresses = [settings.address(Family::V4)?, settings.address(Family::V6)?];
    let mut routes = Vec::new();
    for address in addresses.iter().flatten() {
        routes.extend(settings.routes(address.family())?);
    }
    let is_routed = |address: &Cidr| settings.flag(&of(address.family(), "routing"), true);
    Ok(BridgeAsk {
        mtu: settings.mtu()?.unwrap_or(USUAL_MTU),
        hwaddr: settings.hwaddr()?.unwrap_or_else(|| own_hwaddr(local)),
        ipv6: addresses[1].is_some(),
        addresses: addresses.into_iter().flatten().collect(),
        routes,
        ports: settings.ports()?,
        forward: addresses.iter().flatten().filter(|address| is_routed(address)).map(|it| it.family()).collect(),
        rules: rules(settings)?,
        service: service(settings)?,
        ..bare(&local.key.name, local.uid)
    })
}

// The same after every restart, and another one on every member: members may share a wire.
fn own_hwaddr(local: &Local<NetworkSpec>) -> Mac {
    let digest = Sha256::digest(format!("{}\n{}\n{}", local.key, local.uid, local.member));
    Mac([0x00, 0x16, 0x3e, digest[0], digest[1], digest[2]])
}

fn rules(settings: Settings<'_>) -> Result<Option<Rules>, Wrong> {
    let [ipv4, ipv6] = FAMILIES.map(|family| family_rules(settings, family));
    let rules = Rules { ipv4: ipv4?, ipv6: ipv6? };
    Ok((rules != Rules::default()).then_some(rules))
}

fn family_rules(settings: Settings<'_>, family: Family) -> Result<FamilyRules, Wrong> {
    let Some(address) = settings.address(family)? else { return Ok(FamilyRules::default()) };
    let behind = settings.nat_address(family)?;
    let nat = settings.flag(&of(family, "nat"), false).then(|| Nat { subnet: address.subnet(), behind });
    let filter = Filter {
        routed: settings.flag(&of(family, "routing"), true),
        dhcp: settings.flag(&of(family, "dhcp"), true),
        dns: settings.answers_names()?,
    };
    Ok(FamilyRules { nat, filter: settings.flag(&of(family, "firewall"), true).then_some(filter) })
}

fn service(settings: Settings<'_>) -> Result<Option<Service>, Wrong> {
    let dns = Dns { domain: settings.domain()?.to_owned(), search: settings.search()? };
    let service = Service {
        ipv4: serve4(settings)?,
        ipv6: serve6(settings)?,
        dns: settings.answers_names()?.then_some(dns),
        mtu: settings.mtu()?.filter(|mtu| *mtu != USUAL_MTU),
        raw: settings.text("raw.dnsmasq").unwrap_or_default().to_owned(),
    };
    let gives_addresses = service.ipv4.as_ref().is_some_and(|serve| serve.dhcp.is_some()) || service.ipv6.is_some();
    let listens = service.ipv4.is_some() || service.ipv6.is_some();
    Ok((listens && (gives_addresses || service.dns.is_some())).then_some(service))
}

fn serve4(settings: Settings<'_>) -> Result<Option<Serve4>, Wrong> {
    let Some(listen) = settings.address(Family::V4)? else { return Ok(None) };
    let mut ranges = settings.ranges(Family::V4)?;
    if ranges.is_empty() && listen.prefix <= 30 {
        ranges.push((listen.nth(2), listen.nth_last(1)));
    }
    let gives = settings.flag("ipv4.dhcp", true) && !ranges.is_empty();
    let dhcp = Dhcp4 {
        ranges,
        expiry: settings.expiry(Family::V4)?,
        gateway: settings.gateway()?,
        nameservers: settings.nameservers()?.into_iter().filter(std::net::IpAddr::is_ipv4).collect(),
        routes: settings.dhcp_routes()?,
    };
    Ok(Some(Serve4 { listen, dhcp: gives.then_some(dhcp) }))
}

fn serve6(settings: Settings<'_>) -> Result<Option<Serve6>, Wrong> {
    let Some(listen) = settings.address(Family::V6)? else { return Ok(None) };
    let mut ranges = settings.ranges(Family::V6)?;
    if ranges.is_empty() {
        ranges.push((listen.nth(2), listen.last()));
    }
    let mode = if !settings.flag("ipv6.dhcp", true) {
        Mode6::Announced
    } else if settings.flag("ipv6.dhcp.stateful", false) {
        Mode6::Stateful { ranges, expiry: settings.expiry(Family::V6)? }
    } else {
        Mode6::Stateless
    };
    Ok(Some(Serve6 { listen, mode }))
}
