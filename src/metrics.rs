//! Everything that is counted, on one page. No label ever names a room or a person.

use prometheus::{Encoder as _, IntCounter, IntGauge, Registry, TextEncoder};

/// Declares the metrics once: the doc comment is the help text.
macro_rules! metrics {
    ($($(#[doc = $help:literal])+ $name:ident: $kind:ident,)+) => {
        /// The metrics of one node.
        #[derive(Clone, Debug)]
        pub struct Metrics {
            registry: Registry,
            $($(#[doc = $help])+ pub $name: $kind,)+
        }

        impl Metrics {
            /// Fresh metrics of one node: nothing is global, so two nodes fit in one process.
            pub fn new() -> Self {
                let registry = Registry::new();
                $(
                    let help = concat!($($help),+).trim();
                    let $name = $kind::new(concat!("chapiana_", stringify!($name)), help)
                        .expect("names and help are constant and well formed");
                    registry
                        .register(Box::new($name.clone()))
                        .expect("every name is registered once");
                )+
                Self { registry, $($name,)+ }
            }
        }
    };
}

metrics! {
    /// WebSocket connections that said hello.
    sockets: IntGauge,
    /// People who wait until it is their turn to be let in: after a cut everybody comes at once.
    greetings_waiting: IntGauge,
    /// Frames queued towards connections.
    outbox_frames: IntGauge,
    /// Bytes queued towards connections.
    outbox_bytes: IntGauge,
    /// Hints (typing, marks, heads) dropped before a connection that reads slowly.
    outbox_hints_dropped: IntCounter,
    /// Connections closed with 4008 because they read too slowly.
    slow_connections: IntCounter,
    /// Frames queued for delivery.
    frames: IntCounter,
    /// Rooms with an owner on this node.
    rooms: IntGauge,
    /// Rooms taken over.
    take_overs: IntCounter,
    /// Rooms that woke where they had slept, without a take-over.
    rooms_woken: IntCounter,
    /// Take-overs that the store did not let finish.
    take_overs_failed: IntCounter,
    /// Rooms that ended because of a panic.
    room_panics: IntCounter,
    /// Rooms that stepped down: another owner, or an outcome that stayed unknown.
    rooms_fenced: IntCounter,
    /// Commands that wait in rooms for their answer.
    room_commands: IntGauge,
    /// Entries stored.
    entries: IntCounter,
    /// Batches stored.
    batches: IntCounter,
    /// Appends repeated because their outcome was not known.
    append_retries: IntCounter,
    /// Times that what had an unknown outcome was sent again, by sessions and for requests over HTTP.
    sends_again: IntCounter,
    /// Queries of the log at the store: entries, heads, and where a log ends.
    log_queries: IntCounter,
    /// Pages of history that were asked for.
    history_reads: IntCounter,
    /// Pages of history that were there in memory.
    history_hits: IntCounter,
    /// Timers that this node is about.
    timers_held: IntGauge,
    /// Timers that were done.
    timers_done: IntCounter,
    /// Writes of views that failed and are tried again.
    view_failures: IntCounter,
    /// Relays: rooms with somebody online on this node.
    relays: IntGauge,
    /// Relays that ended because of a panic; their watchers are told to resume.
    relay_panics: IntCounter,
    /// Watches, live or loading.
    watches: IntGauge,
    /// Reads of history by relays.
    relay_loads: IntCounter,
    /// Gaps in what a relay heard, filled from the store.
    relay_gaps: IntCounter,
    /// 1 while this node hears itself through Redis, 0 while it does not.
    bus_connected: IntGauge,
    /// Connections to Redis that were given up and made anew.
    bus_reconnects: IntCounter,
    /// Messages from other nodes.
    bus_heard: IntCounter,
    /// Messages to other nodes that were surely not sent: not connected, queue full, too long.
    bus_not_sent: IntCounter,
    /// Messages to other nodes that Redis did not take, or that reached nobody.
    bus_lost: IntCounter,
    /// Messages that this node was too slow to take from its connection.
    bus_lagged: IntCounter,
    /// Times that something from another node was found to be lost.
    bus_losses_found: IntCounter,
    /// Messages that came twice or too late, dropped.
    bus_repeats: IntCounter,
    /// Messages without a right signature, dropped.
    bus_forged: IntCounter,
    /// Messages that are not well formed or of a strange version, dropped.
    bus_malformed: IntCounter,
    /// Messages from long ago, dropped: a replay, or clocks that are far apart.
    bus_stale: IntCounter,
    /// Commands sent on to the node of the room's owner.
    commands_forwarded: IntCounter,
    /// Commands of other nodes that were run here.
    commands_executed: IntCounter,
    /// Passes over the heads of all followed rooms, after a loss or to be sure.
    heals: IntCounter,
    /// Times that messages of another node were found lost.
    bus_gaps: IntCounter,
    /// Messages between nodes that the bus did not take.
    messages_unsent: IntCounter,
    /// Messages between nodes that could not be read.
    messages_malformed: IntCounter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// The text that `/metrics` answers.
    pub fn text(&self) -> String {
        let mut buffer = Vec::new();
        let families = self.registry.gather();
        match TextEncoder::new().encode(&families, &mut buffer) {
            Ok(()) => String::from_utf8(buffer).unwrap_or_default(),
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_carries_its_doc_comment_as_help() {
        let metrics = Metrics::new();
        metrics.rooms.set(3);
        let text = metrics.text();
        assert!(text.contains("# HELP chapiana_rooms Rooms with an owner on this node.\n"));
        assert!(text.contains("chapiana_rooms 3\n"));
        assert!(Metrics::new().text().contains("chapiana_rooms 0\n"));
    }
}
