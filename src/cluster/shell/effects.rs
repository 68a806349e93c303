//! What the core says is done here.

use super::*;
use crate::clock;

impl Cluster {
    pub(super) fn perform(&self, effect: Effect) {
        let shared = &self.0;
        match effect {
            Effect::Send { to, message } => self.send(to, &message),
            Effect::Broadcast(message) => {
                if let Some(way) = shared.way.get() {
                    way.transport.broadcast(wire::encode(&message));
                }
            }
            Effect::AskRoll => self.ask_roll(),
            Effect::AskRows => self.0.ask_rows.notify_one(),
            Effect::FlushSoon => self.later(INTEREST_FLUSH_MS, Event::Flush),
            Effect::Hear {
                room,
                entries,
                confirm,
            } => shared.here.relays.published(Publication {
                room,
                entries,
                confirm: confirm.map(|(to, fence)| self.confirm(to, fence)),
            }),
            Effect::HearHint(hint) => shared.here.relays.hinted(hint),
            Effect::HearNews(news) => self.hear_news(news),
            Effect::HearPresence { from, whole, users } => {
                shared.here.presence.heard(from, &users, whole);
            }
            Effect::Introduce(node) => self.introduce(node),
            Effect::Silent(node) => tracing::info!(%node, "a node fell silent"),
            Effect::Gone(node) => shared.here.presence.forget(node),
            Effect::HearRevoke { login, from, fence } => {
                let confirm = self.confirm(from, fence);
                let sessions = shared.here.sessions.clone();
                tokio::spawn(async move {
                    sessions.revoke_here(login).await;
                    drop(confirm);
                });
            }
            Effect::HearHead { room, head } => shared.here.relays.head(room, head),
            Effect::Heal => self.heal(),
            Effect::SeekRooms => shared.here.sessions.seek_rooms(),
            Effect::LookAgain => shared.here.sessions.look_again(),
            Effect::Execute {
                from,
                id,
                room,
                command,
                elsewhere,
            } => self.execute((from, id), room, command, elsewhere),
            Effect::Run { id, room, command } => self.run_here(id, room, command),
            Effect::Claimed { id, orders } => self.claimed(id, orders),
            Effect::HandOver(room) => {
                if let Some(rooms) = shared.rooms.get() {
                    rooms.hand_over(room);
                }
            }
            Effect::Answer { id, reply } => self.answer(id, reply),
            Effect::GiveUp { id, code } => {
                let error = match code {
                    Code::Busy => Error::new(code, "Too much is under way. Try again shortly."),
                    _ => unknown(),
                };
                self.answer(id, Reply::Refused(error));
            }
            Effect::Confirmed(fence) => {
                let confirm = self.fences().remove(&fence);
                drop(confirm);
            }
            Effect::Moved => self.hand_over(),
        }
    }

    pub(super) fn send(&self, to: NodeId, message: &Message) {
        if let Some(way) = self.0.way.get()
            && !way.transport.send(to, wire::encode(message))
        {
            self.0.here.metrics.messages_unsent.inc();
        }
    }

