//! Finding places and people: home, new rooms, public channels, the directory of people.

use super::frame::Frame;
use super::seat::{Guest, Seat, SeatForm, html, html_with, see_other};
use super::shell::{self, Shell};
use super::trouble::{Answer, for_field};
use crate::entry::RoomKind;
use crate::error::{Error, Result};
use crate::ids::{ClientId, RoomId, UserId};
use crate::limits;
use crate::reading::room_items;
use crate::rooms::{NewRoom, create};
use crate::web::extract::Params;
use crate::web::face::Face;
use askama::Template;
use axum::http::StatusCode;
use std::collections::HashSet;
use uuid::Uuid;

/// The shell of a page that shows no room.
pub async fn shell_for(seat: &Seat, tab: &'static str) -> Result<Shell> {
    let items = room_items(&*seat.node.store, seat.current.user.id).await?;
    let peers = shell::peers(&seat.node.people, &items).await?;
    let mut shell = Shell::new(&seat.frame.t, &seat.current, &items, &peers, None);
    shell.tab = tab;
    Ok(shell)
}

#[derive(Template)]
#[template(path = "pages/home.html")]
struct Home {
    f: Frame,
    shell: Shell,
}

/// `GET /`: the conversations; without a session the door.
pub async fn home(guest: Guest) -> Answer {
    let Some(current) = guest.current else {
        let first = !guest.node.store.has_people().await?;
        return Ok(see_other(if first { "/signup" } else { "/login" }));
    };
    let seat = Seat {
        node: guest.node,
        current,
        frame: guest.frame,
    };
    let mut shell = shell_for(&seat, "rooms").await?;
    shell.view = "list";
    Ok(html(&Home {
        f: seat.frame,
        shell,
    }))
}

#[derive(Default)]
struct Typed {
    name: String,
    topic: String,
    kind: String,
}

#[derive(Default)]
struct Errors {
    name: Option<String>,
    topic: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/new_room.html")]
struct NewRoomPage {
    f: Frame,
    shell: Shell,
    client_id: String,
    form: Typed,
    errors: Errors,
}

/// `GET /rooms/new`
pub async fn new_room(seat: Seat) -> Answer {
    let shell = shell_for(&seat, "rooms").await?;
    Ok(html(&NewRoomPage {
        f: seat.frame,
        shell,
        client_id: Uuid::now_v7().to_string(),
        form: Typed::default(),
        errors: Errors::default(),
    }))
}

/// `POST /rooms/new`
pub async fn new_room_post(SeatForm { seat, fields }: SeatForm) -> Answer {
    let kind = match fields.get("kind") {
        "group" => RoomKind::Group,
        _ => RoomKind::Channel,
    };
    let client_id: Option<ClientId> = fields.get("client_id").parse().ok();
    let new = NewRoom {
        kind,
        name: Some(fields.get("name").to_owned()),
        topic: Some(fields.get("topic").to_owned()),
        members: Vec::new(),
        client_id,
    };
    match create(&seat.node, &seat.current.actor(), new).await {
        Ok((room, _)) => Ok(see_other(&format!("/r/{room}"))),
        Err(error) => {
            let Some(words) = for_field(&error) else {
                return Err(error.into());
            };
            let about_topic = crate::draft::clean_name(fields.get("name")).is_ok();
            let mut errors = Errors::default();
            match about_topic {
                true => errors.topic = Some(words),
                false => errors.name = Some(words),
            }
            let page = NewRoomPage {
                shell: shell_for(&seat, "rooms").await?,
                f: seat.frame,
                client_id: fields.get("client_id").to_owned(),
                form: Typed {
                    name: fields.get("name").to_owned(),
                    topic: fields.get("topic").to_owned(),
                    kind: fields.get("kind").to_owned(),
                },
                errors,
            };
            Ok(html_with(StatusCode::BAD_REQUEST, &page))
        }
    }
}

struct Place {
    id: RoomId,
    name: String,
    topic: String,
    mine: bool,
}

#[derive(Template)]
#[template(path = "pages/browse.html")]
struct Browse {
    f: Frame,
    shell: Shell,
    query: String,
    rooms: Vec<Place>,
}

/// `GET /rooms/browse?q=`
pub async fn browse(seat: Seat, params: Params) -> Answer {
    let query = query(&params)?;
    let store = &seat.node.store;
    let found = store.public_rooms(&query, None, limits::PAGE_MAX).await?;
    let shell = shell_for(&seat, "browse").await?;
    let mine: HashSet<RoomId> = shell
        .sections
        .iter()
        .flat_map(|section| section.rooms.iter().map(|room| room.id))
        .collect();
    let rooms = found.into_iter().map(|room| Place {
        mine: mine.contains(&room.id),
        id: room.id,
        name: room.name.unwrap_or_default(),
        topic: room.topic,
    });
    Ok(html(&Browse {
        rooms: rooms.collect(),
        f: seat.frame,
        shell,
        query,
    }))
}

/// The text that is looked for, within bounds.
pub fn query(params: &Params) -> Result<String> {
    let text = params.text("q")?.unwrap_or_default().trim();
    let fits = text.chars().count() <= limits::NAME_CHARS_MAX && !text.contains('\0');
    match fits {
        true => Ok(text.to_owned()),
        false => Err(Error::bad_request("What you look for is too long.")),
    }
}

struct Person {
    id: UserId,
    name: String,
    handle: String,
    note: String,
    face: Face,
    me: bool,
}

#[derive(Template)]
#[template(path = "pages/people.html")]
struct PeoplePage {
    f: Frame,
    shell: Shell,
    query: String,
    people: Vec<Person>,
}

/// `GET /people?q=`
pub async fn people(seat: Seat, params: Params) -> Answer {
    let query = query(&params)?;
    let found = seat
        .node
        .store
        .find_users(&query, None, limits::PAGE_DEFAULT)
        .await?;
    let me = seat.current.user.id;
    let people = found.into_iter().map(|user| Person {
        face: Face::of(Some(user.id), &user.name),
        me: user.id == me,
        id: user.id,
        name: user.name,
        handle: user.handle,
        note: user.title,
    });
    Ok(html(&PeoplePage {
        people: people.collect(),
        shell: shell_for(&seat, "people").await?,
        f: seat.frame,
        query,
    }))
}

/// `POST /people`: the conversation with somebody.
pub async fn people_post(SeatForm { seat, fields }: SeatForm) -> Answer {
    let user: UserId = fields.get("user").parse().map_err(|_| Error::not_found())?;
    let new = NewRoom {
        kind: RoomKind::Direct,
        name: None,
        topic: None,
        members: vec![user],
        client_id: None,
    };
    let (room, _) = create(&seat.node, &seat.current.actor(), new).await?;
    Ok(see_other(&format!("/r/{room}")))
}
