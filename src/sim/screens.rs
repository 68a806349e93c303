//! Screens: somebody looks at every room, resumes where he was, and notes what he is shown.

use super::Mutant;
use super::storage::now_of;
use super::world::{Happening, World};
use crate::clock::Timestamp;
use crate::entry::{Entry, Event, WireEntry};
use crate::ids::{ConnectionId, LoginId, RoomId, Seq, UserId};
use crate::limits::MIN_WAIT_MS;
use crate::relay::Watch;
use crate::session::SessionMessage;
use crate::session::outbox::{Drained, Outbox};
use crate::session::registry::Connection;
use crate::store::LogStore;
use crate::wire::client::Format;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// What a session was told.
pub type Ears = Arc<Mutex<Vec<SessionMessage>>>;

/// The screen of one person.
pub struct Screen {
    pub node: usize,
    pub live: Option<(Arc<Connection>, Ears)>,
    pub sights: Vec<Sight>,
    format: Format,
}

/// What a screen shows of one room.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sight {
    /// Everything up to here was shown.
    pub seen: Seq,
    /// Caught up; what comes now is live.
    pub live: bool,
    /// A watch is on its way.
    pub(super) asked: bool,
    /// His session was told that this entry let him in.
    told: Seq,
    /// His removal up to here was acknowledged to somebody.
    pub away: Seq,
}

/// A session that only notes what it hears.
struct Listener;

impl Actor for Listener {
    type Msg = SessionMessage;
    type State = Ears;
    type Arguments = Ears;

    async fn pre_start(
        &self,
        _: ActorRef<SessionMessage>,
        ears: Ears,
    ) -> Result<Ears, ActorProcessingErr> {
        Ok(ears)
    }

    async fn handle(
        &self,
        _: ActorRef<SessionMessage>,
        message: SessionMessage,
        ears: &mut Ears,
    ) -> Result<(), ActorProcessingErr> {
        lock(ears).push(message);
        Ok(())
    }
}

fn lock(ears: &Ears) -> std::sync::MutexGuard<'_, Vec<SessionMessage>> {
    ears.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Screen {
    pub fn new(who: usize, rooms: usize) -> Self {
        Self {
            node: 0,
            live: None,
            sights: vec![Sight::default(); rooms],
            format: if who.is_multiple_of(2) {
                Format::Data
            } else {
                Format::Html
            },
        }
    }
}

impl World {
    pub fn open_screen(&mut self, who: usize) {
        if self.screens[who].live.is_some() {
            return;
        }
        let node = self.wires.index(self.plan.nodes);
        let ears = Ears::default();
        let spawned = Actor::spawn(None, Listener, Arc::clone(&ears));
        let Ok((actor, _)) = self.runtime.block_on(spawned) else {
            return;
        };
        let connection = Arc::new(Connection {
            id: ConnectionId::from_bytes(self.wires.bytes()),
            user: self.people[who].user,
            login: LoginId::from_bytes(self.wires.bytes()),
            outbox: Outbox::new(&self.metrics),
            actor,
        });
        let registered = self.sessions[node].register(Arc::clone(&connection));
        assert!(registered.is_ok(), "few connections: {registered:?}");
        let screen = &mut self.screens[who];
        screen.node = node;
        screen.live = Some((connection, ears));
        for room in 0..self.rooms.len() {
            self.watch(who, room);
        }
    }

    pub fn close_screen(&mut self, who: usize) {
        let screen = &mut self.screens[who];
        let Some((connection, _)) = screen.live.take() else {
            return;
        };
        for sight in &mut screen.sights {
            (sight.live, sight.asked) = (false, false);
        }
        let node = screen.node;
        self.sessions[node].unregister(connection.id);
        for ((_, _), relay) in self.relays.iter_mut().filter(|((at, _), _)| *at == node) {
            relay.state.forget(connection.id);
        }
        connection.actor.stop(None);
        let wait = self.wires.between(50, 2_000) as i64;
        self.at(self.clock + wait, Happening::Open { who });
    }

