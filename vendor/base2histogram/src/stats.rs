//! The percentiles that are shown.

use std::fmt;

/// Values that a share of all counted values do not exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentileStats {
    /// How many values were counted.
    pub samples: u64,
    /// A thousandth of the values do not exceed it.
    pub p0_1: u64,
    /// A hundredth.
    pub p1: u64,
    /// A twentieth.
    pub p5: u64,
    /// A tenth.
    pub p10: u64,
    /// Half: the median.
    pub p50: u64,
    /// Nine tenths.
    pub p90: u64,
    /// 99 of a hundred.
    pub p99: u64,
    /// 999 of a thousand.
    pub p99_9: u64,
}

impl fmt::Display for PercentileStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { samples, p0_1, p1, p5, p10, p50, p90, p99, p99_9 } = self;
        write!(f, "n={samples} p0.1={p0_1} p1={p1} p5={p5} p10={p10} p50={p50} p90={p90} p99={p99} p99.9={p99_9}")
    }
}
