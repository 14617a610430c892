//! What a machine would not take, found before anything is changed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::HostError;

/// A setting that cannot work on a machine, found without changing anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfit {
    /// What it would have been for: `` start the DHCP and DNS server of the bridge `br1` ``.
    pub doing: String,
    /// The setting: `raw.dnsmasq`.
    pub setting: String,
    /// The program that was asked: `dnsmasq`. None where the machine itself has something in the way.
    pub program: Option<String>,
    /// What it says, or what is in the way: `` bad option `nonsense` (line 1) ``, `` there is no interface `ext9` ``.
    pub why: String,
    /// What to do about it, when it is known.
    pub hint: Option<String>,
}

impl Unfit {
    /// What stands in the way of a setting on the machine.
    pub fn in_the_way(setting: &str, error: HostError) -> Self {
        let HostError { doing, cause, hint, .. } = error;
        Self { doing, setting: setting.to_owned(), program: None, why: cause, hint }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, program, why, .. } = self;
        match program {
            Some(program) => write!(f, "{setting} was not taken: {program}: {why}"),
            None => write!(f, "{setting} was not taken: {why}"),
        }
    }
}

impl From<Unfit> for HostError {
    fn from(unfit: Unfit) -> Self {
        let Unfit { doing, setting, program, why, hint } = unfit;
        let cause = program.map_or_else(|| why.clone(), |program| format!("{program}: {why}"));
        Self::lasting(doing, "SettingRefused", cause).hinting(hint.unwrap_or_else(|| format!("change {setting}")))
    }
}
