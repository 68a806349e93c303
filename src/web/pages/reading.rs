//! Reading without scripts: what was read, and from where on it shall be unread again.

use super::room::{room_of, seq_of};
use super::seat::{SeatForm, see_other};
use super::trouble::Answer;
use crate::clock::now;
use crate::marking;
use crate::wire::client::Mark;
use axum::extract::Path;

/// `POST /r/{room}/read`: marks as read up to what was shown, or as unread from a message on.
pub async fn read(Path(room): Path<String>, SeatForm { seat, fields }: SeatForm) -> Answer {
    let room = room_of(&room)?;
    let (mark, next) = match fields.get("unread_from") {
        "" => {
            let read = Some(seq_of(fields.get("upto"))?);
            let delivered = None;
            (Mark::Raise { read, delivered }, format!("/r/{room}"))
        }
        // Not back into the room: there it would soon be read again.
        from => (Mark::UnreadFrom(seq_of(from)?), "/".to_owned()),
    };
    let (user, node) = (seat.current.user.id, &seat.node);
    let standing = marking::mark(&*node.store, room, user, mark, now()).await?;
    let marker = standing.marker;
    node.sessions.marked(room, user, marker, None);
    node.relays.marks(room, user, marker.read, marker.delivered);
    Ok(see_other(&next))
}
