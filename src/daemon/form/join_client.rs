//! Join client: tries each address, verifies the certificate of the cluster, and proves what it was given.

use crate::api::{ApiError, JoinChallenge, JoinHello, JoinOffer, JoinProof, JoinRequest, JoinWelcome};
use crate::client::{Client, ClientError, Identity, fetch_certificate, fingerprint};
use crate::model::MemberName;
use crate::service::access::password::Passwords;
use crate::service::{CHALLENGE, HELLO, OFFER};

use super::part::{Credential, Endpoints, Known};

/// A cluster that has been reached.
pub struct JoinClient {
    /// Requests go here; the certificate is pinned.
    pub client: Client,
    /// What proves the right to join.
    pub proof: JoinProof,
}

/// Tries the doors until one opens.
///
/// # Errors
/// Why each of them did not.
pub async fn reach(
    doors: &Endpoints,
    (name, passwords): (&MemberName, &Passwords),
    identity: &Identity,
    certificate: &str,
) -> Result<JoinClient, ApiError> {
    let mut reasons = Vec::new();
    for address in &doors.addresses {
        match knock(doors, address, (name, passwords), (identity, certificate)).await {
            Ok(contact) => return Ok(contact),
            // A wrong certificate or password is the same at every door.
            Err(error) if doors.addresses.len() == 1 => {
                let ApiError { message, .. } = &error;
                return Err(ApiError { message: format!("{message}{}", founder(doors)), ..error });
            }
            Err(error) => reasons.push(error.message),
        }
    }
    let reasons = reasons.join("; ");
    let text = format!("no member of the cluster lets this one in: {reasons}; nothing was changed{}", founder(doors));
    Err(ApiError::unavailable(text))
}

fn founder(doors: &Endpoints) -> String {
    let founder = doors.founder.as_ref();
    founder.map_or_else(String::new, |name| format!(". {name} is the first of the list and forms the cluster"))
}

/// Until both ends have shown that they are whom the other one looks for, nothing is said of what is to join.
async fn knock(
    doors: &Endpoints,
    address: &str,
    (name, passwords): (&MemberName, &Passwords),
    (identity, certificate): (&Identity, &str),
) -> Result<JoinClient, ApiError> {
    let pinned = match &doors.known {
        Known::Certificate(certificate) => certificate.clone(),
        Known::Fingerprint(wanted) => {
            let shown = fetch_certificate(address).await.map_err(not_reached)?;
            if fingerprint(&shown).map_err(not_reached)? != *wanted {
                let text =
                    format!("Certificate fingerprint mismatch between join token and cluster member {address:?}");
                return Err(ApiError::bad_request(text));
            }
            shown
        }
        Known::ByPassword => fetch_certificate(address).await.map_err(not_reached)?,
    };
    let client = Client::https(address, &pinned, Some(identity)).map_err(not_reached)?;
    let cluster = fingerprint(&pinned).map_err(not_reached)?;
    let joiner = fingerprint(certificate).map_err(not_reached)?;
    let challenge: JoinChallenge = client.get(CHALLENGE).await.map_err(not_reached)?;
    if !challenge.enabled {
        return Err(ApiError::unavailable(format!("the member at {address} is in no cluster yet: bootstrap it first")));
    }
    let (keys, proof) = match &doors.credential {
        Credential::Token(secret) => (None, JoinProof::Token(secret.clone())),
        Credential::Password(password) => {
            if challenge.parameters.is_empty() {
                let text = "the cluster has no trust password: set core.trust_password there, or use a token";
                return Err(ApiError::bad_request(text));
            }
            let keys = passwords.keys(password, &challenge.parameters).await?;
            let proof = JoinProof::Password(keys.proof(&cluster, &joiner));
            (Some(keys), proof)
        }
    };
    let hello = JoinHello { server_name: name.clone(), proof: proof.clone() };
    let welcome: JoinWelcome = client.post(HELLO, &hello).await.map_err(refused)?;
    if keys.is_some_and(|keys| !keys.is_welcome(&cluster, &joiner, &welcome.proof)) {
        return Err(ApiError::forbidden_because(
            "whoever answers there does not know the trust password: it is not the cluster; nothing was changed",
        ));
    }
    Ok(JoinClient { client, proof })
}

impl JoinClient {
    /// Asks for a place.
    pub async fn ask(&self, request: &JoinRequest) -> Result<JoinOffer, ApiError> {
        self.client.post(OFFER, request).await.map_err(refused)
    }
}

fn not_reached(error: ClientError) -> ApiError {
    match error {
        ClientError::Api { status, message, findings } => ApiError::new(status, message).with_findings(findings),
        other => ApiError::bad_request(format!("cannot join: {other}; nothing was changed")),
    }
}

/// What the cluster says about a joiner is the joiner's answer, with all its findings.
pub fn refused(error: ClientError) -> ApiError {
    match error {
        ClientError::Api { status: 403, message, .. } => ApiError::new(
            403,
            format!("the cluster refuses this member: {message}; nothing was changed, here or there"),
        ),
        ClientError::Api { status, message, findings } => {
            ApiError::new(status, format!("{message}; nothing was changed, here or there")).with_findings(findings)
        }
        other => ApiError::unavailable(format!("cannot join: {other}; nothing was changed here")),
    }
}
