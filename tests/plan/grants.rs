//! What a source may declare: what it was given by hand, and nothing that hands rights on.

use seedbed::model::{Claim, Key, Rollout};
use seedbed::plan::Mode;
use serde_json::{Value, json};

use crate::world::{World, manifest};

fn world(given: Value) -> World {
    let mut world = World::with_members(2);
    let mut source = |name: &str, mut spec: Value, more: Value| {
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        world.put(&Key::new("source", name), Rollout::RecordOnly, spec);
    };
    source("site", json!({"path": "/srv", "config": {}, "exec": false, "merge": false}), given);
    let ops = json!({"git": "file:///a", "config": {}, "exec": true, "merge": false, "verify": "me ssh-ed25519 AAA\n"});
    source("ops", ops, json!({}));
    source("strict", json!({"git": "file:///a", "config": {}, "verify": "me ssh-ed25519 AAA\n"}), json!({}));
    world
}

/// What a set of the source `site` is refused for; nothing when it is taken.
fn refused(world: &mut World, text: &str) -> Vec<String> {
    let claim = Claim { source: Some("site".to_owned()), take_over: true, ..Claim::default() };
    let findings = world.plan_as(&claim, &manifest(text), Mode::Declarative).err().unwrap_or_default();
    findings
        .iter()
        .map(|finding| format!("{} {}", finding.code, finding.place.as_ref().map_or("", |it| &it.pointer)))
        .collect()
}

/// The same set applied by a person.
fn is_taken_from_people(world: &mut World, text: &str) -> bool {
    let claim = Claim { take_over: true, ..Claim::default() };
    world.plan_as(&claim, &manifest(text), Mode::Declarative).is_ok()
}

const MIGHTY: [(&str, &str); 6] = [
    (
        "networks: [{name: br0, type: bridge, config: {raw.dnsmasq: log-queries}}]",
        "SB195 /networks/0/config/raw.dnsmasq",
    ),
    ("profiles: [{name: web, config: {raw.lxc: lxc.cap.drop = sys_time}}]", "SB195 /profiles/0/config/raw.lxc"),
    (
        "storage_pools: [{name: p, driver: zfs, members: {node1: {source: /dev/x, source.wipe: true}, node2: {source: /dev/x}}}]",
        "SB195 /storage_pools/0/members/node1/source.wipe",
    ),
    ("config: {core.trust_password: sekret}", "SB195 /config/core.trust_password"),
    ("config: {core.trust_ca_certificates: true}", "SB195 /config/core.trust_ca_certificates"),
    ("sources: [{name: more, git: 'file:///c'}]", "SB195 /sources/0"),
];

#[test]
fn keys_that_amount_to_root_must_be_given_by_hand() {
    for (text, wanted) in MIGHTY {
        assert_eq!(refused(&mut world(json!({})), text), [wanted], "{text}");
        assert_eq!(refused(&mut world(json!({"raw": true})), text), [""; 0], "{text}");
        assert_eq!(refused(&mut world(json!({"exec": true})), text), [""; 0], "{text}");
        assert!(is_taken_from_people(&mut world(json!({})), text), "{text}");
    }
    let harmless = "networks: [{name: br0, type: bridge, config: {ipv4.address: 10.9.0.1/24, raw.dnsmasq: ''}}]";
    assert_eq!(refused(&mut world(json!({})), harmless), [""; 0]);
}

#[test]
fn the_refusal_says_what_to_do() {
    let claim = Claim { source: Some("site".to_owned()), ..Claim::default() };
    let findings = world(json!({})).plan_as(&claim, &manifest(MIGHTY[0].0), Mode::Declarative).expect_err("refused");
    assert!(findings[0].help.iter().any(|help| help.contains("seedbed source set site --allow-raw")), "{findings:?}");
}

#[test]
fn no_source_gives_rights_redirects_what_has_them_or_weakens_signatures() {
    for (text, wanted) in [
        ("sources: [{name: ops, git: 'file:///b'}]", "SB194 /sources/0/git"),
        ("sources: [{name: ops, git: 'file:///a', ref: evil}]", "SB194 /sources/0/ref"),
        ("sources: [{name: ops, git: 'file:///a', layers: [evil]}]", "SB194 /sources/0/layers"),
        ("sources: [{name: new, git: 'file:///b', exec: true}]", "SB194 /sources/0/exec"),
        ("sources: [{name: new, git: 'file:///b', raw: true}]", "SB194 /sources/0/raw"),
        ("sources: [{name: new, git: 'file:///b', env: [PATH]}]", "SB194 /sources/0/env"),
        ("sources: [{name: new, git: 'file:///b', secrets_dir: /etc}]", "SB194 /sources/0/secrets_dir"),
        ("sources: [{name: strict, git: 'file:///a', verify: 'you ssh-ed25519 BBB'}]", "SB194 /sources/0/verify"),
        ("sources: [{name: site, path: /etc}]", "SB194 /sources/0/path"),
    ] {
        // Not even one that a person has given everything else.
        let found = refused(&mut world(json!({"raw": true})), text);
        assert!(found.contains(&wanted.to_owned()), "{text}: {found:?}");
        assert!(is_taken_from_people(&mut world(json!({"raw": true})), text), "{text}");
    }
    let described = "sources: [{name: ops, git: 'file:///a', description: ours}]";
    assert_eq!(refused(&mut world(json!({"raw": true})), described), [""; 0]);
}
