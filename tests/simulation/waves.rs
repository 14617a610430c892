//! A change that some members cannot take up, in waves: whatever the order of events, it stops where it must, and comes
//! to everybody where nothing is in the way.

use std::collections::{BTreeMap, BTreeSet};

use seedbed::kinds::Rng;
use seedbed::model::{
    Change, Command, Condition, ConditionState, Config, Generation, Key, Management, MemberName, Object,
    PlacementPhase, PlacementReport, Progress, Put, Report, Revision, Rollout, Spec, Stage, Timestamp, Waves, Write,
    may_act,
};
use seedbed::store::{MemoryState, needs_action};

use crate::dice::Seeded;

const SEEDS: u64 = 2_000;
const EVENTS: u32 = 200;

/// Some members, of which some cannot take up the change, and what each of them has seen of the log.
struct Case {
    log: Vec<Command>,
    head: MemoryState,
    seen: BTreeMap<MemberName, (MemoryState, usize)>,
    broken: BTreeSet<MemberName>,
    keys: Vec<Key>,
    waves: Waves,
}

impl Case {
    fn new(dice: &mut Seeded) -> Self {
        let members: Vec<MemberName> = (1..=2 + dice.below(6)).map(|n| MemberName(format!("node{n}"))).collect();
        let broken = members.iter().filter(|_| dice.percent(25)).cloned().collect();
        let mut order: Vec<Vec<MemberName>> = vec![Vec::new()];
        for member in &members {
            if dice.percent(60) && order.last().is_some_and(|wave| !wave.is_empty()) {
                order.push(Vec::new());
            }
            order.last_mut().expect("there is one").push(member.clone());
        }
        let waves = Waves { order, max_failures: dice.index(3), ..Waves::default() };
        let keys = (0..1 + dice.below(3)).map(|n| Key::new("network", format!("br{n}").as_str())).collect();
        let seen = members.iter().map(|member| (member.clone(), (MemoryState::default(), 0))).collect();
        let mut case = Self { log: Vec::new(), head: MemoryState::default(), seen, broken, keys, waves };
        case.put(None);
        for member in members {
            case.look(&member, usize::MAX);
            case.act(&member, &BTreeSet::new());
        }
        case.put(Some(case.waves.clone()));
        case
    }

    fn commit(&mut self, command: Command) {
        let revision = Revision(u64::try_from(self.log.len()).expect("it is small") + 1);
        self.head.apply(revision, &command);
        self.log.push(command);
    }

    fn put(&mut self, waves: Option<Waves>) {
        let put = |key: &Key| {
            Change::Put(Put {
                key: key.clone(),
                rollout: Rollout::EveryMember,
                stage: Stage::Live,
                spec: Spec::default(),
                applied: None,
                management: Some(Management { waves: waves.clone(), ..Management::default() }),
                placements: self.seen.keys().map(|member| (member.clone(), Config::default())).collect(),
            })
        };
        let changes = self.keys.iter().map(put).collect();
        let request = format!("request {}", self.log.len());
        let (at, by) = (Timestamp(0), "people".to_owned());
        self.commit(Command::Write(Write { request, at, by, origin: None, expect: Vec::new(), changes }));
    }

    /// A member sees more of the log.
    fn look(&mut self, member: &MemberName, n_entries: usize) {
        let (ledger, at) = self.seen.get_mut(member).expect("a member");
        for command in self.log.iter().skip(*at).take(n_entries) {
            *at += 1;
            ledger.apply(Revision(u64::try_from(*at).expect("it is small")), command);
        }
    }

