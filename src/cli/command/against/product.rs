//! What LXD and Incus never took of what Seedbed takes, or take no more, and what Seedbed refuses and they do not.
//!
//! A manifest is read twice more: as one of today's release of the product, which tells keys, fields and sections with
//! their places, and as one of LXD 5.0, which lacks all that newer releases have brought beside keys. What the server
//! says of itself corrects both: its extensions first, its version where no extension tells.

use std::collections::BTreeSet;

use super::extensions::{Info, absent};
use crate::cli::input::Input;
use crate::kinds::tables::dialect::Product;
use crate::manifest::Dialect;
use crate::model::{Finding, Place, Severity};

/// What only Seedbed cannot do, what it ignores without harm, and guesses about whom the files are written for.
const OURS: [&str; 5] = ["SB047", "SB050", "SB105", "SB112", "SB175"];

/// What holds a file to a product.
const THEIRS: [&str; 7] = ["SB105", "SB170", "SB171", "SB172", "SB173", "SB174", "SB176"];

/// Sections and fields that came after LXD 5.0: where they stand, their name, and what brought them.
const PARTS: [(&str, &str, &str); 6] = [
    ("", "certificates", "init_preseed_certificates"),
    ("", "cluster_groups", "init_preseed_cluster_groups"),
    ("", "storage_volumes", "init_preseed_storage_volumes"),
    ("projects", "storage", "project_default_network_and_storage"),
    ("projects", "network", "project_default_network_and_storage"),
    ("profiles", "project", "init_preseed_profile_project"),
];

/// What today's releases have removed and older ones in use still take.
const REMOVED: [(Product, &str, Until); 14] = [
    (Product::Lxd, "core.trust_password", Until::Version(6, 1)),
    (Product::Lxd, "cluster_password", Until::Version(6, 3)),
    (Product::Lxd, "limits.network.priority", Until::Version(5, 21)),
    (Product::Lxd, "security.syscalls.", Until::Version(5, 21)),
    (Product::Lxd, "fan.type", Until::Version(6, 8)),
    (Product::Lxd, "nvidia.", Until::NotNamed("nvidia_runtime")),
    (Product::Lxd, "security.secureboot", Until::Named("instance_boot_mode")),
    (Product::Lxd, "security.csm", Until::Named("instance_boot_mode")),
    (Product::Lxd, "maas.", Until::NotNamed("maas_network")),
    (Product::Lxd, "candid.api.url", Until::NotNamed("candid_authentication")),
    (Product::Lxd, "candid.api.key", Until::NotNamed("candid_config_key")),
    (Product::Lxd, "candid.", Until::NotNamed("candid_config")),
    (Product::Lxd, "rbac.", Until::NotNamed("rbac")),
    (Product::Incus, "openfga.", Until::Named("authorization_config")),
];

