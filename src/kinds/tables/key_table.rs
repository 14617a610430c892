//! The key table: every configuration key that LXD and Incus know, with its form, scope and default.
//!
//! One table answers what a key means: checks, hints, secrets and the split by member all read it.

use std::sync::{LazyLock, OnceLock};

use super::form::{Base, Form};
use super::quick::QuickMap;

/// One configuration key of one entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Which configuration map it belongs to: `storage-zfs`, `network-bridge`, `server`.
    pub entity: &'static str,
    /// The key; a step in capitals stands for any name, a final `*` for anything.
    pub key: &'static str,
    /// What its value must look like.
    pub form: Form,
    /// Whether members may differ in it.
    pub scope: KeyScope,
    /// The value that holds when it is unset, in words; empty when there is none.
    pub default: &'static str,
    /// Who knows the key: `lxd`, `incus`, `both`, or `old` for keys that both have dropped.
    pub dialect: &'static str,
    /// Whether the value may change once the object exists.
    pub edit: Edit,
    /// The words that the value is one of, between bars; after a final `…` it may have the form instead. Empty when the
    /// form alone decides.
    pub words: &'static str,
}

impl KeyInfo {
    /// The words that the value may be; see [`has_other_words`](Self::has_other_words).
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.words.split('|').filter(|word| !word.is_empty() && *word != "…")
    }

    /// Whether the value may be something else than one of the words.
    pub fn has_other_words(&self) -> bool {
        self.words.is_empty() || self.words.ends_with('…')
    }

    /// Whether a value is one that the key can have. An empty one unsets it.
    pub fn takes(&self, value: &str) -> bool {
        value.is_empty() || self.words().any(|word| word == value) || self.has_other_words() && self.form.fits(value)
    }

    /// What the value must be, in words and with an example.
    pub fn wanted(&self) -> String {
        let words: Vec<&str> = self.words().collect();
        match (words.is_empty(), self.has_other_words()) {
            (true, _) => self.form.wanted(),
            (false, false) => format!("one of {}", words.join(", ")),
            (false, true) if self.form.base == Base::Text => format!("text, such as {}", words.join(", ")),
            (false, true) => format!("{}, or {}", words.join(", "), self.form.wanted()),
        }
    }
}

/// Whether a value may change once the object exists, as far as the key alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It may; the kind has the last word.
    Open,
    /// It is fixed once the member has made the object, such as the source of a pool.
    Fixed,
}

/// Whether members may differ in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// The same on all members.
    Global,
    /// Each member has its own value.
    Member,
    /// Either: LXD keeps it for all members, Incus lets each have its own.
    Either,
}

/// Longer texts are no slip of the pen.
const MEANT_BYTES_MAX: usize = 100;

/// The entities in the order of their names, and where each of them is.
struct Table {
    entities: Vec<Entity>,
    places: QuickMap<&'static str, usize>,
}

/// The keys of one entity, read when the first is asked for: a manifest needs those of few entities.
struct Entity {
    name: &'static str,
    text: &'static str,
    keys: OnceLock<Keys>,
}

struct Keys {
    /// In the order of their keys.
    exact: Vec<KeyInfo>,
    /// Where each of them is: every key of every manifest is looked up some times.
    places: QuickMap<&'static str, usize>,
    patterns: Vec<KeyInfo>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::of(include_str!("keys.tsv")));

/// The key's row, with names and `user.*` resolved. `volume.KEY` of a pool is the key of its volumes.
pub fn lookup(entity: &str, key: &str) -> Option<&'static KeyInfo> {
    let direct = TABLE.keys(entity).and_then(|keys| keys.exact(key).or_else(|| keys.pattern(key)));
    direct.or_else(|| {
        let key = key.strip_prefix("volume.")?;
        let driver = entity.strip_prefix("storage-").filter(|driver| !driver.starts_with("volume-"))?;
        TABLE.keys(&format!("storage-volume-{driver}"))?.exact(key)
    })
}

/// The key's row in the first of the entities that has it.
pub fn lookup_any(entities: &[&str], key: &str) -> Option<&'static KeyInfo> {
    entities.iter().find_map(|entity| lookup(entity, key))
}

/// All rows of an entity, in the order of their keys.
pub fn keys_of(entity: &str) -> impl Iterator<Item = &'static KeyInfo> {
    TABLE.keys(entity).into_iter().flat_map(|keys| keys.exact.iter().chain(&keys.patterns))
}

/// The names of all entities.
pub fn entities() -> impl Iterator<Item = &'static str> {
    TABLE.entities.iter().map(|entity| entity.name)
}

/// The known key that was probably meant.
pub fn suggest(entities: &[&str], key: &str) -> Option<&'static str> {
    let known = entities.iter().flat_map(|entity| keys_of(entity)).map(|row| row.key);
    nearest(key, known)
}

/// The candidate that looks most like `text`, when one looks enough like it.
pub fn nearest<'a>(text: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing takes time and memory for each pair of characters.
    if text.len() > MEANT_BYTES_MAX {
        return None;
    }
    let worth = |candidate: &str| strsim::normalized_damerau_levenshtein(text, candidate);
    let short = candidates.filter(|candidate| candidate.len() <= MEANT_BYTES_MAX);
    let scored = short.map(|candidate| (worth(candidate), candidate));
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= 0.6).then_some(best.1)
}

/// Whether values of this key must never be shown.
pub fn is_secret_key(key: &str) -> bool {
    const ENDINGS: [&str; 13] = [
        "password",
        "passwd",
        "passphrase",
        "access_key",
        "secret",
        "token",
        "private_key",
        "client_key",
        "platform_key",
        "api_key",
        "api.key",
        "hmac",
        "encryption_key",
    ];
    // Variables of an environment are written in capitals.
    let key = key.to_ascii_lowercase();
    let peer_key = key.contains("peers.") && key.ends_with(".key");
    // All of it at once: the credentials of a DNS provider are among them.
    peer_key || key.ends_with("acme.provider.environment") || ENDINGS.iter().any(|ending| key.ends_with(ending))
}

