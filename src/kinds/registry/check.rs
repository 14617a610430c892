//! What the key table tells about an object: unknown keys, keys in the wrong place, values of the wrong type.

use std::collections::BTreeMap;

use super::kind::{Kind, Need, Reading};
use super::problem::Problem;
use super::unknown_fields::UNKNOWN_KEY;
use crate::kinds::tables::key_table::{self, Edit, KeyInfo, KeyScope};
use crate::model::{Config, Key, MemberName, Rollout, Spec};

/// Rules that speak of what Seedbed itself cannot do yet: a value may be wrong besides.
const OF_THIS_VERSION: [&str; 2] = ["SB047", "SB050"];

/// The table has to be searched for each unknown key: after so many in one object nobody waits for more.
const PROBLEMS_MAX: usize = 1_000;
/// The longest name of an object; kinds whose names become interfaces or host names allow less.
const NAME_BYTES_MAX: usize = 255;

/// A longer value is not said again.
const SHOWN_BYTES_MAX: usize = 80;

/// What an object says of itself.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
    /// The objects that must exist before it.
    pub needs: Vec<Need>,
}

/// Everything that is wrong with an object by itself. Needs no cluster; see [`examine`].
pub fn check(
    kind: &dyn Kind,
    key: &Key,
    spec: &Spec,
    members: &BTreeMap<MemberName, Config>,
    here: &Config,
) -> Vec<Problem> {
    examine(kind, key, spec, members, here).problems
}

/// Reads an object once and asks its kind all that can be asked without a cluster.
///
/// `members` holds the member-specific keys by member; `here` those that a file gives without naming a member.
pub fn examine(
    kind: &dyn Kind,
    key: &Key,
    spec: &Spec,
    members: &BTreeMap<MemberName, Config>,
    here: &Config,
) -> Examined {
    let read = match kind.read(spec) {
        Ok(read) => read,
        Err(problem) => return Examined { problems: vec![problem], needs: Vec::new() },
    };
    let entities = read.entities();
    let shared = spec
        .config_entries()
        .filter_map(|(name, value)| check_key(kind, &entities, name, value, &["config", name], Side::Shared));
    let here_only = here
        .iter()
        .filter_map(|(name, value)| check_key(kind, &entities, name, value, &["config", name], Side::Member));
    let of_member = |(member, config): (&MemberName, &Config)| {
        let own = |(name, value): (&String, &String)| {
            check_key(kind, &entities, name, value, &["members", member.as_str(), name], Side::Member)
        };
        config.iter().filter_map(own).collect::<Vec<_>>()
    };
    let of_table = shared.chain(here_only).chain(members.iter().flat_map(of_member));
    let mut problems: Vec<Problem> = of_table.take(PROBLEMS_MAX).collect();
    problems.extend(long_name(kind, key));
    let found = by_kind(&*read, key, members, here);
    // What a kind says of a value is more than what the table says, but for what only this version cannot do.
    let is_said = |problem: &Problem| {
        found.iter().filter(|better| !OF_THIS_VERSION.contains(&better.code)).any(|better| {
            (&better.path, better.spot) == (&problem.path, problem.spot) && better.severity >= problem.severity
        })
    };
    problems.retain(|problem| !is_said(problem));
    problems.extend(found);
    Examined { problems, needs: read.needs(key) }
}

// The path of an object must fit into the line of a request. What names a hold is made of another name.
fn long_name(kind: &dyn Kind, key: &Key) -> Option<Problem> {
    if key.name.len() <= NAME_BYTES_MAX || kind.words().kind == "hold" {
        return None;
    }
    let start: String = key.name.chars().take(16).collect();
    let text = format!("`{start}…` cannot name a {}: it is longer than {NAME_BYTES_MAX} bytes", kind.words().spoken);
    Some(Problem::at_value("SB018", &["name"], text))
}

// The kind sees the keys that name no member as those of a member without a name.
fn by_kind(read: &dyn Reading, key: &Key, members: &BTreeMap<MemberName, Config>, here: &Config) -> Vec<Problem> {
    if here.is_empty() {
        return read.check(key, members);
    }
    let nameless = MemberName::from("");
    let mut all = members.clone();
    all.insert(nameless.clone(), here.clone());
    let mut problems = read.check(key, &all);
    for problem in &mut problems {
        if problem.path.len() > 1 && problem.path[0] == "members" && problem.path[1] == nameless.as_str() {
            problem.path.splice(..2, ["config".to_owned()]);
        }
    }
    problems
}