/// When something was removed.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// With this version. A server that does not tell its version may have it.
    Version(u32, u32),
    /// With the extension that brought what replaces it.
    Named(&'static str),
    /// Together with the extension that had brought it.
    NotNamed(&'static str),
}

/// Which product it is. Strangers learn no name, and extensions tell: LXD has one, since 4.0 at least, that Incus never had.
pub fn of(info: &Info) -> Option<Product> {
    let has = |name: &str| info.extensions.contains(name);
    match info.product.as_str() {
        "lxd" => Some(Product::Lxd),
        "incus" => Some(Product::Incus),
        "" if has("devlxd_events") => Some(Product::Lxd),
        // From the first long-term release on.
        "" if has("metadata_configuration") => Some(Product::Incus),
        _ => None,
    }
}

/// Puts the product's own refusals in the place of ours.
pub fn judge(input: &mut Input, info: &Info, product: Product) {
    let is_told = |finding: &Finding| THEIRS.contains(&finding.code.as_str());
    let mut theirs = input.written_for(Dialect::Of(product)).findings;
    theirs.retain(|finding| is_told(finding) && !(finding.code == "SB173" && has_still(finding, info, product)));
    let newer = input.written_for(Dialect::Of(Product::Lxd50)).findings;
    let known = refused(&theirs);
    let is_news = |finding: &&Finding| at(finding).is_some_and(|place| !known.contains(&place));
    let parts: Vec<Finding> = newer.iter().filter(is_news).filter_map(|finding| part(finding, info)).collect();
    theirs.extend(parts);
    let findings = &mut input.loaded.findings;
    findings.retain(|finding| !OURS.contains(&finding.code.as_str()) && !theirs.contains(finding));
    for finding in findings.iter_mut().filter(|finding| is_size_of_dir(finding)) {
        finding.severity = Severity::Error;
        finding.help.push(format!("{} refuses it: leave it out", info.spoken()));
    }
    findings.extend(theirs);
}

/// Whether it holds the file to a product, and says nothing of what the file means.
pub fn is_theirs(finding: &Finding) -> bool {
    finding.code == "SB142" || is_size_of_dir(finding) || THEIRS.contains(&finding.code.as_str())
}

/// Where the product refuses what stands there in any case, so that an extension does not help: files and pointers.
pub fn refused(findings: &[Finding]) -> BTreeSet<(&str, &str)> {
    let is_there = |finding: &&Finding| finding.is_error() && THEIRS.contains(&finding.code.as_str());
    findings.iter().filter(is_there).filter_map(at).collect()
}

/// Where a finding is: file and pointer.
pub fn at(finding: &Finding) -> Option<(&str, &str)> {
    finding.place.as_ref().map(|place| (place.file.as_str(), place.pointer.as_str()))
}

/// How many objects have no error.
pub fn valid(objects: usize, findings: &[Finding]) -> usize {
    let sections = ["storage_pools", "networks", "profiles", "projects"];
    let object = |place: &'_ Place| {
        let mut steps = place.pointer.split('/').skip(1);
        let (section, index) = (steps.next()?.to_owned(), steps.next().unwrap_or_default().to_owned());
        let object = match section.as_str() {
            "config" => (section, String::new()),
            name if sections.contains(&name) => (section, index),
            _ => return None,
        };
        Some((place.file.clone(), object))
    };
    let errors = findings.iter().filter(|finding| finding.is_error());
    let refused: BTreeSet<_> = errors.filter_map(|finding| finding.place.as_ref().and_then(object)).collect();
    objects.saturating_sub(refused.len())
}

// Of other drivers the rule says that a size is too small.
fn is_size_of_dir(finding: &Finding) -> bool {
    finding.code == "SB027" && finding.message.ends_with("does nothing")
}

fn last_step(finding: &Finding) -> &str {
    finding.place.as_ref().and_then(|place| place.pointer.rsplit('/').next()).unwrap_or_default()
}

fn has_still(finding: &Finding, info: &Info, product: Product) -> bool {
    let name = last_step(finding);
    let row = REMOVED.iter().find(|(of, start, _)| *of == product && name.starts_with(start));
    row.is_some_and(|(_, _, until)| match until {
        Until::Version(major, minor) => version(&info.version).is_none_or(|version| version < (*major, *minor)),
        Until::Named(extension) => !info.extensions.contains(*extension),
        Until::NotNamed(extension) => info.extensions.contains(*extension),
    })
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

// What LXD 5.0 does not know beside keys, and this server does not either.
fn part(finding: &Finding, info: &Info) -> Option<Finding> {
    let place = finding.place.as_ref()?;
    let name = last_step(finding);
    let above = place.pointer.trim_start_matches('/').split('/').next().filter(|top| *top != name).unwrap_or_default();
    let (_, _, extension) = PARTS.iter().find(|(section, part, _)| *section == above && *part == name)?;
    let is_part = matches!(finding.code.as_str(), "SB170" | "SB171");
    (is_part && !info.extensions.contains(*extension))
        .then(|| absent(&format!("`{name}`"), extension, &[info.spoken()], Severity::Error).at(place.clone()))
}
