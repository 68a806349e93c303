//! Settings of a node among others: where Redis is, and how the nodes know each other.

use super::{ConfigError, Raw, Source, definition};
use crate::bus::redis::RedisUrl;
use crate::bus::seal::Seal;
use std::fmt;
use std::path::Path;

/// Shorter ones can be guessed.
const SECRET_BYTES_MIN: usize = 16;
const CLUSTER_ID_CHARS_MAX: usize = 32;

/// How the nodes of a cluster meet.
#[derive(Clone, Debug)]
pub struct ClusterConfig {
    pub redis: RedisUrl,
    pub id: String,
    pub secrets: Secrets,
}

impl ClusterConfig {
    /// What authenticates messages between the nodes.
    pub fn seal(&self) -> Seal {
        Seal::new(&self.id, &self.secrets.0).expect("settings without a secret are refused")
    }
}

/// Never shown.
#[derive(Clone)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// How many are valid.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Raw<'_> {
    /// `None`: one node by itself.
    pub(super) fn cluster(&self) -> Result<Option<ClusterConfig>, ConfigError> {
        let id = self.parsed("cluster-id", |text| {
            let fits = (1..=CLUSTER_ID_CHARS_MAX).contains(&text.len());
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (fits && text.chars().all(plain)).then(|| text.to_owned())
        })?;
        let (url, source) = self.find("redis");
        if url.is_empty() {
            return Ok(None);
        }
        let wrong = |why: String| refused("redis", without_password(&url), &why, source.clone());
        let mut redis = RedisUrl::parse(&url).map_err(wrong)?;
        let (ca, source) = self.find("redis-ca");
        if !ca.is_empty() {
            let wrong = |why: String| refused("redis-ca", ca.clone(), &why, source);
            redis = redis.with_ca(Path::new(&ca)).map_err(wrong)?;
        }
        let secrets = self.secrets()?;
        Ok(Some(ClusterConfig { redis, id, secrets }))
    }

    fn secrets(&self) -> Result<Secrets, ConfigError> {
        let (text, source) = self.find("cluster-secret");
        let (file, file_source) = self.find("cluster-secret-file");
        let key = match (text.is_empty(), file.is_empty()) {
            (true, false) => "cluster-secret-file",
            (false, false) => {
                let why = "only one of cluster-secret and cluster-secret-file can be given";
                return Err(refused("cluster-secret-file", file, why, file_source));
            }
            _ => "cluster-secret",
        };
        let (text, source) = if key == "cluster-secret" {
            (text, source)
        } else {
            let read = std::fs::read_to_string(&file);
            let wrong = |why: std::io::Error| {
                refused(key, file.clone(), &why.to_string(), file_source.clone())
            };
            (read.map_err(wrong)?, file_source)
        };
        let secrets: Vec<_> = text
            .split([',', '\n'])
            .map(str::trim)
            .filter(|secret| !secret.is_empty())
            .map(str::to_owned)
            .collect();
        let long = secrets.iter().all(|one| one.len() >= SECRET_BYTES_MIN);
        if !long || !(1..=2).contains(&secrets.len()) {
            let got = format!("{} secrets (not shown)", secrets.len());
            let why = "every node of a cluster needs the same; one or two, none of them short";
            return Err(refused(key, got, why, source));
        }
        Ok(Secrets(secrets))
    }
}

fn refused(key: &'static str, got: String, why: &str, source: Source) -> ConfigError {
    ConfigError {
        key: key.to_owned(),
        got,
        wants: format!("{}: {why}", definition(key).wants),
        source,
    }
}

/// Messages of errors end up in logs.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, hosts))) => format!("{scheme}://…@{hosts}"),
        _ => url.to_owned(),
    }
}
