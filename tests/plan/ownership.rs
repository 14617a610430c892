//! Who owns what, what a manifest may do with it, and what goes when nobody declares it any more.

use seedbed::kinds;
use seedbed::kinds::tables::key_table;
use seedbed::model::{
    ApplyMode, Change, Claim, Command, Config, Declared, Desired, Finding, Generation, Key, Phase, Policy, Rollout,
    Timestamp, Write,
};
use seedbed::plan::lxd::{Ask, Refusal, Stamp, delete};
use seedbed::plan::{Action, Look, Mode, Plan, read_set};
use serde_json::json;

use crate::world::{World, declared, manifest};

const SITE: &str = "
networks: [{name: br0, type: bridge, config: {ipv4.address: 10.9.0.1/24}}]
profiles:
- {name: web, config: {limits.cpu: 2}, devices: {eth0: {type: nic, network: br0}}}
";

fn by(source: &str) -> Claim {
    Claim { source: Some(source.to_owned()), ..Claim::default() }
}

fn pruning(source: &str) -> Claim {
    Claim { prune: Some(10), ..by(source) }
}

/// Two members, and two sources that somebody has added.
fn world() -> World {
    let mut world = World::with_members(2);
    for source in ["site", "other"] {
        world.put(&Key::new("source", source), Rollout::RecordOnly, json!({"path": "/srv", "config": {}}));
    }
    world
}

fn applied(world: &mut World, claim: &Claim, text: &str) -> Plan {
    let plan = world.apply_as(claim, &manifest(text), Mode::Declarative);
    world.settle();
    plan
}

fn planned(world: &mut World, claim: &Claim, text: &str) -> Result<Plan, Vec<Finding>> {
    world.plan_as(claim, &manifest(text), Mode::Declarative)
}

fn refusals(world: &mut World, claim: &Claim, text: &str) -> Vec<String> {
    let findings = planned(world, claim, text).expect_err("it is refused");
    findings.iter().map(|finding| format!("{} {}", finding.code, finding.message)).collect()
}

fn owner<'a>(world: &'a World, key: &str) -> Option<&'a str> {
    world.object(key).management.source.as_deref()
}

fn exists(world: &World, key: &str) -> bool {
    world.state().get(&key.parse::<Key>().expect("a key")).is_some()
}

fn deletions(plan: &Plan) -> Vec<String> {
    let gone = plan.changes.iter().filter(|change| change.action == Action::Delete);
    gone.map(|change| change.key.to_string()).collect()
}

fn kept(plan: &Plan) -> Vec<String> {
    plan.notes.iter().filter(|note| note.code == "SB071").map(|note| note.message.clone()).collect()
}

fn remove(world: &mut World, key: &str) -> Result<(), Refusal> {
    let key: Key = key.parse().expect("a key");
    let stamp = Stamp { request: format!("remove-{key}"), at: Timestamp(5), by: "test".to_owned() };
    let part = world.ledger.state.part(&|known| read_set::of_removal(&key, known));
    let ask = Ask { state: &part, liveness: &world.liveness, here: &world.here, key: &key, stamp };
    let command = delete(&ask)?;
    world.commit(&command);
    world.settle();
    Ok(())
}

#[test]
fn what_a_source_applies_belongs_to_it_and_nobody_else_declares_it() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    assert_eq!([owner(&world, "network/br0"), owner(&world, "profile/web")], [Some("site"); 2]);
    let other = "profiles: [{name: web, config: {limits.cpu: 9}}]";
    let wanted = ["SB069 profile/web belongs to the source `site`"];
    assert_eq!(refusals(&mut world, &by("other"), other), wanted);
    assert_eq!(refusals(&mut world, &Claim::default(), other), wanted);
    assert_eq!(refusals(&mut world, &Claim::default(), SITE).len(), 2, "not even the same twice");
    assert!(planned(&mut world, &by("site"), SITE).expect("a plan").is_empty());
}

