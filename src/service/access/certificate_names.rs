//! Names of certificates: what a certificate says of itself.

/// The common name of the one that a certificate was made for; empty when it has none.
pub fn common_name(der: &[u8]) -> String {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else { return String::new() };
    let mut names = certificate.subject().iter_common_name();
    names.next().and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned()
}
