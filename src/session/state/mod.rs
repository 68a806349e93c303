//! What one connection may do and where it stands: frames in, effects out. Pure: no socket, no
//! clock, no store; what needs them is an effect, and its outcome comes back as a call.

mod again;
mod frames;
mod readings;
mod rooms;
mod sends;
#[cfg(test)]
mod tests;

use crate::access::Actor;
use crate::clock::Timestamp;
use crate::error::{Code, Error};
use crate::ids::{ClientId, ConnectionId, LoginId, RoomId, Seq, UserId};
use crate::marking::Standing;
use crate::rate::{Bucket, Limiter};
use crate::reading::RoomItem;
use crate::room::{Draft, Place};
use crate::session::outbox::HintKey;
use crate::session::sorted::{SortedMap, SortedSet};
use crate::wire::CloseCode;
use crate::wire::client::{self, ClientFrame, Element, Format, Mark, PresenceState};
use crate::wire::server::{ServerFrame, Welcome};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use readings::Readings;
use rooms::Side;
use sends::Sends;

/// Rooms that one connection may send to in its life; the order of each is remembered.
const ROOMS_SENT_TO_MAX: usize = 4_096;

/// Whose connection it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    pub connection: ConnectionId,
    pub actor: Actor,
    pub login: LoginId,
}

/// The time, and what is shared between connections of a person.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub now: Timestamp,
    /// Time without standstills of this process (`Awake`): what holds are measured by.
    pub awake: Timestamp,
    pub limiter: &'a Limiter,
}

/// A send on its way to its room.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    pub room: RoomId,
    pub place: Place,
    pub client_id: ClientId,
    pub after: Seq,
    pub draft: Draft,
    pub handles: BTreeMap<String, UserId>,
}

/// Everything that a session asks of its shell, done in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Push(ServerFrame),
    Hint(HintKey, ServerFrame),
    /// The last effect of a connection.
    Close(CloseCode),
    Send(Box<Outgoing>),
    /// Come back with `send_again` after so many milliseconds.
    Again {
        room: RoomId,
        pause_ms: u64,
    },
    Watch {
        room: RoomId,
        after: Seq,
        format: Format,
        reference: Option<String>,
    },
    /// Stops a watch if there is one, and answers `unwatched`.
    Unwatch {
        room: RoomId,
        reference: Option<String>,
    },
    /// Head notices of a room that the person is in.
    /// From this head on.
    Listen(RoomId, Seq),
    Typing {
        room: RoomId,
        on: bool,
    },
    Presence {
        state: PresenceState,
        watch: Option<Vec<UserId>>,
    },
    /// Something that takes time; answered by `done`.
    Work(Work),
}

/// What is done outside the session.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// The first answer, for a log-in that is still valid.
    Welcome,
    /// Whom the handles typed in a body mean.
    Handles {
        body: String,
    },
    Mark {
        room: RoomId,
        mark: Mark,
    },
    /// The item of `GET /rooms` of one room.
    Item {
        room: RoomId,
    },
    /// Where the person stands after another device marked.
    Standing {
        room: RoomId,
    },
    /// Rooms of the person that are not among these; of each the session hears `Added`.
    Seek {
        known: Vec<RoomId>,
    },
    /// The account as it is now.
    Person,
}

/// How work ended.
#[derive(Clone, Debug)]
pub enum Done {
    Welcome(Result<Box<Welcomed>, Error>),
    Handles(Result<BTreeMap<String, UserId>, Error>),
    Mark(Result<Standing, Error>),
    Item {
        room: RoomId,
        /// `None`: not, or no longer, a member.
        item: Option<Box<RoomItem>>,
    },
    Standing {
        room: RoomId,
        standing: Option<Standing>,
    },
    Seek,
    Person(Result<Actor, Error>),
}

/// The facts behind a welcome.
#[derive(Clone, Debug)]
pub struct Welcomed {
    pub frame: Welcome,
    /// Every room of the person, not only those in the frame.
    pub rooms: Vec<RoomItem>,
}

#[derive(Debug)]
enum Phase {
    Hello,
    /// Frames that came before the welcome was ready.
    Welcoming(VecDeque<Element>),
    Open,
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct SessionState {
    me: Identity,
    phase: Phase,
    format: Format,
    cursors: Vec<(RoomId, Seq)>,
    factor: f64,
    resend_ms: u64,
    watches: SortedSet<RoomId>,
    rooms: SortedMap<RoomId, Side>,
    sends: Sends,
    /// Rooms whose `gone` came before the welcome.
    gone: BTreeSet<RoomId>,
    /// Rooms that the person was added to, until their facts are read.
    adding: BTreeSet<RoomId>,
    items: Readings<RoomId>,
    standings: Readings<RoomId>,
    /// The list of the person's rooms.
    list: Readings<()>,
    marks: VecDeque<(Option<String>, RoomId, Mark)>,
    /// The last "on" per room, and whether it stands.
    typing: BTreeMap<RoomId, (Timestamp, bool)>,
    buckets: Buckets,
}

#[derive(Debug, Default)]
struct Buckets {
    send: Bucket,
    watch: Bucket,
    mark: Bucket,
    presence: Bucket,
    ping: Bucket,
}

impl SessionState {
    /// `resend_ms`: for so long a send whose outcome is not known is sent again from here.
    pub fn new(me: Identity, factor: f64, resend_ms: u64) -> Self {
        Self {
            me,
            resend_ms,
            phase: Phase::Hello,
            format: Format::Data,
            cursors: Vec::new(),
            factor,
            watches: SortedSet::default(),
            rooms: SortedMap::default(),
            adding: BTreeSet::new(),
            items: Readings::default(),
            standings: Readings::default(),
            list: Readings::default(),
            gone: BTreeSet::new(),
            sends: Sends::default(),
            marks: VecDeque::new(),
            typing: BTreeMap::new(),
            buckets: Buckets::default(),
        }
    }

