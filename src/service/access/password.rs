//! The trust password: kept so that what is kept neither opens anything nor tells it, and proven without being sent.
//!
//! As SCRAM has it (RFC 5802), with argon2id for the costly step: of the key that only the password gives, a hash is
//! kept to know it by, and another key with which the cluster shows that it has that. Whoever copies what is kept, such
//! as a member that was removed, can join with it no more than a stranger.

use argon2::Params;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use super::key_derivation::{Asker, KEY_BYTES, KeyDerivation};
use super::signature::hmac;
use crate::api::{ApiError, Secret};
use crate::service::wire::hex;

const SALT_BYTES: usize = 16;
/// More than this no cluster asks for: one that this member does not know yet must not fill its memory.
const MEMORY_KIB_MAX: u32 = 64 << 10;
const PASSES_MAX: u32 = 8;
const LANES_MAX: u32 = 4;

/// A stored password, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    parameters: Params,
    salt: Vec<u8>,
    /// The hash of the key that only somebody who knows the password has.
    verifier: [u8; KEY_BYTES],
    /// The key with which the cluster proves itself.
    cluster: [u8; KEY_BYTES],
}

/// What a password gives under the parameters of a challenge.
pub struct Keys {
    joiner: [u8; KEY_BYTES],
    cluster: [u8; KEY_BYTES],
}

impl Keys {
    fn of(derived: &[u8]) -> Self {
        Self { joiner: hmac(derived, b"seedbed joiner"), cluster: hmac(derived, b"seedbed cluster") }
    }

    fn verifier(&self) -> [u8; KEY_BYTES] {
        Sha256::digest(self.joiner).into()
    }

    /// The proof of somebody who wants in. It names both certificates: it is worth nothing on another connection.
    pub fn proof(&self, cluster: &str, joiner: &str) -> Secret {
        let mask = hmac(&self.verifier(), &said("join", cluster, joiner));
        Secret::new(hex(&mixed(&self.joiner, &mask)))
    }

    /// Whether the cluster has shown that it knows the password, too.
    pub fn is_welcome(&self, cluster: &str, joiner: &str, shown: &Secret) -> bool {
        let wanted = hex(&hmac(&self.cluster, &said("welcome", cluster, joiner)));
        is_same(wanted.as_bytes(), shown.reveal().as_bytes())
    }
}

/// Derives what passwords give, and remembers the last password that fitted, so that a manifest that is applied again
/// and again does not cost its 20 ms each time. Kept is a keyed digest whose key never leaves the process.
pub struct Passwords {
    derivation: KeyDerivation,
    key: Vec<u8>,
    last: std::sync::Mutex<Option<[u8; KEY_BYTES]>>,
}

impl Default for Passwords {
    fn default() -> Self {
        let mut key = vec![0; KEY_BYTES];
        // Without random numbers nothing is remembered: see `digest`.
        if getrandom::fill(&mut key).is_err() {
            key.clear();
        }
        Self { derivation: KeyDerivation::default(), key, last: std::sync::Mutex::new(None) }
    }
}

impl Passwords {
    /// The text to store for a password: `$argon2id$v=19$m=…,t=…,p=…$SALT$KEYS`. Takes some 20 ms on purpose.
    pub async fn hash(&self, password: &Secret) -> Result<String, ApiError> {
        let mut salt = vec![0; SALT_BYTES];
        getrandom::fill(&mut salt)
            .map_err(|cause| ApiError::failed(format!("the system gives no random numbers: {cause}")))?;
        let parameters = Params::default();
        let derived = self.derivation.derive(password, parameters.clone(), salt.clone(), Asker::Trusted).await?;
        let keys = Keys::of(&derived);
        Ok(Stored { parameters, salt, verifier: keys.verifier(), cluster: keys.cluster }.text())
    }

    /// The keys that a password gives under the parameters of a challenge.
    ///
    /// # Errors
    /// When whoever answers asks for a key that is cheaper to guess than the one that a cluster keeps, or for one that
    /// costs this member too much.
    pub async fn keys(&self, password: &Secret, challenge: &str) -> Result<Keys, ApiError> {
        let (parameters, salt) = acceptable(challenge)?;
        Ok(Keys::of(&self.derivation.derive(password, parameters, salt, Asker::Trusted).await?))
    }

