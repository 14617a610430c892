//! What goes wrong: machines fail, daemons die in the middle, somebody works on a machine by hand.

use std::collections::BTreeMap;

use seedbed::host::{Lasting, Link, PoolAsk, PoolMedium, PoolSeen, PoolStep};
use seedbed::kinds::Rng;
use seedbed::model::{Config, Key, MemberName, Revision, Timestamp};

use crate::dice::Seeded;
use crate::log::Log;
use crate::machine::Machine;
use crate::member::Member;

/// Somebody else's pool and interface, under names that people also want for theirs.
const FOREIGN_POOL: &str = "fast";
const FOREIGN_LINK: &str = "lan";

/// Belongs to no object of the log.
const FOREIGN_UID: Revision = Revision(u64::MAX);

/// Puts things on some machines that belong to somebody else.
pub fn strew(members: &mut BTreeMap<MemberName, Member>, dice: &mut Seeded) {
    for member in members.values_mut().filter(|_| dice.percent(20)) {
        member.machine.put_foreign_things();
    }
}

/// Something goes wrong on one member, or becomes right again.
pub fn strike(members: &mut BTreeMap<MemberName, Member>, log: &Log, now: Timestamp, dice: &mut Seeded) {
    let names: Vec<MemberName> = members.keys().cloned().collect();
    let Some(member) = dice.pick(&names).and_then(|name| members.get_mut(name)) else { return };
    match dice.below(100) {
        0..25 => member.machine.weather.storm(low(dice, 6), 1 + low(dice, 3), Lasting::Passing),
        25..40 => member.machine.weather.storm(low(dice, 4), 1 + low(dice, 8), Lasting::UntilMended),
        40..50 => member.machine.weather.clear(),
        50..58 => member.crash(),
        58..68 => member.lose_power(log, dice.index(20), now),
        68..96 => member.start_if_down(log),
        _ => member.machine.disturb(dice),
    }
}

/// From now on nothing goes wrong, and what is in the way has been cleared away.
pub fn stop(members: &mut BTreeMap<MemberName, Member>, log: &Log) {
    for member in members.values_mut() {
        member.machine.weather.clear();
        member.machine.remove_foreign_things();
        member.start_if_down(log);
    }
}

fn low(dice: &mut Seeded, bound: u64) -> u32 {
    u32::try_from(dice.below(bound)).expect("it is small")
}

impl Member {
    fn start_if_down(&mut self, log: &Log) {
        if !self.is_up() {
            self.start(log);
        }
    }
}

/// Things on a machine that belong to somebody else, as they must stay.
#[derive(PartialEq)]
pub struct Foreign {
    pool: Option<PoolSeen>,
    links: Vec<Link>,
}

impl Machine {
    fn put_foreign_things(&mut self) {
        self.do_to_foreign_pool(&PoolStep::Make);
        self.fake.storage.disturb(FOREIGN_POOL, |seen| {
            seen.medium = PoolMedium::Foreign { what: "somebody else's data".to_owned(), hint: String::new() };
            seen.recorded = false;
        });
        self.fake.network.plug(Link { name: FOREIGN_LINK.to_owned(), index: 50, ..Link::default() });
        self.foreign = Some(self.seen_foreign());
    }

    fn remove_foreign_things(&mut self) {
        if self.foreign.take().is_some() {
            self.do_to_foreign_pool(&PoolStep::Remove);
            self.fake.network.unplug(FOREIGN_LINK);
        }
    }

    fn do_to_foreign_pool(&self, step: &PoolStep) {
        let (name, driver) = (FOREIGN_POOL.to_owned(), "dir".to_owned());
        let ask = PoolAsk { name, uid: FOREIGN_UID, driver, config: Config::default() };
        self.now(self.fake.host().storage.act(&ask, step)).expect("a fake machine does as it is told");
    }

    fn seen_foreign(&self) -> Foreign {
        let mut links = self.now(self.fake.host().network.links()).expect("a fake machine does as it is told");
        links.retain(|link| link.name == FOREIGN_LINK);
        Foreign { pool: self.fake.storage.seen(FOREIGN_POOL), links }
    }

    /// Whether what belongs to somebody else is as it was.
    pub fn is_foreign_untouched(&self) -> bool {
        self.foreign.as_ref().is_none_or(|foreign| *foreign == self.seen_foreign())
    }

    /// Somebody unmounts a pool, or turns a knob of a bridge, by hand.
    fn disturb(&mut self, dice: &mut Seeded) {
        if dice.percent(50) {
            let names = ["data", FOREIGN_POOL, "extra"];
            let name = dice.pick(&names).copied().unwrap_or_default();
            self.fake.storage.disturb(name, |seen| {
                if seen.medium == PoolMedium::Ours {
                    seen.mounted = false;
                }
            });
            self.disturbed.insert(Key::new("storage-pool", name));
        } else {
            let names = [FOREIGN_LINK, "dmz"];
            let name = dice.pick(&names).copied().unwrap_or_default();
            self.fake.network.disturb(name, |facts| facts.up = false);
            self.fake.network.crash_service(name);
            self.disturbed.insert(Key::new("network", name));
        }
    }
}