    fn later(&self, pause_ms: u64, event: Event) {
        let myself = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            myself.tell(event);
        });
    }

    /// Tells `to` when whom a publication of it removes is out here.
    pub(super) fn confirm(&self, to: NodeId, fence: FenceId) -> Confirm {
        let myself = self.clone();
        Confirm::new(move || myself.send(to, &Message::Confirm { fence }))
    }

    fn hear_news(&self, news: News) {
        match news {
            News::User(user) => {
                self.0.here.people.invalidate(user);
                self.0.here.sessions.user_changed_here(user);
                self.show_profile(user);
            }
            News::LoginTried(tried) => {
                let here = &self.0.here;
                here.auth.heard(tried, &here.limiter, clock::now());
            }
            News::LoggedIn(account) => self.0.here.auth.heard_success(account),
            News::Marked { room, user } => {
                let marker = Marker::default();
                self.0.here.sessions.marked_here(room, user, marker, None);
            }
        }
    }

    /// Tells a node who is here.
    fn introduce(&self, node: NodeId) {
        let people = self.0.here.presence.everybody();
        let mut chunks: Vec<_> = people.chunks(INTEREST_ROOMS_MAX).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        for (index, users) in chunks.into_iter().enumerate() {
            let (whole, users) = (index == 0, users.to_vec());
            self.send(node, &Message::Presence { whole, users });
        }
    }

    /// Who sees the person is told how he looks now.
    fn show_profile(&self, user: UserId) {
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let Ok(profiles) = shared.here.people.get(&[user]).await else {
                return;
            };
            let Some(profile) = profiles.get(&user) else {
                return;
            };
            let facts = UserFacts {
                id: user,
                name: profile.name.clone(),
                handle: profile.handle.clone(),
                avatar: profile.avatar.clone(),
            };
            let frame = Frame::from(ServerFrame::User { user: facts }.encode());
            shared.here.sessions.profile_changed(user, &frame);
        });
    }

    fn execute(
        &self,
        (from, id): (NodeId, CommandId),
        room: RoomId,
        command: Command,
        elsewhere: Option<NodeId>,
    ) {
        let Some(rooms) = self.0.rooms.get() else {
            return;
        };
        let myself = self.clone();
        let answer = Answer::to(move |reply| {
            myself.send(from, &Message::Outcome { id, reply });
        });
        let message = message(command, answer);
        let refused = match elsewhere {
            None => {
                rooms.tell_here(room, message);
                Ok(())
            }
            Some(to) => rooms
                .tell_if_here(room, message)
                .map_err(|message| (to, message)),
        };
        let Err((to, message)) = refused else {
            return self.0.here.metrics.commands_executed.inc();
        };
        if let RoomMessage::Send(_, answer) | RoomMessage::Found { answer, .. } = *message {
            answer.forget();
        }
        self.send(from, &Message::HandOver(HandOver::Moved { id, to }));
    }

    fn run_here(&self, id: CommandId, room: RoomId, command: Command) {
        let answer = self.answers().remove(&id);
        if let (Some(answer), Some(rooms)) = (answer, self.0.rooms.get()) {
            rooms.tell_here(room, message(command, answer));
        }
    }

    fn claimed(&self, id: ClaimId, orders: Orders) {
        if let Some(claim) = self.claims().remove(&id) {
            let _ = claim.send(orders);
        }
    }

    fn answer(&self, id: CommandId, reply: Reply) {
        let answer = self.answers().remove(&id);
        if let Some(answer) = answer {
            answer.give(reply);
        }
    }

    /// Rooms that should live elsewhere finish what is under way and end.
    fn hand_over(&self) {
        let Some(rooms) = self.0.rooms.get() else {
            return;
        };
        let misplaced = self.state().misplaced();
        for room in misplaced {
            rooms.hand_over(room);
        }
    }

    /// Reads the heads of all rooms that are followed here; one pass at a time.
    fn heal(&self) {
        let shared = &self.0;
        shared.heal_again.store(true, Ordering::Release);
        if shared.healing.swap(true, Ordering::AcqRel) {
            return;
        }
        let myself = self.clone();
        tokio::spawn(async move {
            while myself.0.heal_again.swap(false, Ordering::AcqRel) {
                myself.read_heads().await;
            }
            myself.0.healing.store(false, Ordering::Release);
            // Asked for between the last look and here.
            if myself.0.heal_again.load(Ordering::Acquire) {
                myself.heal();
            }
        });
    }

    /// The rooms whose heads are read now, and up to which right they are certain by that.
    pub(super) fn to_read(&self) -> (Vec<RoomId>, u64) {
        let (now, state) = (self.now(), self.state());
        (state.followed(), state.rights(now).last)
    }

    async fn read_heads(&self) {
        self.0.here.metrics.heals.inc();
        let (rooms, upto) = self.to_read();
        for rooms in rooms.chunks(PAGE_MAX) {
            let Ok(heads) = self.0.here.store.heads(rooms).await else {
                return self.tell(Event::NotRead);
            };
            for (room, (head, _)) in heads {
                self.0.here.relays.read(room, head, upto);
            }
        }
    }
}

fn message(command: Command, answer: Answer) -> RoomMessage {
    match command {
        Command::Send(send) => RoomMessage::Send(send, answer),
        Command::Found {
            creator,
            members,
            salts,
        } => RoomMessage::Found {
            creator,
            members,
            salts,
            answer,
        },
    }
}
