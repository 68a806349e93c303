//! Settings: one table that also prints `--help`, turned into one validated `Config`.
//!
//! Flag, then environment, then file, then default. A wrong value is refused with the name of the
//! setting, what it got, what it wants, and where it came from.

use crate::limits;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// One setting: its key in the file, the flag `--key`, and the variable `CHAPIANA_KEY`.
struct Setting {
    key: &'static str,
    default: &'static str,
    wants: &'static str,
    doc: &'static str,
    hidden: bool,
}

const fn setting(
    key: &'static str,
    default: &'static str,
    wants: &'static str,
    doc: &'static str,
) -> Setting {
    Setting {
        key,
        default,
        wants,
        doc,
        hidden: false,
    }
}

const fn hidden(
    key: &'static str,
    default: &'static str,
    wants: &'static str,
    doc: &'static str,
) -> Setting {
    Setting {
        hidden: true,
        ..setting(key, default, wants, doc)
    }
}

const SETTINGS: [Setting; 11] = [
    setting(
        "listen",
        "127.0.0.1:8080",
        "an address with a port, like 127.0.0.1:8080 (port 0 picks a free one)",
        "Where the server listens",
    ),
    setting(
        "data-dir",
        "./data",
        "a folder that exists or can be created",
        "Where the embedded store keeps everything",
    ),
    setting(
        "public-url",
        "",
        "http:// or https:// and a host, without a path, like https://chat.example.org",
        "The address that people type; empty: http:// and the listen address. Cookies, links and Origin checks follow it",
    ),
    setting(
        "metrics-listen",
        "127.0.0.1:9090",
        "an address with a port, or none",
        "Where /metrics listens, apart from everything else",
    ),
    setting(
        "workspace-name",
        "Chapiana",
        "1 to 64 characters",
        "The name of the workspace",
    ),
    setting(
        "sign-up",
        "invite",
        "invite or open",
        "Who may sign up once the first person owns the workspace",
    ),
    setting(
        "limits",
        "default",
        "default or relaxed",
        "relaxed multiplies every rate and socket-count limit by 1,000, for load tests and checkers only",
    ),
    setting(
        "log-format",
        "text",
        "text or json",
        "How log lines are written to standard error",
    ),
    setting(
        "trust-proxies",
        "",
        "addresses separated by commas, like 10.0.0.2,10.0.0.3",
        "Reverse proxies whose X-Forwarded-For names the client's address",
    ),
    hidden(
        "password-cost",
        "normal",
        "normal or test",
        "test makes password hashes worthless, and tests quick",
    ),
    hidden(
        "bucket-bits",
        "13",
        "a whole number from 2 to 16",
        "Width of a log bucket; fixed once a store exists",
    ),
];

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Flag,
    Environment,
    File(PathBuf),
    Default,
}

/// A wrong setting, said so that it can be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub key: String,
    pub got: String,
    pub wants: String,
    pub source: Source,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variable = variable_of(&self.key);
        let source = match &self.source {
            Source::Flag => format!("the flag --{}", self.key),
            Source::Environment => format!("the environment variable {variable}"),
            Source::File(path) => format!("the file {}", path.display()),
            Source::Default => "the default".to_owned(),
        };
        write!(
            f,
            "setting {}: got {:?}, wants {} (from {source})",
            self.key, self.got, self.wants
        )
    }
}

impl std::error::Error for ConfigError {}

/// Raw settings as they were found: the flags of every command that opens the store.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    flags: BTreeMap<&'static str, String>,
    file: Option<PathBuf>,
}

