//! The entry: one shape in log, REST, WebSocket, export and import (PROTOCOL.md §2), and the hash
//! chain over entries (R13).

use crate::clock::Timestamp;
use crate::ids::{ClientId, Ordinal, RoomId, Seq, UserId};
use serde::{Deserialize, Serialize};

mod chain;

pub use chain::{Hash, Salt, StoredEntry, digest_of};

/// What a member may do in a room.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Member,
    Admin,
    Owner,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Member => "member",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "member" => Some(Role::Member),
            "admin" => Some(Role::Admin),
            "owner" => Some(Role::Owner),
            _ => None,
        }
    }
}

/// The kind of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    Channel,
    Group,
    Direct,
}

impl RoomKind {
    pub fn as_str(self) -> &'static str {
        match self {
            RoomKind::Channel => "channel",
            RoomKind::Group => "group",
            RoomKind::Direct => "direct",
        }
    }
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "channel" => Some(RoomKind::Channel),
            "group" => Some(RoomKind::Group),
            "direct" => Some(RoomKind::Direct),
            _ => None,
        }
    }
}

/// Whom a post names. Computed by the server alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Mentions {
    pub users: Vec<UserId>,
    pub here: bool,
    pub channel: bool,
}

impl Mentions {
    /// Whether the post names `user`, directly or with everybody.
    pub fn names(&self, user: UserId) -> bool {
        self.here || self.channel || self.users.contains(&user)
    }
    pub fn is_empty(&self) -> bool {
        !self.here && !self.channel && self.users.is_empty()
    }
}

/// What happened. Contents that a redaction hides are `Option`: `None` once hidden.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    Post {
        body: Option<String>,
        reply_to: Option<Seq>,
        mentions: Mentions,
    },
    Edit {
        target: Seq,
        body: Option<String>,
    },
    Delete {
        target: Seq,
    },
    React {
        target: Seq,
        emoji: Option<String>,
    },
    Unreact {
        target: Seq,
        emoji: Option<String>,
    },
    Join {
        user: UserId,
        role: Role,
    },
    Leave {
        user: UserId,
    },
    Role {
        user: UserId,
        role: Role,
    },
    Rename {
        name: Option<String>,
    },
    Topic {
        topic: String,
    },
}

impl Event {
    /// The name of the kind on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::Post { .. } => "post",
            Event::Edit { .. } => "edit",
            Event::Delete { .. } => "delete",
            Event::React { .. } => "react",
            Event::Unreact { .. } => "unreact",
            Event::Join { .. } => "join",
            Event::Leave { .. } => "leave",
            Event::Role { .. } => "role",
            Event::Rename { .. } => "rename",
            Event::Topic { .. } => "topic",
        }
    }

    /// The post that this entry is about, if it is about one.
    pub fn target(&self) -> Option<Seq> {
        match *self {
            Event::Edit { target, .. }
            | Event::Delete { target }
            | Event::React { target, .. }
            | Event::Unreact { target, .. } => Some(target),
            _ => None,
        }
    }

    /// Whether it counts towards `ord` and unread.
    pub fn is_countable(&self) -> bool {
        matches!(self, Event::Post { .. })
    }

    /// The part that redaction hides: body, emoji or name.
    pub fn content(&self) -> Option<&str> {
        match self {
            Event::Post { body, .. } | Event::Edit { body, .. } => body.as_deref(),
            Event::React { emoji, .. } | Event::Unreact { emoji, .. } => emoji.as_deref(),
            Event::Rename { name } => name.as_deref(),
            _ => None,
        }
    }

    /// Takes the hidden part away. True if there was one.
    pub fn redact(&mut self) -> bool {
        match self {
            Event::Post { body: content, .. }
            | Event::Edit { body: content, .. }
            | Event::React { emoji: content, .. }
            | Event::Unreact { emoji: content, .. }
            | Event::Rename { name: content } => content.take().is_some(),
            _ => false,
        }
    }
}

