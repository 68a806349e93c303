use super::EmbeddedStore;
use crate::ids::NodeId;
use crate::store::{LeaseStore, NodeLease, StoreResult};
use async_trait::async_trait;
use rusqlite::{Row, params};

const RENEW: &str = "INSERT INTO node_row (node, beat, settled, asks, alone, at, speaks) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT DO UPDATE SET beat = excluded.beat, settled = excluded.settled, asks = excluded.asks,
        alone = excluded.alone, at = excluded.at, speaks = excluded.speaks WHERE excluded.beat >= beat";

fn lease_at(row: &Row<'_>) -> rusqlite::Result<NodeLease> {
    Ok(NodeLease {
        node: row.get(0)?,
        beat: row.get(1)?,
        settled: row.get(2)?,
        asks: row.get(3)?,
        alone: row.get(4)?,
        at: row.get(5)?,
        speaks: row.get(6)?,
    })
}

#[async_trait]
impl LeaseStore for EmbeddedStore {
    async fn renew_lease(&self, lease: &NodeLease) -> StoreResult<()> {
        let lease = lease.clone();
        self.write(move |at| {
            at.prepare_cached(RENEW)?.execute(params![
                lease.node,
                lease.beat,
                lease.settled,
                lease.asks,
                lease.alone,
                lease.at,
                lease.speaks
            ])?;
            Ok(())
        })
        .await
    }

    async fn release_lease(&self, node: NodeId) -> StoreResult<()> {
        self.write(move |at| {
            at.prepare_cached("DELETE FROM node_row WHERE node = ?1")?
                .execute([node])?;
            Ok(())
        })
        .await
    }

    async fn leases(&self) -> StoreResult<Vec<NodeLease>> {
        self.read(|at| {
            let sql =
                "SELECT node, beat, settled, asks, alone, at, speaks FROM node_row ORDER BY node";
            let mut statement = at.prepare_cached(sql)?;
            let rows = statement.query_map([], lease_at)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}
