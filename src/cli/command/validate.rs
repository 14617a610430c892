//! `seedbed validate PATH…`: no daemon, no network, the same result on any machine.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::against::Against;
use super::checkout;
use super::total::{LeftOut, Total, trimmed};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input::{Input, count, nothing, plural};
use crate::cli::layers::LayerArgs;
use crate::cli::parallel;
use crate::cli::screen::{Palette, Screen};
use crate::kinds::tables::dialect::Product;
use crate::manifest::report::{Format, Run, markdown, report};
use crate::manifest::{Colour, Dialect, Options, render};
use crate::model::{Severity, printable_json};

/// The arguments of `seedbed validate`.
#[derive(Args, Debug)]
#[command(
    after_help = "A file .seedbedignore, with the syntax of .gitignore, names what directories hold besides manifests.\n\
    A comment `# seedbed: allow CODE REASON`, behind a line or above it, allows what it finds there."
)]
pub struct ValidateArgs {
    /// Files, directories (every .yaml and .yml below), or `-` for standard input; together they are one desired state
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Each path is a set of its own: names and subnets of one say nothing to another
    #[arg(long)]
    each: bool,
    /// For whom the files are written: what the product refuses is an error
    #[arg(long, value_enum, default_value_t = DialectName::Auto, value_name = "PRODUCT")]
    dialect: DialectName,
    /// Count warnings as errors: the same as --fail-on warning
    #[arg(long, conflicts_with = "fail_on")]
    strict: bool,
    /// The least grave finding that makes the command fail
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = FailOn::Error)]
    fail_on: FailOn,
    /// Write a report for programs: text, json, sarif, github, gitlab or junit, to FILE or standard output; may be given several times
    #[arg(long, value_name = "FORMAT[=FILE]")]
    report: Vec<Report>,
    #[command(flatten)]
    layers: LayerArgs,
    #[command(flatten)]
    against: Against,
    /// Append a summary in Markdown to FILE, such as "$GITHUB_STEP_SUMMARY"
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
}

/// The dialects by their names on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DialectName {
    /// Whoever takes all of it; a warning when it mixes two products.
    Auto,
    /// Seedbed alone.
    Seedbed,
    /// LXD 5.0.
    #[value(name = "lxd-5.0")]
    Lxd50,
    /// LXD of today.
    Lxd,
    /// Incus of today.
    Incus,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Auto => Self::Auto,
            DialectName::Seedbed => Self::Seedbed,
            DialectName::Lxd50 => Self::Of(Product::Lxd50),
            DialectName::Lxd => Self::Of(Product::Lxd),
            DialectName::Incus => Self::Of(Product::Incus),
        }
    }
}

/// From which severity on the command fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Errors only.
    Error,
    /// Errors and warnings.
    Warning,
    /// Any finding.
    Note,
    /// Never because of findings, for uploaders that want exit code 0.
    Never,
}

/// One `--report`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Report {
    /// `None` for the text that people read.
    format: Option<Format>,
    /// `None` for standard output.
    file: Option<PathBuf>,
}

impl FromStr for Report {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) if !file.is_empty() && file != "-" => (name, Some(PathBuf::from(file))),
            Some((name, _)) => (name, None),
            None => (text, None),
        };
        let format = match name {
            "text" => None,
            name => {
                let known = Format::ALL.into_iter().find(|format| format.name() == name);
                Some(known.ok_or("the formats are text, json, sarif, github, gitlab and junit")?)
            }
        };
        Ok(Self { format, file })
    }
}

impl ValidateArgs {
    fn fail_on(&self) -> FailOn {
        if self.strict { FailOn::Warning } else { self.fail_on }
    }
}

