//! Follows a set of directories: does what the tracker says, and gives each set that is to be loaded to its caller.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::hints::Hints;
use super::tracker::{Action, Counters, Event, Pace, Seen, Tracker, Verdict};
use super::tree::{Digest, Look, Outcome, Tree, look};

/// New directories that appear faster than this many reads are left to the next round.
const LOOKS_MAX: usize = 3;
/// A file system that takes longer is not there.
const LOOK_LIMIT: Duration = Duration::from_secs(60);

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

/// What is read as one set.
#[derive(Clone, Debug)]
pub struct Roots {
    /// Directories or files.
    pub paths: Vec<PathBuf>,
    /// Nothing outside of it is read, wherever links lead; without it nothing outside of each path that is a directory.
    pub top: Option<PathBuf>,
}

impl Roots {
    /// Reads them, unless that takes too long.
    pub async fn look(&self) -> Option<Look> {
        match timeout(LOOK_LIMIT, self.begin()).await {
            Ok(look) => look.ok(),
            Err(_) => Some(too_slow()),
        }
    }

    fn begin(&self) -> JoinHandle<Look> {
        let Self { paths, top } = self.clone();
        tokio::task::spawn_blocking(move || look(&paths, top.as_deref()))
    }
}

fn too_slow() -> Look {
    let why = format!("its file system did not answer within {} s", LOOK_LIMIT.as_secs());
    Look { watch: BTreeSet::new(), outcome: Outcome::Nothing(why) }
}

/// Follows some roots.
pub struct Follower {
    roots: Roots,
    hints: Hints,
    tracker: Tracker,
    start: Instant,
    due: Action,
    tree: Option<Tree>,
    told: Option<String>,
    moving_since: Option<Instant>,
    pace: Pace,
    /// A look that has begun. One that hangs is not begun again beside itself.
    under_way: Option<JoinHandle<Look>>,
}

impl Follower {
    /// Follows these directories or files; `known` is what is in force already.
    pub fn new(roots: Roots, pace: Pace, known: Option<Digest>) -> Self {
        Self {
            roots,
            under_way: None,
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
        let mut seen = self.read().await?;
        // What changes between a read and the arming of its watches is heard by nobody: it is read once more.
        for _ in 0..LOOKS_MAX {
            if !self.hints.arm(&seen.watch) {
                break;
            }
            seen = self.read().await?;
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

    async fn read(&mut self) -> Option<Look> {
        let under_way = self.under_way.get_or_insert_with(|| self.roots.begin());
        let done = timeout(LOOK_LIMIT, under_way).await;
        if done.is_ok() {
            self.under_way = None;
        }
        match done {
            Ok(look) => look.ok(),
            Err(_) => Some(too_slow()),
        }
    }

    fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.told.as_deref() != Some(why);
        self.told = Some(why.to_owned());
        is_news
    }
}
