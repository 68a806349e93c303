//! New rooms: repeated or raced, the same request makes one room.

use super::again::until_known;
use crate::access::{Action, Actor, Facts, can};
use crate::clock::now;
use crate::draft::{clean_line, clean_name};
use crate::entry::RoomKind;
use crate::error::{Error, Result};
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::limits;
use crate::node::Node;
use crate::room::Reply;
use crate::store::RoomRow;
use std::sync::Arc;
use uuid::Uuid;

/// What somebody wants to open.
#[derive(Clone, Debug)]
pub struct NewRoom {
    pub kind: RoomKind,
    pub name: Option<String>,
    pub topic: Option<String>,
    pub members: Vec<UserId>,
    pub client_id: Option<ClientId>,
}

/// The room, and whether this call made it.
pub async fn create(node: &Arc<Node>, actor: &Actor, new: NewRoom) -> Result<(RoomId, bool)> {
    let none = Facts {
        room: None,
        role: None,
    };
    can(actor, Action::CreateRoom, &none)?;
    let creator = actor.user;
    let members = others(creator, &new.members);
    let mut row = row_of(creator, &new, &members)?;
    must_be_people(node, &members).await?;
    if let Some(pair) = row.pair {
        row.id = node.store.claim_pair(pair, row.id).await?;
    }
    if let Some(client_id) = new.client_id {
        let holder = node
            .store
            .claim_room_key(creator, client_id, row.id)
            .await?;
        if holder != row.id && is_founded(node, holder, &members).await? {
            return Ok((holder, false));
        }
        if row.pair.is_none() {
            row.id = holder;
        }
    }
    let created = node.store.create_room(&row).await?;
    if !is_founded(node, row.id, &members).await? {
        // An earlier try may have broken off anywhere: its log goes on where it was.
        let found = || node.rooms.found(row.id, creator, members.clone());
        match until_known(node, found).await {
            Reply::Refused(error) => return Err(error),
            Reply::Stored { .. } | Reply::Unchanged => {}
        }
    }
    Ok((row.id, created))
}

/// Whether as much is in the log as the founding of a room with these people beside its creator writes.
async fn is_founded(node: &Arc<Node>, room: RoomId, members: &[UserId]) -> Result<bool> {
    let heads = node.store.heads(&[room]).await?;
    Ok(heads
        .get(&room)
        .is_some_and(|(head, _)| *head > members.len() as Seq))
}

fn others(creator: UserId, members: &[UserId]) -> Vec<UserId> {
    let mut others: Vec<UserId> = Vec::new();
    for member in members {
        if *member != creator && !others.contains(member) {
            others.push(*member);
        }
    }
    others
}

fn row_of(creator: UserId, new: &NewRoom, members: &[UserId]) -> Result<RoomRow> {
    let named = |name: &Option<String>| name.as_deref().map(clean_name).transpose();
    let topic = match (&new.topic, new.kind) {
        (Some(topic), RoomKind::Channel | RoomKind::Group) => {
            clean_line(topic, limits::TOPIC_CHARS_MAX)?
        }
        _ => String::new(),
    };
    let (name, pair) = match new.kind {
        RoomKind::Channel => {
            let name = named(&new.name)?;
            let name = name.ok_or_else(|| Error::bad_request("A channel needs a `name`."))?;
            (Some(name), None)
        }
        RoomKind::Group => (named(&new.name)?, None),
        RoomKind::Direct => {
            let [other] = *members else {
                return Err(Error::bad_request(
                    "A direct room has exactly one other person in `members`.",
                ));
            };
            (None, Some((creator.min(other), creator.max(other))))
        }
    };
    Ok(RoomRow {
        id: RoomId(Uuid::now_v7()),
        kind: new.kind,
        name,
        topic,
        created_at: now(),
        created_by: creator,
        pair,
        floor: 0,
    })
}

async fn must_be_people(node: &Arc<Node>, members: &[UserId]) -> Result<()> {
    let found = node.store.users(members).await?;
    let all = members
        .iter()
        .all(|id| found.get(id).is_some_and(|user| user.active));
    if all { Ok(()) } else { Err(Error::not_found()) }
}
