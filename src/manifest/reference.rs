//! Secrets by reference: a manifest names where a secret is kept instead of the secret itself.

/// Where a secret is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretReference {
    /// `env:NAME`: a variable of the environment of whoever reads.
    Env(String),
    /// `file:/path`: a file, without the line end at its end.
    File(String),
    /// `exec:PROGRAM ARGUMENT…`: what a program prints; no shell reads the line.
    Exec(Vec<String>),
}

impl SecretReference {
    /// Reads a reference; `None` for every other text.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        match scheme {
            "env" if is_variable(rest) => Some(Self::Env(rest.to_owned())),
            "file" if rest.starts_with('/') => Some(Self::File(rest.to_owned())),
            "exec" if !rest.trim().is_empty() => Some(Self::Exec(rest.split_whitespace().map(str::to_owned).collect())),
            _ => None,
        }
    }
}

fn is_variable(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_passwords() {
        assert_eq!(SecretReference::parse("env:TRUST"), Some(SecretReference::Env("TRUST".to_owned())));
        assert_eq!(SecretReference::parse("file:/run/pw"), Some(SecretReference::File("/run/pw".to_owned())));
        let sops = ["sops", "-d", "pw.enc"].map(str::to_owned).to_vec();
        assert_eq!(SecretReference::parse("exec:sops -d  pw.enc"), Some(SecretReference::Exec(sops)));
        for text in ["sekret", "env:", "env:a b", "file:pw", "exec: ", "env:1A", "http://x"] {
            assert_eq!(SecretReference::parse(text), None, "{text}");
        }
    }
}
