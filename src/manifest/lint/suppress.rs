//! `# seedbed: allow CODE reason`: findings that the author of a file has looked at and means as they are.
//!
//! A directive speaks of its own line, or of the next line that holds anything when it has a line to itself. It must
//! give a reason, name a rule that can be allowed, and be needed: otherwise it is a finding itself.

use std::collections::BTreeSet;

use crate::kinds::tables::key_table;
use crate::manifest::codes::{self, Rule};
use crate::manifest::report::findings::{Findings, clip};
use crate::manifest::source::Source;
use crate::manifest::yaml::dom::{Span, place};
use crate::model::{Finding, Place};

/// What starts a directive. A text without it is read without its comments.
const MARK: &str = "seedbed:";

/// Directives of a set that are kept: each costs memory, and is compared with each finding.
const DIRECTIVES_MAX: usize = 10_000;

/// Words of a reason: nobody reads on.
const REASON_WORDS_MAX: usize = 200;

/// A finding that a directive allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// What was found.
    pub finding: Finding,
    /// Why it is meant so, in the words of the author.
    pub reason: String,
    /// Where the directive stands.
    pub at: Place,
}

/// The directives of a source, or of a set of them.
#[derive(Debug, Default)]
pub struct Allowances {
    directives: Vec<Directive>,
    /// Whether there were more than are kept.
    has_more: bool,
}

#[derive(Debug)]
struct Directive {
    rule: &'static Rule,
    reason: String,
    place: Place,
    /// The line of the findings that it allows.
    line: u32,
}

/// Whether the comments of a text are worth reading.
pub fn may_be_in(text: &str) -> bool {
    text.contains(MARK)
}

/// Reads one comment, whose text starts behind the `#`. What is wrong with a directive is told instead.
pub fn read(source: &Source, comment: &str, span: Span, into: &mut Allowances) -> Option<Finding> {
    let mut words = comment.trim().strip_prefix(MARK)?.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let code = words.next().unwrap_or_default();
    let mut reason = words.take(REASON_WORDS_MAX).collect::<Vec<_>>().join(" ");
    clip(&mut reason);
    let place = place(&source.path, span, String::new());
    if verb != "allow" {
        return misspelt(verb, code).map(|finding| finding.at(place));
    }
    let rule = match codes::find(&code.to_uppercase()) {
        None => return Some(unknown(code).at(place)),
        Some(rule) if rule.is_binding => return Some(binding(rule).at(place)),
        Some(_) if reason.is_empty() => {
            let finding = Finding::error("SB151", format!("`allow {code}` gives no reason")).at(place);
            return Some(finding.helping(format!("say why it is meant so: # seedbed: allow {code} REASON")));
        }
        Some(rule) => rule,
    };
    if into.directives.len() >= DIRECTIVES_MAX {
        into.has_more = true;
        return None;
    }
    into.directives.push(Directive { rule, reason, place, line: line_of(source, span) });
    None
}

// Other comments may speak of Seedbed too: only what names a rule, or all but says `allow`, is meant as a directive.
fn misspelt(verb: &str, code: &str) -> Option<Finding> {
    let is_code = |word: &str| codes::find(&word.to_uppercase()).is_some();
    let is_meant = is_code(verb) || is_code(code) || key_table::nearest(verb, ["allow"].into_iter()).is_some();
    let finding = is_meant.then(|| Finding::error("SB151", "this directive cannot be read"))?;
    Some(finding.helping("write `# seedbed: allow CODE REASON`"))
}

fn unknown(code: &str) -> Finding {
    if code.is_empty() {
        let finding = Finding::error("SB152", "`allow` names no rule");
        return finding.helping("write `# seedbed: allow CODE REASON`; seedbed explain lists all codes");
    }
    let finding = Finding::error("SB152", format!("`{code}` is no rule"));
    let upper = code.to_uppercase();
    // Codes are short and look alike: more than one wrong character may mean any of them.
    let near = |rule: &&Rule| strsim::damerau_levenshtein(rule.code, &upper) == 1;
    let mut near = codes::RULES.iter().filter(near);
    match (near.next(), near.next()) {
        (Some(meant), None) => finding.noting(format!("did you mean `{}`, {}?", meant.code, meant.title)),
        _ => finding.helping("seedbed explain lists all codes"),
    }
}

fn binding(rule: &Rule) -> Finding {
    let message = format!("{} cannot be allowed: {}", rule.code, rule.title);
    Finding::error("SB153", message).helping("without what it asks for the file cannot be used: correct it")
}

fn line_of(source: &Source, span: Span) -> u32 {
    let start = source.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    if !source.text[start..span.start].trim().is_empty() {
        return span.line;
    }
    let below = source.text[span.start..].lines().skip(1);
    let skipped = below.take_while(|line| line.trim().is_empty() || line.trim_start().starts_with('#')).count();
    span.line.saturating_add(u32::try_from(skipped + 1).unwrap_or(u32::MAX))
}

impl Allowances {
    /// Takes over the directives of another source.
    pub fn extend(&mut self, other: Self) {
        let room = DIRECTIVES_MAX - self.directives.len();
        self.has_more |= other.has_more || other.directives.len() > room;
        self.directives.extend(other.directives.into_iter().take(room));
    }

    /// A finding of its own when there were more than are kept.
    pub fn too_many(&self) -> Option<Finding> {
        let message = format!("this set has more than {DIRECTIVES_MAX} comments that allow something");
        let finding = Finding::error("SB108", message);
        self.has_more
            .then(|| finding.helping("correct what they allow, or use --each when its files are sets of their own"))
    }

    /// Whether a directive allows this finding.
    pub fn covers(&self, finding: &Finding) -> bool {
        self.position(finding).is_some()
    }

    fn position(&self, finding: &Finding) -> Option<usize> {
        let place = finding.place.as_ref().filter(|_| !self.directives.is_empty())?;
        self.directives.iter().position(|directive| {
            directive.rule.code == finding.code && directive.line == place.line && directive.place.file == place.file
        })
    }

    /// Takes the allowed findings out, and warns of directives that nothing needed.
    ///
    /// What the parts of a broken file would have shown is not known: nothing in `partial` files is called needless.
    pub fn apply(self, findings: &mut Vec<Finding>, partial: &BTreeSet<&str>) -> Vec<Allowed> {
        if self.directives.is_empty() {
            return Vec::new();
        }
        let mut allowed = Vec::new();
        let mut used = vec![false; self.directives.len()];
        for finding in std::mem::take(findings) {
            let Some(at) = self.position(&finding) else {
                findings.push(finding);
                continue;
            };
            used[at] = true;
            let Directive { reason, place, .. } = &self.directives[at];
            allowed.push(Allowed { finding, reason: reason.clone(), at: place.clone() });
        }
        let unused = self.directives.into_iter().zip(used).filter(|(_, used)| !used).map(|(directive, _)| directive);
        let known = unused.filter(|directive| !partial.contains(directive.place.file.as_str()));
        let mut needless = Findings::default();
        needless.extend(known.map(Directive::needless));
        findings.extend(needless.into_vec());
        allowed
    }
}

impl Directive {
    fn needless(self) -> Finding {
        let Self { rule, place, line, .. } = self;
        let message = format!("nothing on line {line} is against {}: this allowance is not needed", rule.code);
        Finding::warning("SB150", message).at(place).helping("remove it, or move it to the line that it is meant for")
    }
}
