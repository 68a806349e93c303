//! What a session asks for and does not wait for itself.

use super::registry::Connection;
use super::state::{Done, Welcomed, Work};
use crate::access::Actor;
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::ids::RoomId;
use crate::limits;
use crate::marking::{self, Standing};
use crate::node::Node;
use crate::reading::{RoomItem, items_of, room_item, room_items};
use crate::store::User;
use crate::web::api::me::Me;
use crate::web::extract::encode_cursor;
use crate::wire::client::Mark;
use crate::wire::server::{Limits, Welcome};
use std::time::Duration;
use tokio::time::sleep;

/// Does it, and says how it ended.
pub async fn run(node: &Node, connection: &Connection, work: Work) -> Done {
    match work {
        Work::Welcome => Done::Welcome(in_turn(node, connection).await.map(Box::new)),
        Work::Handles { body } => {
            Done::Handles(node.people.handles_in(&body).await.map_err(Error::from))
        }
        Work::Mark { room, mark } => Done::Mark(move_marker(node, connection, room, mark).await),
        Work::Item { room, added } => {
            let item = read_item(node, connection, room).await;
            Done::Item {
                room,
                added,
                item: item.map(Box::new),
            }
        }
        Work::Standing { room } => {
            let nothing = Mark::Raise {
                read: None,
                delivered: None,
            };
            let standing = marking::mark(&*node.store, room, connection.user, nothing, now()).await;
            Done::Standing {
                room,
                standing: standing.ok(),
            }
        }
        Work::Person => {
            let user = person(node, connection).await;
            Done::Person(user.map(|user| actor_of(&user)))
        }
    }
}

/// The room as the person has it, however long the store does not answer: nobody tells him again.
async fn read_item(node: &Node, connection: &Connection, room: RoomId) -> Option<RoomItem> {
    let read = async {
        loop {
            match room_item(&*node.store, room, connection.user).await {
                Ok(item) => return item,
                Err(_) => sleep(Duration::from_millis(limits::ROOM_READ_AGAIN_MS)).await,
            }
        }
    };
    tokio::select! {
        biased;
        () = connection.outbox.ended() => None,
        item = read => item,
    }
}

/// The welcome, when it is his turn; nothing is read for who went away meanwhile.
async fn in_turn(node: &Node, connection: &Connection) -> Result<Welcomed> {
    let greetings = node.sessions.greetings();
    tokio::select! {
        biased;
        () = connection.outbox.ended() => Err(Error::internal()),
        turn = greetings.welcomes.turn() => {
            let _turn = turn?;
            welcome(node, connection).await
        }
    }
}

async fn welcome(node: &Node, connection: &Connection) -> Result<Welcomed> {
    let (store, me) = (&*node.store, connection.user);
    let rooms = async {
        let rooms = match node.sessions.greetings().welcomes.is_crowded() {
            true => items_of(store, me, node.shelves.places(me)).await,
            false => room_items(store, me).await,
        };
        Ok(rooms?)
    };
    let (user, rooms) = futures_util::try_join!(person(node, connection), rooms)?;
    let shown: Vec<_> = rooms
        .iter()
        .take(limits::WELCOME_ROOMS_MAX)
        .cloned()
        .collect();
    let next = match shown.last() {
        Some(last) if rooms.len() > shown.len() => {
            let moved_at = last.moved_at.map_or(0, |at| at.0);
            Some(encode_cursor(&format!("{} {moved_at}", last.id)))
        }
        _ => None,
    };
    let factor = node.limiter.factor();
    let rate = limits::SEND_PER_SESSION.times(factor);
    let frame = Welcome {
        user: serde_json::to_value(Me::from(&user)).map_err(|_| Error::internal())?,
        session: connection.login,
        node: node.id,
        version: env!("CARGO_PKG_VERSION"),
        now: now(),
        limits: Limits {
            frame_bytes: limits::FRAME_BYTES_MAX,
            frame_elements: limits::FRAME_ELEMENTS_MAX,
            body_chars: limits::BODY_CHARS_MAX,
            watches: limits::WATCHES_MAX,
            watch_gap: limits::WATCH_GAP_MAX,
            sends_in_flight: limits::SENDS_IN_FLIGHT_MAX,
            sends_per_second: rate.per_second,
            sends_burst: rate.burst,
            typing_interval_ms: limits::TYPING_INTERVAL_MS,
        },
        rooms: shown,
        next,
    };
    Ok(Welcomed { frame, rooms })
}

/// The person behind the connection, if log-in and account are still valid.
async fn person(node: &Node, connection: &Connection) -> Result<User> {
    let ended = || Error::new(Code::Unauthenticated, "Sign in first.");
    let (logins, user) = futures_util::try_join!(
        node.store.logins_of(connection.user),
        node.store.user(connection.user),
    )?;
    if !logins.iter().any(|login| login.id == connection.login) {
        return Err(ended());
    }
    user.filter(|user| user.active).ok_or_else(ended)
}

fn actor_of(user: &User) -> Actor {
    Actor {
        user: user.id,
        role: user.role,
        active: user.active,
    }
}

async fn move_marker(
    node: &Node,
    connection: &Connection,
    room: RoomId,
    mark: Mark,
) -> Result<Standing> {
    let user = connection.user;
    let standing = marking::mark(&*node.store, room, user, mark, now()).await?;
    let marker = standing.marker;
    let by = Some(connection.id);
    node.sessions.marked(room, user, marker, by);
    node.relays.marks(room, user, marker.read, marker.delivered);
    Ok(standing)
}
