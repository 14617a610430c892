//! LXD's words. Pools and networks say the same things slightly differently, and scripts look for them.

use super::Refusal;
use crate::kinds::Kind;
use crate::model::{Key, MemberName, Spec};

/// The texts of one kind.
pub struct Names<'a> {
    key: &'a Key,
    spoken: &'static str,
}

impl<'a> Names<'a> {
    pub fn of(kind: &dyn Kind, key: &'a Key) -> Self {
        Self { key, spoken: kind.words().spoken }
    }

    fn is_pool(&self) -> bool {
        self.key.kind.as_str() == "storage-pool"
    }

    fn is_network(&self) -> bool {
        self.key.kind.as_str() == "network"
    }

    // `Storage pool`, `Network`.
    fn capital(&self) -> String {
        let mut letters = self.spoken.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    }

    // `Pool`, `Network`.
    fn short(&self) -> String {
        if self.is_pool() { "Pool".to_owned() } else { self.capital() }
    }

    pub fn not_found(&self) -> Refusal {
        Refusal::new(404, format!("{} not found", self.capital()))
    }

    pub fn protected(&self) -> Refusal {
        Refusal::new(403, format!("The {} {} is protected", self.spoken, self.key.name))
            .hinting(format!("to lift that: seedbed protect {} --off", self.key))
    }

    pub fn already_exists(&self) -> Refusal {
        Refusal::new(409, format!("The {} already exists", self.spoken))
    }

    pub fn already_created(&self, clustered: bool) -> Refusal {
        let word = if self.is_network() && !clustered { "already exists" } else { "is already created" };
        Refusal::new(500, format!("The {} {word}", self.spoken))
    }

    pub fn not_defined_on(&self, members: &[MemberName]) -> Refusal {
        let names: Vec<&str> = members.iter().map(MemberName::as_str).collect();
        let example = names.first().copied().unwrap_or_default();
        Refusal::new(500, format!("{} not defined on nodes: {}", self.short(), names.join(", ")))
            .hinting(format!("define it there first, with --target {example}, or apply a manifest"))
    }

    pub fn not_pending(&self) -> Refusal {
        Refusal::new(500, format!("{} not pending on any node (use --target <node> first)", self.short()))
            .hinting("or declare it in a manifest: seedbed apply defines and creates it on all members in one go")
    }

    pub fn global_key_at_define(&self, name: &str) -> Refusal {
        let status = if self.is_network() { 400 } else { 500 };
        Refusal::new(status, format!("Config key \"{name}\" may not be used as member-specific key"))
    }

    pub fn member_key_at_create(&self, name: &str) -> Refusal {
        Refusal::new(500, format!("Config key \"{name}\" is cluster member specific"))
    }

    pub fn defined_twice(&self, member: &MemberName) -> Refusal {
        let verb = if self.is_pool() { "already" } else { "is already" };
        Refusal::new(400, format!("The {} {verb} defined on member \"{member}\"", self.spoken))
    }

    pub fn other_variant_at_define(&self) -> Refusal {
        Refusal::new(
            500,
            if self.is_pool() {
                "Storage pool already exists with a different driver".to_owned()
            } else {
                format!("Requested {} type doesn't match type in existing database record", self.spoken)
            },
        )
    }

    pub fn other_variant_at_create(&self, asked: &str, stored: &str) -> Refusal {
        let word = if self.is_pool() { "driver" } else { "type" };
        Refusal::new(
            500,
            format!(
                "Requested {} {word} \"{asked}\" doesn't match {word} in existing database record \"{stored}\"",
                self.spoken
            ),
        )
    }

    pub fn not_in_pending_state(&self) -> Refusal {
        Refusal::new(500, format!("{} is not in pending state", self.capital()))
    }

    pub fn partially_created(&self) -> Refusal {
        Refusal::new(
            500,
            format!(
                "{} already partially created. Please do not specify any global config when re-running create",
                self.capital()
            ),
        )
    }

    pub fn update_too_early(&self) -> Refusal {
        Refusal::new(400, format!("Cannot update {} global config when not in created state", self.spoken))
    }

    pub fn global_key_at_update(&self, name: &str) -> Refusal {
        let words = if self.is_network() { "member-specific key" } else { "cluster member specific key" };
        Refusal::new(400, format!("Config key \"{name}\" may not be used as {words}"))
    }

    pub fn member_key_at_update(&self, name: &str) -> Refusal {
        Refusal::new(400, format!("Config key \"{name}\" is cluster member specific"))
            .hinting("say for which member: --target NAME")
    }

    pub fn in_use(&self, users: &[Key]) -> Refusal {
        let names: Vec<String> = users.iter().map(Key::to_string).collect();
        Refusal::new(400, format!("The {} is currently in use", self.spoken))
            .hinting(format!("used by {}", names.join(", ")))
    }

    pub fn being_removed(&self) -> Refusal {
        Refusal::new(409, format!("The {} is being removed", self.spoken))
            .hinting(format!("try again when it has gone; to keep it: seedbed undelete {}", self.key))
    }

    /// What is wrong with the name or the sort of a new object.
    pub fn malformed(&self, spec: &Spec, is_known: impl Fn(&Spec) -> bool) -> Option<Refusal> {
        let bad = |text: &str| Some(Refusal::new(400, text));
        if self.key.name.is_empty() {
            return bad("No name provided");
        }
        if self.key.name.contains('/') {
            return bad(&format!("{} names may not contain slashes", self.capital()));
        }
        if self.is_pool() && spec.text("driver").is_empty() {
            return bad("No driver provided");
        }
        if self.is_pool() && !is_known(spec) {
            return bad("Unknown driver");
        }
        None
    }
}
