//! Colours, in one place: every screen names what a text means, never how it looks.

use std::io::IsTerminal;

use anstyle::{AnsiColor, Style};

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
            format!("{}{text}{}", style.render(), style.render_reset())
        } else {
            text.to_owned()
        }
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
