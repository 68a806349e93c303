//! New rooms: repeated or raced, the same request makes one room.

use crate::access::{Action, Actor, Facts, can};
use crate::clock::now;
use crate::draft::{clean_line, clean_name};
use crate::entry::RoomKind;
use crate::error::{Error, Result};
use crate::ids::{ClientId, RoomId, UserId};
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
        if holder != row.id && has_log(node, holder).await? {
            return Ok((holder, false));
        }
        if row.pair.is_none() {
            row.id = holder;
        }
    }
    let created = node.store.create_room(&row).await?;
    if !has_log(node, row.id).await? {
        // The log may lack its first entries because an earlier try broke off in between.
        match node.rooms.found(row.id, creator, members).await {
            Reply::Refused(error) => return Err(error),
            Reply::Stored { .. } | Reply::Unchanged => {}
        }
    }
    Ok((row.id, created))
}

async fn has_log(node: &Arc<Node>, room: RoomId) -> Result<bool> {
    let heads = node.store.heads(&[room]).await?;
    Ok(heads.get(&room).is_some_and(|(head, _)| *head > 0))
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
