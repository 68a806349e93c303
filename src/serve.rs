//! A node that serves: store, listeners, signals.

use crate::bus::redis::{RedisOptions, RedisTransport};
use crate::bus::transport::Transport;
use crate::cluster::shell::Way;
use crate::config::Config;
use crate::ids::NodeId;
use crate::listen::{self, Bounds, Listening};
use crate::metrics::Metrics;
use crate::node::Node;
use crate::store::Store;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
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

/// Opens the store of these settings.
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, Failure> {
    let dir = config.data_dir.clone();
    let options = EmbeddedOptions {
        bucket_bits: config.bucket_bits,
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
    let mut listening = Listening::start(listener, router(node), bounds);
    stopped().await?;
    tracing::info!("draining");
    listening.refuse().await;
    node.drain().await;
    if !listening.finish(LAST_REQUESTS).await {
        tracing::warn!("some requests were still running at the end");
    }
    Ok(())
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