    /// A text frame came.
    pub fn on_text(&mut self, cx: Context<'_>, text: &str) -> Vec<Effect> {
        let mut out = Vec::new();
        match client::read(text) {
            Ok(elements) => {
                for element in elements {
                    self.on_element(cx, element, &mut out);
                }
            }
            Err(code) => self.close(code, &mut out),
        }
        out
    }

    /// Work ended.
    pub fn done(&mut self, cx: Context<'_>, done: Done) -> Vec<Effect> {
        let mut out = Vec::new();
        match done {
            Done::Welcome(Ok(facts)) => self.open(cx, *facts, &mut out),
            Done::Welcome(Err(error)) => self.close(close_code_of(&error), &mut out),
            Done::Handles(handles) => self.handles_found(handles, &mut out),
            Done::Mark(standing) => self.marked(standing, &mut out),
            Done::Item { room, item } => self.item_read(room, item, &mut out),
            Done::Standing { room, standing } => self.standing_read(room, standing, &mut out),
            Done::Seek => out.extend(self.sought()),
            Done::Person(Ok(actor)) => self.me.actor = actor,
            Done::Person(Err(error)) => self.close(close_code_of(&error), &mut out),
        }
        out
    }

    /// What waits for an answer: the socket is not read while this is at its bound.
    pub fn in_flight(&self) -> usize {
        let waiting = match &self.phase {
            Phase::Welcoming(waiting) => waiting.len(),
            _ => 0,
        };
        waiting + self.sends.in_flight() + self.marks.len()
    }

    /// Whether the hello came.
    pub fn is_greeted(&self) -> bool {
        !matches!(self.phase, Phase::Hello)
    }

    /// The subject that rooms judge.
    pub fn actor(&self) -> Actor {
        self.me.actor
    }

    fn on_element(&mut self, cx: Context<'_>, element: Element, out: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Closed => {}
            Phase::Welcoming(waiting) => waiting.push_back(element),
            Phase::Open => match element.frame {
                Ok(frame) => self.on_frame(cx, frame, out),
                Err(bad) => out.push(error(bad.reference, bad.error)),
            },
            Phase::Hello if !element.is_hello => self.close(CloseCode::Protocol, out),
            Phase::Hello => match element.frame {
                Ok(ClientFrame::Hello {
                    format, cursors, ..
                }) => {
                    self.format = format;
                    self.cursors = cursors;
                    self.phase = Phase::Welcoming(VecDeque::new());
                    out.push(Effect::Work(Work::Welcome));
                }
                Ok(_) => self.close(CloseCode::Protocol, out),
                Err(bad) => out.push(error(bad.reference, bad.error)),
            },
        }
    }

    fn open(&mut self, cx: Context<'_>, facts: Welcomed, out: &mut Vec<Effect>) {
        let Phase::Welcoming(waiting) = std::mem::replace(&mut self.phase, Phase::Open) else {
            self.phase = Phase::Closed;
            return;
        };
        let gone = std::mem::take(&mut self.gone);
        let mut frame = facts.frame;
        frame.rooms.retain(|item| !gone.contains(&item.id));
        out.push(Effect::Push(ServerFrame::Welcome(Box::new(frame))));
        for item in facts.rooms.iter().filter(|item| !gone.contains(&item.id)) {
            self.rooms.insert(item.id, Side::from(item));
            out.push(Effect::Listen(item.id, item.head));
        }
        let state = PresenceState::Active;
        out.push(Effect::Presence { state, watch: None });
        for (room, after) in std::mem::take(&mut self.cursors) {
            self.watch(room, after, None, out);
        }
        for element in waiting {
            self.on_element(cx, element, out);
        }
        for room in self.adding.clone() {
            out.extend(self.read_item(room));
        }
        // Asked for while the welcome was read: that may have been too early.
        out.extend(self.sought());
    }

    fn close(&mut self, code: CloseCode, out: &mut Vec<Effect>) {
        if !matches!(self.phase, Phase::Closed) {
            self.phase = Phase::Closed;
            out.push(Effect::Close(code));
        }
    }
}

fn error(reference: Option<String>, error: Error) -> Effect {
    Effect::Push(ServerFrame::error(reference, error))
}

fn close_code_of(error: &Error) -> CloseCode {
    match error.code {
        Code::Unauthenticated => CloseCode::Unauthenticated,
        _ => CloseCode::Internal,
    }
}