#[test]
fn a_refusal_says_how_to_take_over() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    let helps = |findings: Vec<Finding>| findings[0].help.join("\n");
    let by_other = helps(planned(&mut world, &by("other"), SITE).expect_err("refused"));
    assert!(by_other.contains("seedbed adopt network/br0 --source other"), "{by_other}");
    let by_hand = helps(planned(&mut world, &Claim::default(), SITE).expect_err("refused"));
    assert!(by_hand.contains("--take-over") && by_hand.contains("--release"), "{by_hand}");
}

#[test]
fn taking_over_is_asked_for_and_hands_the_object_to_whoever_asks() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    let take = |claim: Claim| Claim { take_over: true, ..claim };
    applied(&mut world, &take(by("other")), SITE);
    assert_eq!(owner(&world, "profile/web"), Some("other"));
    assert_eq!(refusals(&mut world, &by("site"), SITE).len(), 2);
    applied(&mut world, &take(Claim::default()), SITE);
    assert_eq!(owner(&world, "profile/web"), None);
}

#[test]
fn what_nobody_owns_is_taken_as_it_is_and_what_a_client_edits_stays_owned() {
    let mut world = world();
    applied(&mut world, &Claim::default(), SITE);
    let plan = applied(&mut world, &by("site"), SITE);
    assert!(plan.changes.iter().all(|change| change.action == Action::Adopt), "{:?}", plan.changes);
    // Another client writes it, as `lxc profile set` does.
    world.put(&Key::new("profile", "web"), Rollout::RecordOnly, json!({"config": {"limits.cpu": "8"}}));
    assert_eq!(owner(&world, "profile/web"), Some("site"));
    assert_eq!(planned(&mut world, &by("site"), SITE).expect("a plan").summary.update, 1);
}

#[test]
fn a_source_that_is_removed_releases_what_it_owned_and_deletes_nothing() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    remove(&mut world, "source/site").expect("removed");
    assert_eq!([owner(&world, "network/br0"), owner(&world, "profile/web")], [None; 2]);
    let plan = planned(&mut world, &by("other"), SITE).expect("a plan");
    assert_eq!((plan.summary.adopt, plan.changes.len()), (2, 2));
    let gone = refusals(&mut world, &by("site"), SITE);
    assert_eq!(gone, ["SB062 there is no source `site`"]);
}

/// A source that may declare further ones.
fn parent(world: &mut World) {
    world.put(&Key::new("source", "parent"), Rollout::RecordOnly, json!({"path": "/p", "config": {}, "raw": true}));
}

#[test]
fn a_source_that_is_pruned_releases_what_it_owned_in_the_same_entry() {
    let mut world = world();
    parent(&mut world);
    applied(&mut world, &pruning("parent"), "sources: [{name: web, path: /srv/web}]");
    applied(&mut world, &by("web"), SITE);
    // The source gets another name under its parent.
    let plan = applied(&mut world, &pruning("parent"), "sources: [{name: web2, path: /srv/web}]");
    assert_eq!(deletions(&plan), ["source/web"]);
    let freed =
        plan.changes.iter().filter(|change| change.action == Action::Adopt).map(|change| change.key.to_string());
    assert_eq!(freed.collect::<Vec<_>>(), ["network/br0", "profile/web"], "the plan shows what becomes nobody's");
    assert_eq!((owner(&world, "profile/web"), owner(&world, "network/br0")), (None, None));
    applied(&mut world, &by("web2"), SITE);
    assert_eq!((owner(&world, "profile/web"), owner(&world, "network/br0")), (Some("web2"), Some("web2")));
}

#[test]
fn a_source_that_goes_between_plan_and_commit_gets_nothing() {
    let mut world = world();
    let plan = planned(&mut world, &by("site"), SITE).expect("a plan");
    let Command::Write(Write { expect, .. }) = plan.write(String::new(), Timestamp(1), String::new()) else {
        panic!("a plan is a write")
    };
    assert!(expect.iter().any(|expect| expect.key == Key::new("source", "site")));
}

fn with_policy(text: &str, policy: &str) -> String {
    text.replace("{name: web,", &format!("{{name: web, {policy},"))
}

