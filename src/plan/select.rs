//! A part of what is declared: the targets with what they need, without what is excluded.
//!
//! The part is planned like any manifest. What is left out is neither touched nor unset, because a plan looks only at
//! objects that are declared.

use std::collections::{BTreeMap, BTreeSet};

use super::compute::Mode;
use super::diff::implied::{expand, features, implied};
use super::read_set;
use super::report::Plan;
use super::rules::references;
use crate::kinds::tables::key_table;
use crate::kinds::{Strength, home};
use crate::model::{
    ApplyMode, Claim, ClusterState, Declared, Desired, Finding, Key, Known, Policy, ReadSet, Selection,
};

/// The part of a desired state that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// What is planned.
    pub desired: Desired,
    /// What nobody asked for by name, with the objects that need it.
    pub needed_by: BTreeMap<Key, Vec<Key>>,
    /// What is declared and left out.
    pub left_out: Vec<Key>,
}

/// The part of `desired` that `selection` asks for.
///
/// # Errors
/// Patterns that fit nothing, and objects that cannot do without what is excluded.
pub fn select(
    desired: &Desired,
    selection: &Selection,
    mode: Mode,
    state: &ClusterState,
) -> Result<Selected, Vec<Finding>> {
    if selection.is_everything() {
        return Ok(Selected { desired: desired.clone(), ..Selected::default() });
    }
    let set = Set::new(desired, mode, state);
    let mut findings = Vec::new();
    for (option, patterns) in [("--target", &selection.targets), ("--exclude", &selection.excludes)] {
        findings.extend(patterns.iter().filter_map(|pattern| set.unknown(option, pattern)));
    }
    let mut chosen = Choice { keys: set.asked_for(selection), needed_by: BTreeMap::new() };
    let excluded = |key: &Key| selection.excludes.iter().any(|pattern| set.fits(pattern, key));
    let mut untouched = BTreeSet::new();
    let mut queue: Vec<Key> = chosen.keys.iter().cloned().collect();
    while let Some(key) = queue.pop() {
        for (need, strength) in set.needs(&key) {
            if !excluded(&need) {
                queue.extend(chosen.add(&need, &key));
            } else if set.implied.contains_key(&need) && state.get(&need).is_some() {
                untouched.insert(need);
            } else if strength == Strength::Required && state.get(&set.home(&need)).is_none() {
                findings.push(set.impossible(&key, &need));
            }
        }
    }
    if chosen.keys.is_empty() && findings.is_empty() {
        findings.push(Finding::error("SB181", "--exclude leaves out everything that these files declare"));
    }
    if findings.is_empty() { Ok(set.part(chosen, untouched)) } else { Err(findings) }
}

/// What [`select`] and the plan of its part look at.
pub fn of_selection(desired: &Desired, selection: &Selection, mode: Mode, known: &Known) -> ReadSet {
    match select(desired, selection, mode, &known.state) {
        Ok(selected) if selection.is_everything() => {
            read_set::of_plan(&selected.desired, mode, &Claim::default(), known)
        }
        Ok(selected) => with_all_keys(read_set::of_plan(&selected.desired, mode, &Claim::default(), known), desired),
        Err(_) => with_all_keys(ReadSet::default(), desired),
    }
}

// Whether what is left out exists matters, and so does where it lives.
fn with_all_keys(mut extent: ReadSet, desired: &Desired) -> ReadSet {
    let ReadSet { keys, .. } = read_set::of_comparison(desired);
    extent.keys.extend(keys);
    extent.kinds.insert(Key::MEMBER.into());
    extent
}

