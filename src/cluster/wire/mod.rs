//! Messages between nodes as bytes: a version, then JSON. Unknown fields are passed over and unknown
//! messages are counted and dropped, so that one version older and newer understand each other.

mod handing;
mod send;

use self::handing::WireHandOver;
use self::send::WireSend;
use super::message::{Command, CommandId, FenceId, Heartbeat, Message};
use crate::auth::tries::{Digest, Try};
use crate::bus::{Hint, News};
use crate::entry::{Entry, Salt, WireEntry};
use crate::error::{Code, Error};
use crate::ids::{LoginId, RoomId, Seq, UserId};
use crate::room::Reply;
use crate::wire::client::PresenceState;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What this program speaks; one older and one newer are understood.
pub const VERSION: u8 = 1;

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes of a message.
pub fn encode(message: &Message) -> Bytes {
    let mut bytes = vec![VERSION];
    // Nothing in it can fail to be written as JSON: no maps with other keys than texts.
    let _ = serde_json::to_writer(&mut bytes, &Wire::from(message));
    bytes.into()
}

/// The message in these bytes.
pub fn decode(bytes: &[u8]) -> Result<Message, Malformed> {
    let malformed = |why: String| Malformed(why);
    let (version, json) = bytes
        .split_first()
        .ok_or_else(|| malformed("nothing".to_owned()))?;
    if version.abs_diff(VERSION) > 1 {
        return Err(malformed(format!("version {version}")));
    }
    let wire: Wire = serde_json::from_slice(json).map_err(|error| malformed(error.to_string()))?;
    wire.read().map_err(|why| malformed(why.to_owned()))
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
enum Wire {
    Heartbeat {
        draining: bool,
        interest: u64,
    },
    Interest {
        base: u64,
        version: u64,
        follow: Vec<RoomId>,
        leave: Vec<RoomId>,
    },
    WantInterest,
    Send {
        id: CommandId,
        room: RoomId,
        #[serde(flatten)]
        send: Box<WireSend>,
    },
    Found {
        id: CommandId,
        room: RoomId,
        creator: UserId,
        members: Vec<UserId>,
        salts: Vec<Salt>,
    },
    Stored {
        id: CommandId,
        entry: Box<WireEntry>,
        repeated: bool,
    },
    Unchanged {
        id: CommandId,
    },
    Refused {
        id: CommandId,
        code: String,
        detail: String,
        retry_after_ms: Option<u64>,
    },
    HandOver(WireHandOver),
    Publication {
        room: RoomId,
        entries: Vec<WireEntry>,
        fence: Option<FenceId>,
    },
    Head {
        room: RoomId,
        head: Seq,
    },
    Mark {
        room: RoomId,
        user: UserId,
        read: Seq,
        delivered: Seq,
    },
    Typing {
        room: RoomId,
        user: UserId,
        on: bool,
    },
    User {
        user: UserId,
    },
    Marked {
        room: RoomId,
        user: UserId,
    },
    Revoke {
        login: LoginId,
        fence: FenceId,
    },
    Presence {
        whole: bool,
        users: Vec<(UserId, String)>,
    },
    LoginTried {
        account: Digest,
        address: Digest,
    },
    LoggedIn {
        account: Digest,
    },
    Lost,
    Confirm {
        fence: FenceId,
    },
    Bye,
}

impl From<&Message> for Wire {
    fn from(message: &Message) -> Self {
        match message.clone() {
            Message::Heartbeat(Heartbeat { draining, interest }) => {
                Wire::Heartbeat { draining, interest }
            }
            Message::Interest {
                base,
                version,
                follow,
                leave,
            } => Wire::Interest {
                base,
                version,
                follow,
                leave,
            },
            Message::WantInterest => Wire::WantInterest,
            Message::Command { id, room, command } => Wire::of_command(id, room, command),
            Message::Outcome { id, reply } => Wire::of_reply(id, reply),
            Message::HandOver(what) => Wire::HandOver(what.into()),
            Message::Publication {
                room,
                entries,
                fence,
            } => Wire::Publication {
                room,
                entries: entries
                    .iter()
                    .map(|entry| WireEntry::from(&**entry))
                    .collect(),
                fence,
            },
            Message::Head { room, head } => Wire::Head { room, head },
            Message::Hint(Hint::Mark {
                room,
                user,
                read,
                delivered,
            }) => Wire::Mark {
                room,
                user,
                read,
                delivered,
            },
            Message::Hint(Hint::Typing { room, user, on }) => Wire::Typing { room, user, on },
            Message::News(News::User(user)) => Wire::User { user },
            Message::News(News::Marked { room, user }) => Wire::Marked { room, user },
            Message::News(News::LoginTried(Try { account, address })) => {
                Wire::LoginTried { account, address }
            }
            Message::News(News::LoggedIn(account)) => Wire::LoggedIn { account },
            Message::Presence { whole, users } => Wire::of_presence(whole, &users),
            Message::Revoke { login, fence } => Wire::Revoke { login, fence },
            Message::Lost => Wire::Lost,
            Message::Confirm { fence } => Wire::Confirm { fence },
            Message::Bye => Wire::Bye,
        }
    }
}

impl Wire {
    fn of_command(id: CommandId, room: RoomId, command: Command) -> Self {
        match command {
            Command::Send(send) => Wire::Send {
                id,
                room,
                send: Box::new(WireSend::from(*send)),
            },
            Command::Found {
                creator,
                members,
                salts,
            } => Wire::Found {
                id,
                room,
                creator,
                members,
                salts,
            },
        }
    }

    fn of_presence(whole: bool, users: &[(UserId, PresenceState)]) -> Self {
        let users = users.iter();
        let users = users.map(|(user, state)| (*user, state.as_str().to_owned()));
        Wire::Presence {
            whole,
            users: users.collect(),
        }
    }

    fn of_reply(id: CommandId, reply: Reply) -> Self {
        match reply {
            Reply::Stored { entry, repeated } => Wire::Stored {
                id,
                entry: Box::new(WireEntry::from(&*entry)),
                repeated,
            },
            Reply::Unchanged => Wire::Unchanged { id },
            Reply::Refused(error) => Wire::Refused {
                id,
                code: error.code.as_str().to_owned(),
                detail: error.detail.into_owned(),
                retry_after_ms: error.retry_after_ms,
            },
        }
    }

    fn read(self) -> Result<Message, &'static str> {
        let outcome = |id, reply| Message::Outcome { id, reply };
        Ok(match self {
            Wire::Heartbeat { draining, interest } => {
                Message::Heartbeat(Heartbeat { draining, interest })
            }
            Wire::Interest {
                base,
                version,
                follow,
                leave,
            } => Message::Interest {
                base,
                version,
                follow,
                leave,
            },
            Wire::WantInterest => Message::WantInterest,
            Wire::Send { id, room, send } => Message::Command {
                id,
                room,
                command: Command::Send(Box::new(send.read()?)),
            },
            Wire::Found {
                id,
                room,
                creator,
                members,
                salts,
            } => Message::Command {
                id,
                room,
                command: Command::Found {
                    creator,
                    members,
                    salts,
                },
            },
            Wire::Stored {
                id,
                entry,
                repeated,
            } => {
                let entry = Arc::new(Entry::try_from(*entry)?);
                outcome(id, Reply::Stored { entry, repeated })
            }
            Wire::Unchanged { id } => outcome(id, Reply::Unchanged),
            Wire::Refused {
                id,
                code,
                detail,
                retry_after_ms,
            } => {
                let mut error = Error::new(code_of(&code)?, detail);
                error.retry_after_ms = retry_after_ms;
                outcome(id, Reply::Refused(error))
            }
            Wire::HandOver(what) => Message::HandOver(what.read()?),
            Wire::Publication {
                room,
                entries,
                fence,
            } => Message::Publication {
                room,
                entries: read_entries(room, entries)?,
                fence,
            },
            Wire::Head { room, head } => Message::Head { room, head },
            Wire::Mark {
                room,
                user,
                read,
                delivered,
            } => Message::Hint(Hint::Mark {
                room,
                user,
                read,
                delivered,
            }),
            Wire::Typing { room, user, on } => Message::Hint(Hint::Typing { room, user, on }),
            Wire::User { user } => Message::News(News::User(user)),
            Wire::Marked { room, user } => Message::News(News::Marked { room, user }),
            Wire::LoginTried { account, address } => {
                Message::News(News::LoginTried(Try { account, address }))
            }
            Wire::LoggedIn { account } => Message::News(News::LoggedIn(account)),
            Wire::Revoke { login, fence } => Message::Revoke { login, fence },
            Wire::Presence { whole, users } => {
                let read = |(user, state): (UserId, String)| Ok((user, state_of(&state)?));
                let users = users.into_iter().map(read);
                Message::Presence {
                    whole,
                    users: users.collect::<Result<_, &'static str>>()?,
                }
            }
            Wire::Lost => Message::Lost,
            Wire::Confirm { fence } => Message::Confirm { fence },
            Wire::Bye => Message::Bye,
        })
    }
}

fn read_entries(room: RoomId, entries: Vec<WireEntry>) -> Result<Vec<Arc<Entry>>, &'static str> {
    let of_room = |entry: Entry| match entry.room == room && entry.seq > 0 {
        true => Ok(Arc::new(entry)),
        false => Err("an entry of another room"),
    };
    let entries = entries.into_iter();
    entries
        .map(|entry| Entry::try_from(entry).and_then(of_room))
        .collect()
}

fn code_of(text: &str) -> Result<Code, &'static str> {
    let code = Code::ALL.into_iter().find(|code| code.as_str() == text);
    code.ok_or("no code that is known")
}

fn state_of(text: &str) -> Result<PresenceState, &'static str> {
    let state = PresenceState::ALL.into_iter();
    let mut state = state.filter(|state| state.as_str() == text);
    state.next().ok_or("no presence that is known")
}

#[cfg(test)]
mod tests;
