//! What can be done with one message by plain forms, beside its permalink.

use super::room::fresh_id;
use super::seat::Seat;
use crate::access::{Action, Facts, can};
use crate::error::Result;
use crate::ids::{RoomId, Seq, UserId};
use crate::limits;
use crate::reading::{MessageView, RoomItem, message_views};
use std::collections::HashSet;

/// Offered although nobody used them yet.
const QUICK: [&str; 5] = ["👍", "❤️", "😂", "🎉", "👀"];

pub struct Act {
    pub seq: Seq,
    pub mine: bool,
    pub may_delete: bool,
    pub body: String,
    pub edit_id: String,
    pub delete_id: String,
    pub reactions: Vec<Offer>,
    pub notice: Option<String>,
    /// Who has read my message.
    pub seen: Vec<String>,
}

/// One emoji to set or take back.
pub struct Offer {
    pub emoji: String,
    pub count: u64,
    pub mine: bool,
    /// What the button asks for.
    pub turn_on: bool,
    pub client_id: String,
}

impl Act {
    /// `None`: no message there, or a deleted one.
    pub async fn of(
        seat: &Seat,
        room: RoomId,
        item: &RoomItem,
        seq: Seq,
        notice: Option<String>,
    ) -> Result<Option<Self>> {
        let views = message_views(&*seat.node.store, room, &[seq]).await?;
        let view = views.into_iter().find(|view| !view.deleted);
        let Some(view) = view.filter(|view| view.seq <= item.head) else {
            return Ok(None);
        };
        let mine = view.by == Some(seat.current.user.id);
        let facts = Facts {
            room: Some(item.kind),
            role: Some(item.role),
        };
        let delete = Action::Delete { own: mine };
        Ok(Some(Self {
            seq,
            mine,
            may_delete: can(&seat.current.actor(), delete, &facts).is_ok(),
            reactions: offers(seat, &view),
            seen: match mine {
                true => readers(seat, room, seq).await?,
                false => Vec::new(),
            },
            body: view.body.unwrap_or_default(),
            edit_id: fresh_id(),
            delete_id: fresh_id(),
            notice,
        }))
    }
}

/// The others of the room whose read marker has come this far, by name.
async fn readers(seat: &Seat, room: RoomId, seq: Seq) -> Result<Vec<String>> {
    let (store, me) = (&*seat.node.store, seat.current.user.id);
    let (markers, members) = futures_util::try_join!(
        store.markers(room, None, limits::PAGE_MAX),
        store.members(room, None, limits::PAGE_MAX),
    )?;
    let here: HashSet<UserId> = members.iter().map(|member| member.user).collect();
    let far = |user: &UserId, read: Seq| *user != me && read >= seq && here.contains(user);
    let readers = markers
        .iter()
        .filter(|(user, marker)| far(user, marker.read));
    let readers: Vec<UserId> = readers.map(|(user, _)| *user).collect();
    let profiles = seat.node.people.get(&readers).await?;
    let mut names: Vec<String> = profiles.values().map(|it| it.name.clone()).collect();
    names.sort_by_key(|name| name.to_lowercase());
    Ok(names)
}

fn offers(seat: &Seat, view: &MessageView) -> Vec<Offer> {
    let me = seat.current.user.id;
    let standing = view.reactions.0.iter().map(|(emoji, reaction)| {
        let mine = reaction.users.contains(&me);
        (emoji.clone(), reaction.count, mine)
    });
    let mut all: Vec<(String, u64, bool)> = standing.collect();
    for emoji in QUICK {
        if !all.iter().any(|(known, _, _)| known == emoji) {
            all.push((emoji.to_owned(), 0, false));
        }
    }
    all.into_iter()
        .map(|(emoji, count, mine)| Offer {
            emoji,
            count,
            mine,
            turn_on: !mine,
            client_id: fresh_id(),
        })
        .collect()
}
