//! Files that are meant for LXD or Incus too: what one of them does not take, and what takes its place there.

use std::collections::BTreeSet;

use crate::kinds::Spot;
use crate::kinds::tables::dialect::{Gap, Product, gap_of_field, gap_of_key, gap_of_section, gap_of_value};
use crate::manifest::set::index::Survey;
use crate::manifest::set::object_set::{Origin, Set};
use crate::manifest::yaml::dom::{Document, Entry, YamlNode};
use crate::model::{Finding, Key, Place, Severity, pointer};

/// For whom a set of manifests is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Whoever takes all of it; a warning when nobody but Seedbed does.
    #[default]
    Auto,
    /// Seedbed alone.
    Seedbed,
    /// A product: what it refuses is an error, what it ignores a warning.
    Of(Product),
}

impl Dialect {
    /// Whether a rule says nothing to those for whom the set is written.
    pub fn leaves_out(self, code: &str) -> bool {
        matches!(self, Self::Of(_)) && OURS.contains(&code)
    }
}

/// More than these are not looked at: a set of any size is told by its first ones.
const USES_MAX: usize = 10_000;

/// Rules that speak of Seedbed alone: sections, drivers and types that this version does not apply.
const OURS: [&str; 3] = ["SB047", "SB050", "SB112"];

/// Something that not every product takes, and where it stands.
pub struct Use {
    name: String,
    class: Class,
    gap: Gap,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Section,
    Field,
    Key,
    Value,
}

/// Adds what a document uses that some product does not take.
pub fn uses(document: &Document<'_>, into: &mut Vec<Use>) {
    let mut walk = Walk { document, into };
    for section in document.root.entries() {
        let top = [&*section.key];
        if let Some(gap) = gap_of_section(&section.key) {
            walk.add(Class::Section, gap, section, &[]);
        }
        match &*section.key {
            "config" => walk.keys("server", section, &top),
            "cluster" => walk.fields("cluster", &section.value, &top),
            name => {
                for (index, object) in section.value.items().iter().enumerate() {
                    let at = index.to_string();
                    walk.object(name, object, &[name, &at]);
                }
            }
        }
    }
}

// A strict reader refuses a field that it does not know even when it is empty; a key without a value is unset.
fn is_empty(node: &YamlNode<'_>) -> bool {
    node.text() == Some("") || node.text().is_none() && node.entries().is_empty() && node.items().is_empty()
}

struct Walk<'a, 'd> {
    document: &'a Document<'d>,
    into: &'a mut Vec<Use>,
}

impl Walk<'_, '_> {
    fn object(&mut self, section: &str, object: &YamlNode<'_>, path: &[&str]) {
        self.fields(section, object, path);
        let text = |field: &str| object.get(field).and_then(YamlNode::text).filter(|text| !text.is_empty());
        let entity = match section {
            "storage_pools" => format!("storage-{}", text("driver").unwrap_or_default()),
            "networks" => format!("network-{}", text("type").unwrap_or("bridge")),
            "profiles" => "instance".to_owned(),
            "projects" => "project".to_owned(),
            _ => return,
        };
        if let Some(config) = object.entry("config") {
            self.keys(&entity, config, &[path, &["config"]].concat());
        }
        for device in object.get("devices").map(YamlNode::entries).unwrap_or_default() {
            self.keys(&device_entity(&device.value), device, &[path, &["devices", &*device.key]].concat());
        }
    }

    fn fields(&mut self, section: &str, node: &YamlNode<'_>, path: &[&str]) {
        for entry in node.entries() {
            if let Some(gap) = gap_of_field(section, &entry.key) {
                self.add(Class::Field, gap, entry, path);
            }
        }
    }

    fn keys(&mut self, entity: &str, of: &Entry<'_>, path: &[&str]) {
        for entry in of.value.entries().iter().filter(|entry| !is_empty(&entry.value)) {
            if let Some(gap) = gap_of_key(entity, &entry.key) {
                self.add(Class::Key, gap, entry, path);
            } else if let Some(gap) = entry.value.text().and_then(|text| gap_of_value(entity, &entry.key, text)) {
                self.add(Class::Value, gap, entry, path);
            }
        }
    }

    // The path leads to what holds the entry.
    fn add(&mut self, class: Class, gap: Gap, entry: &Entry<'_>, path: &[&str]) {
        if self.into.len() >= USES_MAX {
            return;
        }
        let place = self.document.place(entry.key_span, pointer(path) + &pointer(&[&entry.key]));
        self.into.push(Use { name: entry.key.to_string(), class, gap, place });
    }
}

fn device_entity(device: &YamlNode<'_>) -> String {
    let text = |field: &str| device.get(field).and_then(YamlNode::text).filter(|text| !text.is_empty());
    match text("type").unwrap_or_default() {
        "nic" => format!("device-nic-{}", text("nictype").unwrap_or("bridged")),
        "gpu" => format!("device-gpu-{}", text("gputype").unwrap_or("physical")),
        kind => format!("device-{kind}"),
    }
}

/// What is wrong with the set for those whom it is written for.
pub fn check(uses: &[Use], dialect: Dialect) -> Vec<Finding> {
    match dialect {
        Dialect::Seedbed => Vec::new(),
        Dialect::Auto => torn(uses).into_iter().collect(),
        Dialect::Of(product) => {
            uses.iter().filter(|used| used.gap.is_in(product)).map(|used| used.refused(product)).collect()
        }
    }
}

