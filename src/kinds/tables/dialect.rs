//! Which product knows what: sections, fields and keys that LXD or Incus lack, or have removed.
//!
//! The rows of `dialects.tsv` were compared with the program of LXD 5.0.2; the key table says the rest.

use std::sync::LazyLock;

use super::form::Form;
use super::key_table::{self, KeyInfo};
use super::quick::QuickMap;

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

#[derive(Default)]
struct Gaps {
    sections: QuickMap<&'static str, Gap>,
    /// By section.
    fields: QuickMap<&'static str, QuickMap<&'static str, Gap>>,
    /// By entity.
    keys: QuickMap<&'static str, QuickMap<&'static str, Gap>>,
    /// What some products take of the values of a key, by entity and key.
    values: QuickMap<(&'static str, &'static str), Vec<Narrower>>,
}

/// Some products take less of a key than the key table does.
struct Narrower {
    form: Form,
    words: Vec<&'static str>,
    gap: Gap,
}

static GAPS: LazyLock<Gaps> = LazyLock::new(|| {
    let mut gaps = Gaps::default();
    for (at, gap) in include_str!("dialects.tsv").lines().skip(1).filter_map(row) {
        if let Some((entity, key, narrower)) = narrower(at, gap) {
            gaps.values.entry((entity, key)).or_default().push(narrower);
        } else if let Some((entity, key)) = at.split_once(':') {
            gaps.keys.entry(entity).or_default().insert(key, gap);
        } else if let Some((section, field)) = at.split_once('/') {
            gaps.fields.entry(section).or_default().insert(field, gap);
        } else {
            gaps.sections.insert(at, gap);
        }
    }
    gaps
});

/// Who does not take a section, such as `certificates`.
pub fn gap_of_section(section: &str) -> Option<Gap> {
    GAPS.sections.get(section).copied()
}

/// Who does not take a field of a section's objects, such as `storage` of `projects`.
pub fn gap_of_field(section: &str, field: &str) -> Option<Gap> {
    GAPS.fields.get(section)?.get(field).copied()
}

/// Who does not take a configuration key.
pub fn gap_of_key(entity: &str, key: &str) -> Option<Gap> {
    let info: &KeyInfo = key_table::lookup(entity, key)?;
    // `volume.size` of a pool is `size` of its volumes.
    let mut gap = GAPS.keys.get(info.entity).and_then(|keys| keys.get(info.key)).copied().unwrap_or_default();
    let [lxd50, lxd, incus] = [Product::Lxd50, Product::Lxd, Product::Incus].map(|product| product as usize);
    match info.dialect {
        "lxd" => gap.lacks[incus] = true,
        "incus" => (gap.lacks[lxd50], gap.lacks[lxd]) = (true, true),
        // A row of its own says who has kept it.
        "old" if gap.removed == [false; 3] => (gap.removed[lxd], gap.removed[incus]) = (true, true),
        _ => {}
    }
    gap.is_anywhere().then_some(gap)
}

/// Who does not take this value of a key, though the key table does.
pub fn gap_of_value(entity: &str, key: &str, value: &str) -> Option<Gap> {
    let info = key_table::lookup(entity, key).filter(|info| info.takes(value))?;
    let mut gaps = GAPS.values.get(&(info.entity, info.key))?.iter().filter(|narrower| !narrower.takes(value));
    let mut gap = gaps.next()?.gap;
    for other in gaps {
        gap.lacks.iter_mut().zip(other.gap.lacks).for_each(|(one, lacks)| *one |= lacks);
    }
    Some(gap)
}

impl Narrower {
    fn takes(&self, value: &str) -> bool {
        value.is_empty() || self.words.contains(&value) || self.words.is_empty() && self.form.fits(value)
    }
}

