//! The hash chain over entries (R13): what shows that a log was not changed behind our back.

use super::{Entry, WireEntry};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
pub type Hash = [u8; 32];
/// Random bytes that keep the digest of an erased body from being guessed.
pub type Salt = [u8; 16];

/// An entry as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    pub entry: Entry,
    /// `None` once the content was erased (R15).
    pub salt: Option<Salt>,
    /// Salted digest of the content; stays when the content goes.
    pub digest: Hash,
    /// The chain: hash of the previous link, the entry without its content, and the digest.
    pub link: Hash,
}

impl StoredEntry {
    /// Seals `entry` onto the chain that ends in `previous`.
    pub fn seal(entry: Entry, salt: Salt, previous: &Hash) -> Self {
        let digest = digest_of(entry.event.content(), &salt);
        let link = link_of(previous, &entry, &digest);
        Self {
            entry,
            salt: Some(salt),
            digest,
            link,
        }
    }

    /// Whether link and (where not erased) digest are what the content says.
    pub fn verifies_after(&self, previous: &Hash) -> bool {
        let whole = match &self.salt {
            Some(salt) => digest_of(self.entry.event.content(), salt) == self.digest,
            None => true,
        };
        whole && link_of(previous, &self.entry, &self.digest) == self.link
    }
}

/// SHA-256 over salt and content.
pub fn digest_of(content: Option<&str>, salt: &Salt) -> Hash {
    let mut hash = Sha256::new();
    hash.update(b"chapiana content 1\0");
    hash.update(salt);
    match content {
        Some(text) => {
            hash.update([1]);
            hash.update(text.as_bytes());
        }
        None => hash.update([0]),
    }
    hash.finalize().into()
}

fn link_of(previous: &Hash, entry: &Entry, digest: &Hash) -> Hash {
    let mut bare = WireEntry::from(entry);
    bare.hide_content();
    let bare = serde_json::to_vec(&bare).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(b"chapiana link 1\0");
    hash.update(previous);
    hash.update((bare.len() as u64).to_be_bytes());
    hash.update(&bare);
    hash.update(digest);
    hash.finalize().into()
}
