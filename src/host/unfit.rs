//! Settings that a program of the machine does not take.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::HostError;

/// A setting that cannot work, found without changing anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfit {
    /// What it would have been for: `` start the DHCP and DNS server of the bridge `br1` ``.
    pub doing: String,
    /// The setting: `raw.dnsmasq`.
    pub setting: String,
    /// The program that was asked: `dnsmasq`.
    pub program: String,
    /// What it says: `` bad option `nonsense` (line 1) ``.
    pub why: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, program, why, .. } = self;
        write!(f, "{setting} was not taken: {program}: {why}")
    }
}

impl From<Unfit> for HostError {
    fn from(unfit: Unfit) -> Self {
        let Unfit { doing, setting, program, why } = unfit;
        Self::lasting(doing, "SettingRefused", format!("{program}: {why}")).hinting(format!("change {setting}"))
    }
}
