//! In which order members take up what a plan changes.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::compute::Scene;
use super::report::{Action, OfflineMember, PlannedChange};
use crate::kinds;
use crate::model::{Canary, Change, Claim, Finding, Key, Management, MemberName, Progress, Revision, Waves};

/// The order in which a plan comes to the members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedWaves {
    /// Who takes it up after whom.
    pub order: Vec<Vec<MemberName>>,
    /// How many members may fail before no other one begins.
    pub max_failures: usize,
    /// The objects that come to the members in this order; all others come to all of them at once.
    pub objects: Vec<Key>,
}

impl PlannedWaves {
    /// `node1, then node2 + node3`.
    pub fn shown(&self) -> String {
        const NAMED_MAX: usize = 6;
        let wave = |wave: &Vec<MemberName>| match wave.as_slice() {
            [one] => one.to_string(),
            some if some.len() <= NAMED_MAX => some.iter().map(MemberName::as_str).collect::<Vec<_>>().join(" + "),
            many => format!("{} members", many.len()),
        };
        let mut waves: Vec<String> = self.order.iter().take(NAMED_MAX).map(wave).collect();
        if self.order.len() > NAMED_MAX {
            let left = self.order.iter().skip(NAMED_MAX).map(Vec::len).sum::<usize>();
            waves.push(format!("{left} more in {} waves", self.order.len() - NAMED_MAX));
        }
        waves.join(", then ")
    }

    /// When nobody else begins.
    pub fn stop(&self) -> String {
        match self.max_failures {
            0 => "it stops when a member fails".to_owned(),
            1 => "it stops when more than 1 member fails".to_owned(),
            max => format!("it stops when more than {max} members fail"),
        }
    }
}

/// The waves that somebody asks for. Members that do not answer come last where they are not named.
///
/// # Errors
/// Words that are no wave, with what would be one.
pub fn order(
    canary: &Canary,
    members: &[MemberName],
    offline: &[OfflineMember],
) -> Result<Vec<Vec<MemberName>>, Box<Finding>> {
    let is_silent = |member: &MemberName| offline.iter().any(|silent| silent.member == *member);
    let mut left: Vec<MemberName> = members.to_vec();
    left.sort_by_key(|member| (is_silent(member), member.clone()));
    let mut waves: Vec<Vec<MemberName>> = Vec::new();
    let mut repeated = left.len();
    for word in canary.waves.split(',').map(str::trim) {
        let named: Vec<MemberName> = word.split('+').map(MemberName::from).collect();
        if named.iter().all(|member| members.contains(member)) {
            // Who is named twice has had a turn.
            let wave: Vec<MemberName> = named.into_iter().filter(|member| left.contains(member)).collect();
            left.retain(|member| !wave.contains(member));
            waves.push(wave);
            repeated = left.len();
            continue;
        }
        let count = size(word, members.len()).ok_or_else(|| Box::new(no_wave(word, members)))?;
        repeated = count;
        waves.push(left.drain(..count.min(left.len())).collect());
    }
    while !left.is_empty() {
        waves.push(left.drain(..repeated.clamp(1, left.len())).collect());
    }
    waves.retain(|wave| !wave.is_empty());
    Ok(waves)
}

/// `3` members, or `25%` of all: at least one.
fn size(word: &str, all: usize) -> Option<usize> {
    match word.strip_suffix('%') {
        Some(share) => share
            .parse::<usize>()
            .ok()
            .filter(|share| (1..=100).contains(share))
            .map(|share| (all * share / 100).max(1)),
        None => word.parse().ok().filter(|count| *count > 0),
    }
}

fn no_wave(word: &str, members: &[MemberName]) -> Finding {
    let finding = Finding::error("SB072", format!("`{word}` is neither a member nor a number or share of members"));
    match kinds::tables::key_table::nearest(word, members.iter().map(MemberName::as_str)) {
        Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
        None => finding.helping("write members, numbers or shares, as in node1,2,50% or node1+node2"),
    }
}

/// What stopped after failures and is to go on in spite of them.
pub fn resumed(scene: &Scene<'_>) -> BTreeSet<Revision> {
    if !scene.context.claim.is_some_and(|claim| claim.resume) {
        return BTreeSet::new();
    }
    let all = Progress::of_all(scene.state.objects.values());
    all.into_iter().filter(|(_, progress)| progress.is_stopped()).map(|(id, _)| id).collect()
}

