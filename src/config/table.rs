//! The table of settings and where their values come from: flags and the file.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// One setting: its key in the file, the flag `--key`, and the variable `CHAPIANA_KEY`.
pub(super) struct Setting {
    key: &'static str,
    pub(super) default: &'static str,
    pub(super) wants: &'static str,
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

const SETTINGS: [Setting; 22] = [
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
        "store",
        "embedded",
        "embedded, embedded:FOLDER or cql:HOST:PORT[,HOST:PORT]/KEYSPACE",
        "Where everything is kept: SQLite in the data folder, or ScyllaDB or Cassandra",
    ),
    setting(
        "store-user",
        "",
        "the name of a role of the CQL cluster",
        "Who signs in to the CQL cluster; empty: nobody",
    ),
    hidden(
        "store-password",
        "",
        "the password of store-user",
        "Better given as CHAPIANA_STORE_PASSWORD than as a flag, which others on the machine can see",
    ),
    setting(
        "store-password-file",
        "",
        "a file that can be read",
        "A file with the password of store-user, instead of the variable CHAPIANA_STORE_PASSWORD",
    ),
    setting(
        "store-ca",
        "",
        "a PEM file with certificates",
        "Who signed the certificates of the CQL cluster; with it, everything goes over TLS",
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
    setting(
        "redis",
        "",
        "redis://host:port, rediss:// for TLS, redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port?service=name",
        "Where the nodes of a cluster meet; empty: one node by itself",
    ),
    setting(
        "redis-ca",
        "",
        "a PEM file",
        "Certificates that the TLS of Redis is checked against; empty: the system's",
    ),
    setting(
        "cluster-id",
        "chapiana",
        "1 to 32 lower-case letters, digits or hyphens",
        "The name of the cluster; one Redis serves one cluster",
    ),
    setting(
        "cluster-secret",
        "",
        "16 or more characters; while it changes two, separated by a comma: the first one signs",
        "What the nodes of a cluster know each other by",
    ),
    setting(
        "cluster-secret-file",
        "",
        "a file with what cluster-secret wants",
        "The cluster secret from a file, which no list of processes shows",
    ),
    hidden(
        "password-cost",
        "normal",
        "normal or test",
        "test makes password hashes worthless, and tests quick",
    ),
    hidden(
        "language",
        "en",
        "en or pseudo",
        "pseudo makes every text longer and mirrors the pages, for tests",
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
    pub(super) flags: BTreeMap<&'static str, String>,
    pub(super) file: Option<PathBuf>,
}

impl Settings {
    /// The same with another store.
    pub fn with_store(mut self, store: &str) -> Self {
        self.flags.insert("store", store.to_owned());
        self
    }
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

pub(super) fn variable_of(key: &str) -> String {
    format!("CHAPIANA_{}", key.to_uppercase().replace('-', "_"))
}

pub(super) fn definition(key: &str) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|setting| setting.key == key)
        .expect("every setting that is read stands in the table")
}

/// The file's settings as text, refusing names that no setting has.
pub(super) fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
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
