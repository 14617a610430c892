//! YAML text -> documents with positions -> validated desired state.
//!
//! [`load`] takes every source at once and never fails: what it cannot use becomes a [`Finding`] with a place, and
//! one broken file hides nothing of the others. The steps stand in files of their own, in this order:
//! `parse` and `compose` (text to `dom`), `shape` (against the JSON Schema that `schema` derives from the types),
//! `gather` (to a `set` of objects), `formation` and `join` (what `cluster:` says to them), `references`, `dialect` (what
//! LXD or Incus do not take), and at last `allow` (what comments in the sources allow).

mod allow;
mod cluster;
pub mod codes;
mod compose;
mod conceal;
mod dialect;
mod dom;
mod editor;
mod emit;
mod files;
mod findings;
mod fit;
mod foreign;
mod formation;
mod gather;
mod grammar;
mod join;
mod loaded;
mod locate;
mod overlap;
mod parse;
mod pem;
mod placeholder;
mod references;
mod render;
pub mod report;
mod schema;
mod secret;
mod section;
mod sense;
mod set;
mod shape;
mod source;
mod trouble;

use std::collections::{BTreeSet, HashMap};
use std::mem::take;

use crate::model::{Desired, Finding};
use allow::Allowances;
use dom::Document;
use findings::Findings;
use gather::gather;
use parse::{Parsed, parse};
use set::Set;

pub use allow::Allowed;
pub use cluster::{Cluster, MemberConfig, MemberSection};
pub use dialect::Dialect;
pub use editor::{schema, schema_draft_07};
pub use emit::{Frame, emit};
pub use files::{Sources, read_bounded, read_paths};
pub use loaded::{Counts, Limits, Loaded, Options};
pub use locate::locate;
pub use render::{Colour, render};
pub use secret::Secret;
pub use source::Source;

/// The schemas that this version publishes, by the names of their files; that of manifests comes first.
pub fn schemas() -> [(&'static str, serde_json::Value); 3] {
    [
        ("seedbed.schema.json", schema()),
        ("seedbed.draft-07.schema.json", schema_draft_07()),
        ("report.schema.json", report::report_schema()),
    ]
}

/// Reads a set of sources as one desired state.
///
/// Never fails: all findings of all sources are in the result, and [`Loaded::is_usable`] says whether an error is
/// among them. The order of the sources does not matter, except for the order of findings.
pub fn load(sources: &[Source], options: &Options) -> Loaded {
    let mut parsed: Vec<Parsed<'_>> = sources.iter().map(|source| parse(source, &options.limits)).collect();
    let in_text: Vec<Finding> = parsed.iter_mut().flat_map(|parsed| take(&mut parsed.findings)).collect();
    let mut findings = Findings::default();
    let mut allowances = Allowances::default();
    parsed.iter_mut().for_each(|parsed| allowances.extend(take(&mut parsed.allowances)));
    let partial: BTreeSet<&str> =
        parsed.iter().zip(sources).filter(|(parsed, _)| parsed.is_partial).map(|(_, source)| &*source.path).collect();
    let documents: Vec<&Document<'_>> = parsed.iter().flat_map(|parsed| &parsed.documents).collect();
    let mut set = Set::default();
    let mut sections = Vec::new();
    let mut uses = Vec::new();
    for document in &documents {
        if findings.is_full() {
            break;
        }
        let shape = shape::check(document, &allowances);
        if !shape.is_foreign {
            gather(document, &shape, &mut set);
            sections.extend(cluster::read(document, &shape, &mut set.findings));
            dialect::uses(document, &mut uses);
        }
        let is_news = |finding: &Finding| !in_text.iter().any(|known| explains(known, finding));
        findings.extend(shape.findings.into_vec().into_iter().filter(is_news));
    }
    let cluster = formation::apply(sections, &mut set);
    set.check(&allowances);
    placeholder::check(&mut set);
    overlap::check(&mut set);
    // What a broken document declares is not known: whatever seems to be missing may be in it.
    if partial.is_empty() {
        references::check(&mut set, cluster.as_ref());
        sense::check(&mut set, cluster.as_ref());
    }
    findings.extend(in_text);
    findings.extend(take(&mut set.findings).into_vec());
    let refused = dialect::check(&uses, &set, options.dialect);
    dialect::mark(&refused, &mut set);
    findings.extend(refused);
    let mut findings = in_order(dialect::adapt(findings.into_vec(), options.dialect), sources);
    let allowed = allowances.apply(&mut findings, &partial);
    let valid = set.objects.values().filter(|found| !found.is_faulty).count();
    let counts = Counts { files: sources.len(), documents: documents.len(), objects: set.objects.len(), valid };
    let objects = set.objects.into_iter().map(|(key, found)| (key, found.declared)).collect();
    Loaded { desired: Desired { objects }, cluster, findings: in_order(findings, sources), allowed, counts }
}

// A mistake in the YAML leaves a value that the schema does not want either.
fn explains(known: &Finding, finding: &Finding) -> bool {
    let (Some(known), Some(place)) = (&known.place, &finding.place) else { return false };
    known.file == place.file && (place.start..place.end).contains(&known.start) && known.pointer.is_empty()
}

// By source and line, so that people can walk through a file from top to bottom.
fn in_order(mut findings: Vec<Finding>, sources: &[Source]) -> Vec<Finding> {
    let places: HashMap<&str, usize> =
        sources.iter().enumerate().map(|(index, source)| (source.path.as_str(), index)).collect();
    let rank = |finding: &Finding| {
        let place = finding.place.as_ref()?;
        Some((*places.get(place.file.as_str())?, place.start, finding.code.clone()))
    };
    findings.sort_by_cached_key(rank);
    findings
}
