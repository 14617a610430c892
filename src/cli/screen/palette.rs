//! Colours, in one place: every screen names what a text means, never how it looks.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::IsTerminal;
use std::sync::LazyLock;

use anstyle::{AnsiColor, Style};

use crate::model::printable;

/// Stands for the start of an escape sequence until the text is written. Text of others cannot hold it: nobody knows the
/// number, which is another one in each process.
static MARK: LazyLock<String> =
    LazyLock::new(|| format!("\u{1}{:016x}\u{2}", RandomState::new().build_hasher().finish()));

/// The text with everything of others written out that a terminal would obey; colours stay marked.
pub fn tamed(text: &str) -> Cow<'_, str> {
    if !is_painted(text) {
        return printable(text);
    }
    let parts: Vec<Cow<'_, str>> = text.split(MARK.as_str()).map(printable).collect();
    Cow::Owned(parts.join(&MARK))
}

/// The text as a terminal takes it: colours are escape sequences, and nothing else is.
pub(super) fn for_terminal(text: &str) -> String {
    tamed(text).replace(MARK.as_str(), "\u{1b}")
}

/// Whether a text holds colours.
pub(super) fn is_painted(text: &str) -> bool {
    text.contains(MARK.as_str())
}

/// The columns that a text takes on a terminal, its colours not counted.
pub(super) fn columns(text: &str) -> usize {
    let mut parts = text.split(MARK.as_str());
    let plain = parts.next().map_or(0, |part| part.chars().count());
    // What follows a mark begins with the rest of an escape sequence.
    let coloured = parts.map(|part| part.split_once('m').map_or(0, |(_, rest)| rest.chars().count()));
    plain + coloured.sum::<usize>()
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Also into files and pipes.
    Always,
    /// Never.
    Never,
}

/// Paints text by its meaning, or leaves it plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    coloured: bool,
}

impl Palette {
    /// No colours.
    pub fn plain() -> Self {
        Self { coloured: false }
    }

    /// Colours.
    #[cfg(test)]
    pub fn coloured() -> Self {
        Self { coloured: true }
    }

    /// What the user asked for, on this stream.
    pub fn choose(colour: Colour, stream: &impl IsTerminal) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let coloured = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => {
                stream.is_terminal() && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        Self { coloured }
    }

    /// Whether this paints at all.
    pub fn is_coloured(self) -> bool {
        self.coloured
    }

    fn paint(self, style: Style, text: &str) -> String {
        if self.coloured && !text.is_empty() {
            let (on, off) = (style.render().to_string(), style.render_reset().to_string());
            format!("{}{}{}", marked(&on), printable(text), marked(&off))
        } else {
            text.to_owned()
        }
    }

    /// Text that this program has coloured itself, and that holds nothing of others which a terminal would obey.
    pub fn own(self, text: &str) -> String {
        if self.coloured { marked(text) } else { text.to_owned() }
    }

    /// Something failed.
    pub fn error(self, text: &str) -> String {
        self.paint(AnsiColor::BrightRed.on_default().bold(), text)
    }

    /// Something needs a look.
    pub fn warning(self, text: &str) -> String {
        self.paint(AnsiColor::BrightYellow.on_default().bold(), text)
    }

    /// All is well.
    pub fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default(), text)
    }

    /// Under way.
    pub fn busy(self, text: &str) -> String {
        self.paint(AnsiColor::Cyan.on_default(), text)
    }

    /// Not needed to understand the rest.
    pub fn dim(self, text: &str) -> String {
        self.paint(Style::new().dimmed(), text)
    }

    /// What the eye is to find first.
    pub fn strong(self, text: &str) -> String {
        self.paint(Style::new().bold(), text)
    }

    /// What to do next.
    pub fn hint(self, text: &str) -> String {
        self.paint(AnsiColor::BrightCyan.on_default().bold(), text)
    }
}

fn marked(sequences: &str) -> String {
    sequences.replace('\u{1b}', &MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_colours_of_this_program_reach_a_terminal() {
        let text = format!("{} \u{1b}[8m\u{1b}[2Khidden", Palette::coloured().good("a\u{1b}[0mb"));
        let shown = for_terminal(&text);
        assert_eq!(shown.matches('\u{1b}').count(), 2, "{shown:?}");
        assert!(shown.contains("a\\u{1b}[0mb") && shown.contains("\\u{1b}[2Khidden"), "{shown:?}");
        let forged = "\u{1}0000000000000000\u{2}[2K";
        assert!(!for_terminal(forged).contains('\u{1b}'));
    }

    #[test]
    fn colours_take_no_columns() {
        assert_eq!(columns(&Palette::coloured().good("ready")), 5);
        assert_eq!(columns(&format!("a {} b", Palette::coloured().error("xyz"))), 7);
    }
}
