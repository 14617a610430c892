//! Bytes to text: YAML is Unicode, in UTF-8 or, behind a byte-order mark, in UTF-16 or UTF-32 (YAML 1.2.2, section 5.2).

use crate::manifest::loaded::Limits;
use crate::model::{Finding, Place};

/// How the characters of a file are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { is_big_endian: bool },
    Utf32 { is_big_endian: bool },
}

/// The text of a file, or of standard input.
///
/// # Errors
/// A finding at the first byte that fits no encoding of YAML, with the encoding that the file most likely has.
pub fn decode(path: &str, bytes: Vec<u8>) -> Result<String, Box<Finding>> {
    // Nobody reads a file that is too large: its length is all that counts.
    if bytes.len() > Limits::default().source_bytes_max {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    // A null is in no YAML: what looks like text in wide characters is not read as one full of nulls.
    if let Some(encoding) = Encoding::unmarked(&bytes) {
        return Err(Box::new(unmarked(path, encoding)));
    }
    let (encoding, mark) = Encoding::marked(&bytes);
    let decoded = match encoding {
        Encoding::Utf8 => return String::from_utf8(bytes).map_err(|wrong| Box::new(foreign(path, wrong))),
        Encoding::Utf16 { is_big_endian } => from_utf16(&bytes[mark..], is_big_endian),
        Encoding::Utf32 { is_big_endian } => from_utf32(&bytes[mark..], is_big_endian),
    };
    decoded.ok_or_else(|| {
        let message = format!("this file begins as {} and is not written so to its end", encoding.name());
        Box::new(Finding::error("SB002", message).at(Place::of_file(path)).helping("save the file as UTF-8"))
    })
}

impl Encoding {
    // With the length of the byte-order mark. That of UTF-8 is part of the text: it is told, and skipped.
    fn marked(bytes: &[u8]) -> (Self, usize) {
        match bytes {
            [0xff, 0xfe, 0, 0, ..] => (Self::Utf32 { is_big_endian: false }, 4),
            [0, 0, 0xfe, 0xff, ..] => (Self::Utf32 { is_big_endian: true }, 4),
            [0xff, 0xfe, ..] => (Self::Utf16 { is_big_endian: false }, 2),
            [0xfe, 0xff, ..] => (Self::Utf16 { is_big_endian: true }, 2),
            _ => (Self::Utf8, 0),
        }
    }

    // ASCII in wide characters is every other byte nothing.
    fn unmarked(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0, 0, 0, 1..=0x7f, ..] => Some(Self::Utf32 { is_big_endian: true }),
            [1..=0x7f, 0, 0, 0, ..] => Some(Self::Utf32 { is_big_endian: false }),
            [0, 1..=0x7f, 0, 1..=0x7f, ..] => Some(Self::Utf16 { is_big_endian: true }),
            [1..=0x7f, 0, 1..=0x7f, 0, ..] => Some(Self::Utf16 { is_big_endian: false }),
            _ => None,
        }
    }

    /// The name, as `iconv` knows it.
    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16 { is_big_endian: false } => "UTF-16LE",
            Self::Utf16 { is_big_endian: true } => "UTF-16BE",
            Self::Utf32 { is_big_endian: false } => "UTF-32LE",
            Self::Utf32 { is_big_endian: true } => "UTF-32BE",
        }
    }
}

fn from_utf16(bytes: &[u8], is_big_endian: bool) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let read = if is_big_endian { u16::from_be_bytes } else { u16::from_le_bytes };
    let text = char::decode_utf16(pairs.iter().map(|pair| read(*pair))).collect::<Result<String, _>>().ok()?;
    rest.is_empty().then_some(text)
}

fn from_utf32(bytes: &[u8], is_big_endian: bool) -> Option<String> {
    let (quads, rest) = bytes.as_chunks::<4>();
    let read = if is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
    let text = quads.iter().map(|quad| char::from_u32(read(*quad))).collect::<Option<String>>()?;
    rest.is_empty().then_some(text)
}

