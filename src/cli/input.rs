//! Manifests as the user names them: files, directories, `-`.

use super::exit::Exit;
use super::failure::Failure;
use super::layers::LayerArgs;
use super::screen::{Palette, Screen};
use crate::manifest::{self, Dialect, Layers, Loaded, Options, Source, Sources, Variables};
use crate::model::{Finding, Severity, Timestamp};

/// What was read, and what it says.
#[derive(Debug)]
pub struct Input {
    /// The texts: findings are shown with their lines.
    pub sources: Vec<Source>,
    /// What they declare, with all findings, those of reading included.
    pub loaded: Loaded,
    /// How they were put together.
    pub reading: Reading,
}

/// What it takes to load the same texts once more.
#[derive(Debug, Default)]
pub struct Reading {
    /// How many sources each layer has.
    layers: Vec<usize>,
    variables: Option<Variables>,
    /// Whether something that is there could not be read: a finding, and not nothing.
    has_unreadable: bool,
}

/// Findings about files that nobody has given to a cluster yet. Where one is asked, it knows whether a name is there, and
/// the files are for Seedbed.
const FOR_FILES_ALONE: [&str; 2] = ["SB113", "SB175"];

impl Input {
    /// Reads and validates.
    ///
    /// # Errors
    /// When there is nothing to read at all, or standard input cannot be read.
    pub fn read(paths: &[String], layers: &LayerArgs) -> Result<Self, Failure> {
        let input = Self::gather(paths, layers, &Options::default())?;
        if input.is_nothing() { Err(nothing(paths, &input.loaded.findings)) } else { Ok(input) }
    }

    /// Reads and validates what there is, which may be nothing.
    ///
    /// # Errors
    /// When standard input cannot be read.
    pub fn gather(paths: &[String], layers: &LayerArgs, options: &Options) -> Result<Self, Failure> {
        let stdin = if paths.iter().any(|path| path == Source::STDIN) { Some(read_stdin()?) } else { None };
        let Sources { sources, mut findings, mut has_unreadable, .. } = manifest::read_paths(paths, stdin.as_deref());
        let mut all = vec![sources];
        for overlay in &layers.overlays {
            let read = manifest::read_paths(std::slice::from_ref(overlay), None);
            findings.extend(read.findings);
            has_unreadable |= read.has_unreadable;
            all.push(read.sources);
        }
        let variables = layers.variables()?;
        let options = Options { now: Some(Timestamp(jiff::Timestamp::now().as_millisecond())), ..*options };
        let mut loaded = manifest::load_layers(&Layers { layers: &all, variables: variables.as_ref() }, &options);
        loaded.findings.splice(0..0, findings);
        let reading = Reading { layers: all.iter().map(Vec::len).collect(), variables, has_unreadable };
        Ok(Self { sources: all.into_iter().flatten().collect(), loaded, reading })
    }

    /// What the same texts say when they are written for somebody else. Nothing of this input changes.
    pub fn written_for(&mut self, dialect: Dialect) -> Loaded {
        let Reading { layers, variables, .. } = &self.reading;
        let mut sources = std::mem::take(&mut self.sources).into_iter();
        let all: Vec<Vec<Source>> = layers.iter().map(|count| sources.by_ref().take(*count).collect()).collect();
        let options = Options { dialect, only_findings: true, ..Options::default() };
        let loaded = manifest::load_layers(&Layers { layers: &all, variables: variables.as_ref() }, &options);
        self.sources = all.into_iter().flatten().collect();
        loaded
    }

    /// Whether the paths hold no manifest at all.
    pub fn is_nothing(&self) -> bool {
        !self.reading.has_unreadable
            && (self.loaded.counts.documents == 0 && self.loaded.is_usable() || self.sources.is_empty())
    }

    /// Reads what must be valid: a plan, an apply, an init. Warnings are told, errors refuse.
    ///
    /// # Errors
    /// The findings, when an error is among them.
    pub fn read_valid(paths: &[String], layers: &LayerArgs, screen: Screen) -> Result<Self, Failure> {
        let mut input = Self::read(paths, layers)?;
        input.loaded.findings.retain(|finding| !FOR_FILES_ALONE.contains(&finding.code.as_str()));
        let findings = &input.loaded.findings;
        if !findings.is_empty() && (!screen.is_quiet || !input.loaded.is_usable()) {
            screen.print_talk(&input.render(screen.talk));
        }
        if input.loaded.is_usable() {
            return Ok(input);
        }
        let errors = count(findings, Severity::Error);
        Err(Failure::new(Exit::Failed, format!("the manifest has {}", plural(errors, "error")))
            .untouched("Nothing was sent to the cluster.")
            .hint(format!("correct it and look again: seedbed validate {}", paths.join(" "))))
    }

    /// All findings for people.
    pub fn render(&self, palette: Palette) -> String {
        let colour = if palette.is_coloured() { manifest::Colour::Always } else { manifest::Colour::Never };
        palette.own(&manifest::render(&self.loaded.findings, &self.sources, colour))
    }
}

/// How many findings have this severity.
pub fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

/// `1 error`, `2 errors`.
pub fn plural(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn read_stdin() -> Result<Vec<u8>, Failure> {
    manifest::read_bounded(std::io::stdin().lock())
        .map_err(|cause| Failure::because("read standard input", &cause).exiting(Exit::NoInput))
}

fn spoken(paths: &[String]) -> String {
    let names: Vec<&str> =
        paths.iter().map(|path| if path == Source::STDIN { "standard input" } else { path.as_str() }).collect();
    names.join(", ")
}

/// There is nothing to read.
pub fn nothing(paths: &[String], findings: &[Finding]) -> Failure {
    let failure = Failure::new(Exit::NoInput, format!("there is no manifest in {}", spoken(paths)));
    // A note on an empty file says nothing new here.
    let graver = findings.iter().filter(|finding| finding.severity > Severity::Note);
    graver
        .fold(failure, |failure, finding| failure.detail(finding.message.clone()))
        .hint("name a file, a directory with .yaml files, or `-` for standard input")
}
