//! Documents of other programs that stand beside manifests: one finding names them, instead of one for each key.

use super::dom::{Document, Node, Value};
use super::section;
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

/// The first that fits wins: what is more special comes first.
const FORMS: [Form; 12] = [
    form(&["apiVersion", "kind"], "an object of Kubernetes", LEAVE_OUT),
    form(&["apiVersion", "name", "version"], "a chart of Helm", LEAVE_OUT),
    form(&["lxd"], "a file of cloud-init", IN_CLOUD_INIT),
    form(&["incus"], "a file of cloud-init", IN_CLOUD_INIT),
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
pub(super) fn check(document: &Document<'_>) -> Option<Finding> {
    let root = &document.root;
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
    let is_object = has("name") && ["driver", "type", "devices", "config"].into_iter().any(has);
    is_object.then(|| {
        at("name", "this is a single object, not a manifest".to_owned())
            .helping("objects stand in a list under their section: write `storage_pools:` and `- name: …` below it")
    })
}

fn playbook(document: &Document<'_>, items: &[Node<'_>]) -> Option<Finding> {
    let entry = items.iter().find_map(|item| item.entry("hosts").or_else(|| item.entry("import_playbook")))?;
    let finding = Finding::error("SB106", "this is a playbook of Ansible, not a manifest");
    Some(finding.at(document.place(entry.key_span, String::new())).helping(LEAVE_OUT))
}
