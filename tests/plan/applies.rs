//! What applies leave behind, for the tests of all ways back.

use seedbed::kinds::records::history::Applied;
use seedbed::model::{Object, Timestamp};
use seedbed::plan::lxd::Stamp;
use serde::de::DeserializeOwned;

use crate::world::World;

/// The spec of a record.
pub fn typed<T: DeserializeOwned>(object: &Object) -> T {
    object.spec.read().expect("a record that can be read")
}

/// What is remembered of applies.
pub fn records(world: &World) -> Vec<Object> {
    world.state().of_kind(Applied::KIND).cloned().collect()
}

/// For the next apply.
pub fn stamp(world: &World) -> Stamp {
    let number = records(world).iter().map(|record| record.uid.0).max().unwrap_or_default() + 1;
    let at = Timestamp(1_000 + i64::try_from(number).expect("a small number"));
    Stamp { request: format!("kept-{number}"), at, by: "unix:0".to_owned() }
}

/// Everything but generations, times and the cluster's own records.
pub fn content(world: &World) -> String {
    let own = ["history", "history-before", "confirmation", "confirmation-written"];
    let objects = world.state().objects.values().filter(|object| !own.contains(&object.key.kind.as_str()));
    let shown = |object: &Object| {
        let own: Vec<String> =
            object.placements.iter().map(|(member, held)| format!("{member}={:?}", held.config)).collect();
        let (spec, applied) = (serde_json::json!(object.spec), serde_json::json!(object.applied));
        format!("{} {:?} {spec} {applied} {:?} {own:?}\n", object.key, object.phase, object.management)
    };
    objects.map(shown).collect()
}

/// A manifest, and what becomes of it in [`SECOND`].
pub const FIRST: &str = "
storage_pools: [{name: data, driver: dir, members: {node1: {source: /srv/one}}}]
networks: [{name: br0, type: bridge, config: {ipv4.address: auto, ipv6.address: none}}]
profiles: [{name: web, config: {limits.cpu: 1, user.a: x}}]
";
/// [`FIRST`] with more: fields, keys, a protection, and an object that uses a new one.
pub const SECOND: &str = "
storage_pools: [{name: data, driver: dir, description: more, members: {node1: {source: /srv/one}}}, {name: fast, driver: dir}]
networks: [{name: br0, type: bridge, config: {ipv4.address: auto, ipv6.address: none, bridge.mtu: '1400'}}]
profiles: [{name: web, protect: true, config: {limits.cpu: 2}, devices: {root: {type: disk, path: /, pool: fast}}}]
";
