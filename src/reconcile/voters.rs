//! Which members vote: few, spread over failure domains, and never changed into a set that could not decide.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::MemberId;

/// One member as a possible voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its Raft identity.
    pub id: MemberId,
    /// Members of one domain fail together; `default` when nobody said.
    pub failure_domain: String,
    /// Whether it answers now.
    pub is_reachable: bool,
    /// Whether it has been silent for longer than `cluster.offline_threshold`.
    pub is_offline: bool,
}

/// How many members vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `cluster.max_voters`: at most so many.
    pub voters_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { voters_max: 3 }
    }
}

/// The next set of voters, or `None` while `current` is right or nothing can be done safely.
///
/// One step a call: a voter that has gone or is offline is replaced first, then the number is put right, then
/// voters are spread. `leader` keeps its vote for as long as it is a member. A set is returned only when most of
/// `current` and most of the new set answer: the change itself must be decided by both.
pub fn voters(
    members: &[Candidate],
    current: &BTreeSet<MemberId>,
    leader: MemberId,
    limits: Limits,
) -> Option<BTreeSet<MemberId>> {
    let roster = Roster { members: members.iter().map(|member| (member.id, member)).collect(), leader };
    // A leader without a record has not written its first one yet, or is about to hand over.
    roster.members.get(&leader)?;
    let next = roster
        .without_gone(current)
        .or_else(|| roster.without_offline(current))
        .or_else(|| roster.of_right_size(current, limits))
        .or_else(|| roster.spread(current))?;
    (roster.can_decide(current) && roster.can_decide(&next)).then_some(next)
}

struct Roster<'a> {
    members: BTreeMap<MemberId, &'a Candidate>,
    leader: MemberId,
}

impl Roster<'_> {
    fn without_gone(&self, current: &BTreeSet<MemberId>) -> Option<BTreeSet<MemberId>> {
        let gone = current.iter().find(|id| !self.members.contains_key(id))?;
        let mut next = current.clone();
        next.remove(gone);
        next.extend(self.best_new(&next));
        (!next.is_empty()).then_some(next)
    }

    /// Without a replacement an offline voter stays: fewer voters would not make a majority any likelier.
    fn without_offline(&self, current: &BTreeSet<MemberId>) -> Option<BTreeSet<MemberId>> {
        let is_offline = |id: &&MemberId| self.members.get(id).is_some_and(|member| member.is_offline);
        let offline = current.iter().filter(|id| **id != self.leader).find(is_offline)?;
        let mut next = current.clone();
        next.remove(offline);
        let new = self.best_new(&next)?;
        next.insert(new);
        Some(next)
    }

    fn of_right_size(&self, current: &BTreeSet<MemberId>, limits: Limits) -> Option<BTreeSet<MemberId>> {
        let able = self.members.values().filter(|member| current.contains(&member.id) || member.is_reachable).count();
        let wanted = odd(able.min(limits.voters_max.max(1)));
        let mut next = current.clone();
        // To the size at once: an even number on the way would need one more member to decide.
        while next.len() < wanted {
            next.insert(self.best_new(&next)?);
        }
        let wanted_at_most = odd(self.members.len().min(limits.voters_max.max(1)));
        while next.len() > wanted_at_most {
            next.remove(&self.worst(&next)?);
        }
        (next != *current).then_some(next)
    }

    /// Moves one vote into a domain that has none, out of one that has several.
    fn spread(&self, current: &BTreeSet<MemberId>) -> Option<BTreeSet<MemberId>> {
        let worst = self.worst(current)?;
        let mut next = current.clone();
        next.remove(&worst);
        let new = self.best_new(&next)?;
        next.insert(new);
        (new != worst && self.n_domains(&next) > self.n_domains(current)).then_some(next)
    }

    /// The member that would serve best as one more voter: it answers, and its domain has the fewest of them.
    fn best_new(&self, voters: &BTreeSet<MemberId>) -> Option<MemberId> {
        let free = self.members.values().filter(|member| member.is_reachable && !voters.contains(&member.id));
        free.min_by_key(|member| (self.n_in_domain_of(member, voters), member.id)).map(|member| member.id)
    }

    /// The voter that is missed least: silent, in a crowded domain, young. Never the leader.
    fn worst(&self, voters: &BTreeSet<MemberId>) -> Option<MemberId> {
        let others = voters.iter().filter(|id| **id != self.leader).filter_map(|id| self.members.get(id));
        others
            .max_by_key(|member| (!member.is_reachable, self.n_in_domain_of(member, voters), member.id))
            .map(|member| member.id)
    }

    fn n_in_domain_of(&self, member: &Candidate, voters: &BTreeSet<MemberId>) -> usize {
        let same =
            |id: &&MemberId| self.members.get(id).is_some_and(|other| other.failure_domain == member.failure_domain);
        voters.iter().filter(same).count()
    }

    fn n_domains(&self, voters: &BTreeSet<MemberId>) -> usize {
        let domain = |id: &MemberId| self.members.get(id).map(|member| &member.failure_domain);
        voters.iter().filter_map(domain).collect::<BTreeSet<_>>().len()
    }

    /// Whether most of these voters answer.
    fn can_decide(&self, voters: &BTreeSet<MemberId>) -> bool {
        let answers =
            |id: &&MemberId| **id == self.leader || self.members.get(id).is_some_and(|member| member.is_reachable);
        voters.iter().filter(answers).count() > voters.len() / 2
    }
}

