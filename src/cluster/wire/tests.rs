//! What one node says is what the other hears.

use super::*;
use crate::access::{Actor, WorkspaceRole};
use crate::clock::Timestamp;
use crate::cluster::message::HandOver;
use crate::entry::{Event, Mentions, Role};
use crate::ids::NodeId;
use crate::ids::{ClientId, ConnectionId};
use crate::room::{ConnectionOrder, Draft, OrderHold, Place, Send};
use std::collections::BTreeMap;
use uuid::Uuid;

fn id(n: u8) -> [u8; 16] {
    [n; 16]
}

fn send(draft: Draft) -> Message {
    Message::Command {
        id: 7,
        room: RoomId::from_bytes(id(1)),
        command: Command::Send(Box::new(Send {
            ticket: 0,
            actor: Actor {
                user: UserId::from_bytes(id(2)),
                role: WorkspaceRole::Admin,
                active: true,
            },
            place: Some(Place {
                connection: ConnectionId::from_bytes(id(3)),
                n: 4,
                base: 2,
                hold: 1,
                refuse_with: Some(Code::RateLimited),
            }),
            client_id: Some(ClientId::from_bytes(id(4))),
            after: 9,
            draft,
            handles: BTreeMap::from([("ann".to_owned(), UserId::from_bytes(id(5)))]),
            salt: id(6),
        })),
    }
}

fn entry(seq: Seq, event: Event) -> Arc<Entry> {
    Arc::new(Entry {
        room: RoomId::from_bytes(id(1)),
        seq,
        ord: 3,
        at: Timestamp(1_700_000_000_123),
        by: Some(UserId::from_bytes(id(2))),
        client_id: Some(ClientId(Uuid::from_u128(77))),
        event,
        redacted: seq == 2,
    })
}

fn messages() -> Vec<Message> {
    let (room, user) = (RoomId::from_bytes(id(1)), UserId::from_bytes(id(2)));
    let body = || "Ebb & flow “quoted” \u{1f30a}\n".to_owned();
    let drafts = vec![
        Draft::Post {
            body: body(),
            reply_to: Some(3),
        },
        Draft::Edit {
            target: 1,
            body: body(),
        },
        Draft::Delete { target: 1 },
        Draft::React {
            target: 1,
            emoji: "🌊".to_owned(),
        },
        Draft::Unreact {
            target: 1,
            emoji: "🌊".to_owned(),
        },
        Draft::Rename { name: body() },
        Draft::Topic {
            topic: String::new(),
        },
        Draft::PutMember {
            user,
            role: Some(Role::Admin),
        },
        Draft::PutMember { user, role: None },
        Draft::RemoveMember { user },
    ];
    let mentions = Mentions {
        users: vec![user],
        here: true,
        channel: false,
    };
    let post = Event::Post {
        body: Some(body()),
        reply_to: None,
        mentions,
    };
    let hidden = Event::Edit {
        target: 1,
        body: None,
    };
    let entries = vec![
        entry(1, post),
        entry(2, hidden),
        entry(3, Event::Leave { user }),
    ];
    let order = |held| ConnectionOrder {
        connection: ConnectionId::from_bytes(id(5)),
        last: 12,
        held,
    };
    let hold = OrderHold {
        hold: 2,
        n: 11,
        code: Code::Busy,
    };
    let mut all: Vec<_> = drafts.into_iter().map(send).collect();
    let outcome = |reply| Message::Outcome { id: 7, reply };
    let stored = Reply::Stored {
        entry: Arc::clone(&entries[0]),
        repeated: true,
    };
    all.extend([outcome(stored), outcome(Reply::Unchanged)]);
    let refused = Code::ALL.into_iter().map(|code| Error::new(code, body()));
    all.extend(refused.map(|error| outcome(Reply::Refused(error))));
    all.extend([
        Message::Heartbeat(Heartbeat {
            draining: true,
            interest: 1 << 60,
        }),
        Message::Interest {
            base: 0,
            version: 8,
            follow: vec![room],
            leave: Vec::new(),
        },
        Message::News(News::LoginTried(Try {
            account: [1; 16],
            address: [2; 16],
        })),
        Message::News(News::LoggedIn([1; 16])),
        Message::WantInterest,
        Message::Command {
            id: u64::MAX,
            room,
            command: Command::Found {
                creator: user,
                members: vec![user],
                salts: vec![id(9)],
            },
        },
        Message::Publication {
            room,
            entries,
            fence: Some(5),
        },
        Message::Head { room, head: 12 },
        Message::Hint(Hint::Mark {
            room,
            user,
            read: 3,
            delivered: 4,
        }),
        Message::Hint(Hint::Typing {
            room,
            user,
            on: true,
        }),
        Message::News(News::User(user)),
        Message::News(News::Marked { room, user }),
        Message::Revoke {
            login: LoginId::from_bytes(id(8)),
            fence: 6,
        },
        Message::Presence {
            whole: true,
            users: PresenceState::ALL.map(|state| (user, state)).to_vec(),
        },
        Message::HandOver(HandOver::Claim { id: 3, room }),
        Message::HandOver(HandOver::Holds { id: 3 }),
        Message::HandOver(HandOver::Free {
            id: 3,
            orders: vec![order(None), order(Some(hold))],
        }),
        Message::HandOver(HandOver::Moved {
            id: 7,
            to: NodeId::from_bytes(id(4)),
        }),
        Message::Lost,
        Message::Confirm { fence: 5 },
        Message::Bye,
    ]);
    all
}

