//! What is measured: from a snapshot of what one member knows to families of figures. Pure.

use std::collections::BTreeMap;

use crate::kinds::records::confirmation::{Left, Pending};
use crate::model::{
    BUCKETS_MS, ClusterState, ConditionState, Key, Liveness, MemberName, Object, Placement, Tally, Timestamp, Timing,
};

/// What one member knows at one moment.
pub struct Snapshot {
    /// The program's version.
    pub version: String,
    /// The member that is asked.
    pub member: MemberName,
    /// Its copy of the state.
    pub state: ClusterState,
    /// Which members answer.
    pub liveness: Liveness,
    /// For how long its copy has been old, in milliseconds; `None` while it is the present.
    pub outdated_ms: Option<u64>,
    /// Whether it leads itself, with most voters behind it.
    pub is_leader: bool,
    /// The Raft term it is in.
    pub term: u64,
    /// The last entry of its log.
    pub last_log_index: u64,
    /// What its loop did since the daemon started.
    pub tally: Tally,
    /// This moment.
    pub now: Timestamp,
}

/// The labels of a figure, with their values.
pub type Labels = Vec<(&'static str, String)>;

/// All figures of one name.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// Its name without the suffix that OpenMetrics gives to counters.
    pub name: &'static str,
    /// What it means.
    pub help: &'static str,
    /// The figures.
    pub figures: Figures,
}

/// Figures by their sort.
#[derive(Debug, PartialEq)]
pub enum Figures {
    /// What goes up and down.
    Gauge(Vec<(Labels, f64)>),
    /// What only grows.
    Counter(Vec<(Labels, u64)>),
    /// How long things took.
    Histogram(Vec<(Labels, Timing)>),
}

/// Everything that is measured, families without figures left out.
pub fn families(snapshot: &Snapshot) -> Vec<Family> {
    let mut all = of_member(snapshot);
    all.extend(of_cluster(snapshot));
    all.extend(of_objects(snapshot));
    all.extend(of_confirmation(snapshot));
    all.extend(of_work(&snapshot.tally));
    all.retain(|family| match &family.figures {
        Figures::Gauge(figures) => !figures.is_empty(),
        Figures::Counter(figures) => !figures.is_empty(),
        Figures::Histogram(figures) => !figures.is_empty(),
    });
    all
}

fn of_member(snapshot: &Snapshot) -> Vec<Family> {
    let build = vec![("version", snapshot.version.clone()), ("member", snapshot.member.to_string())];
    let one = |name, help, value: u64| gauge(name, help, vec![(Labels::new(), value as f64)]);
    vec![
        gauge("seedbed_build_info", "The program and the member that answers.", vec![(build, 1.0)]),
        one("seedbed_leader", "Whether this member leads.", u64::from(snapshot.is_leader)),
        one(
            "seedbed_has_leader",
            "Whether this member hears a leader, or leads most voters.",
            u64::from(snapshot.outdated_ms.is_none()),
        ),
        gauge(
            "seedbed_outdated_seconds",
            "For how long this member's copy has not been the present; 0 while it is.",
            vec![(Labels::new(), seconds(snapshot.outdated_ms.unwrap_or(0)))],
        ),
        one("seedbed_raft_term", "The Raft term that this member is in.", snapshot.term),
        one("seedbed_raft_last_log_index", "The last entry of this member's log.", snapshot.last_log_index),
        one("seedbed_revision", "The last entry that this member has applied.", snapshot.state.revision.0),
    ]
}

fn of_cluster(snapshot: &Snapshot) -> Vec<Family> {
    let members = snapshot.state.members();
    let of = |name: &MemberName| vec![("member", name.to_string())];
    let reachable =
        members.iter().map(|name| (of(name), f64::from(u8::from(snapshot.liveness.is_reachable(name))))).collect();
    let silent =
        members.iter().filter_map(|name| Some((of(name), seconds(snapshot.liveness.silent_ms(name)?)))).collect();
    vec![
        gauge("seedbed_member_reachable", "Whether the leader hears the member.", reachable),
        gauge("seedbed_member_silent_seconds", "For how long the leader has not heard the member.", silent),
    ]
}

