//! Applies that somebody has to confirm: without that the cluster takes them back. Records of the cluster.
//!
//! While one waits there are two records: one that everybody may read, and one with what the apply wrote, by which the
//! way back knows what somebody else has changed since. What could not be taken back stays as a third one until somebody
//! has seen it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Config, Key, Management, MemberName, Object, Phase, Revision, Spec, Timestamp};

/// Nobody confirms anything in less, in milliseconds.
pub const CONFIRM_MS_MIN: u64 = 1_000;
/// While one apply waits no other is taken: not for longer than this, in milliseconds.
pub const CONFIRM_MS_MAX: u64 = 3_600_000;
/// Why an apply was taken back, as history and the audit log tell it.
pub const UNCONFIRMED: &str = "not confirmed in time";
/// The same when somebody did not wait for the deadline.
pub const GIVEN_UP: &str = "given up before it was confirmed";
/// Who takes back.
pub const CLUSTER: &str = "cluster";

/// An apply that waits to be confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Pending {
    /// When it was applied.
    pub at: Timestamp,
    /// Who applied it.
    pub by: String,
    /// From where, as far as that is known: a confirmation on this very connection proves nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// When it is taken back.
    pub until: Timestamp,
    /// The apply before it, which is where the way back leads; none when nothing is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_to: Option<Revision>,
    /// The name of its record in the history.
    pub apply: String,
    /// What it did, in a few words.
    pub summary: String,
    /// The first of its objects.
    pub named: Vec<Key>,
    /// Who has asked to take it back at once.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given_up_by: String,
}

/// What could not be taken back, until somebody has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Left {
    /// When the rest was taken back.
    pub at: Timestamp,
    /// Who had applied it.
    pub by: String,
    /// When.
    pub applied_at: Timestamp,
    /// What stays as the apply made it.
    pub left: Vec<Rest>,
    /// What was asked to go: it is on its way as long as it exists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub going: Vec<Key>,
}

/// One object that stays as an apply made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The object.
    pub key: Key,
    /// Why.
    pub why: String,
}

/// What an apply wrote that waits to be confirmed. Holds values, secrets included.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Written {
    /// Each object that it changed.
    pub objects: Vec<Wrote>,
}

/// One object as an apply wrote it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrote {
    /// The object.
    pub key: Key,
    /// Its content; `None` when it was removed.
    pub content: Option<Content>,
}

/// The content of an object.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Content {
    /// What all members share.
    pub spec: Spec,
    /// How it is managed.
    pub management: Management,
    /// The members' own keys. None of an object that was new: members work them out.
    pub placements: BTreeMap<MemberName, Config>,
}

// Values may be secrets.
impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Written({} objects)", self.objects.len())
    }
}

impl Pending {
    /// The kind of this record and of [`Left`].
    pub const KIND: &'static str = "confirmation";

    /// The one record: no two applies wait at a time.
    pub fn key() -> Key {
        Key::new(Self::KIND, "pending")
    }

    /// What waits, in a few words: `the apply of unix:0 (1 changed: profile/web)`.
    pub fn told(&self) -> String {
        let named: Vec<String> = self.named.iter().map(Key::to_string).collect();
        format!("the apply by {} ({}: {})", self.who(), self.summary, named.join(", "))
    }

    /// Who applied it; a certificate's fingerprint is known by its beginning.
    pub fn who(&self) -> String {
        if self.by.len() == 64 { self.by.chars().take(12).collect() } else { self.by.clone() }
    }

    /// Why it is taken back.
    pub fn why(&self) -> String {
        match self.given_up_by.as_str() {
            "" => UNCONFIRMED.to_owned(),
            who => format!("{GIVEN_UP}, by {who}"),
        }
    }
}

impl Left {
    /// The one record.
    pub fn key() -> Key {
        Key::new(Pending::KIND, "left")
    }

    /// What there is still to see, now that objects are as `find` says; nothing when all of it has gone.
    pub fn open(&self, find: impl Fn(&Key) -> Option<Object>) -> Vec<Rest> {
        let going = self.going.iter().filter_map(|key| {
            let object = find(key).filter(|object| object.phase == Phase::Deleting)?;
            let said = object.placements.iter().find(|(_, held)| !held.condition.message.is_empty());
            let why = match said {
                Some((member, held)) => format!("is being removed; {member} says: {}", held.condition.message),
                None => "is being removed".to_owned(),
            };
            Some(Rest { key: key.clone(), why })
        });
        self.left.iter().cloned().chain(going).collect()
    }
}

impl Written {
    /// The kind of this record.
    pub const KIND: &'static str = "confirmation-written";

    /// The one record.
    pub fn key() -> Key {
        Key::new(Self::KIND, "pending")
    }
}

