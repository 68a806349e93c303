//! A sample workspace: an invented ferry company, good enough for screenshots and benches.
//!
//! Its logs are written past the room actors, so that they can have a past; `verify` finds them as
//! sound as any other.

mod bench;
mod log;
mod people;
mod script;
mod words;

#[cfg(test)]
pub(crate) use log::LogWriter;

pub use bench::{BenchPlan, seed_bench};

use crate::access::WorkspaceRole;
use crate::auth::Passwords;
use crate::clock::now;
use crate::error::{Error, Result};
use crate::ids::UserId;
use crate::store::{Store, User};
use std::sync::Arc;
use uuid::Uuid;

/// The password of everybody in the sample.
pub const DEMO_PASSWORD: &str = "three green lanterns";

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    pub people: usize,
    pub rooms: usize,
    pub entries: u64,
}

/// Fills an empty store.
pub async fn seed_sample(store: &Arc<dyn Store>, passwords: &Passwords) -> Result<Seeded> {
    if store.has_people().await? {
        return Err(Error::bad_request(
            "There are people in this store already; seed an empty one.",
        ));
    }
    let password = passwords.hash(DEMO_PASSWORD).await?;
    let mut crew = Vec::new();
    for (place, person) in people::CREW.iter().enumerate() {
        let user = user_of(person, place, &password);
        let created = store.create_user(&user, place == 0).await?;
        created.map_err(|_| Error::internal())?;
        crew.push(user);
    }
    let mut seeded = Seeded {
        people: crew.len(),
        ..Seeded::default()
    };
    for plan in script::rooms() {
        let (room, entries) = script::play(store, &crew, &plan).await?;
        if plan.is_default {
            let room = room.to_string();
            store.set_setting(None, "default_room", Some(&room)).await?;
        }
        seeded.rooms += 1;
        seeded.entries += entries;
    }
    Ok(seeded)
}

fn user_of(person: &people::Person, place: usize, password: &str) -> User {
    let role = match place {
        0 => WorkspaceRole::Owner,
        1 | 2 => WorkspaceRole::Admin,
        _ => WorkspaceRole::Member,
    };
    User {
        id: UserId(Uuid::now_v7()),
        name: person.name.to_owned(),
        handle: person.handle.to_owned(),
        email: format!("{}@halden-ferries.example", person.handle),
        password: password.to_owned(),
        role,
        title: person.title.to_owned(),
        tz: person.tz.to_owned(),
        active: true,
        created_at: now(),
    }
}

/// Small, fast, and the same at every run: the sample needs no secrets.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let n = u64::try_from(n.max(1)).unwrap_or(1);
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % n).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// True once in `n`.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

#[cfg(test)]
mod tests;
