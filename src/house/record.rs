//! One record of a workspace, and its shape as a line of JSON.

use super::{Problem, refused};
use crate::access::WorkspaceRole;
use crate::auth::tokens::hex;
use crate::clock::Timestamp;
use crate::entry::{Entry, Hash, RoomKind, StoredEntry, WireEntry};
use crate::ids::{ClientId, LoginId, Ordinal, RoomId, Seq, UserId};
use crate::store::{Invite, Login, LoginKind, Marker, RoomRow, Statics, User};
use serde::{Deserialize, Serialize};

/// What moves. Rooms come with where their log ends; their entries and markers follow them. Whatever
/// else a store keeps is derived from the entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    User(UserLine),
    Login(LoginLine),
    Setting(SettingLine),
    Invite(InviteLine),
    Room(RoomLine),
    Entry(Box<EntryLine>),
    Marker(MarkerLine),
    RoomKey(RoomKeyLine),
    Timer(super::timer::TimerLine),
}

impl Record {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Record::User(_) => "people",
            Record::Login(_) => "log-ins",
            Record::Setting(_) => "settings",
            Record::Invite(_) => "invites",
            Record::Room(_) => "rooms",
            Record::Entry(_) => "entries",
            Record::Marker(_) => "markers",
            Record::RoomKey(_) => "room keys",
            Record::Timer(_) => "timers",
        }
    }

    /// Without what lets somebody in; `None` if nothing is left.
    pub fn without_secrets(self) -> Option<Self> {
        match self {
            Record::User(user) => Some(Record::User(UserLine {
                password: None,
                ..user
            })),
            Record::Login(_) | Record::Invite(_) => None,
            other => Some(other),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserLine {
    pub id: UserId,
    pub name: String,
    pub handle: String,
    pub email: String,
    /// PHC text of the hash; left out without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    pub role: String,
    pub title: String,
    pub tz: String,
    pub active: bool,
    pub created_at: Timestamp,
}

impl From<User> for UserLine {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            handle: user.handle,
            email: user.email,
            password: Some(user.password),
            role: user.role.as_str().to_owned(),
            title: user.title,
            tz: user.tz,
            active: user.active,
            created_at: user.created_at,
        }
    }
}

fn role_of(text: &str) -> Result<WorkspaceRole, Problem> {
    WorkspaceRole::parse(text).ok_or_else(|| refused(format!("there is no role {text:?}")))
}

