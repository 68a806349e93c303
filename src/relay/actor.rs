//! The relay actor: a thin shell around `RelayState`. It never waits for the outside.

use super::state::{RelayEffect, RelayState};
use super::{LoadRequest, LoadedHistory, RenderEntries, Rendered, Watch, history};
use crate::bus::{Bus, Confirm, Hint, Publication, Rights};
use crate::clock;
use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::ids::{ConnectionId, RoomId, Seq};
use crate::limits::COALESCE_MS;
use crate::metrics::Metrics;
use crate::session::registry::{Connection, Sessions};
use crate::slots::Slots;
use crate::store::Store;
use crate::supervise::{Exit, beside};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Pause before something that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// How often waiting watches are looked at.
const WAITING_PAUSE: Duration = Duration::from_millis(100);
/// A relay that nobody needs ends after this.
const REST: Duration = Duration::from_secs(30);

type Items = Vec<(Seq, u64, Arc<Entry>)>;

/// What a relay hears.
#[derive(Debug)]
pub enum RelayMessage {
    Watch(Watch),
    Unwatch(Arc<Connection>, Option<String>),
    Listen(Arc<Connection>, Seq),
    Unlisten(ConnectionId),
    Forget(ConnectionId),
    Published(Publication),
    /// The log is at least this long.
    Head(Seq),
    /// The same, read from the store after this right of the node began.
    Read(Seq, u64),
    /// The same, confirmed when all that was passed on.
    Reach(Seq, u64, Confirm),
    Hint(Hint),
    /// Only tests send it.
    Panic,
    Done(Done),
}

/// What the relay's own tasks and clock say.
#[derive(Debug)]
pub enum Done {
    Loaded(Result<LoadedHistory>),
    Rendered(Items, Result<Vec<Rendered>>),
    /// The connection has room for more of its catch-up.
    Room(ConnectionId),
    Flush,
    Retry,
    Expire,
    Rest,
}

/// What every relay of a node works with.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub sessions: Sessions,
    pub metrics: Metrics,
    pub renderer: Arc<dyn RenderEntries>,
    pub slots: Arc<Slots<RelayMessage>>,
    /// The way to other nodes, where there are any.
    pub bus: Arc<OnceLock<Arc<dyn Bus>>>,
}

impl Parts {
    fn rights(&self) -> Rights {
        self.bus.get().map_or(Rights::ALWAYS, |bus| bus.rights())
    }
}

/// One relay of this node.
pub struct Relay {
    room: RoomId,
    myself: ActorRef<RelayMessage>,
    parts: Arc<Parts>,
    state: RelayState,
    /// Messages from outside, for `Slots::retire`.
    handled: u64,
    expiry_armed: bool,
    /// Confirmations that wait until an entry, which came behind a gap, was passed on (R17).
    held: Vec<(Seq, Confirm)>,
}

/// The behaviour of `Relay`.
pub struct RelayActor;

impl Actor for RelayActor {
    type Msg = RelayMessage;
    type State = Relay;
    type Arguments = (RoomId, Arc<Parts>);

    async fn pre_start(
        &self,
        myself: ActorRef<RelayMessage>,
        (room, parts): Self::Arguments,
    ) -> std::result::Result<Relay, ActorProcessingErr> {
        let (sessions, metrics) = (parts.sessions.clone(), parts.metrics.clone());
        let state = RelayState::new(room, sessions, metrics, parts.rights());
        let relay = Relay {
            room,
            myself,
            parts,
            state,
            handled: 0,
            expiry_armed: false,
            held: Vec::new(),
        };
        relay.later(REST, Done::Rest);
        Ok(relay)
    }

    async fn handle(
        &self,
        _: ActorRef<RelayMessage>,
        message: RelayMessage,
        relay: &mut Relay,
    ) -> std::result::Result<(), ActorProcessingErr> {
        if !matches!(message, RelayMessage::Done(_)) {
            relay.handled += 1;
        }
        let effects = relay.hear(message);
        relay.run(effects);
        relay.confirm();
        relay.arm_expiry();
        Ok(())
    }
}

impl Relay {
    fn hear(&mut self, message: RelayMessage) -> Vec<RelayEffect> {
        self.state.at(clock::now(), self.parts.rights());
        match message {
            RelayMessage::Watch(watch) => self.state.watch(watch),
            RelayMessage::Unwatch(connection, reference) => {
                self.state.unwatch(&connection, reference);
                Vec::new()
            }
            RelayMessage::Listen(connection, head) => self.state.listen(connection, head),
            RelayMessage::Head(head) => self.state.head_is(head),
            RelayMessage::Read(head, upto) => self.state.read_upto(head, upto),
            RelayMessage::Reach(head, upto, confirm) => {
                self.held.push((head, confirm));
                self.state.read_upto(head, upto)
            }
            RelayMessage::Unlisten(id) => {
                self.state.unlisten(id);
                Vec::new()
            }
            RelayMessage::Forget(id) => {
                self.state.forget(id);
                Vec::new()
            }
            RelayMessage::Published(publication) => {
                let upto = publication.entries.last().map_or(0, |last| last.seq);
                let confirm = publication.confirm.map(|confirm| (upto, confirm));
                self.held.extend(confirm);
                self.state.published(publication.entries)
            }
            RelayMessage::Hint(hint) => self.state.hint(hint, clock::now()),
            RelayMessage::Panic => panic!("a test asked for it"),
            RelayMessage::Done(done) => self.done(done),
        }
    }

