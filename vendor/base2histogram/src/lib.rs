//! Histograms of `u64` values in constant memory, in buckets that grow with the value.
//!
//! Written for Seedbed in the place of the crate of this name, whose tables take 26 MiB: the README says why, and when
//! this may go. It has what openraft uses of that crate, and no more.
//!
//! ```
//! use base2histogram::Histogram;
//!
//! let mut batches = Histogram::<()>::new();
//! batches.record(3);
//! batches.record_n(5, 2);
//! assert_eq!(batches.total(), 3);
//! assert_eq!(batches.percentile(0.5), 5);
//! ```

mod bucket;
mod chart;
mod histogram;
mod stats;

pub use chart::{AsciiChart, Detailed};
pub use histogram::Histogram;
pub use stats::PercentileStats;
