//! The trust password: kept as an argon2id hash, proven without being sent.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

use super::answer::hex;
use crate::api::{ApiError, Secret};

const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
const BLOCK_BYTES: usize = 64;

/// What a proof is for. A proof for one purpose is none for the other, so it cannot be sent back as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A member wants in.
    Join,
    /// The cluster shows that it knows the password too.
    Welcome,
}

/// A stored password, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    parameters: Params,
    salt: Vec<u8>,
    key: Vec<u8>,
}

/// The text to store for a password: `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`. Takes some 20 ms on purpose.
pub async fn hash(password: &Secret) -> Result<String, ApiError> {
    let mut salt = vec![0; SALT_BYTES];
    getrandom::fill(&mut salt)
        .map_err(|cause| ApiError::failed(format!("the system gives no random numbers: {cause}")))?;
    let key = derive(password.clone(), Params::default(), salt.clone()).await?;
    Ok(Stored { parameters: Params::default(), salt, key }.text())
}

/// Remembers the last password that fitted, so that a manifest that is applied again and again does not cost its
/// 20 ms each time. Kept is a keyed digest whose key never leaves the process.
pub struct Remembered {
    key: Vec<u8>,
    last: std::sync::Mutex<Option<[u8; KEY_BYTES]>>,
}

impl Default for Remembered {
    fn default() -> Self {
        let mut key = vec![0; KEY_BYTES];
        // Without random numbers nothing is remembered: see `digest`.
        if getrandom::fill(&mut key).is_err() {
            key.clear();
        }
        Self { key, last: std::sync::Mutex::new(None) }
    }
}

impl Remembered {
    /// Whether a password is the stored one.
    pub async fn fits(&self, password: &Secret, stored: &str) -> Result<bool, ApiError> {
        let digest = self.digest(password, stored);
        if digest.is_some_and(|digest| self.last().is_some_and(|last| is_same(&last, &digest))) {
            return Ok(true);
        }
        let fits = fits(password, stored).await?;
        if fits {
            *self.last() = digest;
        }
        Ok(fits)
    }

    fn digest(&self, password: &Secret, stored: &str) -> Option<[u8; KEY_BYTES]> {
        let text = format!("{stored}\n{}", password.reveal());
        (!self.key.is_empty()).then(|| hmac(&self.key, text.as_bytes()))
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<[u8; KEY_BYTES]>> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Whether a password is the stored one.
pub async fn fits(password: &Secret, stored: &str) -> Result<bool, ApiError> {
    let stored = Stored::parse(stored).ok_or_else(unreadable)?;
    let key = derive(password.clone(), stored.parameters.clone(), stored.salt.clone()).await?;
    Ok(is_same(&key, &stored.key))
}

/// What somebody who knows the password needs for a proof: the stored text without its hash.
pub fn challenge(stored: &str) -> Result<String, ApiError> {
    Stored::parse(stored).ok_or_else(unreadable)?;
    Ok(stored.rsplit_once('$').map(|(parameters, _)| parameters.to_owned()).unwrap_or_default())
}

/// The key that a password gives under the parameters of a challenge.
pub async fn key(password: &Secret, challenge: &str) -> Result<Vec<u8>, ApiError> {
    let stored = Stored::parse(&format!("{challenge}$")).ok_or_else(unreadable)?;
    // A server that is not known yet must not make this one compute for hours or fill its memory.
    if stored.parameters.m_cost() > 1 << 18 || stored.parameters.t_cost() > 16 {
        return Err(ApiError::bad_request("the cluster asks for more than this member is willing to compute"));
    }
    derive(password.clone(), stored.parameters, stored.salt).await
}

/// The key of a stored password.
pub fn stored_key(stored: &str) -> Result<Vec<u8>, ApiError> {
    Stored::parse(stored).map(|stored| stored.key).ok_or_else(unreadable)
}

/// The proof that its maker knows the key. It names both certificates: it is worth nothing on another connection.
pub fn proof(key: &[u8], purpose: Purpose, cluster: &str, joiner: &str) -> Secret {
    let word = match purpose {
        Purpose::Join => "join",
        Purpose::Welcome => "welcome",
    };
    Secret::new(hex(&hmac(key, format!("seedbed {word}\n{cluster}\n{joiner}").as_bytes())))
}

/// Whether two secrets are the same, in a time that does not tell where they differ.
pub fn is_same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

impl Stored {
    fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('$').collect();
        let ["", "argon2id", "v=19", costs, salt, key] = parts.as_slice() else { return None };
        let cost = |name: &str| costs.split(',').find_map(|part| part.strip_prefix(name)?.parse::<u32>().ok());
        let parameters = Params::new(cost("m=")?, cost("t=")?, cost("p=")?, Some(KEY_BYTES)).ok()?;
        Some(Self { parameters, salt: STANDARD_NO_PAD.decode(salt).ok()?, key: STANDARD_NO_PAD.decode(key).ok()? })
    }

    fn text(&self) -> String {
        let Self { parameters, salt, key } = self;
        format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            parameters.m_cost(),
            parameters.t_cost(),
            parameters.p_cost(),
            STANDARD_NO_PAD.encode(salt),
            STANDARD_NO_PAD.encode(key)
        )
    }
}

