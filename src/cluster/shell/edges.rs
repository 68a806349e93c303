//! What rooms and the transport see of the cluster.

use super::*;
use crate::clock;
use crate::wire::client::PresenceState;

impl Bus for Cluster {
    fn publish(&self, publication: Publication) {
        let Publication {
            room,
            entries,
            confirm,
        } = publication;
        let here = entries.clone();
        let fence = confirm.map(|confirm| {
            let (id, confirm) = (self.next_id(), Arc::new(confirm));
            self.fences().insert(id, Arc::clone(&confirm));
            (id, confirm)
        });
        let (id, confirm) = fence.unzip();
        self.0.here.relays.published(Publication {
            room,
            entries: here,
            confirm: confirm.map(|confirm| Confirm::new(move || drop(confirm))),
        });
        self.tell(Event::Publish {
            room,
            entries,
            fence: id,
        });
    }

    fn hint(&self, hint: Hint) {
        // Typing pauses while it is not certain who may see it.
        let typing = matches!(hint, Hint::Typing { .. });
        if typing && !self.state().has_lease(self.now()) {
            return;
        }
        self.0.here.relays.hinted(hint);
        self.tell(Event::Hint(hint));
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn is_in_touch(&self) -> bool {
        self.state().has_lease(self.now())
    }

    fn rights(&self) -> Rights {
        self.state().rights(self.now())
    }

    fn news(&self, news: News) {
        self.tell(Event::News(news));
    }

    fn presence(&self, user: UserId, state: PresenceState) {
        self.tell(Event::Presence { user, state });
    }

    fn revoke(&self, login: LoginId, confirm: Confirm) {
        let fence = self.next_id();
        self.fences().insert(fence, Arc::new(confirm));
        self.tell(Event::Revoke { login, fence });
    }

    fn forward(&self, room: RoomId, command: RoomMessage) -> Option<RoomMessage> {
        if self.is_for_here(room) {
            return Some(command);
        }
        let (command, answer) = match command {
            RoomMessage::Send(send, answer) => (Command::Send(send), answer),
            RoomMessage::Found {
                creator,
                members,
                salts,
                answer,
            } => {
                let found = Command::Found {
                    creator,
                    members,
                    salts,
                };
                (found, answer)
            }
            other => return Some(other),
        };
        let id = self.next_id();
        self.answers().insert(id, answer);
        self.0.here.metrics.commands_forwarded.inc();
        self.tell(Event::Forward { id, room, command });
        None
    }

    fn owns(&self, room: RoomId, head: Seq) {
        self.tell(Event::Owns { room, head });
    }

    fn wakes(&self, room: RoomId) {
        // Whoever calls holds the rooms: what follows for them must wait, and nothing does.
        self.state().apply(self.now(), Event::Wakes(room));
    }

    fn turn(&self, room: RoomId) -> Option<Duration> {
        let turn = self.state().turn(self.now(), clock::now(), room);
        turn.map(Duration::from_millis)
    }

    fn rests(&self, room: RoomId, orders: Orders) {
        self.tell(Event::Rests { room, orders });
    }

    fn claim(&self, room: RoomId) -> Option<oneshot::Receiver<Orders>> {
        let (port, free) = oneshot::channel();
        let id = self.next_id();
        self.claims().insert(id, port);
        self.tell(Event::Claim { id, room });
        Some(free)
    }

    // Who begins a relay holds the relays, and some effects need them.
    fn follow(&self, room: RoomId) {
        self.tell_beside(Event::Follow(room));
    }

    fn unfollow(&self, room: RoomId) {
        self.tell_beside(Event::Unfollow(room));
    }
}

impl TransportEvents for Cluster {
    fn received(&self, from: NodeId, payload: Bytes) {
        if self.0.ended.load(Ordering::Acquire) {
            return;
        }
        match wire::decode(&payload) {
            Ok(message) => self.tell(Event::Received { from, message }),
            Err(error) => {
                tracing::debug!(%error, %from, "a malformed message between nodes");
                self.0.here.metrics.messages_malformed.inc();
            }
        }
    }

    fn gap(&self, from: NodeId) {
        self.0.here.metrics.bus_gaps.inc();
        self.tell(Event::Gap(from));
    }

    fn connection_changed(&self, connected: bool) {
        self.tell(Event::Connected(connected));
    }
}