    /// Whether a password is the stored one.
    pub async fn fits(&self, password: &Secret, stored: &str, asker: Asker) -> Result<bool, ApiError> {
        let digest = self.digest(password, stored);
        if digest.is_some_and(|digest| self.last().is_some_and(|last| is_same(&last, &digest))) {
            return Ok(true);
        }
        let fits = self.compare(password, stored, asker).await?;
        if fits {
            *self.last() = digest;
        }
        Ok(fits)
    }

    async fn compare(&self, password: &Secret, stored: &str, asker: Asker) -> Result<bool, ApiError> {
        let Stored { parameters, salt, verifier, .. } = Stored::parse(stored).ok_or_else(unreadable)?;
        let derived = self.derivation.derive(password, parameters, salt, asker).await?;
        Ok(is_same(&Keys::of(&derived).verifier(), &verifier))
    }

    fn digest(&self, password: &Secret, stored: &str) -> Option<[u8; KEY_BYTES]> {
        let text = format!("{stored}\n{}", password.reveal());
        (!self.key.is_empty()).then(|| hmac(&self.key, text.as_bytes()))
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<[u8; KEY_BYTES]>> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What somebody who knows the password needs for a proof: the stored text without its keys.
pub fn challenge(stored: &str) -> Result<String, ApiError> {
    Stored::parse(stored).ok_or_else(unreadable)?;
    Ok(stored.rsplit_once('$').map(|(parameters, _)| parameters.to_owned()).unwrap_or_default())
}

/// The parameters of a challenge, when they are worth an answer.
fn acceptable(challenge: &str) -> Result<(Params, Vec<u8>), ApiError> {
    let unreadable = || ApiError::bad_request("the cluster's challenge cannot be read; nothing was changed");
    let (parameters, salt) = parameters_of(challenge).ok_or_else(unreadable)?;
    let (memory, passes, lanes) = (parameters.m_cost(), parameters.t_cost(), parameters.p_cost());
    let usual = Params::default();
    if memory < usual.m_cost() || passes < usual.t_cost() || salt.len() < SALT_BYTES {
        return Err(ApiError::forbidden_because(
            "whoever answers there asks for a proof that makes the trust password easy to guess, which no cluster does; \
             nothing was sent and nothing was changed",
        ));
    }
    if memory > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
        return Err(ApiError::bad_request("the cluster asks for more than this member is willing to compute"));
    }
    Ok((parameters, salt))
}

/// Whether somebody has proven that they know the stored password.
pub fn is_proven(stored: &str, cluster: &str, joiner: &str, shown: &Secret) -> Result<bool, ApiError> {
    let stored = Stored::parse(stored).ok_or_else(unreadable)?;
    let Some(shown) = unhex(shown.reveal()) else { return Ok(false) };
    let mask = hmac(&stored.verifier, &said("join", cluster, joiner));
    let verifier: [u8; KEY_BYTES] = Sha256::digest(mixed(&shown, &mask)).into();
    Ok(is_same(&verifier, &stored.verifier))
}

/// The cluster's proof that it knows the password, too.
pub fn welcome(stored: &str, cluster: &str, joiner: &str) -> Result<Secret, ApiError> {
    let stored = Stored::parse(stored).ok_or_else(unreadable)?;
    Ok(Secret::new(hex(&hmac(&stored.cluster, &said("welcome", cluster, joiner)))))
}

/// A proof for one purpose is none for the other, so it cannot be sent back as an answer.
fn said(purpose: &str, cluster: &str, joiner: &str) -> Vec<u8> {
    format!("seedbed {purpose}\n{cluster}\n{joiner}").into_bytes()
}

fn mixed(one: &[u8; KEY_BYTES], other: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    std::array::from_fn(|at| one[at] ^ other[at])
}

fn unhex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let bytes: Vec<u8> = digits?.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    bytes.try_into().ok().filter(|_| text.len() == 2 * KEY_BYTES)
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn is_same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        let (challenge, keys) = text.rsplit_once('$')?;
        let (parameters, salt) = parameters_of(challenge)?;
        let keys = STANDARD_NO_PAD.decode(keys).ok()?;
        let (verifier, cluster) = keys.split_at_checked(KEY_BYTES)?;
        Some(Self { parameters, salt, verifier: verifier.try_into().ok()?, cluster: cluster.try_into().ok()? })
    }

    fn text(&self) -> String {
        let Self { parameters, salt, verifier, cluster } = self;
        format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            parameters.m_cost(),
            parameters.t_cost(),
            parameters.p_cost(),
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode([verifier.as_slice(), cluster].concat())
        )
    }
}

