//! The address of a public channel, asked for by somebody who is not in it: what it is, and a way in.

use super::frame::Frame;
use super::places::shell_for;
use super::seat::{Seat, html};
use super::shell::Shell;
use super::trouble::Answer;
use crate::access::Action;
use crate::ids::RoomId;
use crate::limits;
use crate::rooms;
use askama::Template;

#[derive(Template)]
#[template(path = "pages/join.html")]
struct Join {
    f: Frame,
    shell: Shell,
    room: RoomId,
    name: String,
    topic: String,
    members: u64,
}

/// The page, or for a room that outsiders may not see the same answer as for none.
pub async fn offer(seat: Seat, room: RoomId) -> Answer {
    let (store, actor) = (&*seat.node.store, seat.current.actor());
    let place = rooms::seat(store, &actor, room, Action::SeeFacts).await?;
    let (facts, members, shell) = futures_util::try_join!(
        rooms::facts(store, place),
        async { Ok(store.members(room, None, limits::PAGE_MAX).await?) },
        shell_for(&seat, "browse"),
    )?;
    Ok(html(&Join {
        name: facts.name.unwrap_or_else(|| seat.frame.t.t("room-id")),
        topic: facts.topic,
        members: members.len() as u64,
        f: seat.frame,
        shell,
        room,
    }))
}
