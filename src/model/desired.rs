//! The desired state: what a set of manifests declares, after validation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::config::Config;
use super::finding::Place;
use super::key::Key;
use super::management::Policy;
use super::name::MemberName;
use super::object::Spec;

/// Everything that a set of manifests declares, merged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The declared objects. The server configuration and the members are objects too.
    #[serde(with = "as_list")]
    pub objects: BTreeMap<Key, Declared>,
}

/// One declared object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declared {
    /// What all members share. Holds no member-specific key.
    pub spec: Spec,
    /// Member-specific keys under the name of their member, or under `*` for every member: see [`Self::own`].
    #[serde(default)]
    pub members: BTreeMap<MemberName, Config>,
    /// Member-specific keys that name no member, as LXD's preseed writes them.
    /// They belong to the member that reads the file, and to the only member of a cluster of one.
    #[serde(default)]
    pub here: Config,
    /// How it is managed.
    #[serde(default, skip_serializing_if = "Policy::is_default")]
    pub policy: Policy,
    /// Where it is declared.
    pub at: Place,
}

impl Declared {
    /// The place of a part of the object, as [`Place::within`] gives it.
    pub fn place<S: AsRef<str>>(&self, steps: &[S]) -> Place {
        // The server's keys stand in a section of their own, and what points at that is inside already.
        let is_inside = self.at.pointer == "/config" && steps.first().is_some_and(|step| step.as_ref() == "config");
        self.at.within(&steps[usize::from(is_inside)..])
    }

    /// The member-specific keys of one member that reads the file itself.
    pub fn of(&self, reader: &MemberName) -> Config {
        self.here.overlaid(&own_of(&self.members, reader))
    }

    /// The member-specific keys of one member, whoever reads the file.
    pub fn own(&self, member: &MemberName) -> Config {
        own_of(&self.members, member)
    }
}

/// The keys of one member among those of all: what every member has, and over it what stands under its own name.
pub fn own_of(members: &BTreeMap<MemberName, Config>, member: &MemberName) -> Config {
    let keys = |name: &str| members.get(name).cloned().unwrap_or_default();
    keys(MemberName::EVERY).overlaid(&keys(member.as_str()))
}

/// A map with structured keys is a list in JSON.
mod as_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Declared, Key};

    #[derive(Serialize)]
    struct EntryRef<'a> {
        key: &'a Key,
        #[serde(flatten)]
        declared: &'a Declared,
    }

    #[derive(Deserialize)]
    struct Entry {
        key: Key,
        #[serde(flatten)]
        declared: Declared,
    }

    pub fn serialize<S: Serializer>(map: &BTreeMap<Key, Declared>, to: S) -> Result<S::Ok, S::Error> {
        let list: Vec<EntryRef<'_>> = map.iter().map(|(key, declared)| EntryRef { key, declared }).collect();
        list.serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Key, Declared>, D::Error> {
        let list = Vec::<Entry>::deserialize(from)?;
        Ok(list.into_iter().map(|entry| (entry.key, entry.declared)).collect())
    }
}
