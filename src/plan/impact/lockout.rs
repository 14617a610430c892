//! Changes that may cut members off: what carries the addresses at which they are reached, and what takes these over.

use std::net::IpAddr;

use crate::kinds::network::Cidr;
use crate::model::{ClusterState, Finding, Key, Object, Severity};
use crate::plan::report::{Action, FieldChange, Plan, PlannedChange};

/// The code of what may cut somebody off.
pub const CUT_OFF: &str = "SB184";

/// What to do about it.
pub const TAKES_BACK: &str = "apply --confirm 60s takes it back by itself";

/// The keys under which a member is reached.
const ADDRESSES: [&str; 2] = ["core.https_address", "cluster.https_address"];
/// The keys that hold an address of the network with its prefix.
const SUBNETS: [&str; 2] = ["ipv4.address", "ipv6.address"];
/// The keys that hold subnets that lie behind the network.
const ROUTES: [&str; 2] = ["ipv4.routes", "ipv6.routes"];
/// The keys that hold interfaces of the member's own.
const PORTS: [&str; 2] = ["bridge.external_interfaces", "parent"];

impl Plan {
    /// Says which changes may cut members off. `state` has the members, and what the plan deletes.
    #[must_use]
    pub fn with_cut_offs(mut self, state: &ClusterState) -> Self {
        let members: Vec<Reached<'_>> = state.of_kind(Key::MEMBER).filter_map(Reached::of).collect();
        for change in &mut self.changes {
            change.cuts_off = cut_off(change, &members, state);
            let key = &change.key;
            let note = |text: &String| Finding::warning(CUT_OFF, format!("{key}: {text}; {TAKES_BACK}"));
            let notes = change.cuts_off.iter().map(note);
            self.notes.extend(notes.map(|note| Finding { severity: Severity::Note, ..note }));
        }
        self
    }
}

/// A member and the address at which it is reached.
struct Reached<'a> {
    member: &'a str,
    at: IpAddr,
}

impl<'a> Reached<'a> {
    fn of(member: &'a Object) -> Option<Self> {
        let address = member.spec.text("address");
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let at = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        Some(Self { member: &member.key.name, at })
    }
}

fn cut_off(change: &PlannedChange, members: &[Reached<'_>], state: &ClusterState) -> Vec<String> {
    match (change.key.kind.as_str(), change.action) {
        ("config", _) => change.members.iter().filter_map(|row| moved(row.member.as_str(), &row.fields)).collect(),
        ("network", Action::Delete) => state.get(&change.key).map(|object| gone(object, members)).unwrap_or_default(),
        ("network", _) => network(change, members),
        ("certificate", Action::Delete) => vec!["its owner is trusted no more: it may be you".to_owned()],
        _ => Vec::new(),
    }
}

fn moved(member: &str, fields: &[FieldChange]) -> Option<String> {
    let field = fields.iter().find(|field| ADDRESSES.contains(&name(field)) && field.before.is_some())?;
    Some(format!("{member} is reached elsewhere afterwards ({}): it may be cut off until others know", name(field)))
}

fn network(change: &PlannedChange, members: &[Reached<'_>]) -> Vec<String> {
    let shared = change.fields.iter().flat_map(|field| shared(change, field, members));
    let own = change
        .members
        .iter()
        .flat_map(|row| row.fields.iter().filter_map(move |field| port(row.member.as_str(), field)));
    shared.chain(own).collect()
}

fn shared(change: &PlannedChange, field: &FieldChange, members: &[Reached<'_>]) -> Vec<String> {
    let (name, after) = (name(field), field.after.as_deref());
    if SUBNETS.contains(&name) {
        let lost = field.before.as_deref().and_then(cidr).map(|before| taken_away(before, members)).unwrap_or_default();
        return lost
            .into_iter()
            .chain(after.and_then(cidr).into_iter().flat_map(|to| taken_over(to, members)))
            .collect();
    }
    if ROUTES.contains(&name) {
        let new = after.unwrap_or_default().split(',').filter_map(|route| cidr(route.trim()));
        return new.flat_map(|route| led_away(&change.key, route, members)).collect();
    }
    port("a member", field).into_iter().collect()
}

/// Members that are reached at the network's own address, which it does not have any more.
fn taken_away(before: Cidr, members: &[Reached<'_>]) -> Vec<String> {
    let on_it = members.iter().filter(|member| member.at == before.address);
    let lost = |Reached { member, at }: &Reached<'_>| {
        format!("{member} is reached at {at}, which goes away: {member} would be cut off")
    };
    on_it.map(lost).collect()
}

/// Members whose address the network takes, or whose neighbours it takes for its own.
fn taken_over(after: Cidr, members: &[Reached<'_>]) -> Vec<String> {
    let within = members.iter().filter(|member| after.contains(member.at));
    let lost = |Reached { member, at }: &Reached<'_>| match *at == after.address {
        true => format!("{at} is the address at which {member} is reached: {member} would be cut off"),
        false => format!(
            "{at}, at which {member} is reached, is in {}: {member} would be looked for there and be cut off",
            after.subnet()
        ),
    };
    within.map(lost).collect()
}

fn led_away(key: &Key, route: Cidr, members: &[Reached<'_>]) -> Vec<String> {
    let behind = members.iter().filter(|member| route.contains(member.at));
    let lost = |Reached { member, at }: &Reached<'_>| {
        format!("{at}, at which {member} is reached, is in {route}, which leads to {key}: {member} would be cut off")
    };
    behind.map(lost).collect()
}

fn port(member: &str, field: &FieldChange) -> Option<String> {
    let name = PORTS.into_iter().find(|port| *port == name(field))?;
    // Of an interface that is named and left out again nobody knows what it carried.
    let interfaces = field.after.as_deref().or(field.before.as_deref())?;
    Some(format!("{member} may be reached through {interfaces} ({name}): it would be cut off"))
}

/// What goes with a network that is deleted.
fn gone(object: &Object, members: &[Reached<'_>]) -> Vec<String> {
    let config = object.spec.config();
    let subnets = SUBNETS.iter().filter_map(|name| config.value(name).and_then(cidr));
    let lost = subnets.flat_map(|subnet| taken_away(subnet, members));
    let ports = object.placements.iter().flat_map(|(member, held)| {
        PORTS.into_iter().filter_map(move |name| {
            let interfaces = held.config.value(name)?;
            Some(format!("{member} may be reached through {interfaces} ({name}): it would be cut off"))
        })
    });
    lost.chain(ports).collect()
}

fn cidr(text: &str) -> Option<Cidr> {
    text.parse().ok()
}

fn name(field: &FieldChange) -> &str {
    field.path.strip_prefix("config.").unwrap_or(&field.path)
}
