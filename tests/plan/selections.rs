//! A part of what is declared: targets with what they need, without what is excluded.

use seedbed::model::{Desired, Finding, Selection};
use seedbed::plan::{Look, Mode, Plan, of_selection, select};

use crate::world::{World, manifest};

const SITE: &str = "
projects:
- {name: shop, config: {features.profiles: 'true', features.networks: 'false'}}
storage_pools:
- {name: data, driver: dir}
- {name: fast, driver: dir}
networks:
- {name: br0, type: bridge, config: {ipv4.address: 10.1.0.1/24, ipv6.address: none}}
- {name: br1, type: bridge, config: {ipv4.address: 10.2.0.1/24, ipv6.address: none}}
profiles:
- name: web
  devices:
    root: {type: disk, path: /, pool: data}
    eth0: {type: nic, network: br0}
- {name: idle, config: {limits.cpu: 1}}
";

fn selection(targets: &[&str], excludes: &[&str]) -> Selection {
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    Selection { targets: texts(targets), excludes: texts(excludes) }
}

/// Selects and plans, on all of the state and on the part of it that is asked for, which must come to the same.
fn plan(world: &mut World, desired: &Desired, selection: &Selection) -> Result<Plan, Vec<Finding>> {
    let mode = Mode::Declarative;
    let part = world.state().part(&|known| of_selection(desired, selection, mode, known));
    let selected = select(desired, selection, Mode::Declarative, world.state());
    assert_eq!(
        selected,
        select(desired, selection, Mode::Declarative, &part),
        "a selection must not depend on what it does not ask for"
    );
    let selected = selected?;
    Ok(world.plan(&selected.desired, mode)?.of_part(&selected))
}

fn keys(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| change.key.to_string()).collect()
}

fn texts(findings: &[Finding]) -> Vec<String> {
    let text = |finding: &Finding| match &finding.note {
        Some(note) => format!("{} {}: {note}", finding.code, finding.message),
        None => format!("{} {}", finding.code, finding.message),
    };
    findings.iter().map(text).collect()
}

