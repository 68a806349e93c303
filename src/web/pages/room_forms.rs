//! What people do in a room by plain forms: post, edit, delete, react, members, name and topic.

use super::room::{Ask, room_of, seq_of, show};
use super::seat::{Seat, SeatForm, see_other};
use super::trouble::{Answer, Trouble, for_field};
use crate::access::Action;
use crate::draft;
use crate::entry::{Entry, Role};
use crate::error::{Code, Error, Result};
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::reading::Page;
use crate::room::{Draft, mentions};
use crate::rooms::{self, send};
use axum::extract::Path;
use axum::http::StatusCode;
use std::sync::Arc;

/// The key of a form: its id and the head that it was made at.
fn key(fields: &super::seat::Fields) -> Result<(ClientId, Seq)> {
    let wrong = || Error::bad_request("The form is incomplete. Load the page again.");
    let client_id = fields.get("client_id").parse().map_err(|_| wrong())?;
    let after = match fields.get("after") {
        "0" => 0,
        text => seq_of(text).map_err(|_| wrong())?,
    };
    Ok((client_id, after))
}

/// Whether the stored entry is what the form says now. A handle may have become a mention.
async fn is_same(seat: &Seat, room: RoomId, stored: &Entry, typed: &str) -> Result<bool> {
    let Some(body) = stored.event.content() else {
        return Ok(false);
    };
    if body == typed {
        return Ok(true);
    }
    let handles = seat.node.people.handles_in(typed).await?;
    let mut members = std::collections::HashSet::new();
    for user in handles.values() {
        if seat.node.store.member(room, *user).await?.is_some() {
            members.insert(*user);
        }
    }
    let member = |handle: &str| {
        let user = handles.get(handle).copied();
        user.filter(|user| members.contains(user))
    };
    let (resolved, _) = mentions::resolve(typed, member, |user| members.contains(&user));
    Ok(resolved == body)
}

/// `POST /r/{room}/post`
pub async fn post(Path(room): Path<String>, SeatForm { seat, fields }: SeatForm) -> Answer {
    let room = room_of(&room)?;
    let typed = fields.text("body");
    let reply_to = match fields.get("reply_to") {
        "" => None,
        text => Some(seq_of(text)?),
    };
    let ask = Ask {
        reply_to: reply_to.unwrap_or(0),
        ..Ask::default()
    };
    let stored = append_body(&seat, room, &fields, |body| Draft::Post { body, reply_to }).await;
    match stored {
        Ok(None) => Ok(see_other(&format!("/r/{room}#composer"))),
        Ok(Some(notice)) => give_back(seat, room, ask, typed, notice, StatusCode::CONFLICT).await,
        Err(error) => {
            let status = status_of(&error);
            let notice = not_stored(&seat, error)?;
            give_back(seat, room, ask, typed, notice, status).await
        }
    }
}

/// Appends a text. `Some(notice)`: the key is stored with another text, which is lost otherwise.
async fn append_body(
    seat: &Seat,
    room: RoomId,
    fields: &super::seat::Fields,
    draft: impl FnOnce(String) -> Draft,
) -> Result<Option<String>> {
    let key = key(fields)?;
    let body = draft::clean_body(&fields.text("body"))?;
    let actor = seat.current.actor();
    rooms::seat(&*seat.node.store, &actor, room, Action::Read).await?;
    let done = send(&seat.node, &actor, room, Some(key), draft(body.clone())).await?;
    match done {
        Some((entry, true)) if !is_same(seat, room, &entry, &body).await? => {
            Ok(Some(seat.frame.t.t("not-sent-again")))
        }
        _ => Ok(None),
    }
}

