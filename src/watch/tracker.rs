//! Decides when a watched tree is read and when what was read is loaded. Pure: events and the clock go in, the next
//! thing to do comes out.
//!
//! Notifications are hints and may be lost, merged or invented; the digest of the whole tree decides. A tree that
//! differs is loaded when it has been quiet for a while: as far as events tell, or, where none came, when it reads the
//! same twice.

use std::time::Duration;

use super::tree::Digest;

/// Time since some start that never goes back.
pub type Elapsed = Duration;

/// How patient a tracker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// A tree without news for this long is at rest.
    pub quiet: Duration,
    /// A tree that never rests is read all the same after this long.
    pub settle_max: Duration,
    /// The net under lost notifications: how often the tree is read without any.
    pub poll: Duration,
    /// The first wait after an apply that failed for a reason that passes; it doubles up to `poll`.
    pub retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(700),
            settle_max: Duration::from_secs(8),
            poll: Duration::from_secs(20),
            retry: Duration::from_secs(1),
        }
    }
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something may have changed: a notification, an overflow, a watch that could not be armed.
    Hint,
    /// The time that the last [`Action::Wait`] named has come, or some other time.
    Clock,
    /// Somebody asks for a round now, changed or not.
    Asked,
    /// The tree was read.
    Seen(Seen),
    /// What was read was loaded and handed on.
    Took(Verdict),
}

/// What a look at the tree has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// All of it, unchanged while it was read.
    Whole(Digest),
    /// It changed while it was read, or somebody is at work in it.
    Moving,
    /// There is nothing to load: no directory, no manifest, or no permission.
    Nothing,
}

/// What came of loading and handing on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is in force.
    Good,
    /// It cannot be used as it is: nothing but another content helps.
    Bad,
    /// It may work later: no leader, no answer.
    Later,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Arm the watches and read the tree; then say [`Event::Seen`].
    Look,
    /// Load what was read last and hand it on; then say [`Event::Took`].
    Load,
    /// Wait for a hint, at most until then; then say [`Event::Clock`].
    Wait(Elapsed),
}

/// Follows one tree.
#[derive(Debug)]
pub struct Tracker {
    pace: Pace,
    state: State,
    /// What was last loaded and judged for good: loading it again would change nothing.
    known: Option<Digest>,
    /// Set by [`Event::Asked`] until a round has ended.
    is_asked: bool,
    /// Failures in a row that pass.
    failures: u32,
    counters: Counters,
}

/// How often what has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Looks at the tree.
    pub looks: u64,
    /// Looks that found what is in force already.
    pub unchanged: u64,
    /// Sets handed on.
    pub loads: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Nothing is known to have changed.
    Resting { until: Elapsed },
    /// Something has changed: waiting for quiet.
    Settling { since: Elapsed, news: Elapsed, rest: Rest },
    /// The tree is being read. `news` when a hint came meanwhile.
    Looking { since: Elapsed, rest: Rest, is_stale: bool },
    /// What was read is being handed on. `is_stale` when a hint came meanwhile.
    Loading { digest: Digest, is_stale: bool },
}

/// How it is known that the tree is at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rest {
    /// Events came, and then none.
    Heard,
    /// No event came: it must read as this digest once more. `None` before the first look.
    Unheard(Option<Digest>),
}

impl Tracker {
    /// A tracker that looks at once. `known` is what is in force already.
    pub fn new(pace: Pace, known: Option<Digest>) -> Self {
        let state = State::Resting { until: Elapsed::ZERO };
        Self { pace, state, known, is_asked: false, failures: 0, counters: Counters::default() }
    }

    /// How often what has happened.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Whether this is what was last judged.
    pub fn is_known(&self, digest: &Digest) -> bool {
        self.known.as_ref() == Some(digest)
    }