    /// A member does what it sees to be its turn, and says how it went.
    fn act(&mut self, member: &MemberName, broken: &BTreeSet<MemberName>) {
        let objects: Vec<Object> = self.seen[member].0.state.objects.values().cloned().collect();
        let work: Vec<&Object> = objects.iter().filter(|object| needs_action(object, member)).collect();
        let all = Progress::of_all(work.iter().copied());
        let phase = if broken.contains(member) { PlacementPhase::Errored } else { PlacementPhase::Created };
        let entry = |object: &&&Object| PlacementReport {
            key: object.key.clone(),
            uid: object.uid,
            member: member.clone(),
            generation: object.generation,
            phase: Some(phase),
            condition: Condition::plain(ConditionState::Ready, "Said", Timestamp(0)),
            learned: BTreeMap::new(),
        };
        let mine = work.iter().filter(|object| may_act(object, member, &all));
        let entries: Vec<PlacementReport> = mine.map(|object| entry(&object)).collect();
        if !entries.is_empty() {
            self.commit(Command::Report(Report { at: Timestamp(0), entries }));
        }
    }

    fn run(&mut self, dice: &mut Seeded) {
        let members: Vec<MemberName> = self.seen.keys().cloned().collect();
        let broken = self.broken.clone();
        for _ in 0..EVENTS {
            let member = dice.pick(&members).expect("there are some").clone();
            self.look(&member, 1 + dice.index(3));
            if dice.percent(50) {
                self.act(&member, &broken);
            }
        }
        // Everybody sees everything in the end.
        for member in members.iter().cycle().take(members.len() * (members.len() + 1)) {
            self.look(member, usize::MAX);
            self.act(member, &broken);
        }
    }

    /// The members that have seen the change.
    fn begun(&self) -> BTreeSet<&MemberName> {
        let new = |object: &Object| object.generation > Generation(1);
        let objects = self.head.state.objects.values().filter(|object| new(object));
        objects
            .flat_map(|object| {
                object.placements.iter().filter(|(_, placement)| placement.observed == object.generation)
            })
            .map(|(member, _)| member)
            .collect()
    }
}

/// The waves that begin when nobody can be faster than anybody else: up to the one in which too many have failed.
fn expected(case: &Case) -> BTreeSet<&MemberName> {
    let (mut begun, mut failed) = (BTreeSet::new(), 0);
    for wave in &case.waves.order {
        begun.extend(wave);
        failed += wave.iter().filter(|member| case.broken.contains(*member)).count();
        if failed > case.waves.max_failures {
            break;
        }
    }
    begun
}

#[test]
fn a_change_stops_where_too_many_fail_and_comes_to_all_members_where_they_do_not() {
    let (mut stopped, mut complete) = (0, 0);
    for seed in 0..SEEDS {
        let mut dice = Seeded::new(seed, "waves");
        let mut case = Case::new(&mut dice);
        case.run(&mut dice);
        let begun = case.begun();
        let may_begin = expected(&case);
        let failed = begun.iter().filter(|member| case.broken.contains(**member)).count();
        let largest = case.waves.order.iter().map(Vec::len).max().unwrap_or(0);
        assert!(begun.is_subset(&may_begin), "seed {seed}: {begun:?} began, of {may_begin:?}");
        assert!(failed <= case.waves.max_failures + largest, "seed {seed}: {failed} failed");
        if case.broken.len() <= case.waves.max_failures {
            assert_eq!(begun.len(), case.seen.len(), "seed {seed}: it did not come to everybody");
            complete += 1;
        } else {
            assert!(failed > case.waves.max_failures, "seed {seed}: it stopped too early");
            stopped += 1;
        }
        if case.broken.is_empty() {
            let is_done = |object: &Object| object.is_converged() && object.management.waves.is_none();
            assert!(case.head.state.objects.values().all(is_done), "seed {seed}: it has not converged");
        }
        // Mended, it goes on by itself.
        case.broken.clear();
        case.run(&mut dice);
        assert!(case.head.state.objects.values().all(Object::is_converged), "seed {seed}: it did not go on");
    }
    assert!(stopped > SEEDS / 5 && complete > SEEDS / 5, "{stopped} stopped, {complete} came to all");
}
