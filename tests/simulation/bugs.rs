//! Planted bugs, and the property that must catch each. They wrap the program's functions; the program knows
//! nothing of them. A simulation that cannot find these proves nothing about others.

use seedbed::model::{
    ClusterState, Command, ConditionState, Generation, Key, MemberName, Object, Phase, PlacementPhase, PlacementReport,
    Reply, Report, Write,
};
use seedbed::store::{Transition, transition};

/// Ways to be wrong.
pub struct Bug {
    pub name: &'static str,
    /// The properties of which one must fail first.
    pub caught_by: &'static [&'static str],
    /// What the store takes for the command.
    pub command: fn(&ClusterState, Command) -> Command,
    /// What the store takes for the outcome.
    pub transition: fn(&ClusterState, &Command, Transition) -> Transition,
    /// What a member takes for its work.
    pub objects: fn(Vec<Object>) -> Vec<Object>,
    /// Whether a member does anything.
    pub acts: bool,
    /// What a member says after a pass. The objects are all of its work, also what it overlooked.
    pub reports: fn(&MemberName, &[Object], Vec<PlacementReport>) -> Vec<PlacementReport>,
    /// Whether a member takes what belongs to others for free.
    pub covets: bool,
    /// Whether a member acts before it has caught up with what was known when it started.
    pub hasty: bool,
}

/// The program as it is.
pub const NONE: Bug = Bug {
    name: "none",
    caught_by: &[],
    command: |_, command| command,
    transition: |_, _, outcome| outcome,
    objects: |objects| objects,
    acts: true,
    reports: |_, _, reports| reports,
    covets: false,
    hasty: false,
};

/// All planted bugs.
pub static ALL: &[Bug] = &[
    Bug {
        name: "a member does not wait for its turn",
        caught_by: &["waves"],
        objects: |objects| {
            let at_once = |mut object: Object| {
                object.management.waves = None;
                object
            };
            objects.into_iter().map(at_once).collect()
        },
        ..NONE
    },
    Bug {
        name: "the store believes reports on old generations",
        caught_by: &["reports"],
        command: |state, command| {
            each_entry(command, |entry| {
                if let Some(object) = state.get(&entry.key).filter(|object| object.uid == entry.uid) {
                    entry.generation = object.generation;
                }
            })
        },
        ..NONE
    },
    Bug {
        name: "the store believes reports on an earlier object of the same name",
        caught_by: &["reports"],
        command: |state, command| {
            each_entry(command, |entry| {
                if let Some(object) = state.get(&entry.key) {
                    entry.uid = object.uid;
                }
            })
        },
        ..NONE
    },
    Bug {
        name: "one placement is enough to be Created",
        caught_by: &["created"],
        transition: |_, _, outcome| {
            each_object(outcome, |object| {
                let made = |object: &Object| object.placements.values().any(|it| it.phase == PlacementPhase::Created);
                if object.phase == Phase::Creating && made(object) {
                    object.phase = Phase::Created;
                }
            })
        },
        ..NONE
    },
    Bug {
        name: "a failed placement is not rolled up",
        caught_by: &["conditions"],
        transition: |_, _, outcome| {
            each_object(outcome, |object| {
                if object.phase == Phase::Errored {
                    object.phase = Phase::Creating;
                }
            })
        },
        ..NONE
    },
    Bug {
        name: "an update keeps the generation",
        caught_by: &["generations", "conditions", "preconditions"],
        transition: |state, command, outcome| {
            let is_write = matches!(command, Command::Write(_));
            each_object(outcome, |object| {
                let old = state.get(&object.key).filter(|old| is_write && old.uid == object.uid);
                object.generation = old.map_or(object.generation, |old| old.generation);
            })
        },
        ..NONE
    },
    Bug {
        name: "a new object is taken for the old one of its name",
        caught_by: &["created", "deletion", "generations", "convergence", "membership", "reports"],
        transition: |_, _, outcome| each_object(outcome, |object| object.uid = seedbed::model::Revision(1)),
        ..NONE
    },
    Bug {
        name: "deleting drops the record at once",
        caught_by: &["deletion"],
        transition: |_, _, outcome| drop_where(outcome, |object| object.phase == Phase::Deleting),
        ..NONE
    },
    Bug {
        name: "the first member that has removed an object drops its record",
        caught_by: &["deletion", "reports"],
        transition: |state, _, outcome| {
            let was_more = |object: &Object| {
                state.get(&object.key).is_some_and(|old| old.placements.len() > object.placements.len())
            };
            drop_where(outcome, |object| object.phase == Phase::Deleting && was_more(object))
        },
        ..NONE
    },
    Bug {
        name: "writes are applied without their preconditions",
        caught_by: &["preconditions"],
        command: |_, command| match command {
            Command::Write(write) => Command::Write(Write { expect: Vec::new(), ..write }),
            Command::Report(report) => Command::Report(report),
        },
        ..NONE
    },
    Bug {
        name: "only the first precondition is looked at",
        caught_by: &["preconditions"],
        command: |_, command| match command {
            Command::Write(mut write) => {
                write.expect.truncate(1);
                Command::Write(write)
            }
            Command::Report(report) => Command::Report(report),
        },
        ..NONE
    },
    Bug {
        name: "whoever begins to use an object does not say so",
        caught_by: &["references"],
        command: |_, command| match command {
            Command::Write(mut write) => {
                write.expect.iter_mut().for_each(|expect| expect.refers = false);
                Command::Write(write)
            }
            Command::Report(report) => Command::Report(report),
        },
        ..NONE
    },
    Bug {
        name: "a removal overlooks who has begun to use the object",
        caught_by: &["preconditions", "references"],
        command: |_, command| match command {
            Command::Write(mut write) => {
                write.expect.iter_mut().for_each(|expect| expect.referred = None);
                Command::Write(write)
            }
            Command::Report(report) => Command::Report(report),
        },
        ..NONE
    },
    Bug {
        name: "a refused write leaves something behind",
        caught_by: &["preconditions"],
        transition: |state, command, outcome| match (command, &outcome.reply) {
            (Command::Write(write), Reply::Refused { .. }) => {
                let forced = Command::Write(Write { expect: Vec::new(), ..write.clone() });
                let changed = transition(state, seedbed::model::Revision(state.revision.0 + 1), &forced);
                Transition { objects: changed.objects, reply: outcome.reply }
            }
            _ => outcome,
        },
        ..NONE
    },
    Bug {
        name: "a member that leaves keeps one placement",
        caught_by: &["membership"],
        transition: |state, command, mut outcome| {
            let leaves = |write: &Write| {
                write.changes.iter().any(|it| matches!(it, seedbed::model::Change::ForgetMember { .. }))
            };
            if matches!(command, Command::Write(write) if leaves(write)) {
                let kept: Option<Key> = outcome.objects.keys().find(|key| has_placements(state, key)).cloned();
                kept.and_then(|key| outcome.objects.remove(&key));
            }
            outcome
        },
        ..NONE
    },
    Bug {
        name: "a member speaks before it acts",
        caught_by: &["created", "deletion"],
        acts: false,
        reports: |me, objects, _| objects.iter().filter_map(|object| claim(me, object)).collect(),
        ..NONE
    },
    Bug {
        name: "failures are taken for success",
        caught_by: &["created"],
        reports: |_, _, reports| {
            each_report(reports, |report| {
                if report.phase == Some(PlacementPhase::Errored) {
                    report.phase = Some(PlacementPhase::Created);
                    report.condition.state = ConditionState::Ready;
                }
            })
        },
        ..NONE
    },
    Bug {
        name: "failures do not say why",
        caught_by: &["conditions"],
        reports: |_, _, reports| each_report(reports, |report| report.condition.message.clear()),
        ..NONE
    },
    Bug {
        name: "a member reports generations that it has not seen",
        caught_by: &["convergence", "reports", "created"],
        reports: |_, _, reports| each_report(reports, |report| report.generation = report.generation.next()),
        ..NONE
    },
    Bug {
        name: "a member says that something has gone without looking",
        caught_by: &["deletion"],
        reports: |me, objects, mut reports| {
            reports.retain(|report| report.phase.is_some());
            let gone = objects.iter().filter(|object| object.phase == Phase::Deleting);
            reports.extend(gone.filter_map(|object| claim(me, object)));
            reports
        },
        objects: |objects| objects.into_iter().filter(|object| object.phase != Phase::Deleting).collect(),
        ..NONE
    },
    Bug {
        name: "a member never removes anything",
        caught_by: &["convergence"],
        objects: |objects| objects.into_iter().filter(|object| object.phase != Phase::Deleting).collect(),
        ..NONE
    },
    Bug {
        name: "what failed once is not tried again",
        caught_by: &["convergence"],
        objects: |objects| objects.into_iter().filter(|object| object.phase != Phase::Errored).collect(),
        ..NONE
    },
    Bug {
        name: "updates of what is Created are overlooked",
        caught_by: &["convergence"],
        objects: |objects| objects.into_iter().filter(|object| object.phase != Phase::Created).collect(),
        ..NONE
    },
    Bug {
        name: "a member repeats itself",
        caught_by: &["quiet"],
        reports: |me, objects, mut reports| {
            let settled = objects.iter().filter(|object| object.is_converged());
            reports.extend(settled.filter_map(|object| claim(me, object)));
            reports
        },
        ..NONE
    },
    Bug {
        name: "after a power failure a member acts on what it remembers",
        caught_by: &["leftovers"],
        hasty: true,
        ..NONE
    },
    Bug { name: "foreign data is taken for free space", caught_by: &["foreign"], covets: true, ..NONE },
];

