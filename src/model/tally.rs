//! How often a member brought placements about, and how long it took: what metrics are made of.

use std::collections::BTreeMap;

use super::name::KindName;

/// The upper bounds of [`Timing::buckets`], in milliseconds. What takes longer is in none of them.
pub const BUCKETS_MS: [u64; 10] = [1, 5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000];

/// Attempts at placements since the daemon started, by kind and ending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    attempts: BTreeMap<(KindName, Ending), Timing>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// The placement is as the state says.
    Done,
    /// It is not, and another attempt follows.
    Failed,
}

/// How many attempts there were and how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// The attempts.
    pub count: u64,
    /// What they took together, in milliseconds.
    pub sum_ms: u64,
    /// How many took at most as long as the bound in [`BUCKETS_MS`] and longer than the one before.
    pub buckets: [u64; BUCKETS_MS.len()],
}

impl Tally {
    /// Counts one attempt.
    pub fn record(&mut self, kind: &KindName, ending: Ending, took_ms: u64) {
        let timing = self.attempts.entry((kind.clone(), ending)).or_default();
        timing.count += 1;
        timing.sum_ms += took_ms;
        if let Some(bucket) = BUCKETS_MS.iter().position(|bound| took_ms <= *bound) {
            timing.buckets[bucket] += 1;
        }
    }

    /// Adds what another tally counted.
    pub fn merge(&mut self, other: Self) {
        for (key, more) in other.attempts {
            let timing = self.attempts.entry(key).or_default();
            timing.count += more.count;
            timing.sum_ms += more.sum_ms;
            timing.buckets.iter_mut().zip(more.buckets).for_each(|(sum, more)| *sum += more);
        }
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
    }

    /// Everything that was counted, in the order of kinds.
    pub fn attempts(&self) -> impl Iterator<Item = (&KindName, Ending, &Timing)> {
        self.attempts.iter().map(|((kind, ending), timing)| (kind, *ending, timing))
    }
}

impl Ending {
    /// The word that metrics use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_counted_in_the_first_bucket_that_holds_it() {
        let kind = KindName::from("network");
        let mut tally = Tally::default();
        for took_ms in [0, 1, 2, 30_000, 30_001] {
            tally.record(&kind, Ending::Done, took_ms);
        }
        let mut other = Tally::default();
        other.record(&kind, Ending::Done, 3);
        other.record(&kind, Ending::Failed, 70);
        tally.merge(other);
        let seen: Vec<_> =
            tally.attempts().map(|(_, ending, it)| (ending.word(), it.count, it.sum_ms, it.buckets)).collect();
        assert_eq!(
            seen,
            [("done", 6, 60_007, [2, 2, 0, 0, 0, 0, 0, 0, 0, 1]), ("failed", 1, 70, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0])]
        );
    }
}