/// Lets the changes come to the members in the waves that were asked for, or in those of an earlier change that has not
/// come to all of them: who asked for these has not asked for less care since.
///
/// # Errors
/// See [`order`].
pub fn arrange(
    scene: &Scene<'_>,
    changes: &mut [(PlannedChange, Change)],
) -> Result<Option<PlannedWaves>, Box<Finding>> {
    let Some(claim) = scene.context.claim else { return Ok(None) };
    let asked = match &claim.canary {
        Some(canary) => Some((order(canary, &scene.members, &scene.offline)?, canary.max_failures)),
        None => None,
    };
    let failed: BTreeMap<Revision, usize> =
        Progress::of_all(scene.state.objects.values()).into_iter().map(|(id, it)| (id, it.failed().len())).collect();
    // One entry has one order: two orders could wait for each other.
    let of_before = changes.iter().filter(|(change, _)| comes_to_members(change)).find_map(|(change, _)| {
        let waves = under_way(scene, &change.key)?;
        Some(again(waves, scene, claim, &failed))
    });
    let mut planned: Option<PlannedWaves> = None;
    for (change, work) in changes {
        let Change::Put(put) = work else { continue };
        let was_in_waves = under_way(scene, &change.key).is_some();
        if !comes_to_members(change) {
            continue;
        }
        let waves = asked.as_ref().or(of_before.as_ref().filter(|_| was_in_waves));
        // All at once is no order.
        let waves = waves.filter(|(order, _)| order.len() > 1);
        if let Some((order, max_failures)) = waves {
            let first = || PlannedWaves { order: order.clone(), max_failures: *max_failures, objects: Vec::new() };
            planned.get_or_insert_with(first).objects.push(change.key.clone());
        }
        if waves.is_some() || was_in_waves {
            let waves = waves.cloned().map(|(order, max_failures)| Waves { order, max_failures, ..Waves::default() });
            let now = scene.state.get(&change.key).map(|object| object.management.clone()).unwrap_or_default();
            put.management = Some(Management { waves, ..put.management.take().unwrap_or(now) });
        }
    }
    Ok(planned)
}

fn under_way<'a>(scene: &Scene<'a>, key: &Key) -> Option<&'a Waves> {
    scene.state.get(key)?.management.waves.as_ref()
}

// Who joined since comes last.
fn again(
    waves: &Waves,
    scene: &Scene<'_>,
    claim: &Claim,
    failed: &BTreeMap<Revision, usize>,
) -> (Vec<Vec<MemberName>>, usize) {
    let mut order = waves.order.clone();
    order.iter_mut().for_each(|wave| wave.retain(|member| scene.members.contains(member)));
    let newer = scene.members.iter().filter(|member| waves.wave_of(member).is_none()).cloned();
    order.push(newer.collect());
    order.retain(|wave| !wave.is_empty());
    let failed = failed.get(&waves.id).copied().filter(|_| claim.resume).unwrap_or(0);
    (order, waves.max_failures.max(failed))
}

// A record is the same for all members as soon as it is stored.
fn comes_to_members(change: &PlannedChange) -> bool {
    let has_node = kinds::find(change.key.kind.as_str()).is_some_and(|kind| kind.node().is_some());
    has_node && matches!(change.action, Action::Create | Action::Resume | Action::Retry | Action::Update)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(text: &str, offline: &[&str]) -> Result<Vec<String>, String> {
        let members = ["a", "b", "c", "d", "e"].map(MemberName::from);
        let silent = |member: &&str| OfflineMember { member: (*member).into(), silent_ms: None };
        let offline: Vec<OfflineMember> = offline.iter().map(silent).collect();
        let canary = Canary { waves: text.to_owned(), max_failures: 0 };
        let joined = |wave: &Vec<MemberName>| wave.iter().map(MemberName::as_str).collect::<Vec<_>>().join("+");
        match order(&canary, &members, &offline) {
            Ok(waves) => Ok(waves.iter().map(joined).collect()),
            Err(finding) => Err(finding.message),
        }
    }

    #[test]
    fn waves_are_members_numbers_and_shares() {
        for (text, expected) in [
            ("1", "a b c d e"),
            ("2", "a+b c+d e"),
            ("40%", "a+b c+d e"),
            ("1%", "a b c d e"),
            ("100%", "a+b+c+d+e"),
            ("9", "a+b+c+d+e"),
            ("c", "c a+b+d+e"),
            ("c,1", "c a b d e"),
            ("c,1,2", "c a b+d e"),
            ("c+a,b", "c+a b d+e"),
            ("1,a", "a b+c+d+e"),
            ("c,c", "c a+b+d+e"),
        ] {
            assert_eq!(waves(text, &[]).map(|waves| waves.join(" ")), Ok(expected.to_owned()), "{text}");
        }
        assert_eq!(waves("1", &["a", "d"]).map(|waves| waves.join(" ")), Ok("b c e a d".to_owned()));
        assert_eq!(waves("a,1", &["a", "d"]).map(|waves| waves.join(" ")), Ok("a b c e d".to_owned()));
        for bad in ["", "0", "0%", "101%", "node9", "a+node9", "1,,2"] {
            assert!(waves(bad, &[]).is_err(), "{bad}");
        }
    }
}
