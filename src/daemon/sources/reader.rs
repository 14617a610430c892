//! Reads one source, for as long as it is the same and this member is to read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::healing::{Healing, Seen};
use super::loader::Loader;
use super::round::{Round, is_open};
use crate::kinds::source::{Reason, SourceSpec, SourceStatus, Standing};
use crate::model::{Generation, Heal, Object};
use crate::service::{Server, set_source_status, source_status};
use crate::watch::git::{self, Checkout, GitError, Remote};
use crate::watch::{Digest, Follower, Outcome, Pace, Roots, Round as Told, Tree, Verdict};

/// Writing a status is tried again after this long.
const RETRY: Duration = Duration::from_secs(1);
/// What others change is looked at this often at least; it costs nothing while nothing has changed.
const HEAL_LOOK: Duration = Duration::from_secs(5);

/// Reads one source.
pub struct Reader {
    server: Arc<Server>,
    loader: Arc<Loader>,
    name: String,
    generation: Generation,
    spec: SourceSpec,
    home: PathBuf,
    asked: watch::Receiver<u64>,
    /// How the source stands, as this reader wrote it last.
    status: SourceStatus,
    /// How it stood after the last set was judged: what is restored when that set is back.
    judged: SourceStatus,
    /// What others did to the objects of this source.
    healing: Healing,
}

impl Reader {
    /// A reader that has done nothing yet.
    pub fn new(
        server: Arc<Server>,
        loader: Arc<Loader>,
        object: &Object,
        spec: SourceSpec,
        home: PathBuf,
        asked: watch::Receiver<u64>,
    ) -> Self {
        let (name, generation) = (object.key.name.clone(), object.generation);
        let status = SourceStatus::default();
        let healing = Healing::default();
        Self { server, loader, name, generation, spec, home, asked, judged: status.clone(), status, healing }
    }

    /// Reads until it is aborted.
    pub async fn run(mut self) {
        self.status = source_status(&self.server, &self.name).unwrap_or_default();
        self.suspended().await;
        // What an earlier reader has put in force needs no second round; what it left undone does.
        let is_known = self.status.observed == self.generation && self.status.standing == Standing::Ready;
        if is_known {
            self.judged = self.status.clone();
        }
        match self.spec.git.is_empty() {
            true => self.follow_path(is_known).await,
            false => self.follow_git(is_known).await,
        }
    }

    /// Says, instead of reading, that nobody can know on which member the directory lies.
    pub async fn lost(mut self) {
        self.status = source_status(&self.server, &self.name).unwrap_or_default();
        let members = self.server.members().unwrap_or_default();
        let names: Vec<String> = members.iter().map(|member| member.key.name.clone()).collect();
        let why =
            format!("no member is named that has `{}`: set `member` to one of {}", self.spec.path, names.join(", "));
        self.stand(self.status.clone(), Standing::Stalled, Reason::SourceMissing, &why).await;
    }

    async fn suspended(&mut self) {
        let Some(until) = self.spec.suspended_until else { return };
        let left = u64::try_from(until.0 - self.server.now().0).unwrap_or(0);
        if left > 0 {
            let mut status = self.status.clone();
            status.observed = self.generation;
            let status = status.standing(Standing::Suspended, Reason::Suspended, "nobody reads it", self.server.now());
            self.write(status).await;
            sleep(Duration::from_millis(left)).await;
        }
    }

