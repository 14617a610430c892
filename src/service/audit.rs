//! Verification of the audit log: whether every member still tells the same of it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::peers::fanout;
use super::server::{Server, store_failed};
use crate::api::{ApiError, AuditOfMember, AuditVerdict};
use crate::model::{AuditCheck, MemberName, Revision};

pub const CHECK: &str = "/internal/audit";

/// A chain of tens of thousands of entries is walked in a fraction of this.
const LIMIT: Duration = Duration::from_secs(20);

/// A member that answers has what was acknowledged within milliseconds.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(2);

const ASK_AGAIN: Duration = Duration::from_millis(100);

pub async fn walk(server: &Server, from: Revision, to: Revision) -> Result<AuditCheck, ApiError> {
    let store = server.store();
    // Reading the whole chain takes its time, which is not to be that of other requests.
    let walked = tokio::task::spawn_blocking(move || store.audit_check(from, to)).await;
    walked.map_err(|cause| ApiError::failed(cause.to_string()))?.map_err(store_failed)
}

/// Asks until every member has all that was acknowledged when the question came, or has had the time to get it.
pub async fn what_each_has(server: &Server) -> Result<(Found, Revision), ApiError> {
    let acknowledged = server.store().barrier().await;
    let until = Instant::now() + CATCH_UP_LIMIT;
    loop {
        let found = ask(server, Revision(0), Revision(0)).await?;
        let mut applied = found.iter().filter_map(|(_, check)| Some(check.as_ref().ok()?.applied));
        // Without a leader nobody knows what was acknowledged: at least what one of them has.
        let must_have = acknowledged.as_ref().ok().copied().or(applied.clone().max()).unwrap_or_default();
        if applied.all(|applied| applied >= must_have) || Instant::now() >= until {
            return Ok((found, must_have));
        }
        sleep(ASK_AGAIN).await;
    }
}

type Found = Vec<(MemberName, Result<AuditCheck, String>)>;

pub async fn ask(server: &Server, from: Revision, to: Revision) -> Result<Found, ApiError> {
    let path = format!("{CHECK}?from={from}&to={to}");
    fanout::ask(server, &path, LIMIT, walk(server, from, to)).await
}

/// The entries that all members must have.
pub fn common(found: &Found) -> (Revision, Revision) {
    let checks = || found.iter().filter_map(|(_, check)| check.as_ref().ok());
    let first = checks().map(|check| check.first).max().unwrap_or_default();
    (first, checks().map(|check| check.applied).min().unwrap_or_default())
}

/// Who tells another story than most of the members. Where no story has most, nobody is believed.
pub fn judged(found: Found, compared: (Revision, Revision), must_have: Revision) -> AuditVerdict {
    let mut stories: BTreeMap<&String, usize> = BTreeMap::new();
    let digests = found.iter().filter_map(|(_, check)| check.as_ref().ok()).map(|check| &check.digest);
    digests.for_each(|digest| *stories.entry(digest).or_default() += 1);
    let asked: usize = stories.values().sum();
    let believed = stories.iter().find(|(_, count)| **count * 2 > asked).map(|(digest, _)| (*digest).clone());
    let of_member = |(member, check): (MemberName, Result<AuditCheck, String>)| match check {
        Ok(check) => {
            let differs = believed.as_ref() != Some(&check.digest);
            let lacks = (check.applied < must_have).then_some(must_have);
            AuditOfMember { member, check: Some(check), error: String::new(), differs, lacks }
        }
        Err(error) => AuditOfMember { member, check: None, error, differs: false, lacks: None },
    };
    AuditVerdict { members: found.into_iter().map(of_member).collect(), compared }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(digest: &str) -> Result<AuditCheck, String> {
        Ok(AuditCheck { digest: digest.to_owned(), ..AuditCheck::default() })
    }

    #[test]
    fn who_tells_another_story_than_most_is_named() {
        let silent = || Err("it is offline".to_owned());
        for (checks, differing) in [
            (vec![check("a"), check("a"), check("a")], vec![false, false, false]),
            (vec![check("a"), check("b"), check("a")], vec![false, true, false]),
            (vec![check("a"), silent(), check("a")], vec![false, false, false]),
            // Nobody knows which of the two is right.
            (vec![check("a"), check("b")], vec![true, true]),
            (vec![check("a")], vec![false]),
        ] {
            let named = checks.into_iter().enumerate().map(|(n, check)| (MemberName(format!("n{n}")), check)).collect();
            let verdict = judged(named, (Revision(1), Revision(2)), Revision(0));
            let found: Vec<bool> = verdict.members.iter().map(|member| member.differs).collect();
            assert_eq!(found, differing);
            assert_eq!(verdict.is_whole(), !differing.contains(&true));
        }
    }

    #[test]
    fn a_log_that_ends_before_what_was_acknowledged_is_not_whole() {
        let upto = |applied| Ok(AuditCheck { applied: Revision(applied), ..AuditCheck::default() });
        let found = vec![("a".into(), upto(90)), ("b".into(), upto(70)), ("c".into(), Err("away".to_owned()))];
        let verdict = judged(found, (Revision(1), Revision(70)), Revision(90));
        let lacks: Vec<Option<Revision>> = verdict.members.iter().map(|member| member.lacks).collect();
        assert_eq!(lacks, [None, Some(Revision(90)), None]);
        assert!(!verdict.is_whole());
    }

    #[test]
    fn what_all_members_must_have_begins_where_the_last_begins_and_ends_where_the_slowest_is() {
        let part = |first, applied| {
            Ok(AuditCheck { first: Revision(first), applied: Revision(applied), ..AuditCheck::default() })
        };
        let found = vec![("a".into(), part(3, 90)), ("b".into(), part(7, 80)), ("c".into(), Err("away".to_owned()))];
        assert_eq!(common(&found), (Revision(7), Revision(80)));
    }
}
