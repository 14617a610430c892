//! Certificates as people paste them into YAML: with doubled newlines, folded into one line, indented.

use x509_parser::pem::Pem;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// How a certificate arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Pasted {
    /// As it should be, or with newlines that could be repaired without a doubt.
    Good(String),
    /// All newlines had become blanks; repaired.
    Folded(String),
}

/// The certificates of a text in the form that every reader of PEM takes.
///
/// Line ends and indentation say nothing in PEM: the base64 between the marks is set anew.
///
/// # Errors
/// What is wrong, in words.
pub fn normalise(text: &str) -> Result<Pasted, &'static str> {
    let mut rest = text.trim();
    let mut all = String::new();
    let is_folded = rest.contains(END) && !rest.contains('\n');
    while !rest.is_empty() {
        let body = rest.strip_prefix(BEGIN).ok_or(match rest.contains(BEGIN) {
            true => "it starts with something else than `-----BEGIN CERTIFICATE-----`",
            false => "it has no line `-----BEGIN CERTIFICATE-----`",
        })?;
        let (body, after) = body.split_once(END).ok_or("it has no line `-----END CERTIFICATE-----`")?;
        let body: String = body.split_whitespace().collect();
        if body.contains("...") {
            return Err("its middle was replaced by `...`");
        }
        all.push_str(&framed(&body));
        rest = after.trim_start();
    }
    match Pem::iter_from_buffer(all.as_bytes()).next() {
        None => Err("it is empty"),
        Some(Err(_)) => Err("the text between the marks is no base64"),
        Some(Ok(pem)) if pem.parse_x509().is_err() => Err("what the base64 holds is no certificate"),
        Some(Ok(_)) if is_folded => Ok(Pasted::Folded(all)),
        Some(Ok(_)) => Ok(Pasted::Good(all)),
    }
}

fn framed(body: &str) -> String {
    let chars: Vec<char> = body.chars().collect();
    let lines: String = chars.chunks(64).map(|line| line.iter().collect::<String>() + "\n").collect();
    format!("{BEGIN}\n{lines}{END}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(["node1".to_owned()])
            .expect("a certificate")
            .cert
            .pem()
            .replace("\r\n", "\n")
    }

    #[test]
    fn doubled_newlines_and_indentation_do_no_harm() {
        let plain = certificate();
        for text in [plain.clone(), plain.replace('\n', "\n\n"), plain.replace('\n', "\r\n    "), format!("\n{plain}")]
        {
            assert_eq!(normalise(&text), Ok(Pasted::Good(plain.clone())));
        }
        assert_eq!(normalise(&plain.replace('\n', " ")), Ok(Pasted::Folded(plain.clone())));
        assert_eq!(normalise(&(plain.clone() + &plain)), Ok(Pasted::Good(plain.clone() + &plain)));
    }

    #[test]
    fn what_is_no_certificate_is_refused_with_the_reason() {
        let plain = certificate();
        for (text, reason) in [
            (String::new(), "it is empty"),
            ("MIIB".to_owned(), "it has no line `-----BEGIN CERTIFICATE-----`"),
            (plain[..100].to_owned(), "it has no line `-----END CERTIFICATE-----`"),
            (format!("{BEGIN}\nMIIB\n...\n{END}"), "its middle was replaced by `...`"),
            (format!("{BEGIN}\n<cert>\n{END}"), "the text between the marks is no base64"),
            (format!("{BEGIN}\nUExBQ0VIT0xERVI=\n{END}"), "what the base64 holds is no certificate"),
        ] {
            assert_eq!(normalise(&text), Err(reason));
        }
    }
}
