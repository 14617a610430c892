//! The first contact of a joiner with the cluster: which door opens, and whether it is the right house.

use crate::api::{ApiError, JoinChallenge, JoinOffer, JoinProof, JoinRequest, Secret};
use crate::client::{Client, ClientError, Identity, fetch_certificate, fingerprint};
use crate::http::password::{self, Purpose};
use crate::http::{CHALLENGE, OFFER};

use super::part::{Credential, Doors, Known};

/// A cluster that has been reached.
pub struct Contact {
    /// Requests go here; the certificate is pinned.
    pub client: Client,
    /// The fingerprint of its certificate.
    pub cluster: String,
    /// The key of the password, when a password is what opens.
    key: Option<Vec<u8>>,
    /// What proves the right to join.
    pub proof: JoinProof,
    joiner: String,
}

/// Tries the doors until one opens.
///
/// # Errors
/// Why each of them did not.
pub async fn reach(doors: &Doors, identity: &Identity, certificate: &str) -> Result<Contact, ApiError> {
    let mut reasons = Vec::new();
    for address in &doors.addresses {
        match knock(doors, address, identity, certificate).await {
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

fn founder(doors: &Doors) -> String {
    let founder = doors.founder.as_ref();
    founder.map_or_else(String::new, |name| format!(". {name} is the first of the list and forms the cluster"))
}

async fn knock(doors: &Doors, address: &str, identity: &Identity, certificate: &str) -> Result<Contact, ApiError> {
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
    let (key, proof) = match &doors.credential {
        Credential::Token(secret) => (None, JoinProof::Token(secret.clone())),
        Credential::Password(password) => {
            if challenge.parameters.is_empty() {
                let text = "the cluster has no trust password: set core.trust_password there, or use a token";
                return Err(ApiError::bad_request(text));
            }
            let key = password::key(password, &challenge.parameters).await?;
            let proof = password::proof(&key, Purpose::Join, &cluster, &joiner);
            (Some(key), JoinProof::Password(proof))
        }
    };
    Ok(Contact { client, cluster, key, proof, joiner })
}

impl Contact {
    /// Asks for a place. The answer counts only from a cluster that knows the password too.
    pub async fn ask(&self, request: &JoinRequest) -> Result<JoinOffer, ApiError> {
        let offer: JoinOffer = self.client.post(OFFER, request).await.map_err(refused)?;
        if let Some(key) = &self.key {
            let wanted: Secret = password::proof(key, Purpose::Welcome, &self.cluster, &self.joiner);
            if !password::is_same(wanted.reveal().as_bytes(), offer.proof.reveal().as_bytes()) {
                return Err(ApiError::forbidden_because(
                    "whoever answers there does not know the trust password: it is not the cluster; nothing was changed",
                ));
            }
        }
        Ok(offer)
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
