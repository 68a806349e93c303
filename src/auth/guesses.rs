//! Whose credential it probably is. A guess only saves waiting: what it leads to is read beside the
//! log-in itself, and used only if that names the same person.

use crate::entry::Hash;
use crate::ids::UserId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Beyond it the memory starts anew.
const GUESSES_MAX: usize = 50_000;

/// Who used a credential last on this node.
#[derive(Debug, Default)]
pub struct Guesses(Mutex<HashMap<Hash, UserId>>);

impl Guesses {
    pub fn of(&self, secret: &Hash) -> Option<UserId> {
        self.known().get(secret).copied()
    }

    pub fn learn(&self, secret: Hash, user: UserId) {
        let mut known = self.known();
        if known.len() >= GUESSES_MAX {
            known.clear();
        }
        known.insert(secret, user);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Hash, UserId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