/// One entry of a room's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub room: RoomId,
    pub seq: Seq,
    pub ord: Ordinal,
    pub at: Timestamp,
    pub by: Option<UserId>,
    pub client_id: Option<ClientId>,
    pub event: Event,
    /// Its content was hidden by a later edit, deletion or retention.
    pub redacted: bool,
}

impl Entry {
    /// The same entry without its content.
    pub fn redacted(mut self) -> Self {
        self.event.redact();
        self.redacted = true;
        self
    }
}

/// The flat JSON shape of PROTOCOL.md §2. Field order is part of the hash chain: never reorder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Entry)]
pub struct WireEntry {
    pub room: RoomId,
    pub seq: Seq,
    pub ord: Ordinal,
    pub at: Timestamp,
    pub by: Option<UserId>,
    pub client_id: Option<ClientId>,
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Seq>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Mentions>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
}

impl WireEntry {
    fn hide_content(&mut self) {
        self.body = None;
        self.name = None;
        self.emoji = None;
        self.redacted = false;
    }
}

impl From<&Entry> for WireEntry {
    fn from(entry: &Entry) -> Self {
        let mut wire = WireEntry {
            room: entry.room,
            seq: entry.seq,
            ord: entry.ord,
            at: entry.at,
            by: entry.by,
            client_id: entry.client_id,
            kind: entry.event.kind().to_owned(),
            body: None,
            name: None,
            topic: None,
            target: entry.event.target(),
            reply_to: None,
            emoji: None,
            user: None,
            role: None,
            mentions: None,
            redacted: entry.redacted,
        };
        match &entry.event {
            Event::Post {
                body,
                reply_to,
                mentions,
            } => {
                wire.body = body.clone();
                wire.reply_to = *reply_to;
                wire.mentions = Some(mentions.clone());
            }
            Event::Edit { body, .. } => wire.body = body.clone(),
            Event::Delete { .. } => {}
            Event::React { emoji, .. } | Event::Unreact { emoji, .. } => wire.emoji = emoji.clone(),
            Event::Join { user, role } | Event::Role { user, role } => {
                wire.user = Some(*user);
                wire.role = Some(*role);
            }
            Event::Leave { user } => wire.user = Some(*user),
            Event::Rename { name } => wire.name = name.clone(),
            Event::Topic { topic } => wire.topic = Some(topic.clone()),
        }
        wire
    }
}

impl TryFrom<WireEntry> for Entry {
    type Error = &'static str;

    fn try_from(wire: WireEntry) -> Result<Self, &'static str> {
        let target = wire.target.ok_or("the entry lacks its target");
        let user = wire.user.ok_or("the entry lacks its user");
        let role = wire.role.ok_or("the entry lacks its role");
        let event = match wire.kind.as_str() {
            "post" => Event::Post {
                body: wire.body,
                reply_to: wire.reply_to,
                mentions: wire.mentions.unwrap_or_default(),
            },
            "edit" => Event::Edit {
                target: target?,
                body: wire.body,
            },
            "delete" => Event::Delete { target: target? },
            "react" => Event::React {
                target: target?,
                emoji: wire.emoji,
            },
            "unreact" => Event::Unreact {
                target: target?,
                emoji: wire.emoji,
            },
            "join" => Event::Join {
                user: user?,
                role: role?,
            },
            "leave" => Event::Leave { user: user? },
            "role" => Event::Role {
                user: user?,
                role: role?,
            },
            "rename" => Event::Rename { name: wire.name },
            "topic" => Event::Topic {
                topic: wire.topic.unwrap_or_default(),
            },
            _ => return Err("the entry is of no known kind"),
        };
        Ok(Entry {
            room: wire.room,
            seq: wire.seq,
            ord: wire.ord,
            at: wire.at,
            by: wire.by,
            client_id: wire.client_id,
            event,
            redacted: wire.redacted,
        })
    }
}
