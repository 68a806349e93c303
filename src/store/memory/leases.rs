use super::MemoryStore;
use crate::ids::NodeId;
use crate::store::{LeaseStore, NodeLease, StoreResult};
use async_trait::async_trait;

#[async_trait]
impl LeaseStore for MemoryStore {
    async fn renew_lease(&self, lease: &NodeLease) -> StoreResult<()> {
        let mut tables = self.tables();
        let there = tables.leases.get(&lease.node);
        if there.is_none_or(|there| there.beat <= lease.beat) {
            tables.leases.insert(lease.node, lease.clone());
        }
        Ok(())
    }

    async fn release_lease(&self, node: NodeId) -> StoreResult<()> {
        self.tables().leases.remove(&node);
        Ok(())
    }

    async fn leases(&self) -> StoreResult<Vec<NodeLease>> {
        Ok(self.tables().leases.values().cloned().collect())
    }
}