/// The largest odd number up to `n`: an even one needs one more to agree and survives no more failures.
fn odd(n: usize) -> usize {
    if n.is_multiple_of(2) { n.saturating_sub(1) } else { n }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members as `1a 2a! 3b?`: id, domain, `?` for one that does not answer, `!` for one that is offline.
    fn members(text: &str) -> Vec<Candidate> {
        let member = |word: &str| {
            let id = word.chars().filter(char::is_ascii_digit).collect::<String>().parse().expect("an id");
            let failure_domain = word.chars().filter(char::is_ascii_alphabetic).collect();
            let is_offline = word.ends_with('!');
            Candidate {
                id: MemberId(id),
                failure_domain,
                is_reachable: !is_offline && !word.ends_with('?'),
                is_offline,
            }
        };
        text.split_whitespace().map(member).collect()
    }

    fn next(text: &str, current: &[u64], voters_max: usize) -> Option<Vec<u64>> {
        let current = current.iter().copied().map(MemberId).collect();
        let next = voters(&members(text), &current, MemberId(1), Limits { voters_max })?;
        Some(next.into_iter().map(|id| id.0).collect())
    }

    #[test]
    fn voters_move_one_safe_step_at_a_time() {
        for (why, text, current, voters_max, wanted) in [
            ("one member is enough for itself", "1a", &[1][..], 3, None),
            ("two members would need both", "1a 2a", &[1], 3, None),
            ("three members all vote", "1a 2a 3a", &[1], 3, Some(vec![1, 2, 3])),
            ("a silent member does not become a voter", "1a 2a 3a?", &[1], 3, None),
            ("nothing moves without need", "1a 2a 3a 4a", &[1, 2, 3], 3, None),
            ("five may vote when asked for", "1a 2a 3a 4a 5a", &[1, 2, 3], 5, Some(vec![1, 2, 3, 4, 5])),
            ("an even limit counts as one less", "1a 2a 3a 4a", &[1, 2, 3], 4, None),
            ("an offline voter is replaced", "1a 2a 3a! 4a", &[1, 2, 3], 3, Some(vec![1, 2, 4])),
            ("a moment of silence replaces nobody", "1a 2a 3a? 4a", &[1, 2, 3], 3, None),
            ("an offline voter without a replacement stays", "1a 2a 3a!", &[1, 2, 3], 3, None),
            ("without a majority nothing is tried", "1a 2a! 3a! 4a", &[1, 2, 3], 3, None),
            ("a voter that left is replaced", "1a 2a 4a", &[1, 2, 3], 3, Some(vec![1, 2, 4])),
            ("a voter that left without a replacement is dropped", "1a 2a", &[1, 2, 3], 3, Some(vec![1, 2])),
            ("and then two become one", "1a 2a", &[1, 2], 3, Some(vec![1])),
            ("a lower limit takes votes away, not the leader's", "1a 2a 3a", &[1, 2, 3], 1, Some(vec![1])),
            ("votes spread over domains", "1a 2a 3a 4b", &[1, 2, 3], 3, Some(vec![1, 2, 4])),
            ("new voters come from other domains", "1a 2a 3b 4c", &[1], 3, Some(vec![1, 3, 4])),
            ("the replacement fills the domain that lost", "1a 2b 3c! 4a 5c", &[1, 2, 3], 3, Some(vec![1, 2, 5])),
        ] {
            assert_eq!(next(text, current, voters_max), wanted, "{why}");
        }
    }

    #[test]
    fn steps_come_to_rest() {
        for text in ["1a 2a 3b 4b 5c 6c", "1a 2b 3a! 4c? 5a", "1a 2a 3a 4a!", "1a 2b"] {
            let members = members(text);
            let mut current: BTreeSet<MemberId> = [1, 2, 9].map(MemberId).into();
            let mut n_steps = 0;
            while let Some(next) = voters(&members, &current, MemberId(1), Limits::default()) {
                assert!(next.contains(&MemberId(1)), "{text}: the leader lost its vote");
                current = next;
                n_steps += 1;
                assert!(n_steps < 10, "{text}: it never ends");
            }
        }
    }
}