impl TryFrom<UserLine> for User {
    type Error = Problem;
    /// Without a password nobody signs in until it is set.
    fn try_from(line: UserLine) -> Result<Self, Problem> {
        Ok(User {
            role: role_of(&line.role)?,
            id: line.id,
            name: line.name,
            handle: line.handle,
            email: line.email,
            password: line.password.unwrap_or_default(),
            title: line.title,
            tz: line.tz,
            active: line.active,
            created_at: line.created_at,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginLine {
    pub id: LoginId,
    pub user: UserId,
    pub kind: String,
    pub secret: String,
    pub device: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
}

impl From<Login> for LoginLine {
    fn from(login: Login) -> Self {
        let kind = match login.kind {
            LoginKind::Cookie => "cookie",
            LoginKind::Bearer => "bearer",
        };
        Self {
            id: login.id,
            user: login.user,
            kind: kind.to_owned(),
            secret: hex(&login.secret),
            device: login.device,
            created_at: login.created_at,
            seen_at: login.seen_at,
        }
    }
}

impl TryFrom<LoginLine> for Login {
    type Error = Problem;
    fn try_from(line: LoginLine) -> Result<Self, Problem> {
        Ok(Login {
            kind: match line.kind.as_str() {
                "cookie" => LoginKind::Cookie,
                "bearer" => LoginKind::Bearer,
                other => return Err(refused(format!("there is no kind of log-in {other:?}"))),
            },
            secret: unhex(&line.secret)?,
            id: line.id,
            user: line.user,
            device: line.device,
            created_at: line.created_at,
            seen_at: line.seen_at,
        })
    }
}

/// `owner` is left out for what belongs to the workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    pub key: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InviteLine {
    pub code: String,
    pub by: UserId,
    pub role: String,
    pub rooms: Vec<RoomId>,
    pub uses_left: Option<u32>,
    pub expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl From<Invite> for InviteLine {
    fn from(invite: Invite) -> Self {
        Self {
            code: invite.code,
            by: invite.by,
            role: invite.role.as_str().to_owned(),
            rooms: invite.rooms,
            uses_left: invite.uses_left,
            expires_at: invite.expires_at,
            created_at: invite.created_at,
        }
    }
}

impl TryFrom<InviteLine> for Invite {
    type Error = Problem;
    fn try_from(line: InviteLine) -> Result<Self, Problem> {
        Ok(Invite {
            role: role_of(&line.role)?,
            code: line.code,
            by: line.by,
            rooms: line.rooms,
            uses_left: line.uses_left,
            expires_at: line.expires_at,
            created_at: line.created_at,
        })
    }
}

/// A room, and where its log ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomLine {
    pub id: RoomId,
    pub kind: RoomKind,
    pub name: Option<String>,
    pub topic: String,
    pub created_at: Timestamp,
    pub created_by: UserId,
    pub pair: Option<(UserId, UserId)>,
    pub head: Seq,
    pub ord: Ordinal,
    pub chain: String,
    /// Up to where the views were written.
    pub viewed: Seq,
}

impl RoomLine {
    pub fn new(row: RoomRow, end: &Statics) -> Result<Self, Problem> {
        if row.floor > 0 {
            let why = "its log does not begin at 1: this version cannot move it";
            return Err(refused(format!("room {}: {why}", row.id)));
        }
        Ok(Self {
            id: row.id,
            kind: row.kind,
            name: row.name,
            topic: row.topic,
            created_at: row.created_at,
            created_by: row.created_by,
            pair: row.pair,
            head: end.head(),
            ord: end.ord,
            chain: hex(&end.chain),
            viewed: end.viewed,
        })
    }

    pub fn row(&self) -> RoomRow {
        RoomRow {
            id: self.id,
            kind: self.kind,
            name: self.name.clone(),
            topic: self.topic.clone(),
            created_at: self.created_at,
            created_by: self.created_by,
            pair: self.pair,
            floor: 0,
        }
    }
}

/// An entry of PROTOCOL.md §2 with what chains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryLine {
    pub entry: WireEntry,
    /// `null` once the content was erased.
    pub salt: Option<String>,
    pub digest: String,
    pub link: String,
}

impl From<StoredEntry> for EntryLine {
    fn from(stored: StoredEntry) -> Self {
        Self {
            entry: WireEntry::from(&stored.entry),
            salt: stored.salt.map(|salt| hex(&salt)),
            digest: hex(&stored.digest),
            link: hex(&stored.link),
        }
    }
}

impl TryFrom<EntryLine> for StoredEntry {
    type Error = Problem;
    fn try_from(line: EntryLine) -> Result<Self, Problem> {
        Ok(StoredEntry {
            entry: Entry::try_from(line.entry).map_err(refused)?,
            salt: line.salt.as_deref().map(unhex).transpose()?,
            digest: unhex(&line.digest)?,
            link: unhex(&line.link)?,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarkerLine {
    pub room: RoomId,
    pub user: UserId,
    pub generation: u64,
    pub read: Seq,
    pub read_ord: Ordinal,
    pub delivered: Seq,
    pub read_at: Timestamp,
}

impl MarkerLine {
    pub fn new(room: RoomId, user: UserId, marker: Marker) -> Self {
        Self {
            room,
            user,
            generation: marker.generation,
            read: marker.read,
            read_ord: marker.read_ord,
            delivered: marker.delivered,
            read_at: marker.read_at,
        }
    }

    pub fn marker(&self) -> Marker {
        Marker {
            generation: self.generation,
            read: self.read,
            read_ord: self.read_ord,
            delivered: self.delivered,
            read_at: self.read_at,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomKeyLine {
    pub creator: UserId,
    pub client_id: ClientId,
    pub room: RoomId,
}

/// Bytes from lower-case hexadecimal text of the right length.
pub fn unhex<const N: usize>(text: &str) -> Result<[u8; N], Problem> {
    let nibble = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?))
        .collect();
    let bytes = bytes.filter(|_| rest.is_empty());
    let wanted = bytes.and_then(|bytes| bytes.try_into().ok());
    wanted.ok_or_else(|| refused(format!("{} hexadecimal digits are wanted", 2 * N)))
}

/// The chain's value from its text.
pub fn hash_of(text: &str) -> Result<Hash, Problem> {
    unhex(text)
}