    /// Whoever was removed is out once the removal was passed on: not while it waits for a gap.
    fn confirm(&mut self) {
        let state = &self.state;
        self.held.retain(|(upto, _)| !state.has_passed(*upto));
    }

    fn done(&mut self, done: Done) -> Vec<RelayEffect> {
        match done {
            Done::Loaded(loaded) => self.state.loaded(loaded),
            Done::Room(id) => self.state.has_room(id),
            Done::Rendered(items, rendered) => self.state.rendered(items, rendered),
            Done::Flush => self.state.flush(clock::now()),
            Done::Retry => self.state.retry(),
            Done::Expire => {
                self.expiry_armed = false;
                self.state.expire(clock::now())
            }
            Done::Rest => {
                self.rest();
                Vec::new()
            }
        }
    }

    fn run(&self, effects: Vec<RelayEffect>) {
        for effect in effects {
            match effect {
                RelayEffect::Load(request) => self.load(request),
                RelayEffect::Render(items) => self.render(items),
                RelayEffect::Flush => self.later(Duration::from_millis(COALESCE_MS), Done::Flush),
                RelayEffect::Retry => self.later(RETRY_PAUSE, Done::Retry),
                RelayEffect::AwaitRoom(id, outbox) => {
                    let myself = self.myself.clone();
                    outbox.when_ready(move || {
                        let _ = myself.send_message(RelayMessage::Done(Done::Room(id)));
                    });
                }
            }
        }
    }

    fn load(&self, request: LoadRequest) {
        let store = Arc::clone(&self.parts.store);
        self.task(Done::Loaded(Err(Error::internal())), async move {
            Done::Loaded(history::load(&*store, &request).await)
        });
    }

    fn render(&self, items: Items) {
        let (renderer, room) = (Arc::clone(&self.parts.renderer), self.room);
        let lost = Done::Rendered(Vec::new(), Err(Error::internal()));
        self.task(lost, async move {
            let entries: Vec<_> = items
                .iter()
                .map(|(_, _, entry)| Arc::clone(entry))
                .collect();
            let rendered = renderer.render(room, &entries).await;
            Done::Rendered(items, rendered)
        });
    }

    /// Runs `work` beside the actor. However it ends, the relay hears of it.
    fn task(&self, lost: Done, work: impl Future<Output = Done> + Send + 'static) {
        let lost = RelayMessage::Done(lost);
        beside(&self.myself, lost, async { RelayMessage::Done(work.await) });
    }

    fn later(&self, pause: Duration, done: Done) {
        self.myself.send_after(pause, || RelayMessage::Done(done));
    }

    fn arm_expiry(&mut self) {
        if self.state.has_waiting() && !std::mem::replace(&mut self.expiry_armed, true) {
            self.later(WAITING_PAUSE, Done::Expire);
        }
    }

    fn rest(&mut self) {
        let id = self.myself.get_id();
        if self.state.is_idle() && self.parts.slots.retire(self.room, id, self.handled) {
            self.state.end();
            self.myself.stop(Some(Exit::Idle.as_str().to_owned()));
        } else {
            self.later(REST, Done::Rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Subscriber as _;
    use crate::clock::Timestamp;
    use crate::entry::{Event, Mentions};
    use crate::relay::directory::Relays;
    use crate::store::memory::MemoryStore;
    use crate::testing::probe::{connect, user};
    use tokio::sync::oneshot;

    struct Unasked;

    #[async_trait::async_trait]
    impl RenderEntries for Unasked {
        async fn render(&self, _: RoomId, _: &[Arc<Entry>]) -> Result<Vec<Rendered>> {
            Err(Error::internal())
        }
    }

    fn publication(seq: Seq, event: Event) -> (Publication, oneshot::Receiver<()>) {
        let room = RoomId::from_bytes([9; 16]);
        let entry = Entry {
            room,
            seq,
            ord: seq,
            at: Timestamp(0),
            by: Some(user(1)),
            client_id: None,
            event,
            redacted: false,
        };
        let (confirm, confirmed) = oneshot::channel();
        let publication = Publication {
            room,
            entries: vec![Arc::new(entry)],
            confirm: Some(Confirm::new(move || {
                let _ = confirm.send(());
            })),
        };
        (publication, confirmed)
    }

    fn post(seq: Seq) -> (Publication, oneshot::Receiver<()>) {
        let event = Event::Post {
            body: Some("The tide is out".to_owned()),
            reply_to: None,
            mentions: Mentions::default(),
        };
        publication(seq, event)
    }

    #[tokio::test(start_paused = true)]
    async fn a_removal_behind_a_gap_is_confirmed_when_it_was_passed_on_and_not_before() {
        let metrics = Metrics::new();
        let (store, sessions) = (Arc::new(MemoryStore::new()), Sessions::new(&metrics, 1));
        let relays = Relays::start(store, sessions, Arc::new(Unasked), &metrics).await;
        let relays = relays.expect("the supervisor starts");
        let (ann, _ears) = connect(user(1)).await;
        relays.listen(RoomId::from_bytes([9; 16]), ann, 1);
        let (removal, mut removed) = publication(3, Event::Leave { user: user(2) });
        relays.published(removal);
        // What it knows already it confirms at once: by then it has heard of the removal.
        let (known, confirmed) = post(1);
        relays.published(known);
        confirmed.await.expect("confirmed");
        assert!(removed.try_recv().is_err(), "the second entry is missing");
        let (missing, confirmed) = post(2);
        relays.published(missing);
        confirmed.await.expect("confirmed");
        removed.await.expect("confirmed");
    }
}
