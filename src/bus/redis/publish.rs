//! Frames on their way out: sealed and published in the order of sending, many per round trip.

use super::connect::{COMMAND_MAX, RedisUrl};
use super::{Outgoing, Shared, Target};
use crate::bus::seal::Frame;
use crate::ids::NodeId;
use bytes::Bytes;
use fred::prelude::*;
use futures_util::future::join_all;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

/// Frames of one round trip.
const BATCH_MAX: usize = 256;

/// Publishes what waits, for as long as the queue lives.
pub(super) async fn publish(
    shared: &Shared,
    url: &RedisUrl,
    client: &Client,
    queue: &mut mpsc::Receiver<Outgoing>,
) {
    let sharded = url.is_clustered();
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let mut frames = Vec::with_capacity(batch.len());
        for outgoing in batch.drain(..) {
            let channel = shared.channel(outgoing.target);
            if let Some(bytes) = seal(shared, outgoing) {
                frames.push(publish_one(client, sharded, channel, bytes));
            }
        }
        let lost = match tokio::time::timeout(COMMAND_MAX, in_order(frames)).await {
            Ok(published) => published.iter().filter(|published| !**published).count(),
            Err(_) => 1,
        };
        shared.metrics.bus_lost.inc_by(lost as u64);
    }
}

/// Each future hands its command over when it is first polled: small groups, so that they are polled
/// in order, and all are under way before the first is waited for.
async fn in_order(frames: Vec<impl Future<Output = bool>>) -> Vec<bool> {
    join_all(frames).await
}

fn seal(shared: &Shared, outgoing: Outgoing) -> Option<Bytes> {
    let at = SystemTime::now().duration_since(UNIX_EPOCH);
    let sealed = shared.seal.close(&Frame {
        from: shared.me,
        to: match outgoing.target {
            Target::Node(node) => node,
            Target::Control => NodeId::from_bytes([0; 16]),
        },
        at_ms: at.map_or(0, |at| at.as_millis() as u64),
        way: outgoing.way,
        payload: outgoing.payload,
    });
    if sealed.is_none() {
        shared.metrics.bus_lost.inc();
    }
    sealed
}

/// False if it surely did not reach Redis, or reached nobody.
async fn publish_one(client: &Client, sharded: bool, channel: String, bytes: Bytes) -> bool {
    let receivers: Result<u64, Error> = if sharded {
        client.spublish(channel, bytes).await
    } else {
        client.publish(channel, bytes).await
    };
    match receivers {
        Ok(receivers) => receivers > 0,
        Err(error) => {
            tracing::debug!(%error, "a message to another node was lost");
            false
        }
    }
}
