//! What a histogram says, against the definition of a percentile and the values themselves.

use base2histogram::{AsciiChart, Histogram};
use proptest::prelude::*;

/// Values of every size, as often small as large.
fn value() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64_u32).prop_map(|(bits, shift)| bits >> shift)
}

fn counted(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    values.iter().for_each(|&value| histogram.record(value));
    histogram
}

/// The smallest value that at least `share` of all values do not exceed.
fn exact(sorted: &[u64], share: f64) -> u64 {
    let rank = ((sorted.len() as f64 * share).ceil() as usize).max(1);
    sorted[rank - 1]
}

proptest! {
    #[test]
    fn a_percentile_is_at_most_a_quarter_off(mut values in prop::collection::vec(value(), 1..400), share in 0.0..=1.0_f64) {
        let said = counted(&values).percentile(share);
        values.sort_unstable();
        let exact = exact(&values, share);
        prop_assert!(said.abs_diff(exact) <= exact / 4, "{said} for {exact}");
    }

    #[test]
    fn values_below_eight_are_exact(mut values in prop::collection::vec(0..8_u64, 1..400), share in 0.0..=1.0_f64) {
        let said = counted(&values).percentile(share);
        values.sort_unstable();
        prop_assert_eq!(said, exact(&values, share));
    }

    #[test]
    fn percentiles_grow_with_the_share(values in prop::collection::vec(value(), 0..200), a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
        let histogram = counted(&values);
        prop_assert!(histogram.percentile(a.min(b)) <= histogram.percentile(a.max(b)));
    }

    #[test]
    fn many_at_once_are_as_one_by_one_in_any_order(pairs in prop::collection::vec((value(), 0..20_u64), 0..40)) {
        let (mut at_once, mut single) = (Histogram::<()>::new(), Histogram::<()>::new());
        for &(value, times) in &pairs {
            at_once.record_n(value, times);
        }
        for &(value, times) in pairs.iter().rev() {
            (0..times).for_each(|_| single.record(value));
        }
        prop_assert_eq!(at_once.total(), pairs.iter().map(|(_, times)| times).sum::<u64>());
        prop_assert_eq!(at_once, single);
    }
}

#[test]
fn values_of_one_bucket_are_spread_over_it() {
    let mut histogram = Histogram::<()>::new();
    histogram.record_n(1024, 256);
    assert_eq!(histogram.percentile(0.5), 1024 + 127);
    assert_eq!(histogram.percentile(1.0), 1024 + 255);
}

#[test]
fn nothing_counted_is_zero_and_shares_out_of_range_are_the_nearest_in_range() {
    let empty = Histogram::<()>::new();
    assert_eq!((empty.total(), empty.percentile(0.5), empty.percentile(1.0)), (0, 0, 0));
    let two = counted(&[3, 5]);
    assert_eq!((two.percentile(-1.0), two.percentile(2.0), two.percentile(f64::NAN)), (3, 5, 3));
}

#[test]
fn the_largest_values_and_counts_do_not_overflow() {
    let mut histogram = Histogram::<()>::new();
    histogram.record_n(u64::MAX, u64::MAX);
    histogram.record_n(u64::MAX, 7);
    histogram.record_n(0, 3);
    assert_eq!(histogram.total(), u64::MAX);
    assert!(histogram.percentile(1.0) >= u64::MAX - (u64::MAX >> 3));
}

#[test]
fn the_usual_percentiles_are_those_of_their_names() {
    let histogram = counted(&(1..=1000).collect::<Vec<u64>>());
    let stats = histogram.percentile_stats();
    let shown = [stats.p0_1, stats.p1, stats.p5, stats.p10, stats.p50, stats.p90, stats.p99, stats.p99_9];
    let shares = [0.001, 0.01, 0.05, 0.1, 0.5, 0.9, 0.99, 0.999];
    assert_eq!(stats.samples, 1000);
    assert_eq!(shown, shares.map(|share| histogram.percentile(share)));
    assert_eq!(stats.to_string().matches('=').count(), 9, "{stats}");
}

#[test]
fn a_chart_shows_every_bucket_in_use_and_every_name() {
    let chart = AsciiChart::new().add("batches", counted(&[3, 3, 3, 3])).add("queue", counted(&[3, 100]));
    let text = chart.detailed().to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[0].contains(" 3 .. 3 ") && lines[0].ends_with(&format!("{}{} 5", "#".repeat(32), "=".repeat(8))));
    assert!(lines[1].contains(" 96 .. 111 ") && lines[1].ends_with(" ======== 1"), "{text}");
    assert!(lines[2].starts_with("# batches: n=4 ") && lines[3].starts_with("= queue: n=2 "), "{text}");
    assert_eq!(AsciiChart::<()>::new().detailed().to_string(), "");
}