    /// Takes an event and says what to do next. While a look or a load is under way that is to be gone on with.
    pub fn step(&mut self, now: Elapsed, event: Event) -> Action {
        match event {
            Event::Hint => self.hint(now),
            Event::Clock => self.next(now),
            Event::Asked => {
                self.is_asked = true;
                self.ask(now)
            }
            Event::Seen(seen) => self.seen(now, seen),
            Event::Took(verdict) => self.took(now, verdict),
        }
    }

    fn hint(&mut self, now: Elapsed) -> Action {
        match &mut self.state {
            State::Resting { .. } => self.state = State::Settling { since: now, news: now, rest: Rest::Heard },
            State::Settling { news, rest, .. } => (*news, *rest) = (now, Rest::Heard),
            State::Looking { is_stale, .. } | State::Loading { is_stale, .. } => *is_stale = true,
        }
        self.next(now)
    }

    fn ask(&mut self, now: Elapsed) -> Action {
        if let State::Resting { until } = &mut self.state {
            *until = now;
        }
        self.next(now)
    }

    fn next(&mut self, now: Elapsed) -> Action {
        match &self.state {
            State::Resting { until } if now >= *until => self.look(now, Rest::Unheard(None)),
            State::Resting { until } => Action::Wait(*until),
            State::Settling { since, news, rest } => {
                let due = (*news + self.pace.quiet).min(*since + self.pace.settle_max);
                if now < due {
                    return Action::Wait(due);
                }
                let (since, rest) = (*since, rest.clone());
                self.look(since, rest)
            }
            State::Looking { .. } => Action::Look,
            State::Loading { .. } => Action::Load,
        }
    }

    fn look(&mut self, since: Elapsed, rest: Rest) -> Action {
        self.counters.looks += 1;
        self.state = State::Looking { since, rest, is_stale: false };
        Action::Look
    }

    fn seen(&mut self, now: Elapsed, seen: Seen) -> Action {
        let State::Looking { since, rest, is_stale } = self.state.clone() else { return self.next(now) };
        match seen {
            Seen::Moving => self.settle_again(now, since, rest),
            Seen::Nothing => {
                self.is_asked = false;
                self.rest(now, is_stale)
            }
            Seen::Whole(digest) if self.known.as_ref() == Some(&digest) && !self.is_asked => {
                self.counters.unchanged += 1;
                self.failures = 0;
                self.rest(now, is_stale)
            }
            // The read was whole, but who writes is still at it: it goes on until the patience ends.
            Seen::Whole(_) if is_stale && now < since + self.pace.settle_max => {
                self.settle_again(now, since, Rest::Heard)
            }
            Seen::Whole(digest) => match rest {
                Rest::Unheard(before) if before.as_ref() != Some(&digest) && self.known.as_ref() != Some(&digest) => {
                    self.state = State::Settling { since: now, news: now, rest: Rest::Unheard(Some(digest)) };
                    self.next(now)
                }
                Rest::Unheard(_) | Rest::Heard => {
                    self.counters.loads += 1;
                    self.state = State::Loading { digest, is_stale };
                    Action::Load
                }
            },
        }
    }

    // Beyond its patience a tree that never holds still begins anew: half of it is never loaded.
    fn settle_again(&mut self, now: Elapsed, since: Elapsed, rest: Rest) -> Action {
        let since = if now >= since + self.pace.settle_max { now } else { since };
        self.state = State::Settling { since, news: now, rest };
        self.next(now)
    }

    fn took(&mut self, now: Elapsed, verdict: Verdict) -> Action {
        let State::Loading { digest, is_stale } = self.state.clone() else { return self.next(now) };
        self.is_asked = false;
        match verdict {
            Verdict::Good | Verdict::Bad => {
                self.known = Some(digest);
                self.failures = 0;
                self.rest(now, is_stale)
            }
            Verdict::Later => {
                // Another try is no other content: it must be taken for unknown.
                self.known = None;
                let wait = self.pace.retry.saturating_mul(1 << self.failures.min(16)).min(self.pace.poll);
                self.failures += 1;
                let since = now + wait.saturating_sub(self.pace.quiet);
                self.state = match is_stale {
                    true => State::Settling { since: now, news: now, rest: Rest::Heard },
                    false => State::Settling { since, news: since, rest: Rest::Unheard(Some(digest)) },
                };
                self.next(now)
            }
        }
    }

