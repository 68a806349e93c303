//! What a session asks for and does not wait for itself.

use super::SessionMessage;
use super::registry::Connection;
use super::state::{Done, Welcomed, Work};
use crate::access::Actor;
use crate::clock::now;
use crate::error::{Code, Error, Result};
use crate::ids::{RoomId, Seq, UserId};
use crate::limits;
use crate::marking::{self, Standing};
use crate::node::Node;
use crate::reading::{items_of, room_item, room_items};
use crate::store::User;
use crate::web::api::me::Me;
use crate::web::extract::encode_cursor;
use crate::wire::client::Mark;
use crate::wire::server::{Limits, Welcome};
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// Does it, and says how it ended.
pub async fn run(node: &Node, connection: &Connection, work: Work) -> Done {
    match work {
        Work::Welcome => Done::Welcome(in_turn(node, connection).await.map(Box::new)),
        Work::Handles { body } => {
            Done::Handles(node.people.handles_in(&body).await.map_err(Error::from))
        }
        Work::Mark { room, mark } => Done::Mark(move_marker(node, connection, room, mark).await),
        Work::Item { room } => {
            let (store, me) = (&*node.store, connection.user);
            let ask = || async move { Ok(room_item(store, room, me).await?) };
            let item = read(node, connection, ask).await;
            Done::Item {
                room,
                item: item.flatten().map(Box::new),
            }
        }
        Work::Standing { room } => Done::Standing {
            room,
            standing: read(node, connection, || standing(node, connection, room)).await,
        },
        Work::Seek { known } => {
            let ask = || added_unheard(node, connection.user, &known);
            for (room, seq) in read(node, connection, ask).await.unwrap_or_default() {
                connection.tell(SessionMessage::Added { room, seq });
            }
            Done::Seek
        }
        Work::Person => {
            let user = person(node, connection).await;
            Done::Person(user.map(|user| actor_of(&user)))
        }
    }
}

/// What changed of a room: nobody tells the person again.
async fn read<T, F: Future<Output = Result<T>>>(
    node: &Node,
    connection: &Connection,
    ask: impl Fn() -> F,
) -> Option<T> {
    let answer = until_answered(node.sessions.readings(), ask);
    tokio::select! {
        biased;
        () = connection.outbox.ended() => None,
        answer = answer => answer,
    }
}

/// The answer to `ask`, however long the store does not give it; `None` if it is a refusal.
/// Each try has a turn of its own.
async fn until_answered<T, F: Future<Output = Result<T>>>(
    turns: &Semaphore,
    ask: impl Fn() -> F,
) -> Option<T> {
    loop {
        let turn = turns.acquire().await.ok()?;
        match ask().await {
            Ok(answer) => return Some(answer),
            Err(refused) if refused.code.status() < 500 => return None,
            Err(_) => drop(turn),
        }
        sleep(Duration::from_millis(limits::ROOM_READ_AGAIN_MS)).await;
    }
}

/// Where the person stands: a mark that moves nothing.
async fn standing(node: &Node, connection: &Connection, room: RoomId) -> Result<Standing> {
    let nothing = Mark::Raise {
        read: None,
        delivered: None,
    };
    marking::mark(&*node.store, room, connection.user, nothing, now()).await
}

/// Rooms of the person that are not `known`, and by which entry he is in them.
async fn added_unheard(node: &Node, user: UserId, known: &[RoomId]) -> Result<Vec<(RoomId, Seq)>> {
    let known: HashSet<_> = known.iter().collect();
    let mut added = Vec::new();
    for (room, ..) in node.store.rooms_of(user).await? {
        if known.contains(&room) {
            continue;
        }
        if let Some(member) = node.store.member(room, user).await? {
            added.push((room, member.seq));
        }
    }
    Ok(added)
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::cell::Cell;

    fn away() -> Error {
        Error::new(Code::Unavailable, "away")
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_store_does_not_answer_is_asked_again_until_it_does() {
        let (turns, asked) = (Semaphore::new(1), Cell::new(0));
        let answer = until_answered(&turns, async || match asked.replace(asked.get() + 1) {
            0..3 => Err(away()),
            tries => Ok(tries),
        });
        assert_eq!(answer.await, Some(3));
        let refused = until_answered(&turns, async || Err::<(), _>(Error::not_found()));
        assert_eq!(refused.await, None, "an answer, too");
        assert_eq!(turns.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_ask_at_once_and_nobody_holds_a_turn_while_he_pauses() {
        let turns = Semaphore::new(1);
        let first = until_answered(&turns, async || Err::<(), _>(away()));
        let mut first = Box::pin(first);
        assert!(first.as_mut().now_or_never().is_none(), "it pauses");
        let held = turns.acquire().await.expect("nobody has the turn");
        let mut second = Box::pin(until_answered(&turns, async || Ok(())));
        assert!(second.as_mut().now_or_never().is_none(), "it waits");
        drop(held);
        assert_eq!(second.await, Some(()));
    }
}
