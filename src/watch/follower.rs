//! Follows a set of directories: does what the tracker says, and gives each set that is to be loaded to its caller.

use std::path::PathBuf;

use tokio::time::{Instant, sleep_until};

use super::hints::Hints;
use super::tracker::{Action, Counters, Event, Pace, Seen, Tracker, Verdict};
use super::tree::{Digest, Look, Outcome, Tree, look};

/// New directories that appear faster than this many reads are left to the next round.
const LOOKS_MAX: usize = 3;

/// What a follower has to tell.
#[derive(Debug)]
pub enum Round {
    /// A set to load. The answer is due: [`Follower::took`].
    Load(Tree),
    /// There is nothing to load. Why, in words; told once for each reason.
    Nothing(String),
    /// The tree has moved for longer than patience lasts. Why, in words; told once for each reason.
    Moving(String),
    /// What is in force stands there again, after something else was told.
    Unchanged(Digest),
}

/// Follows some roots.
pub struct Follower {
    roots: Vec<PathBuf>,
    hints: Hints,
    tracker: Tracker,
    start: Instant,
    due: Action,
    tree: Option<Tree>,
    told: Option<String>,
    moving_since: Option<Instant>,
    pace: Pace,
}

impl Follower {
    /// Follows these directories or files; `known` is what is in force already.
    pub fn new(roots: Vec<PathBuf>, pace: Pace, known: Option<Digest>) -> Self {
        Self {
            roots,
            hints: Hints::new(),
            tracker: Tracker::new(pace, known),
            start: Instant::now(),
            due: Action::Look,
            tree: None,
            told: None,
            moving_since: None,
            pace,
        }
        .begun()
    }

    fn begun(mut self) -> Self {
        self.step(Event::Clock);
        self
    }

    /// How often what has happened.
    pub fn counters(&self) -> Counters {
        self.tracker.counters()
    }

    /// Asks for a round now, changed or not.
    pub fn ask(&mut self) {
        self.told = None;
        self.step(Event::Asked);
    }

    /// What came of the set that was given to be loaded.
    pub fn took(&mut self, verdict: Verdict) {
        self.step(Event::Took(verdict));
    }

    /// The next thing to tell. May be dropped while it waits, and called again.
    pub async fn next(&mut self) -> Round {
        loop {
            match self.due {
                Action::Look => {
                    if let Some(round) = self.look().await {
                        return round;
                    }
                }
                Action::Load => match self.tree.take() {
                    Some(tree) => {
                        self.told = None;
                        return Round::Load(tree);
                    }
                    // The caller has not said how the last one went: that counts as a failure that passes.
                    None => self.step(Event::Took(Verdict::Later)),
                },
                Action::Wait(until) => {
                    let event = tokio::select! {
                        () = self.hints.next() => Event::Hint,
                        () = sleep_until(self.start + until) => Event::Clock,
                    };
                    self.step(event);
                }
            }
        }
    }

    fn step(&mut self, event: Event) {
        self.due = self.tracker.step(self.start.elapsed(), event);
    }

    async fn look(&mut self) -> Option<Round> {
        let mut seen = read(&self.roots).await?;
        // What changes between a read and the arming of its watches is heard by nobody: it is read once more.
        for _ in 0..LOOKS_MAX {
            if !self.hints.arm(&seen.watch) {
                break;
            }
            seen = read(&self.roots).await?;
        }
        match seen.outcome {
            Outcome::Whole(tree) => {
                self.moving_since = None;
                let digest = tree.digest.clone();
                self.tree = Some(tree);
                self.step(Event::Seen(Seen::Whole(digest.clone())));
                let is_at_rest = self.tracker.is_known(&digest) && self.due != Action::Load;
                let had_told = is_at_rest && self.told.take().is_some();
                had_told.then_some(Round::Unchanged(digest))
            }
            Outcome::Moving(why) => {
                self.step(Event::Seen(Seen::Moving));
                let since = *self.moving_since.get_or_insert_with(Instant::now);
                let is_long = since.elapsed() >= self.pace.settle_max;
                (is_long && self.is_news(&why)).then_some(Round::Moving(why))
            }
            Outcome::Nothing(why) => {
                self.moving_since = None;
                self.step(Event::Seen(Seen::Nothing));
                self.is_news(&why).then_some(Round::Nothing(why))
            }
        }
    }

    fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.told.as_deref() != Some(why);
        self.told = Some(why.to_owned());
        is_news
    }
}

async fn read(roots: &[PathBuf]) -> Option<Look> {
    let roots = roots.to_owned();
    tokio::task::spawn_blocking(move || look(&roots)).await.ok()
}