    pub fn watch(&mut self, who: usize, room: usize) {
        let screen = &mut self.screens[who];
        let (node, format) = (screen.node, screen.format);
        let sight = &mut screen.sights[room];
        let Some((connection, _)) = &screen.live else {
            return;
        };
        if sight.live || sight.asked {
            return;
        }
        sight.asked = true;
        self.coverage.resumed += u64::from(sight.seen > 0);
        let watch = Watch::new(
            self.rooms[room],
            Arc::clone(connection),
            format,
            sight.seen,
            Some(room.to_string()),
            Timestamp(self.clock + MIN_WAIT_MS as i64),
        );
        let effects = self.relay(node, room).watch(watch);
        self.relay_effects(node, room, effects);
    }

    /// Reads what was queued for everybody at a node.
    pub fn look_at_screens(&mut self, node: usize) {
        self.runtime.block_on(async {
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        });
        for who in 0..self.screens.len() {
            if self.screens[who].node == node {
                self.look_at(who);
            }
        }
    }

    fn look_at(&mut self, who: usize) {
        let Some((connection, ears)) = self.screens[who].live.clone() else {
            return;
        };
        let mut frames = Vec::new();
        let mut closed = false;
        while let Some(drained) = connection.outbox.try_drain(&mut frames, usize::MAX) {
            closed = matches!(drained, Drained::Close(_));
            if closed {
                break;
            }
        }
        let mut frames: Vec<Value> = frames
            .iter()
            .map(|frame| serde_json::from_str(frame.as_str()).expect("frames are JSON"))
            .collect();
        if self.mutant == Some(Mutant::FramesReordered) {
            frames.reverse();
        }
        for frame in &frames {
            self.see(who, frame);
        }
        if closed {
            self.close_screen(who);
            return;
        }
        self.hear_session(who, &connection, &ears);
    }

    /// The part of a session that matters here: who was added again may see the room again.
    fn hear_session(&mut self, who: usize, connection: &Connection, ears: &Ears) {
        let heard = std::mem::take(&mut *lock(ears));
        for message in heard {
            if let SessionMessage::Added { room, seq } = message
                && connection.outbox.rejoin(room, seq)
                && let Some(room) = self.number_of(room)
            {
                self.screens[who].sights[room].told = seq;
                let wait = self.wires.between(1, 300) as i64;
                self.at(self.clock + wait, Happening::Watch { who, room });
            }
        }
    }

    pub(super) fn number_of(&self, id: RoomId) -> Option<usize> {
        self.rooms.iter().position(|room| *room == id)
    }

    fn see(&mut self, who: usize, frame: &Value) {
        let kind = frame["t"].as_str().unwrap_or_default();
        let reference = frame["ref"].as_str().and_then(|room| room.parse().ok());
        let named = frame["room"].as_str().and_then(|id| id.parse().ok());
        let Some(room) = named
            .and_then(|id| self.number_of(RoomId(id)))
            .or(reference)
        else {
            return;
        };
        let seq = |name: &str| frame[name].as_u64().unwrap_or(0);
        match kind {
            "entry" => self.see_entry(who, room, seq("seq"), frame),
            "watching" => {
                let sight = &mut self.screens[who].sights[room];
                (sight.live, sight.asked) = (true, false);
                let (seen, head) = (sight.seen, seq("head"));
                if seen.max(head) != seen {
                    self.breaks("I3", format!("{who} watches at {head}, shown {seen}"));
                }
            }
            "reset" => self.screens[who].sights[room].seen = seq("head"),
            "gone" => {
                self.coverage.gone += 1;
                // Fragments follow their renderer, and a removal waits for none of them.
                let data = self.screens[who].format == Format::Data;
                let sight = &mut self.screens[who].sights[room];
                let missed = data && sight.live && sight.seen + 1 != seq("seq");
                let seen = sight.seen;
                (sight.live, sight.asked) = (false, false);
                // What a relay may not show it shows to nobody who is removed by then (R17).
                if missed && self.shows(self.screens[who].node, room) {
                    let what = format!("{who} is gone by {}, shown {seen}", seq("seq"));
                    self.breaks("I3", what);
                }
            }
            "error" => self.watch_refused(who, room, frame["code"].as_str()),
            _ => {}
        }
    }

