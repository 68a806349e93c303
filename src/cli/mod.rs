//! The command line (PROTOCOL.md §5).

mod check;
mod health;
mod house;
mod schema;
mod seed;
mod serve;
mod user;
mod verify;

use crate::config::{Config, Settings};
use crate::store::Store;
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use std::sync::Arc;

/// What a command ends with: its exit code, or why it could not do its work.
type Outcome = Result<ExitCode, crate::serve::Failure>;

/// A self-hosted real-time chat server. Settings: flag, then environment, then file, then default.
#[derive(Parser)]
#[command(name = "chapiana", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve. No setting is needed: embedded store in ./data, http://127.0.0.1:8080
    Serve(Settings),
    /// Say whether the settings are right, and what they are
    CheckConfig(Settings),
    /// Look for what could keep the server from working here
    Doctor(Settings),
    /// Read every log again and check it; exit 1 with the place if something is off
    Verify(verify::Verify),
    /// Move a workspace from one store to another; run again, it goes on where it was
    Copy(house::Copy),
    /// Write a workspace to standard output as lines of JSON
    Export(house::Export),
    /// Take in what export wrote; run again, it goes on where it was
    Import(house::Import),
    /// Fill an empty store with a believable sample workspace
    Seed(seed::Seed),
    /// Create people, reset passwords, change roles
    User(user::User),
    /// Ask a running server whether it is ready; exit 1 if not
    Healthcheck(health::Healthcheck),
    /// Create or update the keyspace that --store names; without one, print its schema
    Schema(schema::Schema),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chapiana: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Serve(settings) => serve::run(&settings),
        Command::CheckConfig(settings) => check::config(&settings),
        Command::Doctor(settings) => in_runtime(check::doctor(&settings)),
        Command::Verify(verify) => in_runtime(verify.run()),
        Command::Copy(copy) => in_runtime(copy.run()),
        Command::Export(export) => in_runtime(export.run()),
        Command::Import(import) => in_runtime(import.run()),
        Command::Seed(seed) => in_runtime(seed.run()),
        Command::User(user) => in_runtime(user.run()),
        Command::Healthcheck(check) => in_runtime(check.run()),
        Command::Schema(schema) => in_runtime(schema.run()),
    }
}

fn in_runtime(work: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// The store of these settings.
async fn open(config: &Config) -> Result<Arc<dyn Store>, crate::serve::Failure> {
    crate::serve::open_store(config).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_names_every_variable_and_hides_what_is_for_tests() {
        let mut command = Cli::command();
        let serve = command
            .find_subcommand_mut("serve")
            .expect("there is serve");
        let help = serve.render_long_help().to_string();
        assert!(help.contains("CHAPIANA_LISTEN") && help.contains("127.0.0.1:8080"));
        assert!(!help.contains("password-cost"));
    }
}