fn status_of(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What to say beside the text that is given back; "not found" stays a page of its own.
fn not_stored(seat: &Seat, error: Error) -> std::result::Result<String, Trouble> {
    if matches!(error.code, Code::NotFound | Code::Unauthenticated) {
        return Err(Trouble(error));
    }
    Ok(seat.frame.t.a("not-stored", &error.detail))
}

/// The room with the text back in its field, under a fresh key.
async fn give_back(
    seat: Seat,
    room: RoomId,
    ask: Ask,
    typed: String,
    notice: String,
    status: StatusCode,
) -> Answer {
    let ask = Ask {
        body: typed,
        notice: Some(notice),
        status,
        ..ask
    };
    show(seat, room, ask).await
}

/// Back to the message, after something was done with it.
fn to_message(room: RoomId, seq: Seq) -> String {
    format!("/r/{room}/{seq}#m{seq}")
}

/// The permalink again, with what went wrong.
async fn message_again(seat: Seat, room: RoomId, seq: Seq, error: Error) -> Answer {
    let status = status_of(&error);
    let ask = Ask {
        page: Some(Page::Around(seq)),
        target: Some(seq),
        act_notice: Some(not_stored(&seat, error)?),
        status,
        ..Ask::default()
    };
    show(seat, room, ask).await
}

/// `POST /r/{room}/{seq}/edit`
pub async fn edit(
    Path((room, seq)): Path<(String, String)>,
    SeatForm { seat, fields }: SeatForm,
) -> Answer {
    let (room, seq) = (room_of(&room)?, seq_of(&seq)?);
    let edit = |body| Draft::Edit { target: seq, body };
    match append_body(&seat, room, &fields, edit).await {
        Ok(None) => Ok(see_other(&to_message(room, seq))),
        Ok(Some(notice)) => {
            // The text of an edit goes to the composer: there nothing overwrites it.
            let typed = fields.text("body");
            give_back(
                seat,
                room,
                Ask::default(),
                typed,
                notice,
                StatusCode::CONFLICT,
            )
            .await
        }
        Err(error) => {
            let status = status_of(&error);
            let ask = Ask {
                page: Some(Page::Around(seq)),
                target: Some(seq),
                act_notice: Some(not_stored(&seat, error)?),
                body: fields.text("body"),
                status,
                ..Ask::default()
            };
            show(seat, room, ask).await
        }
    }
}

/// `POST /r/{room}/{seq}/delete`
pub async fn delete(
    Path((room, seq)): Path<(String, String)>,
    SeatForm { seat, fields }: SeatForm,
) -> Answer {
    let (room, seq) = (room_of(&room)?, seq_of(&seq)?);
    act_on(seat, room, seq, &fields, Draft::Delete { target: seq }).await
}

/// `POST /r/{room}/{seq}/react`
pub async fn react(
    Path((room, seq)): Path<(String, String)>,
    SeatForm { seat, fields }: SeatForm,
) -> Answer {
    let (room, seq) = (room_of(&room)?, seq_of(&seq)?);
    let emoji = fields.get("emoji").to_owned();
    if !draft::is_emoji(&emoji) {
        let error = Error::bad_request("That is no emoji.");
        return message_again(seat, room, seq, error).await;
    }
    let draft = match fields.get("on") {
        "false" => Draft::Unreact { target: seq, emoji },
        _ => Draft::React { target: seq, emoji },
    };
    act_on(seat, room, seq, &fields, draft).await
}

async fn act_on(
    seat: Seat,
    room: RoomId,
    seq: Seq,
    fields: &super::seat::Fields,
    draft: Draft,
) -> Answer {
    let key = key(fields)?;
    let actor = seat.current.actor();
    rooms::seat(&*seat.node.store, &actor, room, Action::Read).await?;
    match send(&seat.node, &actor, room, Some(key), draft).await {
        Ok(_) => Ok(see_other(&to_message(room, seq))),
        Err(error) => message_again(seat, room, seq, error).await,
    }
}

/// `POST /r/{room}/facts`
pub async fn facts(Path(room): Path<String>, SeatForm { seat, fields }: SeatForm) -> Answer {
    let room = room_of(&room)?;
    let (name, topic) = (fields.get("name"), fields.get("topic"));
    let actor = seat.current.actor();
    let done = rooms::change_facts(&seat.node, &actor, room, Some(name), Some(topic)).await;
    finish(seat, room, done).await
}

/// `POST /r/{room}/members`: join, leave, add, remove, roles.
pub async fn members(Path(room): Path<String>, SeatForm { seat, fields }: SeatForm) -> Answer {
    let room = room_of(&room)?;
    let actor = seat.current.actor();
    let user = match fields.get("user") {
        "me" => actor.user,
        id => id.parse::<UserId>().map_err(|_| Error::not_found())?,
    };
    let node = Arc::clone(&seat.node);
    let role = match fields.get("act") {
        "join" => {
            rooms::put_member(&node, &actor, room, user, None).await?;
            return Ok(see_other(&format!("/r/{room}")));
        }
        "leave" => {
            let left = rooms::remove_member(&node, &actor, room, actor.user).await;
            return match left {
                Ok(_) => Ok(see_other("/")),
                Err(error) => finish(seat, room, Err(error)).await,
            };
        }
        "remove" => {
            let gone = rooms::remove_member(&node, &actor, room, user).await;
            return finish(seat, room, gone.map(drop)).await;
        }
        "add" => None,
        role => {
            let wrong = || Error::bad_request("The form is incomplete. Load the page again.");
            Some(Role::parse(role).ok_or_else(wrong)?)
        }
    };
    let put = rooms::put_member(&node, &actor, room, user, role).await;
    finish(seat, room, put.map(drop)).await
}

/// Back to the details, with what went wrong.
async fn finish(seat: Seat, room: RoomId, done: Result<()>) -> Answer {
    let Err(error) = done else {
        return Ok(see_other(&format!("/r/{room}/details")));
    };
    let Some(words) = for_field(&error) else {
        return Err(error.into());
    };
    let ask = Ask {
        details: Some((String::new(), None)),
        details_notice: Some(words),
        status: status_of(&error),
        ..Ask::default()
    };
    show(seat, room, ask).await
}
