//! What goes wrong: machines fail, daemons die in the middle, somebody works on a machine by hand.

use std::collections::BTreeMap;

use seedbed::host::{Lasting, PoolAsk, PoolMedium, PoolStep};
use seedbed::kinds::Dice;
use seedbed::model::{Config, MemberName, Revision};

use crate::dice::Seeded;
use crate::machine::Machine;
use crate::member::Member;

/// Somebody else's pool, under a name that people also want for theirs.
pub const FOREIGN: &str = "fast";

/// Belongs to no object of the log.
const FOREIGN_UID: Revision = Revision(u64::MAX);

/// Puts things on some machines that belong to somebody else.
pub fn strew(members: &mut BTreeMap<MemberName, Member>, dice: &mut Seeded) {
    for member in members.values_mut().filter(|_| dice.percent(20)) {
        member.machine.put_foreign_pool();
    }
}

/// Something goes wrong on one member, or becomes right again.
pub fn strike(members: &mut BTreeMap<MemberName, Member>, dice: &mut Seeded) {
    let names: Vec<MemberName> = members.keys().cloned().collect();
    let Some(member) = dice.pick(&names).and_then(|name| members.get_mut(name)) else { return };
    match dice.below(100) {
        0..25 => member.machine.weather.storm(low(dice, 6), 1 + low(dice, 3), Lasting::Passing),
        25..40 => member.machine.weather.storm(low(dice, 4), 1 + low(dice, 8), Lasting::UntilMended),
        40..50 => member.machine.weather.clear(),
        50..75 => member.crash(),
        75..95 => member.start_if_down(),
        _ => member.machine.disturb(dice),
    }
}

/// From now on nothing goes wrong, and what is in the way has been cleared away.
pub fn stop(members: &mut BTreeMap<MemberName, Member>) {
    for member in members.values_mut() {
        member.machine.weather.clear();
        member.machine.remove_foreign_pool();
        member.start_if_down();
    }
}

fn low(dice: &mut Seeded, bound: u64) -> u32 {
    u32::try_from(dice.below(bound)).expect("it is small")
}

impl Member {
    fn start_if_down(&mut self) {
        if !self.is_up() {
            self.start();
        }
    }
}

impl Machine {
    fn put_foreign_pool(&mut self) {
        self.do_to_foreign_pool(&PoolStep::Make);
        self.fake.storage.disturb(FOREIGN, |seen| {
            seen.medium = PoolMedium::Foreign { what: "somebody else's data".to_owned(), hint: String::new() };
            seen.recorded = false;
        });
        self.foreign = self.fake.storage.seen(FOREIGN);
    }

    fn remove_foreign_pool(&mut self) {
        if self.foreign.take().is_some() {
            self.do_to_foreign_pool(&PoolStep::Remove);
        }
    }

    fn do_to_foreign_pool(&self, step: &PoolStep) {
        let (name, driver) = (FOREIGN.to_owned(), "dir".to_owned());
        let ask = PoolAsk { name, uid: FOREIGN_UID, driver, config: Config::default() };
        self.now(self.fake.host().storage.act(&ask, step)).expect("a fake machine does as it is told");
    }

    /// Whether what belongs to somebody else is as it was.
    pub fn is_foreign_untouched(&self) -> bool {
        self.foreign.is_none() || self.foreign == self.fake.storage.seen(FOREIGN)
    }

    /// Somebody unmounts a pool by hand.
    fn disturb(&mut self, dice: &mut Seeded) {
        let name = if dice.percent(50) { "data" } else { FOREIGN };
        if self.foreign.is_none() || name != FOREIGN {
            self.fake.storage.disturb(name, |seen| {
                if seen.medium == PoolMedium::Ours {
                    seen.mounted = false;
                }
            });
            self.is_disturbed = true;
        }
    }
}