/// Whether each member has its own value of this key: it belongs under `members:`, not into the shared config.
pub fn is_member_specific(kind: &str, entities: &[&str], key: &str) -> bool {
    let Some(found) = crate::kinds::find(kind) else { return false };
    found.rollout() != Rollout::RecordOnly
        && key_table::lookup_any(entities, key).is_some_and(|info| info.scope == KeyScope::Member)
}

/// Whether a value of this key must never be shown.
pub fn is_secret(kind: &str, key: &str) -> bool {
    // Certificates are public; what tokens and certificates keep of secrets are hashes, which are none of anybody's
    // business either.
    key_table::is_secret_key(key) || (kind == "token" && key == "secret_hash")
}

/// Why one member's own keys cannot be changed from `old` to `new` once it has made the object.
pub fn edit_local(kind: &dyn Kind, spec: &Spec, old: &Config, new: &Config) -> Vec<Problem> {
    let entities = kind.entities(spec);
    let is_fixed = |name: &str| key_table::lookup_any(&entities, name).is_some_and(|info| info.edit == Edit::Fixed);
    let moved = new.iter().filter(|(name, value)| old.get(*name) != Some(*value) && is_fixed(name));
    let fixed = moved.map(|(name, _)| {
        let text = format!("`{name}` cannot be changed once the member has made the {}", kind.words().spoken);
        Problem::at_value("SB061", &[name], text)
            .helping("remove the object and create it anew, or leave the key as it was")
    });
    fixed.chain(kind.edit_local(spec, old, new)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Shared,
    Member,
}

fn check_key(
    kind: &dyn Kind,
    entities: &[&str],
    name: &str,
    value: &str,
    path: &[&str],
    side: Side,
) -> Option<Problem> {
    // A kind without entities keeps free text, and a driver that nobody knows is found by the kind's own check.
    if entities.is_empty() {
        return None;
    }
    let Some(info) = key_table::lookup_any(entities, name) else {
        return Some(unknown(kind, entities, name, path));
    };
    match (side, info.scope) {
        (Side::Shared, KeyScope::Member) if kind.rollout() != Rollout::RecordOnly => Some(
            Problem::at_key("SB015", path, format!("config key \"{name}\" is cluster member specific"))
                .helping(format!("write it under its member: members: {{NAME: {{{name}: {}}}}}", shown(name, value))),
        ),
        (Side::Member, KeyScope::Global) => Some(
            Problem::at_key("SB016", path, format!("config key \"{name}\" may not be used as member-specific key"))
                .helping("all members share it: write it under config"),
        ),
        _ => wrong_value(info, name, value, path),
    }
}

fn shown<'a>(name: &str, value: &'a str) -> &'a str {
    if key_table::is_secret_key(name) { "…" } else { value }
}

fn unknown(kind: &dyn Kind, entities: &[&str], name: &str, path: &[&str]) -> Problem {
    let about = about(kind, entities);
    let problem = Problem::at_key(UNKNOWN_KEY, path, format!("unknown key `{name}` for {about}"));
    match key_table::suggest(entities, name) {
        Some(meant) => {
            let place = entities.first().copied().unwrap_or_default();
            problem.noting(format!("did you mean `{meant}`?")).helping(format!("seedbed explain {place}.{meant}"))
        }
        None => problem,
    }
}

// `a zfs storage pool`, `a bridge network`, `a profile`.
fn about(kind: &dyn Kind, entities: &[&str]) -> String {
    let spoken = kind.words().spoken;
    let variant =
        entities.first().and_then(|entity| entity.strip_prefix("storage-").or_else(|| entity.strip_prefix("network-")));
    match variant {
        Some(variant) => format!("a {variant} {spoken}"),
        None => format!("a {spoken}"),
    }
}

/// What is wrong with the value of a key by its form alone.
pub fn wrong_value(info: &KeyInfo, name: &str, value: &str, path: &[&str]) -> Option<Problem> {
    if info.takes(value) {
        return None;
    }
    let mut message = format!("`{name}` must be {}", info.wanted());
    let is_line = value.len() <= SHOWN_BYTES_MAX && !value.contains(char::is_control);
    if is_line && !key_table::is_secret_key(name) {
        message.push_str(&format!(", not `{value}`"));
    }
    let problem = Problem::at_value("SB017", path, message);
    Some(match key_table::nearest(value, info.words()) {
        Some(meant) => problem.noting(format!("did you mean `{meant}`?")),
        None => problem,
    })
}
