//! The life of the connections: listen, subscribe again when the own voice is not heard, connect
//! anew when that does not help.

use super::connect::{COMMAND_MAX, Clients, RedisUrl};
use super::desk::Claim;
use super::publish::publish;
use super::{Channel, DEAF_AFTER, Outgoing, Shared, Target};
use crate::bus::seal::Way;
use bytes::Bytes;
use fred::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

/// A node listens for its own voice this often.
const PROBE_EVERY: Duration = Duration::from_millis(400);
/// The claim on this Redis is renewed this often.
const CLAIM_EVERY: Duration = Duration::from_secs(30);
const CLAIM_AGAIN: Duration = Duration::from_secs(1);
/// An answer to a subscription is waited for this long; the next probe tells whether it worked.
const SUBSCRIBE_MAX: Duration = Duration::from_millis(700);
/// Who is deaf for longer connects anew from scratch.
const ANEW_AFTER: Duration = Duration::from_secs(8);

/// Runs until the transport ends.
pub(super) async fn run(
    shared: Arc<Shared>,
    url: RedisUrl,
    first: Clients,
    mut queue: mpsc::Receiver<Outgoing>,
    voice: mpsc::Sender<Outgoing>,
) {
    let mut clients = first;
    loop {
        tokio::select! {
            () = listen(&shared, &clients.subscriber) => {}
            () = publish(&shared, &url, &clients.publisher, &mut queue) => {}
            () = watch(&shared, &url, &clients, &voice) => {}
        }
        shared.set_connected(false);
        shared.metrics.bus_reconnects.inc();
        tracing::warn!(hosts = url.hosts(), "connecting to Redis anew");
        let old = clients;
        // Nobody waits for it.
        tokio::spawn(async move { old.quit().await });
        clients = loop {
            match Clients::new(&url) {
                Ok(clients) => break clients,
                Err(error) => tracing::error!(%error, "no client for Redis can be made"),
            }
            tokio::time::sleep(ANEW_AFTER).await;
        };
        clients.connect();
        *shared.lock(&shared.clients) = Some(clients.clone());
    }
}

/// Hands on what arrives. Ends only with the client.
async fn listen(shared: &Shared, subscriber: &Client) {
    let mut messages = subscriber.message_rx();
    let own = shared.name(Channel::Own);
    let control = shared.name(Channel::Control);
    loop {
        match messages.recv().await {
            Ok(message) => {
                let channel = match &*message.channel {
                    name if name == own => Channel::Own,
                    name if name == control => Channel::Control,
                    _ => continue,
                };
                if let Some(bytes) = message.value.into_owned_bytes() {
                    shared.arrived(channel, &Bytes::from(bytes));
                }
            }
            Err(RecvError::Lagged(lost)) => shared.metrics.bus_lagged.inc_by(lost),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Keeps the subscriptions alive; returns when these connections are past help.
async fn watch(shared: &Shared, url: &RedisUrl, clients: &Clients, voice: &mpsc::Sender<Outgoing>) {
    *shared.lock(&shared.voices) = [None; 2];
    let began = Instant::now();
    let mut reconnected = clients.subscriber.reconnect_rx();
    let mut moved = clients.subscriber.cluster_change_rx();
    let mut ticks = tokio::time::interval(PROBE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut claimed, mut claim_next) = (false, began);
    for n in 1.. {
        let heard = tokio::select! {
            _ = ticks.tick() => {
                if Instant::now() >= claim_next {
                    claimed = claim(shared, &clients.desk, claimed).await;
                    let pause = if claimed { CLAIM_EVERY } else { CLAIM_AGAIN };
                    claim_next = Instant::now() + pause;
                }
                let silence = shared.silence();
                let heard = silence.is_some_and(|silence| silence < DEAF_AFTER);
                shared.set_connected(claimed && heard);
                if silence.unwrap_or_else(|| began.elapsed()) > ANEW_AFTER {
                    return;
                }
                heard
            }
            _ = reconnected.recv() => false,
            _ = moved.recv() => false,
        };
        if !heard {
            subscribe(shared, url, &clients.subscriber).await;
        }
        for target in [Target::Node(shared.me), Target::Control] {
            // A full queue is a reason to be deaf.
            let _ = voice.try_send(Outgoing {
                target,
                way: Way::Probe { n },
                payload: Bytes::new(),
            });
        }
    }
}

/// True if this Redis is ours. A Redis that could not be asked leaves things as they were.
async fn claim(shared: &Shared, desk: &Client, before: bool) -> bool {
    match tokio::time::timeout(COMMAND_MAX, shared.claim(desk)).await {
        Ok(Ok(Claim::Ours)) => true,
        Ok(Ok(Claim::Taken(why))) => {
            tracing::error!(why, "the other nodes are not spoken to");
            false
        }
        Ok(Err(error)) => {
            tracing::debug!(%error, "the claim on Redis was not renewed");
            before
        }
        Err(_) => before,
    }
}

/// Subscribes to both channels, one by one: in a Redis Cluster they live on different servers.
async fn subscribe(shared: &Shared, url: &RedisUrl, subscriber: &Client) {
    let one = async |channel| {
        let name = shared.name(channel);
        let asked = async {
            if url.is_clustered() {
                subscriber.ssubscribe(name).await
            } else {
                subscriber.subscribe(name).await
            }
        };
        match tokio::time::timeout(SUBSCRIBE_MAX, asked).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "not subscribed"),
            // The answer may be lost where the subscription is not.
            Err(_) => tracing::debug!("no answer to a subscription"),
        }
    };
    tokio::join!(one(Channel::Own), one(Channel::Control));
}
