//! What the system chooses when a bridge is created: free subnets, and address translation for them.

use super::settings::{Settings, of};
use super::{NetworkSpec, NetworkType};
use crate::host::{Cidr, Family};
use crate::kinds::registry::kind::{Completion, Rng};
use crate::model::{ClusterState, Config, Key};

const THROWS_MAX: u32 = 10_000;

/// The keys that are chosen, and what it means when a stored bridge has none of them: no address.
pub const ABSENT: [(&str, &str); 2] = [("ipv4.address", NONE), ("ipv6.address", NONE)];

const NONE: &str = "none";

/// Whether anything is chosen for such a network.
pub fn chooses(spec: &NetworkSpec) -> bool {
    spec.kind == NetworkType::Bridge && spec.config.value("bridge.mode") != Some("fan")
}

/// Fills in addresses where the bridge has none or `auto`, and translates those that nobody wrote down.
pub fn complete(spec: &mut NetworkSpec, with: &mut Completion<'_>) {
    if !chooses(spec) {
        return;
    }
    for family in [Family::V4, Family::V6] {
        let key = of(family, "address");
        if !is_left_open(&spec.config, &key) {
            continue;
        }
        let chosen = held(with, &key).or_else(|| {
            let taken = taken(with.key, with.around.state());
            free(family, with.rng, &taken).map(|address| address.to_string())
        });
        if let Some(address) = chosen {
            spec.config.insert(key, address);
            spec.config.entry(of(family, "nat")).or_insert_with(|| "true".to_owned());
        }
    }
}

/// What was filled in for a declaration.
pub fn filled_in(declared: &NetworkSpec, held: &NetworkSpec) -> Vec<String> {
    let mut keys = Vec::new();
    for family in [Family::V4, Family::V6].into_iter().filter(|_| chooses(declared)) {
        let (address, nat) = (of(family, "address"), of(family, "nat"));
        let is_chosen = held.config.value(&address).is_some_and(|text| text != NONE);
        if !is_left_open(&declared.config, &address) || !is_chosen {
            continue;
        }
        if declared.config.value(&nat).is_none() && held.config.value(&nat) == Some("true") {
            keys.push(nat);
        }
        keys.push(address);
    }
    keys
}

fn is_left_open(config: &Config, address: &str) -> bool {
    matches!(config.value(address), None | Some("auto"))
}

// What was chosen once stays, also when a manifest goes on to say `auto`.
fn held(with: &Completion<'_>, key: &str) -> Option<String> {
    let config = with.held?.config();
    config.value(key).filter(|text| !matches!(*text, "auto" | NONE)).map(str::to_owned)
}

/// The subnets that a new bridge must keep clear of: those of other networks, and those that members are on.
fn taken(own: &Key, state: &ClusterState) -> Vec<Cidr> {
    let others = state.of_kind("network").filter(|object| object.key != *own);
    let subnets = others.flat_map(|object| used(&object.spec.config()));
    let members = state.of_kind(Key::MEMBER).filter_map(|object| on_wire(object.spec.text("address")));
    subnets.chain(members).collect()
}

fn used(config: &Config) -> Vec<Cidr> {
    let settings = Settings(config);
    let of_family = |family| {
        let address = settings.address(family).ok().flatten();
        address.into_iter().chain(settings.routes(family).unwrap_or_default())
    };
    of_family(Family::V4).chain(of_family(Family::V6)).collect()
}

// Members tell no prefix: a /24 and a /64 are what most wires have.
fn on_wire(address: &str) -> Option<Cidr> {
    let address = address.parse::<std::net::SocketAddr>().ok()?.ip();
    let prefix = if address.is_ipv4() { 24 } else { 64 };
    Some(Cidr { address, prefix })
}

fn free(family: Family, rng: &mut dyn Rng, taken: &[Cidr]) -> Option<Cidr> {
    let throws = (0..THROWS_MAX).map(|_| throw(family, rng));
    throws.into_iter().find(|subnet| !taken.iter().any(|other| other.overlaps(*subnet)))
}

fn throw(family: Family, rng: &mut dyn Rng) -> Cidr {
    match family {
        Family::V4 => {
            let [second, third] = [(); 2].map(|()| u8::try_from(rng.below(256)).unwrap_or_default());
            Cidr { address: std::net::Ipv4Addr::new(10, second, third, 1).into(), prefix: 24 }
        }
        Family::V6 => {
            let [second, third, fourth] = [(); 3].map(|()| u16::try_from(rng.below(65_536)).unwrap_or_default());
            let address = std::net::Ipv6Addr::new(0xfd42, second, third, fourth, 0, 0, 0, 1);
            Cidr { address: address.into(), prefix: 64 }
        }
    }
}