#[test]
fn a_target_brings_along_what_it_needs_and_says_so() {
    let mut world = World::with_members(2);
    let plan = plan(&mut world, &manifest(SITE), &selection(&["profile/web"], &[])).expect("a plan");
    insta::assert_snapshot!(plan.render(&Look::plain("site.yaml")), @r"
    Plan  site.yaml: 3 to create, nothing to delete
      + storage-pool/data  dir
            comes along: needed by profile/web
      + network/br0        bridge  ipv4.address=10.1.0.1/24 · ipv6.address=none
            comes along: needed by profile/web
      + profile/web
            devices.eth0.network=br0
            devices.eth0.type=nic
            devices.root.path=/
            devices.root.pool=data
            devices.root.type=disk
      4 objects left out
    ");
}

#[test]
fn patterns_take_many_and_what_is_excluded_stays_out() {
    let mut world = World::with_members(1);
    for (targets, excludes, wanted) in [
        (&["network/*"][..], &[][..], &["network/br0", "network/br1"][..]),
        (&["network/*"], &["network/br1"], &["network/br0"]),
        (&[], &["profile/*", "network/*", "project/*"], &["storage-pool/data", "storage-pool/fast"]),
        (&["*/idle", "storage-pool/f?st"], &[], &["storage-pool/fast", "profile/idle"]),
    ] {
        let plan = plan(&mut world, &manifest(SITE), &selection(targets, excludes)).expect("a plan");
        assert_eq!(keys(&plan), wanted, "{targets:?} {excludes:?}");
    }
}

#[test]
fn nothing_outside_is_touched_or_unset() {
    let mut world = World::with_members(1);
    world.apply(&manifest(SITE), Mode::Declarative);
    world.settle();
    let before = world.object("profile/web").clone();
    // Both have lost keys, and one of them is asked for.
    let less = manifest(
        "profiles: [{name: web, description: less}, {name: idle, description: less}]\nnetworks: [{name: br0}]",
    );
    let plan = plan(&mut world, &less, &selection(&["profile/idle"], &[])).expect("a plan");
    assert_eq!(keys(&plan), ["profile/idle"]);
    world.commit(&plan.write("part".to_owned(), seedbed::model::Timestamp(3), "test".to_owned()));
    assert_eq!(world.config("profile/idle").value("limits.cpu"), None);
    assert_eq!(*world.object("profile/web"), before);
}

#[test]
fn an_object_of_a_project_brings_its_project_and_what_it_shares_with_others() {
    let mut world = World::with_members(1);
    let text = format!(
        "{SITE}- name: cart\n  project: shop\n  devices:\n    eth0: {{type: nic, network: br1}}\n    root: {{type: disk, path: /, pool: data}}\n"
    );
    let plan = plan(&mut world, &manifest(&text), &selection(&["profile/shop/cart"], &["storage-pool/fast"]));
    let plan = plan.expect("a plan");
    let wanted = ["project/shop", "storage-pool/data", "network/br1", "profile/shop/cart", "profile/shop/default"];
    let mut got = keys(&plan);
    got.sort_by_key(|key| wanted.iter().position(|wanted| wanted == key));
    assert_eq!(got, wanted, "the default profile is a part of the new project");
}

#[test]
fn a_target_that_fits_nothing_is_answered_with_the_nearest_one() {
    let mut world = World::with_members(1);
    let asked = selection(&["network/br", "profile/wbe", "volume/*"], &["storage-pool/dta"]);
    let findings = plan(&mut world, &manifest(SITE), &asked).expect_err("slips of the pen");
    insta::assert_snapshot!(texts(&findings).join("\n"), @r"
    SB180 --target network/br fits nothing that these files declare: did you mean `network/br1`?
    SB180 --target profile/wbe fits nothing that these files declare: did you mean `profile/web`?
    SB180 --target volume/* fits nothing that these files declare
    SB180 --exclude storage-pool/dta fits nothing that these files declare: did you mean `storage-pool/data`?
    ");
}

#[test]
fn what_is_needed_can_be_excluded_only_where_it_exists() {
    let mut world = World::with_members(1);
    let asked = selection(&["profile/web"], &["storage-pool/data"]);
    let findings = plan(&mut world, &manifest(SITE), &asked).expect_err("the pool does not exist");
    let text = "SB181 profile/web needs storage-pool/data, which --exclude leaves out and which does not exist yet";
    assert_eq!(texts(&findings), [text]);
    world.apply(&manifest("storage_pools: [{name: data, driver: dir}]"), Mode::Declarative);
    assert_eq!(keys(&plan(&mut world, &manifest(SITE), &asked).expect("a plan")), ["network/br0", "profile/web"]);
    let findings = plan(&mut world, &manifest(SITE), &selection(&[], &["*"])).expect_err("nothing is left");
    assert_eq!(texts(&findings), ["SB181 --exclude leaves out everything that these files declare"]);
}

#[test]
fn keys_of_a_member_that_has_not_joined_are_known_by_its_declaration() {
    let mut world = World::with_members(1);
    let text = "cluster: {enabled: true, members: {node1: {address: 10.93.0.1}, node2: {address: 10.93.0.2}}}
storage_pools: [{name: data, driver: dir, members: {node2: {source: /srv/two}}}]";
    let desired = manifest(text);
    let plan = plan(&mut world, &desired, &selection(&["storage-pool/data"], &[])).expect("a plan");
    assert_eq!(keys(&plan), ["storage-pool/data"]);
}

#[test]
fn what_a_project_brings_along_can_be_meant_and_left_out_by_its_name() {
    let site = manifest("projects:\n- {name: web, storage: data}\nstorage_pools:\n- {name: data, driver: dir}\n");
    let mut world = World::with_members(1);
    for pattern in ["profile/*", "profile/web/default"] {
        let refused = plan(&mut world, &site, &selection(&[], &[pattern])).expect_err("a project needs it");
        let text =
            "SB181 project/web needs profile/web/default, which --exclude leaves out and which does not exist yet";
        assert_eq!(texts(&refused), [text]);
    }
    let all = ["storage-pool/data", "project/web", "profile/web/default"];
    let mut planned = keys(&plan(&mut world, &site, &selection(&["profile/web/default"], &[])).expect("a plan"));
    planned.sort_by_key(|key| all.iter().position(|other| other == key));
    assert_eq!(planned, all, "the project comes with it");
    world.apply(&manifest("projects:\n- {name: web}\n"), Mode::Declarative);
    let part = plan(&mut world, &site, &selection(&[], &["profile/*"])).expect("a plan");
    assert_eq!(keys(&part), ["project/web", "storage-pool/data"], "its devices stay as they are");
}
