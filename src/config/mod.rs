//! Settings: one table that also prints `--help`, turned into one validated `Config`.
//!
//! Flag, then environment, then file, then default. A wrong value is refused with the name of the
//! setting, what it got, what it wants, and where it came from.

mod cluster;
mod store;
mod table;
#[cfg(test)]
mod tests;

use crate::limits;
use crate::web::l10n::Texts;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use table::{definition, read_file, variable_of};

pub use cluster::{ClusterConfig, Secrets};
pub use store::StorePlace;
pub use table::{ConfigError, Settings, Source};

/// Rates and socket counts: as they are, or times 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    Default,
    Relaxed,
}

impl Limits {
    /// The factor for every rate and socket-count limit.
    pub fn factor(self) -> u64 {
        match self {
            Limits::Default => 1,
            Limits::Relaxed => 1_000,
        }
    }
}

/// Who may sign up after the first person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUp {
    Invite,
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// How dear a password hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCost {
    /// argon2id, 64 MiB, 3 passes.
    Normal,
    /// For tests only.
    Test,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    pub store: StorePlace,
    /// Without a slash at the end. `None`: follows the address that the server is bound to.
    pub public_url: Option<String>,
    pub metrics_listen: Option<SocketAddr>,
    pub workspace_name: String,
    pub sign_up: SignUp,
    pub limits: Limits,
    pub log_format: LogFormat,
    pub trust_proxies: Vec<IpAddr>,
    /// `None`: one node by itself.
    pub cluster: Option<ClusterConfig>,
    pub password_cost: PasswordCost,
    /// The language of pages and messages.
    pub texts: Texts,
    pub bucket_bits: u32,
}

impl Config {
    /// Reads flags, environment and file, in this order of strength.
    pub fn load(settings: &Settings) -> Result<Self, ConfigError> {
        Self::load_with(settings, &|name| std::env::var(name).ok())
    }

    /// `load` with another environment.
    pub fn load_with(
        settings: &Settings,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let file = settings
            .file
            .clone()
            .or_else(|| environment("CHAPIANA_CONFIG").map(PathBuf::from));
        let values = match &file {
            Some(path) => read_file(path)?,
            None => BTreeMap::new(),
        };
        let raw = Raw {
            settings,
            environment,
            file: file.unwrap_or_default(),
            values,
        };
        raw.validate()
    }

    /// For tests: a free port, cheap hashes, open sign-up, everything under `dir`.
    pub fn for_test(dir: &Path) -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: any_port,
            data_dir: dir.to_path_buf(),
            store: StorePlace::Embedded,
            public_url: None,
            metrics_listen: None,
            workspace_name: "Test".to_owned(),
            sign_up: SignUp::Open,
            limits: Limits::Default,
            log_format: LogFormat::Text,
            trust_proxies: Vec::new(),
            cluster: None,
            password_cost: PasswordCost::Test,
            texts: Texts::default(),
            bucket_bits: limits::BUCKET_BITS,
        }
    }

    /// The same settings once the server is bound: with the real port instead of 0.
    pub fn bound_to(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// The address that links are built from, never from the Host header.
    pub fn base_url(&self) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => format!("http://{}", self.listen),
        }
    }

    /// Whether people come over TLS: then cookies carry `Secure` and the `__Host-` prefix, and HSTS is sent.
    pub fn is_secure(&self) -> bool {
        self.public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https://"))
    }

    /// Whether `origin` is our own. `host`: the Host header, which counts only where no public URL is
    /// set; the cookie is bound to that host by the browser.
    pub fn is_own_origin(&self, origin: &str, host: Option<&str>) -> bool {
        match (&self.public_url, host) {
            (Some(url), _) => origin == url,
            (None, Some(host)) => origin.strip_prefix("http://") == Some(host),
            (None, None) => false,
        }
    }
}

/// All sources at hand.
struct Raw<'a> {
    settings: &'a Settings,
    environment: &'a dyn Fn(&str) -> Option<String>,
    file: PathBuf,
    values: BTreeMap<String, String>,
}

impl Raw<'_> {
    fn validate(&self) -> Result<Config, ConfigError> {
        let listen: SocketAddr = self.parsed("listen", |text| text.parse().ok())?;
        let (store, folder) = self.store()?;
        let data_dir = match folder {
            Some(folder) => folder,
            None => self.parsed("data-dir", |text| {
                (!text.is_empty()).then(|| PathBuf::from(text))
            })?,
        };
        Ok(Config {
            listen,
            data_dir,
            store,
            public_url: self.parsed("public-url", public_url)?,
            metrics_listen: self.metrics_listen(listen)?,
            workspace_name: self.parsed("workspace-name", |text| {
                let name = text.trim();
                let fits = (1..=limits::NAME_CHARS_MAX).contains(&name.chars().count());
                fits.then(|| name.to_owned())
            })?,
            sign_up: self.parsed("sign-up", |text| match text {
                "invite" => Some(SignUp::Invite),
                "open" => Some(SignUp::Open),
                _ => None,
            })?,
            limits: self.parsed("limits", |text| match text {
                "default" => Some(Limits::Default),
                "relaxed" => Some(Limits::Relaxed),
                _ => None,
            })?,
            log_format: self.parsed("log-format", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            })?,
            trust_proxies: self.parsed("trust-proxies", |text| {
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .map(|part| part.parse().ok())
                    .collect()
            })?,
            cluster: self.cluster()?,
            password_cost: self.parsed("password-cost", |text| match text {
                "normal" => Some(PasswordCost::Normal),
                "test" => Some(PasswordCost::Test),
                _ => None,
            })?,
            texts: self.parsed("language", Texts::named)?,
            bucket_bits: self.parsed("bucket-bits", |text| {
                text.parse().ok().filter(|bits| (2..=16).contains(bits))
            })?,
        })
    }

    /// Who asks for any free port (a test, a second server) does not want to fight over the metrics port.
    fn metrics_listen(&self, listen: SocketAddr) -> Result<Option<SocketAddr>, ConfigError> {
        let (_, source) = self.find("metrics-listen");
        if source == Source::Default && listen.port() == 0 {
            return Ok(None);
        }
        self.parsed("metrics-listen", |text| match text {
            "none" => Some(None),
            text => text.parse().ok().map(Some),
        })
    }

    fn parsed<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let (got, source) = self.find(key);
        parse(&got).ok_or_else(|| ConfigError {
            key: key.to_owned(),
            got,
            wants: definition(key).wants.to_owned(),
            source,
        })
    }

    fn find(&self, key: &'static str) -> (String, Source) {
        if let Some(value) = self.settings.flags.get(key) {
            return (value.clone(), Source::Flag);
        }
        if let Some(value) = (self.environment)(&variable_of(key)) {
            return (value, Source::Environment);
        }
        if let Some(value) = self.values.get(key) {
            return (value.clone(), Source::File(self.file.clone()));
        }
        (definition(key).default.to_owned(), Source::Default)
    }
}

fn public_url(text: &str) -> Option<Option<String>> {
    if text.is_empty() {
        return Some(None);
    }
    let url = text.strip_suffix('/').unwrap_or(text);
    let uri: axum::http::Uri = url.parse().ok()?;
    let host = uri.authority()?.as_str();
    let scheme = uri.scheme_str()?;
    let plain = matches!(scheme, "http" | "https")
        && url == format!("{scheme}://{host}")
        && !host.contains('@')
        && host == host.to_lowercase();
    plain.then(|| Some(url.to_owned()))
}
