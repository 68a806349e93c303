//! The room actor: a thin shell around `RoomState`. It hears, applies, and starts what has to be
//! done; it never waits for the outside.

mod tasks;

use super::answer::Answer;
use super::doubt::Doubts;
use super::notes::Notes;
use super::state::{RoomState, Snapshot};
use super::writer;
use super::{ConnectionOrder, Orders, Recovered, Reply, RoomCommand, RoomEffect, Send, Ticket};
use crate::bus::Bus;
use crate::clock;
use crate::entry::Salt;
use crate::error::{Code, Error};
use crate::ids::{OwnerId, RoomId, Seq, UserId};
use crate::limits::ROOM_PENDING_MAX;
use crate::metrics::Metrics;
use crate::slots::Slots;
use crate::store::{Store, StoreError};
use crate::supervise::Exit;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// What a room actor hears.
#[derive(Debug)]
pub enum RoomMessage {
    Send(Box<Send>, Answer),
    Found {
        creator: UserId,
        members: Vec<UserId>,
        salts: Vec<Salt>,
        answer: Answer,
    },
    /// Finish what is under way, then end.
    Drain,
    Observe(oneshot::Sender<Snapshot>),
    /// Only tests send it.
    Panic,
    Done(Done),
}

/// What the room's own tasks and clock say.
#[derive(Debug)]
pub enum Done {
    TakenOver(Result<Option<Box<Recovered>>, StoreError>, Orders),
    /// The room slept here, and nobody took it since (R4).
    Woken(Box<Recovered>),
    Told(RoomCommand),
    /// The batch in flight is lost to this incarnation; its senders hear this code.
    Ended(Code),
    /// Whether this still is the owner; `None`: the store did not say.
    Looked(Option<bool>),
    Idle,
}

/// What every room of a node works with.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub bus: Arc<dyn Bus>,
    pub metrics: Metrics,
    pub bucket_bits: u32,
    pub slots: Arc<Slots<RoomMessage>>,
    pub notes: Notes,
}

/// One room of this node.
pub struct Room {
    id: RoomId,
    myself: ActorRef<RoomMessage>,
    parts: Arc<Parts>,
    phase: Phase,
    answers: HashMap<Ticket, Answer>,
    pub(super) doubts: Doubts,
    last_ticket: Ticket,
    /// Entries up to here were appended by former owners, whose views are written again.
    redo_upto: Seq,
    /// Messages from outside, for `Slots::retire`.
    handled: u64,
    handled_at_tick: u64,
    draining: bool,
    /// For the next owner.
    orders: Orders,
}

enum Phase {
    /// Commands wait until the take-over is done.
    TakingOver(Vec<RoomCommand>),
    Owner(Box<RoomState>),
    Nothing,
    Ended,
}

/// The behaviour of `Room`.
pub struct RoomActor;

impl Actor for RoomActor {
    type Msg = RoomMessage;
    type State = Room;
    type Arguments = (RoomId, Arc<Parts>, Duration);

    async fn pre_start(
        &self,
        myself: ActorRef<RoomMessage>,
        (id, parts, pause): Self::Arguments,
    ) -> Result<Room, ActorProcessingErr> {
        parts.metrics.rooms.inc();
        let room = Room {
            id,
            myself,
            parts,
            phase: Phase::TakingOver(Vec::new()),
            answers: HashMap::new(),
            doubts: Doubts::default(),
            last_ticket: 0,
            redo_upto: 0,
            handled: 0,
            handled_at_tick: 0,
            draining: false,
            orders: Orders::new(),
        };
        room.take_over(pause);
        room.arm_idle();
        Ok(room)
    }

    async fn handle(
        &self,
        _: ActorRef<RoomMessage>,
        message: RoomMessage,
        room: &mut Room,
    ) -> Result<(), ActorProcessingErr> {
        room.hear(message);
        Ok(())
    }
}

