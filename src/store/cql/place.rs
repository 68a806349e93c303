//! Where the store is: `cql:HOST:PORT[,HOST:PORT…]/KEYSPACE`, and how to get in.

use std::fmt;
use std::path::PathBuf;

/// A text that no log line shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A keyspace of a CQL cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CqlPlace {
    pub hosts: Vec<String>,
    pub keyspace: String,
    /// Name and password, where the cluster asks for them.
    pub login: Option<(String, Secret)>,
    /// The certificates (PEM) that the cluster's own are signed with: then everything goes over TLS.
    pub ca: Option<PathBuf>,
}

impl CqlPlace {
    /// Reads what follows `cql:`; `None` if it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (hosts, keyspace) = text.rsplit_once('/')?;
        let hosts: Vec<_> = hosts.split(',').map(str::to_owned).collect();
        let reachable = |host: &String| {
            let port = host.rsplit_once(':').filter(|(name, _)| !name.is_empty());
            port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
        };
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let named = (1..=48).contains(&keyspace.len())
            && keyspace.starts_with(|c: char| c.is_ascii_lowercase())
            && keyspace.chars().all(plain);
        (hosts.iter().all(reachable) && named).then(|| Self {
            hosts,
            keyspace: keyspace.to_owned(),
            login: None,
            ca: None,
        })
    }
}

impl fmt::Display for CqlPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cql:{}/{}", self.hosts.join(","), self.keyspace)
    }
}