impl Table {
    // Rows of one entity stand together.
    fn of(text: &'static str) -> Self {
        let rows = text.split_once('\n').map_or("", |(_, rows)| rows);
        let mut entities: Vec<Entity> = Vec::new();
        let (mut first, mut at) = (0, 0);
        for line in rows.split_inclusive('\n') {
            let name = line.split('\t').next().unwrap_or_default();
            if entities.last().is_none_or(|last| last.name != name) {
                first = at;
                entities.push(Entity { name, text: "", keys: OnceLock::new() });
            }
            at += line.len();
            if let Some(last) = entities.last_mut() {
                last.text = &rows[first..at];
            }
        }
        let places = entities.iter().enumerate().map(|(place, entity)| (entity.name, place)).collect();
        Self { entities, places }
    }

    fn keys(&'static self, entity: &str) -> Option<&'static Keys> {
        let entity = &self.entities[*self.places.get(entity)?];
        Some(entity.keys.get_or_init(|| Keys::of(entity.text)))
    }
}

impl Keys {
    fn of(text: &'static str) -> Self {
        let (patterns, mut exact): (Vec<_>, Vec<_>) = text.lines().filter_map(row).partition(|row| is_pattern(row.key));
        exact.sort_by_key(|row| row.key);
        let places = exact.iter().enumerate().map(|(place, row)| (row.key, place)).collect();
        Self { exact, places, patterns }
    }

    fn exact(&self, key: &str) -> Option<&KeyInfo> {
        self.places.get(key).map(|place| &self.exact[*place])
    }

    fn pattern(&self, key: &str) -> Option<&KeyInfo> {
        self.patterns.iter().find(|row| matches_pattern(row.key, key))
    }
}

fn row(line: &'static str) -> Option<KeyInfo> {
    let mut cells = line.split('\t');
    let mut next = || cells.next();
    let (entity, key) = (next()?, next()?);
    let form = Form::read(next()?)?;
    let scope = match next()? {
        "local" => KeyScope::Member,
        "either" => KeyScope::Either,
        _ => KeyScope::Global,
    };
    let default = Some(next()?).filter(|text| *text != "-").unwrap_or_default();
    let dialect = next()?;
    let edit = if next()? == "fixed" { Edit::Fixed } else { Edit::Open };
    let words = Some(next()?).filter(|text| *text != "-").unwrap_or_default();
    Some(KeyInfo { entity, key, form, scope, default, dialect, edit, words })
}

/// Whether the key of a row stands for many: `user.*`, `tunnel.NAME.id`.
pub fn is_pattern(key: &str) -> bool {
    key.ends_with(".*") || key.split('.').any(is_name_step)
}

/// Whether a step of a key stands for any name: `NAME` and `POOL_NAME` do, `1GB` does not.
pub fn is_name_step(step: &str) -> bool {
    step.len() > 2 && step.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// Whether a key is one of those that the key of a row stands for.
pub fn matches_pattern(pattern: &str, key: &str) -> bool {
    let mut have = key.split('.');
    let mut steps = pattern.split('.').peekable();
    while let Some(step) = steps.next() {
        let Some(part) = have.next() else { return false };
        let is_last = steps.peek().is_none();
        if is_last && (step == "*" || is_name_step(step)) {
            return !part.is_empty();
        }
        if is_name_step(step) {
            if part.is_empty() {
                return false;
            }
        } else if step != part {
            return false;
        }
    }
    have.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_read() {
        let rows = include_str!("keys.tsv").lines().count() - 1;
        assert_eq!(entities().map(|entity| keys_of(entity).count()).sum::<usize>(), rows);
        assert!(entities().is_sorted(), "the rows of an entity stand together, and entities in their order");
    }

    #[test]
    fn names_and_stars_stand_for_anything() {
        for (entity, key) in [
            ("network-bridge", "user.anything.at.all"),
            ("network-bridge", "bgp.peers.left.address"),
            ("network-bridge", "tunnel.t1.id"),
            ("project", "limits.disk.pool.data"),
            ("storage-zfs", "volume.zfs.use_refquota"),
            ("storage-zfs", "volume.size"),
            ("server", "logging.mine.target.type"),
        ] {
            assert!(lookup(entity, key).is_some(), "{entity} {key}");
        }
        for (entity, key) in [
            ("network-bridge", "bgp.peers.left"),
            ("network-bridge", "bgp.peers.left.colour"),
            ("network-bridge", "user."),
            ("storage-zfs", "volume.lvm.stripes"),
            ("storage-dir", "zfs.pool_name"),
        ] {
            assert!(lookup(entity, key).is_none(), "{entity} {key}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(suggest(&["storage-zfs"], "sorce"), Some("source"));
        assert_eq!(suggest(&["network-bridge"], "ipv4.adress"), Some("ipv4.address"));
        assert_eq!(suggest(&["network-bridge"], "colour"), None);
    }

    #[test]
    fn secrets_are_known_by_their_key() {
        for key in [
            "core.trust_password",
            "bgp.peers.a.password",
            "loki.auth.password",
            "maas.api.key",
            "acme.provider.environment",
            "environment.DB_PASSWORD",
            "environment.AWS_SECRET_ACCESS_KEY",
            "environment.Api_Key",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "core.https_address",
            "rbac.agent.public_key",
            "oidc.client.id",
            "cluster.join_token_expiry",
            "environment.PATH",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }
}