/// Fits what was found otherwise to a product: today's releases refuse what LXD only prints, and whether Seedbed applies
/// a section, a driver or a type says nothing to them.
pub fn adapt(mut findings: Vec<Finding>, dialect: Dialect) -> Vec<Finding> {
    if matches!(dialect, Dialect::Of(_)) {
        findings.retain(|finding| !dialect.leaves_out(&finding.code));
        for finding in findings.iter_mut().filter(|finding| finding.code == "SB105") {
            finding.severity = Severity::Error;
        }
    }
    findings
}

/// Marks the objects that the product refuses.
pub fn mark(refused: &[Finding], set: &mut Set<'_>) {
    let places = refused.iter().filter(|finding| finding.is_error()).filter_map(|finding| finding.place.as_ref());
    let places: BTreeSet<(&str, &str)> = places.map(|place| (place.file.as_str(), place.pointer.as_str())).collect();
    let is_refused = |origin: &Origin<'_>| {
        let top = pointer(&origin.path) + "/";
        let mut from = places.range((origin.document.file, top.as_str())..);
        from.next().is_some_and(|(file, at)| *file == origin.document.file && at.starts_with(&top))
    };
    if places.is_empty() {
        return;
    }
    for found in set.objects.values_mut() {
        found.is_faulty |= found.origins.iter().any(is_refused);
    }
}

/// LXD and Incus lay the devices of a profile over those that are stored: `nictype` beside a stored `network` is refused.
pub fn merged(set: &Set<'_>, survey: &Survey<'_>, dialect: Dialect) -> Vec<Finding> {
    let Dialect::Of(product) = dialect else { return Vec::new() };
    let Some(found) = set.objects.get(&Key::new("profile", "default")) else { return Vec::new() };
    let devices = found.declared.spec.0.get("devices").and_then(serde_json::Value::as_object);
    let mut findings = Vec::new();
    for (name, device) in devices.into_iter().flatten() {
        let parent = device.get("parent").and_then(serde_json::Value::as_str).unwrap_or_default();
        if device.get("nictype").is_none() || !survey.objects.contains_key(&Key::new("network", parent)) {
            continue;
        }
        let path = ["devices".to_owned(), name.clone(), "nictype".to_owned()];
        let message = format!("`nictype` clashes where the profile `default` has `{name}` with `network` already");
        let finding = Finding::warning("SB176", message).at(found.place(&path, Spot::Key));
        let help = format!("{} merges devices: write `network: {parent}` for `nictype` and `parent`", product.spoken());
        findings.push(finding.helping(help));
    }
    findings
}

impl Use {
    fn refused(&self, product: Product) -> Finding {
        let (name, spoken) = (&self.name, product.spoken());
        let (code, message) = match self.class {
            _ if self.gap.is_removed_from(product) => ("SB173", format!("{spoken} has removed `{name}`")),
            _ if self.gap.is_everywhere() => ("SB174", format!("`{name}` is Seedbed's own: {spoken} does not know it")),
            Class::Section => ("SB170", format!("{spoken} does not know the section `{name}`")),
            Class::Field => ("SB171", format!("{spoken} does not know `{name}` here")),
            Class::Key => ("SB172", format!("{spoken} does not know the key `{name}`")),
            Class::Value => ("SB177", format!("{spoken} does not take this value of `{name}`")),
        };
        let finding = Finding::error(code, message).at(self.place.clone());
        match self.gap.instead {
            "" => finding,
            instead => finding.helping(format!("in its place: {instead}")),
        }
    }

    fn is_known_to(&self) -> String {
        let known = Product::ALL.into_iter().filter(|product| !self.gap.is_in(*product)).map(Product::spoken);
        known.collect::<Vec<_>>().join(" and ")
    }
}

// A file that uses what only one product has, beside what only another one has, is taken by neither.
fn torn(uses: &[Use]) -> Option<Finding> {
    let is_ours = uses.iter().any(|used| used.gap.is_everywhere());
    // What no product takes any more tells nothing of which one is meant.
    let uses: Vec<&Use> = uses.iter().filter(|used| Product::ALL.iter().any(|one| !used.gap.is_in(*one))).collect();
    let refusals = |product: Product| uses.iter().filter(|used| used.gap.is_in(product)).count();
    let taken = Product::ALL.into_iter().min_by_key(|product| refusals(*product))?;
    if is_ours || refusals(taken) == 0 {
        return None;
    }
    let odd = uses.iter().find(|used| used.gap.is_in(taken))?;
    let clashes = |used: &&&Use| Product::ALL.into_iter().all(|one| used.gap.is_in(one) || odd.gap.is_in(one));
    let against = uses.iter().find(clashes).or_else(|| uses.iter().find(|used| !used.gap.is_in(taken)))?;
    let message = format!("`{}` and `{}` do not go together in LXD or Incus", against.name, odd.name);
    let finding = Finding::warning("SB175", message)
        .at(odd.place.clone())
        .noting(format!("known to {}", odd.is_known_to()))
        .with(against.place.clone(), format!("known to {}", against.is_known_to()))
        .helping(format!("Seedbed takes both; the file was taken for one of {}", taken.spoken()));
    Some(finding.helping("--dialect lxd-5.0, lxd or incus shows all that one of them refuses, seedbed nothing"))
}