#[test]
fn an_object_that_is_only_to_be_there_is_created_once_and_never_changed() {
    let mut world = world();
    let text = with_policy(SITE, "apply: if-not-present");
    applied(&mut world, &by("site"), &text);
    assert_eq!(world.object("profile/web").management.apply, ApplyMode::IfNotPresent);
    let later = text.replace("limits.cpu: 2", "limits.cpu: 7");
    assert!(planned(&mut world, &by("site"), &later).expect("a plan").is_empty());
    assert_eq!(world.config("profile/web").value("limits.cpu"), Some("2"));
}

#[test]
fn an_object_that_was_there_before_is_neither_changed_nor_owned_when_it_is_only_to_be_there() {
    let mut world = world();
    applied(&mut world, &Claim::default(), SITE);
    let text = with_policy(SITE, "apply: if-not-present").replace("limits.cpu: 2", "limits.cpu: 7");
    applied(&mut world, &by("site"), &text);
    assert_eq!(owner(&world, "profile/web"), None);
    assert_eq!(world.config("profile/web").value("limits.cpu"), Some("2"));
}

#[test]
fn an_ignored_object_is_neither_created_nor_changed_nor_relied_upon() {
    let mut world = world();
    let ignored = "profiles: [{name: web, apply: ignore, config: {limits.cpu: 9}}]";
    assert!(applied(&mut world, &by("site"), ignored).is_empty());
    assert!(!exists(&world, "profile/web"));
    let network = "networks: [{name: br0, type: bridge, apply: ignore}]\n";
    let user = format!("{network}profiles: [{{name: web, devices: {{eth0: {{type: nic, network: br0}}}}}}]");
    assert_eq!(refusals(&mut world, &by("site"), &user).len(), 1, "nothing relies on what will not be there");
    applied(&mut world, &by("site"), SITE);
    let plan = applied(&mut world, &by("site"), &with_policy(SITE, "apply: ignore").replace("cpu: 2", "cpu: 9"));
    assert_eq!(plan.changes[0].fields[0].path, "apply", "{:?}", plan.changes);
    assert_eq!(world.config("profile/web").value("limits.cpu"), Some("2"));
}

#[test]
fn a_merged_object_keeps_what_the_manifest_says_no_more_and_its_neighbours_do_not() {
    let mut world = world();
    let first = "profiles: [{name: a, apply: merge, config: {user.x: 1}}, {name: b, config: {user.x: 1}}]";
    applied(&mut world, &by("site"), first);
    let second = "profiles: [{name: a, apply: merge, config: {user.y: 2}}, {name: b, config: {user.y: 2}}]";
    applied(&mut world, &by("site"), second);
    assert_eq!(world.config("profile/a"), Config::from([("user.x", "1"), ("user.y", "2")]));
    assert_eq!(world.config("profile/b"), Config::from([("user.y", "2")]));
}

#[test]
fn a_protection_outlives_the_file_and_only_an_explicit_word_lifts_it() {
    let mut world = world();
    applied(&mut world, &Claim::default(), &with_policy(SITE, "protect: true"));
    applied(&mut world, &Claim::default(), SITE);
    let refusal = remove(&mut world, "profile/web").expect_err("it is protected");
    assert_eq!((refusal.status, refusal.message.as_str()), (403, "The profile web is protected"));
    assert_eq!(refusal.hint.as_deref(), Some("to lift that: seedbed protect profile/web --off"));
    applied(&mut world, &Claim::default(), &with_policy(SITE, "protect: false"));
    remove(&mut world, "profile/web").expect("removed");
}

#[test]
fn a_project_does_not_take_a_protected_default_profile_along() {
    let mut world = world();
    let text = "projects: [{name: shop}]\nprofiles: [{name: default, project: shop, protect: true}]";
    applied(&mut world, &Claim::default(), text);
    assert_eq!(remove(&mut world, "project/shop").expect_err("refused").status, 403);
    assert!(exists(&world, "project/shop"));
}

