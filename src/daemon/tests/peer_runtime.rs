//! Whatever the requests of clients compute, the members hear each other.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};

use super::{Machine, clustered};
use crate::store::Timing;

const THREADS: usize = 2;
/// Several elections would fit in.
const BLOCKED: Duration = Duration::from_secs(4);

/// A machine whose clients are served by threads that no other machine shares.
async fn apart() -> (Runtime, Machine) {
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().expect("a runtime");
    let machine = runtime.spawn(Machine::start()).await.expect("a machine");
    (runtime, machine)
}

/// Lets all threads of a runtime compute; returns when the last one has begun.
fn block(runtime: &Runtime) {
    let all = Arc::new(Barrier::new(THREADS + 1));
    for _ in 0..THREADS {
        let all = Arc::clone(&all);
        runtime.spawn(async move {
            all.wait();
            std::thread::sleep(BLOCKED);
        });
    }
    all.wait();
}

fn leads(machine: &Machine) -> bool {
    machine.daemon.server().store().leadership().borrow().is_me
}

fn term(machine: &Machine) -> u64 {
    machine.daemon.server().store().leadership().borrow().term.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_threads_are_all_at_work_for_clients_goes_on_to_lead() {
    assert!(Duration::from_millis(Timing::default().election_ms_max * 4) < BLOCKED, "it would lose the lead");
    let (runtime, first) = apart().await;
    let machines = clustered([first, Machine::start().await, Machine::start().await]).await;
    machines[1].wait_online(3).await;
    assert!(leads(&machines[0]), "who has formed the cluster leads");
    let before = term(&machines[0]);
    block(&runtime);
    let begun = Instant::now();
    while begun.elapsed() < BLOCKED {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(machines.iter().all(|machine| term(machine) == before), "after {:?}", begun.elapsed());
        assert!(machines[1].daemon.server().outdated().is_none(), "it does not hear the leader");
    }
    assert!(leads(&machines[0]));
    end(machines, runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_whose_threads_are_all_at_work_for_clients_confirms_what_is_written() {
    let (runtime, second) = apart().await;
    let [first, second, third] = clustered([Machine::start().await, second, Machine::start().await]).await;
    first.wait_online(3).await;
    let third = third.stop().await;
    block(&runtime);
    let begun = Instant::now();
    first.daemon.server().store().barrier().await.expect("most voters answer");
    let put = serde_json::json!({"name": "written"});
    first.client.post::<serde_json::Value>("/1.0/profiles", &put).await.expect("it is written");
    assert!(begun.elapsed() < BLOCKED / 2, "after {:?}", begun.elapsed());
    let third = third.start().await;
    end([first, second, third], runtime).await;
}

async fn end(machines: [Machine; 3], runtime: Runtime) {
    for machine in machines {
        machine.stop().await;
    }
    runtime.shutdown_background();
}
