//! Redis between the nodes: publish and subscribe on two channels per node, and a few keys.
//!
//! fred stays behind this module. Its own re-subscriber is not used (it leaves sharded channels
//! silent after a reconnect): here a node sends itself a probe on each of its channels all the time,
//! subscribes again when its own voice does not come back, and connects anew when that does not help.

mod connect;
mod desk;
mod publish;
mod session;
#[cfg(test)]
mod tests;

pub use connect::RedisUrl;

use super::counts::{Arrival, Heard, Sent};
use super::seal::{Frame, Refused, Seal, Way};
use super::transport::{Transport, TransportEvents};
use crate::ids::NodeId;
use crate::limits;
use crate::metrics::Metrics;
use bytes::Bytes;
use connect::Clients;
use desk::Claim;
use fred::error::ErrorKind;
use fred::interfaces::EventInterface as _;
use fred::prelude::Client;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A node waits this long for its first connection, then serves without.
const FIRST_CONNECTION: Duration = Duration::from_secs(3);
/// Without its own voice for this long a node is not connected.
const DEAF_AFTER: Duration = Duration::from_millis(1_500);

/// What a node must know to meet the others.
#[derive(Clone)]
pub struct RedisOptions {
    pub url: RedisUrl,
    /// The name of the cluster; part of every key and channel.
    pub cluster: String,
    pub seal: Seal,
}

/// Why a node must not start with this Redis: reason and remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected(pub String);

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rejected {}

/// The two channels that a node listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    /// For this node alone.
    Own,
    /// For everybody.
    Control,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Node(NodeId),
    Control,
}

struct Outgoing {
    target: Target,
    way: Way,
    payload: Bytes,
}

/// What all tasks of a transport share.
struct Shared {
    me: NodeId,
    cluster: String,
    seal: Seal,
    metrics: Metrics,
    connected: AtomicBool,
    sent: Mutex<Sent>,
    heard: Mutex<Heard>,
    voices: Mutex<[Option<Instant>; 2]>,
    events: OnceLock<Arc<dyn TransportEvents>>,
    clients: Mutex<Option<Clients>>,
    began: Instant,
}

/// The transport over Redis.
pub struct RedisTransport {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Outgoing>,
    task: JoinHandle<()>,
}

impl RedisTransport {
    /// Connects. A Redis that is not there is waited for in the background; one that refuses the
    /// password or belongs to another cluster keeps the node from starting.
    pub async fn start(
        options: RedisOptions,
        me: NodeId,
        metrics: Metrics,
    ) -> Result<Arc<Self>, Rejected> {
        let clients = Clients::new(&options.url).map_err(|error| rejected(&options.url, &error))?;
        let shared = Arc::new(Shared {
            me,
            cluster: options.cluster,
            seal: options.seal,
            metrics,
            connected: AtomicBool::new(false),
            sent: Mutex::default(),
            heard: Mutex::default(),
            voices: Mutex::default(),
            events: OnceLock::new(),
            clients: Mutex::new(Some(clients.clone())),
            began: Instant::now(),
        });
        match tokio::time::timeout(FIRST_CONNECTION, first(&shared, &clients)).await {
            Ok(Ok(Claim::Ours)) => {}
            Ok(Ok(Claim::Taken(why))) => return Err(Rejected(why)),
            Ok(Err(error)) if is_final(&error) => return Err(rejected(&options.url, &error)),
            Ok(Err(error)) => tracing::warn!(%error, "Redis is not there yet: serving without"),
            Err(_) => tracing::warn!(
                hosts = options.url.hosts(),
                "Redis does not answer yet: serving without"
            ),
        }
        let (queue, outgoing) = mpsc::channel(limits::BUS_QUEUE_MAX);
        let running = session::run(
            Arc::clone(&shared),
            options.url,
            clients,
            outgoing,
            queue.clone(),
        );
        Ok(Arc::new(Self {
            shared,
            queue,
            task: tokio::spawn(running),
        }))
    }

    /// Ends in peace: nothing is heard or said any more.
    pub async fn stop(&self) {
        self.task.abort();
        self.shared.set_connected(false);
        let clients = self.shared.lock(&self.shared.clients).take();
        if let Some(clients) = clients {
            clients.quit().await;
        }
    }

    fn enqueue(&self, target: Target, way: Way, payload: Bytes) -> bool {
        let fits = payload.len() <= super::seal::PAYLOAD_BYTES_MAX;
        let sent = fits
            && self.shared.connected.load(Ordering::Relaxed)
            && self
                .queue
                .try_send(Outgoing {
                    target,
                    way,
                    payload,
                })
                .is_ok();
        if !sent {
            self.shared.metrics.bus_not_sent.inc();
        }
        sent
    }
}

