//! Facts that are read outside: one reading of a thing at a time, and one more for what
//! changed meanwhile. So what was read first is never shown last, however long the store is away.

use std::collections::BTreeMap;

/// Readings under way, and whether something changed since they began.
#[derive(Debug)]
pub(super) struct Readings<K>(BTreeMap<K, bool>);

impl<K> Default for Readings<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Copy + Ord> Readings<K> {
    /// It changed. Whether to begin to read it.
    pub fn begin(&mut self, key: K) -> bool {
        let is_new = !self.0.contains_key(&key);
        self.0.insert(key, !is_new);
        is_new
    }

    /// What is being read of it may be old.
    pub fn doubt(&mut self, key: K) {
        if let Some(changed) = self.0.get_mut(&key) {
            *changed = true;
        }
    }

    /// It was read. Whether it changed meanwhile and is to be read again.
    pub fn end(&mut self, key: K) -> bool {
        let changed = self.0.remove(&key).unwrap_or(false);
        if changed {
            self.0.insert(key, false);
        }
        changed
    }
}