    async fn follow_path(&mut self, is_known: bool) {
        let poll = Duration::from_millis(self.spec.interval_ms());
        let known = Digest::read(&self.status.digest).filter(|_| is_known);
        let top = PathBuf::from(&self.spec.path);
        let mut follower = Follower::new(self.roots(&top), Pace { poll, ..Pace::default() }, known);
        let mut tick = interval(poll.min(HEAL_LOOK));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if *self.asked.borrow_and_update() > self.status.handled {
                follower.ask();
            }
            let told = tokio::select! {
                told = follower.next() => told,
                _ = tick.tick() => {
                    if self.needs_round().await {
                        follower.ask();
                    }
                    continue;
                }
                changed = self.asked.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            };
            let status = self.status.clone();
            match told {
                Told::Load(tree) => match emptied(&tree).filter(|_| self.spec.prune) {
                    Some(why) => {
                        self.stand(status, Standing::Stalled, Reason::Unsettled, &why).await;
                        follower.took(Verdict::Bad);
                    }
                    None => {
                        let verdict = self.judge(tree, "", &top).await;
                        follower.took(verdict);
                    }
                },
                Told::Nothing(why) => self.stand(status, Standing::Stalled, Reason::SourceMissing, &why).await,
                Told::Moving(why) => self.stand(status, Standing::Reconciling, Reason::Unsettled, &why).await,
                Told::Unchanged(_) => self.restore().await,
            }
        }
    }

    async fn follow_git(&mut self, is_known: bool) {
        let interval = Duration::from_millis(self.spec.interval_ms());
        let mut judged = if is_known { self.status.commit.clone() } else { String::new() };
        let mut failures = 0;
        loop {
            let is_asked = *self.asked.borrow_and_update() > self.status.handled;
            let is_needed = is_asked || self.needs_round().await;
            let is_done = match self.fetch().await {
                Ok(checkout) if checkout.commit == judged && !is_needed => {
                    self.restore().await;
                    true
                }
                Ok(checkout) => match self.lay_open(&checkout).await {
                    Some(Verdict::Good | Verdict::Bad) => {
                        judged = checkout.commit;
                        true
                    }
                    Some(Verdict::Later) => false,
                    None => true,
                },
                Err(error) => {
                    self.unfetched(&error).await;
                    false
                }
            };
            failures = if is_done { 0 } else { failures + 1 };
            let wait = if is_done { interval } else { RETRY.saturating_mul(1 << failures.min(10)).min(interval) };
            tokio::select! {
                () = sleep(wait) => {}
                changed = self.asked.changed() => if changed.is_err() { return },
            }
        }
    }

    /// The directories to read, the base first.
    fn roots(&self, top: &Path) -> Roots {
        let paths = match self.spec.layers.as_slice() {
            [] => vec![top.to_owned()],
            layers => layers.iter().map(|layer| top.join(layer)).collect(),
        };
        Roots { paths, top: Some(top.to_owned()) }
    }

    async fn fetch(&self) -> Result<Checkout, GitError> {
        let SourceSpec { git, reference, verify, .. } = &self.spec;
        let user = self.loader.git_user(git);
        let remote = Remote { url: git.clone(), reference: reference.clone(), signers: verify.clone(), user };
        git::fetch(&remote, &self.home).await
    }

    /// Reads a commit that was laid out. `None` when it holds nothing to judge.
    async fn lay_open(&mut self, checkout: &Checkout) -> Option<Verdict> {
        let seen = self.roots(&checkout.dir).look().await?;
        match seen.outcome {
            Outcome::Whole(tree) => {
                let tree = tree.shown_below(&checkout.dir);
                Some(self.judge(tree, &checkout.commit, &checkout.dir).await)
            }
            // Nobody else writes there: it is as good as missing.
            Outcome::Moving(why) | Outcome::Nothing(why) => {
                let why = why.replace(&checkout.dir.display().to_string(), &checkout.commit[..12]);
                self.stand(self.status.clone(), Standing::Stalled, Reason::SourceMissing, &why).await;
                None
            }
        }
    }

    async fn unfetched(&mut self, error: &GitError) {
        let (standing, reason) = match error {
            GitError::Fetch { .. } => (Standing::Reconciling, Reason::FetchFailed),
            GitError::Unsigned { .. } => (Standing::Stalled, Reason::VerifyFailed),
            GitError::Unusable { .. } => (Standing::Stalled, Reason::Invalid),
            GitError::Disk { .. } => (Standing::Reconciling, Reason::FetchFailed),
        };
        self.stand(self.status.clone(), standing, reason, &error.to_string()).await;
    }

    async fn judge(&mut self, tree: Tree, commit: &str, top: &Path) -> Verdict {
        let asked = *self.asked.borrow();
        let Self { server, loader, name, generation, spec, .. } = &*self;
        let round = Round { server, loader, name, generation: *generation, spec, top };
        let digest = tree.digest.short().to_owned();
        let (verdict, status) = round.take(tree, commit, self.status.clone()).await;
        let why = &status.message;
        let is_news = *why != self.status.message || status.last_success != self.status.last_success;
        match verdict {
            // A round that waits for what is held or cannot be pruned yet comes again and again.
            _ if !is_news => tracing::debug!(source = %self.name, why, "as before"),
            Verdict::Good => tracing::info!(source = %self.name, digest, commit, "in force"),
            Verdict::Bad | Verdict::Later => tracing::warn!(source = %self.name, why, "not applied"),
        }
        if verdict != Verdict::Later {
            self.judged = status.clone();
        }
        self.write(SourceStatus { handled: asked, ..status }).await;
        verdict
    }

    /// Whether the set that is in force is to be applied once more: what had to stay may go now, or others have changed
    /// what is to be healed.
    async fn needs_round(&mut self) -> bool {
        if is_open(&self.status) {
            return true;
        }
        if self.status.standing != Standing::Ready || self.spec.heal() == Heal::Off {
            return false;
        }
        match self.healing.look(&self.server, &self.name) {
            Seen::AsApplied => false,
            Seen::Drifted => true,
            Seen::Severe(why) => {
                let message = format!("{}; not healed, as something would stop: {why}", self.judged.message);
                if message != self.status.message {
                    let status = self.status.clone();
                    self.stand(status, Standing::Ready, Reason::Applied, &message).await;
                }
                false
            }
        }
    }

    /// The set that was judged last is back: so is what was said of it.
    async fn restore(&mut self) {
        if self.status.standing == self.judged.standing && self.status.reason == self.judged.reason {
            return;
        }
        let SourceStatus { standing, reason, message, findings, .. } = self.judged.clone();
        let status = SourceStatus { findings, ..self.status.clone() };
        self.stand(status, standing, reason, &message).await;
    }

    /// Says how it stands. What was found in an earlier set says nothing of a new fault.
    async fn stand(&mut self, status: SourceStatus, standing: Standing, reason: Reason, message: &str) {
        let is_of_set = matches!(
            reason,
            Reason::Applied | Reason::Invalid | Reason::Unread | Reason::Refused | Reason::ApplyFailed
        );
        let findings = if is_of_set { status.findings } else { Vec::new() };
        let status = SourceStatus { findings, ..status };
        if self.status.message != message {
            tracing::info!(source = %self.name, ?standing, message, "source");
        }
        let handled = *self.asked.borrow();
        let status = SourceStatus { observed: self.generation, handled, ..status };
        self.write(status.standing(standing, reason, message, self.server.now())).await;
    }

    /// Writes the status, again and again until it is written: nobody else would tell.
    async fn write(&mut self, status: SourceStatus) {
        let status = SourceStatus { reader: self.server.node().name.to_string(), ..status };
        self.status = status.clone();
        let by = format!("source:{}", self.name);
        // Somebody may ask for a round meanwhile: that is not this reader's to change.
        let edit = |now: SourceStatus| SourceStatus { requested: now.requested, ..status.clone() };
        while let Err(error) = set_source_status(&self.server, &self.name, &by, edit).await {
            tracing::debug!(source = %self.name, error = %error.message, "the status is not written yet");
            sleep(RETRY).await;
        }
    }
}

/// Why a set is not pruned by: a file without a byte is one that somebody is about to write, and all that it declared
/// would go meanwhile.
fn emptied(tree: &Tree) -> Option<String> {
    let empty = tree.roots.iter().flatten().find(|source| source.bytes.is_empty())?;
    Some(format!(
        "`{}` is empty and looks half written: this source deletes what is declared no more; remove the file, or leave a comment in it",
        empty.path
    ))
}
