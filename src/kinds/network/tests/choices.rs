//! What the system chooses for a network that leaves it open.

use super::spec;
use crate::kinds::network::Network;
use crate::kinds::registry::kind::{Completion, Resource, Rng};
use crate::model::{ClusterState, Generation, Key, Object, Phase, Revision, Rollout, Spec};

/// Dice that show these numbers in turn, for ever.
struct Loaded(Vec<u64>, usize);

impl Rng for Loaded {
    fn below(&mut self, bound: u64) -> u64 {
        self.1 += 1;
        self.0[(self.1 - 1) % self.0.len()] % bound
    }
}

fn object(kind: &str, name: &str, spec: Spec) -> Object {
    Object {
        uid: Revision(1),
        generation: Generation(1),
        phase: Phase::Created,
        rollout: Rollout::EveryMember,
        spec,
        ..Object::blank(Key::new(kind, name))
    }
}

fn network(name: &str, pairs: &[(&str, &str)]) -> Object {
    let mut stored = Spec::default();
    stored.set_config(&pairs.iter().copied().collect());
    object("network", name, stored)
}

fn completed(pairs: &[(&str, &str)], stored: Vec<Object>, throws: &[u64]) -> Vec<String> {
    let state = ClusterState {
        revision: Revision(1),
        objects: stored.into_iter().map(|object| (object.key.clone(), object)).collect(),
    };
    let mut spec = spec(pairs);
    let key = Key::new("network", "br0");
    let mut rng = Loaded(throws.to_vec(), 0);
    let held = state.get(&key).map(|object| &object.spec);
    Network.complete(&mut spec, &mut Completion { key: &key, held, around: &mut &state, rng: &mut rng });
    spec.config.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

#[test]
fn missing_and_automatic_addresses_are_chosen_with_address_translation() {
    for pairs in [&[][..], &[("ipv4.address", "auto"), ("ipv6.address", "auto")], &[("ipv4.address", "")]] {
        assert_eq!(
            completed(pairs, Vec::new(), &[7]),
            ["ipv4.address=10.7.7.1/24", "ipv4.nat=true", "ipv6.address=fd42:7:7:7::1/64", "ipv6.nat=true"]
        );
    }
    assert_eq!(completed(&[("ipv4.address", "none"), ("ipv6.address", "none")], Vec::new(), &[7]).len(), 2);
    assert_eq!(
        completed(&[("ipv4.nat", "false"), ("ipv6.address", "none")], Vec::new(), &[7]),
        ["ipv4.address=10.7.7.1/24", "ipv4.nat=false", "ipv6.address=none"]
    );
}

#[test]
fn chosen_subnets_keep_clear_of_networks_and_members() {
    let wide = network("other", &[("ipv4.address", "10.7.0.1/16"), ("ipv4.routes", "10.8.8.0/24")]);
    let mut member = Spec::default();
    member.0.insert("address".to_owned(), "10.9.9.4:8443".into());
    let member = object(Key::MEMBER, "m1", member);
    let throws = [7, 1, 8, 8, 9, 9, 5, 6];
    assert_eq!(
        completed(&[("ipv6.address", "none")], vec![wide, member], &throws),
        ["ipv4.address=10.5.6.1/24", "ipv4.nat=true", "ipv6.address=none"]
    );
}

#[test]
fn what_was_chosen_once_stays() {
    let own = || vec![network("br0", &[("ipv4.address", "10.3.3.1/24"), ("ipv6.address", "none")])];
    for pairs in [&[][..], &[("ipv4.address", "auto")]] {
        let kept = ["ipv4.address=10.3.3.1/24", "ipv4.nat=true"];
        assert_eq!(completed(pairs, own(), &[7])[..2], kept);
    }
    // No address was chosen: leaving the key out asks for one, as for a new bridge.
    let anew = completed(&[], own(), &[7]);
    assert_eq!(anew[2..], ["ipv6.address=fd42:7:7:7::1/64", "ipv6.nat=true"]);
}

#[test]
fn what_was_filled_in_is_told_from_what_was_declared() {
    let held = [("ipv4.address", "10.3.3.1/24"), ("ipv4.nat", "true"), ("ipv6.address", "none")];
    let filled_in = |declared: &[(&str, &str)]| {
        let key = Key::new("network", "br0");
        Network.filled_in(&key, &spec(declared), &spec(&held)).join(" ")
    };
    assert_eq!(filled_in(&[]), "ipv4.nat ipv4.address");
    assert_eq!(filled_in(&[("ipv4.address", "auto")]), "ipv4.nat ipv4.address");
    assert_eq!(filled_in(&[("ipv4.nat", "true")]), "ipv4.address");
    assert_eq!(filled_in(&[("ipv4.address", "10.3.3.1/24")]), "");
}