fn convert(path: &str, from: &str) -> String {
    format!("convert it: iconv -f {from} -t UTF-8 {path}")
}

fn unmarked(path: &str, encoding: Encoding) -> Finding {
    let message = format!("this file is {} without a byte-order mark, not UTF-8 text", encoding.name());
    Finding::error("SB002", message).at(Place::of_file(path)).helping(convert(path, encoding.name()))
}

// Without a mark, YAML is UTF-8: what is written otherwise can only be named.
fn foreign(path: &str, wrong: std::string::FromUtf8Error) -> Finding {
    let at = wrong.utf8_error().valid_up_to();
    let bytes = wrong.into_bytes();
    let place = place_of(path, &bytes, at);
    let byte = bytes.get(at).copied().unwrap_or_default();
    let finding = |maybe: String, help: String| {
        let message = format!("this file is not UTF-8 text: byte 0x{byte:02X} is wrong{maybe}");
        Finding::error("SB002", message).at(place).helping(help)
    };
    match latin(byte) {
        Some((letter, encoding)) => finding(format!(" (`{letter}` in {encoding}?)"), convert(path, encoding)),
        None => finding(String::new(), "save the file as UTF-8".to_owned()),
    }
}

fn place_of(path: &str, bytes: &[u8], at: usize) -> Place {
    let before = String::from_utf8_lossy(&bytes[..at]);
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Place {
        line: narrow(before.matches('\n').count() + 1),
        column: narrow(column),
        start: at,
        end: at + 1,
        ..Place::of_file(path)
    }
}

// What the byte is in the two encodings that Western files have most often.
fn latin(byte: u8) -> Option<(char, &'static str)> {
    const QUOTES: [(u8, char); 8] =
        [(0x80, '€'), (0x84, '„'), (0x91, '‘'), (0x92, '’'), (0x93, '“'), (0x94, '”'), (0x96, '–'), (0x97, '—')];
    match byte {
        0xa0.. => Some((char::from(byte), "ISO-8859-1")),
        byte => QUOTES.iter().find(|(known, _)| *known == byte).map(|(_, letter)| (*letter, "WINDOWS-1252")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "profiles:\n- name: wéb 😀\n";

    fn wide(is_big_endian: bool, mark: bool) -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(TEXT.encode_utf16());
        units.flat_map(|unit| if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    fn wider(is_big_endian: bool) -> Vec<u8> {
        let units = std::iter::once('\u{feff}').chain(TEXT.chars()).map(u32::from);
        units.flat_map(|unit| if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn a_mark_says_how_a_file_is_written() {
        for bytes in [TEXT.as_bytes().to_vec(), wide(false, true), wide(true, true), wider(false), wider(true)] {
            assert_eq!(decode("a.yaml", bytes).expect("text"), TEXT);
        }
    }

    #[test]
    fn what_has_no_mark_is_named() {
        let message = |bytes: Vec<u8>| {
            let finding = decode("a.yaml", bytes).expect_err("no text");
            assert_eq!(finding.code, "SB002");
            finding.to_string()
        };
        let named = "error[SB002]: this file is UTF-16BE without a byte-order mark, not UTF-8 text (a.yaml)";
        assert_eq!(message(wide(true, false)), named);
        let latin = message(b"a: 1\nb: caf\xe9\n".to_vec());
        assert_eq!(
            latin,
            "error[SB002]: this file is not UTF-8 text: byte 0xE9 is wrong (`é` in ISO-8859-1?) (a.yaml:2:7)"
        );
        assert!(message(b"a: \x93b\x94".to_vec()).contains("(`“` in WINDOWS-1252?) (a.yaml:1:4)"));
        let torn = [wide(false, true), vec![0]].concat();
        assert!(message(torn).contains("begins as UTF-16LE and is not written so to its end"));
    }
}
