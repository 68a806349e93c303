//! Where the nodes of a test stand. One node over the store that the test brings, as a rule; with
//! `CHAPIANA_TEST_NODES` set (`./check ws_cluster`) so many, over a keyspace of their own on the server that
//! `CHAPIANA_TEST_CQL` names, and a Redis of their own.

use crate::bus::redis::{RedisOptions, RedisTransport, RedisUrl};
use crate::bus::seal::Seal;
use crate::bus::transport::Transport as _;
use crate::cluster::shell::Way;
use crate::config::Config;
use crate::ids::NodeId;
use crate::listen::{Bounds, Listening};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::store::Store;
use crate::store::conformance::subject::fresh_keyspace;
use crate::store::cql::{CqlPlace, CqlStore};
use crate::testing::poll::until;
use crate::testing::redis::Server;
use crate::web::router::router;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use uuid::Uuid;

/// The keyspaces of tests that have ended. Emptied, they serve again.
static LEFT: Mutex<VecDeque<CqlPlace>> = Mutex::new(VecDeque::new());
/// So many rest: the last words of a test that ended just now are written by then.
const REST: usize = 2;

enum Ground {
    Alone(Arc<dyn Store>),
    Cluster {
        place: Box<CqlPlace>,
        redis: Server,
        nodes: usize,
    },
}

pub struct Stand(Ground);

/// A node behind its port.
pub struct Served {
    pub node: Arc<Node>,
    pub address: SocketAddr,
    pub listening: Listening,
}

impl Stand {
    /// Over the store that `alone` opens, unless the environment names another ground.
    pub async fn over(alone: impl FnOnce() -> Arc<dyn Store>) -> Self {
        let Ok(nodes) = std::env::var("CHAPIANA_TEST_NODES") else {
            return Self(Ground::Alone(alone()));
        };
        crate::tls::install_provider();
        Self(Ground::Cluster {
            place: Box::new(keyspace().await),
            redis: Server::start(&[]),
            nodes: nodes.parse().expect("how many nodes"),
        })
    }

    /// All nodes with these settings, which see each other.
    pub async fn nodes(&self, configs: Vec<Config>) -> Vec<Arc<Node>> {
        let mut nodes = Vec::new();
        for config in configs {
            nodes.push(self.node(config).await);
        }
        for cluster in nodes.iter().filter_map(|node| node.cluster.as_ref()) {
            let all = async || cluster.takers() == nodes.len();
            until("the nodes see each other", all).await;
        }
        nodes
    }

    /// The same, each on a port of its own. All say that their address is that of the first.
    pub async fn served(&self, config: Config, bounds: impl Fn() -> Bounds) -> Vec<Served> {
        let (mut listeners, mut configs) = (Vec::new(), Vec::new());
        let mut base = None;
        for _ in 0..self.count() {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let mut config = config.clone();
            config = config.bound_to(listener.local_addr().expect("an address"));
            config.public_url = base.clone();
            base.get_or_insert_with(|| config.base_url());
            configs.push(config);
            listeners.push(listener);
        }
        let nodes = self.nodes(configs).await;
        let served = nodes.into_iter().zip(listeners);
        let served = served.map(|(node, listener)| Served {
            address: node.config.listen,
            listening: Listening::start(listener, router(&node), bounds()),
            node,
        });
        served.collect()
    }

    pub fn count(&self) -> usize {
        match &self.0 {
            Ground::Alone(_) => 1,
            Ground::Cluster { nodes, .. } => *nodes,
        }
    }

    async fn node(&self, config: Config) -> Arc<Node> {
        let (place, redis) = match &self.0 {
            Ground::Alone(store) => {
                let node = Node::start(config, Arc::clone(store)).await;
                return node.expect("the node starts");
            }
            Ground::Cluster { place, redis, .. } => (place, redis),
        };
        let store = CqlStore::open(place, config.bucket_bits).await;
        let (id, counted) = (NodeId(Uuid::now_v7()), Metrics::new());
        let options = RedisOptions {
            url: RedisUrl::parse(&redis.url()).expect("an address"),
            cluster: place.keyspace.clone(),
            seal: Seal::new(&place.keyspace, &["secret".to_owned()]).expect("a secret"),
        };
        let redis = RedisTransport::start(options, id, counted.clone()).await;
        let redis = redis.expect("Redis is there");
        until("Redis answers", async || redis.connected()).await;
        let way = Way {
            transport: redis.clone(),
            leases: redis,
        };
        let store = store.expect("the keyspace opens");
        let node = Node::start_with(id, config, store, Some(way), counted).await;
        node.expect("the node starts")
    }
}

async fn keyspace() -> CqlPlace {
    let rested = {
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() > REST {
            left.pop_front()
        } else {
            None
        }
    };
    let Some(place) = rested else {
        return fresh_keyspace(crate::limits::BUCKET_BITS).await;
    };
    let emptied = CqlStore::empty_keyspace(&place).await;
    emptied.expect("the tables can be emptied");
    place
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Ground::Cluster { place, .. } = &self.0 {
            let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
            left.push_back(CqlPlace::clone(place));
        }
    }
}

/// A front door without stickiness: whoever comes is led to the next one.
#[derive(Clone)]
pub struct Door<T>(Arc<(Vec<T>, AtomicUsize)>);

impl<T: Clone> Door<T> {
    pub fn to(all: Vec<T>) -> Self {
        Self(Arc::new((all, AtomicUsize::new(0))))
    }

    pub fn next(&self) -> T {
        let (all, turn) = &*self.0;
        all[turn.fetch_add(1, Ordering::Relaxed) % all.len()].clone()
    }
}
