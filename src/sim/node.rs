//! One process: the product's own core of the cluster and its counters, and around them what its
//! shell keeps and does.

use super::Mutant;
use super::bus::Counted;
use super::happening::Happening;
use super::owner::Back;
use super::seeking::SEEK_MS;
use super::world::{At, World};
use crate::bus::counts::{Heard, Sent};
use crate::bus::{Confirm, Rights};
use crate::clock::Timestamp;
use crate::cluster::message::{ClaimId, CommandId, FenceId, Message};
use crate::cluster::state::{ClusterState, Effect, Event, Moment};
use crate::ids::{NodeId, RoomId, Seq};
use crate::limits::{ARRIVAL_MS, AWAKE_STEP_MS_MAX, INTEREST_FLUSH_MS, LEASE_MS};
use crate::room::Send;
use crate::store::NodeLease;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// How often the core is told that time passes, and the lease is renewed: as the shell does it.
const TICK_MS: u64 = LEASE_MS / 8;
const RENEWAL_MS: u64 = LEASE_MS / 4;

pub struct Node {
    pub id: NodeId,
    pub core: ClusterState,
    pub(super) sent: Sent,
    pub(super) heard: Heard,
    begun: i64,
    /// It stands still until then; what happens to it waits.
    pub(super) paused_until: i64,
    stopped_at: i64,
    /// So long it stood still; silence in that time says nothing (`Awake`).
    stood_still: i64,
    pub(super) backlog: VecDeque<Happening>,
    last_id: u64,
    todo: VecDeque<Effect>,
    doing: bool,
    runs: usize,
    pub(super) answers: BTreeMap<CommandId, (usize, Back)>,
    pub(super) claims: BTreeMap<ClaimId, At>,
    pub(super) fences: BTreeMap<FenceId, Arc<Confirm>>,
    pub(super) row: Row,
    pub(super) healing: bool,
    pub(super) heal_again: bool,
}

/// How far it is with its row in the store (R17).
#[derive(Debug, Default)]
pub struct Row {
    pub beat: u64,
    pub settled: u64,
    pub settling: bool,
    /// The row that is due; another one that was due before is not.
    pub due: u64,
    pub writing: bool,
    pub wanted: bool,
}

/// What happens inside a node.
pub enum Inside {
    Tick,
    Renew,
    Event(Event),
    /// The connection to Redis may have come or gone.
    Connection,
    Mail {
        from: NodeId,
        counted: Counted,
        message: Message,
    },
    /// A session or a form sends.
    Forward {
        room: usize,
        send: Box<Send>,
        back: Back,
    },
    RowDue(u64),
    RowWritten {
        row: NodeLease,
        asked_at: Moment,
        stands: bool,
    },
    Rows {
        asked_at: Moment,
        rows: Option<Vec<NodeLease>>,
    },
    /// The heads of what is followed here; `settle`: for the row.
    Heads {
        settle: bool,
        /// They are certain up to this right of the node.
        upto: u64,
        heads: Option<Vec<(RoomId, Seq)>>,
    },
    /// Sessions look for rooms that nobody told them of.
    Seek,
    /// An owner may have finished.
    Finish(At),
    /// An owner may begin.
    Begin(At),
}

impl Node {
    pub fn new(id: NodeId, begun: i64) -> Self {
        Self {
            id,
            core: ClusterState::new(id),
            sent: Sent::default(),
            heard: Heard::default(),
            begun,
            paused_until: 0,
            stopped_at: 0,
            stood_still: 0,
            backlog: VecDeque::new(),
            last_id: 0,
            todo: VecDeque::new(),
            doing: false,
            runs: 0,
            answers: BTreeMap::new(),
            claims: BTreeMap::new(),
            fences: BTreeMap::new(),
            row: Row::default(),
            healing: false,
            heal_again: false,
        }
    }

    /// Whether a command goes to the owner here, and overtakes nothing by that.
    pub(super) fn is_for_here(&self, room: RoomId) -> bool {
        self.core.is_for_here(room) && self.runs == 0
    }

    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

impl World {
    pub fn node_of(&self, id: NodeId) -> Option<usize> {
        self.nodes.iter().position(|node| node.id == id)
    }

    /// Time as the node counts it.
    pub(super) fn moment(&self, node: usize) -> Moment {
        (self.clock - self.nodes[node].begun) as u64
    }

    /// The time without standstills of the node.
    pub(super) fn awake(&self, node: usize) -> Timestamp {
        Timestamp(self.clock - self.nodes[node].stood_still)
    }

    pub(super) fn rights(&self, node: usize) -> Rights {
        let rights = self.nodes[node].core.rights(self.moment(node));
        match self.mutant {
            Some(Mutant::ShownWithoutRight) => Rights::ALWAYS,
            Some(Mutant::NotReadAnew) => Rights {
                since: rights.since.map(|_| 0),
                ..rights
            },
            _ => rights,
        }
    }

    pub(super) fn inside(&mut self, node: usize, wait: u64, what: Inside) {
        let id = self.nodes[node].id;
        self.at(self.clock + wait as i64, Happening::Node { id, what });
    }

    /// A process begins. `fresh`: others may be there already.
    pub(super) fn begin_node(&mut self, node: usize, fresh: bool) {
        if fresh {
            self.tell_core(node, Event::Arriving);
            self.inside(node, ARRIVAL_MS, Inside::Event(Event::Arrived));
            self.inside(node, 0, Inside::Connection);
        }
        let first = self.wires.below(TICK_MS);
        self.inside(node, first, Inside::Tick);
        self.inside(node, 0, Inside::Renew);
        self.inside(node, 0, Inside::RowDue(0));
    }

