//! Nodes' rows about themselves: the beat is the timestamp, so that a late write changes nothing, and
//! the row of a node that died goes by itself.

use super::CqlStore;
use super::driver::Kind;
use super::values::values;
use crate::ids::NodeId;
use crate::store::{LeaseStore, NodeLease, StoreResult};
use async_trait::async_trait;

// All are in one partition: there are few, and whoever reads wants all of them.
const RENEW: &str = "INSERT INTO node_row (part, node, beat, settled, asks, alone, at, speaks) VALUES (0, ?, ?, ?, ?, ?, ?, ?) USING TTL 60 AND TIMESTAMP ?";
const RELEASE: &str = "DELETE FROM node_row WHERE part = 0 AND node = ?";
const ALL: &str =
    "SELECT node, beat, settled, asks, alone, at, speaks FROM node_row WHERE part = 0";

#[async_trait]
impl LeaseStore for CqlStore {
    async fn renew_lease(&self, lease: &NodeLease) -> StoreResult<()> {
        let values = values![
            lease.node,
            lease.beat,
            lease.settled,
            lease.asks,
            lease.alone,
            lease.at,
            i32::from(lease.speaks),
            lease.beat,
        ];
        self.driver.write(RENEW, values).await
    }

    async fn release_lease(&self, node: NodeId) -> StoreResult<()> {
        self.driver.write(RELEASE, values![node]).await
    }

    async fn leases(&self) -> StoreResult<Vec<NodeLease>> {
        let rows = self.driver.rows(Kind::Read, ALL, values![]).await?;
        let mut leases = rows
            .iter()
            .map(|row| {
                Ok(NodeLease {
                    node: row.get("node")?,
                    beat: row.get("beat")?,
                    settled: row.get("settled")?,
                    asks: row.get("asks")?,
                    alone: row.get("alone")?,
                    at: row.get("at")?,
                    // What this program cannot count up to is surely not its own.
                    speaks: u8::try_from(row.get::<i32>("speaks")?).unwrap_or(u8::MAX),
                })
            })
            .collect::<StoreResult<Vec<_>>>()?;
        leases.sort_by_key(|lease| lease.node);
        Ok(leases)
    }
}
