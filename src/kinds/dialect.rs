//! Which product knows what: sections, fields and keys that LXD or Incus lack, or have removed.
//!
//! The rows of `dialects.tsv` were compared with the program of LXD 5.0.2; the key table says the rest.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::table::{self, KeyInfo};

/// A product whose preseed files a manifest may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Product {
    /// The long-term release of LXD.
    Lxd50,
    /// LXD of today.
    Lxd,
    /// Incus of today.
    Incus,
}

/// What some product does not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Which products never had it.
    lacks: [bool; 3],
    /// Which products had it once.
    removed: [bool; 3],
    /// What to write or do there, in words; empty when nothing takes its place.
    pub instead: &'static str,
}

impl Product {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Lxd50, Self::Lxd, Self::Incus];

    /// Its name for people.
    pub fn spoken(self) -> &'static str {
        match self {
            Self::Lxd50 => "LXD 5.0",
            Self::Lxd => "LXD",
            Self::Incus => "Incus",
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name {
            "lxd-5.0" => Some(Self::Lxd50),
            "lxd" => Some(Self::Lxd),
            "incus" => Some(Self::Incus),
            _ => None,
        }
    }
}

impl Gap {
    /// Whether the product refuses it.
    pub fn is_in(&self, product: Product) -> bool {
        self.lacks[product as usize] || self.removed[product as usize]
    }

    /// Whether the product had it once.
    pub fn is_removed_from(&self, product: Product) -> bool {
        self.removed[product as usize]
    }

    /// Whether no product ever took it: it is an addition of ours.
    pub fn is_everywhere(&self) -> bool {
        self.lacks == [true; 3]
    }

    fn is_anywhere(&self) -> bool {
        Product::ALL.into_iter().any(|product| self.is_in(product))
    }
}

struct Gaps {
    rows: HashMap<&'static str, Gap>,
    /// Keys that stand in any row, or that the key table gives to some products only.
    telling: HashSet<&'static str>,
}

static GAPS: LazyLock<Gaps> = LazyLock::new(|| {
    let rows: HashMap<_, _> = include_str!("dialects.tsv").lines().skip(1).filter_map(row).collect();
    let of_rows = rows.keys().filter_map(|at| at.split_once(':')).map(|(_, key)| key);
    let of_table = table::entities().flat_map(table::keys_of).filter(|info| info.dialect != "both");
    let telling = of_rows.chain(of_table.map(|info| info.key)).collect();
    Gaps { rows, telling }
});

/// Who does not take a section (`certificates`) or a field of its objects (`projects/storage`).
pub fn gap_of_field(path: &str) -> Option<Gap> {
    GAPS.rows.get(path).copied()
}

/// Whether some product may lack a key of this name: most keys need no closer look.
pub fn is_telling(key: &str) -> bool {
    GAPS.telling.contains(key)
}

/// Who does not take a configuration key.
pub fn gap_of_key(entity: &str, key: &str) -> Option<Gap> {
    let info: &KeyInfo = table::lookup(entity, key)?;
    let mut gap = GAPS.rows.get(format!("{entity}:{key}").as_str()).copied().unwrap_or_default();
    let [lxd50, lxd, incus] = [Product::Lxd50, Product::Lxd, Product::Incus].map(|product| product as usize);
    match info.dialect {
        "lxd" => gap.lacks[incus] = true,
        "incus" => (gap.lacks[lxd50], gap.lacks[lxd]) = (true, true),
        "old" => (gap.removed[lxd], gap.removed[incus]) = (true, true),
        _ => {}
    }
    gap.is_anywhere().then_some(gap)
}

fn row(line: &'static str) -> Option<(&'static str, Gap)> {
    let mut cells = line.split('\t');
    let at = cells.next()?;
    let mut products = || {
        let mut set = [false; 3];
        let names = cells.next().unwrap_or_default().split(',').filter_map(Product::named);
        names.for_each(|product| set[product as usize] = true);
        set
    };
    let (lacks, removed) = (products(), products());
    let instead = cells.next().filter(|text| *text != "-").unwrap_or_default();
    Some((at, Gap { lacks, removed, instead }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_a_key_of_the_table_or_a_field_and_a_product() {
        for line in include_str!("dialects.tsv").lines().skip(1) {
            let (at, gap) = row(line).expect("a row");
            assert_eq!(line.split('\t').count(), 4, "{line}");
            assert!(gap.is_anywhere(), "{line}");
            if let Some((entity, key)) = at.split_once(':') {
                assert!(table::lookup(entity, key).is_some(), "{line}");
            }
        }
    }

    #[test]
    fn products_lack_and_remove_keys() {
        let gap = |entity, key| gap_of_key(entity, key).expect(key);
        let trust = gap("server", "core.trust_password");
        assert!(!trust.is_in(Product::Lxd50) && trust.is_removed_from(Product::Lxd) && trust.is_in(Product::Incus));
        assert!(gap("server", "loki.api.url").is_in(Product::Lxd50));
        assert!(!gap("server", "loki.api.url").is_in(Product::Lxd));
        assert_eq!(gap_of_key("server", "core.https_address"), None);
        assert!(is_telling("loki.api.url") && !is_telling("core.https_address"));
    }
}
