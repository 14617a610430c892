//! Signatures of the cluster on what it hands out and takes back: HMAC-SHA256 under a key that only members can know.

use sha2::{Digest, Sha256};

use super::password::is_same;
use crate::service::server::Server;
use crate::service::wire::hex;

const BLOCK_BYTES: usize = 64;

/// The mark of a text.
pub fn sign(server: &Server, text: &str) -> String {
    hex(&hmac(&key(server), text.as_bytes()))
}

/// Whether this cluster has made the mark for this very text.
pub fn is_signed(server: &Server, text: &str, found: &str) -> bool {
    is_same(sign(server, text).as_bytes(), found.as_bytes())
}

/// All members have the cluster's private key; a member that stands alone has its own.
fn key(server: &Server) -> [u8; 32] {
    let pair = server.credentials.presented();
    hmac(b"seedbed saved plan", pair.key.reveal().as_bytes())
}

/// RFC 2104.
pub fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut block = [0; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4231_come_out() {
        for (key, text, wanted) in [
            (vec![0x0b; 20], "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 131],
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ] {
            assert_eq!(hex(&hmac(&key, text.as_bytes())), wanted, "{text}");
        }
    }
}