    fn watch_refused(&mut self, who: usize, room: usize, code: Option<&str>) {
        let sight = &mut self.screens[who].sights[room];
        (sight.live, sight.asked) = (false, false);
        let told = sight.told;
        if code != Some("not_found") {
            let wait = self.wires.between(200, 1_500) as i64;
            self.at(self.clock + wait, Happening::Watch { who, room });
        } else if self.turns(room, self.people[who].user).last() == Some(&(told, true)) {
            // Nobody tells him again.
            let what = format!("{who} was told that {told} lets him in, and is refused");
            self.breaks("progress", what);
        }
    }

    /// I3: without a gap, in order, the same for everybody. I8: nothing for who was removed.
    fn see_entry(&mut self, who: usize, room: usize, seq: Seq, frame: &Value) {
        self.coverage.streamed += 1;
        let sight = &mut self.screens[who].sights[room];
        let (seen, away) = (sight.seen, sight.away);
        sight.seen = seq;
        if seq != seen + 1 {
            self.breaks("I3", format!("{who} is shown {seq} after {seen} in {room}"));
        }
        let said = said(frame);
        let before = self
            .streamed
            .entry((room, seq))
            .or_insert_with(|| said.clone());
        if *before != said {
            let what = format!("two entries at one place: {before} and {said}");
            self.breaks("I3", what);
        }
        let user = self.people[who].user;
        let turns = self.turns(room, user);
        let back = |since: Seq| turns.iter().any(|(at, joins)| *joins && *at > since);
        let last = turns.iter().rfind(|(at, _)| *at <= seq);
        let leaks = last.is_some_and(|(at, joins)| !joins && !back(*at));
        let late = away > 0 && !back(away);
        if leaks || late {
            let what =
                format!("{who} is shown {seq}, removal acknowledged up to {away}: {turns:?}");
            self.breaks("I8", what);
        }
    }

    /// When a person joined and left, by the log.
    fn turns(&mut self, room: usize, user: UserId) -> Vec<(Seq, bool)> {
        let (read, turns) = &mut self.turns[room];
        let id = self.rooms[room];
        let news = self.store.log(id, *read + 1, Seq::MAX, usize::MAX, true);
        for stored in now_of(news).unwrap_or_default() {
            *read = stored.entry.seq;
            match stored.entry.event {
                Event::Join { user, .. } => turns.push((*read, user, true)),
                Event::Leave { user } => turns.push((*read, user, false)),
                _ => {}
            }
        }
        let his = turns.iter().filter(|(_, who, _)| *who == user);
        his.map(|(seq, _, joins)| (*seq, *joins)).collect()
    }

    /// A removal is acknowledged to whoever asked for it.
    pub fn removal_acked(&mut self, room: usize, entry: &Entry) {
        let Event::Leave { user } = entry.event else {
            return;
        };
        for who in 0..self.people.len() {
            if self.people[who].user == user {
                let sight = &mut self.screens[who].sights[room];
                sight.away = sight.away.max(entry.seq);
            }
        }
    }

    /// A node dies: its relays and sockets with it.
    pub fn crash_screens(&mut self, node: usize) {
        self.relays.retain(|(at, _), _| *at != node);
        for who in 0..self.screens.len() {
            if self.screens[who].node == node {
                self.close_screen(who);
            }
        }
    }
}

/// What every format says of an entry.
fn said(frame: &Value) -> String {
    let part = |name: &str| frame[name].to_string();
    ["seq", "ord", "at", "by", "client_id", "kind"]
        .map(part)
        .join(" ")
}

/// The same of a stored entry.
pub fn in_words(entry: &Entry) -> String {
    let frame = serde_json::to_value(WireEntry::from(entry)).expect("an entry is JSON");
    said(&frame)
}