#[test]
fn nothing_is_pruned_unless_that_is_asked_for_and_then_only_what_the_source_owns() {
    let mut world = world();
    applied(&mut world, &Claim::default(), "profiles: [{name: by-hand}]");
    applied(&mut world, &by("other"), "profiles: [{name: of-other}]");
    applied(&mut world, &by("site"), &format!("{SITE}- name: more\n"));
    assert!(planned(&mut world, &by("site"), "profiles: [{name: web}]").is_ok_and(|plan| deletions(&plan).is_empty()));
    let plan = applied(&mut world, &pruning("site"), "profiles: [{name: more}]");
    assert_eq!(deletions(&plan), ["profile/web", "network/br0"], "what uses goes before what is used");
    assert!(!exists(&world, "profile/web") && !exists(&world, "network/br0"));
    assert!(exists(&world, "profile/by-hand") && exists(&world, "profile/of-other"));
    assert!(planned(&mut world, &pruning("site"), "profiles: [{name: more}]").expect("a plan").is_empty());
}

#[test]
fn a_plan_shows_its_deletions_in_their_order() {
    let mut world = world();
    applied(&mut world, &by("site"), &format!("{SITE}- name: more\n- {{name: kept, protect: true}}\n"));
    let plan = planned(&mut world, &pruning("site"), "profiles: [{name: more, config: {user.a: b}}]").expect("a plan");
    insta::assert_snapshot!(plan.render(&Look::plain("site")), @r"
    Plan  site: 1 to change, 2 to delete
      ~ profile/more              config.user.a: (none) -> b
      - profile/web               declared no more
      - network/br0       bridge  declared no more
      ! profile/kept is declared no more, but stays: it is protected; to lift that: seedbed protect profile/kept --off
    ");
}

#[test]
fn what_somebody_else_uses_stays_and_says_who_uses_it() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    applied(&mut world, &Claim::default(), "profiles: [{name: mine, devices: {eth0: {type: nic, network: br0}}}]");
    let plan = applied(&mut world, &pruning("site"), "profiles: [{name: web}]");
    assert_eq!(deletions(&plan), [""; 0]);
    assert_eq!(kept(&plan), ["network/br0 is declared no more, but stays: profile/mine uses it"]);
    remove(&mut world, "profile/mine").expect("removed");
    let plan = applied(&mut world, &pruning("site"), "profiles: [{name: web}]");
    assert_eq!(deletions(&plan), ["network/br0"]);
}

#[test]
fn what_is_let_go_of_in_the_same_set_is_deleted_with_it() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    let plan = applied(&mut world, &pruning("site"), "profiles: [{name: web, config: {limits.cpu: 2}}]");
    let all: Vec<_> = plan.changes.iter().map(|change| (change.key.to_string(), change.action)).collect();
    assert_eq!(all, [("profile/web".to_owned(), Action::Update), ("network/br0".to_owned(), Action::Delete)]);
}

#[test]
fn what_stays_keeps_what_it_uses() {
    let mut world = world();
    applied(&mut world, &by("site"), &with_policy(SITE, "protect: true"));
    let plan = planned(&mut world, &pruning("site"), "profiles: [{name: other}]").expect("a plan");
    assert_eq!(deletions(&plan), [""; 0]);
    assert_eq!(
        kept(&plan),
        [
            "profile/web is declared no more, but stays: it is protected; to lift that: seedbed protect profile/web --off",
            "network/br0 is declared no more, but stays: profile/web uses it",
        ]
    );
}

#[test]
fn an_ignored_object_is_not_pruned_when_it_leaves_the_files() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    applied(&mut world, &by("site"), &with_policy(SITE, "apply: ignore"));
    let plan = planned(&mut world, &pruning("site"), "networks: [{name: br0, type: bridge}]").expect("a plan");
    assert_eq!((deletions(&plan), kept(&plan)), (Vec::new(), Vec::new()));
}

#[test]
fn a_pool_that_may_hold_data_is_never_pruned_and_one_that_was_never_made_is() {
    let mut world = world();
    let pool = "storage_pools: [{name: data, driver: dir}]\nprofiles: [{name: a}]";
    applied(&mut world, &by("site"), pool);
    let plan = planned(&mut world, &pruning("site"), "profiles: [{name: a}]").expect("a plan");
    assert_eq!(deletions(&plan), [""; 0]);
    assert!(kept(&plan)[0].contains("seedbed storage delete data"), "{:?}", kept(&plan));
    let mut world = self::world();
    world.lose("node2");
    applied(&mut world, &by("site"), pool);
    assert_eq!(world.object("storage-pool/data").phase, Phase::Pending);
    let plan = applied(&mut world, &pruning("site"), "profiles: [{name: a}]");
    assert_eq!(deletions(&plan), ["storage-pool/data"]);
}