impl Room {
    fn hear(&mut self, message: RoomMessage) {
        if let RoomMessage::Done(done) = message {
            self.done(done);
        } else {
            self.handled += 1;
            self.hear_outside(message);
        }
        if matches!(self.phase, Phase::Nothing) {
            self.turn_away();
        }
        if self.draining {
            self.end_if_idle();
        }
    }

    fn hear_outside(&mut self, message: RoomMessage) {
        match message {
            RoomMessage::Send(mut send, answer) => {
                send.ticket = self.ticket(answer);
                self.command(RoomCommand::Send(*send));
            }
            RoomMessage::Found {
                creator,
                members,
                salts,
                answer,
            } => {
                let ticket = self.ticket(answer);
                self.command(RoomCommand::Found {
                    ticket,
                    creator,
                    members,
                    salts,
                });
            }
            RoomMessage::Drain => self.draining = true,
            RoomMessage::Observe(port) => {
                if let Phase::Owner(state) = &self.phase {
                    let _ = port.send(state.snapshot());
                }
            }
            RoomMessage::Panic => panic!("a test asked for it"),
            RoomMessage::Done(_) => {}
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::TakenOver(Ok(Some(recovered)), orders) => {
                self.parts.metrics.take_overs.inc();
                self.begin(*recovered, &orders);
            }
            Done::Woken(recovered) => {
                self.parts.metrics.rooms_woken.inc();
                self.begin(*recovered, &[]);
            }
            Done::TakenOver(Ok(None), _) => self.turn_away(),
            Done::TakenOver(Err(error), _) => {
                tracing::warn!(%error, "a room could not be taken over");
                self.parts.metrics.take_overs_failed.inc();
                self.give_up(error.into(), Exit::StoreDown);
            }
            Done::Told(command) => self.command(command),
            Done::Ended(code) => self.fence(code),
            Done::Looked(owner) => self.looked(owner),
            Done::Idle => self.tick(),
        }
    }

    pub(super) fn id(&self) -> RoomId {
        self.id
    }

    pub(super) fn parts(&self) -> &Arc<Parts> {
        &self.parts
    }

    pub(super) fn ownership(&self) -> Option<(OwnerId, u64)> {
        let Phase::Owner(state) = &self.phase else {
            return None;
        };
        Some(state.ownership())
    }

    /// Whether the views of everything that former owners appended are written.
    fn has_redone(&self) -> bool {
        matches!(&self.phase, Phase::Owner(state) if state.statics().viewed >= self.redo_upto)
    }

