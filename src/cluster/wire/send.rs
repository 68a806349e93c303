//! A command to a room, as it is forwarded.

use super::code_of;
use crate::access::{Actor, WorkspaceRole};
use crate::entry::{Role, Salt};
use crate::ids::{ClientId, ConnectionId, Seq, UserId};
use crate::room::{Draft, Place, Send};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
pub(super) struct WireSend {
    user: UserId,
    role: String,
    active: bool,
    place: Option<WirePlace>,
    client_id: Option<ClientId>,
    after: Seq,
    draft: WireDraft,
    handles: BTreeMap<String, UserId>,
    salt: Salt,
}

#[derive(Serialize, Deserialize)]
struct WirePlace {
    connection: ConnectionId,
    n: u64,
    base: u64,
    hold: u64,
    refuse_with: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WireDraft {
    Post { body: String, reply_to: Option<Seq> },
    Edit { target: Seq, body: String },
    Delete { target: Seq },
    React { target: Seq, emoji: String },
    Unreact { target: Seq, emoji: String },
    Rename { name: String },
    Topic { topic: String },
    PutMember { user: UserId, role: Option<Role> },
    RemoveMember { user: UserId },
}

impl From<Send> for WireSend {
    fn from(send: Send) -> Self {
        Self {
            user: send.actor.user,
            role: send.actor.role.as_str().to_owned(),
            active: send.actor.active,
            place: send.place.map(|place| WirePlace {
                connection: place.connection,
                n: place.n,
                base: place.base,
                hold: place.hold,
                refuse_with: place.refuse_with.map(|code| code.as_str().to_owned()),
            }),
            client_id: send.client_id,
            after: send.after,
            draft: WireDraft::from(send.draft),
            handles: send.handles,
            salt: send.salt,
        }
    }
}

impl WireSend {
    /// The ticket is given by the room that hears it.
    pub(super) fn read(self) -> Result<Send, &'static str> {
        let place = match self.place {
            Some(place) => Some(Place {
                connection: place.connection,
                n: place.n,
                base: place.base,
                hold: place.hold,
                refuse_with: place.refuse_with.as_deref().map(code_of).transpose()?,
            }),
            None => None,
        };
        Ok(Send {
            ticket: 0,
            actor: Actor {
                user: self.user,
                role: WorkspaceRole::parse(&self.role).ok_or("no role that is known")?,
                active: self.active,
            },
            place,
            client_id: self.client_id,
            after: self.after,
            draft: self.draft.into(),
            handles: self.handles,
            salt: self.salt,
        })
    }
}

/// The two are the same, written twice so that the one on the wire stays as it is.
macro_rules! same_drafts {
    ($($variant:ident { $($field:ident),* })*) => {
        impl From<Draft> for WireDraft {
            fn from(draft: Draft) -> Self {
                match draft { $(Draft::$variant { $($field),* } => Self::$variant { $($field),* },)* }
            }
        }
        impl From<WireDraft> for Draft {
            fn from(draft: WireDraft) -> Self {
                match draft { $(WireDraft::$variant { $($field),* } => Self::$variant { $($field),* },)* }
            }
        }
    };
}

same_drafts! {
    Post { body, reply_to }
    Edit { target, body }
    Delete { target }
    React { target, emoji }
    Unreact { target, emoji }
    Rename { name }
    Topic { topic }
    PutMember { user, role }
    RemoveMember { user }
}