#[test]
fn an_empty_set_prunes_nothing() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    let plan = world.plan_as(&pruning("site"), &Desired::default(), Mode::Declarative).expect("a plan");
    assert!(plan.is_empty());
    assert_eq!(kept(&plan), ["the set declares nothing: network/br0, profile/web of site stay"]);
}

#[test]
fn more_deletions_than_are_allowed_stop_the_whole_set_and_are_named() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    let claim = Claim { prune: Some(1), ..by("site") };
    let text = "profiles: [{name: new}]";
    assert_eq!(
        refusals(&mut world, &claim, text),
        [
            "SB070 2 objects of site are declared no more, and at most 1 may be deleted at once: network/br0, profile/web"
        ]
    );
    assert!(!exists(&world, "profile/new"));
    let claim = Claim { prune: Some(2), ..by("site") };
    assert_eq!(deletions(&planned(&mut world, &claim, text).expect("a plan")).len(), 2);
}

#[test]
fn what_is_on_a_member_that_does_not_answer_waits_for_it() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    world.lose("node2");
    let plan = applied(&mut world, &pruning("site"), "profiles: [{name: new}]");
    assert_eq!(deletions(&plan), ["profile/web"], "a record waits for nobody");
    assert_eq!(kept(&plan), ["network/br0 is declared no more, but stays: node2 does not answer"]);
    world.find("node2");
    assert_eq!(deletions(&applied(&mut world, &pruning("site"), "profiles: [{name: new}]")), ["network/br0"]);
}

#[test]
fn what_could_not_be_taken_down_stays_owned_until_it_is_seen_to_be_gone() {
    let mut world = world();
    applied(&mut world, &by("site"), SITE);
    let text = "profiles: [{name: new}]";
    world.apply_as(&pruning("site"), &manifest(text), Mode::Declarative);
    assert_eq!((owner(&world, "network/br0"), world.object("network/br0").phase), (Some("site"), Phase::Deleting));
    let plan = planned(&mut world, &pruning("site"), text).expect("a plan");
    assert!(plan.is_empty());
    assert_eq!(kept(&plan), ["network/br0 is declared no more, but stays: its members are still taking it down"]);
    world.settle();
    assert_eq!(kept(&planned(&mut world, &pruning("site"), text).expect("a plan")), [""; 0]);
}

#[test]
fn a_project_goes_with_what_is_in_it_and_stays_with_what_others_have_put_there() {
    let mut world = world();
    let text = "projects: [{name: shop}]\nprofiles: [{name: web, project: shop}, {name: a}]";
    applied(&mut world, &by("site"), text);
    let plan = planned(&mut world, &pruning("site"), "profiles: [{name: a}]").expect("a plan");
    assert_eq!(deletions(&plan), ["profile/shop/web", "profile/shop/default", "project/shop"]);
    applied(&mut world, &Claim::default(), "profiles: [{name: mine, project: shop}]");
    let plan = planned(&mut world, &pruning("site"), "profiles: [{name: a}]").expect("a plan");
    assert_eq!(deletions(&plan), ["profile/shop/web"]);
    assert_eq!(kept(&plan), ["project/shop is declared no more, but stays: profile/shop/mine uses it"]);
}

#[test]
fn members_and_the_server_configuration_are_never_pruned() {
    let mut world = world();
    let text = "config: {images.auto_update_interval: 15}\nprofiles: [{name: default}, {name: a}]\n\
        cluster: {enabled: true, members: {node1: {failure_domain: x}, node2: {}}}";
    applied(&mut world, &by("site"), text);
    let plan = planned(&mut world, &pruning("site"), "profiles: [{name: a}]").expect("a plan");
    assert_eq!((deletions(&plan), kept(&plan)), (Vec::new(), Vec::new()));
}

