//! Many people with bearer tokens, and rooms, without the price of password hashes.

use super::Seeded;
use super::log::LogWriter;
use crate::access::WorkspaceRole;
use crate::auth::login;
use crate::clock::now;
use crate::entry::{Event, Role, RoomKind};
use crate::error::{Error, Result};
use crate::ids::{RoomId, UserId};
use crate::limits::BUCKET_BITS;
use crate::store::{LoginKind, RoomRow, Store, User};
use std::sync::Arc;
use uuid::Uuid;

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct BenchPlan {
    pub users: usize,
    pub rooms: usize,
    /// People per room.
    pub members: usize,
}

/// Makes the people and rooms; answers also one line `ID TOKEN` per person. Nobody has a password.
pub async fn seed_bench(store: &Arc<dyn Store>, plan: BenchPlan) -> Result<(Seeded, String)> {
    if store.has_people().await? {
        return Err(Error::bad_request(
            "There are people in this store already; seed an empty one.",
        ));
    }
    let mut people = Vec::with_capacity(plan.users);
    let mut lines = String::new();
    for number in 0..plan.users {
        let user = person(number);
        let created = store.create_user(&user, number == 0).await?;
        created.map_err(|_| Error::internal())?;
        let (_, secret, _) = login::open(store, &user, LoginKind::Bearer, "bench", now()).await?;
        lines.push_str(&format!("{} {}\n", user.id, secret.reveal()));
        people.push(user.id);
    }
    let mut entries = 0;
    for number in 0..plan.rooms {
        entries += room(store, &people, number, plan.members).await?;
    }
    let seeded = Seeded {
        people: people.len(),
        rooms: plan.rooms,
        entries,
    };
    Ok((seeded, lines))
}

fn person(number: usize) -> User {
    User {
        id: UserId(Uuid::now_v7()),
        name: format!("Person {number}"),
        handle: format!("p{number}"),
        email: format!("p{number}@bench.example"),
        password: "!".to_owned(),
        role: match number {
            0 => WorkspaceRole::Owner,
            _ => WorkspaceRole::Member,
        },
        title: String::new(),
        tz: String::new(),
        active: true,
        created_at: now(),
    }
}

async fn room(
    store: &Arc<dyn Store>,
    people: &[UserId],
    number: usize,
    members: usize,
) -> Result<u64> {
    let first = (number * members) % people.len().max(1);
    let members: Vec<UserId> = people
        .iter()
        .cycle()
        .skip(first)
        .take(members.min(people.len()))
        .copied()
        .collect();
    let Some(creator) = members.first().copied() else {
        return Ok(0);
    };
    let row = RoomRow {
        id: RoomId(Uuid::now_v7()),
        kind: RoomKind::Channel,
        name: Some(format!("room-{number}")),
        topic: String::new(),
        created_at: now(),
        created_by: creator,
        pair: None,
        floor: 0,
    };
    let mut log = LogWriter::create(store, row, BUCKET_BITS).await?;
    for (place, user) in members.into_iter().enumerate() {
        let role = if place == 0 {
            Role::Owner
        } else {
            Role::Member
        };
        log.append(now(), creator, Event::Join { user, role })
            .await?;
    }
    log.finish().await
}
