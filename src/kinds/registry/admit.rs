//! What may be stored: the one form in which an object is kept, and everything that keeps it from being kept at all.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::check::check;
use super::problem::Problem;
use super::unknown_fields::unless_held;
use crate::model::{Config, Key, MemberName, Severity, Spec};

/// The maps of a spec whose empty values are unset, and the maps of such maps.
const MAPS: [&str; 1] = ["config"];
const MAPS_OF_MAPS: [&str; 1] = ["devices"];

/// The stored form of an object of this kind, when nothing is wrong with it by itself. `held` is what is stored of it: what
/// a newer version has put there stays.
///
/// # Errors
/// Everything that is wrong, warnings left out.
pub fn admit(key: &Key, spec: &Spec, held: Option<&Spec>) -> Result<Spec, Vec<Problem>> {
    let Some(kind) = crate::kinds::find(key.kind.as_str()) else {
        let text = format!("there is no kind `{}`", key.kind);
        return Err(vec![Problem::at_value("SB001", &[], text)]);
    };
    let spec = kind.normalise(spec, held).map_err(|problem| vec![problem])?;
    let problems = check(kind, key, &spec, &BTreeMap::<MemberName, Config>::new(), &Config::default());
    let mut problems = unless_held(problems, &spec, held);
    problems.retain(|problem| problem.severity == Severity::Error);
    if problems.is_empty() { Ok(spec) } else { Err(problems) }
}

/// Leaves out keys with an empty value, in the configuration and in devices: LXD keeps none, because an empty value
/// unsets.
pub fn drop_empty(spec: &mut Spec) {
    for field in MAPS {
        if let Some(Value::Object(map)) = spec.0.get_mut(field) {
            drop_empty_values(map);
        }
    }
    for field in MAPS_OF_MAPS {
        let maps = spec.0.get_mut(field).and_then(Value::as_object_mut);
        for map in maps.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut) {
            drop_empty_values(map);
        }
    }
}

fn drop_empty_values(map: &mut Map<String, Value>) {
    map.retain(|_, value| value.as_str() != Some(""));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::ALL;

    fn spec(value: Value) -> Spec {
        Spec(value.as_object().cloned().expect("an object"))
    }

    #[test]
    fn empty_values_are_stored_by_no_kind() {
        for kind in ALL {
            let name = kind.words().kind;
            let mut given = json!({"config": {"user.kept": "1", "user.gone": ""}});
            match name {
                "storage-pool" => given["driver"] = json!("dir"),
                "certificate" | "token" => continue, // They have no configuration.
                "source" => given["git"] = json!("https://git.example/site.git"),
                "hold" => (given["key"], given["until"]) = (json!("profile/web"), json!(1)),
                "webhook" => given["url"] = json!("https://h.example/"),
                _ => {}
            }
            let stored =
                kind.normalise(&spec(given), None).unwrap_or_else(|problem| panic!("{name}: {}", problem.message));
            assert_eq!(stored.0["config"], json!({"user.kept": "1"}), "{name}");
        }
    }

    #[test]
    fn empty_values_of_devices_are_not_stored() {
        let given =
            spec(json!({"devices": {"eth0": {"type": "nic", "nictype": "bridged", "parent": "br0", "mtu": ""}}}));
        let stored = crate::kinds::find("profile").expect("the kind").normalise(&given, None).expect("a spec");
        assert_eq!(stored.0["devices"]["eth0"], json!({"type": "nic", "nictype": "bridged", "parent": "br0"}));
    }

    #[test]
    fn what_is_wrong_by_itself_is_not_admitted() {
        let member = |config: Value| admit(&Key::new("member", "node1"), &spec(json!({"config": config})), None);
        assert!(member(json!({"scheduler.instance": "all"})).is_ok());
        assert_eq!(member(json!({"nope": "1"})).expect_err("unknown")[0].code, "SB014");
        let long = "n".repeat(256);
        assert_eq!(admit(&Key::new("profile", &long), &Spec::default(), None).expect_err("too long")[0].code, "SB018");
        assert!(admit(&Key::new("profile", &long[1..]), &Spec::default(), None).is_ok());
    }
}
