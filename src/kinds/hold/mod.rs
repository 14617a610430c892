//! Holds: objects that sources and healing leave alone for a time, because somebody is at work on them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::registry::field::lenient;
use super::registry::kind::{Resource, Words};
use super::registry::problem::Problem;
use super::registry::unknown_fields::Unknown;
use crate::model::{Config, Key, MemberName, Object, Rollout, Spec, Timestamp};

/// The kind.
pub struct Hold;

/// One hold. It ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "hold")]
pub struct HoldSpec {
    /// The object that is held, as in `network/lxdbr0`.
    pub key: String,
    /// Why, for those who meet it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// When it ends, in milliseconds since 1970.
    pub until: Timestamp,
    /// `user.*` keys.
    #[serde(default, deserialize_with = "lenient")]
    pub config: Config,
    /// What a newer version has stored beside these.
    #[serde(flatten)]
    #[schemars(skip)]
    pub unknown: Unknown,
}

/// The name of the hold on an object: a path has no room for its slashes.
pub fn name_of(key: &Key) -> String {
    key.to_string().replace('/', ":")
}

/// What an object of this spec holds, when it is a hold.
pub fn target(key: &Key, spec: &Spec) -> Option<Key> {
    if key.kind.as_str() == Hold::WORDS.kind { spec.text("key").parse().ok() } else { None }
}

/// What is held now.
pub fn held<'a>(holds: impl IntoIterator<Item = &'a Object>, now: Timestamp) -> BTreeMap<Key, HoldSpec> {
    let of_kind = holds.into_iter().filter(|object| object.key.kind.as_str() == Hold::WORDS.kind);
    let read = |object: &Object| -> Option<(Key, HoldSpec)> {
        let spec: HoldSpec = object.spec.read().ok()?;
        Some((spec.key.parse().ok()?, spec))
    };
    of_kind.filter_map(read).filter(|(_, spec)| spec.until > now).collect()
}

/// A hold that has ended is listed for so long, in milliseconds: somebody may ask what became of it.
const LISTED_MS: u64 = 86_400_000;

/// The holds that ended so long ago that nobody asks after them.
pub fn outdated(holds: &[Object], now: Timestamp) -> Vec<&Object> {
    let is_old = |object: &&Object| {
        let until = object.spec.0.get("until").and_then(serde_json::Value::as_i64).map(Timestamp);
        until.is_some_and(|until| now.since_ms(until) >= LISTED_MS)
    };
    holds.iter().filter(|object| object.key.kind.as_str() == Hold::WORDS.kind).filter(is_old).collect()
}

impl Resource for Hold {
    type Spec = HoldSpec;

    const WORDS: Words = Words { kind: "hold", section: "", collection: "holds", noun: "hold list", spoken: "hold" };
    const ROLLOUT: Rollout = Rollout::RecordOnly;

    fn entities(&self, _: &HoldSpec) -> Vec<&'static str> {
        Vec::new()
    }

    fn check(&self, key: &Key, spec: &HoldSpec, _: &BTreeMap<MemberName, Config>) -> Vec<Problem> {
        match spec.key.parse::<Key>() {
            Err(error) => vec![Problem::at_value("SB020", &["key"], error.to_string())],
            Ok(held) if name_of(&held) != key.name => {
                let text = format!("the hold on {held} is named `{}`", name_of(&held));
                vec![Problem::at_value("SB020", &["name"], text)]
            }
            Ok(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Generation, Phase, Revision};

    fn hold(key: &str, until: i64) -> Object {
        let spec = serde_json::json!({"key": key, "until": until, "description": "why"});
        Object {
            uid: Revision(1),
            generation: Generation(1),
            phase: Phase::Created,
            spec: Spec(spec.as_object().cloned().expect("an object")),
            ..Object::blank(Key::new("hold", &key.replace('/', ":")))
        }
    }

    #[test]
    fn a_hold_holds_until_its_end_and_no_longer() {
        let holds = [hold("profile/web", 10), hold("network/staging/br0", 20), hold("nothing", 20)];
        let keys = |now| held(&holds, Timestamp(now)).into_keys().map(|key| key.to_string()).collect::<Vec<_>>();
        assert_eq!(keys(9), ["network/staging/br0", "profile/web"]);
        assert_eq!(keys(10), ["network/staging/br0"]);
        assert_eq!(keys(20), [""; 0]);
    }

    #[test]
    fn a_hold_that_has_ended_is_listed_for_a_day() {
        let end = 1_000;
        let day = i64::try_from(LISTED_MS).expect("a small number");
        let holds = [hold("profile/web", end), hold("profile/db", end + day)];
        let old = |now| outdated(&holds, Timestamp(now)).into_iter().map(|it| it.key.name.clone()).collect::<Vec<_>>();
        assert_eq!(old(0), [""; 0]);
        assert_eq!(old(end + day - 1), [""; 0]);
        assert_eq!(old(end + day), ["profile:web"]);
    }

    #[test]
    fn a_hold_is_named_after_what_it_holds() {
        let spec = |key: &str| HoldSpec {
            key: key.to_owned(),
            description: String::new(),
            until: Timestamp(1),
            config: Config::default(),
            unknown: Unknown::default(),
        };
        let problems =
            |name: &str, key: &str| Resource::check(&Hold, &Key::new("hold", name), &spec(key), &BTreeMap::new()).len();
        assert_eq!(problems("profile:web", "profile/web"), 0);
        assert_eq!(problems("other", "profile/web"), 1);
        assert_eq!(problems("web", "web"), 1);
    }
}
