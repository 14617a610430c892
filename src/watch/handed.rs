//! What is handed to a process that reads a set, and what it hands back.
//!
//! To it: the length of a header (8 bytes, little endian), the header as JSON, and the bytes of all files in its order.
//! Back: a line of JSON for each file that it begins with, and a last one with what the set declares.

use std::collections::HashMap;
use std::io::{self, BufWriter, Read, Write};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::set::{Recipe, load_telling};
use super::tree::RawSource;
use crate::manifest::Loaded;
use crate::model::{Desired, Finding};

/// A status shows fewer; the others are only counted.
const FINDINGS_MAX: usize = 100;
/// All names of a set together.
const HEADER_BYTES_MAX: u64 = 64 << 20;

/// What stands before the files.
#[derive(Debug, Serialize, Deserialize)]
pub struct Header {
    recipe: Recipe,
    /// The path and the number of bytes of each file of each root.
    roots: Vec<Vec<(String, usize)>>,
}

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Said {
    /// It begins with the file of this number, counted through all roots; with all of them together at `null`.
    Reading(Option<usize>),
    /// It has read the set.
    Read(Answer),
}

/// What a set declares.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Empty when the set cannot be used.
    pub desired: Desired,
    /// The first of the findings, errors before all others.
    pub findings: Vec<Finding>,
    /// How many errors were found.
    pub errors: usize,
}

impl Header {
    /// The header of these files.
    pub fn of(roots: &[Vec<RawSource>], recipe: &Recipe) -> Self {
        let entry = |file: &RawSource| (file.path.clone(), file.bytes.len());
        Self { recipe: recipe.clone(), roots: roots.iter().map(|root| root.iter().map(entry).collect()).collect() }
    }

    /// As it is sent, its length first.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; 8];
        serde_json::to_writer(&mut bytes, self)?;
        let length = u64::try_from(bytes.len() - 8).unwrap_or(u64::MAX);
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        Ok(bytes)
    }

    /// The path of each file, by its number.
    pub fn paths(&self) -> Vec<String> {
        self.roots.iter().flatten().map(|(path, _)| path.clone()).collect()
    }

    fn read(input: &mut impl Read) -> io::Result<Self> {
        let mut length = [0; 8];
        input.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > HEADER_BYTES_MAX {
            return Err(io::Error::other("the names of its files are too long"));
        }
        let mut bytes = Vec::new();
        input.take(length).read_to_end(&mut bytes)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

impl From<Loaded> for Answer {
    fn from(loaded: Loaded) -> Self {
        let is_usable = loaded.is_usable();
        let Loaded { desired, mut findings, .. } = loaded;
        let errors = findings.iter().filter(|finding| finding.is_error()).count();
        findings.sort_by_key(|finding| !finding.is_error());
        findings.truncate(FINDINGS_MAX);
        Self { desired: if is_usable { desired } else { Desired::default() }, findings, errors }
    }
}

/// Reads one set that is handed over, and hands back what it declares. This is all that a process does which reads a
/// set for somebody else.
///
/// # Errors
/// When what is handed over ends early, or nobody takes the answer.
pub fn serve(input: &mut impl Read, output: impl Write + Send) -> io::Result<()> {
    let Header { recipe, roots: names } = Header::read(input)?;
    let mut roots = Vec::with_capacity(names.len());
    let (mut numbers, mut number) = (HashMap::new(), 0);
    for root in names {
        let mut files = Vec::with_capacity(root.len());
        for (path, length) in root {
            let mut bytes = vec![0; length];
            input.read_exact(&mut bytes)?;
            numbers.entry(path.clone()).or_insert(number);
            number += 1;
            files.push(RawSource { path, bytes });
        }
        roots.push(files);
    }
    let output = Mutex::new(BufWriter::new(output));
    let say = |said: &Said| {
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut *output, said)?;
        output.write_all(b"\n")?;
        output.flush()
    };
    // Nobody listens any more: the end will tell.
    let tell = |path: &str| drop(say(&Said::Reading(numbers.get(path).copied())));
    let answer = Answer::from(load_telling(roots, &recipe, &tell));
    say(&Said::Read(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> RawSource {
        RawSource { path: path.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    fn said(roots: &[Vec<RawSource>], recipe: &Recipe) -> Vec<Said> {
        let mut input = Header::of(roots, recipe).bytes().expect("a header");
        input.extend(roots.iter().flatten().flat_map(|file| file.bytes.clone()));
        let mut output = Vec::new();
        serve(&mut input.as_slice(), &mut output).expect("read");
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("a line")).collect()
    }

    fn answer(roots: &[Vec<RawSource>], recipe: &Recipe) -> Answer {
        match said(roots, recipe).pop() {
            Some(Said::Read(answer)) => answer,
            other => panic!("no answer but {other:?}"),
        }
    }

    #[test]
    fn what_is_handed_back_is_what_reading_it_here_would_give() {
        let base = vec![
            file("a.yaml", "profiles:\n- {name: web, config: {limits.cpu: \"${CPUS}\"}}\n"),
            file("b.yaml", "profiles:\n- name: db\n"),
        ];
        let prod = vec![file("c.yaml", "profiles:\n- {name: web, description: \"a \u{e9}\"}\n")];
        let variables = Some([("CPUS".to_owned(), "3".to_owned())].into());
        let (roots, recipe) = ([base, prod], Recipe { overlays: 1, variables });
        let here = load_telling(roots.to_vec(), &recipe, &|_| ());
        let there = answer(&roots, &recipe);
        assert!(here.is_usable() && here.desired.objects.len() == 2, "{:?}", here.findings);
        assert_eq!((there.desired, there.findings, there.errors), (here.desired, here.findings, 0));
    }

    #[test]
    fn who_is_ended_has_said_at_which_file() {
        let roots = [vec![file("a.yaml", "profiles:\n- name: web\n"), file("b.yaml", "- x\n")]];
        let told: Vec<Option<usize>> = said(&roots, &Recipe::default())
            .into_iter()
            .filter_map(|said| match said {
                Said::Reading(number) => Some(number),
                Said::Read(_) => None,
            })
            .collect();
        assert_eq!(told.first(), Some(&Some(0)));
        assert!(told.contains(&Some(1)));
        assert_eq!(told.last(), Some(&None), "{told:?}");
    }

    #[test]
    fn of_a_bad_set_nothing_is_handed_back_but_some_findings_and_their_number() {
        let text: String = (0..300).map(|n| format!("- {{name: p{n}, colour: red}}\n")).collect();
        let answer = answer(&[vec![file("a.yaml", &format!("profiles:\n{text}"))]], &Recipe::default());
        assert!(answer.desired.objects.is_empty());
        assert_eq!(answer.findings.len(), FINDINGS_MAX);
        assert!(answer.errors > FINDINGS_MAX, "{}", answer.errors);
    }

    #[test]
    fn what_ends_early_or_is_no_header_is_an_error() {
        let whole =
            Header::of(&[vec![file("a.yaml", "profiles: []\n")]], &Recipe::default()).bytes().expect("a header");
        for input in [&whole[..], &whole[..20], &[0xff; 8], b""] {
            assert!(serve(&mut &*input, Vec::new()).is_err(), "{} bytes", input.len());
        }
    }
}