fn of_objects(snapshot: &Snapshot) -> Vec<Family> {
    let mut objects: BTreeMap<(String, &str), f64> = BTreeMap::new();
    let mut placements: BTreeMap<(String, String, ConditionState), f64> = BTreeMap::new();
    let (mut unsettled, mut ages) = (Vec::new(), Vec::new());
    for object in snapshot.state.objects.values() {
        let kind = object.key.kind.to_string();
        *objects.entry((kind.clone(), object.phase.status())).or_default() += 1.0;
        for (member, placement) in &object.placements {
            let state = placement.condition.state;
            *placements.entry((kind.clone(), member.to_string(), state)).or_default() += 1.0;
            if state != ConditionState::Ready {
                let labels = condition(&object.key, member, placement);
                let age_ms = snapshot.now.since_ms(placement.condition.since);
                unsettled.push((labels.clone(), 1.0));
                ages.push((labels, seconds(age_ms)));
            }
        }
    }
    let objects = objects.into_iter().map(|((kind, phase), n)| (vec![("kind", kind), ("phase", phase.to_owned())], n));
    let placements = placements.into_iter().map(|((kind, member, state), n)| {
        (vec![("kind", kind), ("member", member), ("condition", state.to_string())], n)
    });
    vec![
        gauge("seedbed_objects", "Stored objects by kind and phase.", objects.collect()),
        gauge("seedbed_placements", "What members hold of objects, by condition.", placements.collect()),
        gauge("seedbed_drifted_objects", "Objects that a host no longer has as they were made.", drifted(snapshot)),
        gauge("seedbed_object_condition", "Each placement that is not ready, with the reason.", unsettled),
        gauge("seedbed_object_condition_age_seconds", "For how long it has been so.", ages),
    ]
}

/// Only while there is something: a cluster where nobody confirms anything has no figures of it.
fn of_confirmation(snapshot: &Snapshot) -> Vec<Family> {
    let spec = |key: &Key| snapshot.state.get(key).map(|object| &object.spec.0);
    let pending = spec(&Pending::key()).and_then(|spec| spec.get("until")?.as_i64());
    let pending = pending.map(|until| (Labels::new(), seconds(Timestamp(until).since_ms(snapshot.now))));
    let left = spec(&Left::key()).and_then(|spec| Some(spec.get("left")?.as_array()?.len()));
    let left = left.map(|count| (Labels::new(), count as f64));
    vec![
        gauge(
            "seedbed_confirmation_pending_seconds",
            "After this time an apply is taken back unless somebody confirms it.",
            pending.into_iter().collect(),
        ),
        gauge(
            "seedbed_confirmation_left_objects",
            "Objects that stay of an apply that was taken back.",
            left.into_iter().collect(),
        ),
    ]
}

fn condition(key: &Key, member: &MemberName, placement: &Placement) -> Labels {
    vec![
        ("kind", key.kind.to_string()),
        ("project", key.project.to_string()),
        ("name", key.name.clone()),
        ("member", member.to_string()),
        ("type", placement.condition.state.to_string()),
        ("reason", placement.condition.reason.clone()),
    ]
}

fn drifted(snapshot: &Snapshot) -> Vec<(Labels, f64)> {
    let is_drifted = |object: &&Object| {
        object.placements.values().any(|placement| placement.condition.state == ConditionState::Drifted)
    };
    let mut count: BTreeMap<String, f64> = BTreeMap::new();
    for object in snapshot.state.objects.values().filter(|object| !object.placements.is_empty()) {
        let drifted = count.entry(object.key.kind.to_string()).or_default();
        *drifted += f64::from(u8::from(is_drifted(&object)));
    }
    count.into_iter().map(|(kind, n)| (vec![("kind", kind)], n)).collect()
}

fn of_work(tally: &Tally) -> Vec<Family> {
    let counts = tally.attempts().map(|(kind, ending, timing)| {
        (vec![("kind", kind.to_string()), ("result", ending.word().to_owned())], timing.count)
    });
    let mut by_kind: BTreeMap<String, Timing> = BTreeMap::new();
    for (kind, _, timing) in tally.attempts() {
        let sum = by_kind.entry(kind.to_string()).or_default();
        sum.count += timing.count;
        sum.sum_ms += timing.sum_ms;
        sum.buckets.iter_mut().zip(timing.buckets).for_each(|(sum, more)| *sum += more);
    }
    let durations = by_kind.into_iter().map(|(kind, timing)| (vec![("kind", kind)], timing)).collect();
    vec![
        Family {
            name: "seedbed_reconcile",
            help: "Attempts of this member to bring a placement about.",
            figures: Figures::Counter(counts.collect()),
        },
        Family {
            name: "seedbed_reconcile_duration_seconds",
            help: "How long they took.",
            figures: Figures::Histogram(durations),
        },
    ]
}

/// The buckets of a timing as OpenMetrics wants them: bounds in seconds, and what lies above the last bound.
pub fn buckets(timing: &Timing) -> Vec<(f64, u64)> {
    let counted: u64 = timing.buckets.iter().sum();
    let bounds = BUCKETS_MS.iter().map(|bound| seconds(*bound));
    bounds.zip(timing.buckets).chain([(f64::INFINITY, timing.count - counted)]).collect()
}

/// Milliseconds as seconds.
pub fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

fn gauge(name: &'static str, help: &'static str, figures: Vec<(Labels, f64)>) -> Family {
    Family { name, help, figures: Figures::Gauge(figures) }
}
