//! Checks, choices, asks and steps of networks, as tables.

mod asks;
mod checks;
mod choices;
mod converging;
mod steps;

use super::NetworkSpec;
use crate::host::Cidr;
use crate::kinds::registry::actuator::Local;
use crate::model::{Config, Key, Revision};

fn spec(pairs: &[(&str, &str)]) -> NetworkSpec {
    NetworkSpec { config: pairs.iter().copied().collect(), ..NetworkSpec::default() }
}

fn local(pairs: &[(&str, &str)]) -> Local<NetworkSpec> {
    Local {
        key: Key::new("network", "br0"),
        uid: Revision(7),
        member: "m1".into(),
        spec: spec(pairs),
        config: Config::default(),
        known: false,
    }
}

fn cidr(text: &str) -> Cidr {
    text.parse().expect("an address with a prefix")
}

const NAT: &[(&str, &str)] = &[("ipv4.address", "10.1.2.1/24"), ("ipv4.nat", "true"), ("ipv6.address", "none")];
const NONE: &[(&str, &str)] = &[("ipv4.address", "none"), ("ipv6.address", "none")];
