//! People: the public side of an account, kept in memory, and the directory of handles.

use crate::draft::clean_handle;
use crate::ids::UserId;
use crate::store::{Store, StoreResult, User};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Profiles that a node keeps; beyond it the memory starts anew.
const PROFILES_MAX: usize = 50_000;
/// Handles looked up for one body.
const HANDLES_MAX: usize = 50;

/// What everybody in the workspace may know of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Profile {
    pub id: UserId,
    pub name: String,
    pub handle: String,
    pub title: String,
    /// IANA name of the time zone, or empty.
    pub tz: String,
    /// Address of the picture.
    pub avatar: Option<String>,
}

impl From<&User> for Profile {
    fn from(user: &User) -> Self {
        Self {
            id: user.id,
            name: user.name.clone(),
            handle: user.handle.clone(),
            title: user.title.clone(),
            tz: user.tz.clone(),
            avatar: None,
        }
    }
}

/// A cache of public profiles before the store.
#[derive(Clone)]
pub struct People {
    store: Arc<dyn Store>,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    profiles: HashMap<UserId, Arc<Profile>>,
    /// Raised by each `invalidate`: what was read before it is not kept.
    generation: u64,
}

impl People {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            known: Arc::default(),
        }
    }

    /// The profiles of `ids`; people who do not exist are left out.
    pub async fn get(&self, ids: &[UserId]) -> StoreResult<HashMap<UserId, Arc<Profile>>> {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        let generation = {
            let known = self.known();
            for id in ids {
                match known.profiles.get(id) {
                    Some(profile) => {
                        found.insert(*id, Arc::clone(profile));
                    }
                    None => missing.push(*id),
                }
            }
            known.generation
        };
        if missing.is_empty() {
            return Ok(found);
        }
        let users = self.store.users(&missing).await?;
        let mut known = self.known();
        if known.profiles.len() + users.len() > PROFILES_MAX {
            known.profiles.clear();
        }
        for (id, user) in users {
            let profile = Arc::new(Profile::from(&user));
            if known.generation == generation {
                known.profiles.insert(id, Arc::clone(&profile));
            }
            found.insert(id, profile);
        }
        Ok(found)
    }

    /// The profile of one person.
    pub async fn one(&self, id: UserId) -> StoreResult<Option<Arc<Profile>>> {
        Ok(self.get(&[id]).await?.remove(&id))
    }

    /// Forgets a person whose account changed.
    pub fn invalidate(&self, user: UserId) {
        let mut known = self.known();
        known.profiles.remove(&user);
        known.generation += 1;
    }

    /// Who is meant by the `@handles` typed in `body`, by the handle in lower case.
    pub async fn handles_in(&self, body: &str) -> StoreResult<BTreeMap<String, UserId>> {
        let handles: Vec<String> = typed_handles(body).into_iter().take(HANDLES_MAX).collect();
        if handles.is_empty() {
            return Ok(BTreeMap::new());
        }
        let found = self.store.users_by_handle(&handles).await?;
        Ok(found.into_iter().collect())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `c` may stand within a handle.
pub fn is_handle_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')
}

fn typed_handles(body: &str) -> BTreeSet<String> {
    let mut handles = BTreeSet::new();
    let mut rest = body;
    let mut before = None;
    while let Some(at) = rest.find('@') {
        let preceding = rest[..at].chars().next_back().or(before);
        let tail = &rest[at + 1..];
        let end = tail.find(|c| !is_handle_char(c)).unwrap_or(tail.len());
        let starts_word = !preceding.is_some_and(|c| c.is_alphanumeric() || c == '@');
        let handle = tail[..end].trim_end_matches(['_', '.', '-']).to_lowercase();
        if starts_word && clean_handle(&handle).is_ok() {
            handles.insert(handle);
        }
        before = tail[..end].chars().next_back().or(Some('@'));
        rest = &tail[end..];
    }
    handles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_found_where_words_begin_and_end() {
        let found =
            typed_handles("@ann, hi (@bob.b) mail x@carol.org @Dora! @@eve @here @-f @gus.");
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["ann", "bob.b", "dora", "gus"]);
    }
}
