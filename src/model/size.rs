//! Byte sizes as LXD writes them: `10GiB` counts in 1024s, `10GB` in 1000s, a bare number is bytes.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Text that is no byte size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ByteSizeError {
    /// It has no number, or an unknown unit.
    #[error("`{0}` is not a size: write a number and a unit, as in 10GiB or 500MB")]
    Unreadable(String),
    /// It is more than 64 bits hold.
    #[error("`{0}` is too large a size")]
    TooLarge(String),
}

const UNITS: [(&str, u64); 14] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("PB", 1_000_000_000_000_000),
    ("EB", 1_000_000_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("PiB", 1 << 50),
    ("EiB", 1 << 60),
];

impl ByteSize {
    /// A number of GiB.
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// A number of MiB.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }
}

impl FromStr for ByteSize {
    type Err = ByteSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unreadable = || ByteSizeError::Unreadable(text.to_owned());
        let trimmed = text.trim();
        let split = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (digits, unit) = trimmed.split_at(split);
        if digits.is_empty() {
            return Err(unreadable());
        }
        let unit = unit.trim_start();
        let unit = match unit {
            "KB" => "kB",
            "bytes" => "B",
            unit => unit,
        };
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(unreadable)?;
        let too_large = || ByteSizeError::TooLarge(text.to_owned());
        let count: u64 = digits.parse().map_err(|_| too_large())?;
        count.checked_mul(*factor).map(Self).ok_or_else(too_large)
    }
}

/// The shortest exact form, in the units that LXD reads.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = |(_, factor): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*factor);
        let binary = UNITS.iter().skip(8).rev().find(exact);
        let decimal = UNITS.iter().take(8).skip(2).rev().find(exact);
        let text = match binary.into_iter().chain(decimal).max_by_key(|(_, factor)| *factor) {
            Some((unit, factor)) => format!("{}{unit}", self.0 / factor),
            None => format!("{}B", self.0),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_read_with_the_units_of_lxd() {
        let cases = [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("15GB", 15_000_000_000),
            ("5GiB", 5 << 30),
            (" 5 GiB ", 5 << 30),
            ("2kB", 2000),
            ("2KB", 2000),
            ("2KiB", 2048),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn text_that_is_no_size_is_refused() {
        for text in ["", "GiB", "-1", "1.5GiB", "10Gb", "ten", "10 G i B", "0x10"] {
            assert!(matches!(text.parse::<ByteSize>(), Err(ByteSizeError::Unreadable(_))), "{text}");
        }
        for text in ["16EiB", "99999999999999999999"] {
            assert!(matches!(text.parse::<ByteSize>(), Err(ByteSizeError::TooLarge(_))), "{text}");
        }
    }

    #[test]
    fn a_size_is_shown_so_that_it_reads_back_exactly() {
        let cases = [
            (0, "0B"),
            (513, "513B"),
            (5 << 30, "5GiB"),
            (1_536 << 20, "1536MiB"),
            (15_000_000_000, "15GB"),
            (5_000_000_001, "5000000001B"),
        ];
        for (bytes, text) in cases {
            assert_eq!(ByteSize(bytes).to_string(), text);
            assert_eq!(text.parse(), Ok(ByteSize(bytes)));
        }
    }
}