/// Validates, and prints every finding.
///
/// # Errors
/// When there is nothing to read, the cluster cannot be asked, or a report cannot be written.
pub async fn run(args: &ValidateArgs, screen: Screen) -> Result<Exit, Failure> {
    let start = Instant::now();
    let mut output = Output::open(args, screen)?;
    let has_reports = args.summary.is_some() || args.report.iter().any(|report| report.format.is_some());
    let mut total = Total::new(has_reports || screen.format.is_for_programs());
    let only_findings = !args.against.is_asked();
    let options = Options { dialect: args.dialect.into(), only_findings, ..Options::default() };
    let sets: Vec<&[String]> = if args.each { args.paths.chunks(1).collect() } else { vec![&args.paths] };
    let look = output.look();
    // The text of a set is not needed any more once its findings are rendered.
    let done = |input: Input| (look.render(&input), trimmed(input, args.each));
    let mut take = |(rendered, input): (Rendered, Input)| {
        total.is_something |= !input.is_nothing();
        if args.each || total.is_something {
            output.show(&rendered)?;
        }
        total.absorb(input);
        Ok(())
    };
    if args.against.is_asked() {
        for set in sets {
            let mut input = Input::gather(set, &args.layers, &options)?;
            if !input.is_nothing() {
                args.against.check(&mut input, screen).await?;
            }
            take(done(input))?;
        }
    } else {
        let gather = |set: &&[String]| Input::gather(set, &args.layers, &options).map(done);
        parallel::in_order(&sets, gather, |input| take(input?))?;
    }
    if !total.is_something {
        // What was shown already is not told twice.
        return Err(nothing(&args.paths, if args.each { &[] } else { &total.findings }));
    }
    let elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let left_out = total.close();
    let Total { sources, findings, allowed, counts, .. } = &total;
    let checkout = checkout::find();
    let run = Run { sources, findings, allowed, counts, checkout: checkout.as_ref(), elapsed_ms };
    output.finish(&run)?;
    if let Some(file) = &args.summary {
        append(file, &markdown(&run))?;
    }
    screen.say(&summary_line(&run, &left_out));
    Ok(if fails(&run, args.fail_on()) { Exit::Failed } else { Exit::Done })
}

/// For whom findings become text.
#[derive(Clone, Copy)]
struct Look {
    screen: Option<Palette>,
    has_files: bool,
}

/// The findings of one set as text.
struct Rendered {
    screen: String,
    file: String,
}

impl Look {
    fn render(self, input: &Input) -> Rendered {
        let screen = self.screen.map(|palette| input.render(palette)).unwrap_or_default();
        let plain = || render(&input.loaded.findings, &input.sources, Colour::Never);
        Rendered { screen, file: if self.has_files { plain() } else { String::new() } }
    }
}

/// Where findings go: text at once, set by set; what programs read when all is known.
struct Output<'a> {
    reports: &'a [Report],
    screen: Screen,
    /// Whether people read standard output.
    shows_text: bool,
    /// The files of `--report text=FILE`.
    texts: Vec<(&'a Path, File)>,
}

impl<'a> Output<'a> {
    fn open(args: &'a ValidateArgs, screen: Screen) -> Result<Self, Failure> {
        let reports = args.report.as_slice();
        let mut texts = Vec::new();
        for file in reports.iter().filter(|report| report.format.is_none()).filter_map(|report| report.file.as_deref())
        {
            texts.push((file, File::create(file).map_err(|cause| unwritable(file, &cause))?));
        }
        let mut on_stdout = reports.iter().filter(|report| report.file.is_none()).peekable();
        let shows_text = match on_stdout.peek() {
            None => !screen.format.is_for_programs(),
            Some(_) => on_stdout.any(|report| report.format.is_none()),
        };
        Ok(Self { reports, screen, shows_text, texts })
    }

    fn look(&self) -> Look {
        Look { screen: self.shows_text.then_some(self.screen.data), has_files: !self.texts.is_empty() }
    }

    fn show(&mut self, rendered: &Rendered) -> Result<(), Failure> {
        if self.shows_text {
            self.screen.write(&rendered.screen)?;
        }
        for (path, file) in &mut self.texts {
            file.write_all(rendered.file.as_bytes()).map_err(|cause| unwritable(path, &cause))?;
        }
        Ok(())
    }

    fn finish(&self, run: &Run<'_>) -> Result<(), Failure> {
        for Report { format, file } in self.reports {
            match (format, file) {
                (None, _) => {}
                // The log of a job is read on a terminal, too.
                (Some(Format::Github), None) => self.screen.write(&report(Format::Github, run))?,
                (Some(format), None) => self.screen.write_exactly(&printable_json(&report(*format, run)))?,
                (Some(format), Some(file)) => {
                    std::fs::write(file, report(*format, run)).map_err(|cause| unwritable(file, &cause))?;
                }
            }
        }
        let takes_stdout = |report: &Report| report.file.is_none();
        if !self.screen.format.is_for_programs() || self.reports.iter().any(takes_stdout) {
            return Ok(());
        }
        let value = serde_json::from_str(&report(Format::Json, run)).expect("our own report is JSON");
        self.screen.write_value(&value)
    }
}

// A CI job's summary gathers what all its steps say.
fn append(file: &Path, text: &str) -> Result<(), Failure> {
    let open = File::options().create(true).append(true).open(file);
    open.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|cause| unwritable(file, &cause))
}

fn unwritable(file: &Path, cause: &std::io::Error) -> Failure {
    Failure::because(format!("write the report {}", file.display()), cause)
}