impl Wrote {
    /// What somebody else has done with the object since, in words.
    pub fn touched(&self, now: Option<&Object>) -> Option<&'static str> {
        let is_going = |object: &Object| object.phase == Phase::Deleting;
        match (&self.content, now) {
            (None, None) => None,
            (None, Some(now)) => (!is_going(now)).then_some("somebody has created it anew since"),
            (Some(_), None) => Some("somebody has deleted it since"),
            (Some(_), Some(now)) if is_going(now) => Some("somebody has deleted it since"),
            (Some(content), Some(now)) if !content.is_in(now) => Some("somebody has changed it since"),
            (Some(_), Some(_)) => None,
        }
    }
}

impl Content {
    /// Whether nobody has changed how the object is managed; that a rollout has ended is no change.
    pub fn is_managed_as(&self, object: &Object) -> bool {
        let plain = |management: &Management| Management { waves: None, ..management.clone() };
        plain(&self.management) == plain(&object.management)
    }

    /// Whether an object still has it. What members add by themselves is no difference.
    fn is_in(&self, object: &Object) -> bool {
        let is_same = |(member, config): (&MemberName, &Config)| {
            let Some(placement) = object.placements.get(member) else { return true };
            let said = config.iter().filter(|(key, _)| !key.starts_with("volatile."));
            let now = placement.config.iter().filter(|(key, _)| !key.starts_with("volatile."));
            said.eq(now)
        };
        self.spec == object.spec && self.is_managed_as(object) && self.placements.iter().all(is_same)
    }
}

/// Whether a record of this kind holds what an apply wrote, which is for the cluster alone.
pub fn is_sealed(kind: &str) -> bool {
    kind == Written::KIND
}

/// Whether a text, as in `confirmation-written/pending`, names such a record.
pub fn is_record(key: &str) -> bool {
    key.split('/').next().is_some_and(is_sealed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Condition, Generation, Placement, PlacementPhase, Rollout};

    fn object(spec: serde_json::Value, own: &[(&str, &str)]) -> Object {
        let placement = Placement {
            config: config(own),
            phase: PlacementPhase::Created,
            observed: Generation(1),
            realised: Generation(1),
            condition: Condition::defined(Timestamp(0)),
        };
        Object {
            uid: Revision(1),
            generation: Generation(1),
            phase: Phase::Created,
            rollout: Rollout::EveryMember,
            spec: Spec(spec.as_object().cloned().expect("an object")),
            placements: [(MemberName("n1".to_owned()), placement)].into(),
            ..Object::blank(Key::new("network", "br0"))
        }
    }

    fn config(pairs: &[(&str, &str)]) -> Config {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_somebody_did_since_is_told_and_what_members_add_is_not() {
        let spec = json!({"description": "one"});
        let wrote = |own: &[(&str, &str)]| {
            let Object { key, spec, management, .. } = object(spec.clone(), &[]);
            let placements = [(MemberName("n1".to_owned()), config(own))].into();
            Wrote { key, content: Some(Content { spec, management, placements }) }
        };
        let said = |own, now: &Object| wrote(own).touched(Some(now));
        let eth0 = [("parent", "eth0")];
        assert_eq!(said(&eth0, &object(spec.clone(), &eth0)), None);
        assert_eq!(said(&eth0, &object(spec.clone(), &[("parent", "eth0"), ("volatile.x", "1")])), None);
        assert_eq!(said(&eth0, &object(spec.clone(), &[("parent", "eth1")])), Some("somebody has changed it since"));
        assert_eq!(said(&eth0, &object(json!({"description": "two"}), &eth0)), Some("somebody has changed it since"));
        let going = Object { phase: Phase::Deleting, ..object(spec.clone(), &eth0) };
        assert_eq!(said(&eth0, &going), Some("somebody has deleted it since"));
        assert_eq!(wrote(&eth0).touched(None), Some("somebody has deleted it since"));
        let protected = Management { protect: true, ..Management::default() };
        let protected = Object { management: protected, ..object(spec.clone(), &eth0) };
        assert_eq!(said(&eth0, &protected), Some("somebody has changed it since"));
        let removed = Wrote { key: Key::new("network", "br0"), content: None };
        assert_eq!(removed.touched(None), None);
        assert_eq!(removed.touched(Some(&going)), None);
        assert_eq!(removed.touched(Some(&object(spec, &[]))), Some("somebody has created it anew since"));
    }

    #[test]
    fn a_pending_apply_is_told_in_a_few_words() {
        let named = vec![Key::new("profile", "web")];
        let pending = Pending { by: "ab".repeat(32), summary: "1 changed".to_owned(), named, ..Pending::default() };
        assert_eq!(pending.told(), "the apply by abababababab (1 changed: profile/web)");
        assert_eq!(pending.why(), "not confirmed in time");
        let given_up = Pending { given_up_by: "unix:0".to_owned(), ..pending };
        assert_eq!(given_up.why(), "given up before it was confirmed, by unix:0");
    }
}