    fn ticket(&mut self, answer: Answer) -> Ticket {
        self.last_ticket += 1;
        self.answers.insert(self.last_ticket, answer);
        self.parts.metrics.room_commands.inc();
        self.last_ticket
    }

    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(answer) = self.answers.remove(&ticket) {
            self.parts.metrics.room_commands.dec();
            answer.give(reply);
        }
    }

    fn command(&mut self, command: RoomCommand) {
        match &mut self.phase {
            Phase::Owner(state) => {
                let stored = matches!(
                    command,
                    RoomCommand::Committed | RoomCommand::Delivered { .. }
                );
                let effects = state.apply(clock::now(), command);
                self.run(effects, stored);
            }
            Phase::TakingOver(waiting) if waiting.len() < ROOM_PENDING_MAX => waiting.push(command),
            Phase::TakingOver(_) => self.refuse(
                &command,
                Error::new(
                    Code::Busy,
                    "The room has too much to do. Try again shortly.",
                ),
            ),
            Phase::Nothing => self.refuse(&command, Error::not_found()),
            Phase::Ended => self.refuse(&command, super::answer::unknown()),
        }
    }

    fn refuse(&mut self, command: &RoomCommand, error: Error) {
        let ticket = match command {
            RoomCommand::Send(send) => send.ticket,
            RoomCommand::Found { ticket, .. } => *ticket,
            _ => return,
        };
        self.reply(ticket, Reply::Refused(error));
    }

    fn begin(&mut self, recovered: Recovered, orders: &[ConnectionOrder]) {
        self.redo_upto = recovered.statics.head();
        let (mut state, effects) = RoomState::recover(recovered, self.parts.bucket_bits);
        state.go_on_from(orders);
        self.parts.bus.owns(self.id, state.head());
        let owner = Phase::Owner(Box::new(state));
        let waiting = match std::mem::replace(&mut self.phase, owner) {
            Phase::TakingOver(waiting) => waiting,
            _ => Vec::new(),
        };
        self.run(effects, false);
        for command in waiting {
            self.command(command);
        }
    }

    fn give_up(&mut self, error: Error, exit: Exit) {
        self.phase = Phase::Ended;
        self.refuse_all(&error);
        self.stop(exit);
    }

    fn refuse_all(&mut self, error: &Error) {
        for (_, answer) in self.answers.drain() {
            self.parts.metrics.room_commands.dec();
            answer.give(Reply::Refused(error.clone()));
        }
    }

    /// No such room: also for what is in the mailbox already, so that it answers as a hidden one does.
    fn turn_away(&mut self) {
        self.phase = Phase::Nothing;
        self.refuse_all(&Error::not_found());
        let id = self.myself.get_id();
        if self.parts.slots.retire(self.id, id, self.handled) {
            self.phase = Phase::Ended;
            self.stop(Exit::Nothing);
        }
    }

    pub(super) fn fence(&mut self, code: Code) {
        self.parts.metrics.rooms_fenced.inc();
        let Phase::Owner(state) = &mut self.phase else {
            return;
        };
        let mut effects = state.apply(clock::now(), RoomCommand::Fenced);
        if code == Code::NotDurable {
            for effect in &mut effects {
                if let RoomEffect::Reply { reply, .. } = effect {
                    *reply = Reply::Refused(StoreError::NotDurable(String::new()).into());
                }
            }
        }
        self.run(effects, false);
    }

    /// `stored`: a commit stands behind what is answered.
    fn run(&mut self, effects: Vec<RoomEffect>, stored: bool) {
        let doubtful = !stored && self.parts.bus.is_shared();
        for effect in writer::in_order_of_sight(effects) {
            match effect {
                RoomEffect::Reply { ticket, reply } if doubtful && reply.is_final() => {
                    self.reply_once_sure(ticket, reply);
                }
                RoomEffect::Reply { ticket, reply } => self.reply(ticket, reply),
                RoomEffect::Load { load, what } => self.load(load, what),
                RoomEffect::Commit { open, batch } => self.commit(open, batch),
                RoomEffect::Publish { entries, confirm } => self.publish(entries, confirm),
                RoomEffect::WriteViews { upto, views, erase } => {
                    self.write_views(upto, views, erase);
                }
                RoomEffect::AskLater => self.ask_later(),
                RoomEffect::Stop => {
                    self.phase = Phase::Ended;
                    self.stop(Exit::Fenced);
                }
            }
        }
    }

    fn tick(&mut self) {
        if self.handled == self.handled_at_tick {
            self.end_if_idle();
        }
        self.handled_at_tick = self.handled;
        self.arm_idle();
    }

    fn end_if_idle(&mut self) {
        let Phase::Owner(state) = &self.phase else {
            return;
        };
        if !state.can_sleep() || !self.answers.is_empty() {
            return;
        }
        // Before the next message can make another actor of this room, which looks for it.
        self.parts.notes.put(self.id, state.statics());
        let orders = state.orders();
        let id = self.myself.get_id();
        if self.parts.slots.retire(self.id, id, self.handled) {
            self.phase = Phase::Ended;
            self.orders = orders;
            self.stop(Exit::Idle);
        } else {
            self.parts.notes.take(self.id);
        }
    }

    fn stop(&self, exit: Exit) {
        self.myself.stop(Some(exit.as_str().to_owned()));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.parts
            .bus
            .rests(self.id, std::mem::take(&mut self.orders));
        let open = self.answers.len() as i64;
        self.parts.metrics.rooms.dec();
        self.parts.metrics.room_commands.sub(open);
    }
}
