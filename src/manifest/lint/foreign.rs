//! Documents of other programs that stand beside manifests: one finding names them, instead of one for each key.

use crate::manifest::schema::section;
use crate::manifest::yaml::dom::{Document, Value, YamlNode};
use crate::model::{Finding, pointer};

/// The form of another program's files.
struct Form {
    /// Keys that all stand at the top, or on the way down that slashes show; the finding marks the last one.
    keys: &'static [&'static str],
    /// What such a file is.
    called: &'static str,
    /// What to do.
    help: &'static str,
}

const LEAVE_OUT: &str = "name it in .seedbedignore when it stands in a directory of manifests";
const IN_CLOUD_INIT: &str = "the manifest in it is the text under `preseed`";
const CLOUD_INIT_ASKS: &str = "`init` and `bridge` answer the questions of `lxd init`: write the pool and the network that they ask for as a manifest";
const UNWRAP: &str = "the manifest is what stands below `preseed:`: take that alone, and move it to the left";

/// The first that fits wins: what is more special comes first.
const FORMS: [Form; 17] = [
    form(&["apiVersion", "kind"], "an object of Kubernetes", LEAVE_OUT),
    form(&["apiVersion", "name", "version"], "a chart of Helm", LEAVE_OUT),
    form(&["lxd/preseed"], "a file of cloud-init", IN_CLOUD_INIT),
    form(&["incus/preseed"], "a file of cloud-init", IN_CLOUD_INIT),
    form(&["lxd/init"], "a file of cloud-init", CLOUD_INIT_ASKS),
    form(&["lxd/bridge"], "a file of cloud-init", CLOUD_INIT_ASKS),
    form(&["lxd"], "a file of cloud-init", LEAVE_OUT),
    form(&["incus"], "a file of cloud-init", LEAVE_OUT),
    form(&["preseed"], "a file that wraps a manifest", UNWRAP),
    form(&["runcmd"], "a file of cloud-init", LEAVE_OUT),
    form(&["write_files"], "a file of cloud-init", LEAVE_OUT),
    form(&["services"], "a file of Docker Compose", LEAVE_OUT),
    form(&["on", "jobs"], "a workflow of GitHub", LEAVE_OUT),
    form(&["network/version"], "a file of netplan", LEAVE_OUT),
    form(&["$schema"], "a JSON Schema", LEAVE_OUT),
    form(&["findings", "format_version"], "a report of seedbed", LEAVE_OUT),
    form(&["changes", "format_version"], "a saved plan of seedbed", "show or apply it: seedbed apply FILE"),
];

const fn form(keys: &'static [&'static str], called: &'static str, help: &'static str) -> Form {
    Form { keys, called, help }
}

/// Says what a document is that is no manifest; `None` for what may be one with mistakes in it.
pub fn check(document: &Document<'_>) -> Option<Finding> {
    let root = &document.root;
    if let Some(finding) = stand_in(document) {
        return Some(finding);
    }
    if let Value::List(items) = &root.value {
        return playbook(document, items);
    }
    let has = |key: &str| root.entry(key).is_some();
    // A section of ours beside foreign keys is a manifest that was pasted together.
    if section::names().any(|name| name != "config" && has(name)) {
        return None;
    }
    let at = |key: &str, message: String| {
        let top = key.split('/').next().unwrap_or_default();
        let span = root.entry(top).map(|entry| entry.key_span).unwrap_or_default();
        Finding::error("SB106", message).at(document.place(span, pointer(&[top])))
    };
    let leads_on = |path: &str| root.at(&path.split('/').collect::<Vec<_>>()).is_some();
    if let Some(form) = FORMS.iter().find(|form| form.keys.iter().all(|path| leads_on(path))) {
        let marked = form.keys.last().copied().unwrap_or_default();
        return Some(at(marked, format!("this is {}, not a manifest", form.called)).helping(form.help));
    }
    let section = section_of(root)?;
    let finding = at("name", "this is a single object, not a manifest".to_owned());
    Some(
        finding.helping(format!(
            "objects stand in a list under their section: write `{section}:` and `- name: …` below it"
        )),
    )
}

// What `show` prints of an object tells its kind by its fields, or by the keys of its configuration.
fn section_of(root: &YamlNode<'_>) -> Option<&'static str> {
    let has = |key: &str| root.entry(key).is_some();
    let config = || root.get("config").map(YamlNode::entries).unwrap_or_default();
    let configures =
        |prefixes: &[&str]| config().iter().any(|entry| prefixes.iter().any(|prefix| entry.key.starts_with(prefix)));
    match () {
        () if !has("name") => None,
        () if has("devices") => Some("profiles"),
        () if has("driver") => Some("storage_pools"),
        () if has("type") => Some("networks"),
        () if configures(&["features.", "restricted"]) => Some("projects"),
        () if has("config") => Some("profiles"),
        () => None,
    }
}

// What stands in the repository in place of the file, or is not to be read without a key.
fn stand_in(document: &Document<'_>) -> Option<Finding> {
    let root = &document.root;
    if root.text().is_some_and(|text| text.starts_with("version https://git-lfs")) {
        let finding = Finding::error("SB106", "this is a pointer of Git LFS, not the file that it stands for");
        return Some(finding.at(document.place(root.span, String::new())).helping("fetch the file: git lfs pull"));
    }
    let encrypted = root.entry("sops").filter(|entry| !entry.value.entries().is_empty())?;
    let finding = Finding::error("SB106", "this file is encrypted with SOPS: its values are not what is meant");
    let finding = finding.at(document.place(encrypted.key_span, pointer(&["sops"])));
    Some(finding.helping("decrypt it first, for instance: sops decrypt FILE | seedbed validate -"))
}

fn playbook(document: &Document<'_>, items: &[YamlNode<'_>]) -> Option<Finding> {
    let entry = items.iter().find_map(|item| item.entry("hosts").or_else(|| item.entry("import_playbook")))?;
    let finding = Finding::error("SB106", "this is a playbook of Ansible, not a manifest");
    Some(finding.at(document.place(entry.key_span, String::new())).helping(LEAVE_OUT))
}