    /// Whatever several things tell at once, what follows is done in the order of the core.
    pub(super) fn tell_core(&mut self, node: usize, event: Event) {
        let now = self.moment(node);
        let there = &mut self.nodes[node];
        let effects = there.core.apply(now, event);
        let runs = |effect: &&Effect| matches!(effect, Effect::Run { .. });
        there.runs += effects.iter().filter(runs).count();
        there.todo.extend(effects);
        if std::mem::replace(&mut there.doing, true) {
            return;
        }
        let id = there.id;
        while let Some(effect) = self.nodes[node].todo.pop_front() {
            let runs = matches!(effect, Effect::Run { .. });
            self.perform_for(node, effect);
            // It may have died of it.
            if self.nodes[node].id != id {
                return;
            }
            self.nodes[node].runs -= usize::from(runs);
        }
        self.nodes[node].doing = false;
    }

    fn perform_for(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Send { to, message } => self.send(node, to, message),
            Effect::Broadcast(message) => self.broadcast(node, &message),
            Effect::AskRoll => self.ask_roll(node),
            Effect::AskRows => self.row_soon(node),
            Effect::FlushSoon => {
                self.inside(node, INTEREST_FLUSH_MS, Inside::Event(Event::Flush));
            }
            Effect::Hear {
                room,
                entries,
                confirm,
            } => {
                let confirm = confirm.map(|(to, fence)| self.confirm_to(node, to, fence));
                self.hear_publication(node, room, entries, confirm);
            }
            Effect::HearHead { room, head } => self.hear_head(node, room, head),
            Effect::Heal => self.heal(node),
            Effect::SeekRooms => self.inside(node, SEEK_MS, Inside::Seek),
            Effect::Execute {
                from,
                id,
                room,
                command,
                elsewhere,
            } => self.execute(node, (from, id), room, command, elsewhere),
            Effect::Run { id, room, command } => self.run_here(node, id, room, command),
            Effect::Claimed { id, orders } => self.claimed(node, id, orders),
            Effect::HandOver(room) => self.hand_over(node, room),
            Effect::Answer { id, reply } => self.answer_here(node, id, reply),
            Effect::GiveUp { id, code } => self.give_up(node, id, code),
            Effect::Confirmed(fence) => drop(self.nodes[node].fences.remove(&fence)),
            Effect::Moved => {
                for room in self.nodes[node].core.misplaced() {
                    self.hand_over(node, room);
                }
            }
            Effect::Gone(_) => self.coverage.peers_lost += 1,
            // Hints, presence and log-ins are not simulated.
            Effect::HearHint(_)
            | Effect::HearNews(_)
            | Effect::HearPresence { .. }
            | Effect::Introduce(_)
            | Effect::Silent(_)
            | Effect::HearRevoke { .. }
            | Effect::LookAgain => {}
        }
    }

    pub(super) fn happen_inside(&mut self, id: NodeId, what: Inside) {
        let Some(node) = self.node_of(id) else {
            return;
        };
        match what {
            Inside::Tick => {
                self.inside(node, TICK_MS, Inside::Tick);
                self.tell_core(node, Event::Tick);
            }
            Inside::Renew => {
                self.inside(node, RENEWAL_MS, Inside::Renew);
                self.renew_lease(node);
            }
            Inside::Event(event) => self.tell_core(node, event),
            Inside::Connection => {
                let connected = !self.is_away(node);
                self.tell_core(node, Event::Connected(connected));
            }
            Inside::Mail {
                from,
                counted,
                message,
            } => self.hear_mail(node, from, counted, message),
            Inside::Forward { room, send, back } => self.take(node, room, *send, back),
            Inside::RowDue(due) => self.row_due(node, due),
            Inside::RowWritten {
                row,
                asked_at,
                stands,
            } => self.row_written(node, &row, asked_at, stands),
            Inside::Rows { asked_at, rows } => self.rows_read(node, asked_at, rows),
            Inside::Heads {
                settle,
                upto,
                heads,
            } => match settle {
                true => self.settle_with(node, upto, heads),
                false => self.heal_with(node, upto, heads),
            },
            Inside::Seek => self.seek_rooms(node),
            Inside::Finish(at) => self.end_if_idle(at),
            Inside::Begin(at) => self.begin_taking(at),
        }
    }

    /// The process stops; what happens to it waits.
    pub(super) fn pause(&mut self, node: usize, ms: i64) {
        let until = self.clock + ms;
        let (clock, paused) = (self.clock, self.is_paused(node));
        let there = &mut self.nodes[node];
        if !paused {
            there.stopped_at = clock;
        }
        there.paused_until = there.paused_until.max(until);
        self.at(until, Happening::Resume { node });
    }

    pub(super) fn is_paused(&self, node: usize) -> bool {
        self.nodes[node].paused_until > 0
    }

    /// It goes on, with what happened meanwhile.
    pub(super) fn resume(&mut self, node: usize) {
        if self.nodes[node].paused_until > self.clock {
            return;
        }
        let clock = self.clock;
        let there = &mut self.nodes[node];
        if std::mem::take(&mut there.paused_until) > 0 {
            let missed = clock - there.stopped_at - AWAKE_STEP_MS_MAX as i64;
            there.stood_still += missed.max(0);
        }
        while let Some(what) = self.nodes[node].backlog.pop_front() {
            self.happen(what);
        }
    }

    /// The process is gone, and another one begins in its place.
    pub(super) fn replace_node(&mut self, node: usize) {
        let id = NodeId::from_bytes(self.wires.bytes());
        self.nodes[node] = Node::new(id, self.clock);
        self.begin_node(node, true);
    }
}
