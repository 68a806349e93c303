//! Frames from us to the browser.

use super::CloseCode;
use crate::clock::Timestamp;
use crate::entry::WireEntry;
use crate::error::{Code, Error};
use crate::ids::{ClientId, LoginId, NodeId, Ordinal, RoomId, Seq, UserId};
use crate::reading::RoomItem;
use crate::wire::client::PresenceState;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Every frame that we send.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ServerFrame {
    Welcome(Box<Welcome>),
    Watching(Place),
    Reset(Place),
    Unwatched {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        room: RoomId,
    },
    /// An entry as data.
    Entry(Box<WireEntry>),
    /// An entry as a rendered fragment.
    #[serde(rename = "entry")]
    Fragment(Box<FragmentFrame>),
    Ack {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        client_id: ClientId,
        room: RoomId,
        seq: Seq,
        ord: Ordinal,
        at: Timestamp,
    },
    Error(ErrorFrame),
    Head {
        room: RoomId,
        seq: Seq,
        ord: Ordinal,
        unread: u64,
        mentions: u64,
    },
    Marks {
        #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        room: RoomId,
        marks: Vec<UserMarks>,
    },
    Typing {
        room: RoomId,
        users: Vec<UserId>,
        expires_ms: u64,
    },
    Presence {
        users: BTreeMap<UserId, PresenceState>,
    },
    User {
        user: UserFacts,
    },
    Room(RoomFrame),
    Gone {
        room: RoomId,
        seq: Seq,
    },
    Bye {
        /// The close code that follows.
        code: u16,
        retry_after_ms: u64,
    },
    Pong {
        n: u64,
    },
}

/// The first answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Welcome {
    /// As `GET /me`.
    pub user: Value,
    pub session: LoginId,
    pub node: NodeId,
    pub version: &'static str,
    pub now: Timestamp,
    pub limits: Limits,
    pub rooms: Vec<RoomItem>,
    pub next: Option<String>,
}

/// What a client must know to stay within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limits {
    pub frame_bytes: usize,
    pub frame_elements: usize,
    pub body_chars: usize,
    pub watches: usize,
    pub watch_gap: u64,
    pub sends_in_flight: usize,
    pub sends_per_second: f64,
    pub sends_burst: f64,
    pub typing_interval_ms: u64,
}

/// Where a watch stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub room: RoomId,
    pub head: Seq,
}

/// An entry in the `html` format.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FragmentFrame {
    pub room: RoomId,
    pub seq: Seq,
    pub ord: Ordinal,
    pub at: Timestamp,
    pub by: Option<UserId>,
    pub client_id: Option<ClientId>,
    pub kind: &'static str,
    pub op: &'static str,
    pub target: Option<Seq>,
    pub html: String,
}

/// What went wrong with one frame; `client_id` where it was a send.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ErrorFrame {
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub code: Code,
    pub detail: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

/// The markers of one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UserMarks {
    pub user: UserId,
    pub read: Seq,
    pub delivered: Seq,
}

/// What a `user` frame tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserFacts {
    pub id: UserId,
    pub name: String,
    pub handle: String,
    pub avatar: Option<String>,
}

/// A room that I was added to, or whose facts changed: the item of `GET /rooms` beside its id.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoomFrame {
    pub room: RoomId,
    #[serde(flatten)]
    pub item: serde_json::Map<String, Value>,
}

impl ServerFrame {
    /// The text of the frame.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a frame has string keys and no failing parts")
    }

    /// An `error` that is not about a send.
    pub fn error(reference: Option<String>, error: Error) -> Self {
        ServerFrame::Error(ErrorFrame {
            reference,
            code: error.code,
            detail: error.detail,
            retry_after_ms: error.retry_after_ms,
            client_id: None,
        })
    }

    /// What precedes a close that clients follow with a resume.
    pub fn bye(code: CloseCode, retry_after_ms: u64) -> Self {
        ServerFrame::Bye {
            code: code.number(),
            retry_after_ms,
        }
    }
}

impl Serialize for PresenceState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
