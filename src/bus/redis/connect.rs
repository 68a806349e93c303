//! How Redis is reached: the setting, and fred's clients with the options that it needs here.

use crate::limits;
use fred::prelude::*;
use fred::types::config::UnresponsiveConfig;
use fred::types::{ConnectHandle, RespVersion};
use futures_util::future::join_all;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const SCHEMES: [&str; 6] = [
    "redis",
    "rediss",
    "redis-cluster",
    "rediss-cluster",
    "redis-sentinel",
    "rediss-sentinel",
];

/// No command is waited for longer; what is late is as good as lost.
pub(super) const COMMAND_MAX: Duration = Duration::from_secs(2);

/// Where Redis is, checked.
#[derive(Clone)]
pub struct RedisUrl(Config);

impl fmt::Debug for RedisUrl {
    /// Without names and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hosts())
    }
}

impl RedisUrl {
    /// `redis://user:password@host:port/db`; `rediss` for TLS; `redis-cluster://h1:p1,h2:p2`;
    /// `redis-sentinel://h1:p1,h2:p2/db?service=NAME`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
        if !SCHEMES.contains(&scheme) {
            return Err(format!("{scheme}:// is none of {}", SCHEMES.join(", ")));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut hosts = hosts.split(',');
        let first = hosts.next().unwrap_or_default();
        let query = query.replace("service=", "sentinelServiceName=");
        let nodes = hosts.map(|host| format!("node={host}"));
        let query: Vec<_> = nodes
            .chain((!query.is_empty()).then_some(query.clone()))
            .collect();
        if query.iter().any(|part| part.starts_with("node="))
            && matches!(scheme, "redis" | "rediss")
        {
            return Err("several hosts need redis-cluster:// or redis-sentinel://".to_owned());
        }
        let url = format!("{scheme}://{first}/{path}?{}", query.join("&"));
        let mut config = Config::from_url(&url).map_err(|error| error.details().to_owned())?;
        config.version = RespVersion::RESP3;
        config.fail_fast = false;
        Ok(Self(config))
    }

    /// Trusts the certificates in this PEM file instead of the system's.
    pub fn with_ca(mut self, path: &Path) -> Result<Self, String> {
        let mut roots = rustls::RootCertStore::empty();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| error.to_string())?;
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        if roots.is_empty() {
            return Err("it holds no certificate".to_owned());
        }
        let client = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        self.0.tls = Some(TlsConnector::from(client).into());
        Ok(self)
    }

    /// Several masters share the keys: sharded publish and subscribe.
    pub(super) fn is_clustered(&self) -> bool {
        self.0.server.is_clustered()
    }

    /// Hosts without names and passwords, for logs.
    pub fn hosts(&self) -> String {
        let hosts = self.0.server.hosts();
        let names: Vec<_> = hosts.iter().map(ToString::to_string).collect();
        names.join(",")
    }
}

/// The connections of one go: what is published never waits for what is asked.
#[derive(Clone)]
pub(super) struct Clients {
    pub(super) publisher: Client,
    pub(super) subscriber: Client,
    pub(super) desk: Client,
    /// What drives the connections. It would go on for ever where Redis does not answer.
    tasks: Arc<Mutex<Vec<ConnectHandle>>>,
}

impl Clients {
    /// Nothing is connected yet.
    pub(super) fn new(url: &RedisUrl) -> Result<Self, Error> {
        let mut builder = Builder::from_config(url.0.clone());
        builder.with_performance_config(|performance| {
            performance.default_command_timeout = COMMAND_MAX;
        });
        builder.with_connection_config(|connection| {
            connection.connection_timeout = Duration::from_secs(3);
            connection.internal_command_timeout = Duration::from_secs(3);
            // A message may be lost, but not come twice: nothing is sent again.
            connection.max_command_attempts = 1;
            connection.max_command_buffer_len = limits::BUS_QUEUE_MAX;
            connection.auto_client_setname = false;
            connection.unresponsive = UnresponsiveConfig {
                max_timeout: Some(Duration::from_secs(10)),
                interval: Duration::from_secs(2),
            };
        });
        builder.set_policy(ReconnectPolicy::new_exponential(0, 50, 1_000, 2));
        let (publisher, desk) = (builder.build()?, builder.build()?);
        // fred makes each of its eight channels of events so long, and all of it at once.
        builder.with_performance_config(|performance| {
            performance.broadcast_channel_capacity = limits::BUS_HEARD_MAX;
        });
        Ok(Self {
            publisher,
            subscriber: builder.build()?,
            desk,
            tasks: Arc::default(),
        })
    }

    /// Begins to connect, and goes on trying.
    pub(super) fn connect(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.extend(self.all().map(ClientLike::connect));
    }

    fn all(&self) -> [&Client; 3] {
        [&self.publisher, &self.subscriber, &self.desk]
    }

    pub(super) async fn connected(&self) -> Result<(), Error> {
        for client in self.all() {
            client.wait_for_connect().await?;
        }
        Ok(())
    }

    /// Says good-bye, and is gone after that, whether Redis heard it or not.
    pub(super) async fn quit(&self) {
        let good_bye = join_all(self.all().map(|client| client.quit()));
        if tokio::time::timeout(COMMAND_MAX, good_bye).await.is_err() {
            tracing::debug!("connections to Redis did not end in peace");
        }
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        for task in tasks.drain(..) {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::poll::until;
    use tokio::net::TcpListener;
    use tokio::runtime::Handle;

    /// Nothing of connections that were given up stays: a long outage would fill the memory.
    async fn leaves_nothing(address: std::net::SocketAddr) {
        let url = RedisUrl::parse(&format!("redis://{address}")).expect("a setting");
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let mut inners = Vec::new();
        for _ in 0..3 {
            let clients = Clients::new(&url).expect("clients");
            clients.connect();
            until("it tries to connect", async || tasks() > before).await;
            let inner = |client: &Client| Arc::downgrade(client.inner());
            inners.extend(clients.all().map(inner));
            clients.quit().await;
        }
        until("all tasks end", async || tasks() <= before).await;
        let alive = || {
            inners
                .iter()
                .filter(|inner| inner.strong_count() > 0)
                .count()
        };
        until("all memory is free", async || alive() == 0).await;
    }

    #[tokio::test]
    async fn connections_that_were_given_up_leave_nothing_where_nobody_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        leaves_nothing(address).await;
    }

    #[tokio::test]
    async fn connections_that_were_given_up_leave_nothing_where_nobody_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        leaves_nothing(listener.local_addr().expect("an address")).await;
    }
}
