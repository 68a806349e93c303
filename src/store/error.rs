//! How the store fails.

use std::fmt;

/// What went wrong at the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The write may or may not have happened (time-out, failing fsync, full disk at commit).
    Unknown(String),
    /// The store cannot make anything durable now (no quorum, disk full, behind its witness). Nothing was written.
    NotDurable(String),
    /// The store cannot answer now; for reads, and for writes that were surely not begun.
    Unavailable(String),
    /// What was read cannot be: a hole, a broken chain, a malformed row. Never skipped.
    Corrupt(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Unknown(why) => write!(f, "outcome unknown: {why}"),
            StoreError::NotDurable(why) => write!(f, "not durable: {why}"),
            StoreError::Unavailable(why) => write!(f, "unavailable: {why}"),
            StoreError::Corrupt(why) => write!(f, "corrupt: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<StoreError> for crate::error::Error {
    fn from(error: StoreError) -> Self {
        use crate::error::{Code, Error};
        match error {
            StoreError::Unknown(_) => Error::new(
                Code::Unknown,
                "The outcome is not known. Send the same again.",
            ),
            StoreError::NotDurable(_) => {
                Error::new(Code::NotDurable, "Nothing can be stored durably right now.")
            }
            StoreError::Unavailable(_) => {
                Error::new(Code::Unavailable, "The store does not answer right now.")
            }
            StoreError::Corrupt(_) => Error::internal(),
        }
    }
}

pub type StoreResult<T> = Result<T, StoreError>;
