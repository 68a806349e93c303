//! A node that serves: store, listeners, signals.

use crate::config::Config;
use crate::node::Node;
use crate::store::Store;
use crate::store::embedded::{EmbeddedOptions, EmbeddedStore};
use crate::web::router::router;
use axum::serve::ListenerExt;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

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
    let listener = bind("listen", config.listen).await?;
    let address = listener.local_addr()?;
    let metrics = match config.metrics_listen {
        Some(address) => Some(bind("metrics-listen", address).await?),
        None => None,
    };
    let node = Node::start(config.bound_to(address), store).await?;
    if let Some(listener) = metrics {
        tokio::spawn(serve_metrics(Arc::clone(&node), listener));
    }
    println!("listening on http://{address}");
    std::io::stdout().flush()?;
    tracing::info!(%address, node = %node.id, "serving");
    run(&node, listener).await
}

async fn bind(setting: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| format!("setting {setting}: {address} cannot be used: {error}").into())
}

/// Serves on `listener` until a signal comes, then drains.
async fn run(node: &Arc<Node>, listener: TcpListener) -> Result<(), Failure> {
    let ended = Arc::new(Notify::new());
    let service = router(node).into_make_service_with_connect_info::<SocketAddr>();
    let stop = Arc::clone(&ended);
    // Small frames must not wait for the acknowledgement of the ones before them.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was refused");
        }
    });
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(async move { stop.notified().await })
        .into_future();
    let server = tokio::spawn(server);
    stopped().await?;
    tracing::info!("draining");
    node.drain().await;
    ended.notify_one();
    if tokio::time::timeout(LAST_REQUESTS, server).await.is_err() {
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

async fn serve_metrics(node: Arc<Node>, listener: TcpListener) {
    let text = move || {
        let text = node.metrics.text();
        async move { ([("content-type", "text/plain; version=0.0.4")], text) }
    };
    let app = axum::Router::new().route("/metrics", axum::routing::get(text));
    if let Err(error) = axum::serve(listener, app).await {
        tracing::error!(%error, "the metrics listener ended");
    }
}
