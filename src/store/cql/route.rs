//! Conditional writes go to the replicas of their partition in one stable order (R12): the driver
//! does so for single statements, not for batches, and two coordinators of one room would only
//! disturb each other's Paxos rounds.

use scylla::cluster::{ClusterState, NodeRef};
use scylla::errors::RequestAttemptError;
use scylla::policies::load_balancing::{
    DefaultPolicy, FallbackPlan, LoadBalancingPolicy, RoutingInfo,
};
use scylla::routing::Shard;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// The default policy, told that everything is conditional.
#[derive(Debug)]
pub(super) struct StableOrder {
    inner: Arc<dyn LoadBalancingPolicy>,
}

impl StableOrder {
    pub fn new() -> Self {
        Self {
            inner: DefaultPolicy::builder().build(),
        }
    }
}

impl LoadBalancingPolicy for StableOrder {
    fn pick<'a>(
        &'a self,
        _request: &'a RoutingInfo,
        _cluster: &'a ClusterState,
    ) -> Option<(NodeRef<'a>, Option<Shard>)> {
        None
    }

    fn fallback<'a>(
        &'a self,
        request: &'a RoutingInfo,
        cluster: &'a ClusterState,
    ) -> FallbackPlan<'a> {
        let mut conditional = request.clone();
        conditional.is_confirmed_lwt = true;
        let mut seen = HashSet::new();
        // What the inner policy lends lives only as long as the clone: the nodes are looked up again.
        let plan: Vec<_> = self
            .inner
            .pick(&conditional, cluster)
            .into_iter()
            .chain(self.inner.fallback(&conditional, cluster))
            .map(|(node, shard)| (node.host_id, shard))
            .filter(|(host, _)| seen.insert(*host))
            .collect();
        let nodes = plan
            .into_iter()
            .filter_map(|(host, shard)| Some((cluster.get_node_by_host_id(host)?, shard)));
        Box::new(nodes)
    }

    fn on_request_success(&self, request: &RoutingInfo, latency: Duration, node: NodeRef<'_>) {
        self.inner.on_request_success(request, latency, node);
    }

    fn on_request_failure(
        &self,
        request: &RoutingInfo,
        latency: Duration,
        node: NodeRef<'_>,
        error: &RequestAttemptError,
    ) {
        self.inner.on_request_failure(request, latency, node, error);
    }

    fn name(&self) -> String {
        "StableOrder".to_owned()
    }
}