impl Args for Settings {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .help("A TOML file with settings under the same names [env: CHAPIANA_CONFIG]");
        SETTINGS.iter().fold(command.arg(file), |command, setting| {
            let default = match setting.default {
                "" => "none",
                text => text,
            };
            let help = format!(
                "{}: {} [env: {}] [default: {default}]",
                setting.doc,
                setting.wants,
                variable_of(setting.key)
            );
            command.arg(
                Arg::new(setting.key)
                    .long(setting.key)
                    .value_name("VALUE")
                    .hide(setting.hidden)
                    .help(help),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Settings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut settings = Settings::default();
        settings.update_from_arg_matches(matches)?;
        Ok(settings)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let given = |key: &str| match matches.value_source(key) {
            Some(ValueSource::CommandLine) => matches.get_one::<String>(key).cloned(),
            _ => None,
        };
        self.file = given("config").map(PathBuf::from);
        for setting in &SETTINGS {
            if let Some(value) = given(setting.key) {
                self.flags.insert(setting.key, value);
            }
        }
        Ok(())
    }
}

fn variable_of(key: &str) -> String {
    format!("CHAPIANA_{}", key.to_uppercase().replace('-', "_"))
}

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
    /// Without a slash at the end. `None`: follows the address that the server is bound to.
    pub public_url: Option<String>,
    pub metrics_listen: Option<SocketAddr>,
    pub workspace_name: String,
    pub sign_up: SignUp,
    pub limits: Limits,
    pub log_format: LogFormat,
    pub trust_proxies: Vec<IpAddr>,
    pub password_cost: PasswordCost,
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
            public_url: None,
            metrics_listen: None,
            workspace_name: "Test".to_owned(),
            sign_up: SignUp::Open,
            limits: Limits::Default,
            log_format: LogFormat::Text,
            trust_proxies: Vec::new(),
            password_cost: PasswordCost::Test,
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
        Ok(Config {
            listen,
            data_dir: self.parsed("data-dir", |text| {
                (!text.is_empty()).then(|| PathBuf::from(text))
            })?,
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
            password_cost: self.parsed("password-cost", |text| match text {
                "normal" => Some(PasswordCost::Normal),
                "test" => Some(PasswordCost::Test),
                _ => None,
            })?,
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

fn definition(key: &str) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .expect("every setting that is read stands in the table")
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

/// The file's settings as text, refusing names that no setting has.
fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let wrong = |key: &str, got: String, wants: &str| ConfigError {
        key: key.to_owned(),
        got,
        wants: wants.to_owned(),
        source: Source::File(path.to_path_buf()),
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong("config", error.to_string(), "a file that can be read"))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| wrong("config", error.to_string(), "valid TOML"))?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        let key = key.replace('_', "-");
        let Some(known) = SETTINGS.iter().find(|setting| setting.key == key) else {
            return Err(wrong(&key, value.to_string(), "a setting of that name"));
        };
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            other => return Err(wrong(&key, other.to_string(), known.wants)),
        };
        values.insert(key, text);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(
        flags: &[(&'static str, &str)],
        environment: &[(&str, &str)],
    ) -> Result<Config, ConfigError> {
        let settings = Settings {
            flags: flags
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect(),
            file: None,
        };
        Config::load_with(&settings, &|name| {
            let found = environment.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_any_setting_the_defaults_serve() {
        let config = load(&[], &[]).expect("defaults are valid");
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.sign_up, SignUp::Invite);
        assert!(!config.is_secure());
    }

    #[test]
    fn a_flag_beats_the_environment_which_beats_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("chapiana.toml");
        std::fs::write(
            &path,
            "sign_up = \"open\"\nlog-format = \"json\"\nworkspace_name = \"File\"\n",
        )
        .expect("written");
        let settings = Settings {
            flags: BTreeMap::from([("workspace-name", "Flag".to_owned())]),
            file: Some(path),
        };
        let config = Config::load_with(&settings, &|name| match name {
            "CHAPIANA_WORKSPACE_NAME" => Some("Variable".to_owned()),
            "CHAPIANA_LOG_FORMAT" => Some("text".to_owned()),
            _ => None,
        })
        .expect("valid");
        assert_eq!(config.workspace_name, "Flag");
        assert_eq!(config.log_format, LogFormat::Text);
        assert_eq!(config.sign_up, SignUp::Open);
    }

    #[test]
    fn a_wrong_value_names_setting_value_wish_and_source() {
        let error = load(&[], &[("CHAPIANA_SIGN_UP", "maybe")]).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "setting sign-up: got \"maybe\", wants invite or open (from the environment variable CHAPIANA_SIGN_UP)"
        );
        let error = load(&[("listen", "8080")], &[]).expect_err("refused");
        assert_eq!(error.source, Source::Flag);
    }

    #[test]
    fn an_unknown_name_in_the_file_is_refused_with_the_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("chapiana.toml");
        std::fs::write(&path, "sing_up = \"open\"\n").expect("written");
        let settings = Settings {
            flags: BTreeMap::new(),
            file: Some(path.clone()),
        };
        let error = Config::load_with(&settings, &|_| None).expect_err("refused");
        assert_eq!(
            (error.key.as_str(), &error.source),
            ("sing-up", &Source::File(path))
        );
    }

    #[test]
    fn a_public_url_is_a_scheme_and_a_host_and_nothing_more() {
        for good in [
            "https://chat.example.org",
            "http://localhost:8080",
            "https://chat.example.org/",
        ] {
            assert!(load(&[("public-url", good)], &[]).is_ok(), "{good}");
        }
        for bad in [
            "chat.example.org",
            "ftp://x.org",
            "https://x.org/chat",
            "https://a@x.org",
            "https://X.org",
        ] {
            assert!(load(&[("public-url", bad)], &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_the_exact_own_origin_is_ours() {
        let config = load(&[("public-url", "https://chat.example.org")], &[]).expect("valid");
        assert!(config.is_own_origin("https://chat.example.org", None));
        for foreign in [
            "null",
            "https://chat.example.org.evil.org",
            "http://chat.example.org",
            "",
        ] {
            assert!(
                !config.is_own_origin(foreign, Some("chat.example.org")),
                "{foreign}"
            );
        }
        let config = load(&[], &[]).expect("valid");
        assert!(config.is_own_origin("http://localhost:8080", Some("localhost:8080")));
        assert!(!config.is_own_origin("http://evil.org", Some("localhost:8080")));
        assert!(!config.is_own_origin("null", Some("null")));
    }
}
