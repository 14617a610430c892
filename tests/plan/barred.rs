//! What is in the way is shown among the changes, and nothing is committed then.

use seedbed::model::{Change, Claim, Command};
use seedbed::plan::{Action, Context, Look, Mode, Plan, whole};

use crate::world::{Lcg, World, manifest};

const SITE: &str = "
storage_pools: [{name: data, driver: dir}]
networks: [{name: br0, type: bridge, config: {ipv4.address: none, ipv6.address: none}}]
profiles: [{name: web, devices: {root: {type: disk, path: /, pool: data}}}]
";

fn planned(world: &World, text: &str) -> Plan {
    let claim = Claim::default();
    let context =
        Context { here: &world.here, liveness: &world.liveness, mode: Mode::Declarative, claim: Some(&claim) };
    whole(&manifest(text), world.state(), &context, &mut Lcg(7))
}

fn made() -> World {
    let mut world = World::with_members(2);
    world.apply(&manifest(SITE), Mode::Declarative);
    world.settle();
    world
}

#[test]
fn what_could_only_be_made_anew_stands_among_what_else_would_be_done() {
    let mut world = made();
    let text = SITE
        .replace("driver: dir", "driver: btrfs, description: fast")
        .replace("ipv6.address: none", "ipv6.address: none, bridge.mtu: 1400")
        + "cluster_groups: []\nprojects: [{name: shop}]\n";
    let plan = planned(&world, &text);
    insta::assert_snapshot!(plan.render(&Look::plain("site.yaml")), @r"
    Plan  site.yaml: 2 to create, 1 to change, 1 in the way, nothing to delete
      + project/shop                  chosen: features.images=true, features.profiles=true, features.storage.buckets=true, features.storage.volumes=true
      ± storage-pool/data     btrfs
          + description: (none) -> fast
          ~ driver: dir -> btrfs
          ! the driver of a storage pool cannot be changed from dir to btrfs
          ! it would have to be made anew, with all that is in it
      ~ network/br0           bridge  config.bridge.mtu: (none) -> 1400
            restarts its DHCP and DNS server
      + profile/shop/default
      1 object unchanged
    ");
    let actions: Vec<Action> = plan.changes.iter().map(|change| change.action).collect();
    assert_eq!(actions.iter().filter(|action| **action == Action::Recreate).count(), 1);
    let json = serde_json::to_value(&plan).expect("JSON");
    let row = json["changes"].as_array().expect("rows").iter().find(|row| row["action"] == "recreate").expect("a row");
    assert_eq!((&row["impact"], row["barred"].as_array().map(Vec::len)), (&"recreate".into(), Some(1)));
    assert_eq!(json["summary"]["barred"], 1);
    // The findings are those that refuse it, and nothing can be committed by mistake.
    let refused = world.plan(&manifest(&text), Mode::Declarative).expect_err("it is refused");
    assert_eq!(plan.barred, refused);
    let Command::Write(write) = plan.write(String::new(), Default::default(), String::new()) else { panic!("a write") };
    assert!(write.changes.is_empty(), "{:?}", write.changes.iter().map(Change::clone).collect::<Vec<_>>());
}

#[test]
fn what_belongs_to_somebody_else_is_a_row_without_values() {
    let mut world = made();
    world.put(
        &"source/site".parse().expect("a key"),
        seedbed::model::Rollout::RecordOnly,
        serde_json::json!({"path": "/site"}),
    );
    let site = Claim { source: Some("site".to_owned()), take_over: true, ..Claim::default() };
    world.apply_as(&site, &manifest("profiles: [{name: web, description: theirs}]"), Mode::Declarative);
    let plan = planned(&world, "profiles: [{name: web, description: ours}, {name: other}]");
    insta::assert_snapshot!(plan.render(&Look::plain("site.yaml")), @r"
    Plan  site.yaml: 1 to create, 1 in the way, nothing to delete
      + profile/other
      ! profile/web
          ! belongs to the source `site`
    ");
}

#[test]
fn without_anything_in_the_way_the_plan_is_the_same() {
    let mut world = made();
    let text = SITE.replace("none}", "none, bridge.mtu: 1400}");
    let plan = world.plan(&manifest(&text), Mode::Declarative).expect("a plan");
    let whole = planned(&world, &text);
    assert_eq!((whole.digest.clone(), whole.barred.len(), whole.apart()), (plan.digest.clone(), 0, plan.apart()));
}