    fn rest(&mut self, now: Elapsed, is_stale: bool) -> Action {
        self.state = match is_stale {
            true => State::Settling { since: now, news: now, rest: Rest::Heard },
            false => State::Resting { until: now + self.pace.poll },
        };
        self.next(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(number: u64) -> Elapsed {
        Elapsed::from_millis(number)
    }

    fn digest(text: &str) -> Digest {
        Digest::of_bytes(text.as_bytes())
    }

    fn whole(text: &str) -> Event {
        Event::Seen(Seen::Whole(digest(text)))
    }

    /// A tracker that has `content` in force and rests since 0.
    fn resting(content: &str) -> Tracker {
        let mut tracker = Tracker::new(Pace::default(), Some(digest(content)));
        assert_eq!(tracker.step(ms(0), Event::Clock), Action::Look);
        assert_eq!(tracker.step(ms(0), whole(content)), Action::Wait(ms(20_000)));
        tracker
    }

    /// Plays events at their times, and gives the answer to the last.
    fn play(tracker: &mut Tracker, events: &[(u64, Event)]) -> Action {
        let answers = events.iter().map(|(at, event)| tracker.step(ms(*at), event.clone()));
        answers.last().expect("an event")
    }

    #[test]
    fn a_save_is_loaded_when_it_has_been_quiet() {
        let mut tracker = resting("old");
        assert_eq!(play(&mut tracker, &[(1_000, Event::Hint), (1_100, Event::Hint)]), Action::Wait(ms(1_800)));
        assert_eq!(tracker.step(ms(1_800), Event::Clock), Action::Look);
        assert_eq!(tracker.step(ms(1_810), whole("new")), Action::Load);
        assert_eq!(tracker.step(ms(1_900), Event::Took(Verdict::Good)), Action::Wait(ms(21_900)));
    }

    #[test]
    fn a_touch_is_counted_and_not_loaded() {
        let mut tracker = resting("same");
        let end = play(&mut tracker, &[(1_000, Event::Hint), (1_700, Event::Clock), (1_700, whole("same"))]);
        assert_eq!(end, Action::Wait(ms(21_700)));
        assert_eq!(tracker.counters(), Counters { looks: 2, unchanged: 2, loads: 0 });
    }

    #[test]
    fn a_tree_that_never_rests_is_read_after_eight_seconds() {
        let mut tracker = resting("old");
        let mut last = Action::Look;
        for at in (1_000..9_000).step_by(100) {
            last = tracker.step(ms(at), Event::Hint);
        }
        assert_eq!(last, Action::Wait(ms(9_000)));
        assert_eq!(tracker.step(ms(9_000), Event::Clock), Action::Look);
        assert_eq!(play(&mut tracker, &[(9_000, Event::Hint), (9_001, whole("new"))]), Action::Load);
    }

    #[test]
    fn half_of_a_tree_is_never_loaded_however_long_it_moves() {
        let mut tracker = resting("old");
        tracker.step(ms(1_000), Event::Hint);
        for at in (2_000..60_000).step_by(1_000) {
            assert_eq!(tracker.step(ms(at), Event::Clock), Action::Look, "at {at}");
            assert_eq!(tracker.step(ms(at), Event::Seen(Seen::Moving)), Action::Wait(ms(at + 700)));
        }
    }

    #[test]
    fn a_change_without_notifications_must_read_the_same_twice() {
        let mut tracker = resting("old");
        assert_eq!(tracker.step(ms(20_000), Event::Clock), Action::Look);
        assert_eq!(tracker.step(ms(20_000), whole("half")), Action::Wait(ms(20_700)));
        assert_eq!(tracker.step(ms(20_700), Event::Clock), Action::Look);
        assert_eq!(tracker.step(ms(20_700), whole("whole")), Action::Wait(ms(21_400)));
        assert_eq!(play(&mut tracker, &[(21_400, Event::Clock), (21_400, whole("whole"))]), Action::Load);
    }

    #[test]
    fn the_first_look_must_read_the_same_twice_too() {
        let mut tracker = Tracker::new(Pace::default(), None);
        assert_eq!(tracker.step(ms(0), Event::Clock), Action::Look);
        assert_eq!(tracker.step(ms(0), whole("new")), Action::Wait(ms(700)));
        assert_eq!(play(&mut tracker, &[(700, Event::Clock), (700, whole("new"))]), Action::Load);
    }

    #[test]
    fn a_hint_while_reading_or_loading_is_not_lost() {
        let mut tracker = resting("old");
        play(&mut tracker, &[(1_000, Event::Hint), (1_700, Event::Clock)]);
        assert_eq!(play(&mut tracker, &[(1_700, Event::Hint), (1_710, whole("new"))]), Action::Wait(ms(2_410)));
        assert_eq!(play(&mut tracker, &[(2_410, Event::Clock), (2_420, whole("newer"))]), Action::Load);
        let end = play(&mut tracker, &[(2_500, Event::Hint), (2_600, Event::Took(Verdict::Good))]);
        assert_eq!(end, Action::Wait(ms(3_300)), "the hint came while the set was handed on");
    }

    #[test]
    fn a_bad_set_is_not_loaded_again_until_it_changes() {
        let mut tracker = resting("old");
        play(&mut tracker, &[(1_000, Event::Hint), (1_700, Event::Clock), (1_700, whole("bad"))]);
        assert_eq!(tracker.step(ms(1_800), Event::Took(Verdict::Bad)), Action::Wait(ms(21_800)));
        let again = play(&mut tracker, &[(3_000, Event::Hint), (3_700, Event::Clock), (3_700, whole("bad"))]);
        assert_eq!(again, Action::Wait(ms(23_700)));
        let back = play(&mut tracker, &[(24_000, Event::Hint), (24_700, Event::Clock), (24_700, whole("old"))]);
        assert_eq!(back, Action::Load, "what was good once is judged again: the state may have moved");
    }

    #[test]
    fn what_failed_for_a_passing_reason_is_tried_again_and_waits_longer_each_time() {
        let mut tracker = resting("old");
        play(&mut tracker, &[(1_000, Event::Hint), (1_700, Event::Clock), (1_700, whole("new"))]);
        let mut now = 2_000;
        for wait in [1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000] {
            assert_eq!(tracker.step(ms(now), Event::Took(Verdict::Later)), Action::Wait(ms(now + wait)));
            now += wait;
            assert_eq!(tracker.step(ms(now), Event::Clock), Action::Look);
            assert_eq!(tracker.step(ms(now), whole("new")), Action::Load);
        }
    }

    #[test]
    fn a_vanished_tree_loads_nothing_and_is_looked_for_again() {
        let mut tracker = resting("old");
        let gone = [(1_000, Event::Hint), (1_700, Event::Clock), (1_700, Event::Seen(Seen::Nothing))];
        assert_eq!(play(&mut tracker, &gone), Action::Wait(ms(21_700)));
        let back = play(&mut tracker, &[(2_000, Event::Hint), (2_700, Event::Clock), (2_700, whole("old"))]);
        assert_eq!(back, Action::Wait(ms(22_700)), "the same content is back: nothing to do");
    }

    #[test]
    fn who_asks_gets_a_round_at_once_even_when_nothing_changed() {
        let mut tracker = resting("same");
        assert_eq!(tracker.step(ms(1_000), Event::Asked), Action::Look);
        assert_eq!(tracker.step(ms(1_000), whole("same")), Action::Load);
        assert_eq!(tracker.step(ms(1_800), Event::Took(Verdict::Good)), Action::Wait(ms(21_800)));
    }
}
