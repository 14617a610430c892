//! What a member shows that has lost touch with its cluster: old, and never as the present.

use std::time::{Duration, Instant};

use super::{Away, Machine, three};
use crate::api::paths;
use crate::client::Answer;
use crate::model::{Lack, MemberName, Outdated};

async fn ask(machine: &Machine, path: &str) -> Answer {
    machine.client.send(hyper::Method::GET, path, bytes::Bytes::new()).await.expect("an answer")
}

fn outdated(answer: &Answer) -> Option<Outdated> {
    answer.header(paths::OUTDATED).map(|text| serde_json::from_str(text).expect("an `Outdated`"))
}

async fn outdated_within(machine: &Machine, limit: Duration) -> Outdated {
    let begun = Instant::now();
    loop {
        if let Some(outdated) = outdated(&ask(machine, "/1.0/profiles").await) {
            return outdated;
        }
        assert!(begun.elapsed() < limit, "still shown as the present after {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn current(machine: &Machine) {
    for _ in 0..3600 {
        if outdated(&ask(machine, "/1.0/profiles").await).is_none() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("the copy stays old");
}

/// LXD's endpoints keep their shape: a header and the state of the members say it.
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_a_member_without_a_quorum_says_that_it_is_old() {
    let [first, second, third] = three().await;
    third.wait_online(3).await;
    current(&third).await;
    let before: serde_json::Value = third.client.get("/1.0/storage-pools?recursion=1").await.expect("the pools");
    let (first, second) = (first.stop().await, second.stop().await);
    let told = outdated_within(&third, Duration::from_secs(4)).await;
    assert!(matches!(told.lack, Lack::Leader | Lack::Quorum), "{told:?}");
    assert!(told.as_of.is_some() && told.age_ms >= 1_500, "{told:?}");
    assert_eq!((told.member.as_str(), told.voters.len()), ("node3", 3));
    for path in ["/1.0", "/1.0/cluster", "/1.0/storage-pools", "/1.0/sources", paths::METRICS, paths::OBJECTS] {
        assert!(outdated(&ask(&third, path).await).is_some(), "{path} is shown as the present");
    }
    let after: serde_json::Value = third.client.get("/1.0/storage-pools?recursion=1").await.expect("the pools");
    assert_eq!(before, after);
    let node1 = MemberName::from("node1");
    for _ in 0..150 {
        let board = third.client.objects(&[]).await.expect("the objects");
        assert!(board.outdated.is_some());
        if !board.liveness[&node1].reachable {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let members = third.members().await;
    let status = |name: &str| members.iter().find(|it| it.server_name == name).map(|it| it.status.clone());
    assert_eq!((status("node1").as_deref(), status("node3").as_deref()), (Some("Unknown"), Some("Online")));
    assert!(members.iter().all(|member| !member.roles.contains(&"database-leader".to_owned())));
    let metrics = String::from_utf8(ask(&third, paths::METRICS).await.body.to_vec()).expect("text");
    assert!(metrics.contains("\nseedbed_has_leader 0.0\n"), "{metrics}");
    assert!(metrics.contains("\nseedbed_member_reachable{member=\"node1\"} 0.0\n"), "{metrics}");
    let third = says_that_it_has_started(third.stop().await).await;
    let _first = first.start().await;
    let _second = second.start().await;
    current(&third).await;
    third.wait_online(3).await;
}

async fn says_that_it_has_started(away: Away) -> Machine {
    let machine = away.start().await;
    let told = outdated_within(&machine, Duration::ZERO).await;
    assert_eq!((told.lack, told.as_of), (Lack::Leader, None));
    assert_eq!(told.to_string(), "node3 has started and heard no leader yet");
    machine
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stands_alone_shows_the_present_from_its_first_answer() {
    let machine = Machine::start().await;
    assert_eq!(outdated(&ask(&machine, "/1.0/profiles").await), None);
    let machine = machine.stop().await.start().await;
    assert_eq!(outdated(&ask(&machine, "/1.0/profiles").await), None);
}

/// The leader tells who answers when that changes. Whoever starts in between, and misses that, is told all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_starts_while_another_is_away_learns_that_it_is_back() {
    let [first, second, third] = three().await;
    first.wait_online(3).await;
    let second = second.stop().await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let third = third.stop().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    let third = third.start().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _second = second.start().await;
    let name = MemberName::from("node2");
    let is_back = async || {
        third.client.objects(&[]).await.is_ok_and(|board| board.liveness.get(&name).is_some_and(|seen| seen.reachable))
    };
    for _ in 0..400 {
        if is_back().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!(
        "node3 goes on saying that node2 is away: {:?}",
        third.client.objects(&[]).await.expect("the board").liveness
    );
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

async fn read(machine: &Machine, path: &str) -> Duration {
    let begun = Instant::now();
    assert!(ask(machine, path).await.status.is_success(), "{path}");
    begun.elapsed()
}

/// Says what it costs that reads see what was acknowledged, and that old ones say so: for the eyes of people.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: cargo test --release --lib -- --ignored --nocapture what_current_reads_cost"]
async fn what_current_reads_cost() {
    const READS: usize = 500;
    let machines = three().await;
    machines[2].wait_online(3).await;
    for (machine, role) in [(&machines[0], "leader"), (&machines[2], "follower")] {
        current(machine).await;
        // What waits for news by itself does not ask the leader first.
        let path = format!("{}?key=profile/default", paths::OBJECTS);
        let without = format!("{path}&after=0");
        let (mut asking, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..READS {
            asking.push(read(machine, &path).await);
            plain.push(read(machine, &without).await);
        }
        let server = machine.daemon.server();
        let begun = Instant::now();
        (0..READS).for_each(|_| assert!(server.outdated().is_none()));
        let header = begun.elapsed() / u32::try_from(READS).expect("a few");
        println!(
            "{role}: a read after a barrier {:?}, without {:?}; whether it is old {header:?}",
            median(asking),
            median(plain)
        );
    }
}
