//! Forms of values: what a value must look like, for the checks, for `seedbed explain` and for the schemas alike.
//!
//! The key table names the form of each key in one cell: `cpus`, `integer 0..10`, `[subnet4]` for a list, `bool|size`
//! where either will do. A form is what LXD and Incus take; where one of them takes less, `dialects.tsv` says so.

mod base;
mod fits;
mod net;
mod proxy;

pub use base::Base;
pub use proxy::{Protocol, ProxyAddress};

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The form of a value, or of each item of a list.
    pub base: Base,
    /// Another form that will do as well.
    pub or: Option<Base>,
    /// The numbers that are allowed; only integers have one.
    pub range: Option<Range>,
    /// Whether the value is a list, with commas between its items.
    pub is_list: bool,
}

/// A range of whole numbers, its ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least.
    pub least: i64,
    /// The greatest; `i64::MAX` when nothing bounds it.
    pub greatest: i64,
}

impl Form {
    /// Any text.
    pub const TEXT: Self = Self { base: Base::Text, or: None, range: None, is_list: false };

    /// Reads a cell of the key table; `None` for what names no form.
    pub fn read(cell: &str) -> Option<Self> {
        let inner = cell.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let (either, range) = match inner.unwrap_or(cell).split_once(' ') {
            Some((base, range)) => (base, Some(Range::read(range)?)),
            None => (inner.unwrap_or(cell), None),
        };
        let (base, or) = match either.split_once('|') {
            Some((base, or)) => (base, Some(Base::named(or)?)),
            None => (either, None),
        };
        Some(Self { base: Base::named(base)?, or, range, is_list: inner.is_some() })
    }

    /// Whether a value has the form. An empty one unsets its key, and is never asked about.
    pub fn fits(self, value: &str) -> bool {
        match self.is_list {
            true => value.split(',').all(|item| self.item_fits(item.trim())),
            false => self.item_fits(value),
        }
    }

    fn item_fits(self, item: &str) -> bool {
        let in_range =
            |range: Range| item.parse().is_ok_and(|number: i64| (range.least..=range.greatest).contains(&number));
        let fits = self.base.fits(item) && self.range.is_none_or(in_range);
        fits || self.or.is_some_and(|or| or.fits(item))
    }

    /// The form in words, with an example: `a whole number from 0 to 10`, `a size such as 10GiB`.
    pub fn wanted(self) -> String {
        let one = match self.range {
            Some(Range { least, greatest: i64::MAX }) => format!("a whole number of at least {least}"),
            Some(Range { least, greatest }) => format!("a whole number from {least} to {greatest}"),
            None => self.base.wanted().to_owned(),
        };
        let either = match self.or {
            Some(or) => format!("{one}, or {}", or.wanted()),
            None => one,
        };
        if self.is_list { format!("a list, with commas between: {either}") } else { either }
    }

    /// A value that has the form.
    pub fn example(self) -> String {
        match self.range {
            Some(Range { least, greatest }) => least.max(15).min(greatest).to_string(),
            None => self.base.example().to_owned(),
        }
    }

    /// A regular expression that every value of the form fits, and few others; `None` when anything may fit.
    pub fn pattern(self) -> Option<String> {
        let one = self.base.pattern()?;
        let either = match self.or {
            Some(or) => format!("(?:{one}|{})", or.pattern()?),
            None => format!("(?:{one})"),
        };
        Some(if self.is_list { format!(r"\s*{either}\s*(?:,\s*{either}\s*)*") } else { either })
    }
}

impl Range {
    // `0..10`; `0..` has no end.
    fn read(text: &str) -> Option<Self> {
        let (least, greatest) = text.split_once("..")?;
        let greatest = if greatest.is_empty() { i64::MAX } else { greatest.parse().ok()? };
        Some(Self { least: least.parse().ok()?, greatest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(cell: &str) -> Form {
        Form::read(cell).expect(cell)
    }

    #[test]
    fn a_cell_names_a_form_a_range_a_list_and_another_form() {
        assert_eq!(form("text"), Form::TEXT);
        assert_eq!(form("integer 0..10").wanted(), "a whole number from 0 to 10");
        assert_eq!(form("integer 0..").wanted(), "a whole number of at least 0");
        assert_eq!(form("bool|size").wanted(), "true or false, or a size such as 10GiB");
        assert!(form("[subnet4]").wanted().starts_with("a list"));
        for wrong in ["", "number", "[ipv4", "integer 0", "bool|"] {
            assert_eq!(Form::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_lists_and_alternatives_decide() {
        let takes = |cell: &str, value: &str| form(cell).fits(value);
        assert!(takes("integer 0..10", "10") && !takes("integer 0..10", "11") && !takes("integer 0..10", "-1"));
        assert!(takes("[ipv4]", "10.0.0.1, 10.0.0.2") && !takes("[ipv4]", "10.0.0.1,") && !takes("[ipv4]", "fd42::1"));
        assert!(takes("bool|size", "yes") && takes("bool|size", "4GiB") && !takes("bool|size", "maybe"));
    }
}
