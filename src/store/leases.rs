//! What nodes say of themselves in the store, for when they do not reach each other (R17).

use super::StoreResult;
use crate::clock::Timestamp;
use crate::ids::NodeId;
use async_trait::async_trait;

/// The row of one node. Numbers only rise; who reads them goes by their change and by his own
/// clock, never by the clock of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLease {
    pub node: NodeId,
    /// Counts the renewals.
    pub beat: u64,
    /// How often the node has read the heads of all rooms that it shows, and shown what it lacked.
    pub settled: u64,
    /// A removal waits there: whoever sees this settles.
    pub asks: bool,
    /// The node shows rooms because this row stands: it has no lease of the bus, or may soon have none.
    pub alone: bool,
    /// When it was written, by the clock of the node.
    pub at: Timestamp,
    /// The version of the messages that the node speaks.
    pub speaks: u8,
}

#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Writes the row of a node. A row with a higher `beat` is never replaced.
    async fn renew_lease(&self, lease: &NodeLease) -> StoreResult<()>;
    /// Takes the row of a node away: it has ended.
    async fn release_lease(&self, node: NodeId) -> StoreResult<()>;
    /// All rows, by node. Those that were not renewed for long may be missing.
    async fn leases(&self) -> StoreResult<Vec<NodeLease>>;
}