impl Drop for RedisTransport {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects and claims, unless Redis refuses this node for good.
async fn first(shared: &Shared, clients: &Clients) -> Result<Claim, fred::error::Error> {
    let mut errors = clients.desk.error_rx();
    clients.connect();
    let claimed = async {
        clients.connected().await?;
        shared.claim(&clients.desk).await
    };
    let refused = async {
        loop {
            match errors.recv().await {
                Ok((error, _)) if is_final(&error) => return error,
                Ok((error, _)) => tracing::debug!(%error, "not connected to Redis yet"),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        claim = claimed => claim,
        error = refused => Err(error),
    }
}

fn is_final(error: &fred::error::Error) -> bool {
    matches!(error.kind(), ErrorKind::Auth | ErrorKind::Config)
}

fn rejected(url: &RedisUrl, error: &fred::error::Error) -> Rejected {
    Rejected(format!(
        "Redis at {} refuses this node: {}. Check user, password and scheme of the setting redis",
        url.hosts(),
        error.details()
    ))
}

impl Transport for RedisTransport {
    fn listen(&self, events: Arc<dyn TransportEvents>) {
        if self.shared.events.set(events).is_err() {
            tracing::error!("a transport has one listener: the second is not heard");
        }
    }

    fn send(&self, to: NodeId, payload: Bytes) -> bool {
        // Counted even when it is not sent: the other side then knows that it missed something.
        let mut sent = self.shared.lock(&self.shared.sent);
        let way = Way::Direct(sent.next(to));
        self.enqueue(Target::Node(to), way, payload)
    }

    fn broadcast(&self, payload: Bytes) -> bool {
        let mut sent = self.shared.lock(&self.shared.sent);
        let mut heard = self.shared.lock(&self.shared.heard);
        heard.forget_silent(self.shared.now_ms());
        sent.keep(|node| heard.knows(node));
        drop(heard);
        let n = sent.next_broadcast();
        let counts = sent.last();
        self.enqueue(Target::Control, Way::Broadcast { n, counts }, payload)
    }

    fn connected(&self) -> bool {
        self.shared.connected.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> Option<Client> {
        let clients = self.lock(&self.clients);
        clients.as_ref().map(|clients| clients.desk.clone())
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The name of a channel. No content, and nothing that names a person or a room.
    fn channel(&self, target: Target) -> String {
        match target {
            Target::Node(node) => format!("chapiana:{}:node:{node}", self.cluster),
            Target::Control => format!("chapiana:{}:ctl", self.cluster),
        }
    }

    fn name(&self, channel: Channel) -> String {
        match channel {
            Channel::Own => self.channel(Target::Node(self.me)),
            Channel::Control => self.channel(Target::Control),
        }
    }

    fn set_connected(&self, connected: bool) {
        if self.connected.swap(connected, Ordering::Relaxed) == connected {
            return;
        }
        self.metrics.bus_connected.set(i64::from(connected));
        tracing::info!(connected, "the way to the other nodes over Redis");
        if let Some(events) = self.events.get() {
            events.connection_changed(connected);
        }
    }

    /// How long ago this node heard itself on the channel that is silent for longest.
    fn silence(&self) -> Option<Duration> {
        let voices = *self.lock(&self.voices);
        let [own, control] = voices;
        Some(own?.elapsed().max(control?.elapsed()))
    }

    /// Reads what came on a channel.
    fn arrived(&self, channel: Channel, bytes: &Bytes) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_millis() as u64);
        match self.seal.open(bytes, now) {
            Ok(frame) if frame.from == self.me => {
                self.lock(&self.voices)[channel as usize] = Some(Instant::now());
            }
            Ok(frame) => self.heard(channel, frame),
            Err(why) => self.refused(why),
        }
    }

    fn refused(&self, why: Refused) {
        match why {
            Refused::Forged => self.metrics.bus_forged.inc(),
            Refused::Malformed | Refused::Version(_) => self.metrics.bus_malformed.inc(),
            Refused::Stale => self.metrics.bus_stale.inc(),
        }
        // One line for the first, then the counters.
        tracing::debug!(?why, "a message from another node was dropped");
    }

    fn heard(&self, channel: Channel, frame: Frame) {
        let Frame {
            from,
            to,
            way,
            payload,
            ..
        } = frame;
        let Some(events) = self.events.get() else {
            return;
        };
        let now = self.now_ms();
        let arrival = match (way, channel) {
            (Way::Direct(count), Channel::Own) if to == self.me => {
                self.lock(&self.heard).direct(from, count, now)
            }
            (Way::Broadcast { n, counts }, Channel::Control) => {
                let mine = counts.iter().find(|(node, _)| *node == self.me);
                let last = mine.map(|(_, count)| *count);
                self.lock(&self.heard).broadcast(from, n, last, now)
            }
            (Way::Probe { .. }, _) => return,
            // Signed by a neighbour, but put where it does not belong.
            _ => return self.refused(Refused::Malformed),
        };
        if arrival == Arrival::Repeat {
            self.metrics.bus_repeats.inc();
            return;
        }
        if arrival == Arrival::AfterGap {
            self.metrics.bus_losses_found.inc();
            events.gap(from);
        }
        self.metrics.bus_heard.inc();
        events.received(from, payload);
    }
}
