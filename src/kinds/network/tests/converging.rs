//! Whole attempts on an imagined machine.

use super::{NAT, NONE, cidr, local};
use crate::host::fake::FakeHost;
use crate::host::{HostError, Link};
use crate::kinds::network::node::NetworkNode;
use crate::kinds::registry::actuator::{ActOutcome, AnyActuator, Intent, Local, Work};
use crate::model::{Config, Spec};

fn work(pairs: &[(&str, &str)], intent: Intent) -> Work {
    let Local { key, uid, member, spec, config, known } = local(pairs);
    let value = serde_json::to_value(spec).expect("JSON");
    let spec = Spec(value.as_object().expect("an object").clone());
    Work { local: Local { key, uid, member, spec, config, known }, intent }
}

async fn converge(fake: &FakeHost, work: &Work) -> ActOutcome {
    NetworkNode.converge(&fake.host(), work).await
}

#[tokio::test]
async fn a_fake_machine_converges_changes_and_lets_go() {
    let fake = FakeHost::new();
    let first = [NAT, &[("bridge.external_interfaces", "eth1")]].concat();
    for pairs in [&first[..], NAT, NONE, &first[..]] {
        let outcome = converge(&fake, &work(pairs, Intent::Present)).await;
        assert!(matches!(outcome, ActOutcome::Converged { .. }), "{outcome:?}");
    }
    assert_eq!(fake.network.facts("br0").expect("a bridge").ports, ["eth1"]);
    let gone = converge(&fake, &work(NAT, Intent::Absent)).await;
    assert!(matches!(gone, ActOutcome::Gone), "{gone:?}");
    assert_eq!(fake.network.facts("br0"), None);
}

#[tokio::test]
async fn failures_stop_the_attempt_and_the_next_one_goes_on() {
    let fake = FakeHost::new();
    fake.fail("network.load-rules", "br0", 1, HostError::passing("load the rules", "Broken", "for a test"));
    let outcome = converge(&fake, &work(NAT, Intent::Present)).await;
    assert!(matches!(&outcome, ActOutcome::Failed(error) if error.reason == "Broken"), "{outcome:?}");
    assert!(fake.network.facts("br0").expect("a bridge").up, "what came before the failure stays");
    let outcome = converge(&fake, &work(NAT, Intent::Present)).await;
    assert!(matches!(outcome, ActOutcome::Converged { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_missing_or_used_port_leaves_the_rest_of_the_bridge_working() {
    let fake = FakeHost::new();
    for (port, reason) in [("eth9", "InterfaceMissing"), ("eth0", "InterfaceInUse")] {
        let used = crate::host::LinkAddress { cidr: cidr("192.0.2.4/24"), scope: crate::host::Reach::Global };
        fake.network.plug(Link { name: "eth0".to_owned(), addresses: vec![used], ..Link::default() });
        let work = work(&[NAT, &[("bridge.external_interfaces", port)]].concat(), Intent::Present);
        let outcome = converge(&fake, &work).await;
        assert!(matches!(&outcome, ActOutcome::Failed(error) if error.reason == reason), "{outcome:?}");
        assert_eq!(fake.network.facts("br0").expect("a bridge").addresses, [cidr("10.1.2.1/24")]);
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_told_before_it_is_stored_when_it_is_asked_for_anew() {
    let fake = FakeHost::new();
    let with = |port: &str| work(&[NAT, &[("bridge.external_interfaces", port)]].concat(), Intent::Present).local;
    let judge = async |wanted: &Local<Spec>, before: Option<&Local<Spec>>| {
        let unfit = NetworkNode.judge(&fake.host(), wanted, before).await.expect("a judgement");
        unfit.map(|unfit| unfit.to_string()).unwrap_or_default()
    };
    let missing = "bridge.external_interfaces was not taken: there is no interface `eth9`";
    assert_eq!(judge(&with("eth9"), None).await, missing);
    assert_eq!(judge(&with("eth9"), Some(&with("eth1"))).await, missing);
    assert_eq!(judge(&with("eth9"), Some(&with("eth9"))).await, "", "what it had before and lost is no news");
    assert_eq!(judge(&with("eth1"), None).await, "");
    assert_eq!(fake.network.facts("br0"), None, "nothing was made");

    fake.network.plug(Link { name: "br0".to_owned(), kind: "dummy".to_owned(), ..Link::default() });
    let taken = judge(&with("eth1"), None).await;
    assert!(taken.contains("`br0` exists already: an interface of kind dummy"), "{taken}");
    let known = Local { known: true, ..with("eth1") };
    let look = NetworkNode.judge(&fake.host(), &with("eth1"), Some(&known)).await;
    assert_eq!(look.expect_err("its member says so when it acts").reason, "InterfaceTaken");
}

#[tokio::test]
async fn other_types_ask_only_for_the_interface_of_the_member() {
    let fake = FakeHost::new();
    let mut work = work(&[], Intent::Present);
    work.local.spec.0.insert("type".to_owned(), "macvlan".into());
    for (parent, reason) in [("", "ParentMissing"), ("eth7", "ParentMissing")] {
        work.local.config = Config::from([("parent", parent)]);
        let outcome = converge(&fake, &work).await;
        assert!(matches!(&outcome, ActOutcome::Failed(error) if error.reason == reason), "{outcome:?}");
    }
    work.local.config = Config::from([("parent", "eth0")]);
    assert!(matches!(converge(&fake, &work).await, ActOutcome::Converged { .. }));
    work.intent = Intent::Absent;
    assert!(matches!(converge(&fake, &work).await, ActOutcome::Gone));
}

#[tokio::test]
async fn a_bridge_whose_settings_cannot_be_read_can_still_be_removed() {
    let fake = FakeHost::new();
    assert!(matches!(converge(&fake, &work(NAT, Intent::Present)).await, ActOutcome::Converged { .. }));
    let broken = [("ipv4.address", "nonsense")];
    assert!(matches!(converge(&fake, &work(&broken, Intent::Present)).await, ActOutcome::Failed(_)));
    assert!(matches!(converge(&fake, &work(&broken, Intent::Absent)).await, ActOutcome::Gone));
    assert_eq!(fake.network.facts("br0"), None);
}
