//! What can happen to a cluster.

use std::time::Duration;

use super::dice::Dice;
use super::disk::Disk;
use crate::lab::Lab;

/// One fault of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of these.
    Kill(Whom),
    /// They stand still for a while and go on.
    Freeze(Whom),
    /// Their cables are out for a while.
    Unplug(Whom),
    /// Their disks are full for a while.
    Fill(Whom),
    /// They lose their power: what was not synced is gone.
    CutPower(Whom),
    /// They are stopped in good order and lose their power right after it.
    StopAndCutPower(Whom),
}

/// Whom it happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The one that leads.
    Leader,
    /// Any one.
    One(usize),
    /// All of them.
    All,
}

impl Fault {
    /// Any fault.
    pub fn any(dice: &mut Dice) -> Self {
        let whom = match dice.below(5) {
            0 | 1 => Whom::Leader,
            2 | 3 => Whom::One(dice.below(3)),
            _ => Whom::All,
        };
        match dice.below(10) {
            0 | 1 => Self::Kill(whom),
            2 => Self::Freeze(whom),
            3 | 4 => Self::Unplug(whom),
            5 => Self::Fill(if whom == Whom::All { Whom::Leader } else { whom }),
            6..=8 => Self::CutPower(whom),
            _ => Self::StopAndCutPower(whom),
        }
    }

    /// Lets it happen for `length`, and takes it back. Daemons that it ended do not run then.
    pub fn happen(self, lab: &mut Lab, disks: &mut [Disk], length: Duration) {
        let pause = || std::thread::sleep(length);
        match self {
            Self::Kill(whom) => {
                whom.of(lab).into_iter().for_each(|number| lab.nodes[number].kill9());
                pause();
            }
            Self::Freeze(whom) => {
                let frozen = whom.of(lab);
                frozen.iter().for_each(|number| lab.nodes[*number].signal("STOP"));
                pause();
                frozen.iter().for_each(|number| lab.nodes[*number].signal("CONT"));
            }
            Self::Unplug(whom) => {
                let alone = whom.of(lab);
                alone.iter().for_each(|number| lab.cable(number + 1, "down"));
                pause();
                alone.iter().for_each(|number| lab.cable(number + 1, "up"));
            }
            Self::Fill(whom) => {
                let full = whom.of(lab);
                full.iter().for_each(|number| disks[*number].fill());
                pause();
                full.iter().for_each(|number| disks[*number].free());
            }
            Self::CutPower(whom) => cut(lab, disks, &whom.of(lab), pause),
            Self::StopAndCutPower(whom) => {
                let stopped = whom.of(lab);
                stopped.iter().for_each(|number| lab.nodes[*number].stop());
                cut(lab, disks, &stopped, pause);
            }
        }
    }
}

/// Nothing that is written while the processes end may reach the disks.
fn cut(lab: &mut Lab, disks: &mut [Disk], whom: &[usize], pause: impl Fn()) {
    whom.iter().for_each(|number| disks[*number].cut_power());
    whom.iter().for_each(|number| lab.nodes[*number].kill9());
    pause();
    whom.iter().for_each(|number| disks[*number].power_on());
}

impl Whom {
    fn of(self, lab: &Lab) -> Vec<usize> {
        match self {
            Self::Leader => vec![lab.leader()],
            Self::One(number) => vec![number],
            Self::All => (0..lab.nodes.len()).collect(),
        }
    }
}
