//! `chapiana verify`.

use super::Outcome;
use crate::config::{Config, Settings, StorePlace};
use crate::verify::{self, JOBS, JOBS_MAX, Progress};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct Verify {
    /// Rooms that are read at the same time
    #[arg(long, value_name = "N", default_value_t = JOBS as u64, value_parser = clap::value_parser!(u64).range(1..=JOBS_MAX as u64))]
    jobs: u64,
    /// A file that keeps what was done: broken off and run again with it, it goes on where it was
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

impl Verify {
    pub async fn run(self) -> Outcome {
        let config = Config::load(&self.settings)?;
        let store = super::open(&config).await?;
        let mut progress = match &self.progress {
            Some(path) => Progress::open(path, &name_of(&config))?,
            None => Progress::default(),
        };
        let jobs = usize::try_from(self.jobs).unwrap_or(JOBS);
        let report = verify::go_on(&*store, jobs, &mut progress).await;
        let report = report.map_err(std::io::Error::from)?;
        verify::print(&report, &mut std::io::stdout())?;
        Ok(match report.is_whole() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}

/// What is verified, in a file that may be used elsewhere.
fn name_of(config: &Config) -> String {
    match &config.store {
        StorePlace::Embedded => format!("embedded:{}", config.data_dir.display()),
        StorePlace::Cql(place) => place.to_string(),
    }
}
