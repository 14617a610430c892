//! One set of a source: from its text to what the cluster says, and what that means for the source's status.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::loader::Loader;
use super::unread::Unread;
use crate::api::{ApiError, ApplyRequest};
use crate::kinds::source::{Reason, SourceSpec, SourceStatus, Standing};
use crate::model::{Claim, Desired, Finding, Generation, MemberName, Origin, Timestamp};
use crate::plan::{HELD, NOT_PRUNED};
use crate::service::peers::request_origin;
use crate::service::{Server, hand_over};
use crate::watch::handed::Answer;
use crate::watch::{Digest, Exec, Recipe, Resolver, SecretFiles, SecretNames, Tree, Verdict, resolve_secrets};

/// A status is read by people; this many findings are enough to begin with.
const FINDINGS_MAX: usize = 20;

/// A source as its reader knows it.
pub struct Round<'a> {
    /// The daemon.
    pub server: &'a Arc<Server>,
    /// Who parses the manifests.
    pub loader: &'a Loader,
    /// The source.
    pub name: &'a str,
    /// Its generation.
    pub generation: Generation,
    /// Its content.
    pub spec: &'a SourceSpec,
    /// The directory or the file that its manifests stand in.
    pub top: &'a Path,
}

impl Round<'_> {
    /// Loads a set and hands it over. Gives what the status becomes.
    pub async fn take(&self, tree: Tree, commit: &str, status: SourceStatus) -> (Verdict, SourceStatus) {
        let digest = tree.digest.clone();
        let read = self.load(tree).await;
        let now = self.server.now();
        let status = SourceStatus { observed: self.generation, ..status };
        let Answer { mut desired, findings: found, errors } = match read {
            Ok(answer) => answer,
            Err(unread) => return not_read(&unread, &shown(&digest, commit), status, now),
        };
        if errors > 0 {
            let message =
                format!("{} has {errors} error{}", shown(&digest, commit), if errors == 1 { "" } else { "s" });
            let status = status.standing(Standing::Stalled, Reason::Invalid, &message, now);
            return (Verdict::Bad, with_findings(status, found));
        }
        if let Err(findings) = self.place(&mut desired) {
            let message = format!("{} has keys that name no member", shown(&digest, commit));
            let status = status.standing(Standing::Stalled, Reason::Invalid, &message, now);
            return (Verdict::Bad, with_findings(status, findings));
        }
        let (source, prune, heal) = (Some(self.name.to_owned()), self.spec.deletes_max(), Some(self.spec.heal()));
        let claim = Claim { source, prune, heal, canary: self.spec.canary(), ..Claim::default() };
        let request = ApplyRequest { desired, merge: self.spec.merge, claim, ..ApplyRequest::default() };
        let revision = if commit.is_empty() { digest.short().to_owned() } else { commit.to_owned() };
        let from = Origin { source: self.name.to_owned(), revision, ..Origin::default() };
        let by = format!("source:{}", self.name);
        match request_origin::within(from, hand_over(self.server, &by, &request)).await {
            Ok(reply) => {
                let applied = reply.revision.unwrap_or(status.applied);
                let kept = reply.notes.iter().filter(|note| note.code == NOT_PRUNED).count();
                let kept = if kept == 0 { String::new() } else { format!("; {kept} not pruned") };
                let held = reply.notes.iter().filter(|note| note.code == HELD).count();
                let held = if held == 0 { String::new() } else { format!("; {held} held") };
                let message = format!("{} is in force{kept}{held}", shown(&digest, commit));
                // A round that waits for what still stays is no news.
                let is_again = is_open(&status) && reply.revision.is_none() && status.message == message;
                let last_success = status.last_success.filter(|_| is_again);
                let status = SourceStatus {
                    digest: digest.to_string(),
                    commit: commit.to_owned(),
                    applied,
                    last_success: last_success.or(Some(now)),
                    ..status.standing(Standing::Ready, Reason::Applied, &message, now)
                };
                let findings = reply.notes.into_iter().chain(found).collect();
                (Verdict::Good, with_findings(status, findings))
            }
            Err(error) => refused(status, error, now),
        }
    }

    /// What the tree declares, with the secrets that it names.
    async fn load(&self, tree: Tree) -> Result<Answer, Unread> {
        let overlays = self.spec.layers.len().saturating_sub(1);
        let recipe = Recipe { overlays, variables: self.spec.variables.clone() };
        let mut answer = self.loader.load(tree, recipe).await?;
        if answer.errors == 0 {
            let exec = if self.spec.exec { Exec::Allowed } else { Exec::Refused };
            let dirs = Some(&self.spec.secrets_dir).filter(|dir| !dir.is_empty()).map(PathBuf::from);
            let files = SecretFiles::Below(dirs.into_iter().chain([self.top.to_owned()]).collect());
            let env = |name: &str| environment(name);
            let resolver = Resolver { env: &env, names: SecretNames::Only(&self.spec.env), files, exec };
            let findings = resolve_secrets(&mut answer.desired, &resolver).await;
            answer.errors += findings.iter().filter(|finding| finding.is_error()).count();
            answer.findings.extend(findings);
        }
        Ok(answer)
    }

    /// Gives keys that name no member to the member that reads them, as they would be from its own command line.
    fn place(&self, desired: &mut Desired) -> Result<(), Vec<Finding>> {
        let reader: MemberName = self.server.node().name.clone();
        let is_movable = !self.spec.git.is_empty() && self.server.members().is_ok_and(|members| members.len() > 1);
        let mut findings = Vec::new();
        for (key, declared) in &mut desired.objects {
            if declared.here.is_empty() {
                continue;
            }
            if is_movable {
                let keys: Vec<&str> = declared.here.keys().map(String::as_str).collect();
                let text = format!("{key} has keys of one member that name none: {}", keys.join(", "));
                let finding = Finding::error("SB015", text).at(declared.at.clone());
                findings
                    .push(finding.helping("whichever member leads reads a repository: write them under `members:`"));
                continue;
            }
            let own = declared.of(&reader);
            declared.members.insert(reader.clone(), own);
            declared.here = Default::default();
        }
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }
}

