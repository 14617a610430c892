//! What objects name, and whether anything of that name is declared.

use crate::kinds::tables::key_table;
use crate::kinds::{Need, Spot, Strength};
use crate::manifest::report::findings::Findings;
use crate::manifest::set::cluster::Cluster;
use crate::manifest::set::index::Survey;
use crate::manifest::set::object_set::Set;
use crate::model::{Finding, Key, ProjectName};

/// Warns of names that nothing in the set declares. They may exist in the cluster already: that is no error.
///
/// A member that joins takes its objects from the cluster, so nothing is missing from its file.
pub fn check(set: &mut Set<'_>, survey: &Survey<'_>, cluster: Option<&Cluster>) {
    let joins = cluster.is_some_and(|cluster| cluster.cluster_address.is_some() || cluster.cluster_token.is_some());
    if joins {
        return;
    }
    let mut findings = Findings::default();
    for (key, found) in &set.objects {
        if findings.is_full() {
            break;
        }
        let project = Need::required(Key::new("project", key.project.as_str()), &["project"]);
        if !is_there(&project.key, survey) {
            findings.push(missing(key, &project, survey).at(found.place(&project.path, Spot::Value)));
        }
        for need in &found.needs {
            if need.strength == Strength::Required && !is_there(&need.key, survey) {
                findings.push(missing(key, need, survey).at(found.place(&need.path, Spot::Value)));
            }
        }
    }
    findings.extend(server_volumes(set, survey));
    set.findings.absorb(findings);
}

// LXD applies the server configuration before it makes any volume, and fails.
fn server_volumes(set: &Set<'_>, survey: &Survey<'_>) -> Vec<Finding> {
    let Some(server) = set.objects.get(&Key::server()) else { return Vec::new() };
    let config = server.declared.spec.config().overlaid(&server.declared.here);
    let volumes = ["storage.images_volume", "storage.backups_volume"].into_iter().filter_map(|key| {
        let volume = config.value(key).filter(|volume| !survey.volumes.contains(*volume))?;
        let message = format!("`{key}` names the storage volume `{volume}`, which these files do not declare");
        let place = server.place(&["config".to_owned(), key.to_owned()], Spot::Value);
        Some(
            Finding::warning("SB113", message)
                .at(place)
                .helping("declare it under `storage_volumes:`, or make it first"),
        )
    });
    volumes.collect()
}

fn is_there(key: &Key, survey: &Survey<'_>) -> bool {
    let shared = Key { project: ProjectName::default(), ..key.clone() };
    let always = key.name == "default" && matches!(key.kind.as_str(), "project" | "profile");
    always || survey.objects.contains_key(key) || survey.objects.contains_key(&shared)
}

fn missing(key: &Key, need: &Need, survey: &Survey<'_>) -> Finding {
    let Key { kind, project: _, name } = &need.key;
    let message = format!("{key} names {kind}/{name}, which these files do not declare");
    let declared = survey.of_kind(kind.as_str());
    // To compare with each of many names would take longer than to find the mistake by eye.
    let declared = declared.map(|known| known.name.as_str()).take(200);
    let finding = Finding::warning("SB113", message);
    match key_table::nearest(name, declared) {
        Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
        None => finding.helping("this works only where it exists already"),
    }
}
