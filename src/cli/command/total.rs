//! What all sets of one `seedbed validate` come to, in bounded memory: ten thousand faulty files are no reason to keep them.

use std::collections::HashSet;

use crate::cli::input::Input;
use crate::manifest::{Allowed, Counts, Loaded, Source};
use crate::model::{Desired, Finding, Severity};

/// Findings of all sets that reports hold, and as many that comments allow. A set has some thousand at most.
const KEPT_MAX: usize = 10_000;

/// Bytes of faulty files that are kept for the ends of spans in reports. Without its text a finding has its place still.
const TEXT_BYTES_MAX: usize = 32 << 20;

/// Longer faulty files are not kept for that: some dozen results wait for their turn at once.
const FILE_BYTES_MAX: usize = 256 << 10;

/// What all sets together come to. It keeps no set: only what the reports need of it.
pub struct Total {
    /// What was read; texts only where reports need them.
    pub sources: Vec<Source>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What comments allow.
    pub allowed: Vec<Allowed>,
    /// How much was read.
    pub counts: Counts,
    /// Whether any set held a manifest.
    pub is_something: bool,
    /// Bytes of text that may still be kept.
    room: usize,
    left_out: LeftOut,
}

/// Findings that reports do not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Errors.
    pub errors: usize,
    /// Warnings.
    pub warnings: usize,
    notes: usize,
}

impl Total {
    /// Nothing yet.
    pub fn new(has_reports: bool) -> Self {
        Self {
            sources: Vec::new(),
            findings: Vec::new(),
            allowed: Vec::new(),
            counts: Counts::default(),
            is_something: false,
            room: if has_reports { TEXT_BYTES_MAX } else { 0 },
            left_out: LeftOut::default(),
        }
    }

    /// Adds one set.
    pub fn absorb(&mut self, input: Input) {
        let Input { sources, loaded, .. } = input;
        let Loaded { findings, allowed, counts, .. } = loaded;
        self.sources.extend(sources.into_iter().map(|source| kept(source, &mut self.room)));
        for finding in findings {
            if self.findings.len() < KEPT_MAX {
                self.findings.push(finding);
            } else {
                self.left_out.count(finding.severity);
            }
        }
        let room = KEPT_MAX - self.allowed.len();
        self.allowed.extend(allowed.into_iter().take(room));
        let Counts { files, documents, objects, valid } = counts;
        self.counts.files += files;
        self.counts.documents += documents;
        self.counts.objects += objects;
        self.counts.valid += valid;
    }

    /// Adds a finding that says what was left out, when anything was.
    pub fn close(&mut self) -> LeftOut {
        if let Some(severity) = self.left_out.worst() {
            let message = format!("there is more than the {KEPT_MAX} findings that reports hold");
            let LeftOut { errors, warnings, notes } = self.left_out;
            let help = format!("left out: {errors} errors, {warnings} warnings, {notes} notes; correct these first");
            self.findings.push(Finding { severity, ..Finding::error("SB160", message) }.helping(help));
        }
        self.left_out
    }
}

impl LeftOut {
    fn count(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
            Severity::Note => self.notes += 1,
        }
    }

    fn worst(&self) -> Option<Severity> {
        let of = |count: usize, severity: Severity| (count > 0).then_some(severity);
        of(self.errors, Severity::Error)
            .or_else(|| of(self.warnings, Severity::Warning))
            .or_else(|| of(self.notes, Severity::Note))
    }
}

fn kept(mut source: Source, room: &mut usize) -> Source {
    match room.checked_sub(source.text.len()) {
        Some(left) => *room = left,
        None => source.text = String::new(),
    }
    source
}

/// Drops what nobody asks for afterwards where it was made, so that memory does not grow with the number of sets.
pub fn trimmed(mut input: Input, is_one_of_many: bool) -> Input {
    input.loaded.desired = Desired::default();
    if is_one_of_many {
        forget_texts(&mut input.sources, &input.loaded.findings, &input.loaded.allowed);
    }
    input
}

// Reports need the text of a file only where something was found in it.
fn forget_texts(sources: &mut [Source], findings: &[Finding], allowed: &[Allowed]) {
    let all = findings.iter().chain(allowed.iter().map(|allowed| &allowed.finding));
    let also = |finding: &'_ Finding| finding.also.iter().map(|label| label.place.file.clone()).collect::<Vec<_>>();
    let named: HashSet<String> =
        all.flat_map(|finding| finding.place.iter().map(|place| place.file.clone()).chain(also(finding))).collect();
    let is_kept = |source: &Source| source.text.len() <= FILE_BYTES_MAX && named.contains(&source.path);
    for source in sources.iter_mut().filter(|source| !is_kept(source)) {
        source.text = String::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(text_bytes: usize, findings: usize) -> Input {
        let findings = vec![Finding::warning("SB113", "odd"); findings];
        let loaded = Loaded { findings, ..Loaded::default() };
        Input { sources: vec![Source::new("a.yaml", "x".repeat(text_bytes))], loaded, reading: Default::default() }
    }

    #[test]
    fn of_many_findings_the_rest_is_counted_and_told() {
        let mut total = Total::new(true);
        total.absorb(input(1, KEPT_MAX - 1));
        total.absorb(input(1, 3));
        total.absorb(Input {
            loaded: Loaded { findings: vec![Finding::error("SB014", "bad")], ..Loaded::default() },
            ..input(1, 0)
        });
        let left_out = total.close();
        assert_eq!((left_out.errors, left_out.warnings), (1, 2));
        let last = total.findings.last().expect("a finding");
        assert_eq!((total.findings.len(), last.code.as_str(), last.severity), (KEPT_MAX + 1, "SB160", Severity::Error));
        assert_eq!(last.help, ["left out: 1 errors, 2 warnings, 0 notes; correct these first"]);
    }

    #[test]
    fn texts_are_kept_for_reports_and_only_so_many_of_them() {
        let bytes = |total: &Total| total.sources.iter().map(|source| source.text.len()).collect::<Vec<_>>();
        let mut total = Total::new(true);
        for size in [TEXT_BYTES_MAX - 1, 2, 1] {
            total.absorb(input(size, 1));
        }
        assert_eq!(bytes(&total), [TEXT_BYTES_MAX - 1, 0, 1]);
        let mut total = Total::new(false);
        total.absorb(input(5, 1));
        assert_eq!(bytes(&total), [0]);
    }
}
