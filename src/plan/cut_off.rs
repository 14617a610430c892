//! Changes that may cut off whoever makes them: what carries the addresses of members.

use std::collections::BTreeMap;

use super::report::{Action, FieldChange, Plan, PlannedChange};
use crate::model::{ClusterState, Finding, Key, Severity};

/// The code of what may cut off whoever applies it.
pub const CUT_OFF: &str = "SB184";

/// The keys under which a member is reached.
const ADDRESSES: [&str; 2] = ["core.https_address", "cluster.https_address"];

impl Plan {
    /// Says which changes may cut off whoever applies them. `state` has the members.
    #[must_use]
    pub fn with_cut_offs(mut self, state: &ClusterState) -> Self {
        let members: BTreeMap<String, &str> = state
            .of_kind(Key::MEMBER)
            .map(|member| (host(member.spec.text("address")), member.key.name.as_str()))
            .collect();
        let found = self.changes.iter().filter_map(|change| cut_off(change, &members)).collect::<Vec<_>>();
        self.notes.extend(found);
        self
    }
}

fn cut_off(change: &PlannedChange, members: &BTreeMap<String, &str>) -> Option<Finding> {
    let what = match change.key.kind.as_str() {
        "config" => change.members.iter().find_map(|row| {
            let field = row.fields.iter().find(|field| ADDRESSES.contains(&name(field)) && field.before.is_some())?;
            Some(format!("{} is reached elsewhere afterwards ({})", row.member, name(field)))
        }),
        "network" if change.precondition.is_some() => network(change, members),
        "certificate" if change.action == Action::Delete => Some("its owner is trusted no more".to_owned()),
        _ => None,
    }?;
    let text = format!("{} may cut you off: {what}; apply it with --confirm 60s", change.key);
    let note = Finding::warning(CUT_OFF, text);
    Some(Finding { severity: Severity::Note, ..note })
}

fn network(change: &PlannedChange, members: &BTreeMap<String, &str>) -> Option<String> {
    let own = change.members.iter().flat_map(|row| &row.fields);
    let mut fields = change.fields.iter().chain(own);
    fields.find_map(|field| match name(field) {
        "bridge.external_interfaces" | "parent" if field.before.is_some() || field.after.is_some() => {
            Some(format!("a member may be reached through it ({})", name(field)))
        }
        "ipv4.address" | "ipv6.address" => {
            let before = field.before.as_deref()?.split('/').next()?;
            members.get(before).map(|member| format!("{member} is reached at {before}"))
        }
        _ => None,
    })
}

fn name(field: &FieldChange) -> &str {
    field.path.strip_prefix("config.").unwrap_or(&field.path)
}

/// An address without its port and brackets.
fn host(address: &str) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}
