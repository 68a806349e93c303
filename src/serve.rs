//! A node that serves: store, listeners, signals.

use crate::bus::redis::{RedisOptions, RedisTransport};
use crate::bus::transport::Transport;
use crate::clock;
use crate::cluster::admission;
use crate::cluster::shell::Way;
use crate::config::{Config, StorePlace};
use crate::ids::NodeId;
use crate::limits;
use crate::listen::{self, Bounds, Listening};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::session::recheck;
use crate::store::Store;
use crate::store::cql::CqlStore;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::timers;
use crate::watchdog;
use crate::web::router::router;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use uuid::Uuid;

/// What keeps a node from serving.
pub type Failure = Box<dyn Error + Send + Sync>;

/// After the drain, requests that still run are given this long.
const LAST_REQUESTS: Duration = Duration::from_secs(5);
/// And then the store, to finish its last writes.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// Opens the store of these settings.
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    let place = match &config.store {
        StorePlace::Embedded => return open_folder(config).await,
        StorePlace::Cql(place) => place,
    };
    let opened = CqlStore::open(place, config.bucket_bits).await;
    let store =
        opened.map_err(|error| format!("setting store: {place} cannot be used: {error}"))?;
    Ok(store)
}

async fn open_folder(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    let dir = config.data_dir.clone();
    let options = EmbeddedOptions {
        bucket_bits: config.bucket_bits,
        ..EmbeddedOptions::default()
    };
    let opened = tokio::task::spawn_blocking(move || EmbeddedStore::open(&dir, options)).await?;
    let store = opened.map_err(|error| {
        let place = config.data_dir.display();
        format!("setting data-dir: the store in {place} cannot be opened: {error}")
    })?;
    Ok(Arc::new(store))
}

/// Serves until a signal ends it.
pub async fn serve(config: Config) -> Result<(), Failure> {
    let store = open_store(&config).await?;
    let listener = bind("listen", config.listen)?;
    let address = listener.local_addr()?;
    let metrics = match config.metrics_listen {
        Some(address) => Some(bind("metrics-listen", address)?),
        None => None,
    };
    let node = start(config.bound_to(address), store).await?;
    recheck::start(&node, Duration::from_millis(limits::LOGIN_RECHECK_MS));
    timers::start(&node);
    watchdog::start(&node)?;
    if let Some(listener) = metrics {
        serve_metrics(Arc::clone(&node), listener);
    }
    println!("listening on http://{address}");
    std::io::stdout().flush()?;
    tracing::info!(%address, node = %node.id, "serving");
    run(&node, listener).await
}

/// The node, among others if there is a Redis to meet them.
async fn start(config: Config, store: Arc<dyn Store>) -> Result<Arc<Node>, Failure> {
    let (id, counted) = (NodeId(Uuid::now_v7()), Metrics::new());
    let mut way = None;
    if let Some(cluster) = &config.cluster {
        if matches!(config.store, StorePlace::Embedded) {
            let want = "cql:HOST:PORT/KEYSPACE, or no redis for one node by itself";
            return Err(format!("setting store: nodes that meet over Redis need one store that all reach; it is embedded, it should be {want}").into());
        }
        let fits = admission::admit(&*store, clock::now).await;
        fits.map_err(|why| format!("this node does not begin: {why}"))?;
        let options = RedisOptions {
            url: cluster.redis.clone(),
            cluster: cluster.id.clone(),
            seal: cluster.seal(),
        };
        let redis = RedisTransport::start(options, id, counted.clone()).await;
        let redis = redis.map_err(|error| format!("setting redis: {error}"))?;
        way = Some(Way {
            transport: Arc::clone(&redis) as Arc<dyn Transport>,
            leases: redis,
        });
    }
    Ok(Node::start_with(id, config, store, way, counted).await?)
}

fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    listen::bind(address)
        .map_err(|error| format!("setting {setting}: {address} cannot be used: {error}").into())
}

/// Serves on `listener` until a signal comes, then drains.
async fn run(node: &Arc<Node>, listener: TcpListener) -> Result<(), Failure> {
    let bounds = Bounds::new(node.config.limits.factor());
    let listening = Listening::start(listener, router(node), bounds);
    stopped().await?;
    tracing::info!("draining");
    end(node, listening).await;
    Ok(())
}

/// Nobody new, sessions moved, rooms at rest, requests answered, and only then the store closed.
async fn end(node: &Node, mut listening: Listening) {
    listening.refuse().await;
    node.drain().await;
    if !listening.finish(LAST_REQUESTS).await {
        tracing::warn!("some requests were still running at the end");
    }
    let closed = tokio::time::timeout(LAST_WRITES, node.store.close()).await;
    if closed.is_err() {
        tracing::error!("the store did not come to rest; what it acknowledged is safe");
    }
}

async fn stopped() -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

fn serve_metrics(node: Arc<Node>, listener: TcpListener) {
    let text = move || {
        let text = node.metrics.text();
        async move { ([("content-type", "text/plain; version=0.0.4")], text) }
    };
    let app = axum::Router::new().route("/metrics", axum::routing::get(text));
    Listening::start(listener, app, Bounds::new(1));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::node::TestNode;
    use serde_json::json;
    use tokio::net::TcpStream;

    #[tokio::test(flavor = "multi_thread")]
    async fn at_the_end_nobody_comes_in_everybody_is_told_and_the_store_is_closed() {
        let place = TestNode::start().await;
        let ann = place.sign_up("ann").await;
        let room = ann.group(&[]).await;
        let mut laptop = ann.hello("data").await;
        let ack = laptop.post(&room, "the last words").await;
        assert_eq!(ack["t"], "ack");
        let (node, listening, folder) = place.taken_apart();
        let address = node.config.listen;
        let ending = tokio::spawn(async move {
            end(&node, listening).await;
            node
        });
        let bye = laptop.sees("bye").await;
        assert_eq!(bye["code"], 1001);
        assert!(
            TcpStream::connect(address).await.is_err(),
            "the port is closed first"
        );
        assert_eq!(laptop.closed().await, 1001);
        // The node still holds its store, and yet another process may open the folder.
        let node = ending.await.expect("it ends");
        assert!(node.is_draining());
        assert!(!folder.path().join("chapiana.db-wal").exists());
        let opened = open_store(&Config::for_test(folder.path())).await;
        let opened = opened.expect("the folder is free");
        let room = room.parse().expect("an id");
        let heads = opened.heads(&[room]).await.expect("read");
        assert_eq!(json!(heads[&room].0), ack["seq"]);
        assert!(
            node.store
                .user(ann.id.parse().expect("an id"))
                .await
                .is_err()
        );
    }
}