/// Whether something stays that is declared no more, or is held: it may be let go later.
pub fn is_open(status: &SourceStatus) -> bool {
    status.findings.iter().any(|finding| [NOT_PRUNED, HELD].contains(&finding.code.as_str()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a reference names a variable of the environment that the daemon was started with"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What has ended the process that read the set may pass; what the set has done to it comes again.
fn not_read(unread: &Unread, what: &str, status: SourceStatus, now: Timestamp) -> (Verdict, SourceStatus) {
    let (verdict, standing) = match unread.is_passing() {
        true => (Verdict::Later, Standing::Reconciling),
        false => (Verdict::Bad, Standing::Stalled),
    };
    let status = status.standing(standing, Reason::Unread, &format!("{what} was not read: {unread}"), now);
    (verdict, with_findings(status, vec![unread.finding()]))
}

fn shown(digest: &Digest, commit: &str) -> String {
    if commit.is_empty() {
        format!("set {}", digest.short())
    } else {
        format!("commit {}", &commit[..commit.len().min(12)])
    }
}

fn with_findings(status: SourceStatus, mut findings: Vec<Finding>) -> SourceStatus {
    // Errors first: they are what is in the way.
    findings.sort_by_key(|finding| !finding.is_error());
    findings.truncate(FINDINGS_MAX);
    SourceStatus { findings, ..status }
}

/// What the cluster refuses for its content stays refused; everything else may pass.
fn refused(status: SourceStatus, error: ApiError, now: Timestamp) -> (Verdict, SourceStatus) {
    // What is being removed can be made again once it has gone.
    let mut errors = error.findings.iter().filter(|finding| finding.is_error()).peekable();
    let is_passing = errors.peek().is_some() && errors.all(|finding| finding.code == "SB066");
    let (verdict, standing, reason) = match error.status {
        400 if is_passing => (Verdict::Later, Standing::Reconciling, Reason::ApplyFailed),
        // 423: an apply waits to be confirmed.
        412 | 423 | 429 => (Verdict::Later, Standing::Reconciling, Reason::ApplyFailed),
        400..=499 => (Verdict::Bad, Standing::Stalled, Reason::Refused),
        _ => (Verdict::Later, Standing::Reconciling, Reason::ApplyFailed),
    };
    let status = status.standing(standing, reason, &error.message, now);
    (verdict, with_findings(status, error.findings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_the_set_itself_stalls_it() {
        for (code, verdict, standing) in [
            (400, Verdict::Bad, Standing::Stalled),
            (412, Verdict::Later, Standing::Reconciling),
            (423, Verdict::Later, Standing::Reconciling),
            (500, Verdict::Later, Standing::Reconciling),
            (503, Verdict::Later, Standing::Reconciling),
        ] {
            let (got, status) = refused(SourceStatus::default(), ApiError::new(code, "no"), Timestamp(1));
            assert_eq!((got, status.standing, status.message.as_str()), (verdict, standing, "no"), "{code}");
        }
    }
}