fn each_entry(command: Command, change: impl FnMut(&mut PlacementReport)) -> Command {
    match command {
        Command::Report(Report { at, entries }) => {
            Command::Report(Report { at, entries: each_report(entries, change) })
        }
        Command::Write(write) => Command::Write(write),
    }
}

fn each_report(mut reports: Vec<PlacementReport>, change: impl FnMut(&mut PlacementReport)) -> Vec<PlacementReport> {
    reports.iter_mut().for_each(change);
    reports
}

fn each_object(mut outcome: Transition, change: impl FnMut(&mut Object)) -> Transition {
    outcome.objects.values_mut().flatten().for_each(change);
    outcome
}

fn drop_where(mut outcome: Transition, is_dropped: impl Fn(&Object) -> bool) -> Transition {
    for object in outcome.objects.values_mut() {
        if object.as_ref().is_some_and(&is_dropped) {
            *object = None;
        }
    }
    outcome
}

fn has_placements(state: &ClusterState, key: &Key) -> bool {
    state.get(key).is_some_and(|object| !object.placements.is_empty())
}

/// What a member would say if all had gone well.
fn claim(me: &MemberName, object: &Object) -> Option<PlacementReport> {
    let placement = object.placements.get(me)?;
    let phase = match object.phase {
        Phase::Pending => return None,
        Phase::Deleting => None,
        Phase::Creating | Phase::Created | Phase::Errored => Some(PlacementPhase::Created),
    };
    let condition = seedbed::model::Condition::ready(placement.condition.since);
    let (key, uid, member) = (object.key.clone(), object.uid, me.clone());
    let generation: Generation = object.generation;
    Some(PlacementReport { key, uid, member, generation, phase, condition, learned: Default::default() })
}
