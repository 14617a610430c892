//! Durations as people type them: `60s`, `2m`, `500ms`, and a bare number of seconds as in LXD's client.

use std::time::Duration;

/// Reads a duration.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let wrong = || format!("`{text}` is no duration: write 500ms, 60s, 2m or 1h");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms_each = match unit {
        "ms" => 1,
        "" | "s" => 1000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number.checked_mul(ms_each).map(Duration::from_millis).ok_or_else(wrong)
}

/// `40 ms`, `0.4 s`.
pub fn show(duration: Duration) -> String {
    if duration < Duration::from_millis(100) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(parse("20"), Ok(Duration::from_secs(20)));
        assert_eq!(parse("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
    }

    #[test]
    fn short_times_are_told_in_milliseconds() {
        assert_eq!(show(Duration::from_millis(41)), "41 ms");
        assert_eq!(show(Duration::from_millis(440)), "0.4 s");
    }

    #[test]
    fn what_is_no_duration_says_how_to_write_one() {
        for text in ["", "s", "-1s", "1.5s", "5 weeks", "99999999999999999999"] {
            assert_eq!(parse(text), Err(format!("`{text}` is no duration: write 500ms, 60s, 2m or 1h")));
        }
    }
}
