//! Against real servers: `./check redis`.

mod chat;
mod faults;
mod many;
mod start;

use super::{RedisOptions, RedisTransport, RedisUrl, Rejected};
use crate::bus::seal::Seal;
use crate::bus::transport::{Transport, TransportEvents};
use crate::ids::NodeId;
use crate::metrics::Metrics;
use crate::testing::poll::until;
use crate::testing::redis::PATIENCE;
use bytes::Bytes;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What a node heard.
#[derive(Default)]
struct Ear {
    texts: Mutex<Vec<(NodeId, String)>>,
    gaps: AtomicU64,
    lost: AtomicU64,
}

impl TransportEvents for Ear {
    fn received(&self, from: NodeId, payload: Bytes) {
        let text = String::from_utf8_lossy(&payload).into_owned();
        let mut texts = self.texts.lock().expect("no panic while noting");
        texts.push((from, text));
    }
    fn gap(&self, _: NodeId) {
        self.gaps.fetch_add(1, Ordering::Relaxed);
    }
    fn connection_changed(&self, connected: bool) {
        self.lost
            .fetch_add(u64::from(!connected), Ordering::Relaxed);
    }
}

impl Ear {
    fn texts(&self) -> Vec<String> {
        let texts = self.texts.lock().expect("no panic while noting");
        texts.iter().map(|(_, text)| text.clone()).collect()
    }
    fn heard(&self, text: &str) -> bool {
        self.texts().iter().any(|heard| heard == text)
    }
}

/// One node of a test.
struct Seat {
    id: NodeId,
    transport: Arc<RedisTransport>,
    ear: Arc<Ear>,
    metrics: Metrics,
}

fn options(url: &str, cluster: &str, secrets: &[&str]) -> RedisOptions {
    let secrets: Vec<_> = secrets.iter().map(|text| (*text).to_owned()).collect();
    RedisOptions {
        url: RedisUrl::parse(url).expect("a right setting"),
        cluster: cluster.to_owned(),
        seal: Seal::new(cluster, &secrets).expect("there is a secret"),
    }
}

async fn try_seat(n: u8, options: RedisOptions) -> Result<Seat, Rejected> {
    crate::tls::install_provider();
    let metrics = Metrics::new();
    let id = NodeId::from_bytes([n; 16]);
    let transport = RedisTransport::start(options, id, metrics.clone()).await?;
    let ear = Arc::new(Ear::default());
    transport.listen(Arc::clone(&ear) as Arc<dyn TransportEvents>);
    Ok(Seat {
        id,
        transport,
        ear,
        metrics,
    })
}

/// A node that is connected.
async fn seat(n: u8, url: &str) -> Seat {
    let seat = try_seat(n, options(url, "chat", &["secret"])).await;
    let seat = seat.expect("nothing is wrong");
    eventually("a node is connected", || seat.transport.connected()).await;
    seat
}

/// Waits until it is so.
async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    until(what, async || so()).await;
}

/// Says it again, as heartbeats do, until the other one hears it.
async fn say(from: &Seat, to: &Seat, text: &str) {
    let again = || {
        from.transport.send(to.id, Bytes::from(text.to_owned()));
        to.ear.heard(text)
    };
    eventually(&format!("{text:?} is heard"), again).await;
}

/// The same to everybody.
async fn call(from: &Seat, to: &Seat, text: &str) {
    let again = || {
        from.transport.broadcast(Bytes::from(text.to_owned()));
        to.ear.heard(text)
    };
    eventually(&format!("{text:?} is heard"), again).await;
}
