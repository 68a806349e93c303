//! Secrets of log-ins and invites: 256 random bits, of which the store sees only SHA-256.

use crate::entry::Hash;
use sha2::{Digest as _, Sha256};
use std::fmt;

const SECRET_BYTES: usize = 32;

/// A fresh secret, shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Mints 256 random bits.
    pub fn mint() -> Self {
        Self(hex(&random::<SECRET_BYTES>()))
    }

    /// What the client keeps.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps.
    pub fn hash(&self) -> Hash {
        digest(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// The hash under which a presented secret would be stored; `None` if it cannot be one of ours.
pub fn hash_of_presented(secret: &str) -> Option<Hash> {
    let ours = secret.len() == SECRET_BYTES * 2
        && secret
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    ours.then(|| digest(secret))
}

/// `N` random bytes of the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(secret: &str) -> Hash {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_secret_is_found_again_by_its_hash_and_never_printed() {
        let secret = Secret::mint();
        assert_eq!(hash_of_presented(secret.reveal()), Some(secret.hash()));
        assert_ne!(Secret::mint(), secret);
        assert_eq!(format!("{secret:?}"), "Secret(***)");
    }

    #[test]
    fn what_cannot_be_a_secret_is_never_looked_up() {
        for wrong in ["", "abc", &"A".repeat(64), &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(hash_of_presented(wrong), None, "{wrong:?}");
        }
    }
}
