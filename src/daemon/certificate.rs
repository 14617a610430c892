//! Certificates: made once, known by their exact bytes.

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, date_time_ymd,
};

use super::error::DaemonError;
use crate::api::Secret;
use crate::service::Pair;

/// A new certificate for this machine: who it is, to clients while it stands alone and to the other members always. It
/// says for which names it is, though members compare only the whole of it.
///
/// # Errors
/// When the names are no names.
pub fn of_machine(hostname: &str) -> Result<Pair, DaemonError> {
    generate(hostname, vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth])
}

/// A new certificate for all members of a cluster. It says who answers and never who asks, so it is for servers alone.
///
/// # Errors
/// When the names are no names.
pub fn of_cluster(hostname: &str) -> Result<Pair, DaemonError> {
    generate(hostname, vec![ExtendedKeyUsagePurpose::ServerAuth])
}

fn generate(hostname: &str, usages: Vec<ExtendedKeyUsagePurpose>) -> Result<Pair, DaemonError> {
    let failed =
        |cause: rcgen::Error| DaemonError::Certificate { doing: "make a certificate", detail: cause.to_string() };
    let names = vec![hostname.to_owned(), "localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut parameters = CertificateParams::new(names).map_err(failed)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, "Seedbed");
    subject.push(DnType::CommonName, hostname);
    parameters.distinguished_name = subject;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    parameters.extended_key_usages = usages;
    // Pinned certificates are replaced on purpose, never by the calendar.
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2099, 12, 31);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    Ok(Pair { certificate: certificate.pem(), key: Secret::new(key.serialize_pem()) })
}