impl Plan {
    /// Says of a plan that it is about a part of what is declared, and why each change is in it.
    #[must_use]
    pub fn of_part(mut self, selected: &Selected) -> Self {
        for change in &mut self.changes {
            change.needed_by = selected.needed_by.get(&change.key).cloned().unwrap_or_default();
        }
        self.left_out.clone_from(&selected.left_out);
        self
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters and `?` for one.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[seen] => {
                at += 1;
                seen += 1;
            }
            // The last star takes one character more.
            _ => match star {
                Some((starred, from)) => {
                    star = Some((starred, from + 1));
                    (at, seen) = (starred + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

struct Choice {
    keys: BTreeSet<Key>,
    needed_by: BTreeMap<Key, Vec<Key>>,
}

impl Choice {
    /// Takes an object in for another one; gives it when it is new.
    fn add(&mut self, key: &Key, by: &Key) -> Option<Key> {
        if let Some(known) = self.needed_by.get_mut(key) {
            if !known.contains(by) {
                known.push(by.clone());
            }
            return None;
        }
        if !self.keys.insert(key.clone()) {
            return None;
        }
        self.needed_by.insert(key.clone(), vec![by.clone()]);
        Some(key.clone())
    }
}

struct Set<'a> {
    desired: &'a Desired,
    state: &'a ClusterState,
    mode: Mode,
    /// The default profiles that projects bring along without a word, by the project.
    implied: BTreeMap<Key, Key>,
    /// The declared keys by the one that they are kept under.
    homes: BTreeMap<Key, Vec<Key>>,
}

impl<'a> Set<'a> {
    fn new(desired: &'a Desired, mode: Mode, state: &'a ClusterState) -> Self {
        let mut implied = implied(desired, state, mode);
        implied.retain(|profile, _| !desired.objects.contains_key(profile));
        let mut set = Self { desired, state, mode, implied, homes: BTreeMap::new() };
        for key in desired.objects.keys() {
            let home = set.home(key);
            set.homes.entry(home).or_default().push(key.clone());
        }
        set
    }

    fn home(&self, key: &Key) -> Key {
        home(key, |project| features(project, &self.desired.objects, self.state, self.mode))
    }

    /// A pattern fits an object under the name that was written and under the one that it is kept under.
    fn fits(&self, pattern: &str, key: &Key) -> bool {
        glob(pattern, &key.to_string()) || glob(pattern, &self.home(key).to_string())
    }

    fn asked_for(&self, selection: &Selection) -> BTreeSet<Key> {
        let fits = |patterns: &[String], key: &Key| patterns.iter().any(|pattern| self.fits(pattern, key));
        let is_asked_for = |key: &&Key| {
            (selection.targets.is_empty() || fits(&selection.targets, key)) && !fits(&selection.excludes, key)
        };
        let implying = self.implied.iter().filter(|(profile, _)| fits(&selection.targets, profile));
        let implying = implying.map(|(_, project)| project).filter(|project| !fits(&selection.excludes, project));
        self.desired.objects.keys().filter(is_asked_for).chain(implying).cloned().collect()
    }

    /// What an object needs of the declared ones, under the keys that they are declared with.
    fn needs(&self, key: &Key) -> Vec<(Key, Strength)> {
        let Some(declared) = self.desired.objects.get(key) else { return Vec::new() };
        let project = (!key.project.is_default()).then(|| Key::new("project", key.project.as_str()));
        let mut needs: Vec<(Key, Strength)> = project.map(|key| (key, Strength::Required)).into_iter().collect();
        let profiles = self.implied.iter().filter(|(_, project)| *project == key);
        let profiles: Vec<_> = profiles.map(|(profile, _)| (profile.clone(), Strength::Required)).collect();
        for need in references::needs(key, &declared.spec) {
            let written = self.homes.get(&self.home(&need.key)).into_iter().flatten();
            needs.extend(written.map(|key| (key.clone(), need.strength)));
        }
        // Keys of a member that has not joined say nothing unless the member is declared with them.
        needs.extend(
            declared
                .members
                .keys()
                .filter(|member| !member.is_every())
                .map(|member| (Key::member(member), Strength::IfManaged)),
        );
        needs.retain(|(need, _)| {
            let is_joined = need.kind.as_str() == Key::MEMBER && self.state.get(need).is_some();
            need != key && !is_joined && self.desired.objects.contains_key(need)
        });
        needs.extend(profiles);
        needs
    }

    fn part(&self, mut chosen: Choice, untouched: BTreeSet<Key>) -> Selected {
        let pick = |key: &Key| Some((key.clone(), self.desired.objects.get(key)?.clone()));
        let mut objects: BTreeMap<Key, Declared> = chosen.keys.iter().filter_map(pick).collect();
        // What a project brings along comes by itself, unless it is there and somebody has said to leave it.
        chosen.needed_by.retain(|key, _| !self.implied.contains_key(key));
        let policy = Policy { apply: Some(ApplyMode::Ignore), protect: None };
        objects.extend(untouched.into_iter().map(|key| (key, Declared { policy, ..Declared::default() })));
        let left_out = self.desired.objects.keys().filter(|key| !chosen.keys.contains(*key)).cloned().collect();
        let needed_by = chosen.needed_by.into_iter().map(|(key, by)| (self.home(&key), by)).collect();
        Selected { desired: Desired { objects }, needed_by, left_out }
    }

    fn unknown(&self, option: &str, pattern: &str) -> Option<Finding> {
        if self.desired.objects.keys().chain(self.implied.keys()).any(|key| self.fits(pattern, key)) {
            return None;
        }
        let text = format!("{option} {pattern} fits nothing that these files declare");
        let finding = Finding::error("SB180", text);
        let names: Vec<String> = expand(self.desired, self.state, self.mode).keys().map(Key::to_string).collect();
        Some(match key_table::nearest(pattern, names.iter().map(String::as_str)) {
            Some(meant) => finding.noting(format!("did you mean `{meant}`?")),
            None => finding.helping("write KIND/NAME as plans show it, or a pattern such as 'network/*'"),
        })
    }

    fn impossible(&self, key: &Key, need: &Key) -> Finding {
        let text = format!("{key} needs {need}, which --exclude leaves out and which does not exist yet");
        let finding = Finding::error("SB181", text);
        match self.desired.objects.get(key) {
            Some(declared) => finding.at(declared.at.clone()),
            None => finding,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters_and_question_marks_for_one() {
        for (pattern, text) in [
            ("network/*", "network/br0"),
            ("*", "network/br0"),
            ("network/br?", "network/br0"),
            ("*/shop/*", "profile/shop/web"),
            ("*o*", "foo"),
            ("a*b*c", "a-b-b-c"),
        ] {
            assert!(glob(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("network/*", "networks/br0"), ("network/br?", "network/br10"), ("", "x"), ("a*b", "a-b-c")]
        {
            assert!(!glob(pattern, text), "{pattern} {text}");
        }
    }
}
