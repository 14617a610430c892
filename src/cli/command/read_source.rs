//! `seedbed read-source MEMORY_BYTES PROCESSOR_S`: what the daemon starts to have the manifests of a source read.
//!
//! It is no command for people, so that no help, completion or manual names it, and it begins before anything else of
//! this program: no runtime, no threads, no files. What it reads on standard input, and what it answers, is
//! `crate::watch::handed`.

use std::ffi::OsString;
use std::io;

use crate::cli::exit::Exit;
use crate::host::linux::{Bounds, confine};
use crate::watch::handed;

/// Its name.
const NAME: &str = "read-source";

/// Reads one set, when that is what the arguments of this process ask for.
pub fn asked(arguments: impl IntoIterator<Item = OsString>) -> Option<Exit> {
    let words: Vec<OsString> = arguments.into_iter().skip(1).take(4).collect();
    if words.first()? != NAME {
        return None;
    }
    Some(match read(&words[1..]) {
        Ok(()) => Exit::Done,
        Err(cause) => {
            eprintln!("{cause}");
            Exit::Failed
        }
    })
}

fn read(words: &[OsString]) -> io::Result<()> {
    let number = |word: &OsString| word.to_str()?.parse::<u64>().ok();
    let bounds = match words {
        [memory, processor] => number(memory).zip(number(processor)),
        _ => None,
    };
    let (memory_bytes, processor_s) = bounds.ok_or_else(|| {
        io::Error::other("the daemon runs this by itself: seedbed read-source MEMORY_BYTES PROCESSOR_S")
    })?;
    confine(Bounds { memory_bytes, processor_s })?;
    handed::serve(&mut io::stdin().lock(), io::stdout())
}
