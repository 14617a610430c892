//! Times for people: how long, and since when, on the clock of whoever reads.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::model::Timestamp;

/// A difference between two clocks that nobody would notice, in milliseconds.
const SKEW_MS_MIN: u64 = 1_000;

/// The moment that a screen is drawn at, and the reader's time zone.
#[derive(Clone, Debug)]
pub struct Moment {
    now: Timestamp,
    zone: TimeZone,
    /// How far the cluster's clock is ahead of the reader's.
    skew: Skew,
}

/// How far the cluster's clock is ahead of the one here, in milliseconds. What ends at a moment ends by the cluster's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skew(i64);

impl Skew {
    /// What the cluster's clock showing `now` means here.
    pub fn of(now: Timestamp) -> Self {
        let ahead = now.0 - here().0;
        if ahead.unsigned_abs() < SKEW_MS_MIN { Self(0) } else { Self(ahead) }
    }

    /// This moment.
    pub fn moment(self) -> Moment {
        Moment { now: Timestamp(here().0.saturating_add(self.0)), zone: TimeZone::system(), skew: self }
    }
}

fn here() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

impl Moment {
    /// This moment, here.
    pub fn here() -> Self {
        Skew::default().moment()
    }

    /// A given moment, in UTC.
    #[cfg(test)]
    pub fn utc(now: Timestamp) -> Self {
        Self { now, zone: TimeZone::UTC, skew: Skew::default() }
    }

    /// `38 s (since 14:02:11)`; the date is said when it is another day.
    pub fn since(&self, then: Timestamp) -> String {
        format!("{} (since {})", spoken(self.now.since_ms(then)), self.when(then))
    }

    /// The moment that is so much later.
    pub fn after(&self, time: Duration) -> Timestamp {
        self.now.after(time)
    }

    /// How long it is until a moment.
    pub fn until_ms(&self, then: Timestamp) -> u64 {
        then.since_ms(self.now)
    }

    /// Whether a moment is over.
    pub fn is_past(&self, then: Timestamp) -> bool {
        then <= self.now
    }

    /// The moment that is so much earlier.
    pub fn before(&self, time: Duration) -> Timestamp {
        Timestamp(self.now.0.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
    }

    /// `14:02:11` today, `2023-11-11 10:53` on another day.
    pub fn when(&self, then: Timestamp) -> String {
        let (Some(then), Some(now)) = (self.zoned(then), self.zoned(self.now)) else { return rfc3339(then) };
        let form = if then.date() == now.date() { "%H:%M:%S" } else { "%Y-%m-%d %H:%M" };
        then.strftime(form).to_string()
    }

    /// The day.
    pub fn day(&self) -> jiff::civil::Date {
        self.zoned(self.now).map(|now| now.date()).unwrap_or_default()
    }

    /// `14:02:11`: the time of day.
    pub fn clock(&self) -> String {
        self.zoned(self.now).map(|now| now.strftime("%H:%M:%S").to_string()).unwrap_or_default()
    }

    fn zoned(&self, at: Timestamp) -> Option<jiff::Zoned> {
        Some(jiff::Timestamp::from_millisecond(at.0.checked_sub(self.skew.0)?).ok()?.to_zoned(self.zone.clone()))
    }
}

/// RFC 3339, for data.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|at| at.to_string()).unwrap_or_default()
}

/// A time as people say it.
pub fn spoken(ms: u64) -> String {
    match ms / 1000 {
        0 => format!("{ms} ms"),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_how_long_and_since_when() {
        let moment = Moment::utc(Timestamp(1_700_000_000_000));
        assert_eq!(moment.since(Timestamp(1_699_999_962_000)), "38 s (since 22:12:42)");
        assert_eq!(moment.since(Timestamp(1_699_700_000_000)), "3 days (since 2023-11-11 10:53)");
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn times_of_another_clock_are_shown_on_the_readers() {
        let (hour, now) = (3_600_000, Timestamp(1_700_000_000_000));
        let moment = Moment { skew: Skew(2 * hour), ..Moment::utc(Timestamp(now.0 + 2 * hour)) };
        let until = moment.after(Duration::from_secs(60));
        assert_eq!((moment.when(until), moment.until_ms(until)), ("22:14:20".to_owned(), 60_000));
        assert_eq!(Moment::utc(now).when(Timestamp(now.0 + 60_000)), "22:14:20");
    }
}
