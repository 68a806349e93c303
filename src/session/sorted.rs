//! A map for the few things that each of very many sessions remembers: no spare buckets, no hash
//! keys, nothing at all while it is empty.

/// Ordered by key. Adding and removing cost a move of what follows: not for tens of thousands.
#[derive(Clone, Debug)]
pub struct SortedMap<K, V>(Vec<(K, V)>);

/// The keys alone.
pub type SortedSet<K> = SortedMap<K, ()>;

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.find(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(self.0.len() / 4 + 1);
                }
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.find(key).ok()?;
        let (_, value) = self.0.remove(at);
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
        Some(value)
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let at = self.find(key).ok()?;
        Some(&self.0[at].1)
    }

    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key).ok()?;
        Some(&mut self.0[at].1)
    }

    pub fn contains_key(&self, key: &K) -> bool {
        self.find(key).is_ok()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// Keeps what `keep` wants.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        self.0.retain(|(key, value)| keep(key, value));
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }

    fn find(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_in_order_each_once() {
        let mut map = SortedMap::default();
        for key in [5, 1, 9, 3, 5] {
            map.insert(key, key * 10);
        }
        assert_eq!(map.keys().copied().collect::<Vec<_>>(), [1, 3, 5, 9]);
        assert_eq!(map.insert(3, 31), Some(30));
        assert_eq!(map.get_mut(&3), Some(&mut 31));
        assert_eq!((map.remove(&5), map.remove(&5)), (Some(50), None));
        map.retain(|key, _| *key > 1);
        assert_eq!(map.iter().collect::<Vec<_>>(), [(&3, &31), (&9, &90)]);
        assert!(!map.contains_key(&1));
        map.retain(|_, _| false);
        assert_eq!(map.0.capacity(), 0, "empty, it holds nothing");
    }
}
