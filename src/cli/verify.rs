//! `chapiana verify`.

use super::Outcome;
use crate::config::{Config, Settings};
use std::process::ExitCode;

pub async fn run(settings: &Settings) -> Outcome {
    let config = Config::load(settings)?;
    let store = super::open(&config).await?;
    let whole = crate::verify::run(&*store, &mut std::io::stdout()).await?;
    Ok(match whole {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