fn parameters_of(challenge: &str) -> Option<(Params, Vec<u8>)> {
    let parts: Vec<&str> = challenge.split('$').collect();
    let ["", "argon2id", "v=19", costs, salt] = parts.as_slice() else { return None };
    let cost = |name: &str| costs.split(',').find_map(|part| part.strip_prefix(name)?.parse::<u32>().ok());
    let parameters = Params::new(cost("m=")?, cost("t=")?, cost("p=")?, Some(KEY_BYTES)).ok()?;
    Some((parameters, STANDARD_NO_PAD.decode(salt).ok()?))
}

fn unreadable() -> ApiError {
    ApiError::failed("the stored trust password cannot be read: set core.trust_password again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_remembered_password_is_still_compared_with_what_is_stored_now() {
        let (password, memory) = (Secret::new("sekret"), Passwords::default());
        let fits =
            async |given: &Secret, stored: &str| memory.fits(given, stored, Asker::Trusted).await.expect("compared");
        let stored = memory.hash(&password).await.expect("a hash");
        for _ in 0..2 {
            assert!(fits(&password, &stored).await);
            assert!(!fits(&Secret::new("guess"), &stored).await);
        }
        let changed = memory.hash(&Secret::new("other")).await.expect("a hash");
        assert!(!fits(&password, &changed).await);
    }

    #[tokio::test]
    async fn a_password_is_proven_both_ways_without_being_sent_and_for_one_connection_only() {
        let (password, memory) = (Secret::new("sekret"), Passwords::default());
        let stored = memory.hash(&password).await.expect("a hash");
        assert!(!stored.contains("sekret"));
        let challenge = challenge(&stored).expect("a challenge");
        assert!(stored.starts_with(&challenge) && stored.len() > challenge.len() + 80);
        let keys = memory.keys(&password, &challenge).await.expect("keys");
        let proof = keys.proof("aa", "bb");
        let proven =
            |cluster: &str, joiner: &str, shown: &Secret| is_proven(&stored, cluster, joiner, shown).expect("readable");
        assert!(proven("aa", "bb", &proof));
        assert!(!proven("cc", "bb", &proof) && !proven("aa", "cc", &proof), "on another connection");
        for wrong in ["", "00", "zz", &"0".repeat(64), &format!("{}00", proof.reveal())] {
            assert!(!proven("aa", "bb", &Secret::new(wrong)), "{wrong}");
        }
        let guessed = memory.keys(&Secret::new("guess"), &challenge).await.expect("keys");
        assert!(!proven("aa", "bb", &guessed.proof("aa", "bb")));
        let welcome = welcome(&stored, "aa", "bb").expect("a proof");
        assert!(keys.is_welcome("aa", "bb", &welcome) && !keys.is_welcome("aa", "cc", &welcome));
        assert!(!guessed.is_welcome("aa", "bb", &welcome) && !keys.is_welcome("aa", "bb", &proof));
    }

    #[tokio::test]
    async fn what_is_stored_does_not_open_the_cluster() {
        let stored = Passwords::default().hash(&Secret::new("sekret")).await.expect("a hash");
        let Stored { verifier, cluster, .. } = Stored::parse(&stored).expect("readable");
        for joiner in [verifier, cluster] {
            let forged = Keys { joiner, cluster }.proof("aa", "bb");
            assert!(!is_proven(&stored, "aa", "bb", &forged).expect("readable"));
        }
    }

    #[test]
    fn a_joiner_answers_no_challenge_that_makes_its_password_cheap_or_its_own_work_endless() {
        let salt = STANDARD_NO_PAD.encode([1; SALT_BYTES]);
        for (costs, salt, status) in [
            ("m=8,t=1,p=1", salt.as_str(), 403),
            ("m=19455,t=2,p=1", &salt, 403),
            ("m=19456,t=1,p=1", &salt, 403),
            ("m=19456,t=2,p=1", "AAAAAAAAAAA", 403),
            ("m=262144,t=16,p=1", &salt, 400),
            ("m=19456,t=9,p=1", &salt, 400),
            ("m=19456,t=2,p=5", &salt, 400),
        ] {
            let refused = acceptable(&format!("$argon2id$v=19${costs}${salt}")).err();
            assert_eq!(refused.map(|error| error.status), Some(status), "{costs} {salt}");
        }
    }
}