// `instance:limits.memory.swap=bool` names a form, `instance:cluster.evacuate=(auto|stop)` words.
fn narrower(at: &'static str, gap: Gap) -> Option<(&'static str, &'static str, Narrower)> {
    let (key, wanted) = at.split_once('=')?;
    let (entity, key) = key.split_once(':')?;
    let words = wanted.strip_prefix('(').and_then(|words| words.strip_suffix(')'));
    let form = words.map_or_else(|| Form::read(wanted), |_| Some(Form::TEXT))?;
    let words = words.into_iter().flat_map(|words| words.split('|')).collect();
    Some((entity, key, Narrower { form, words, gap }))
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
            if at.contains('=') {
                let (entity, key, _) = narrower(at, gap).expect("a form or words");
                assert!(key_table::lookup(entity, key).is_some(), "{line}");
            } else if let Some((entity, key)) = at.split_once(':') {
                assert!(key_table::lookup(entity, key).is_some(), "{line}");
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
        // The same devices under two names, as the two documentations have them.
        for (entity, key) in [("device-unix-char", "path"), ("device-usb", "vendorid"), ("device-unix-block", "source")]
        {
            assert_eq!(gap_of_key(entity, key), None, "{entity} {key}");
        }
        let boot = gap("instance", "security.secureboot");
        assert!(boot.is_removed_from(Product::Lxd) && !boot.is_in(Product::Lxd50) && !boot.is_in(Product::Incus));
        let deny = gap("instance", "security.syscalls.blacklist");
        assert!(deny.is_removed_from(Product::Lxd) && !deny.is_in(Product::Incus));
    }

    #[test]
    fn products_lack_keys_whatever_name_stands_in_them() {
        let gap = gap_of_key("instance", "cloud-init.ssh-keys.mine").expect("a key of LXD alone");
        assert!(gap.is_in(Product::Incus) && !gap.is_in(Product::Lxd));
        let gap = gap_of_key("device-disk", "initial.size").expect("a key that LXD 5.0 lacks");
        assert!(gap.is_in(Product::Lxd50) && !gap.is_in(Product::Lxd));
    }

    #[test]
    fn products_take_less_than_the_table() {
        let gap = gap_of_value("instance", "cluster.evacuate", "force-stop").expect("Incus alone has it");
        assert!(gap.is_in(Product::Lxd50) && gap.is_in(Product::Lxd) && !gap.is_in(Product::Incus));
        assert_eq!(gap_of_value("instance", "cluster.evacuate", "auto"), None);
        let gap = gap_of_value("instance", "limits.memory.swap", "4GiB").expect("a size is new");
        assert!(gap.is_in(Product::Lxd50) && !gap.is_in(Product::Incus));
        assert_eq!(gap_of_value("instance", "limits.memory.swap", "yes"), None);
    }

    #[test]
    fn products_know_what_their_code_checks() {
        let takes = |entity, key, product| gap_of_key(entity, key).is_none_or(|gap| !gap.is_in(product));
        // The documentation of Incus names other keys than its code.
        assert!(takes("storage-ceph", "ceph.osd.pg_num", Product::Incus));
        assert!(takes("storage-cephobject", "cephobject.bucket.name_prefix", Product::Incus));
        assert!(key_table::lookup("storage-ceph", "ceph.osd.pg_name").is_none());
        assert!(takes("storage-ceph", "source", Product::Lxd50) && !takes("storage-ceph", "source", Product::Lxd));
        assert!(takes("storage-ceph", "ceph.osd.force_reuse", Product::Lxd50));
        assert!(!takes("network-ovn", "ipv4.dhcp.ranges", Product::Lxd50));
        assert!(takes("storage-dir", "volume.size", Product::Lxd50));
        assert!(!takes("storage-dir", "size", Product::Lxd50) && !takes("network-bridge", "parent", Product::Lxd50));
        assert!(key_table::lookup("network-physical", "volatile.last_state.created").is_some());
    }

    #[test]
    fn products_lack_sections_and_fields() {
        assert!(gap_of_section("certificates").is_some_and(|gap| gap.is_in(Product::Lxd)));
        assert!(gap_of_field("projects", "storage").is_some_and(|gap| gap.is_in(Product::Incus)));
        assert_eq!((gap_of_section("networks"), gap_of_field("projects", "name")), (None, None));
    }
}
