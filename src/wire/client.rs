//! Frames from the browser to us.

use super::CloseCode;
use super::json::{self, Bad, Fields};
use crate::error::Error;
use crate::ids::{ClientId, RoomId, Seq, UserId};
use crate::limits::{CURSORS_MAX, PRESENCE_WATCH_MAX, TITLE_CHARS_MAX};
use serde_json::Value;

/// How a connection gets its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// As data (PROTOCOL.md §2).
    Data,
    /// As rendered fragments.
    Html,
}

/// What a person says of himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PresenceState {
    /// Asked for on one device, it holds for all.
    Invisible,
    Dnd,
    Active,
    Away,
    /// Only told of others, never said.
    Offline,
}

impl PresenceState {
    pub const ALL: [PresenceState; 5] = [
        PresenceState::Invisible,
        PresenceState::Dnd,
        PresenceState::Active,
        PresenceState::Away,
        PresenceState::Offline,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            PresenceState::Active => "active",
            PresenceState::Away => "away",
            PresenceState::Dnd => "dnd",
            PresenceState::Invisible => "invisible",
            PresenceState::Offline => "offline",
        }
    }
}

/// A well-formed frame.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientFrame {
    Hello {
        reference: Option<String>,
        format: Format,
        device: Option<String>,
        cursors: Vec<(RoomId, Seq)>,
    },
    Watch {
        reference: Option<String>,
        room: RoomId,
        after: Seq,
    },
    Unwatch {
        reference: Option<String>,
        room: RoomId,
    },
    Send(SendFrame),
    Mark {
        reference: Option<String>,
        room: RoomId,
        mark: Mark,
    },
    Typing {
        room: RoomId,
        on: bool,
    },
    Presence {
        state: PresenceState,
        /// `None`: as before.
        watch: Option<Vec<UserId>>,
    },
    Ping {
        n: u64,
    },
}

/// A `send`; the draft in `fields` is judged where HTTP's is.
#[derive(Clone, Debug, PartialEq)]
pub struct SendFrame {
    pub reference: Option<String>,
    pub room: RoomId,
    pub client_id: ClientId,
    pub after: Seq,
    pub fields: Fields,
}

/// What a `mark` wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Raise {
        read: Option<Seq>,
        delivered: Option<Seq>,
    },
    UnreadFrom(Seq),
}

/// One element of a text frame: a frame, or what is answered to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Whether it names itself `hello`: nothing else may come first.
    pub is_hello: bool,
    pub frame: Result<ClientFrame, Bad>,
}

/// Reads a text frame. `Err`: the connection is closed with this code.
pub fn read(text: &str) -> Result<Vec<Element>, CloseCode> {
    Ok(json::elements(text)?.into_iter().map(element).collect())
}

fn element(fields: Result<Fields, Bad>) -> Element {
    let fields = match fields {
        Ok(fields) => fields,
        Err(bad) => {
            return Element {
                is_hello: false,
                frame: Err(bad),
            };
        }
    };
    let tag = fields.get("t").and_then(Value::as_str).unwrap_or_default();
    let tag = tag.to_owned();
    let is_hello = tag == "hello";
    let reference = json::reference(&fields);
    let frame =
        known_frame(&tag, reference.clone(), fields).map_err(|error| Bad { reference, error });
    Element { is_hello, frame }
}

fn known_frame(tag: &str, reference: Option<String>, fields: Fields) -> Result<ClientFrame, Error> {
    if reference.is_none() && fields.get("ref").is_some_and(|value| !value.is_null()) {
        return Err(Error::bad_request("`ref` is a string of at most 64 bytes."));
    }
    match tag {
        "hello" => hello(reference, &fields),
        "watch" => Ok(ClientFrame::Watch {
            reference,
            room: json::id(&fields, "room")?,
            after: json::integer(&fields, "after")?,
        }),
        "unwatch" => Ok(ClientFrame::Unwatch {
            reference,
            room: json::id(&fields, "room")?,
        }),
        "send" => Ok(ClientFrame::Send(SendFrame {
            reference,
            room: json::id(&fields, "room")?,
            client_id: json::id(&fields, "client_id")?,
            after: json::integer(&fields, "after")?,
            fields,
        })),
        "mark" => Ok(ClientFrame::Mark {
            reference,
            room: json::id(&fields, "room")?,
            mark: mark(&fields)?,
        }),
        "typing" => Ok(ClientFrame::Typing {
            room: json::id(&fields, "room")?,
            on: json::boolean(&fields, "on")?,
        }),
        "presence" => presence(&fields),
        "ping" => Ok(ClientFrame::Ping {
            n: json::integer(&fields, "n")?,
        }),
        _ => Err(Error::bad_request("`t` names no frame.")),
    }
}

fn hello(reference: Option<String>, fields: &Fields) -> Result<ClientFrame, Error> {
    let format = match json::text(fields, "format")? {
        "data" => Format::Data,
        "html" => Format::Html,
        _ => return Err(Error::bad_request("`format` is `data` or `html`.")),
    };
    let device = json::optional_text(fields, "device")?.map(str::to_owned);
    if device
        .as_ref()
        .is_some_and(|name| name.chars().count() > TITLE_CHARS_MAX)
    {
        return Err(Error::bad_request("`device` is too long."));
    }
    let mut cursors = Vec::new();
    if let Some(wanted) = json::optional_object(fields, "cursors")? {
        if wanted.len() > CURSORS_MAX {
            return Err(Error::bad_request("At most 100 cursors."));
        }
        for (room, after) in wanted {
            let room = room
                .parse()
                .map_err(|_| Error::bad_request("A cursor's name is a room id."))?;
            let after = json::integer_of(after)
                .ok_or_else(|| Error::bad_request("A cursor is a `seq`."))?;
            cursors.push((room, after));
        }
    }
    Ok(ClientFrame::Hello {
        reference,
        format,
        device,
        cursors,
    })
}

fn mark(fields: &Fields) -> Result<Mark, Error> {
    let read = json::optional_integer(fields, "read")?;
    let delivered = json::optional_integer(fields, "delivered")?;
    match json::optional_integer(fields, "unread_from")? {
        Some(_) if read.is_some() => Err(Error::bad_request(
            "`read` and `unread_from` exclude each other.",
        )),
        Some(0) => Err(Error::bad_request("`unread_from` is a `seq`, from 1.")),
        Some(from) => Ok(Mark::UnreadFrom(from)),
        None if read.is_none() && delivered.is_none() => Err(Error::bad_request(
            "`read`, `delivered` or `unread_from` is needed.",
        )),
        None => Ok(Mark::Raise { read, delivered }),
    }
}

fn presence(fields: &Fields) -> Result<ClientFrame, Error> {
    let state = match json::text(fields, "state")? {
        "active" => PresenceState::Active,
        "away" => PresenceState::Away,
        "dnd" => PresenceState::Dnd,
        "invisible" => PresenceState::Invisible,
        _ => return Err(Error::bad_request("`state` names no presence.")),
    };
    let watch = match json::optional_array(fields, "watch")? {
        None => None,
        Some(list) if list.len() > PRESENCE_WATCH_MAX => {
            return Err(Error::bad_request("`watch` names too many people."));
        }
        Some(list) => Some(
            list.iter()
                .map(|value| {
                    json::id_of(value)
                        .ok_or_else(|| Error::bad_request("`watch` is a list of user ids."))
                })
                .collect::<Result<Vec<_>, _>>()?,
        ),
    };
    Ok(ClientFrame::Presence { state, watch })
}
