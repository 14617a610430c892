//! What was found so far, within bounds: a file may hold a million mistakes, and nobody reads the second thousand.

use crate::model::{Finding, Severity};

/// Findings beyond this number are counted, but not kept.
const FINDINGS_MAX: usize = 1_000;

/// Bytes of one text in a finding: a name can be as long as a file.
const TEXT_BYTES_MAX: usize = 1_000;

/// A bounded list of findings.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    dropped: usize,
    /// The gravest of those that were dropped.
    worst: Option<Severity>,
}

impl Findings {
    /// Adds a finding.
    pub fn push(&mut self, finding: Finding) {
        if self.is_full() {
            self.dropped += 1;
            self.worst = self.worst.max(Some(finding.severity));
        } else {
            self.kept.push(clipped(finding));
        }
    }

    /// Whether more findings would only be counted: then it is not worth the time to look for them.
    pub fn is_full(&self) -> bool {
        self.kept.len() >= FINDINGS_MAX
    }

    /// Those that are kept.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// Takes over another list with what it has left out.
    pub fn absorb(&mut self, other: Self) {
        self.extend(other.kept);
        self.dropped += other.dropped;
        self.worst = self.worst.max(other.worst);
    }

    /// All of them, the last one saying that there are more.
    pub fn into_vec(self) -> Vec<Finding> {
        let Self { mut kept, dropped, worst } = self;
        if kept.len() >= FINDINGS_MAX {
            let message = format!("there is more than the {FINDINGS_MAX} findings that are shown");
            // What was not looked at may hold errors: such an input must not pass.
            let graver = worst.max(kept.iter().map(|finding| finding.severity).max());
            let finding = Finding { severity: graver.unwrap_or(Severity::Error), ..Finding::error("SB160", message) };
            let help = match dropped {
                0 => "correct these first".to_owned(),
                dropped => format!("correct these first: at least {dropped} were left out"),
            };
            kept.push(finding.helping(help));
        }
        kept
    }
}

impl Extend<Finding> for Findings {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

fn clipped(mut finding: Finding) -> Finding {
    let places = finding.place.iter_mut().chain(finding.also.iter_mut().map(|label| &mut label.place));
    places.for_each(|place| clip(&mut place.pointer));
    finding.also.iter_mut().for_each(|label| clip(&mut label.note));
    clip(&mut finding.message);
    finding.note.iter_mut().chain(&mut finding.help).for_each(clip);
    finding
}

/// Cuts a text that is longer than anybody reads.
pub fn clip(text: &mut String) {
    if text.len() <= TEXT_BYTES_MAX {
        return;
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at));
    text.truncate(end.unwrap_or_default());
    text.push('…');
    text.shrink_to_fit();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_finding_says_that_there_are_more_and_is_as_grave_as_they_are() {
        let mut findings = Findings::default();
        findings.extend((0..FINDINGS_MAX + 5).map(|_| Finding::warning("SB001", "odd")));
        findings.push(Finding::error("SB001", "bad"));
        assert!(findings.is_full());
        let all = findings.into_vec();
        assert_eq!(all.len(), FINDINGS_MAX + 1);
        let last = all.last().expect("one");
        assert_eq!((last.code.as_str(), last.severity), ("SB160", Severity::Error));
        assert_eq!(last.help, ["correct these first: at least 6 were left out"]);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut findings = Findings::default();
        findings.push(Finding::error("SB001", "é".repeat(1_000)));
        let all = findings.into_vec();
        assert_eq!(all[0].message.chars().count(), 501);
        assert!(all[0].message.ends_with('…'));
    }
}