// Every kind that manifests declare, with every driver and type that this version takes, in every mode.
#[test]
fn after_an_apply_the_next_plan_is_empty_for_every_driver_in_every_mode_and_for_every_owner() {
    let claims = [Claim::default(), by("site"), pruning("site"), Claim { take_over: true, ..Claim::default() }];
    let mut drivers = 0;
    for (kind, spec) in variants() {
        let name = if kind == "network" { "br9" } else { "some" };
        let key = Key::new(kind, name);
        let modes = ApplyMode::ALL.iter().flat_map(|(_, mode)| [None, Some(true), Some(false)].map(|on| (*mode, on)));
        let mut is_taken = false;
        for ((apply, protect), claim) in modes.flat_map(|mode| claims.iter().map(move |claim| (mode, claim))) {
            let policy = Policy { apply: Some(apply), protect };
            let object = Declared { policy, ..declared(spec.clone(), &[]) };
            let desired = Desired { objects: [(key.clone(), object)].into() };
            let mut world = world();
            if world.plan_as(claim, &desired, Mode::Declarative).is_err() {
                continue;
            }
            is_taken = true;
            world.apply_as(claim, &desired, Mode::Declarative);
            let words = format!("{key} {spec} {policy:?} {claim:?}");
            assert_eq!(changes(&mut world, claim, &desired), "", "before the members have acted: {words}");
            world.settle();
            assert_eq!(changes(&mut world, claim, &desired), "", "after they have: {words}");
            let is_there = world.state().get(&key).is_some();
            assert_eq!(is_there, apply != ApplyMode::Ignore, "{words}");
            let is_protected = world.state().get(&key).is_some_and(|object| object.management.protect);
            assert_eq!(is_protected, is_there && protect == Some(true), "{words}");
        }
        drivers += usize::from(is_taken);
    }
    assert!(drivers >= 8, "only {drivers} drivers were taken");
}

fn changes(world: &mut World, claim: &Claim, desired: &Desired) -> String {
    let plan = world.plan_as(claim, desired, Mode::Declarative).unwrap_or_else(|findings| panic!("{findings:#?}"));
    plan.changes.iter().map(|change| format!("{change:?}\n")).collect()
}

fn variants() -> Vec<(&'static str, serde_json::Value)> {
    let declared = kinds::ALL.iter().filter(|kind| {
        let words = kind.words();
        !words.section.is_empty() && !["member", "config", "certificate"].contains(&words.kind)
    });
    let mut all = Vec::new();
    for kind in declared {
        let word = kind.words().kind;
        match kind.variants() {
            Some(variants) => all.extend(variants.values.iter().map(|value| (word, json!({(variants.field): value})))),
            None if word == "source" => all.push((word, json!({"path": "/srv/site"}))),
            None => all.push((word, json!({}))),
        }
    }
    let entities: std::collections::BTreeSet<&str> = all
        .iter()
        .filter_map(|(word, spec)| Some((kinds::find(word)?, spec)))
        .flat_map(|(kind, spec)| kind.entities(&seedbed::model::Spec(spec.as_object().cloned().unwrap_or_default())))
        .collect();
    let known = key_table::entities().filter(|entity| entity.starts_with("storage-") || entity.starts_with("network-"));
    let drivers: Vec<&str> = known
        .filter(|entity| {
            !["integration", "volume", "bucket", "acl", "forward", "peer", "zone", "load", "address"]
                .iter()
                .any(|part| entity.contains(part))
        })
        .collect();
    assert!(drivers.iter().all(|driver| entities.contains(driver)), "{drivers:?} of the key table, but {entities:?}");
    all
}

#[test]
fn a_put_by_a_client_keeps_who_owns_it_and_a_deletion_ends_it() {
    let mut world = world();
    applied(&mut world, &by("site"), "profiles: [{name: a, apply: merge}]");
    remove(&mut world, "profile/a").expect("other clients may delete what a source owns: that is drift");
    let plan = applied(&mut world, &by("site"), "profiles: [{name: a}]");
    assert_eq!(plan.summary.create, 1);
    assert_eq!(world.object("profile/a").management.apply, ApplyMode::Override);
    assert_eq!(world.object("profile/a").generation, Generation(1));
    let Command::Write(write) = plan.write(String::new(), Timestamp(1), String::new()) else { panic!("a write") };
    assert!(matches!(&write.changes[..], [Change::Put(put)] if put.management.is_some()));
}
