//! Freshness and liveness: how old this member's copy is and who answers, reckoned when somebody asks.

use std::collections::BTreeMap;
use std::time::Instant;

use super::removal::id_of;
use crate::api::ApiError;
use crate::model::{
    Key, Lack, LastSeen, Liveness, LivenessReport, LogTrouble, MemberId, MemberName, Outdated, SILENT_MS_MAX, Timestamp,
};
use crate::service::server::Server;
use crate::store::{Freshness, Role};

/// The last word of a leader on who answers.
#[derive(Clone, Debug)]
pub struct HeardReport {
    /// What it said.
    pub roll: LivenessReport,
    /// When it was heard here.
    pub at: Instant,
}

impl HeardReport {
    /// A word of this moment.
    pub fn now(roll: LivenessReport) -> Self {
        Self { roll, at: Instant::now() }
    }
}

impl Server {
    /// Takes the word of a leader, unless a later one is known. Whether it was taken.
    pub fn take_roll(&self, roll: LivenessReport) -> bool {
        self.store().remember_confirmed(&roll.confirmed);
        self.told.send_if_modified(|told| {
            let is_newer = roll.is_newer_than(&told.roll);
            if is_newer {
                *told = HeardReport::now(roll);
            }
            is_newer
        })
    }

    /// Which members answer, as far as this member can know.
    pub fn liveness(&self) -> Liveness {
        let told = self.told.borrow().clone();
        let mut table = told.roll.now(self.now(), millis(told.at.elapsed()));
        if table.members.values().any(|seen| !seen.reachable) {
            self.hear_again(&mut table);
        }
        match self.outdated() {
            // A leader hears for itself who answers, also when they are too few.
            None | Some(Outdated { lack: Lack::Quorum, .. }) => table,
            Some(Outdated { member, age_ms, .. }) => table.lost(&member, age_ms),
        }
    }

    /// The members whose logs are in trouble, as the leader says; none that is known where there is no leader.
    pub fn log_troubles(&self) -> BTreeMap<MemberName, LogTrouble> {
        if self.outdated().is_some() {
            return BTreeMap::new();
        }
        let told = self.told.borrow().clone();
        let age_ms = millis(told.at.elapsed());
        let now = |(name, trouble): (&MemberName, &LogTrouble)| Some((name.clone(), trouble.later(age_ms)?));
        told.roll.troubles.iter().filter_map(now).collect()
    }

    /// On the leader: who was missed at the last look, and has been heard since, answers.
    fn hear_again(&self, table: &mut Liveness) {
        let node = self.node();
        if !node.store.leadership().borrow().is_me {
            return;
        }
        let heard: BTreeMap<MemberId, u64> =
            node.store.peers().into_iter().filter_map(|peer| Some((peer.peer.id, peer.silent_ms?))).collect();
        for member in node.store.list(Key::MEMBER).unwrap_or_default() {
            let silent_ms = heard.get(&id_of(&member)).filter(|silent_ms| **silent_ms <= SILENT_MS_MAX);
            if let (Some(_), Some(seen)) = (silent_ms, table.members.get_mut(&MemberName(member.key.name))) {
                *seen = LastSeen { heard: table.at, reachable: true };
            }
        }
    }

    /// What is to be known about this member's copy, unless it is the present.
    pub fn outdated(&self) -> Option<Outdated> {
        let node = self.node();
        let Freshness { age, open_for, lack } = node.store.freshness();
        let lack = lack?;
        let age_ms = millis(age.unwrap_or(open_for));
        let as_of = age.map(|age| Timestamp(self.host.clock.now().0.saturating_sub_unsigned(millis(age))));
        let voting = node.store.peers().into_iter().filter(|peer| peer.role == Role::Voter);
        let voting: Vec<_> = voting.map(|peer| peer.peer.id).collect();
        // A store that has failed may not be read any more: then it is said without their names.
        let members = node.store.list(Key::MEMBER).unwrap_or_default();
        let voters = members.into_iter().filter(|member| voting.contains(&id_of(member)));
        let voters = voters.map(|member| MemberName(member.key.name)).collect();
        Some(Outdated { member: node.name.clone(), lack, age_ms, as_of, voters })
    }

    /// Refuses what needs the present when it cannot be had: nothing is decided, and nobody thrown out, on old data.
    pub async fn require_present(&self) -> Result<(), ApiError> {
        if self.outdated().is_none() || self.store().barrier().await.is_ok() {
            return Ok(());
        }
        Err(self.outdated().map_or_else(|| ApiError::unavailable("no leader answers: try again"), |it| not_now(&it)))
    }
}

/// Nothing can be changed while a copy is old.
pub fn not_now(outdated: &Outdated) -> ApiError {
    let seconds = outdated.age_ms / 1000;
    ApiError::unavailable(format!("{outdated}, for {seconds} s: {}; nothing was changed", outdated.remedy()))
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