#[test]
fn every_message_comes_out_as_it_went_in() {
    for message in messages() {
        assert_eq!(decode(&encode(&message)).as_ref(), Ok(&message));
    }
}

#[test]
fn what_a_newer_node_adds_is_passed_over_and_what_it_says_anew_is_dropped() {
    let added = b"\x01{\"t\":\"confirm\",\"fence\":5,\"why\":\"because\"}";
    assert_eq!(decode(added), Ok(Message::Confirm { fence: 5 }));
    assert!(decode(b"\x01{\"t\":\"sing\"}").is_err());
    assert_eq!(decode(b"\x02{\"t\":\"bye\"}"), Ok(Message::Bye));
    assert!(decode(b"\x03{\"t\":\"bye\"}").is_err());
}

#[test]
fn broken_bytes_are_no_message_and_break_nothing() {
    for message in messages() {
        let bytes = encode(&message);
        for cut in 0..bytes.len() {
            assert!(decode(&bytes[..cut]).is_err(), "{message:?} cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.to_vec();
            broken[at] ^= 0x15;
            let _ = decode(&broken);
        }
    }
    let foreign = Message::Publication {
        room: RoomId::from_bytes(id(8)),
        entries: vec![entry(1, Event::Delete { target: 1 })],
        fence: None,
    };
    assert!(
        decode(&encode(&foreign)).is_err(),
        "an entry of another room"
    );
}

/// A line for each message of each version: the version, then what follows it.
#[test]
fn messages_that_any_version_wrote_are_still_read_and_todays_are_recorded() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cluster/corpus.txt");
    let recorded = std::fs::read_to_string(path).expect("the corpus");
    for line in recorded.lines() {
        let (version, json) = line.split_once(' ').expect("a version and a message");
        let version: u8 = version.parse().expect("a version");
        let bytes = [&[version], json.as_bytes()].concat();
        let read = decode(&bytes);
        assert!(read.is_ok(), "{read:?}: {line}");
    }
    let mut missing = String::new();
    for message in messages() {
        let bytes = encode(&message);
        let (version, json) = bytes.split_first().expect("a version");
        let line = format!("{version} {}\n", String::from_utf8_lossy(json));
        if !recorded.contains(&line) {
            missing += &line;
        }
    }
    assert_eq!(
        missing, "",
        "to be added to the corpus, not put in its place"
    );
}
