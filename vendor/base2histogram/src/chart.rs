//! Several histograms as one chart of bars, as openraft's statistics print it with its feature `runtime-stats`.

use std::fmt;

use crate::bucket;
use crate::histogram::Histogram;

/// The longest bar, in characters.
const BAR: u128 = 40;

/// One for each histogram, then from the start again.
const MARKS: [char; 5] = ['#', '=', '+', '-', '.'];

/// Named histograms that are shown together.
#[derive(Debug, Clone)]
pub struct AsciiChart<T = ()> {
    series: Vec<(String, Histogram<T>)>,
}

impl<T> Default for AsciiChart<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> AsciiChart<T> {
    /// A chart of nothing.
    pub const fn new() -> Self {
        Self { series: Vec::new() }
    }

    /// Adds a histogram under a name.
    #[must_use]
    pub fn add(mut self, name: &str, histogram: Histogram<T>) -> Self {
        self.series.push((name.to_owned(), histogram));
        self
    }

    /// A line for each bucket that any histogram has used, and one for each histogram.
    pub fn detailed(&self) -> Detailed<'_, T> {
        Detailed { chart: self }
    }

    fn count(&self, series: usize, index: usize) -> u64 {
        self.series[series].1.counts().get(index).copied().unwrap_or(0)
    }

    fn sum(&self, index: usize) -> u128 {
        (0..self.series.len()).map(|series| u128::from(self.count(series, index))).sum()
    }
}

/// A chart as text; see [`AsciiChart::detailed`].
#[derive(Debug)]
pub struct Detailed<'a, T> {
    chart: &'a AsciiChart<T>,
}

impl<T> fmt::Display for Detailed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chart = self.chart;
        let longest = (0..bucket::COUNT).map(|index| chart.sum(index)).max().unwrap_or(0).max(1);
        for index in (0..bucket::COUNT).filter(|&index| chart.sum(index) > 0) {
            write!(f, "{:>20} .. {:<20} ", bucket::lowest(index), bucket::highest(index))?;
            for series in 0..chart.series.len() {
                let length = u128::from(chart.count(series, index)) * BAR / longest;
                (0..length).try_for_each(|_| write!(f, "{}", MARKS[series % MARKS.len()]))?;
            }
            writeln!(f, " {}", chart.sum(index))?;
        }
        for (at, (name, histogram)) in chart.series.iter().enumerate() {
            writeln!(f, "{} {name}: {}", MARKS[at % MARKS.len()], histogram.percentile_stats())?;
        }
        Ok(())
    }
}
