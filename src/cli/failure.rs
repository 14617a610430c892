//! A failure as the user sees it: what happened, what was left untouched, what to run next.

use std::error::Error;
use std::fmt;

use super::exit::Exit;
use super::screen::Palette;

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// One sentence, lower case, without a full stop.
    pub message: String,
    /// What belongs to it, a line each.
    pub details: Vec<String>,
    /// What was left as it was.
    pub untouched: Option<String>,
    /// What to do next, a line each.
    pub hints: Vec<String>,
}

impl Failure {
    /// A failure with this exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new(), untouched: None, hints: Vec::new() }
    }

    /// What was being done, and why it failed, down to the last cause.
    pub fn because(doing: impl Into<String>, cause: &dyn Error) -> Self {
        Self::new(Exit::Failed, format!("{}: {}", doing.into(), chain(cause)))
    }

    /// A command line that makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The same failure with another exit code.
    #[must_use]
    pub fn exiting(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The same failure with one more line that belongs to it.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// The same failure with what was left as it was.
    #[must_use]
    pub fn untouched(mut self, sentence: impl Into<String>) -> Self {
        self.untouched = Some(sentence.into());
        self
    }

    /// The same failure with one more line on what to do next.
    #[must_use]
    pub fn hint(mut self, line: impl Into<String>) -> Self {
        self.hints.push(line.into());
        self
    }

    /// The failure as it is printed, with a line end.
    pub fn render(&self, palette: Palette) -> String {
        let Self { exit: _, message, details, untouched, hints } = self;
        let mut text = format!("{} {}\n", palette.error("error:"), palette.strong(message));
        for line in details {
            text.push_str(&format!("  {line}\n"));
        }
        if let Some(sentence) = untouched {
            text.push_str(&format!("{sentence}\n"));
        }
        for line in hints {
            text.push_str(&format!("{} {line}\n", palette.hint("hint:")));
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// An error and its causes in one line, each said once.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_what_is_untouched_and_what_to_run() {
        let failure = Failure::new(Exit::Refused, "this member cannot join: its file and the cluster differ")
            .detail("storage-pool/default  driver  file: zfs  cluster: dir")
            .untouched("Nothing was changed, here or there.")
            .hint("seedbed plan node4.yaml");
        insta::assert_snapshot!(failure.render(Palette::plain()), @r"
        error: this member cannot join: its file and the cluster differ
          storage-pool/default  driver  file: zfs  cluster: dir
        Nothing was changed, here or there.
        hint: seedbed plan node4.yaml
        ");
    }

    #[test]
    fn a_cause_that_the_message_already_says_is_not_said_twice() {
        let inner = std::io::Error::other("disk full");
        let outer = std::io::Error::other(inner);
        assert_eq!(chain(&outer), "disk full");
    }
}
