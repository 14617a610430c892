//! How a source stands. A record of its own beside the source: the source belongs to whoever declares it, the status
//! to whoever reads it. It is stored, so that every member shows it and a new leader knows what is in force; it is
//! written when it changes and never for a look that found nothing new.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SourceSpec;
use crate::model::{Finding, Generation, Key, LastSeen, MemberName, Revision, Timestamp};

/// How a source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceStatus {
    /// The generation of the source that this speaks of.
    pub observed: Generation,
    /// How it stands.
    pub standing: Standing,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, in a sentence.
    pub message: String,
    /// Since when it stands so.
    pub since: Timestamp,
    /// The member that reads it.
    pub reader: String,
    /// The digest of the set that is in force; empty when none is.
    pub digest: String,
    /// The git commit that is in force.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// The revision of the cluster that brought it about.
    pub applied: Revision,
    /// When a set was last put in force.
    pub last_success: Option<Timestamp>,
    /// What is wrong with the set that was read last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Counts the rounds that somebody has asked for.
    pub requested: u64,
    /// The newest asked-for round that has ended.
    pub handled: u64,
}

/// How a source stands, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// What was read last is in force.
    Ready,
    /// It is being read, or tried again by itself.
    #[default]
    Reconciling,
    /// It takes another content, or a person. What was good last is in force.
    Stalled,
    /// Nobody reads it for a time.
    Suspended,
}

/// Why a source stands as it does: a closed list, for alarms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Nothing was read yet.
    #[default]
    Progressing,
    /// It was applied.
    Applied,
    /// The directory, the repository or the branch is not there, or holds no manifest.
    SourceMissing,
    /// Files change while they are read.
    Unsettled,
    /// The repository could not be fetched.
    FetchFailed,
    /// The commit has no signature that counts.
    VerifyFailed,
    /// The set has errors.
    Invalid,
    /// The process that parses the set has no answer: the set takes too much, or something has ended it.
    Unread,
    /// The cluster refuses the set.
    Refused,
    /// The cluster could not take it now.
    ApplyFailed,
    /// Somebody has suspended it.
    Suspended,
    /// The member that reads it has gone, or does not answer.
    ReaderLost,
}

/// One condition, as monitoring expects it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `Ready`, `Reconciling` or `Stalled`.
    #[serde(rename = "type")]
    pub name: String,
    /// Whether it holds.
    pub status: bool,
    /// See [`SourceStatus::reason`].
    pub reason: Reason,
    /// See [`SourceStatus::message`].
    pub message: String,
    /// See [`SourceStatus::observed`].
    pub observed_generation: Generation,
    /// See [`SourceStatus::since`].
    pub last_transition: Timestamp,
}

impl SourceStatus {
    /// The kind of the records.
    pub const KIND: &'static str = "source-status";

    /// The record of a source.
    pub fn key(source: &str) -> Key {
        Key::new(Self::KIND, source)
    }

    /// The three conditions.
    pub fn conditions(&self) -> Vec<Condition> {
        let condition = |standing: Standing| Condition {
            name: format!("{standing:?}"),
            status: self.standing == standing,
            reason: self.reason,
            message: self.message.clone(),
            observed_generation: self.observed,
            last_transition: self.since,
        };
        [Standing::Ready, Standing::Reconciling, Standing::Stalled].map(condition).into()
    }

    /// The same status as whoever looks at it has to take it: one that was written by a reader who is gone or silent says
    /// nothing of now.
    #[must_use]
    pub fn seen(self, spec: &SourceSpec, members: &[MemberName], heard: &BTreeMap<MemberName, LastSeen>) -> Self {
        // A repository is read by whoever leads, which is soon another one.
        if !spec.git.is_empty() || spec.member.is_empty() {
            return self;
        }
        let Some(reader) = members.iter().find(|member| member.as_str() == spec.member) else {
            let why =
                format!("{}, which reads it, is no member any more: add the source with another `member`", spec.member);
            return self.without_reader(&why, None);
        };
        match heard.get(reader).filter(|seen| !seen.reachable) {
            Some(silent) => {
                let why = format!("{reader}, which reads it, does not answer: nobody follows it meanwhile");
                self.without_reader(&why, Some(silent.heard))
            }
            None => self,
        }
    }

    fn without_reader(self, why: &str, since: Option<Timestamp>) -> Self {
        let message = match self.message.is_empty() {
            true => why.to_owned(),
            false => format!("{why} (last: {})", self.message),
        };
        let since = since.unwrap_or(self.since);
        Self { standing: Standing::Stalled, reason: Reason::ReaderLost, message, since, ..self }
    }

    /// The same status that stands otherwise from `now` on; the moment stays where nothing has changed.
    #[must_use]
    pub fn standing(mut self, standing: Standing, reason: Reason, message: &str, now: Timestamp) -> Self {
        if self.standing != standing || self.reason != reason {
            self.since = now;
        }
        (self.standing, self.reason) = (standing, reason);
        message.clone_into(&mut self.message);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_condition_holds_and_the_moment_moves_only_with_it() {
        let status = SourceStatus::default().standing(Standing::Stalled, Reason::Invalid, "1 error", Timestamp(5));
        let holding: Vec<_> = status.conditions().into_iter().filter(|it| it.status).map(|it| it.name).collect();
        assert_eq!(holding, ["Stalled"]);
        let later = status.standing(Standing::Stalled, Reason::Invalid, "2 errors", Timestamp(9));
        assert_eq!((later.since, later.message.as_str()), (Timestamp(5), "2 errors"));
    }

    #[test]
    fn what_a_reader_wrote_who_is_gone_or_silent_is_not_ready() {
        let ready =
            || SourceStatus::default().standing(Standing::Ready, Reason::Applied, "set x is in force", Timestamp(5));
        let spec = SourceSpec { path: "/srv".to_owned(), member: "node3".to_owned(), ..SourceSpec::default() };
        let members = ["node1", "node3"].map(MemberName::from);
        let heard = |reachable| [(MemberName::from("node3"), LastSeen { heard: Timestamp(10_000), reachable })].into();
        assert_eq!(ready().seen(&spec, &members, &heard(true)), ready());
        let silent = ready().seen(&spec, &members, &heard(false));
        assert_eq!((silent.standing, silent.reason), (Standing::Stalled, Reason::ReaderLost));
        assert!(silent.message.starts_with("node3, which reads it, does not answer"), "{}", silent.message);
        assert_eq!(silent.since, Timestamp(10_000), "since it was heard last");
        let gone = ready().seen(&spec, &members[..1], &heard(true));
        assert!(gone.standing == Standing::Stalled && gone.message.contains("no member any more"), "{}", gone.message);
        let git = SourceSpec { git: "file:///x".to_owned(), ..SourceSpec::default() };
        assert_eq!(ready().seen(&git, &members, &heard(false)), ready());
    }

    #[test]
    fn a_status_of_a_later_version_is_still_read() {
        let text = r#"{"standing": "Ready", "reason": "Applied", "colour": "blue"}"#;
        let status: SourceStatus = serde_json::from_str(text).expect("a status");
        assert_eq!((status.standing, status.handled), (Standing::Ready, 0));
    }
}
