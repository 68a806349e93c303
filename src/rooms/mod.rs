//! What people do with rooms, the same from the interface for programs and from forms.

mod again;
mod change;
mod create;

pub use change::{change_facts, put_member, remove_member, send};
pub use create::{NewRoom, create};

use crate::access::{Action, Actor, Facts, can};
use crate::entry::{Role, RoomKind};
use crate::error::{Error, Result};
use crate::ids::{RoomId, UserId};
use crate::reading::tail;
use crate::store::{RoomRow, Store};
use serde::Serialize;

/// A room and somebody's place in it.
#[derive(Clone, Debug)]
pub struct Seat {
    pub room: RoomRow,
    /// `None`: an outsider.
    pub role: Option<Role>,
}

impl Seat {
    /// Whether `actor`, who sits here, may do `action`.
    pub fn may(&self, actor: &Actor, action: Action) -> Result<()> {
        let facts = Facts {
            room: Some(self.room.kind),
            role: self.role,
        };
        can(actor, action, &facts).map_err(Error::from)
    }
}

/// The place of `actor` in `room`, if he may do `action` there. "Not yours" and "does not exist" are
/// the same answer.
pub async fn seat(store: &dyn Store, actor: &Actor, room: RoomId, action: Action) -> Result<Seat> {
    let (row, member) = futures_util::try_join!(store.room(room), store.member(room, actor.user))?;
    let row = row.ok_or_else(Error::not_found)?;
    let seat = Seat {
        room: row,
        role: member.map(|member| member.role),
    };
    seat.may(actor, action)?;
    Ok(seat)
}

/// What an outsider sees of a public channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RoomFacts {
    pub id: RoomId,
    pub kind: RoomKind,
    pub name: Option<String>,
    pub topic: String,
    /// `null`: not a member.
    pub role: Option<Role>,
    pub created_by: UserId,
}

/// The facts of a room, as the newest entries have them.
pub async fn facts(store: &dyn Store, seat: Seat) -> Result<RoomFacts> {
    let room = seat.room;
    let tail = tail(store, room.id).await?;
    let name = tail.as_ref().and_then(|tail| tail.name());
    let name = name.map_or(room.name, |name| name.map(str::to_owned));
    let topic = tail.as_ref().and_then(|tail| tail.topic());
    let topic = topic.map_or(room.topic, str::to_owned);
    Ok(RoomFacts {
        id: room.id,
        kind: room.kind,
        name,
        topic,
        role: seat.role,
        created_by: room.created_by,
    })
}