fn fails(run: &Run<'_>, fail_on: FailOn) -> bool {
    let worst = run.findings.iter().map(|finding| finding.severity).max();
    match fail_on {
        FailOn::Error => worst >= Some(Severity::Error),
        FailOn::Warning => worst >= Some(Severity::Warning),
        FailOn::Note => worst.is_some(),
        FailOn::Never => false,
    }
}

fn summary_line(run: &Run<'_>, left_out: &LeftOut) -> String {
    let told = |severity| count(run.findings, severity);
    // The finding that says so is none of them.
    let errors = told(Severity::Error) + left_out.errors - usize::from(left_out.errors > 0);
    let is_warning = left_out.errors == 0 && left_out.warnings > 0;
    let warnings = told(Severity::Warning) + left_out.warnings - usize::from(is_warning);
    let mut parts = vec![format!("{} valid", run.counts.valid)];
    if errors > 0 {
        parts.push(plural(errors, "error"));
    }
    if warnings > 0 {
        parts.push(plural(warnings, "warning"));
    }
    if !run.allowed.is_empty() {
        parts.push(format!("{} allowed", run.allowed.len()));
    }
    let (objects, files) = (plural(run.counts.objects, "object"), plural(run.sources.len(), "file"));
    format!("{objects} in {files}: {}, in {} ms", parts.join(", "), run.elapsed_ms)
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::manifest::{Counts, Source};
    use crate::model::Finding;

    fn check(findings: &[Finding], files: usize, objects: usize, valid: usize) -> (String, bool, bool) {
        let sources = vec![Source::new("a.yaml", ""); files];
        let counts = Counts { files, objects, valid, ..Counts::default() };
        let run = Run { sources: &sources, findings, allowed: &[], counts: &counts, checkout: None, elapsed_ms: 4 };
        (summary_line(&run, &LeftOut::default()), fails(&run, FailOn::Error), fails(&run, FailOn::Warning))
    }

    #[test]
    fn the_last_line_names_only_what_there_is() {
        assert_eq!(check(&[], 1, 1, 1), ("1 object in 1 file: 1 valid, in 4 ms".to_owned(), false, false));
        let findings = [Finding::error("SB001", "bad"), Finding::warning("SB002", "odd")];
        let line = "14 objects in 2 files: 13 valid, 1 error, 1 warning, in 4 ms".to_owned();
        assert_eq!(check(&findings, 2, 14, 13), (line, true, true));
    }

    #[test]
    fn warnings_fail_only_when_asked_to() {
        let (_, by_default, when_strict) = check(&[Finding::warning("SB002", "odd")], 1, 1, 1);
        assert!(!by_default && when_strict);
    }

    #[test]
    fn every_fail_on_fails_from_its_severity_on() {
        let found: [(&str, Vec<Finding>); 4] = [
            ("nothing", Vec::new()),
            ("a note", vec![Finding { severity: Severity::Note, ..Finding::error("SB011", "odd") }]),
            ("a warning", vec![Finding::warning("SB002", "odd")]),
            ("an error", vec![Finding::warning("SB002", "odd"), Finding::error("SB001", "bad")]),
        ];
        let table = [
            ("", [false, false, false, true]),
            ("--strict", [false, false, true, true]),
            ("--fail-on=error", [false, false, false, true]),
            ("--fail-on=warning", [false, false, true, true]),
            ("--fail-on=note", [false, true, true, true]),
            ("--fail-on=never", [false, false, false, false]),
        ];
        for (option, wanted) in table {
            let words = ["validate", option, "a.yaml"].into_iter().filter(|word| !word.is_empty());
            let command = ValidateArgs::augment_args(clap::Command::new("validate"));
            let matches = command.try_get_matches_from(words).expect(option);
            let args = ValidateArgs::from_arg_matches(&matches).expect(option);
            for ((name, findings), wanted) in found.iter().zip(wanted) {
                let (counts, sources) = (Counts::default(), Vec::new());
                let run =
                    Run { sources: &sources, findings, allowed: &[], counts: &counts, checkout: None, elapsed_ms: 0 };
                assert_eq!(fails(&run, args.fail_on()), wanted, "{option} with {name}");
            }
        }
        let both = ["validate", "--strict", "--fail-on=never", "a.yaml"];
        assert!(ValidateArgs::augment_args(clap::Command::new("validate")).try_get_matches_from(both).is_err());
    }

    #[test]
    fn a_report_is_a_format_and_perhaps_a_file() {
        let sarif = Report { format: Some(Format::Sarif), file: Some("out.sarif".into()) };
        assert_eq!("sarif=out.sarif".parse(), Ok(sarif));
        assert_eq!("github=-".parse(), Ok(Report { format: Some(Format::Github), file: None }));
        assert!("sarfi".parse::<Report>().is_err());
    }
}
