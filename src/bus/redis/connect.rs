//! How Redis is reached: the setting, and fred's clients with the options that it needs here.

use crate::limits;
use fred::prelude::*;
use fred::types::RespVersion;
use fred::types::config::UnresponsiveConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::fmt;
use std::path::Path;
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
}

impl Clients {
    /// Nothing is connected yet.
    pub(super) fn new(url: &RedisUrl) -> Result<Self, Error> {
        let mut builder = Builder::from_config(url.0.clone());
        builder.with_performance_config(|performance| {
            performance.broadcast_channel_capacity = limits::BUS_HEARD_MAX;
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
        Ok(Self {
            publisher: builder.build()?,
            subscriber: builder.build()?,
            desk: builder.build()?,
        })
    }

    /// Begins to connect, and goes on trying.
    pub(super) fn connect(&self) {
        for client in self.all() {
            // The task ends with the client.
            drop(client.connect());
        }
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

    pub(super) async fn quit(&self) {
        for client in self.all() {
            if let Err(error) = client.quit().await {
                tracing::debug!(%error, "a connection to Redis did not end in peace");
            }
        }
    }
}
