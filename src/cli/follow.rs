//! Waiting until objects have converged: a bar on a terminal, plain lines elsewhere.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::failure::Failure;
use super::screen::Screen;
use super::session::{Session, failure};
use super::status_view::{Row, StatusView};
use crate::client::Waited;
use crate::model::{Key, Revision};

/// One wait for news.
const LOOK: Duration = Duration::from_millis(500);

/// Between two looks: a large manifest makes many entries, and each look carries all of its objects.
const PAUSE: Duration = Duration::from_millis(20);

/// What waits for a member or a person this long is left to itself.
const PATIENCE: Duration = Duration::from_secs(2);

/// More objects than this are counted instead of named.
const NAMED_MAX: usize = 50;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// There is nothing left to do.
    Converged,
    /// What is left waits for a member to come back, or for a person.
    Blocked,
    /// The time was over.
    TimedOut,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// What a wait saw last.
#[derive(Debug)]
pub struct Followed {
    /// How it ended.
    pub ended: Ended,
    /// The objects.
    pub board: StatusView,
    /// How long it took.
    pub elapsed: Duration,
}

/// What to wait for.
#[derive(Debug)]
pub struct Goal<'a> {
    /// The objects.
    pub keys: &'a [Key],
    /// The revision that holds the change: what is older tells nothing.
    pub revision: Revision,
    /// How long to wait.
    pub limit: Duration,
}

/// Waits, and shows how far it is.
///
/// # Errors
/// What the daemon says.
pub async fn follow(goal: &Goal<'_>, session: &Session) -> Result<Followed, Failure> {
    let start = Instant::now();
    let mut reply = session.client.objects(goal.keys).await.map_err(failure)?;
    let mut progress = Progress::new(session.screen, goal.keys.len());
    let mut blocked_since: Option<Instant> = None;
    let ended = loop {
        let board = StatusView::of(&reply, goal.keys);
        let is_current = reply.revision >= goal.revision;
        if is_current && (goal.revision > Revision::default() || !board.is_converged()) {
            progress.show(&board);
        }
        blocked_since = if is_current && board.is_blocked() { blocked_since.or(Some(Instant::now())) } else { None };
        let left = goal.limit.saturating_sub(start.elapsed());
        if is_current && board.is_converged() {
            break Ended::Converged;
        } else if blocked_since.is_some_and(|since| since.elapsed() >= PATIENCE) {
            break Ended::Blocked;
        } else if left.is_zero() {
            break if blocked_since.is_some() { Ended::Blocked } else { Ended::TimedOut };
        }
        tokio::time::sleep(PAUSE.min(left)).await;
        let next = session.client.objects_after(goal.keys, reply.revision, LOOK.min(left));
        reply = tokio::select! {
            next = next => match next.map_err(failure)? {
                Waited::Changed(reply) | Waited::Unchanged(reply) => reply,
            },
            _ = tokio::signal::ctrl_c() => break Ended::Interrupted,
        };
    };
    progress.finish(ended);
    Ok(Followed { ended, board: StatusView::of(&reply, goal.keys), elapsed: start.elapsed() })
}

/// How far it is.
struct Progress {
    screen: Screen,
    bar: Option<ProgressBar>,
    told: BTreeSet<Key>,
    told_tenths: usize,
    total: usize,
}

impl Progress {
    fn new(screen: Screen, total: usize) -> Self {
        Self { screen, bar: None, told: BTreeSet::new(), told_tenths: 0, total }
    }

    fn show(&mut self, board: &StatusView) {
        let (placed, placements) = board.placements();
        let objects = board.converged();
        if self.screen.is_live && !self.screen.is_quiet {
            self.bar.get_or_insert_with(bar);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_length(u64::try_from(placements + board.rows.len()).unwrap_or(u64::MAX));
                bar.set_position(u64::try_from(placed + objects).unwrap_or(u64::MAX));
                bar.set_message(format!("{objects}/{} objects · {placed}/{placements} placements", board.rows.len()));
            }
            None if self.total <= NAMED_MAX => self.name(board),
            None => self.count(objects),
        }
    }

    fn name(&mut self, board: &StatusView) {
        for row in board.rows.iter().filter(|row| row.is_converged) {
            if self.told.insert(row.key.clone()) {
                self.screen.say(&line(row));
            }
        }
    }

    fn count(&mut self, objects: usize) {
        let tenths = objects * 10 / self.total.max(1);
        if tenths > self.told_tenths {
            self.told_tenths = tenths;
            self.screen.say(&format!("{objects}/{} objects converged", self.total));
        }
    }

    fn finish(&self, ended: Ended) {
        match &self.bar {
            Some(bar) if ended == Ended::Converged => bar.finish(),
            Some(bar) => bar.abandon(),
            None => {}
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(1);
    let style = ProgressStyle::with_template("Applying  {bar:20.cyan/dim} {msg} · {seconds}");
    if let Ok(style) = style {
        let seconds = |state: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{:.1} s", state.elapsed().as_secs_f64());
        };
        bar.set_style(style.progress_chars("█▓░").with_key("seconds", seconds));
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

fn line(row: &Row) -> String {
    let members = row.cells.iter().map(|(member, cell)| format!("{member} {}", cell.state.word()));
    format!("{}  {}  {}", row.key, row.status(), members.collect::<Vec<_>>().join(" · ")).trim_end().to_owned()
}
