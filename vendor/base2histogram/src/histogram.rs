//! How often values of each size were seen.

use std::marker::PhantomData;

use crate::bucket;
use crate::stats::PercentileStats;

/// Counts of `u64` values. Recording takes constant time; a histogram takes 2 KiB at most, and nothing while it is empty.
///
/// `T` is what openraft names as the type of data beside the counts; it keeps none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<T = ()> {
    /// One count for each bucket, up to the highest one that was ever used.
    counts: Vec<u64>,
    total: u64,
    data: PhantomData<T>,
}

impl<T> Default for Histogram<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Histogram<T> {
    /// A histogram that has counted nothing.
    pub const fn new() -> Self {
        Self { counts: Vec::new(), total: 0, data: PhantomData }
    }

    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Counts a value `times` times. Counts stop at `u64::MAX`.
    pub fn record_n(&mut self, value: u64, times: u64) {
        if times == 0 {
            return;
        }
        let index = bucket::index(value);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] = self.counts[index].saturating_add(times);
        self.total = self.total.saturating_add(times);
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// A value that about `share` of all counted values do not exceed: where the value of that rank lies in its bucket if
    /// those of one bucket are spread evenly. It is in the bucket of the exact answer, so at most a quarter off, and
    /// exact below 8. `share` is from 0 to 1; 0 where nothing was counted.
    pub fn percentile(&self, share: f64) -> u64 {
        let rank = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut before = 0_u64;
        for (index, &count) in self.counts.iter().enumerate() {
            if rank - before <= count {
                return place(index, rank - before, count);
            }
            before += count;
        }
        0
    }

    /// The usual percentiles.
    pub fn percentile_stats(&self) -> PercentileStats {
        PercentileStats {
            samples: self.total,
            p0_1: self.percentile(0.001),
            p1: self.percentile(0.01),
            p5: self.percentile(0.05),
            p10: self.percentile(0.1),
            p50: self.percentile(0.5),
            p90: self.percentile(0.9),
            p99: self.percentile(0.99),
            p99_9: self.percentile(0.999),
        }
    }

    /// The counts of the buckets, from the lowest values on.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }
}

/// Where the value of this rank lies among `count` values that are spread evenly over a bucket.
fn place(index: usize, rank: u64, count: u64) -> u64 {
    let into = u128::from(bucket::width(index)) * (2 * u128::from(rank) - 1) / (2 * u128::from(count));
    bucket::lowest(index) + into as u64
}
