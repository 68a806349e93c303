//! The contract between a node's cluster logic and what carries its bytes to other nodes.
//!
//! A transport may lose, but never makes up, alters or doubles: what it hands out was sent by a node
//! that knows the cluster secret, at most once, in the order of sending per pair of nodes. Losses
//! are counted and told (`TransportEvents::gap`); the store heals them.

use crate::ids::NodeId;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What crosses nodes, authenticated and counted by the transport.
pub trait Transport: Send + Sync + 'static {
    /// Names who hears what arrives, once; what came before is lost, and found like any other loss.
    fn listen(&self, events: Arc<dyn TransportEvents>);
    /// Sends to one node. Never waits; false: surely not sent (not connected, queue full, too long).
    fn send(&self, to: NodeId, payload: Bytes) -> bool;
    /// Sends to every other node. With it go the counts of what was sent to each: without regular
    /// broadcasts (heartbeats) a loss at the end of a stream is not found.
    fn broadcast(&self, payload: Bytes) -> bool;
    /// Whether Redis is reachable now.
    fn connected(&self) -> bool;
}

/// Who hears what arrives. Called from one task: must not wait.
pub trait TransportEvents: Send + Sync + 'static {
    /// A message, sent by `send` or by `broadcast`. Never one of our own.
    fn received(&self, from: NodeId, payload: Bytes);
    /// Something that `from` sent to us is lost: what it might have told is to be read anew.
    /// Also told when a node is heard for the first time in the middle of its stream.
    fn gap(&self, from: NodeId);
    fn connection_changed(&self, connected: bool);
}

/// Redis did not answer, or refused: the lease is not renewed, the roll not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The leases that Redis knows, by its own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roll {
    /// Nodes with a lease, and how long it still runs.
    pub live: Vec<(NodeId, Duration)>,
    /// How long this roll has been kept without a break. A Redis that restarted, failed over or was
    /// flushed begins a new one: absence proves nothing before it is older than the longest lease.
    pub kept: Duration,
}

impl Roll {
    /// Whether `node` surely holds no lease, if no lease is longer than `ttl`.
    pub fn lapsed(&self, node: NodeId, ttl: Duration) -> bool {
        self.kept > ttl && self.live.iter().all(|(live, _)| *live != node)
    }
}

/// Leases of nodes (R17).
#[async_trait::async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Sets or renews the lease of `node`. The holder counts `ttl` from *before* the call.
    async fn renew(&self, node: NodeId, ttl: Duration) -> Result<(), Unavailable>;
    /// Gives the lease up, at the end of a drain.
    async fn release(&self, node: NodeId) -> Result<(), Unavailable>;
    /// Who holds a lease now.
    async fn roll(&self) -> Result<Roll, Unavailable>;
}
