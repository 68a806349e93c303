//! Commands to a room's owner that do not come from a socket.

use super::again::until_known;
use crate::access::{Action, Actor};
use crate::auth::tokens::random;
use crate::draft::{clean_line, clean_name};
use crate::entry::{Entry, Role};
use crate::error::{Error, Result};
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::limits;
use crate::node::Node;
use crate::room::{Draft, Reply, Send};
use std::sync::Arc;
use uuid::Uuid;

/// Appends what `draft` says: the entry, and whether an earlier try had stored it. `None`: nothing to do.
pub async fn send(
    node: &Arc<Node>,
    actor: &Actor,
    room: RoomId,
    key: Option<(ClientId, Seq)>,
    draft: Draft,
) -> Result<Option<(Arc<Entry>, bool)>> {
    let handles = match &draft {
        Draft::Post { body, .. } | Draft::Edit { body, .. } => node.people.handles_in(body).await?,
        _ => Default::default(),
    };
    let send = Send {
        ticket: 0,
        actor: *actor,
        place: None,
        client_id: key.map(|(client_id, _)| client_id),
        after: key.map_or(0, |(_, after)| after),
        draft,
        handles,
        salt: random(),
    };
    match until_known(node, || node.rooms.send(room, send.clone())).await {
        Reply::Stored { entry, repeated } => Ok(Some((entry, repeated))),
        Reply::Unchanged => Ok(None),
        Reply::Refused(error) => Err(error),
    }
}

/// Adds `user`, or changes his role.
pub async fn put_member(
    node: &Arc<Node>,
    actor: &Actor,
    room: RoomId,
    user: UserId,
    role: Option<Role>,
) -> Result<Option<Arc<Entry>>> {
    let action = match user == actor.user {
        true => Action::Join,
        false => Action::Read,
    };
    super::seat(&*node.store, actor, room, action).await?;
    let known = node.store.user(user).await?;
    if !known.is_some_and(|user| user.active) {
        return Err(Error::not_found());
    }
    let draft = Draft::PutMember { user, role };
    let stored = send(node, actor, room, None, draft).await?;
    Ok(stored.map(|(entry, _)| entry))
}

/// Takes `user` out of the room. When it answers, nothing of the room reaches him any more.
pub async fn remove_member(
    node: &Arc<Node>,
    actor: &Actor,
    room: RoomId,
    user: UserId,
) -> Result<Option<Arc<Entry>>> {
    super::seat(&*node.store, actor, room, Action::Read).await?;
    let stored = send(node, actor, room, None, Draft::RemoveMember { user }).await?;
    Ok(stored.map(|(entry, _)| entry))
}

/// Renames the room or changes its topic; what is so already is left alone.
pub async fn change_facts(
    node: &Arc<Node>,
    actor: &Actor,
    room: RoomId,
    name: Option<&str>,
    topic: Option<&str>,
) -> Result<()> {
    let store = &*node.store;
    super::seat(store, actor, room, Action::Read).await?;
    let seat = super::seat(store, actor, room, Action::ChangeFacts).await?;
    let name = name.map(clean_name).transpose()?;
    let topic = topic
        .map(|topic| clean_line(topic, limits::TOPIC_CHARS_MAX))
        .transpose()?;
    let now = super::facts(store, seat).await?;
    if let Some(name) = name.filter(|name| now.name.as_ref() != Some(name)) {
        let key = fresh_key(node, room).await?;
        send(node, actor, room, key, Draft::Rename { name }).await?;
    }
    if let Some(topic) = topic.filter(|topic| now.topic != *topic) {
        let key = fresh_key(node, room).await?;
        send(node, actor, room, key, Draft::Topic { topic }).await?;
    }
    Ok(())
}

/// A key that was never used, so there is nothing to find before the head.
async fn fresh_key(node: &Arc<Node>, room: RoomId) -> Result<Option<(ClientId, Seq)>> {
    let heads = node.store.heads(&[room]).await?;
    let head = heads.get(&room).map_or(0, |(head, _)| *head);
    Ok(Some((ClientId(Uuid::now_v7()), head)))
}