async fn derive(password: Secret, parameters: Params, salt: Vec<u8>) -> Result<Vec<u8>, ApiError> {
    let work = move || {
        let mut key = vec![0; KEY_BYTES];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        argon2.hash_password_into(password.reveal().as_bytes(), &salt, &mut key).map(|()| key)
    };
    let derived = tokio::task::spawn_blocking(work).await;
    match derived {
        Ok(Ok(key)) => Ok(key),
        Ok(Err(cause)) => Err(ApiError::bad_request(format!("the password cannot be hashed: {cause}"))),
        Err(_) => Err(ApiError::unavailable("the daemon is shutting down")),
    }
}

fn unreadable() -> ApiError {
    ApiError::failed("the stored trust password cannot be read: set core.trust_password again")
}

/// HMAC-SHA-256 as RFC 2104 has it.
fn hmac(key: &[u8], message: &[u8]) -> [u8; KEY_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        block[..KEY_BYTES].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_gives_what_rfc_4231_says() {
        let cases: [(&[u8], &[u8], &str); 2] = [
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, message, expected) in cases {
            assert_eq!(hex(&hmac(key, message)), expected);
        }
    }

    #[tokio::test]
    async fn a_remembered_password_is_still_compared_with_what_is_stored_now() {
        let (password, memory) = (Secret::new("sekret"), Remembered::default());
        let stored = hash(&password).await.expect("a hash");
        for _ in 0..2 {
            assert!(memory.fits(&password, &stored).await.expect("compared"));
            assert!(!memory.fits(&Secret::new("guess"), &stored).await.expect("compared"));
        }
        let changed = hash(&Secret::new("other")).await.expect("a hash");
        assert!(!memory.fits(&password, &changed).await.expect("compared"));
    }

    #[tokio::test]
    async fn a_password_is_proven_without_the_stored_text_giving_it_away() {
        let password = Secret::new("sekret");
        let stored = hash(&password).await.expect("a hash");
        assert!(!stored.contains("sekret"));
        assert!(fits(&password, &stored).await.expect("compared"));
        assert!(!fits(&Secret::new("guess"), &stored).await.expect("compared"));
        let parameters = challenge(&stored).expect("a challenge");
        assert!(stored.starts_with(&parameters) && stored.len() > parameters.len() + 40);
        let key = key(&password, &parameters).await.expect("a key");
        assert_eq!(key, stored_key(&stored).expect("the stored key"));
        let join = proof(&key, Purpose::Join, "aa", "bb");
        assert_ne!(join, proof(&key, Purpose::Welcome, "aa", "bb"));
        assert_ne!(join, proof(&key, Purpose::Join, "cc", "bb"));
    }
}
