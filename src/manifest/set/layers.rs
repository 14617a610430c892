//! Layers: a later one changes objects of the ones before it, map by map and key by key; null takes away.
//!
//! Objects are laid over each other before they are checked: a layer alone may be half of an object. The origins of both
//! are kept, the upper first, so that each finding shows the text that its value comes from.

use serde_json::{Map, Value as Json};

use super::collect::split;
use super::object_set::{Found, Origin, Set};
use crate::manifest::yaml::dom::{Value, YamlNode};
use crate::model::{Declared, MemberName};

impl<'d> Set<'d> {
    /// This set with another layer over it.
    #[must_use]
    pub fn under(mut self, upper: Set<'d>) -> Self {
        self.volumes.extend(upper.volumes);
        self.findings.absorb(upper.findings);
        self.again.extend(upper.again);
        for (key, found) in upper.objects {
            match self.objects.get_mut(&key) {
                Some(lower) => lower.lay_over(found),
                None => {
                    self.objects.insert(key, found);
                }
            }
        }
        self
    }
}

impl<'d> Found<'d> {
    fn lay_over(&mut self, upper: Found<'d>) {
        let nothing: Vec<Vec<String>> = upper.origins.iter().flat_map(nulls).collect();
        merge(&mut self.declared.spec.0, upper.declared.spec.0);
        for (member, config) in upper.declared.members {
            let own = self.declared.members.entry(member).or_default();
            *own = own.overlaid(&config);
        }
        self.declared.here = self.declared.here.overlaid(&upper.declared.here);
        nothing.iter().for_each(|path| take_away(&mut self.declared, path));
        // Which keys belong to one member may hang on a driver that only the lower layer names.
        let here = split(self.kind, &mut self.declared.spec);
        self.declared.here = self.declared.here.overlaid(&here);
        self.is_faulty |= upper.is_faulty;
        self.origins.splice(0..0, upper.origins);
        self.elsewhere.extend(upper.elsewhere);
    }
}

fn merge(into: &mut Map<String, Json>, upper: Map<String, Json>) {
    for (key, value) in upper {
        match (into.get_mut(&key), value) {
            (Some(Json::Object(lower)), Json::Object(upper)) => merge(lower, upper),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// The paths within an object at which a layer says null.
fn nulls(origin: &Origin<'_>) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let start = if origin.is_config { vec!["config".to_owned()] } else { Vec::new() };
    if let Some(node) = origin.document.root.at(&origin.path) {
        collect(node, &start, &mut found);
    }
    found
}

fn collect(node: &YamlNode<'_>, path: &[String], found: &mut Vec<Vec<String>>) {
    let Value::Map(entries) = &node.value else { return };
    for entry in entries {
        let below = [path, &[entry.key.to_string()]].concat();
        match entry.value.is_null() {
            true => found.push(below),
            false => collect(&entry.value, &below, found),
        }
    }
}

fn take_away(declared: &mut Declared, path: &[String]) {
    let steps: Vec<&str> = path.iter().map(String::as_str).collect();
    match steps.as_slice() {
        ["members"] => declared.members.clear(),
        ["members", member] => drop(declared.members.remove(&MemberName::from(*member))),
        ["members", member, key] => {
            if let Some(own) = declared.members.get_mut(&MemberName::from(*member)) {
                own.0.remove(*key);
            }
        }
        ["config"] => {
            declared.here = Default::default();
            declared.spec.0.remove("config");
        }
        _ => {
            if let ["config", key] = steps.as_slice() {
                declared.here.0.remove(*key);
            }
            take_from(&mut declared.spec.0, &steps);
        }
    }
}

fn take_from(map: &mut Map<String, Json>, steps: &[&str]) {
    match steps {
        [] => {}
        [last] => drop(map.remove(*last)),
        [first, rest @ ..] => {
            if let Some(Json::Object(inner)) = map.get_mut(*first) {
                take_from(inner, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::{Layers, Loaded, Options, Source, load_layers};
    use crate::model::Declared;

    fn load(layers: &[&str]) -> Loaded {
        let source = |(at, text): (usize, &&str)| vec![Source::new(format!("layer{at}.yaml"), *text)];
        let layers: Vec<Vec<Source>> = layers.iter().enumerate().map(source).collect();
        load_layers(&Layers { layers: &layers, variables: None }, &Options::default())
    }

    fn only(loaded: &Loaded) -> &Declared {
        assert!(loaded.is_usable(), "{:#?}", loaded.findings);
        loaded.desired.objects.values().next().expect("an object")
    }

    const BASE: &str = "profiles:
- name: web
  description: base
  config: {limits.cpu: 1, limits.memory: 1GiB}
  devices:
    root: {type: disk, path: /, pool: data, size: 1GiB}
    eth0: {type: nic, nictype: bridged, parent: br0}
storage_pools:
- {name: data, driver: dir}
";

    #[test]
    fn maps_are_merged_by_key_and_null_takes_away() {
        let over = "profiles:
- name: web
  config: {limits.cpu: 2, limits.memory: null}
  devices:
    eth0: null
    root: {size: 5GiB}
";
        let loaded = load(&[BASE, over]);
        let web = only(&loaded);
        assert_eq!(
            serde_json::Value::Object(web.spec.0.clone()),
            serde_json::json!({
                "description": "base",
                "config": {"limits.cpu": "2"},
                "devices": {"root": {"type": "disk", "path": "/", "pool": "data", "size": "5GiB"}},
            })
        );
    }

    #[test]
    fn a_finding_shows_the_layer_that_its_value_comes_from() {
        let over = "profiles:\n- name: web\n  config: {limits.cpus: 2}\n";
        let loaded = load(&[BASE, over]);
        let finding = loaded.findings.iter().find(|finding| finding.is_error()).expect("an error");
        let place = finding.place.as_ref().expect("a place");
        assert_eq!((place.file.as_str(), place.line), ("layer1.yaml", 3));
        let loaded = load(&[&BASE.replace("limits.cpu:", "limits.cpus:"), "profiles:\n- name: web\n"]);
        let finding = loaded.findings.iter().find(|finding| finding.is_error()).expect("an error");
        assert_eq!(finding.place.as_ref().map(|place| place.file.as_str()), Some("layer0.yaml"));
    }

    #[test]
    fn keys_of_one_member_find_their_place_though_only_the_lower_layer_names_the_driver() {
        let base = "storage_pools:\n- {name: data, driver: zfs, members: {node1: {source: /dev/sdb, size: 5GiB}}}\n";
        let over = "storage_pools:\n- {name: data, members: {node1: {size: null}, node2: {source: /dev/sdc}}}\n";
        let loaded = load(&[base, over]);
        let members = serde_json::json!(only(&loaded).members);
        assert_eq!(members, serde_json::json!({"node1": {"source": "/dev/sdb"}, "node2": {"source": "/dev/sdc"}}));
        let loaded = load(&[
            "storage_pools:\n- {name: data, driver: zfs}\n",
            "storage_pools:\n- {name: data, config: {source: /dev/sdd}}\n",
        ]);
        assert_eq!(only(&loaded).here.value("source"), Some("/dev/sdd"));
    }

    #[test]
    fn within_one_layer_an_object_is_still_declared_once() {
        let loaded = load(&[&format!("{BASE}---\nprofiles:\n- name: web\n")]);
        assert!(loaded.findings.iter().any(|finding| finding.code == "SB111"));
    }
}
