//! What a command may print on: data on standard output, talk on standard error.

mod fit;
mod format;
mod palette;
mod table;

use std::io::{self, ErrorKind, IsTerminal, Write};

pub use format::Format;
pub use palette::{Colour, Palette};
pub use table::Table;

use super::exit::Exit;
use super::failure::Failure;

/// The two streams and how to write on them.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// How data is written.
    pub format: Format,
    /// Colours of data.
    pub data: Palette,
    /// Colours of talk.
    pub talk: Palette,
    /// Whether talk goes to a terminal: bars and lines that change only then.
    pub is_live: bool,
    /// Whether talk is wanted.
    pub is_quiet: bool,
    /// The columns of the terminal, or of a page.
    pub width: usize,
    /// The columns of the terminal that data goes to; `None` for files and programs, which get tables whole.
    pub columns: Option<usize>,
}

impl Screen {
    /// The screen that the user asked for.
    pub fn new(format: Format, colour: Colour, is_quiet: bool) -> Self {
        Self {
            format,
            data: Palette::choose(colour, &io::stdout()),
            talk: Palette::choose(colour, &io::stderr()),
            is_live: io::stderr().is_terminal(),
            is_quiet,
            width: width(),
            columns: columns(),
        }
    }

    /// Writes data for people: nothing in it moves the cursor, whoever has written it. A reader that has gone (`| head`) is
    /// no failure.
    ///
    /// # Errors
    /// What stopped the write, such as a full disk.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        self.write_exactly(&palette::for_terminal(text))
    }

    /// Writes one value: as it is for a program, as [`Screen::write`] does for people.
    ///
    /// # Errors
    /// See [`Screen::write`].
    pub fn write_one(&self, text: &str) -> Result<(), Failure> {
        if io::stdout().is_terminal() { self.write(text) } else { self.write_exactly(text) }
    }

    /// Writes text in a format for programs, in which what a terminal would obey is written out already.
    ///
    /// # Errors
    /// See [`Screen::write`].
    pub fn write_exactly(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(cause) if cause.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::because("write the result to standard output", &cause))
            }
            _ => Ok(()),
        }
    }

    /// Writes a value as JSON or YAML; text formats show it as YAML, as LXD's client does.
    ///
    /// # Errors
    /// See [`Screen::write`].
    pub fn write_value(&self, value: &serde_json::Value) -> Result<(), Failure> {
        self.write_exactly(&format::value(self.format, value)?)
    }

    /// Writes a table, or `value` in its place when a format for programs is asked for.
    ///
    /// # Errors
    /// See [`Screen::write`].
    pub fn write_table(&self, table: &Table, value: &serde_json::Value) -> Result<(), Failure> {
        match self.format {
            Format::Table => self.write(&match self.columns {
                Some(width) => table.fitted(self.data, width),
                None => table.boxed(),
            }),
            Format::Compact => self.write(&match self.columns {
                Some(width) => table.aligned_in(self.data, width),
                None => table.aligned(self.data),
            }),
            Format::Csv => self.write(&table.csv()),
            Format::Json | Format::Yaml => self.write_value(value),
        }
    }

    /// One line of talk.
    pub fn say(&self, line: &str) {
        if !self.is_quiet {
            self.print_talk(&format!("{line}\n"));
        }
    }

    /// A failure; said even when talk is not wanted.
    pub fn fail(&self, failure: &Failure) -> Exit {
        self.print_talk(&failure.render(self.talk));
        failure.exit
    }

    /// Text on standard error. Nobody can be told when that fails.
    pub fn print_talk(&self, text: &str) {
        let _ = io::stderr().lock().write_all(palette::for_terminal(text).as_bytes());
    }

    /// Clears a terminal on standard output, for what is drawn anew.
    ///
    /// # Errors
    /// See [`Screen::write`].
    pub fn clear(&self) -> Result<(), Failure> {
        self.write_exactly("\u{1b}[H\u{1b}[2J")
    }

    /// Writes a line of talk over the one that the cursor stands in.
    pub fn print_over(&self, line: &str) {
        let line = format!("\r{}\u{1b}[K", palette::for_terminal(line));
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }
}

/// The columns of a wide page, for talk that goes to no terminal.
const PAGE: usize = 100;

// What a program reads is not cut to a width.
fn columns() -> Option<usize> {
    io::stdout().is_terminal().then(width)
}

fn width() -> usize {
    let told = std::env::var_os("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    told.or_else(|| Some(usize::from(rustix::termios::tcgetwinsize(io::stdout()).ok()?.ws_col)))
        .filter(|columns| *columns >= 40)
        .unwrap_or(PAGE)
}
