//! `chapiana serve`.

use super::Outcome;
use crate::config::{Config, Limits, LogFormat, Settings};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

pub fn run(settings: &Settings) -> Outcome {
    let config = Config::load(settings)?;
    start_log(config.log_format);
    if config.limits == Limits::Relaxed {
        tracing::warn!("limits are relaxed: every rate and socket count is multiplied by 1,000");
    }
    super::in_runtime(async move {
        crate::serve::serve(config).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Log lines go to standard error; `RUST_LOG` says which.
fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(false).init(),
        LogFormat::Json => lines.json().init(),
    }
}
